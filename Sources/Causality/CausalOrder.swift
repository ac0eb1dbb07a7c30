/// How two events (or two clocks) are ordered. There is no fifth case between two clocks; between two
/// events of an incomplete history the answer can also be unknown, which HappensBefore adds.
package enum CausalOrder: String, Sendable {
    /// The first happened before the second.
    case before
    /// The first happened after the second.
    case after
    /// They are one and the same.
    case equal
    /// Neither could have influenced the other.
    case concurrent

    /// The order of the same two, named the other way round.
    package var reversed: CausalOrder {
        switch self {
        case .before: .after
        case .after: .before
        case .equal, .concurrent: self
        }
    }
}
