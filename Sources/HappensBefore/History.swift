import Causality

/// The happens-before graph of one execution: every process's events, and what each had seen of the others.
///
/// There is no list of edges to walk. Along a process knowledge only grows, so "does b know a" is one look-up in
/// the steps of b's knowledge of a's process, and "the first event of q that knows a" one binary search.
/// Memory: about 17 bytes an event and 12 bytes for each entry by which a clock grew.
package struct History: Sendable {
    package let execution: String
    /// Every process that is here or cited, in order of appearance.
    package internal(set) var processes: [ProcessHistory] = []
    var indexOf: [ProcessID: Int] = [:]
    /// Recorded causes whose send is not here, by the send: what its receiver learned is what it knew.
    var receiptsOfMissing: [EventKey: [EventPosition]] = [:]

    package init(execution: String) { self.execution = execution }

    /// How many events are here.
    package var eventCount: Int { processes.reduce(0) { $0 + $1.count } }

    /// The index of a process that is here or cited, or nil. O(1).
    package func index(of process: ProcessID) -> Int? { indexOf[process] }

    /// The place of an event that is here, or nil. O(log n).
    package func position(of event: EventID) -> EventPosition? {
        guard let process = indexOf[event.process],
            let position = processes[process].position(of: event.sequence)
        else { return nil }
        return EventPosition(process: process, position: position)
    }

    /// The name of the event at a place.
    package func id(_ place: EventPosition) -> EventID {
        let line = processes[place.process]
        return EventID(line.id, line.sequence(at: place.position))
    }

    func key(_ place: EventPosition) -> EventKey {
        EventKey(process: place.process, sequence: processes[place.process].runs[place.position])
    }

    func id(_ key: EventKey) -> EventID { EventID(processes[key.process].id, key.sequence) }

    mutating func intern(_ process: ProcessID) -> Int {
        if let known = indexOf[process] { return known }
        indexOf[process] = processes.count
        processes.append(ProcessHistory(id: process, host: ""))
        return processes.count - 1
    }
}

/// The place of an event that is here: index of its process, and position among that process's events.
package struct EventPosition: Hashable, Sendable {
    package var process: Int
    package var position: Int

    package init(process: Int, position: Int) {
        self.process = process
        self.position = position
    }
}

/// An event that may or may not be here: index of its process, and sequence number.
struct EventKey: Hashable, Sendable {
    var process: Int
    var sequence: UInt64
}
