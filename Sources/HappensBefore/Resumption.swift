import Causality

/// What a history keeps of what is put away and what its floor does not say: with both, a history goes on at the cut as if it
/// had never ended. Processes have the floor's indexes; citations are counted.
package struct Resumption: Hashable, Sendable {
    /// Whether some stamp that is put away does not say all that its event had seen.
    package var isSwept = false
    /// The processes that have events which are put away, or are known to such events, ascending.
    package var processes: [Line] = []
    /// What events cite, as they call it.
    package var citations: [Cited] = []
    /// What senders said that their runs are called: by run, ascending.
    package var claims: [Claim] = []

    package struct Cited: Hashable, Sendable {
        package var process: ProcessReference
        package var isClock: Bool
        /// The process that is meant, where events that are put away may cite it so.
        package var target: Int?

        package init(process: ProcessReference, isClock: Bool, target: Int?) {
            self.process = process
            self.isClock = isClock
            self.target = target
        }
    }

    package struct Claim: Hashable, Sendable {
        package var run: RunKey
        /// Ascending.
        package var names: [ProcessID]

        package init(run: RunKey, names: [ProcessID]) {
            self.run = run
            self.names = names
        }
    }

    /// A process as it was at the cut.
    package struct Line: Hashable, Sendable {
        package var process: Int
        /// Whether its source says something of messages.
        package var speaks = false
        /// The highest number that events which are put away cite.
        package var cited: UInt64 = 0
        /// The highest number that what is put away depends on.
        package var sealed: UInt64 = 0
        /// The highest number of its events that are known to be lost.
        package var expected: UInt64 = 0
        /// The numbers up to `sealed` of which an operator says that no message came there, ascending.
        package var ruled: [UInt64] = []
        /// What operators say here: of a citation's event.
        package var rulings: [Ruling] = []
        /// The holes that its source has in itself.
        package var holes: [ClosedRange<UInt64>] = []
        /// Where stamps change, as far as what comes next may need it.
        package var stamps: [StampRun] = []
        /// The stamp of its last event as it was written: by citation.
        package var stamp = IndexedClock()
        /// True where all that its last event knows is known exactly.
        package var isExact = true
        /// True where the stamp of its last event was complete, and what it knows is exact for that.
        package var isAllCovered = false
        /// Where it is not exact: the entries that are open, and what is covered, by process, ascending.
        package var open: [EventKey] = []
        package var covered: [EventKey] = []

        package init(process: Int) { self.process = process }
    }

    package struct Ruling: Hashable, Sendable {
        package var position: Int
        package var citation: Int
        package var sequence: UInt64

        package init(position: Int, citation: Int, sequence: UInt64) {
            self.position = position
            self.citation = citation
            self.sequence = sequence
        }
    }

    package init() {}
}
