import ArgumentParser
import Causality
import Disks
import Exporting
import Parts
import Querying
import Segments

struct PartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "part", abstract: "Looks into parts and order files.",
        discussion: """
            A part is a file of events that a collector has merged and sorted; an order file holds what follows from them.

            Example:
              lightcone part verify data/parts/*.lcpart data/order/*.lcorder
            """,
        subcommands: [Inspect.self, Verify.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what a part or an order file holds, and what its bytes are for.",
            discussion: """
                Of a part: its segments, its runs and their blocks, and what each column takes. Of an order file, which \
                has what follows from the events between two cuts: of each process the events that lie there, what is missing and \
                what is uncertain; messages, defects, and what each section takes.

                Exit codes: 0 shown, 1 the file is damaged, 2 misuse, 3 failure.

                Example:
                  lightcone part inspect data/parts/05e1…9a.lcpart
                  lightcone part inspect data/order/77c0…1f.lcorder
                """)

        @Argument(
            help: "A part or an order file.", completion: .file(extensions: ["lcpart", "lcorder"]))
        var file: String

        @Flag(help: "One JSON object a line: the file, and then what it holds, piece by piece.")
        var json = false

        func run() throws {
            if try OrderFileReport.isMeant(by: file) {
                let report = try OrderFileReport(file)
                report.write(isJSON: json)
                Terminal.flush()
                if !report.problems.isEmpty { throw Ended(exit: .no) }
                return
            }
            let report = try PartReport(file)
            report.write(isJSON: json)
            Terminal.flush()
            if report.isDamaged { throw Ended(exit: .no) }
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks every byte of parts and order files, and tells what is damaged.",
            discussion: """
                Of parts the chains of their segments are computed anew; of order files all that a reader relies on \
                is compared: the order of what they hold, and counts that must agree. An order file that is damaged is made anew \
                by whoever notices it; of a part that is, `lightcone catalogue rebuild` keeps what is intact.

                Exit codes: 0 intact, 1 damaged, 2 misuse, 3 failure.

                Example:
                  lightcone part verify data/parts/*.lcpart data/order/*.lcorder
                """)

        @Argument(
            help: "Parts and order files.", completion: .file(extensions: ["lcpart", "lcorder"]))
        var files: [String]

        @Flag(help: "One JSON object a line: the file, and what is wrong with it.")
        var json = false

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
            if try OrderFileReport.isMeant(by: path) {
                let report = try OrderFileReport(path)
                report.writeVerdict(isJSON: json)
                return report.problems
            }
            let part = try PartFile(path, on: RealDisk())
            let verification = PartVerification(part)
            var problems = try verification.damage().map { "\($0)" }
            // Damage breaks chains too: it was told already.
            if problems.isEmpty { problems = try verification.brokenChains().map(\.what) }
            let footer = part.footer
            if json {
                Terminal.write(
                    JSONWriter.object {
                        $0.member("file", path)
                        $0.member("intact", problems.isEmpty)
                        $0.member("segments", footer.segmentCount)
                        $0.member("blocks", footer.blockCount)
                        $0.member("events", footer.eventCount)
                        $0.member("problems", problems)
                    } + "\n")
                return problems
            }
            Terminal.write(
                "\(path): \(problems.isEmpty ? "intact" : "damaged"), "
                    + "\(count(footer.segmentCount, "segment", "segments")), "
                    + "\(count(footer.blockCount, "block", "blocks")), "
                    + "\(count(footer.eventCount, "event", "events"))\n")
            for problem in problems { Terminal.write("  \(printable(problem))\n") }
            return problems
        }
    }
}

/// What a person wants to know of a part.
private struct PartReport {
    private let part: PartFile
    private var lines: [(text: String, json: String)] = []
    private var columns = Array(
        repeating: (raw: 0, stored: 0), count: BlockHeader.columnCount)
    private var filterByteCount = 0
    private var damage: [String] = []

    var isDamaged: Bool { !damage.isEmpty }

    init(_ path: String) throws {
        part = try PartFile(path, on: RealDisk())
        if let found = part.damage ?? part.headerDamage { damage.append("\(found)") }
        for index in 0..<part.footer.segmentCount {
            try read { report throws(PartError) in
                report.add(try report.part.segment(index))
            }
        }
        for index in 0..<part.footer.runCount {
            try read { report throws(PartError) in try report.add(try report.part.run(index)) }
        }
    }

    private mutating func read(
        _ body: (inout PartReport) throws(PartError) -> Void
    ) throws(PartError) {
        do throws(PartError) {
            try body(&self)
        } catch {
            if case .disk = error { throw error }
            damage.append("\(error)")
        }
    }

    private mutating func add(_ segment: MergedSegment) {
        let events = segment.chains.values.reduce(0) { $0 + $1.eventCount }
        lines.append(
            (
                "  segment \(segment.header.segment) of agent \(segment.header.agent)  "
                    + "\(segment.byteCount) bytes  \(count(events, "event", "events"))",
                JSONWriter.object {
                    $0.member("segment", segment.header.segment.description)
                    $0.member("agent", segment.header.agent.description)
                    $0.member("created", "\(segment.header.created)")
                    $0.member("bytes", segment.byteCount)
                    $0.member("events", events)
                    $0.member("unmatchedLines", segment.unmatched.count)
                }
            ))
    }

    private mutating func add(_ run: PartRun) throws(PartError) {
        lines.append(
            (
                "  \(run.key.execution)  \(run.key.process) on \(run.key.host)  up to \(run.last)  "
                    + count(run.blocks.count, "block", "blocks"),
                JSONWriter.object {
                    $0.member("execution", run.key.execution)
                    $0.member("process", run.key.process.description)
                    $0.member("host", run.key.host)
                    $0.member("run", run.key.identity.description)
                    $0.member("last", run.last)
                    $0.member("events", run.taken)
                    $0.member("blocks", run.blocks.count)
                }
            ))
        for index in run.blocks { try add(try part.block(index)) }
    }

    private mutating func add(_ entry: BlockEntry) throws(PartError) {
        filterByteCount += entry.filterByteCount
        let block = try part.read(entry, .sources)
        for (place, column) in block.header.columns.enumerated() {
            columns[place].raw += column.rawCount
            columns[place].stored += column.byteCount
        }
        lines.append(
            (
                "    \(entry.offset)  \(entry.byteCount) bytes  \(entry.first)–\(entry.last)  "
                    + count(entry.rowCount, "event", "events"),
                JSONWriter.object {
                    $0.member("offset", entry.offset)
                    $0.member("bytes", entry.byteCount)
                    $0.member("filterBytes", entry.filterByteCount)
                    $0.member("first", entry.first)
                    $0.member("last", entry.last)
                    $0.member("events", entry.rowCount)
                }
            ))
    }

    private func name(_ column: Int) -> String {
        column == 0 ? "sources" : "\(RowColumn(rawValue: UInt8(column - 1))!)"
    }

    func write(isJSON: Bool) {
        let footer = part.footer
        if isJSON {
            Terminal.write(
                JSONWriter.object {
                    $0.member("file", part.path)
                    $0.member("segments", footer.segmentCount)
                    $0.member("runs", footer.runCount)
                    $0.member("blocks", footer.blockCount)
                    $0.member("events", footer.eventCount)
                    $0.member("filterBytes", filterByteCount)
                    $0.member("damage", damage)
                } + "\n")
            for line in lines { Terminal.write(line.json + "\n") }
            for (place, column) in columns.enumerated() {
                Terminal.write(
                    JSONWriter.object {
                        $0.member("column", name(place))
                        $0.member("rawBytes", column.raw)
                        $0.member("storedBytes", column.stored)
                    } + "\n")
            }
            return
        }
        Terminal.write(
            "\(count(footer.segmentCount, "segment", "segments")), \(count(footer.runCount, "run", "runs")), "
                + "\(count(footer.blockCount, "block", "blocks")), \(count(footer.eventCount, "event", "events"))\n"
        )
        for line in lines { Terminal.write(printable(line.text) + "\n") }
        for (place, column) in columns.enumerated() {
            Terminal.write("  \(name(place)): \(column.raw) bytes, stored in \(column.stored)\n")
        }
        Terminal.write("  filters: \(filterByteCount) bytes\n")
        for found in damage { Terminal.write("  damaged: \(printable(found))\n") }
    }
}
