import Agent
import Archiving
import ArgumentParser
import Causality
import Collector
import Disks
import Exporting
import FoundationEssentials
import HappensBefore
import LogFormats
import Querying

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Reads logs into a folder that can be asked.",
        discussion: """
            The folder is made where there is none. The same file imported twice adds nothing. Lines that are no events are \
            counted and shown, and stay listed under `lightcone defects`. Times that say no zone are UTC, or local time where TZ is \
            set; those that say no year (syslog, klog) are of the newest year in which they are not after the file's last change. \
            A field's name may be a path into nested objects; a \
            name of your own makes an attribute. A file may be compressed with gzip; - is \
            standard input. Exit codes: 0 imported, 1 a file holds no event, 2 misuse, 3 failure.

            Example:
              lightcone import --into shop --format govector web.log api.log db.log
              lightcone import --into akka --format regex \\
                --pattern '(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)' merged.log
              lightcone import --into ring --format jsonl \\
                --fields process=node,clock=pkt.vc,term=state.term ring.ndjson
              zstdcat app.log.zst | \\
                lightcone import --into app --format text --multiline '^\\d{4}-' -
            """)

    @Option(
        help: ArgumentHelp("The folder to import into.", valueName: "dir"), completion: .directory)
    var into: String

    @Option(
        help: "govector, regex, shiviz, jsonl or text.",
        completion: .list(["govector", "regex", "shiviz", "jsonl", "text"]))
    var format: String

    @Option(
        help: ArgumentHelp(
            "regex: how a record looks, with groups host, clock and event.", valueName: "regex"))
    var pattern: String?

    @Option(
        help: ArgumentHelp(
            "regex: what separates executions, with a group trace.", valueName: "regex")
    )
    var delimiter: String?

    @Option(
        help: ArgumentHelp(
            "jsonl: what our fields are called, process=host,clock=pkt.vc,text=msg.",
            valueName: "map"))
    var fields: String?

    @Option(
        help: ArgumentHelp(
            "jsonl: complete, if the lines tell of every message. Else a process of which no line has a clock, a kind or a cause is unknown against others.",
            valueName: "complete"))
    var clocks: String?

    @Option(
        help: ArgumentHelp(
            "text: an event begins at a line that matches, and has the lines up to the next such line.",
            valueName: "regex"))
    var multiline: String?

    @Option(help: "The execution of logs that name none.")
    var execution = ProcessKey.executionDefault

    @Option(help: "The host of all events (default: as the log says, or the name of the process).")
    var host: String?

    @Flag(help: "One JSON object.")
    var json = false

    @Argument(help: "Log files; - is standard input.", completion: .file())
    var files: [String]

    /// Of what follows from the events each piece is read once, and in its order.
    private static let cachedBytesMax = 4 << 20

    func run() throws {
        Main.giveBackFreedMemory()
        let format: LogFormat
        let times: LogTimes
        do {
            format = try AgentConfiguration.format(
                self.format, pattern, delimiter, fields, clocks: clocks, multiline: multiline,
                known: [])
            _ = try LogReader(format, LogReader.Options(execution: execution, host: host))
            times = try LocalZone.times(Screen.variable("TZ"))
        } catch {
            throw QuestionError(.misuse, "\(error)")
        }
        guard files.count(where: { $0 == "-" }) < 2 else {
            throw QuestionError(.misuse, "- is given twice: standard input is read once")
        }
        let sources = try files.map { try LogSource($0) }
        var settings = [
            self.format, pattern ?? "", delimiter ?? "", fields ?? "", clocks ?? "",
            execution, host ?? "",
        ]
        // What was imported before there was this is known by the others.
        if let multiline { settings.append(multiline) }
        if let zone = Screen.variable("TZ"), times.hasZone { settings.append("TZ\u{0}\(zone)") }
        if let complaint = try LogImport.missingField(sources, format) {
            throw QuestionError(.misuse, complaint)
        }
        let archive = try Archive(into, .readWrite, cachedBytesMax: Self.cachedBytesMax)
        for warning in try archive.recover() { Terminal.note(warning) }
        var results: [LogImport.Result] = []
        for source in sources {
            results.append(
                try LogImport(
                    archive: archive, source: source, format: format, execution: execution,
                    host: host, times: times,
                    settings: settings
                ).run())
        }
        merge(archive)
        defer { archive.tellLog() }
        try report(results, archive)
    }

    /// Makes parts of what was imported. It is here, and can be asked, whether or not there is room for that.
    private func merge(_ archive: Archive) {
        do {
            try archive.mergeAll()
        } catch {
            Terminal.note("it stays in segments, which can be asked too: \(error)")
        }
    }

    private func report(_ results: [LogImport.Result], _ archive: Archive) throws {
        let store = ArchiveStore(archive)
        for result in results where result.eventCount == 0 {
            Terminal.note("\(result.path): no events in it")
        }
        for result in results where result.isKnown {
            Terminal.note("\(result.path) was imported before: nothing added")
        }
        for result in results {
            for line in result.unmatched {
                Terminal.note(
                    "\(result.path), line \(line.line): \(printable(line.reason)): \(printable(line.text))"
                )
            }
            if result.unmatchedCount > result.unmatched.count {
                Terminal.note(
                    "\(result.path): \(result.unmatchedCount - result.unmatched.count) more lines are no events (lightcone defects)"
                )
            }
        }
        let known = try store.executions()
        var names: [String] = []
        for name in results.flatMap(\.executions) where !names.contains(name) { names.append(name) }
        let summaries = try names.map { try summary($0, known.contains($0), store, archive) }
        if json {
            var writer = JSONWriter()
            writer.object { writer in
                writer.key("executions")
                writer.array { writer in for summary in summaries { summary.write(&writer) } }
                writer.key("files")
                writer.array { writer in
                    for result in results {
                        writer.object {
                            $0.member("path", result.path)
                            $0.member("added", !result.isKnown)
                            $0.member("events", result.eventCount)
                            $0.member("unmatchedLines", result.unmatchedCount)
                        }
                    }
                }
            }
            Terminal.write(writer.text + "\n")
        } else {
            for summary in summaries { Terminal.write(summary.line + "\n") }
        }
        Terminal.flush()
        if results.contains(where: { $0.eventCount == 0 }) { throw Ended(exit: .no) }
    }

    private func summary(
        _ name: String, _ isKnown: Bool, _ store: ArchiveStore, _ archive: Archive
    ) throws -> ExecutionSummary {
        var summary = ExecutionSummary(name: name)
        summary.unmatchedLines = try archive.unmatchedLines(of: name).count
        guard isKnown else { return summary }
        try store.keepOrder(of: name)
        if let filed = try store.filed(name, .never), filed.findsEvents {
            try summary.tally(filed)
        } else {
            try summary.tally(store.graph(of: name))
        }
        summary.defects += try store.sourceDefects(of: name).count { $0.kind.isCounted }
        return summary
    }
}

/// What an execution holds after an import.
private struct ExecutionSummary {
    var name: String
    var processes = 0
    var events = 0
    var messageEdges = 0
    var unmatchedLines = 0
    var defects = 0
    var notes = 0
    var gaps = 0

    /// Counts what an execution holds, a stretch at a time. O(messages).
    mutating func tally(_ execution: some IndexedExecution) throws {
        let (index, messages) = (execution.index, try execution.messages(.never))
        events = execution.eventCount
        gaps = try index.allGaps().count
        for process in 0..<index.processCount {
            let count = try index.sequences(of: process).count
            if count > 0 { processes += 1 }
            for start in stride(from: 0, to: count, by: 4_096) {
                let positions = start..<min(start + 4_096, count)
                for arrival in try messages.arrivals(at: process, in: positions) {
                    let sender = try index.sequences(of: arrival.event.process)
                    if sender.position(of: arrival.event.sequence) != nil { messageEdges += 1 }
                }
            }
        }
        for defect in try execution.defects(.never) {
            if defect.kind.isNote { notes += 1 } else if defect.kind.isCounted { defects += 1 }
        }
    }

    func write(_ writer: inout JSONWriter) {
        writer.object {
            $0.member("name", name)
            $0.member("processes", processes)
            $0.member("events", events)
            $0.member("unmatchedLines", unmatchedLines)
            $0.member("messageEdges", messageEdges)
            $0.member("defects", defects)
            $0.member("gaps", gaps)
            $0.member("notes", notes)
        }
    }

    var line: String {
        [
            printable(name), count(processes, "process", "processes"),
            count(events, "event", "events"),
            count(messageEdges, "message edge", "message edges"),
            count(unmatchedLines, "unmatched line", "unmatched lines"),
            count(defects, "defect", "defects"), count(gaps, "gap", "gaps"),
            count(notes, "note", "notes"),
        ].joined(separator: "  ")
    }
}
