import Causality

/// What contradicts itself in the events and messages of a history so far: those that come later add to it.
package struct DefectTally: Hashable, Sendable {
    /// Cycles, receives before their sends, and knowledge that was lost: by kind, the first ones in the order of listings.
    package var listed: [Defect.Kind: [Defect]] = [:]
    /// By process, how its wall clock went.
    package var clocks: [Int: Clock] = [:]
    /// By sender and receiver, how their wall clocks differ.
    package var pairs: [Pair: Difference] = [:]

    package init() {}

    package struct Clock: Hashable, Sendable {
        /// The event with the latest time so far, and that time in nanoseconds.
        package var latest: UInt64 = 0
        package var time: Int64 = .min
        /// The first event whose time is before that of an earlier one, and the latest one then; 0 where none is.
        package var firstBack: UInt64 = 0
        package var firstFrom: UInt64 = 0
        package var count = 0
        package var mostNanoseconds: Int64 = 0

        package init() {}

        mutating func note(_ sequence: UInt64, _ time: Int64) {
            guard latest > 0, time < self.time else {
                (latest, self.time) = (sequence, time)
                return
            }
            count += 1
            mostNanoseconds = max(
                mostNanoseconds, self.time.subtractingReportingOverflow(time).partialValue)
            if firstBack == 0 { (firstBack, firstFrom) = (sequence, latest) }
        }
    }

    package struct Pair: Hashable, Sendable {
        package var sender: Int
        package var receiver: Int

        package init(sender: Int, receiver: Int) {
            self.sender = sender
            self.receiver = receiver
        }
    }

    /// Messages that arrived earlier than they were sent.
    package struct Difference: Hashable, Sendable {
        /// The ends of the first one.
        package var sent: UInt64
        package var received: UInt64
        package var count = 0
        package var mostNanoseconds: Int64 = .min

        package init(sent: UInt64, received: UInt64) {
            self.sent = sent
            self.received = received
        }

        mutating func note(_ nanoseconds: Int64) {
            count += 1
            mostNanoseconds = max(mostNanoseconds, nanoseconds)
        }
    }

    /// The same, where processes have other indexes.
    package func renumbered<Failure>(
        _ index: (Int) throws(Failure) -> Int
    ) throws(Failure) -> DefectTally {
        var result = DefectTally()
        result.listed = listed
        for (process, clock) in clocks { result.clocks[try index(process)] = clock }
        for (pair, difference) in pairs {
            let pair = Pair(sender: try index(pair.sender), receiver: try index(pair.receiver))
            result.pairs[pair] = difference
        }
        return result
    }

    /// False where enough defects of a kind were listed since the cut.
    func isOpen(_ kind: Defect.Kind) -> Bool {
        // Those below the cut may come behind these in the order of listings.
        (listed[kind]?.count ?? 0) < 2 * Limits.defectsOfKindMax
    }

    /// Keeps the first ones of each kind in the order of listings.
    mutating func keepFirst() {
        for (kind, defects) in listed {
            listed[kind] = Array(
                defects.sorted { listingOrder($0.events[0], $1.events[0]) }
                    .prefix(Limits.defectsOfKindMax))
        }
    }

    func defects(named id: (Int) -> ProcessID) -> [Defect] {
        listed.values.flatMap { $0 }
            + clocks.compactMap { process, clock in
                clock.firstBack == 0 ? nil : DefectTally.backwards(clock, of: id(process))
            }
            + pairs.map { pair, difference in
                DefectTally.disagreement(difference, id(pair.sender), id(pair.receiver))
            }
    }

    private static func backwards(_ clock: Clock, of process: ProcessID) -> Defect {
        let events = [EventID(process, clock.firstBack), EventID(process, clock.firstFrom)]
        return Defect(
            .wallClockBackwards, events,
            "the wall clock of \(process) runs backwards at \(clock.count) event\(clock.count == 1 ? "" : "s"), first at "
                + "\(events[0]), by at most \(duration(clock.mostNanoseconds)); the causal order does not depend on it"
        )
    }

    private static func disagreement(
        _ difference: Difference, _ sender: ProcessID, _ receiver: ProcessID
    ) -> Defect {
        let (sent, received) = (
            EventID(sender, difference.sent), EventID(receiver, difference.received)
        )
        let count = difference.count
        return Defect(
            .wallClockDisagrees, [received, sent],
            "the wall clocks of \(sender) and \(receiver) disagree: \(count) "
                + "message\(count == 1 ? "" : "s") arrived earlier than sent, first \(sent) → \(received), "
                + "by at most \(duration(difference.mostNanoseconds)); the causal order does not depend on it"
        )
    }

    private static func duration(_ nanoseconds: Int64) -> String {
        switch nanoseconds {
        case ..<1_000_000: "\(nanoseconds) ns"
        case ..<10_000_000_000: "\(nanoseconds / 1_000_000) ms"
        default: "\(nanoseconds / 1_000_000_000) s"
        }
    }
}
