import Causality
import HappensBefore
import Querying
import Testing

@testable import Exporting

/// The screen of `top`.
@Suite struct TopTextTests {
    private static func time(_ seconds: Int64) -> WallTime {
        WallTime(nanoseconds: 1_700_000_000_000_000_000 + seconds * 1_000_000_000)
    }

    private static func agent(_ host: String, silent: Int, events: Int, bytes: Int) -> AgentStatus {
        var agent = AgentStatus(host: host, readUpTo: time(0), silentSeconds: silent)
        (agent.events, agent.byteCount) = (events, bytes)
        return agent
    }

    private static func execution(_ name: String, events: Int, waiting: Int) -> ExecutionStatus {
        var status = ExecutionStatus(
            summary: ExecutionSummary(name: name, processes: 3, events: events))
        status.waiting = waiting
        guard waiting > 0 else { return status }
        status.missing = 2
        status.heldBackBy = (Gap(process: ProcessID(name: "web"), first: 2, last: 3), waiting)
        return status
    }

    private static func status(_ seconds: Int64, events: Int, bytes: Int) -> StatusAnswer {
        StatusAnswer(
            at: time(seconds),
            agents: [
                agent("db", silent: 1, events: events, bytes: bytes),
                agent("web-1", silent: 90, events: 7, bytes: 2_000),
            ],
            executions: [
                execution("main", events: events, waiting: 0),
                execution("test", events: 5, waiting: 4),
            ],
            storage: StorageStatus(
                byteCount: 33_100_000, freeByteCount: 200_000_000_000, isFull: false))
    }

    private static func shown(
        _ text: TopText, columns: Int = 90, rows: Int = 30, waited: Int = 0
    ) -> [String] {
        text.lines(
            columns: columns, rows: rows, isColored: false, now: time(0), zone: { _ in 0 },
            waitedSeconds: waited)
    }

    @Test func whatNeedsAPersonIsFirstAndLagsDescend() {
        var text = TopText(source: "http://x")
        #expect(Self.shown(text) == ["lightcone top  http://x  22:13:20  (q ends it)"])
        text.add(Self.status(0, events: 1_000, bytes: 50_000))
        text.add(Self.status(2, events: 3_468, bytes: 290_000))
        #expect(
            Self.shown(text).joined(separator: "\n") == """
                lightcone top  http://x  22:13:20  (q ends it)

                needs a person:
                  test: 2 events are missing (lightcone gaps)

                agent of  events/s  bytes/s  events  missing       lag
                web-1            0      0 B       7        0  90 s ago
                db           1,234   120 kB   3,468        0   1 s ago

                execution  events/s  processes  events  waiting  missing  lost  forks  defects  unmatched
                test              0          3       5        4        2     0      0        0          0
                main          1,234          3   3,468        0        0     0      0        0          0
                test: waits for web 2–3, which 4 events have seen

                33.1 MB of events, 200 GB free on the disk
                """)
    }

    @Test func ratesAreKnownFromTheSecondAnswerOn() {
        var text = TopText(source: "x")
        text.add(Self.status(0, events: 10, bytes: 10))
        func row() -> Substring? { Self.shown(text).first { $0.hasPrefix("db") }?[...] }
        #expect(row()?.contains("–") == true)
        text.add(Self.status(10, events: 13, bytes: 10))
        #expect(row()?.contains(" 0.3 ") == true, "fewer than one in a second")
        text.add(Self.status(12, events: 5, bytes: 10))
        #expect(row()?.contains("–") == true, "something was dropped")
        text.add(Self.status(12, events: 7, bytes: 10))
        #expect(row()?.contains("–") == true, "no time has gone by")
    }

    @Test func aMissingAnswerIsToldAndTheLastOneStays() {
        var text = TopText(source: "x")
        text.add(Self.status(0, events: 10, bytes: 10))
        text.trouble = "cannot reach \u{1b}x"
        let lines = Self.shown(text, waited: 60)
        #expect(lines[1] == "no answer: cannot reach \\u{1b}x; asking again")
        #expect(lines.contains { $0.hasPrefix("db") })
        text.add(Self.status(2, events: 10, bytes: 10))
        #expect(!Self.shown(text)[1].contains("no answer"))
        #expect(Self.shown(text, waited: 4)[1] == "")
        #expect(Self.shown(text, waited: 5)[1] == "no answer for 5 s")
    }

    @Test(arguments: 1...40)
    func theScreenIsNeverLeft(rows: Int) {
        var text = TopText(source: "x")
        var status = Self.status(0, events: 10, bytes: 10)
        status.agents += (0..<40).map {
            Self.agent("host-\($0)", silent: $0, events: 1, bytes: 1)
        }
        status.executions += (0..<20).map {
            Self.execution("e\($0)", events: 1, waiting: $0 % 2)
        }
        text.add(status)
        for columns in [1, 20, 80] {
            let lines = Self.shown(text, columns: columns, rows: rows)
            #expect(lines.count <= rows && lines.allSatisfy { TextWidth.columns($0) <= columns })
        }
        guard rows >= 12 else { return }
        let lines = Self.shown(text, rows: rows)
        #expect(lines.contains { $0.hasPrefix("  … ") && $0.hasSuffix(" more") })
        #expect(lines.contains("needs a person:"))
        #expect(lines.contains { $0.hasPrefix("agent of") })
    }
}
