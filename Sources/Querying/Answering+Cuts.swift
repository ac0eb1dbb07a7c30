import Causality
import HappensBefore

extension Answering {
    func cut(_ event: EventID, _ index: some CausalIndex) throws -> CutAnswer {
        try require(event, index)
        let cut = Cut(sequences: try index.seen(by: event)!)
        let past = try index.past(of: event)!
        let isMissing = try index.position(of: event) == nil
        let lacks = isMissing && past.lacks.isEmpty ? [.events(Gap(event))] : past.lacks
        // What an event had seen is consistent by itself: where all of it is known nothing else has to be here.
        return try report(
            cut, doubts: index.inexactness(of: event), lacks: lacks.map(\.description), upTo: nil,
            restsOn: index.rulings(seenBy: [event]), index)
    }

    /// The cut that the wall clocks show at `time`: of each process everything up to its last event that is not later.
    func cut(at time: WallTime, _ execution: some IndexedExecution) throws -> CutAnswer {
        let index = execution.index
        var cut = Cut(sequences: [UInt64](repeating: 0, count: index.processCount))
        let whole = try index.whole()
        var lacks = whole.lacks.map(\.description)
        var hosts: Set<String> = []
        var timeless: [ProcessID] = []
        var ends: [EventID] = []
        for process in 0..<index.processCount {
            try options.cancellation.check()
            let facts = try index.facts(of: process)
            guard facts.count > 0 else { continue }
            hosts.insert(facts.host)
            if try !execution.hasTimes(process) { timeless.append(facts.id) }
            let last = try execution.lastPosition(in: process, by: time)
            if last == nil, let dropped = try index.lastDropped(of: process) {
                lacks.append("\(Lack.dropped(dropped))")
            }
            if let position = last {
                cut.sequences[process] = try index.sequences(of: process)[position]
                ends.append(EventID(facts.id, cut.sequences[process]))
            }
        }
        lacks += timeless.sorted(by: listingOrder).map { "no event of \($0) has a wall time" }
        for (host, readUpTo) in try store.readUpTo().sorted(by: { $0.key < $1.key })
        where readUpTo < time && hosts.contains(host) {
            lacks.append("\(host) has been read up to \(readUpTo) only")
        }
        return try report(
            cut, doubts: index.doubts(of: cut), lacks: lacks, upTo: whole.upTo,
            restsOn: index.rulings(seenBy: ends), index)
    }

    /// What there is to say of a cut.
    ///
    /// - Parameters:
    ///   - doubts: For want of what it may not be consistent, though no violation is here.
    ///   - lacks: For want of what the cut itself may be another.
    private func report(
        _ cut: Cut, doubts: [Lack], lacks: [String], upTo: Cut?, restsOn: [Ruling],
        _ index: some CausalIndex
    ) throws -> CutAnswer {
        let violations = try index.violations(of: cut)
        var greatest: Cut?
        if !violations.isEmpty {
            let inside = try index.greatestConsistent(inside: cut)
            // What is uncertain may make it smaller yet.
            if try index.doubts(of: inside).isEmpty { greatest = inside }
        }
        return CutAnswer(
            cut: try named(cut, index),
            isConsistent: !violations.isEmpty ? .no : doubts.isEmpty ? .yes : .unknown,
            violations: violations, doubts: Set(doubts).map(\.description).sorted(),
            greatest: try greatest.map { try named($0, index) }, lacks: lacks,
            upTo: try upTo.map { try named($0, index) }, restsOn: restsOn)
    }
}

extension Gap {
    fileprivate init(_ event: EventID) {
        self.init(process: event.process, first: event.sequence, last: event.sequence)
    }
}

extension Lack {
    /// Some of them on one line.
    package static func listed(_ lacks: [Lack]) -> String {
        let shown = lacks.prefix(5).map { printable("\($0)") }.joined(separator: ", ")
        return lacks.count > 5 ? "\(shown), and \(lacks.count - 5) more" : shown
    }
}
