import Causality

// What can be followed.
extension Query {
    /// The events that any of its terms takes, or that are counted between them.
    var anySelection: Selection {
        let all = terms.map(\.selection) + links.flatMap(\.between).map(\.selection)
        return all.dropFirst().reduce(all[0]) { $0.or($1) }
    }

    /// Whether an event that is in no match may decide whether others are one.
    var asksForOthers: Bool {
        links.contains { $0.isAbsent || !$0.between.isEmpty || $0.relation == .nearest }
    }

    /// Throws where something that comes later may turn a match that was shown into none.
    ///
    /// What is asked of the past of events stays as it is: of a past that is here nothing comes later. So `!<-`, `->1`, `until`
    /// and counted terms can be followed: where something of the past is missing, they are unknown, and are shown so. Bounds on the
    /// time between two hosts only become narrower.
    func requireStable() throws(QuestionError) {
        if let stage = stages.first {
            throw Self.refusal(
                "| \(stage.title)", "what stands behind a pattern is made of all matches",
                "follow the pattern alone")
        }
        if let motif {
            throw Self.refusal(
                "\(motif.name)(…)", "a message that arrives later may make it another",
                "follow the messages: {} ~> {}")
        }
        if let link = links.last, link.isAbsent, link.relation == .before {
            throw Self.refusal(
                "!->", "what comes later may be such an event",
                "follow {a} -> {b}, or what had none before it: {b} !<- {a}")
        }
        let between = joinedFields.contains { $0.field == .kind }
        if between || selections.contains(where: \.asksForKind) {
            throw Self.refusal(
                "kind", "a message that arrives later may tell what an event was",
                "leave it out: {a} ~> {b} takes sends and receives only")
        }
    }

    private static func refusal(
        _ what: String, _ why: String, _ instead: String
    ) -> QuestionError {
        QuestionError(
            .misuse,
            "\(printable(what)) cannot be followed: \(why); \(instead), or ask for it with query")
    }
}
