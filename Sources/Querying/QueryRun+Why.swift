import Causality
import HappensBefore

extension QueryRun {
    /// The last receive of the process of an event, up to it, where its messages came from, and so on back to the first ones.
    /// Whoever only passed on what it got is left out. Those that the fewest messages lie between, where there are very many.
    mutating func why(of event: EventPosition?) throws -> [EventPosition] {
        guard let event else { return [] }
        lacks += try index.inexactness(of: index.id(event))
        let messages = try execution.messages(options.cancellation)
        var meant: Set<EventPosition> = [event]
        var reached = meant
        var queue = [event]
        var number = 0
        while number < queue.count {
            try options.cancellation.check()
            guard meant.count < Limits.whyEventsMax else {
                remark = "the nearest \(meant.count) events: what led to these lies further back"
                break
            }
            let place = queue[number]
            number += 1
            let droppedCount = try index.droppedCount(of: place.process)
            let sequences = try index.sequences(of: place.process)
            let found = try lastReceive(before: place, messages)
            // What is missing between the two may be a receive, too.
            let since = found.map { sequences[$0] } ?? 0
            for gap in try index.gaps(of: place.process)
            where gap.last > since && gap.first < sequences[place.position] {
                lacks.append(.events(gap))
            }
            guard let receive = found, receive >= droppedCount else {
                if droppedCount > 0, let last = try index.lastDropped(of: place.process) {
                    lacks.append(.dropped(last))
                }
                continue
            }
            let arrived = EventPosition(process: place.process, position: receive)
            // A send right behind the receive of what it passes on: then this is of no interest.
            let isForwarder = place != event && place.position == receive + 1
            if isForwarder { meant.remove(place) } else { meant.insert(arrived) }
            for arrival in try messages.arrivals(at: place.process, in: receive..<receive + 1) {
                guard
                    let position = try index.sequences(of: arrival.event.process).position(
                        of: arrival.event.sequence)
                else {
                    let process = try index.id(of: arrival.event.process)
                    lacks.append(
                        .events(
                            Gap(
                                process: process, first: arrival.event.sequence,
                                last: arrival.event.sequence)))
                    continue
                }
                let send = EventPosition(process: arrival.event.process, position: position)
                guard try position >= index.droppedCount(of: send.process) else {
                    lacks.append(.dropped(try index.lastDropped(of: send.process)!))
                    continue
                }
                guard reached.insert(send).inserted else { continue }
                meant.insert(send)
                queue.append(send)
            }
        }
        upTo = nil
        return try causally(Array(meant))
    }

    /// The position of the last event of a process, up to one of it, at which a message arrived.
    private func lastReceive(
        before place: EventPosition, _ messages: Execution.Messages
    ) throws -> Int? {
        var (end, step) = (place.position + 1, Limits.rowsOfNews)
        while end > 0 {
            try options.cancellation.check()
            let start = max(0, end - step)
            if let last = try messages.arrivals(at: place.process, in: start..<end).last {
                return last.position
            }
            (end, step) = (start, step * 2)
        }
        return nil
    }
}
