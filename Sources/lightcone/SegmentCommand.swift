import ArgumentParser
import Causality
import Disks
import Exporting
import Querying
import Segments

struct SegmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segment", abstract: "Looks into segment files.",
        discussion: """
            A segment is a file of events as an agent wrote it.

            Example:
              lightcone segment verify data/segments/*/*.lcseg
            """,
        subcommands: [Inspect.self, Verify.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a segment's header, its frames, and what each section takes.",
            discussion: """
                Example:
                  lightcone segment inspect data/segments/*/*.lcseg
                """)

        @Argument(help: "A segment file.", completion: .file(extensions: ["lcseg"]))
        var file: String

        @Flag(help: "One JSON object a line: the segment, its frames, the processes in each.")
        var json = false

        func run() throws {
            let damaged = try SegmentReport(file).write(isJSON: json)
            Terminal.flush()
            if damaged { throw Ended(exit: .no) }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Decodes every frame of segments, checks the chains of their runs, and tells what is damaged.",
            discussion: """
                Example:
                  lightcone segment verify data/segments/*/*.lcseg
                """)

        @Argument(help: "Segment files.", completion: .file(extensions: ["lcseg"]))
        var files: [String]

        func run() throws {
            var isIntact = true
            for path in files {
                let problems = try verify(path)
                isIntact = isIntact && problems.isEmpty
            }
            Terminal.flush()
            if !isIntact { throw Ended(exit: .no) }
        }

        private func verify(_ path: String) throws -> [String] {
            var scanner = try SegmentScanner(RealDisk().open(path, .read))
            var (frames, events, problems) = (0, 0, [String]())
            var chains: SegmentWriter?
            var isSigned = false
            while let item = try scanner.next() {
                if chains == nil { chains = scanner.header.map { SegmentWriter($0) } }
                switch item {
                case .damage(let damage):
                    problems.append(
                        damage.isTail
                            ? "after the last intact frame: \(damage.text)" : damage.text)
                case .frame(let frame):
                    do {
                        try chains?.take(frame)
                        frames += 1
                        events += frame.header.rowCount
                    } catch {
                        problems.append("frame at byte \(frame.offset): \(error)")
                    }
                }
            }
            // Damage breaks chains too: it was told already.
            if problems.isEmpty, let bytes = scanner.footer, var chains {
                let end = chains.byteCount
                let footer = try SegmentFooter(decoding: bytes)
                isSigned = footer.signature != nil
                if try SegmentFooter(decoding: chains.footer()).chains != footer.chains {
                    problems.append(
                        "the chains of its runs are not those of its events: what they say was changed"
                    )
                } else if let signature = footer.signature,
                    !signature.isValid(for: footer.head(of: chains.header, at: end))
                {
                    problems.append("its signature is not that of what it says")
                }
            }
            let state = scanner.isSealed ? isSigned ? "sealed and signed" : "sealed" : "not sealed"
            Terminal.write(
                "\(path): \(problems.isEmpty ? "intact" : "damaged"), \(state), \(count(frames, "frame", "frames")), "
                    + "\(count(events, "event", "events"))\n")
            for problem in problems { Terminal.write("  \(printable(problem))\n") }
            return problems
        }
    }
}

/// What a person wants to know of a segment.
private struct SegmentReport {
    private let path: String
    private var header: SegmentHeader?
    private var isSealed = false
    private var lines: [(text: String, json: String)] = []
    private var sections = [(name: String, raw: Int, stored: Int)]()
    private var damage: [SegmentDamage] = []
    private var (frames, events, byteCount) = (0, 0, 0)

    init(_ path: String) throws {
        self.path = path
        sections = [("order", 0, 0), ("content", 0, 0), ("commit", 0, 0)]
        let file = try RealDisk().open(path, .read)
        byteCount = try file.byteCount()
        var scanner = try SegmentScanner(file)
        while let item = try scanner.next() {
            switch item {
            case .damage(let found): damage.append(found)
            case .frame(let frame): add(frame)
            }
        }
        header = scanner.header
        isSealed = scanner.isSealed
    }

    private mutating func add(_ frame: StoredFrame) {
        frames += 1
        events += frame.header.rowCount
        let head = frame.header
        for (index, (raw, stored)) in [
            (head.orderRawCount, head.orderByteCount),
            (head.contentRawCount, head.contentByteCount),
            (head.commitByteCount, head.commitByteCount),
        ].enumerated() {
            sections[index].raw += raw
            sections[index].stored += stored
        }
        let sources = ((try? frame.commit()) ?? nil)?.checkpoints ?? []
        lines.append(
            (
                "  \(frame.offset)  \(frame.bytes.count) bytes  \(count(head.rowCount, "event", "events")) of "
                    + count(head.processCount, "process", "processes")
                    + (head.endsCommit
                        ? "  ends a commit of \(count(sources.count, "source", "sources"))" : ""),
                JSONWriter.object {
                    $0.member("offset", frame.offset)
                    $0.member("bytes", frame.bytes.count)
                    $0.member("events", head.rowCount)
                    $0.member("processes", head.processCount)
                    $0.member("endsCommit", head.endsCommit)
                    $0.member("sources", sources.map(\.path))
                }
            ))
        guard let batch = try? frame.causality() else { return }
        for (slot, key) in batch.processes.enumerated() {
            let rows = batch.slots.indices.filter { batch.slots[$0] == UInt32(slot) }
            let sequences = rows.map { batch.sequences[$0] }
            guard let first = sequences.min(), let last = sequences.max() else { continue }
            let complete = rows.allSatisfy { batch.stamps[$0] == .complete }
            lines.append(
                (
                    "    \(key.execution)  \(key.process) on \(key.host)  \(first)–\(last)  "
                        + count(rows.count, "event", "events")
                        + (complete ? "" : "  some stamps are not complete"),
                    JSONWriter.object {
                        $0.member("offset", frame.offset)
                        $0.member("execution", key.execution)
                        $0.member("process", key.process.description)
                        $0.member("host", key.host)
                        $0.member("first", first)
                        $0.member("last", last)
                        $0.member("events", rows.count)
                        $0.member("run", key.identity.description)
                        $0.member("complete", complete)
                    }
                ))
        }
    }

    /// Writes the report; true where the segment is damaged.
    func write(isJSON: Bool) -> Bool {
        let raw = sections.reduce(0) { $0 + $1.raw }
        if isJSON {
            Terminal.write(
                JSONWriter.object {
                    $0.member("file", path)
                    $0.member("segment", header.map { "\($0.segment)" })
                    $0.member("agent", header.map { "\($0.agent)" })
                    $0.member("created", header.map { "\($0.created)" })
                    $0.member("sealed", isSealed)
                    $0.member("bytes", byteCount)
                    $0.member("frames", frames)
                    $0.member("events", events)
                    $0.member("rawBytes", raw)
                    $0.member("damage", damage.map(\.text))
                } + "\n")
            for line in lines { Terminal.write(line.json + "\n") }
            for size in sections {
                Terminal.write(
                    JSONWriter.object {
                        $0.member("section", size.name)
                        $0.member("rawBytes", size.raw)
                        $0.member("storedBytes", size.stored)
                    } + "\n")
            }
            return !damage.isEmpty
        }
        if let header {
            Terminal.write(
                "segment \(header.segment) of agent \(header.agent), created \(header.created)\n")
        }
        Terminal.write(
            "\(byteCount) bytes, \(isSealed ? "sealed" : "not sealed"), \(count(frames, "frame", "frames")), "
                + "\(count(events, "event", "events"))\n")
        for line in lines { Terminal.write(printable(line.text) + "\n") }
        for size in sections {
            Terminal.write("  \(size.name): \(size.raw) bytes, stored in \(size.stored)\n")
        }
        if byteCount > 0 {
            Terminal.write(
                "  ratio \(Double(raw * 10 / byteCount) / 10) (sections before compression to file)\n"
            )
        }
        for found in damage {
            Terminal.write(
                "  \(found.isTail ? "after the last intact frame" : "damaged"): \(found.byteCount) bytes at \(found.offset): \(found.text)\n"
            )
        }
        return !damage.isEmpty
    }
}
