import Causality
import Exporting
import FoundationEssentials
import HappensBefore
import Querying

// What is shown says what is known, and no more.
extension Laws {
    private struct Shown: Decodable {
        var complete: Bool?
        var exact: Bool?
        var count: Int?
        var consistent: String?
        var greatestConsistent: [String: UInt64]?
        var upTo: [String: UInt64]?
        var order: String?
        var excluded: [String]?
        var restsOn: [String]?
    }

    private func ask(_ verb: String, _ parameters: [String: String]) throws -> Shown {
        let options = Question.Options(execution: history.execution)
        let question = try Question(verb, QuestionParameters(parameters.mapValues { [$0] }))
        let text = try Answering(evidence, options) { _ in graph }.written(question, as: .json)
            .text()
        return try JSONDecoder().decode(Shown.self, from: Data(text.utf8))
    }

    /// Of an event that is here, and another one.
    mutating func checkAnswers(of events: [EventID]) throws {
        let here = events.filter { history.position(of: $0) != nil }
        if let a = here.first, let b = here.last { try checkAnswers(a, b) }
        guard !history.rulings(seenBy: here).isEmpty else { return }
        for a in here {
            for b in here where history.order(a, b) == .known(.concurrent) {
                if !history.rulings(seenBy: [a, b]).isEmpty { return try checkAnswers(a, b) }
            }
        }
    }

    /// Asks about two events that are here as a person would, and checks the answers' words against the history, which the
    /// other laws check against the truth.
    private mutating func checkAnswers(_ a: EventID, _ b: EventID) throws {
        guard let place = history.position(of: a), history.position(of: b) != nil else { return }
        let frame = history.rows(at: place).frame
        let isReadable = !evidence.rotten.contains(frame)
        let isSound = !history.isContradictory(a)
        for (verb, slice) in [
            ("past", history.past(of: a)), ("future", history.future(of: a)),
            ("concurrent", history.concurrent(with: a)),
        ] {
            let shown = try ask(verb, ["event": "\(a)", "count": "true"])
            if shown.complete != (slice!.isComplete && isSound) || shown.count != slice!.count
                || (shown.upTo == nil) != (slice!.upTo == nil)
            {
                violate("\(verb) \(a): shown otherwise than known")
            }
        }
        if isReadable, try ask("show", ["event": "\(a)"]).exact != history.isExact(a) {
            violate("show \(a): shown otherwise than known")
        }
        let order = history.order(a, b)
        let shown = try ask("order", ["a": "\(a)", "b": "\(b)"])
        switch order {
        case .known(let known):
            if shown.order != known.rawValue {
                violate("order \(a) \(b): shown otherwise than known")
            }
            let words = history.rulings(seenBy: [a, b])
            if known == .concurrent, !words.isEmpty, shown.restsOn != words.map(\.by.description) {
                violate("order \(a) \(b): does not say on whose word it rests")
            }
        case .unknown(_, let excluded):
            if shown.order != "unknown" || shown.excluded != excluded.map(\.rawValue) {
                violate("order \(a) \(b): shown otherwise than known")
            }
        }
        checkShown(try ask("cut", ["event": "\(a)"]), Cut(sequences: history.seen(by: a)!), of: a)
        if let time = history.processes[place.process].time(at: place.position) {
            checkShown(try ask("cut", ["at": "\(time)"]), cut(at: time), of: nil)
        }
    }

    private func cut(at time: WallTime) -> Cut {
        Cut(
            sequences: history.processes.indices.map { process in
                history.lastPosition(in: process, by: time)
                    .map { history.processes[process].sequence(at: $0) } ?? 0
            })
    }

    private mutating func checkShown(_ shown: Shown, _ cut: Cut, of event: EventID?) {
        let doubts = event.map { history.inexactness(of: $0) } ?? history.doubts(of: cut)
        let verdict =
            !history.violations(of: cut).isEmpty ? "no" : doubts.isEmpty ? "yes" : "unknown"
        if shown.consistent != verdict {
            violate("cut \(cut.sequences): shown otherwise than known")
        }
        guard let named = shown.greatestConsistent else { return }
        let greatest = Cut(sequences: history.processes.map { named["\($0.id)"] ?? 0 })
        if !history.violations(of: greatest).isEmpty || !history.doubts(of: greatest).isEmpty {
            violate(
                "cut \(cut.sequences): the greatest consistent one inside may not be consistent")
        }
    }
}
