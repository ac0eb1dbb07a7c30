import Causality

/// What follows from the events at or below a cut, as it was then: what a history above the cut stands on.
package protocol CausalFloor: CausalIndex {
    /// The kind that was recorded for the event at a place.
    func kind(at place: EventPosition) throws(Failure) -> EventKind
    /// The wall time of the event at a place, in nanoseconds since 1970; `EventBatch.noTime` where it has none.
    func time(at place: EventPosition) throws(Failure) -> Int64
}

extension History: CausalFloor {
    package func kind(at place: EventPosition) -> EventKind { recordedKind(at: place) }

    package func time(at place: EventPosition) -> Int64 {
        processes[place.process].times[place.position]
    }
}

/// Which process of a floor is which of the history above it.
struct FloorNumbers: Sendable {
    /// By the history's index: the floor's. Without an entry for what nothing below the cut knows.
    private var below: [Int: Int] = [:]
    /// By the floor's index: the history's.
    private var above: [Int: Int] = [:]

    /// Finds them by name. O(processes that are known below the cut).
    init<Floor: CausalFloor>(_ floor: Floor, _ history: History) throws(Floor.Failure) {
        for (index, settled) in history.footing?.processes ?? [:] {
            guard let other = try floor.index(of: settled.id) else {
                preconditionFailure("\(settled.id) is not in the floor of its history")
            }
            below[index] = other
            above[other] = index
        }
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

    func above(_ process: Int) -> Int { above[process]! }

    func above(_ place: EventPosition) -> EventPosition {
        EventPosition(process: above(place.process), position: place.position)
    }

    /// What an event below the cut knows.
    func above(_ key: EventKey) -> EventKey {
        EventKey(process: above[key.process]!, sequence: key.sequence)
    }

    func above(_ why: Uncertainty?) -> Uncertainty? {
        switch why {
        case .event(let key): .event(above(key))
        case .sender(let key): .sender(above(key))
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
        for place in wanted {
            let there = numbers.below(place)
            self.footing!.events[place] = PutAwayEvent(
                kind: try floor.kind(at: there),
                known: try floor.known(at: there).map(numbers.above),
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
            for (citation, steps) in line.stamped {
                for value in steps.rises(from: line.base).values { cite(citation, value) }
            }
            for cause in line.writtenCauses { cite(cause.citation, cause.sequence) }
            if line.base == 0 { for origin in line.implied { add(origin) } }
        }
        return places
    }
}
