import Causality

extension LiveListing {
    /// The matches of as many new events as a message takes: of each event all of them, and a cursor behind it.
    mutating func takeMatches(_ source: inout any LiveMatchSequence) throws -> Turn {
        let clock = ContinuousClock()
        let began = clock.now
        var turn = MatchesTurn()
        while pass!.isWhole || !turn.isFull {
            guard let step = try source.next() else {
                turn.events += pass!.matches.map {
                    LiveEvent(step: .match($0), isLate: false, isWaiting: false)
                }
                try pass!.finish(&cursor!)
                let isWhole = pass!.isWhole
                pass = nil
                return turn.isEmpty && messages.isEmpty && !isWhole ? .working : told(turn)
            }
            switch step {
            case .match(let match): pass!.matches.append(match)
            case .note(let text): messages.append(.note(text))
            case .done(let place, let sequence):
                turn.byteCount += pass!.matches.reduce(0) { $0 + $1.byteCount }
                turn.events += pass!.show(pass!.matches, of: place, sequence, &cursor!)
                pass!.matches = []
                if !messages.isEmpty { return told(turn) }
            case .unreadable(let place, let id):
                turn.unreadable.append(id)
                _ = pass!.pass(place, id.sequence, &cursor!)
            case .passed:
                guard clock.now - began > .milliseconds(Limits.liveMilliseconds) else { continue }
                return turn.isEmpty ? .working : told(turn)
            }
        }
        return told(turn)
    }

    /// Notes, then what was found with where that leads: who is cut off in between is told once more.
    private mutating func told(_ turn: MatchesTurn) -> Turn {
        if let note = turn.note { messages.append(.note(note)) }
        messages.append(.events(turn.events, cursor!))
        return .message(messages.removeFirst())
    }
}

/// What a turn has found.
private struct MatchesTurn {
    var events: [LiveEvent] = []
    /// What these take.
    var byteCount = 0
    var unreadable: [EventID] = []

    var isEmpty: Bool { events.isEmpty && unreadable.isEmpty }
    var isFull: Bool {
        events.count >= Limits.liveEventsMax || byteCount >= Limits.liveBytesMax
            || unreadable.count >= Limits.liveEventsMax
    }

    var note: String? {
        guard let first = unreadable.first else { return nil }
        let others = unreadable.count - 1
        let more = others == 0 ? "" : " and \(count(others, "more event", "more events"))"
        return "\(first)\(more) cannot be read: matches of them are not shown"
    }
}
