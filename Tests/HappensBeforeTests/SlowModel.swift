import Causality

@testable import HappensBefore

/// The laws, word for word and slowly, over a list of events that are here.
struct SlowModel {
    let events: [Event]
    let byID: [EventID: Event]

    init(_ events: [Event]) {
        self.events = events
        byID = Dictionary(uniqueKeysWithValues: events.map { ($0.id, $0) })
    }

    /// Whether `e` has seen `x`; nil where nothing that is here decides it.
    func knows(_ e: EventID, _ x: EventID) -> Bool? {
        if e.process == x.process { return e.sequence >= x.sequence }
        if let event = byID[e] { return event.clock.hasSeen(x) }
        // Something at or before e has seen x.
        if events.contains(where: {
            $0.id.process == e.process && $0.id.sequence < e.sequence && $0.clock.hasSeen(x)
        }) {
            return true
        }
        // A receiver learned from e of something that is x or has seen it.
        for receive in events where receive.causes.map(\.event) == [EventReference(e)] {
            guard let before = byID[EventID(receive.id.process, receive.id.sequence - 1)] else {
                continue
            }
            for (reference, sequence) in receive.clock.entries {
                guard case .named(let process) = reference, process != receive.id.process,
                    process != e.process, before.clock[process] < sequence
                else { continue }
                if process == x.process, sequence >= x.sequence { return true }
                if events.contains(where: {
                    $0.id.process == process && $0.id.sequence <= sequence && $0.clock.hasSeen(x)
                }) {
                    return true
                }
            }
        }
        // Something that has seen e has not seen x.
        if events.contains(where: { $0.clock.hasSeen(e) && !$0.clock.hasSeen(x) }) { return false }
        return nil
    }

    func order(_ a: EventID, _ b: EventID) -> CausalOrder? {
        if a == b { return .equal }
        switch (knows(b, a), knows(a, b)) {
        case (true?, _): return .before
        case (_, true?): return .after
        case (false?, false?): return .concurrent
        default: return nil
        }
    }

    /// The message edges as the transitive reduction: pairs across processes with nothing in between.
    func edges() -> Set<[EventID]> {
        var edges: Set<[EventID]> = []
        for receive in events {
            for (reference, sequence) in receive.clock.entries {
                guard case .named(let process) = reference, process != receive.id.process else {
                    continue
                }
                let send = EventID(process, sequence)
                let between = events.contains { middle in
                    middle.id != send && middle.id != receive.id && middle.clock.hasSeen(send)
                        && receive.clock.hasSeen(middle.id)
                }
                if !between { edges.insert([send, receive.id]) }
            }
        }
        return edges
    }
}

/// A process of a log.
func makeKey(_ process: ProcessID) -> ProcessKey {
    ProcessKey(execution: "main", host: "h", process: process)
}

/// Who wrote a frame, where all are of one.
let oneSource = Identity128(high: 0, low: 1)

/// A history of the `events` of a log, in frames of at most `frameRows` rows of one process, each with whole clocks.
func makeHistory(_ events: [Event], frameRows: Int = 7) -> History {
    var history = History(execution: "main")
    var frame = 0
    for (process, all) in Dictionary(grouping: events, by: \.id.process)
        .sorted(by: { $0.key.name < $1.key.name })
    {
        let sorted = all.sorted { $0.id.sequence < $1.id.sequence }
        for start in stride(from: 0, to: sorted.count, by: frameRows) {
            let rows = Array(sorted[start..<min(start + frameRows, sorted.count)])
            let left = history.append(
                HistoryFrame(
                    id: frame, source: oneSource, batch: EventBatch(rows, of: makeKey(process))))
            precondition(left.isEmpty)
            frame += 1
        }
    }
    history.finish()
    return history
}

extension EventOrder {
    var known: CausalOrder? {
        if case .known(let order) = self { return order }
        return nil
    }
}
