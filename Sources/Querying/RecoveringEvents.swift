import Causality

/// Events from files; where these cannot be read any further, what they were made of goes on from the event that comes next.
struct RecoveringEvents: EventSequence {
    private var events: any EventSequence
    /// The same events from another place, from the first one on; nil where they are not the same for sure.
    private let again: () throws -> (any EventSequence)?
    private var canRecover = true
    private var last: EventID?
    /// How many were given, of which the others are still to be passed by.
    private var given = 0
    private var toPass = 0

    init(
        _ events: any EventSequence, again: @escaping () throws -> (any EventSequence)?
    ) {
        self.events = events
        self.again = again
    }

    mutating func next() throws -> EventStep? {
        let step: EventStep?
        do {
            step = try events.next()
        } catch let error
            where canRecover && !(error is QuestionError || error is QuestionStopped)
        {
            guard let others = try again() else { throw error }
            (events, canRecover, toPass) = (others, false, given)
            return .passed
        }
        guard let step else { return nil }
        if case .passed = step { return step }
        if toPass > 0 {
            toPass -= 1
            if toPass == 0, case .event(let listed) = step, listed.id != last {
                throw QuestionError(.notFound, "a file that tells the order is damaged: ask again")
            }
            return .passed
        }
        given += 1
        if case .event(let listed) = step { last = listed.id }
        switch step {
        // Of what cannot be read nothing is known that would have it come at the same place; matches have no names.
        case .unreadable, .match: canRecover = false
        case .event, .passed: break
        }
        return step
    }

    mutating func release() { events.release() }
}
