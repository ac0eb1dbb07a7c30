import Causality
import HappensBefore
import Parts
import Querying

/// An execution whose order files tell of what is below a cut, and a history in memory of what came since.
package struct TailedExecution: IndexedExecution {
    package let index: Chronicle<OrderStack>
    private let below: FiledExecution
    private let tail: Tail

    /// O(processes that are known below the cut). Throws what the files do.
    ///
    /// - Parameters:
    ///   - below: What the files tell of.
    ///   - tail: What is above.
    init(_ below: FiledExecution, _ tail: Tail) throws {
        index = try Chronicle(below.index, tail.history)
        self.below = below
        self.tail = tail
    }

    /// - Parameter tail: What is above, finished over it, and without a breach.
    package init(_ below: FiledExecution, _ tail: History) throws {
        try self.init(below, Tail(tail, []))
    }

    package var findsEvents: Bool { below.findsEvents && !index.tail.hasForks }

    package var eventCount: Int { index.tail.countEvents() - below.index.droppedEventCount }

    package func messages(
        _ cancellation: Cancellation
    ) throws -> ChronicleMessages<OrderStack, OrderStack> {
        ChronicleMessages(
            index, below: below.index, above: try tail.edges(index, cancellation))
    }

    package func causalTimes(
        _ cancellation: Cancellation
    ) throws -> ChronicleTimes<OrderStack, OrderStack> {
        ChronicleTimes(index, below: below.index, above: try tail.times(index, cancellation))
    }

    package func recordedKind(at place: EventPosition) throws -> EventKind {
        try index.kind(at: place)
    }

    package func isSettled(_ place: EventPosition) -> Bool { index.below(place) != nil }

    package func timeSpans(
        of process: Int, in positions: Range<Int>
    ) throws -> [TimeSpan] {
        let base = index.base(of: process)
        var spans: [TimeSpan] = []
        if positions.lowerBound < base, let there = index.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            spans = try below.timeSpans(of: there, in: range)
        }
        guard positions.upperBound > base else { return spans }
        let range = max(base, positions.lowerBound)..<positions.upperBound
        return spans + index.tail.timeSpans(of: process, in: range)
    }

    package func rows(at place: EventPosition) throws -> EventRows? {
        if let there = index.below(place) { return try below.rows(at: there) }
        let (frame, row, positions) = index.tail.rows(at: place)
        return EventRows(frame: frame, row: row, positions: positions)
    }

    package func looksAgain() throws -> Bool { try below.looksAgain() }

    package func name(of reference: ProcessReference) -> ProcessID? {
        index.tail.name(of: reference)
    }

    package func lastPosition(in process: Int, by time: WallTime) throws -> Int? {
        if let last = index.tail.lastPosition(in: process, by: time) { return last }
        guard let there = index.below(process), index.base(of: process) > 0 else { return nil }
        return try below.lastPosition(in: there, by: time)
    }

    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) throws -> Int? {
        let base = index.base(of: process)
        if positions.lowerBound < base, let there = index.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            if let found = try below.position(of: there, in: range, during: span) { return found }
        }
        guard positions.upperBound > base else { return nil }
        return index.tail.position(
            of: process, in: max(base, positions.lowerBound)..<positions.upperBound, during: span)
    }

    package func hasTimes(_ process: Int) throws -> Bool {
        if index.tail.processes[process].hasTimes { return true }
        guard let there = index.below(process) else { return false }
        return try below.hasTimes(there)
    }

    package func defects(_ cancellation: Cancellation) throws -> [Defect] {
        let tally = try index.tally(
            tail.edges(index, cancellation), after: below.index.tally(),
            check: cancellation.check)
        return try index.defects(tally)
    }
}
