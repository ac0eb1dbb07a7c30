/// The last events of a listing, in causal order: they are found from its end, and held until the first of them is.
struct LastEvents: EventSequence {
    /// From the end: with the limit that says how many.
    private var reversed: any EventSequence
    private var steps: [EventStep] = []
    private var isOver = false
    /// Why there may be more of them.
    private var stopped: QuestionStopped?
    /// What those take that are held, in bytes.
    private var byteCount = 0
    private let bytesMax: Int

    /// - Parameter bytesMax: Bytes of events that are held: those before them are left out, and it is told.
    init(_ reversed: any EventSequence, bytesMax: Int = Limits.lastEventsBytesMax) {
        self.reversed = reversed
        self.bytesMax = bytesMax
    }

    mutating func next() throws -> EventStep? {
        guard !isOver else {
            if let step = steps.popLast() { return step }
            if let stopped { throw stopped }
            return nil
        }
        let step: EventStep?
        do {
            step = try reversed.next()
        } catch let error as QuestionStopped {
            end(error)
            return .passed
        }
        guard let step else {
            isOver = true
            return .passed
        }
        switch step {
        case .event(let listed):
            byteCount += listed.byteCount
            guard byteCount <= bytesMax || steps.isEmpty else {
                end(QuestionStopped(.heldBytes(max: bytesMax)))
                return .passed
            }
            steps.append(step)
        case .unreadable: steps.append(step)
        case .passed, .match: break
        }
        return .passed
    }

    /// Those that were found are the last ones, and are given.
    private mutating func end(_ stopped: QuestionStopped) {
        let events = steps.compactMap { if case .event(let listed) = $0 { listed } else { nil } }
        self.stopped = stopped
        self.stopped?.progress = .listed(events.count, last: events.first?.id)
        isOver = true
        reversed.release()
    }

    mutating func release() { reversed.release() }
}
