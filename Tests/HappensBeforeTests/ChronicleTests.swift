import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

/// All that an index says, down to the last event, by its own numbers.
private struct Testimony: Equatable {
    var processes: [String] = []
    var events: [String] = []
    var answers: [String] = []
    var messages: [String] = []
    var defects: [String] = []

    init<Index: CausalFloor, Messages: MessageIndex>(
        _ index: Index, _ messages: Messages, _ defects: [Defect], asking random: SeededGenerator
    ) where Index.Failure == Never, Messages.Failure == Never {
        var random = random
        self.defects = defects.map { "\($0.kind) \($0.events) \($0.text)" }
        for process in 0..<index.processCount { tell(process, of: messages, index) }
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

    /// The messages that arrived at the events of a process, and those that left them.
    private mutating func tell<Index: CausalFloor, Messages: MessageIndex>(
        _ process: Int, of messages: Messages, _ index: Index
    ) where Index.Failure == Never, Messages.Failure == Never {
        let count = index.sequences(of: process).count
        let arrivals = messages.arrivals(at: process, in: 0..<count)
        let half = messages.arrivals(at: process, in: 0..<count / 2)
        let rest = messages.arrivals(at: process, in: count / 2..<count)
        self.messages.append("\(arrivals) \(half + rest == arrivals)")
        func sorted(_ places: [EventPosition]) -> [[Int]] {
            places.map { [$0.process, $0.position] }.sorted { $0.lexicographicallyPrecedes($1) }
        }
        for sequence in 0...(min(index.facts(of: process).end, 60) + 1) {
            let send = EventKey(process: process, sequence: sequence)
            self.messages.append("\(send) \(sorted(messages.receipts(of: send)))")
        }
        var next: UInt64 = 0
        while let last = messages.departures(from: process, since: next).last?.sequence {
            let departures = messages.departures(from: process, since: next)
            for sequence in Set(departures.map(\.sequence)).sorted() {
                let receipts = departures.filter { $0.sequence == sequence }.map(\.receipt)
                self.messages.append("\(process) \(sequence) \(sorted(receipts))")
            }
            next = last + 1
        }
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
                    + "\(index.kind(at: place)) \(index.time(at: place))")
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
            (messages, other.messages), (defects, other.defects),
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
    /// How often somebody went on from what was kept at a cut, and how often that was not to be.
    private(set) var resumed = 0
    private(set) var refusedResumptions = 0
    private(set) var putAway = 0
    private(set) var differences: [String] = []
    private var random: SeededGenerator
    private let arrivals: Arrivals
    private let waits: Waiting
    private var arrived = 0
    private var whole = History(execution: "main")

    enum Waiting { case forWhatComes, forSome, forNothing }

    init(_ arrivals: Arrivals, _ waits: Waiting, seed: UInt64) throws {
        self.arrivals = arrivals
        self.waits = waits
        random = SeededGenerator(seed: seed)
        try restart()
    }

    /// Everything is derived from all events.
    private mutating func restart() throws {
        while arrived < arrivals.frames.count, differences.isEmpty {
            guard grow(nil) == nil else { return }
            if let (floor, tail) = cut(whole) {
                let edges = MessageEdges(floor)
                let tally = try floor.tally(edges, in: floor, after: DefectTally()) {}
                return try stand(on: floor, edges, tally, tail, depth: 1)
            }
        }
    }

    /// What is above the cut grows.
    private mutating func stand<Floor: CausalFloor, Below: MessageIndex>(
        on floor: Floor, _ below: Below, _ tally: DefectTally, _ tail: History, depth: Int
    ) throws where Floor.Failure == Never, Below.Failure == Never {
        var tail = tail
        let resumption = tail.resumption()
        tail.finish(over: floor)
        try compare(floor, below, tally, tail, with: whole)
        while arrived < arrivals.frames.count, differences.isEmpty {
            tail = grow(tail)!
            tail.finish(over: floor)
            if Int.random(in: 0..<3, using: &random) == 0, let resumption {
                try resume(resumption, floor, below, tally)
            }
            if let breach = tail.breach {
                breaches[kind(of: breach), default: 0] += 1
                return try restart()
            }
            try compare(floor, below, tally, tail, with: whole)
            guard let (slice, above) = cut(tail) else { continue }
            if depth < 4 {
                let next = Chronicle(floor, slice)
                let edges = try MessageEdges(next) {}
                return try stand(
                    on: next, ChronicleMessages(next, below: below, above: edges),
                    try next.tally(edges, after: tally) {}, above, depth: depth + 1)
            }
            // What follows from all events up to the cut, in one piece.
            var copy = whole
            let snapshot = copy.cutOff(at: lastCut)
            let edges = MessageEdges(snapshot)
            let whole = try snapshot.tally(edges, in: snapshot, after: DefectTally()) {}
            return try stand(on: snapshot, edges, whole, above, depth: 1)
        }
    }

    /// What goes on from what was kept at the cut, with all frames that are here.
    private mutating func resume<Floor: CausalFloor, Below: MessageIndex>(
        _ resumption: Resumption, _ floor: Floor, _ below: Below, _ tally: DefectTally
    ) throws where Floor.Failure == Never, Below.Failure == Never {
        guard var tail = History(resuming: resumption, on: floor) else {
            differences.append("what was kept does not fit its floor")
            return
        }
        let frames = arrivals.frames[..<arrived].sorted { $0.id < $1.id }
        var left: Set<Identity128> = []
        for frame in frames {
            left.formUnion(tail.append(frame, except: left, skipsPutAway: true))
        }
        if left.isEmpty { tail.finish(over: floor) }
        guard left.isEmpty, tail.breach == nil, tail.countEvents() == whole.countEvents() else {
            return refusedResumptions += 1
        }
        resumed += 1
        // Its processes have other indexes.
        var twin = History(execution: "main")
        for line in tail.processes[..<tail.lineCount] { _ = twin.line(line.identity!, line.key!) }
        for frame in frames { left.formUnion(twin.append(frame, except: left)) }
        for run in left { twin.rebuild(run, from: frames) }
        twin.finish()
        try compare(floor, below, tally, tail, with: twin)
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

    private mutating func compare<Floor: CausalFloor, Below: MessageIndex>(
        _ floor: Floor, _ below: Below, _ tally: DefectTally, _ tail: History,
        with whole: History
    ) throws where Floor.Failure == Never, Below.Failure == Never {
        held += 1
        let seed = SeededGenerator(seed: UInt64(arrived))
        let all = MessageEdges(whole)
        let expected = Testimony(whole, all, whole.defects(all), asking: seed)
        let chronicle = Chronicle(floor, tail)
        let edges = try MessageEdges(chronicle) {}
        let defects = chronicle.defects(try chronicle.tally(edges, after: tally) {})
        let found = Testimony(
            chronicle, ChronicleMessages(chronicle, below: below, above: edges), defects,
            asking: seed)
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
    @Test func whatIsPutAwayHoldsWhereNothingComesLate() throws {
        var (held, cuts, putAway, refusals, resumed) = (0, 0, 0, 0, 0)
        for seed in 1...12 as ClosedRange<UInt64> {
            let arrivals = Arrivals(steps: 90, .none, seed: seed)
            let growth = try Growth(arrivals, .forWhatComes, seed: seed)
            #expect(growth.differences == [], "seed \(seed)")
            #expect(growth.breaches == [:], "seed \(seed)")
            held += growth.held
            cuts += growth.cuts
            putAway += growth.putAway
            refusals += growth.refusals
            resumed += growth.resumed
        }
        #expect(held > 200 && cuts > 80 && putAway > 600 && resumed > 40)
        #expect(refusals == 0)
    }

    /// The same where nothing has to be concluded, since stamps say all that was known.
    @Test func whatIsPutAwayHoldsWhereStampsSayAll() throws {
        var (cuts, resumed) = (0, 0)
        for seed in 1...8 as ClosedRange<UInt64> {
            let arrivals = Arrivals(steps: 90, .init(completeStamps: true), seed: seed)
            let growth = try Growth(arrivals, .forWhatComes, seed: seed)
            #expect(growth.differences == [], "seed \(seed)")
            cuts += growth.cuts
            resumed += growth.resumed
        }
        #expect(cuts > 40 && resumed > 20)
    }

    /// Whatever comes, and whatever is not waited for: the same answers, or it is said before that there are none.
    @Test func theAnswersAreTheSameOrItIsSaidThatTheyAreNot() throws {
        var (held, kinds): (Int, Set<String>) = (0, [])
        var breaches = 0
        for seed in 1...40 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            func flip() -> Bool { Int.random(in: 0..<3, using: &random) == 0 }
            let misfortunes = Arrivals.Misfortunes(
                lateFrames: flip(), rulings: flip(), twins: flip(), forgeries: flip(),
                lateSpeakers: flip())
            let waits: Growth.Waiting =
                [.forNothing, .forSome, .forWhatComes][Int.random(in: 0..<3, using: &random)]
            let growth = try Growth(
                Arrivals(steps: 70, misfortunes, seed: seed), waits, seed: seed)
            #expect(growth.differences == [], "seed \(seed) \(misfortunes) \(waits)")
            held += growth.held
            breaches += growth.breaches.values.reduce(0, +)
            kinds.formUnion(growth.breaches.keys)
        }
        #expect(held > 400 && breaches > 20)
        #expect(
            kinds.isSuperset(of: ["late", "rewritten", "renamed", "ruled", "speaking", "cycle"]))
    }
}
