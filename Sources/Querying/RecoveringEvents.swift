/// Events from files; where these cannot be read any further, what they were made of goes on from the event that comes next.
struct RecoveringEvents: EventSequence {
    private var events: any EventSequence
    /// The same events from another place, from the first one on; nil where they are not the same for sure.
    private let again: () throws -> (any EventSequence)?
    private var isRecovered = false
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
            where !(isRecovered || error is QuestionError || error is QuestionStopped)
        {
            guard let others = try again() else { throw error }
            (events, isRecovered, toPass) = (others, true, given)
            return .passed
        }
        guard let step else { return nil }
        if case .passed = step { return step }
        if toPass > 0 {
            toPass -= 1
            return .passed
        }
        given += 1
        return step
    }

    mutating func release() { events.release() }
}
