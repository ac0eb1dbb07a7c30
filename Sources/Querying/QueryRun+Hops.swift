import Causality
import HappensBefore

/// How far news goes by a few messages, backwards or forwards: of each process a prefix or a suffix, as of the causal past and
/// future. Along a process news travels by itself, so the last event that was reached, or the first, is all that matters of it.
struct Hops<Execution: IndexedExecution> {
    private let execution: Execution
    private let messages: Execution.Messages
    private let cancellation: Cancellation
    /// By process, up to where events are within reach: an end of positions backwards, a start forwards.
    private(set) var reached: [Int]
    /// By process, up to where messages were looked for.
    private var looked: [Int]
    /// By process, the highest number that a message was sent with.
    private var cited: [UInt64]
    /// For want of what there may be more messages.
    private(set) var lacks: [Lack] = []
    private let direction: Direction
    private var index: Execution.Index { execution.index }

    /// - Parameter places: From where on; they are within reach only where one is before or after another.
    init(
        _ places: [EventPosition], _ direction: Direction, _ execution: Execution,
        _ cancellation: Cancellation
    ) throws {
        self.execution = execution
        self.direction = direction
        self.cancellation = cancellation
        messages = try execution.messages(cancellation)
        cited = [UInt64](repeating: 0, count: execution.index.processCount)
        reached = cited.map { _ in 0 }
        if direction == .forwards {
            for process in reached.indices {
                reached[process] = try execution.index.sequences(of: process).count
            }
        }
        looked = reached
        for place in places {
            reach(place.process, direction == .backwards ? place.position : place.position + 1)
        }
    }

    /// Where a message comes from, or where it goes.
    private struct Step {
        var process: Int
        /// -1 for what is missing and has nothing before it.
        var position: Int
        /// Backwards: the number of the event that is meant, whether or not it is here.
        var sequence: UInt64 = 0
        var isMessage: Bool
    }

    /// Goes so many messages far from some events. O(events and messages within reach).
    mutating func go(_ count: Int, from places: [EventPosition]) throws {
        var next = places.map { (process: $0.process, position: $0.position) }
        for hop in 0...count where !next.isEmpty {
            var after: [(process: Int, position: Int)] = []
            while let (process, position) = next.popLast() {
                for step in try steps(process, position, isLast: hop == count) {
                    guard !step.isMessage || hop < count else { continue }
                    cited[step.process] = max(cited[step.process], step.sequence)
                    guard step.position >= 0 else { continue }
                    let isBack = direction == .backwards
                    reach(step.process, isBack ? step.position + 1 : step.position)
                    if step.isMessage {
                        after.append((step.process, step.position))
                    } else {
                        next.append((step.process, step.position))
                    }
                }
            }
            next = after
        }
    }

    /// Backwards: the highest number of a process that is within reach, whether or not it is here.
    func lastReached(of process: Int) throws -> UInt64 {
        let sequences = try index.sequences(of: process)
        return max(cited[process], looked[process] > 0 ? sequences[looked[process] - 1] : 0)
    }

    private mutating func reach(_ process: Int, _ position: Int) {
        reached[process] =
            direction == .backwards
            ? max(reached[process], position) : min(reached[process], position)
    }

    /// Where messages come from up to a position of a process, or go from it on, as far as nobody looked yet.
    ///
    /// - Parameter isLast: Whether messages lead too far from here.
    private mutating func steps(
        _ process: Int, _ position: Int, isLast: Bool
    ) throws -> [Step] {
        let positions: Range<Int>
        switch direction {
        case .backwards:
            guard position + 1 > looked[process] else { return [] }
            positions = looked[process]..<position + 1
            looked[process] = position + 1
        case .forwards:
            guard position < looked[process] else { return [] }
            positions = position..<looked[process]
            looked[process] = position
        }
        if !isLast { try findUncertain(process, positions) }
        return direction == .backwards
            ? try senders(process, positions) : try receivers(process, positions)
    }

    private func senders(_ process: Int, _ positions: Range<Int>) throws -> [Step] {
        var found: [Step] = []
        func add(_ key: EventKey, isMessage: Bool) throws {
            // Where it is missing, what came before it is as near.
            let position = try index.sequences(of: key.process).count(upTo: key.sequence) - 1
            found.append(
                Step(
                    process: key.process, position: position, sequence: key.sequence,
                    isMessage: isMessage))
        }
        if positions.lowerBound == 0 {
            for key in try index.implied(by: process) { try add(key, isMessage: false) }
        }
        var start = positions.lowerBound
        while start < positions.upperBound {
            try cancellation.check()
            let end = min(positions.upperBound, start + Limits.rowsOfNews)
            for arrival in try messages.arrivals(at: process, in: start..<end) {
                try add(
                    arrival.event,
                    isMessage: index.isMessage(from: arrival.event.process, to: process))
            }
            start = end
        }
        return found
    }

    private func receivers(_ process: Int, _ positions: Range<Int>) throws -> [Step] {
        let sequences = try index.sequences(of: process)
        // What was sent by one that is missing, behind the first of them, was sent after it.
        var sequence = sequences[positions.lowerBound]
        let end = positions.upperBound < sequences.count ? sequences[positions.upperBound] : .max
        var found: [Step] = []
        while sequence < end {
            try cancellation.check()
            let departures = try messages.departures(from: process, since: sequence)
            guard let last = departures.last else { break }
            for departure in departures where departure.sequence < end {
                let receipt = departure.receipt
                found.append(
                    Step(
                        process: receipt.process, position: receipt.position,
                        isMessage: try index.isMessage(from: process, to: receipt.process)))
            }
            guard last.sequence < .max else { break }
            sequence = last.sequence + 1
        }
        return found
    }

    /// A message may have come where it is not known what an event had seen.
    private mutating func findUncertain(_ process: Int, _ positions: Range<Int>) throws {
        var position = positions.lowerBound
        while position < positions.upperBound {
            let place = EventPosition(process: process, position: position)
            position = try index.certainEnd(from: place)
            guard position == place.position else { continue }
            try cancellation.check()
            if try index.uncertainty(at: place) != nil {
                lacks += try index.inexactness(of: index.id(place))
                break
            }
            position += 1
        }
    }
}

extension QueryRun {
    /// Of what happened before some events, or after them, what is at most so many messages away.
    func within(
        _ count: Int, _ direction: Direction, of places: [EventPosition], _ whole: Slice
    ) throws -> Slice {
        var hops = try Hops(places, direction, execution, options.cancellation)
        try hops.go(count, from: places)
        let ranges = whole.ranges.enumerated().map { process, range in
            direction == .backwards
                ? range.clamped(to: 0..<hops.reached[process])
                : range.clamped(
                    to: hops.reached[process]..<max(hops.reached[process], range.upperBound))
        }
        let lacks = try whole.lacks.filter { lack in
            guard direction == .backwards, case .events(let gap) = lack,
                let process = try index.index(of: gap.process)
            else { return true }
            // What came later on its process than all that is within reach sent nothing there.
            return try gap.first <= hops.lastReached(of: process)
        }
        return Slice(ranges: ranges, lacks: lacks + hops.lacks, upTo: whole.upTo)
    }
}
