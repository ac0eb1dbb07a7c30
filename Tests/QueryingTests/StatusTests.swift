import Causality
import Exporting
import HappensBefore
import Testing

@testable import Querying

/// How a store is doing, and what of that needs a person.
@Suite struct StatusTests {
    /// A store of one history, whose hosts' agents read up to some time.
    private struct Store: HistoryStore {
        var events: MemoryStore
        var read: [String: WallTime] = [:]
        var kept: StorageStatus?

        func executions() throws -> [String] { try events.executions() }
        func frames(of execution: String) throws -> [FrameSummary] {
            try events.frames(of: execution)
        }
        func causality(of frame: Int) throws -> EventBatch { try events.causality(of: frame) }
        func events(of frame: Int) throws -> EventBatch { try events.events(of: frame) }
        func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
            try events.expected(in: execution)
        }
        func sourceDefects(of execution: String) throws -> [Defect] { [] }
        func readUpTo() throws -> [String: WallTime] { read }
        func shippedBytes() throws -> [String: Int] { ["h": 7_000, "other": 1] }
        func storage() throws -> StorageStatus? { kept }
    }

    private static let start = WallTime(nanoseconds: 1_700_000_000_000_000_000)
    private static func after(_ seconds: Int64) -> WallTime {
        WallTime(nanoseconds: start.nanoseconds + seconds * 1_000_000_000)
    }

    /// `b` has heard of `a`'s third event, of which only the first is here; `c` of nothing.
    private static let history = MemoryStore(events: [
        [AnsweringTests.event("a", 1, "", ["a": 1])],
        [
            AnsweringTests.event("b", 1, "", ["b": 1]),
            AnsweringTests.event("b", 2, "", ["b": 2, "a": 3]),
            AnsweringTests.event("b", 3, "", ["b": 3, "a": 3]),
        ], [AnsweringTests.event("c", 1, "", ["c": 1])],
    ])

    private static func status(_ store: Store, now: WallTime?) throws -> StatusAnswer {
        var options = Question.Options()
        options.now = now
        guard case .status(let status) = try Answering(store, options).answer(.status) else {
            throw QuestionError(.misuse, "no status")
        }
        return status
    }

    @Test func tellsWhichGapMostEventsHaveSeen() throws {
        let status = try Self.status(Store(events: Self.history), now: Self.start)
        let execution = try #require(status.executions.first)
        #expect(execution.summary.events == 5 && execution.missing == 2 && execution.gaps == 1)
        #expect(execution.waiting == 2 && execution.heldBackBy?.events == 2)
        #expect("\(execution.heldBackBy!.gap)" == "a 2–3 are missing")
        #expect(status.problems == ["main: 2 events are missing (lightcone gaps)"])
    }

    /// What an agent that ships has not shipped yet is under way; of one that is silent it is missing.
    @Test(arguments: [(29, true), (31, false)])
    func whatIsUnderWayNeedsNobody(seconds: Int64, isUnderWay: Bool) throws {
        let store = Store(events: Self.history, read: ["h": Self.start, "z": Self.start])
        let status = try Self.status(store, now: Self.after(seconds))
        #expect(status.agents.map(\.host) == ["h", "z"])
        #expect(status.agents[0].missing == 2 && status.agents[1].missing == 0)
        #expect(status.executions[0].underWay == (isUnderWay ? 2 : 0))
        #expect(
            status.problems
                == (isUnderWay
                    ? []
                    : [
                        "h: its agent ships nothing, and 2 events of the host are missing",
                        "main: 2 events are missing (lightcone gaps)",
                    ]))
    }

    @Test func aFullDiskNeedsAPerson() throws {
        var store = Store(
            events: MemoryStore(events: [[AnsweringTests.event("a", 1, "", ["a": 1])]]))
        store.kept = StorageStatus(byteCount: 12_345_678, freeByteCount: 999, isFull: false)
        var status = try Self.status(store, now: nil)
        #expect(status.problems.isEmpty)
        store.kept?.isFull = true
        status = try Self.status(store, now: nil)
        #expect(status.problems.first?.hasPrefix("the disk is full") == true)
    }

    @Test func isWrittenForPeopleAndPrograms() throws {
        let store = Store(
            events: Self.history, read: ["h": Self.start],
            kept: StorageStatus(byteCount: 12_345_678, freeByteCount: 999, isFull: false))
        var options = Question.Options()
        options.now = Self.after(7_300)
        let answering = Answering(store, options)
        let text = try answering.written(.status, as: .text)
        #expect(text.isYes == false)
        #expect(
            try text.text() == """
                agent of  has shipped up to     that was
                h         2023-11-14T22:13:20Z  2 h ago

                execution  processes  events  waiting  missing  lost  forks  defects  unmatched
                main               3       5        2        2     0      0        0          0
                waits for a 2–3, which 2 events have seen

                12.3 MB of events, 999 B free on the disk

                needs a person:
                  h: its agent ships nothing, and 2 events of the host are missing
                  main: 2 events are missing (lightcone gaps)

                """)
        #expect(
            try answering.written(.status, as: .json).text() == """
                {"at":"2023-11-15T00:15:00Z","agents":[{"host":"h","readUpTo":"2023-11-14T22:13:20Z","silentSeconds":7300,"missing":2,"events":5,"bytes":7000}],"executions":[{"name":"main","processes":3,"events":5,"gaps":1,"missing":2,"underWay":0,"lost":0,"waiting":2,"heldBackBy":{"process":"a","first":2,"last":3,"events":2},"forks":0,"defects":0,"unmatchedLines":0}],"disk":{"bytes":12345678,"freeBytes":999,"full":false},"problems":["h: its agent ships nothing, and 2 events of the host are missing","main: 2 events are missing (lightcone gaps)"]}

                """)
    }
}
