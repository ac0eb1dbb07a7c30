import Causality
import Disks
import HappensBefore
import Parts

// What follows is the same, wherever it is kept.
extension Laws {
    /// Writes the graph to a file, and asks both about some events.
    mutating func checkOrderFile(_ events: [EventID]) throws {
        let file = try SimulatedDisk().open("/order", .create)
        try OrderFileWriter.write(history, to: file)
        let stored = try OrderFile(file)
        if Set(try stored.allGaps()) != Set(history.allGaps()) { violate("file: other gaps") }
        for a in events {
            for b in events where try stored.order(a, b) != history.order(a, b) {
                violate("file: order \(a) \(b): \(try stored.order(a, b)), \(history.order(a, b))")
            }
            if try told(a, by: stored) != told(a, by: history) {
                violate("file: \(a): \(try told(a, by: stored)), \(told(a, by: history))")
            }
        }
    }

    /// All that an index says of an event.
    private func told<Index: CausalIndex>(
        _ event: EventID, by index: Index
    ) throws(Index.Failure) -> [String] {
        var told: [String] = []
        for slice in [
            try index.past(of: event), try index.future(of: event),
            try index.concurrent(with: event),
        ] {
            guard let slice else { continue }
            var ranges: [String] = []
            for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
                ranges.append("\(try index.id(of: process)) \(range)")
            }
            told += [ranges.sorted().joined(separator: ", "), "\(slice.lacks)"]
            if let upTo = slice.upTo { told.append(try named(upTo, by: index)) }
        }
        told.append("\(try index.inexactness(of: event)) \(try index.isContradictory(event))")
        told.append("\(try index.rulings(seenBy: [event]))")
        if let place = try index.position(of: event) {
            let clock = try index.clock(at: place)
            told.append(
                clock.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "))
            told.append("\(try index.stamp(at: place))")
        }
        guard let seen = try index.seen(by: event) else { return told }
        let cut = Cut(sequences: seen)
        for violation in try index.violations(of: cut) {
            told.append("\(violation.inside) \(violation.outside)")
        }
        told.append("\(Set(try index.doubts(of: cut)).map(\.description).sorted())")
        told.append(try named(try index.greatestConsistent(inside: cut), by: index))
        return told
    }

    private func named<Index: CausalIndex>(
        _ cut: Cut, by index: Index
    ) throws(Index.Failure) -> String {
        var entries: [String] = []
        for (process, sequence) in cut.sequences.enumerated() where sequence > 0 {
            entries.append("\(try index.id(of: process)) \(sequence)")
        }
        return entries.sorted().joined(separator: ", ")
    }
}
