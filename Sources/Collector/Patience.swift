import Causality
import HappensBefore

/// How long events are waited for that others cite. Wall times decide, which may be wrong: then a slice is written too early, and
/// once more when what it did not wait for has come.
package struct Patience: Sendable {
    /// Now.
    package var now: WallTime
    /// By host, up to when its agent has read what is recorded there.
    package var readUpTo: [String: WallTime]
    /// Fewer events above the last cut are no slice.
    package var eventsMin: Int
    /// With more above the last cut nothing is waited for.
    package var tail: Tail

    package init(
        now: WallTime, readUpTo: [String: WallTime], eventsMin: Int, tail: Tail = Tail()
    ) {
        self.now = now
        self.readUpTo = readUpTo
        self.eventsMin = eventsMin
        self.tail = tail
    }

    /// How much may be above the last cut.
    package struct Tail: Sendable {
        var eventsMax = Limits.tailEventsMax
        /// Entries by which the clocks of the events grew.
        var learnedMax = Limits.tailLearnedMax

        package init() {}

        package init(eventsMax: Int, learnedMax: Int) {
            self.eventsMax = eventsMax
            self.learnedMax = learnedMax
        }

        /// Of a history that is finished. O(pairs of processes that know each other).
        func isFull(_ history: History) -> Bool {
            history.countAbove() >= eventsMax || history.countLearned() >= learnedMax
        }
    }

    /// Whether missing events are waited for. O(processes · log n).
    ///
    /// - Parameter host: Where their process runs; nil where it never reported.
    func waits(for gap: Gap, of host: String?, in history: History) -> Bool {
        guard let since = history.timeOfCitation(gap) else { return true }
        let age = now.nanoseconds.subtractingReportingOverflow(since.nanoseconds).partialValue
        if age > Limits.patienceNanoseconds { return false }
        guard age > Limits.silenceNanoseconds else { return true }
        // A process that was just started is cited before it reports; and so is one whose agent is behind.
        guard let host, let read = readUpTo[host] else { return false }
        return now.nanoseconds.subtractingReportingOverflow(read.nanoseconds).partialValue
            <= Limits.silenceNanoseconds
    }
}
