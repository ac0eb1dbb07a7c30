import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

/// All that an index says, down to the last event, by its own numbers.
private struct Testimony: Equatable {
    var processes: [String] = []
    var events: [String] = []
    var answers: [String] = []

    init<Index: CausalFloor>(
        _ index: Index, asking random: SeededGenerator
    ) where Index.Failure == Never {
        var random = random
        for process in 0..<index.processCount {
            let facts = index.facts(of: process)
            let words = index.ruledOut().filter { $0.process == process }
                .sorted { $0.sequence < $1.sequence }
                .map { "\($0.sequence) by \(index.ruling(on: $0)!)" }
            processes.append(
                "\(facts) \(index.id(of: process)) \(index.index(of: facts.id) ?? -1) "
                    + "\(index.gaps(of: process)) \(index.sequences(of: process).ranges) "
                    + "\(index.implied(by: process)) \(words)")
            tell(process, of: index)
        }
        processes.append("\(index.unlinkedProcesses())")
        ask(index, &random)
    }

    private mutating func tell<Index: CausalFloor>(
        _ process: Int, of index: Index
    ) where Index.Failure == Never {
        for position in 0..<index.sequences(of: process).count {
            let place = EventPosition(process: process, position: position)
            let known = (0..<index.processCount).map { index.known(of: $0, at: place) }
            events.append(
                "\(index.id(place)) \(index.known(at: place)) \(known) "
                    + "\(index.uncertainty(at: place).map { "\($0)" } ?? "exact") "
                    + "\(index.firstCertain(from: place) ?? -1) \(index.stamp(at: place)) "
                    + "\(index.kind(at: place))")
        }
        for sequence in 0...(min(index.facts(of: process).end, 60) + 1) {
            let key = EventKey(process: process, sequence: sequence)
            let first = (0..<index.processCount).map { other in
                other == process ? -1 : index.firstPosition(knowing: key, in: other) ?? -1
            }
            let learned = Set(index.learned(fromMissing: key).map { "\($0)" }).sorted()
            events.append("\(key) first known at \(first), had seen \(learned)")
        }
    }

    /// What follows from it for some events, and pairs of them.
    private mutating func ask<Index: CausalFloor>(
        _ index: Index, _ random: inout SeededGenerator
    ) where Index.Failure == Never {
        var events: [EventID] = []
        for process in 0..<index.processCount {
            let end = min(index.facts(of: process).end, 60)
            if end > 0 {
                for sequence in 1...end { events.append(EventID(index.id(of: process), sequence)) }
            }
        }
        events = Array(events.shuffled(using: &random).prefix(12))
        for a in events {
            for b in events { answers.append("\(a) \(b) \(index.order(a, b))") }
            for slice in [index.past(of: a), index.future(of: a), index.concurrent(with: a)] {
                answers.append(
                    slice.map { "\($0.ranges) \($0.lacks) \($0.upTo?.sequences ?? [])" } ?? "none")
            }
            let cut = Cut(sequences: index.seen(by: a)!)
            answers.append(
                "\(index.inexactness(of: a)) \(index.isContradictory(a)) "
                    + "\(index.rulings(seenBy: [a])) \(index.violations(of: cut)) "
                    + "\(index.doubts(of: cut)) \(index.greatestConsistent(inside: cut).sequences)")
            guard let place = index.position(of: a) else { continue }
            let ends = [place.position + 1, index.sequences(of: place.process).count]
            for end in ends {
                let start = Int.random(in: 0..<end, using: &random)
                answers.append("\(index.learned(by: place.process, in: start..<end))")
            }
        }
    }

    /// Where two differ first; nil where they do not.
    func difference(from other: Testimony) -> String? {
        for (mine, others) in [
            (processes, other.processes), (events, other.events), (answers, other.answers),
        ] {
            for (a, b) in zip(mine, others) where a != b { return "\n\(a)\n\(b)" }
            if mine.count != others.count { return "\(mine.count) \(others.count)" }
        }
        return nil
    }
}

/// A history that is cut now and then while it grows, beside one that is not.
private struct Growth {
    /// How often what was put away was asked about, how often it was said that it does not hold, and why.
    private(set) var held = 0
    private(set) var breaches: [String: Int] = [:]
    private(set) var cuts = 0
    private(set) var refusals = 0
    private(set) var putAway = 0
    private(set) var differences: [String] = []
    private var random: SeededGenerator
    private let arrivals: Arrivals
    private let waits: Waiting
    private var arrived = 0
    private var whole = History(execution: "main")

    enum Waiting { case forWhatComes, forSome, forNothing }

    init(_ arrivals: Arrivals, _ waits: Waiting, seed: UInt64) {
        self.arrivals = arrivals
        self.waits = waits
        random = SeededGenerator(seed: seed)
        restart()
    }

    /// Everything is derived from all events.
    private mutating func restart() {
        while arrived < arrivals.frames.count, differences.isEmpty {
            guard grow(nil) == nil else { return }
            if let (floor, tail) = cut(whole) {
                return stand(on: floor, tail, depth: 1)
            }
        }
    }

    /// What is above the cut grows.
    private mutating func stand<Floor: CausalFloor>(
        on floor: Floor, _ tail: History, depth: Int
    ) where Floor.Failure == Never {
        var tail = tail
        compare(floor, tail)
        while arrived < arrivals.frames.count, differences.isEmpty {
            tail = grow(tail)!
            tail.finish(over: floor)
            if let breach = tail.breach {
                breaches[kind(of: breach), default: 0] += 1
                return restart()
            }
            compare(floor, tail)
            guard let (slice, above) = cut(tail) else { continue }
            if depth < 4 {
                return stand(on: Chronicle(floor, slice), above, depth: depth + 1)
            }
            // What follows from all events up to the cut, in one piece.
            var copy = whole
            let snapshot = copy.cutOff(at: lastCut)
            return stand(on: snapshot, above, depth: 1)
        }
    }

    private var lastCut = Cut(sequences: [])

    private func kind(of breach: Breach) -> String {
        switch breach {
        case .late: "late"
        case .rewritten: "rewritten"
        case .renamed: "renamed"
        case .ruled: "ruled"
        case .speaking: "speaking"
        case .cycle: "cycle"
        }
    }

    private mutating func grow(_ tail: History?) -> History? {
        var tail = tail
        let count = Int.random(in: 1...3, using: &random)
        let fresh = arrivals.frames[arrived...].prefix(count)
        arrived += fresh.count
        var left: Set<Identity128> = []
        var leftOfTail: Set<Identity128> = []
        for frame in fresh {
            left.formUnion(whole.append(frame, except: left))
            if let more = tail?.append(frame, except: leftOfTail) { leftOfTail.formUnion(more) }
        }
        let frames = arrivals.frames[..<arrived].sorted { $0.id < $1.id }
        for run in left { whole.rebuild(run, from: frames) }
        for run in leftOfTail { tail?.rebuild(run, from: frames) }
        whole.finish()
        return tail
    }

    private mutating func compare<Floor: CausalFloor>(
        _ floor: Floor, _ tail: History
    ) where Floor.Failure == Never {
        held += 1
        let seed = SeededGenerator(seed: UInt64(arrived))
        let expected = Testimony(whole, asking: seed)
        let found = Testimony(Chronicle(floor, tail), asking: seed)
        if let difference = expected.difference(from: found) { differences.append(difference) }
    }

    private mutating func cut(_ history: History) -> (below: History, above: History)? {
        guard Int.random(in: 0..<3, using: &random) > 0 else { return nil }
        var dice = random
        let frontier = history.frontier { gap in
            switch waits {
            case .forNothing: return nil
            case .forSome:
                return Int.random(in: 0..<2, using: &dice) == 0
                    ? UInt64.random(in: gap.first...gap.last, using: &dice) : nil
            case .forWhatComes:
                let index = history.index(of: gap.process)!
                guard let reference = history.processes[index].key?.reference else {
                    return gap.first
                }
                return (gap.first...gap.last).first {
                    !arrivals.lost.contains(EventReference(reference, $0))
                }
            }
        }
        random = dice
        guard case .cut(var cut) = frontier else {
            refusals += 1
            return nil
        }
        if Int.random(in: 0..<2, using: &random) == 0 {
            // Any consistent cut inside will do.
            let base = lastPutAway(by: history).sequences
            for process in cut.sequences.indices where cut.sequences[process] > base[process] {
                cut.sequences[process] = UInt64.random(
                    in: base[process]...cut.sequences[process], using: &random)
            }
            cut = whole.greatestConsistent(inside: cut)
        }
        var above = history
        let below = above.cutOff(at: cut)
        cuts += 1
        putAway += zip(above.processes, history.processes).reduce(0) { $0 + $1.0.base - $1.1.base }
        lastCut = lastPutAway(by: above)
        return (below, above)
    }

    private func lastPutAway(by history: History) -> Cut {
        Cut(sequences: history.processes.map { $0.base == 0 ? 0 : $0.sequence(at: $0.base - 1) })
    }
}

@Suite struct ChronicleTests {
    /// Where whoever cuts waits for all that comes, no cut has ever to be taken back, and answers are the same.
    @Test func whatIsPutAwayHoldsWhereNothingComesLate() {
        var (held, cuts, putAway, refusals) = (0, 0, 0, 0)
        for seed in 1...30 as ClosedRange<UInt64> {
            let arrivals = Arrivals(steps: 90, .none, seed: seed)
            let growth = Growth(arrivals, .forWhatComes, seed: seed)
            #expect(growth.differences == [], "seed \(seed)")
            #expect(growth.breaches == [:], "seed \(seed)")
            held += growth.held
            cuts += growth.cuts
            putAway += growth.putAway
            refusals += growth.refusals
        }
        #expect(held > 500 && cuts > 200 && putAway > 1_500)
        #expect(refusals == 0)
    }

    /// Whatever comes, and whatever is not waited for: the same answers, or it is said before that there are none.
    @Test func theAnswersAreTheSameOrItIsSaidThatTheyAreNot() {
        var (held, kinds): (Int, Set<String>) = (0, [])
        var breaches = 0
        for seed in 1...100 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            func flip() -> Bool { Int.random(in: 0..<3, using: &random) == 0 }
            let misfortunes = Arrivals.Misfortunes(
                lateFrames: flip(), rulings: flip(), twins: flip(), forgeries: flip(),
                lateSpeakers: flip())
            let waits: Growth.Waiting =
                [.forNothing, .forSome, .forWhatComes][Int.random(in: 0..<3, using: &random)]
            let growth = Growth(
                Arrivals(steps: 70, misfortunes, seed: seed), waits, seed: seed)
            #expect(growth.differences == [], "seed \(seed) \(misfortunes) \(waits)")
            held += growth.held
            breaches += growth.breaches.values.reduce(0, +)
            kinds.formUnion(growth.breaches.keys)
        }
        #expect(held > 1_000 && breaches > 50)
        #expect(
            kinds.isSuperset(of: ["late", "rewritten", "renamed", "ruled", "speaking", "cycle"]))
    }
}
