import Causality
import Testing

@testable import HappensBefore

/// Up to where nothing is waited for.
@Suite struct FrontierTests {
    private static func key(_ name: String) -> ProcessKey {
        ProcessKey(execution: "main", host: "h", process: ProcessID(name: name))
    }

    private let p = Self.key("p")
    private let q = Self.key("q")

    /// Events 41 and 42 of one process, of which those before were dropped; the second knows another process, of which the first 40
    /// were.
    private func history(citing cited: UInt64) -> History {
        var history = History(execution: "main")
        history.drop(p, upTo: 40)
        history.drop(q, upTo: 40)
        let events = [
            Event(id: EventID(p.process, 41), text: "", clock: VectorClock([p.reference: 41])),
            Event(
                id: EventID(p.process, 42), text: "",
                clock: VectorClock([p.reference: 42, q.reference: cited])),
        ]
        let left = history.append(
            HistoryFrame(id: 0, source: oneSource, batch: EventBatch(events, of: p)))
        precondition(left.isEmpty)
        history.finish()
        return history
    }

    /// The last event of the first process below the frontier, and what was asked about.
    private func frontier(_ history: History) throws -> (last: UInt64, asked: [Gap]) {
        var asked: [Gap] = []
        let frontier = history.frontier { gap in
            asked.append(gap)
            return gap.first
        }
        guard case .cut(let cut) = frontier else {
            Issue.record("\(frontier)")
            return (0, asked)
        }
        return (cut.sequences[try #require(history.index(of: p.process))], asked)
    }

    @Test func whatWasDroppedIsNotWaitedFor() throws {
        let (last, asked) = try frontier(history(citing: 40))
        #expect(last == 42)
        #expect(asked.isEmpty)
    }

    @Test func whatComesAfterItIs() throws {
        let (last, asked) = try frontier(history(citing: 43))
        #expect(last == 41)
        #expect(asked == [Gap(process: q.process, first: 41, last: 43)])
    }
}
