import Causality
import HappensBefore
import Querying

/// What Lightcone promises, checked on what has arrived of a world against what really happened.
struct Laws {
    let world: World
    let evidence: Evidence
    let graph: ExecutionGraph
    var history: History { graph.history }
    /// By process and number: what really happened there.
    private(set) var happened: [EventID: Truth.Index] = [:]
    var truth: Truth { world.truth }
    /// What was found to break a promise.
    private(set) var violations: [String] = []
    private(set) var tally = Tally()

    struct Tally {
        var pairs = 0
        var unknown = 0

        static func += (a: inout Tally, b: Tally) {
            a.pairs += b.pairs
            a.unknown += b.unknown
        }
    }

    init(_ world: World, _ evidence: Evidence, _ graph: ExecutionGraph) throws {
        self.world = world
        self.evidence = evidence
        self.graph = graph
        for frame in evidence.frames {
            let id = frame.summary.id
            guard !evidence.rotten.contains(id), !evidence.hidden.contains(id) else { continue }
            let batch = try frame.stored.batch()
            for row in 0..<batch.count {
                let key = batch.processes[Int(batch.slots[row])]
                let event = batch.event(row)
                guard key.execution == history.execution,
                    let index = world.byText[event.text]
                else { continue }
                // Which of several processes of one run it is shown in, the graph tells.
                for (process, line) in history.processes.enumerated() where line.key == key {
                    guard let position = line.position(of: event.id.sequence),
                        isThere(EventPosition(process: process, position: position), id, row)
                    else { continue }
                    happened[EventID(line.id, event.id.sequence)] = index
                }
            }
        }
        nameMissing()
    }

    /// What happened of which something is here.
    var arrived: Set<Truth.Index> {
        Set(
            happened.lazy.filter { id, _ in history.position(of: id) != nil }.map(\.value))
    }

    private func isThere(_ place: EventPosition, _ frame: Int, _ row: Int) -> Bool {
        let rows = history.rows(at: place)
        return rows.frame == frame
            && rows.row + place.position - rows.positions.lowerBound == row
    }

    /// Events that are not here, as far as the world knows which they are.
    private mutating func nameMissing() {
        for line in history.processes where line.standIn == nil {
            let references =
                line.key.map { [$0.reference] }
                ?? world.byNumber.keys.map(\.process).filter { history.name(of: $0) == line.id }
            guard let reference = references.first else { continue }
            for gap in line.gaps where gap.last - gap.first < 10_000 {
                for sequence in gap.first...gap.last {
                    let number = World.Numbered(process: reference, sequence: sequence)
                    guard let known = world.byNumber[number], let index = known else { continue }
                    happened[EventID(line.id, sequence)] = index
                }
            }
        }
    }

    mutating func violate(_ text: String) { violations.append(text) }

    /// Up to `count` of the events that are here or cited.
    func sample(_ count: Int, _ random: inout some RandomNumberGenerator) -> [EventID] {
        Array(
            happened.keys.sorted(by: listingOrder).shuffled(using: &random).prefix(count))
    }

    // MARK: The laws

    /// Checks everything about the pairs of some events.
    mutating func check(_ events: [EventID], _ random: inout some RandomNumberGenerator) {
        for a in events {
            for b in events { checkOrder(a, b) }
            checkPast(of: a)
            checkFuture(of: a)
            checkConcurrent(with: a)
        }
        for _ in 0..<3 { checkCut(&random) }
        checkRotten()
    }

    /// What cannot be read is missing, not forgotten.
    private mutating func checkRotten() {
        for frame in evidence.frames where evidence.rotten.contains(frame.summary.id) {
            for (key, last) in frame.lasts where key.execution == history.execution {
                let isKnown = history.processes.contains { line in
                    line.key == key
                        && (line.position(of: last) != nil
                            || line.gaps.contains { ($0.first...$0.last).contains(last) })
                }
                if !isKnown { violate("gaps: without \(key.process):\(last)") }
            }
        }
    }

    private mutating func checkOrder(_ a: EventID, _ b: EventID) {
        guard let x = happened[a], let y = happened[b], !isMarker(x), !isMarker(y) else { return }
        let real = truth.order(x, y)
        tally.pairs += 1
        switch history.order(a, b) {
        case .known(let order):
            if order != real { violate("order \(a) \(b): \(order), really \(real)") }
        case .unknown(let why, let excluded):
            tally.unknown += 1
            if excluded.contains(real) {
                violate("order \(a) \(b): excluded \(excluded), really \(real)")
            }
            guard case .lacking(let lacks) = why else {
                if case .contradiction = why, world.faults.tokensAreForged || world.hasClones {
                    return
                }
                return violate("order \(a) \(b): unknown, because \(why)")
            }
            for lack in lacks { checkLack(lack, "order \(a) \(b)") }
        }
    }

    func isMarker(_ index: Truth.Index) -> Bool { world.markers.contains(index) }

    /// What an answer names as lacking must be so.
    private mutating func checkLack(_ lack: Lack, _ what: String) {
        let isReal =
            switch lack {
            case .events(let gap):
                (gap.first...min(gap.last, gap.first + 1000)).allSatisfy {
                    history.position(of: EventID(gap.process, $0)) == nil
                }
            case .clocks: world.faults.silentLogs
            case .sender: world.faults.tokensBreak
            case .loss(let event, _):
                history.position(of: event).map {
                    if case .lossy = history.processes[$0.process].stamp(at: $0.position) {
                        true
                    } else {
                        false
                    }
                } ?? true
            case .origin, .consistency: false
            case .unheard(let process):
                (history.index(of: process).map { history.processes[$0].count == 0 }) ?? true
            case .name: true
            case .fork: world.hasClones
            case .claim: world.faults.tokensAreForged
            case .unreadable, .dropped: false
            }
        if !isReal { violate("\(what): unknown, because \(lack), which is not so") }
        if world.isClean {
            guard case .name = lack else {
                return violate("\(what): unknown, because \(lack), though nothing is missing")
            }
        }
    }

    /// The truth's events of a slice, without markers.
    private func real(_ slice: Slice) -> Set<Truth.Index> {
        var found: Set<Truth.Index> = []
        for (process, range) in slice.ranges.enumerated() {
            for position in range {
                let id = history.id(EventPosition(process: process, position: position))
                if let index = happened[id], !isMarker(index) { found.insert(index) }
            }
        }
        return found
    }

    private mutating func checkPast(of event: EventID) {
        guard let index = happened[event], !isMarker(index), let past = history.past(of: event)
        else { return }
        let found = real(past)
        for other in found where !truth.isBefore(other, index) {
            violate("past \(event): lists \(name(other)), which is not before it")
        }
        if past.isComplete, !history.isContradictory(event) {
            let all = truth.all(like: index) { truth.isBefore($0, index) && !isMarker($0) }
            for other in all.subtracting(found) {
                violate("past \(event): complete, without \(name(other))")
            }
        } else {
            for lack in past.lacks { checkLack(lack, "past \(event)") }
        }
        guard history.isExact(event), let seen = history.seen(by: event) else { return }
        for (process, line) in history.processes.enumerated()
        where line.standIn == nil && seen[process] > 0 {
            guard let known = happened[EventID(line.id, seen[process])], !isMarker(known) else {
                continue
            }
            if known != index, !truth.isBefore(known, index) {
                violate("exact \(event): has not seen \(name(known))")
            }
        }
    }

    private func name(_ index: Truth.Index) -> String {
        let here = happened.filter { $0.value == index }.map { "\($0.key)" }.sorted()
        let event = truth.events[index]
        return here.first ?? "what was lost (event \(event.number) of line \(event.line))"
    }

    /// The truth's events up to a cut: those whose numbers are inside.
    private func isInside(_ cut: Cut, _ index: Truth.Index) -> Bool {
        numbersOf[index]?.contains { id in
            guard let process = history.index(of: id.process) else { return false }
            return cut.sequences[process] >= id.sequence
        } ?? false
    }
    private var numbersOf: [Truth.Index: [EventID]] {
        Dictionary(grouping: happened.keys) { happened[$0]! }
    }

    private mutating func checkFuture(of event: EventID) {
        guard let index = happened[event], !isMarker(index), let future = history.future(of: event)
        else { return }
        let found = real(future)
        for other in found where !truth.isBefore(index, other) {
            violate("future \(event): lists \(name(other)), which is not after it")
        }
        checkAll(future, "future \(event)", found) { truth, other in truth.isBefore(index, other) }
        if !future.isComplete { for lack in future.lacks { checkLack(lack, "future \(event)") } }
    }

    private mutating func checkConcurrent(with event: EventID) {
        guard let index = happened[event], !isMarker(index),
            let slice = history.concurrent(with: event)
        else { return }
        let found = real(slice)
        for other in found where truth.order(index, other) != .concurrent {
            violate("concurrent \(event): lists \(name(other)), which is not")
        }
        checkAll(slice, "concurrent \(event)", found) { truth, other in
            truth.order(index, other) == .concurrent
        }
    }

    /// Up to the cut that an answer names it must be all; and where it says that it is complete, with all that is known of.
    private mutating func checkAll(
        _ slice: Slice, _ what: String, _ found: Set<Truth.Index>,
        _ isMeant: (Truth, Truth.Index) -> Bool
    ) {
        guard let upTo = slice.upTo else { return violate("\(what): names no cut") }
        for (id, other) in happened where !isMarker(other) && !found.contains(other) {
            guard let process = history.index(of: id.process), isMeant(truth, other) else {
                continue
            }
            if upTo.sequences[process] >= id.sequence {
                violate(
                    "\(what): all up to \(upTo.sequences[process]) of \(id.process), without \(id)")
            } else if slice.isComplete {
                violate("\(what): complete, without \(id)")
            }
        }
    }

    private mutating func checkCut(_ random: inout some RandomNumberGenerator) {
        var cut = Cut(
            sequences: history.processes.map { line in
                line.count == 0 || line.standIn != nil
                    ? 0 : UInt64.random(in: 0...line.last, using: &random)
            })
        checkConsistency(of: cut)
        // Half of all cuts are far from consistent: this one is near.
        let whole = cut
        cut = history.greatestConsistent(inside: cut)
        checkGreatest(cut, inside: whole)
        checkConsistency(of: cut)
    }

    /// Nothing inside has seen what is outside, and whatever was left out has.
    private mutating func checkGreatest(_ cut: Cut, inside whole: Cut) {
        if !history.violations(of: cut).isEmpty {
            violate("cut: the greatest consistent one is not")
        }
        for (process, line) in history.processes.enumerated() where line.standIn == nil {
            let next = line.count(upTo: cut.sequences[process])
            guard next < line.count(upTo: whole.sequences[process]) else { continue }
            let id = EventID(line.id, line.sequence(at: next))
            let seen = history.seen(by: id)!
            let isInside = history.processes.indices.allSatisfy {
                history.processes[$0].standIn != nil || seen[$0] <= whole.sequences[$0]
            }
            // Where something is missing what is known may reach less far than what is left out.
            if isInside, world.isClean, !history.isContradictory(id) {
                violate("cut: a greater one is consistent, with \(id)")
            }
        }
    }

    private mutating func checkConsistency(of cut: Cut) {
        let violated = history.violations(of: cut)
        let doubts = history.doubts(of: cut)
        for violation in violated {
            guard let inside = happened[violation.inside],
                let outside = happened[violation.outside],
                !isMarker(inside), !isMarker(outside)
            else { continue }
            if !truth.isBefore(outside, inside) {
                violate("cut: \(violation.inside) has not seen \(violation.outside)")
            }
        }
        guard violated.isEmpty else { return }
        guard doubts.isEmpty else {
            for lack in doubts { checkLack(lack, "cut") }
            return
        }
        // Really consistent: what the last event of each line inside has seen is inside, as far as it has a number.
        for (process, line) in history.processes.enumerated() where cut.sequences[process] > 0 {
            guard let last = happened[EventID(line.id, cut.sequences[process])], !isMarker(last)
            else { continue }
            for (id, other) in happened where !isMarker(other) && truth.isBefore(other, last) {
                guard let index = history.index(of: id.process) else { continue }
                if cut.sequences[index] < id.sequence, !isElsewhereInside(other, cut) {
                    violate(
                        "cut: consistent, but \(line.id):\(cut.sequences[process]) has seen \(id)")
                }
            }
        }
    }

    private func isElsewhereInside(_ index: Truth.Index, _ cut: Cut) -> Bool {
        isInside(cut, index)
    }

    // MARK: When more arrives

    /// The definite orders of some events, by what really happened: what arrives later must not turn them round.
    func orders(_ events: [EventID]) -> [[Truth.Index]: CausalOrder] {
        var orders: [[Truth.Index]: CausalOrder] = [:]
        for a in events {
            for b in events {
                guard let x = happened[a], let y = happened[b] else { continue }
                if case .known(let order) = history.order(a, b) { orders[[x, y]] = order }
            }
        }
        return orders
    }

    mutating func checkMonotone(_ before: [[Truth.Index]: CausalOrder]) {
        let ids = Dictionary(happened.map { ($0.value, $0.key) }) { min($0, $1) }
        for (pair, order) in before {
            guard let a = ids[pair[0]], let b = ids[pair[1]] else { continue }
            switch history.order(a, b) {
            case .known(let now):
                if now != order { violate("order \(a) \(b): was \(order), is \(now)") }
            case .unknown(.contradiction, _): break
            case .unknown(.lacking(let lacks), _):
                let isContradiction = lacks.contains {
                    switch $0 {
                    case .fork, .name, .claim, .consistency: true
                    default: false
                    }
                }
                if !isContradiction {
                    violate("order \(a) \(b): was \(order), is unknown: \(lacks)")
                }
            case .unknown(.noSuchProcess, _):
                violate("order \(a) \(b): was \(order), is unheard of")
            }
        }
    }
}

private func min(_ a: EventID, _ b: EventID) -> EventID { listingOrder(a, b) ? a : b }
