import Causality

/// What follows from the events at or below a cut, as it was then: what a history above the cut stands on.
package protocol CausalFloor: CausalIndex {
    /// The kind that was recorded for the event at a place.
    func kind(at place: EventPosition) throws(Failure) -> EventKind
    /// The wall time of the event at a place, in nanoseconds since 1970; `EventBatch.noTime` where it has none, or it cannot be
    /// read any more.
    func time(at place: EventPosition) throws(Failure) -> Int64
    /// Whether it tells of contradictions, and names processes there as they were called at the cut: then none may be called
    /// otherwise above it.
    func keepsNames() throws(Failure) -> Bool
    /// What to throw where it says what cannot be. Traps for a floor in memory, which never does.
    func contradiction(_ what: String) -> Failure
}

extension History: CausalFloor {
    package func kind(at place: EventPosition) -> EventKind { recordedKind(at: place) }

    package func time(at place: EventPosition) -> Int64 {
        processes[place.process].times[place.position]
    }

    /// What it tells of is not looked at.
    package func keepsNames() -> Bool { true }

    package func contradiction(_ what: String) -> Never { preconditionFailure(what) }
}

/// Which process of a floor is which of the history above it.
struct FloorNumbers: Sendable {
    /// By the history's index: the floor's. Without an entry for what nothing below the cut knows.
    private var below: [Int: Int] = [:]
    /// By the floor's index: the history's.
    private var above: [Int: Int] = [:]

    /// Those that a history was resumed with, or finds them by name: O(processes that are known below the cut). Throws where the
    /// floor has none of a name.
    init<Floor: CausalFloor>(_ floor: Floor, _ history: History) throws(Floor.Failure) {
        guard let footing = history.footing else { return }
        if let numbers = footing.numbers {
            self = numbers
            return
        }
        for (index, settled) in footing.processes {
            guard let other = try floor.index(of: settled.id) else {
                throw floor.contradiction("\(settled.id) is not there by its name")
            }
            below[index] = other
            above[other] = index
        }
    }

    /// - Parameter above: By the floor's index, the history's: each once.
    init(above: [Int: Int]) {
        self.above = above
        below = Dictionary(uniqueKeysWithValues: above.map { ($1, $0) })
    }

    /// The same, where processes of the history have other indexes.
    func renumbered(_ indices: [Int: Int]) -> FloorNumbers {
        FloorNumbers(above: above.mapValues { indices[$0]! })
    }

    /// A process in the floor; nil where nothing below the cut knows it.
    func below(_ process: Int) -> Int? { below[process] }

    func below(_ key: EventKey) -> EventKey? {
        below[key.process].map { EventKey(process: $0, sequence: key.sequence) }
    }

    /// The place of an event that is put away.
    func below(_ place: EventPosition) -> EventPosition {
        EventPosition(process: below[place.process]!, position: place.position)
    }

    // Of what a floor says. Throws where that is about a process which nothing below the cut knows.

    func above<Floor: CausalFloor>(
        _ process: Int, of floor: Floor
    ) throws(Floor.Failure) -> Int {
        guard let index = above[process] else {
            throw floor.contradiction("process \(process) is known, and what goes on lacks it")
        }
        return index
    }

    func above<Floor: CausalFloor>(
        _ place: EventPosition, of floor: Floor
    ) throws(Floor.Failure) -> EventPosition {
        EventPosition(process: try above(place.process, of: floor), position: place.position)
    }

    /// What an event below the cut knows.
    func above<Floor: CausalFloor>(
        _ key: EventKey, of floor: Floor
    ) throws(Floor.Failure) -> EventKey {
        EventKey(process: try above(key.process, of: floor), sequence: key.sequence)
    }

    func above<Floor: CausalFloor>(
        _ keys: [EventKey], of floor: Floor
    ) throws(Floor.Failure) -> [EventKey] {
        var found: [EventKey] = []
        for key in keys { found.append(try above(key, of: floor)) }
        return found
    }

    func above<Floor: CausalFloor>(
        _ arrivals: [Arrival], of floor: Floor
    ) throws(Floor.Failure) -> [Arrival] {
        var found: [Arrival] = []
        for arrival in arrivals {
            found.append(
                Arrival(position: arrival.position, event: try above(arrival.event, of: floor)))
        }
        return found
    }

    func above<Floor: CausalFloor>(
        _ why: Uncertainty?, of floor: Floor
    ) throws(Floor.Failure) -> Uncertainty? {
        switch why {
        case .event(let key): .event(try above(key, of: floor))
        case .sender(let key): .sender(try above(key, of: floor))
        case nil, .loss, .silence, .origin, .dropped: why
        }
    }
}

extension History {
    /// Looks up the events that are put away and that others above them name. O(what is above the cut), and one look-up for
    /// each that was not named before.
    mutating func borrow<Floor: CausalFloor>(from floor: Floor) throws(Floor.Failure) {
        guard let footing else { return }
        let wanted = namedBelow().union(lastBelow()).subtracting(footing.events.keys)
        guard !wanted.isEmpty else { return }
        let numbers = try FloorNumbers(floor, self)
        func known(at place: EventPosition) throws(Floor.Failure) -> IndexedClock {
            IndexedClock(try numbers.above(floor.known(at: numbers.below(place)), of: floor))
        }
        // Those of one process lie near each other.
        for place in wanted.sorted(by: { ($0.process, $0.position) < ($1.process, $1.position) }) {
            let last: IndexedClock
            if let found = self.footing!.processes[place.process]!.known {
                last = found
            } else {
                let base = processes[place.process].base
                last = try known(at: EventPosition(process: place.process, position: base - 1))
                self.footing!.processes[place.process]!.known = last
            }
            guard let learnedSince = last.rises(since: try known(at: place)) else {
                throw floor.contradiction(
                    "an event of \(id(of: place.process)) knows less than one before it")
            }
            let there = numbers.below(place)
            self.footing!.events[place] = PutAwayEvent(
                kind: try floor.kind(at: there), learnedSince: learnedSince,
                isExact: try floor.uncertainty(at: there) == nil)
        }
    }

    /// The last places below the cut.
    private func lastBelow() -> [EventPosition] {
        processes.indices.compactMap { process in
            let base = processes[process].base
            return base == 0 ? nil : EventPosition(process: process, position: base - 1)
        }
    }

    /// The places below the cut of events that stamps and causes above it name; where they name what is missing, of the last
    /// one before it.
    private func namedBelow() -> Set<EventPosition> {
        var places: Set<EventPosition> = []
        func add(_ key: EventKey) {
            let position = processes[key.process].count(upTo: key.sequence) - 1
            guard position >= 0, position < processes[key.process].base else { return }
            places.insert(EventPosition(process: key.process, position: position))
        }
        func cite(_ citation: Int, _ sequence: UInt64) {
            for key in keys(of: citation, sequence) {
                add(key)
                for origin in processes[key.process].implied { add(origin) }
            }
        }
        for line in processes[..<lineCount] {
            line.stamped.forEachRise { _, citation, value in cite(citation, value) }
            for cause in line.writtenCauses { cite(cause.citation, cause.sequence) }
            if line.base == 0 { for origin in line.implied { add(origin) } }
        }
        return places
    }
}
