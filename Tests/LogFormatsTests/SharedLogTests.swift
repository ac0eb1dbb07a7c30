import Causality
import LogFormats
import Testing

/// The published logs of other people's systems: what must come out, and that pieces do not matter.
@Suite struct SharedLogTests {
    @Test func indexIsRead() {
        #expect(sharedLogs == nil || SharedLog.all.count == 25)
    }

    @Test(arguments: SharedLog.all) func comesOutAsStated(_ log: SharedLog) throws {
        try check(log, log.logFormat)
    }

    @Test func tracingLibraryIsRecognised() throws {
        guard let log = SharedLog.all.first(where: { $0.file == "tracing.jsonl" }) else { return }
        try check(log, .jsonl(fields: nil))
        let first = try #require(try items(log.bytes, .jsonl(fields: nil)).events.first)
        #expect(first.name == "CreateTrace" && first.text == "{}")
        #expect(first.attributes == [Attribute("TraceID", .json("3318265616227424719"))])
    }

    private func check(_ log: SharedLog, _ format: LogFormat) throws {
        let items = try items(log.bytes, format)
        for execution in log.executions {
            let name = execution.label.isEmpty ? "main" : execution.label
            let keys = items.keys.filter { $0.execution == name }
            #expect(keys.count == execution.events)
            #expect(Set(keys).count == execution.hosts)
        }
        #expect(Set(items.keys.map(\.execution)).count == log.executions.count)
        // Whole lines that no match touches: not the five lines of voldemort.log with a `.` before
        // the match.
        let unmatched = [
            "malformed/shiviz-28-missing-host.log": 2, "ewd998.ndjson": 1, "rfs/merged.log": 12,
            "rfs/Miner1-Log.txt": 4, "rfs/Miner2-Log.txt": 4, "rfs/Miner3-Log.txt": 4,
        ]
        #expect(items.unmatched.count == unmatched[log.file] ?? 0, "\(items.unmatched.prefix(3))")
    }

    @Test(arguments: SharedLog.goVector) func readsTheSameAsGoVector(_ log: SharedLog) throws {
        let items = try items(log.bytes, .govector)
        #expect(items.events.count == log.executions[0].events)
        #expect(items.unmatched.isEmpty, "\(items.unmatched.prefix(3))")
    }

    @Test(arguments: SharedLog.all, [UInt64](1...2)) func piecesDoNotMatter(
        _ log: SharedLog, seed: UInt64
    ) throws {
        var generator = SeededGenerator(state: seed)
        let formats: [LogFormat] = [log.logFormat, .govector, .text()]
        let bytes = try log.bytes
        for format in formats {
            let whole = try items(bytes, format)
            let isSmall = bytes.count <= 8000
            let longest = isSmall ? 1 : 60_000
            for restarts in [false, true] {
                let pieces = try items(bytes, format, restarts: restarts) {
                    Int.random(in: 1...longest, using: &generator)
                }
                #expect(pieces == whole, "seed \(seed), restarts \(restarts)")
            }
            if isSmall {
                let pieces = try items(bytes, format, restarts: true) {
                    Int.random(in: 1...200, using: &generator)
                }
                #expect(pieces == whole, "seed \(seed)")
            }
        }
    }
}
