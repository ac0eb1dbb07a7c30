import Causality
import Journals

/// What an incarnation begins with.
struct Beginning {
    var origin = Origin.nothing
    var clock: [(RunKey, UInt64)] = []
    var isComplete = true
    /// True where it may have seen more than its origin, and that cannot be told.
    var lacksOrigin = false

    init(
        _ parent: Incarnation.Parent?, _ before: Incarnations.Given?, isNumbered: Bool,
        _ find: (Incarnations.Given) -> Predecessor
    ) {
        if let parent {
            // A parent that had recorded nothing hands on what it began with.
            guard parent.sequence > 0 else {
                self = parent.beginning
                return
            }
            // What the parent knew may have been in the middle of a change: it follows from the parent's history.
            origin = .event(RunKey(parent.run), parent.sequence)
            isComplete = false
            return
        }
        switch before.map(find) ?? (isNumbered ? nil : .unknown) {
        case nil, .alive: break
        case .unknown:
            origin = .unknown
            lacksOrigin = true
        case .ended(let last):
            origin = last.successorOrigin
            clock = last.clock.sorted { $0.key.bits < $1.key.bits }.map { ($0.key, $0.value) }
            isComplete = last.isComplete
            lacksOrigin = !last.isEndKnown
        }
    }
}
