import ArgumentParser
import Causality
import Disks
import Querying
import Segments

struct SegmentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segment", abstract: "Looks into segment files.",
        subcommands: [Inspect.self, Verify.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a segment's header, its blocks, and what each column takes.",
            discussion: """
                Example:
                  lightcone segment inspect data/segments/*/*.lcseg
                """)

        @Argument(help: "A segment file.", completion: .file(extensions: ["lcseg"]))
        var file: String

        @Flag(help: "One JSON object a line: the segment, its blocks, its columns.")
        var json = false

        func run() throws {
            let damaged = try SegmentReport(file).write(isJSON: json)
            Terminal.flush()
            if damaged { throw Ended(exit: .no) }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Decodes every block of segments, and tells what is damaged.",
            discussion: """
                Example:
                  lightcone segment verify data/segments/*/*.lcseg
                """)

        @Argument(help: "Segment files.", completion: .file(extensions: ["lcseg"]))
        var files: [String]

        func run() throws {
            var isIntact = true
            for path in files {
                var scanner = SegmentScanner(try RealDisk().open(path, .read))
                var (blocks, events, problems) = (0, 0, [String]())
                while let item = try scanner.next() {
                    switch item {
                    case .damage(let damage):
                        problems.append(
                            damage.isTail
                                ? "after the last intact block: \(damage.text)" : damage.text)
                    case .block(let block):
                        do {
                            try block.verify()
                            blocks += 1
                            events += block.header.events?.count ?? 0
                        } catch {
                            problems.append("block at byte \(block.offset): \(error)")
                        }
                    }
                }
                let state = scanner.isSealed ? "sealed" : "not sealed"
                Terminal.write(
                    "\(path): \(problems.isEmpty ? "intact" : "damaged"), \(state), \(count(blocks, "block", "blocks")), "
                        + "\(count(events, "event", "events"))\n")
                for problem in problems { Terminal.write("  \(problem)\n") }
                isIntact = isIntact && problems.isEmpty
            }
            Terminal.flush()
            if !isIntact { throw Ended(exit: .no) }
        }
    }
}

/// What a person wants to know of a segment.
private struct SegmentReport {
    private let path: String
    private var header: SegmentHeader?
    private var isSealed = false
    private var lines: [(text: String, json: String)] = []
    private var columns: [Column: (raw: Int, stored: Int)] = [:]
    private var damage: [SegmentDamage] = []
    private var (blocks, events, byteCount) = (0, 0, 0)

    init(_ path: String) throws {
        self.path = path
        let file = try RealDisk().open(path, .read)
        byteCount = file.byteCount
        var scanner = SegmentScanner(file)
        while let item = try scanner.next() {
            switch item {
            case .damage(let found): damage.append(found)
            case .block(let block): add(block)
            }
        }
        header = scanner.header
        isSealed = scanner.isSealed
    }

    private mutating func add(_ block: StoredBlock) {
        blocks += 1
        guard let summary = block.header.events else {
            let sources = (try? block.commit())?.checkpoints ?? []
            lines.append(
                (
                    "  \(block.offset)  \(block.bytes.count) bytes  sources  "
                        + sources.map { "\($0.path) up to byte \($0.offset)" }.joined(
                            separator: ", "),
                    JSONWriter.object {
                        $0.member("offset", block.offset)
                        $0.member("bytes", block.bytes.count)
                        $0.member("kind", "sources")
                        $0.member("sources", sources.map(\.path))
                    }
                ))
            return
        }
        events += summary.count
        if let body = try? block.columns() {
            for size in body.columnSizes {
                columns[size.column, default: (0, 0)].raw += size.rawBytes
                columns[size.column, default: (0, 0)].stored += size.storedBytes
            }
        }
        let times = summary.times.map { "\($0.lowerBound) – \($0.upperBound)" } ?? "no times"
        lines.append(
            (
                "  \(block.offset)  \(block.bytes.count) bytes  \(summary.key.execution)  \(summary.key.process) on "
                    + "\(summary.key.host)  \(summary.first)–\(summary.last)  \(summary.count) events  \(times)"
                    + (summary.isComplete ? "" : "  some stamps are not complete"),
                JSONWriter.object {
                    $0.member("offset", block.offset)
                    $0.member("bytes", block.bytes.count)
                    $0.member("kind", "events")
                    $0.member("execution", summary.key.execution)
                    $0.member("process", summary.key.process.description)
                    $0.member("host", summary.key.host)
                    $0.member("first", summary.first)
                    $0.member("last", summary.last)
                    $0.member("events", summary.count)
                    $0.member("run", summary.key.identity.description)
                    $0.member("complete", summary.isComplete)
                }
            ))
    }

    /// Writes the report; true where the segment is damaged.
    func write(isJSON: Bool) -> Bool {
        let raw = columns.values.reduce(0) { $0 + $1.raw }
        if isJSON {
            Terminal.write(
                JSONWriter.object {
                    $0.member("file", path)
                    $0.member("segment", header.map { "\($0.segment)" })
                    $0.member("host", header.map { "\($0.host)" })
                    $0.member("created", header.map { "\($0.created)" })
                    $0.member("sealed", isSealed)
                    $0.member("bytes", byteCount)
                    $0.member("blocks", blocks)
                    $0.member("events", events)
                    $0.member("rawBytes", raw)
                    $0.member("damage", damage.map(\.text))
                } + "\n")
            for line in lines { Terminal.write(line.json + "\n") }
            for (column, size) in columns.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                Terminal.write(
                    JSONWriter.object {
                        $0.member("column", "\(column)")
                        $0.member("rawBytes", size.raw)
                        $0.member("storedBytes", size.stored)
                    } + "\n")
            }
            return !damage.isEmpty
        }
        if let header {
            Terminal.write(
                "segment \(header.segment) of agent \(header.host), created \(header.created)\n")
        }
        Terminal.write(
            "\(byteCount) bytes, \(isSealed ? "sealed" : "not sealed"), \(count(blocks, "block", "blocks")), "
                + "\(count(events, "event", "events"))\n")
        for line in lines { Terminal.write(printable(line.text) + "\n") }
        for (column, size) in columns.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            Terminal.write("  column \(column): \(size.raw) bytes, stored in \(size.stored)\n")
        }
        if byteCount > 0 {
            Terminal.write(
                "  ratio \(Double(raw * 10 / byteCount) / 10) (columns before compression to file)\n"
            )
        }
        for found in damage {
            Terminal.write(
                "  \(found.isTail ? "after the last intact block" : "damaged"): \(found.byteCount) bytes at \(found.offset): \(found.text)\n"
            )
        }
        return !damage.isEmpty
    }
}
