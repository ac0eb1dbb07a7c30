import Causality

extension Query {
    /// What happens between processes again and again: a pattern that is there ready-made, found along their messages.
    package enum Motif: Hashable, Sendable {
        /// A message, and the first one back.
        case requestResponse
        /// Messages of one process to at least so many others, while none came there.
        case broadcast(Int)
        /// Messages to one process from at least so many others, while none left it.
        case gather(Int)

        var name: String {
            switch self {
            case .requestResponse: "request-response"
            case .broadcast: "broadcast"
            case .gather: "gather"
            }
        }

        static let names = ["request-response", "broadcast", "gather"]

        /// The terms, by the selection that each is of: the first one or the second one.
        var terms: [(name: String, selection: Int)] {
            switch self {
            case .requestResponse:
                [("request", 0), ("received", 1), ("response", 1), ("answered", 0)]
            case .broadcast, .gather: [("sent", 0), ("received", 1)]
            }
        }

        /// The first term that is of the same selection.
        func first(like term: Int) -> Int {
            terms.firstIndex { $0.selection == terms[term].selection }!
        }
    }
}
