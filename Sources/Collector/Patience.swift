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

    package init(now: WallTime, readUpTo: [String: WallTime], eventsMin: Int) {
        self.now = now
        self.readUpTo = readUpTo
        self.eventsMin = eventsMin
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
