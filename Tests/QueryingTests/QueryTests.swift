import Causality
import Exporting
import HappensBefore
import SimulatedHistories
import Testing

@testable import Querying

/// Patterns against a naive evaluator that looks at all tuples of events, on random histories.
@Suite struct QueryTests {
    /// What happened, and what of it is here.
    struct World {
        var truth: [Event]
        var here: [Event]
        var store: MemoryStore

        /// The clocks of hosts are minutes apart.
        static let hosts = ["p0": "h0", "p1": "h0", "p2": "h1", "p3": "h2"]

        init(seed: UInt64, lossPercent: Int) {
            var random = SeededGenerator(seed: seed)
            var truth = SimulatedHistory(
                .init(processes: 4, events: 120, crashPerMille: 4), seed: seed
            ).events
            for index in truth.indices {
                truth[index].text = ["x", "y", "z", "w"].randomElement(using: &random)!
                truth[index].attributes = [
                    Attribute("k", .json("\(Int.random(in: 0..<5, using: &random))"))
                ]
                if Int.random(in: 0..<3, using: &random) == 0 { truth[index].attributes = [] }
                truth[index].time = WallTime(
                    nanoseconds: Int64(index) * 1_000_000_000
                        + (Int64(Self.hosts[truth[index].id.process.name]!.dropFirst())! * 100_000_000_000))
            }
            let here = truth.filter { _ in
                Int.random(in: 0..<100, using: &random) >= lossPercent
            }
            var frames: [[Event]] = []
            for (_, events) in Dictionary(grouping: here, by: \.id.process).sorted(by: {
                listingOrder($0.key, $1.key)
            }) {
                for start in stride(from: 0, to: events.count, by: 9) {
                    frames.append(Array(events[start..<min(start + 9, events.count)]))
                }
            }
            self.truth = truth
            self.here = here
            store = MemoryStore(events: frames, hosts: Self.hosts)
        }
    }

    /// A pattern as text and as what it means.
    struct Pattern {
        var texts: [String] = []
        var relations: [Query.Relation] = []
        var isAbsent = false
        /// Between the terms of a link, by its number.
        var joined: Set<Int> = []
        var differs: Set<Int> = []
        var seconds: [Int: Double] = [:]

        init(_ random: inout SeededGenerator) {
            let count = Int.random(in: 2...3, using: &random)
            for _ in 0..<count { texts.append(["x", "y", "z"].randomElement(using: &random)!) }
            for link in 0..<count - 1 {
                relations.append(Query.Relation.allCases.randomElement(using: &random)!)
                if Int.random(in: 0..<4, using: &random) == 0 { joined.insert(link) }
                if Int.random(in: 0..<5, using: &random) == 0 { differs.insert(link) }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    seconds[link] = Double(Int.random(in: 1...60, using: &random))
                }
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                isAbsent = true
                relations[count - 2] = Bool.random(using: &random) ? .before : .after
            }
        }

        var text: String {
            var text = "{ text = \(texts[0]) } as t0"
            for (link, relation) in relations.enumerated() {
                let isLast = link == relations.count - 1
                text += " \(isLast && isAbsent ? "!" : "")\(relation.rawValue) "
                text += "{ text = \(texts[link + 1]) } as t\(link + 1)"
                if let seconds = seconds[link] { text += " within \(Int(seconds))s" }
            }
            var conditions = joined.sorted().map { "t\($0).k = t\($0 + 1).k" }
            conditions += differs.sorted().map { "t\($0).process != t\($0 + 1).process" }
            if !conditions.isEmpty { text += " where " + conditions.joined(separator: " && ") }
            return text
        }

        func conditionsHold(_ link: Int, _ a: Event, _ b: Event) -> Bool {
            if joined.contains(link) {
                guard let one = a.attributes.first, one == b.attributes.first else { return false }
            }
            return !differs.contains(link) || a.id.process != b.id.process
        }
    }

    /// The naive evaluator: over all tuples of what truly happened, by true times.
    struct Naive {
        let events: [Event]
        let moments: [EventID: Int]

        init(_ world: World, upTo ends: [ProcessID: UInt64]) {
            events = world.truth.filter { $0.id.sequence <= ends[$0.id.process] ?? 0 }
            moments = Dictionary(
                uniqueKeysWithValues: world.truth.enumerated().map { ($1.id, $0) })
        }

        func tuples(_ pattern: Pattern) -> Set<[EventID]> {
            var tuples = events.filter { $0.text == pattern.texts[0] }.map { [$0] }
            for link in pattern.relations.indices {
                let behind = events.filter { $0.text == pattern.texts[link + 1] }
                if pattern.isAbsent, link == pattern.relations.count - 1 {
                    tuples = tuples.filter { tuple in
                        !behind.contains { isRelated(pattern, link, tuple.last!, $0) }
                    }
                } else {
                    tuples = tuples.flatMap { tuple in
                        behind.filter { isRelated(pattern, link, tuple.last!, $0) }
                            .map { tuple + [$0] }
                    }
                }
            }
            return Set(tuples.map { $0.map(\.id) })
        }

        private func isBefore(_ a: Event, _ b: Event) -> Bool {
            a.id != b.id && b.clock.hasSeen(a.id)
        }

        private func isRelated(
            _ pattern: Pattern, _ link: Int, _ a: Event, _ b: Event
        ) -> Bool {
            guard a.id != b.id, pattern.conditionsHold(link, a, b) else { return false }
            if let seconds = pattern.seconds[link],
                Double(abs(moments[a.id]! - moments[b.id]!)) > seconds
            {
                return false
            }
            return switch pattern.relations[link] {
            case .before: isBefore(a, b)
            case .after: isBefore(b, a)
            case .concurrent: !isBefore(a, b) && !isBefore(b, a)
            case .message: b.causes.contains { $0.event == EventReference(a.id) }
            case .nearest:
                isBefore(a, b)
                    && !events.contains {
                        $0.id.process == b.id.process && $0.id.sequence < b.id.sequence
                            && $0.text == pattern.texts[link + 1] && isBefore(a, $0)
                    }
            case .sameProcess: a.id.process == b.id.process
            }
        }
    }

    private static func found(
        _ query: String, _ store: MemoryStore, limit: Int? = nil
    ) throws -> (tuples: [[EventID]], doubts: [String?], isComplete: Bool) {
        let answering = Answering(store, Question.Options(limit: limit))
        let question = try Question("query", QuestionParameters(["q": [query]]))
        guard case .events(var listing) = try answering.answer(question) else {
            throw QuestionError(.misuse, "expected matches")
        }
        var tuples: [[EventID]] = []
        var doubts: [String?] = []
        while let step = try listing.events.next() {
            guard case .match(let match) = step else { continue }
            tuples.append(
                match.events.map { event in
                    switch event.event {
                    case .event(let listed): listed.id
                    case .unreadable(let id): id
                    }
                })
            doubts.append(match.doubt)
        }
        return (tuples, doubts, listing.completeness.isComplete)
    }

    /// What is surely a match is one, and every match is found, or the answer says that it is not all.
    @Test(arguments: [0, 0, 5, 20], 1...15 as ClosedRange<UInt64>)
    func isWhatANaiveEvaluatorFinds(lossPercent: Int, seed: UInt64) throws {
        let world = World(seed: seed, lossPercent: lossPercent)
        var random = SeededGenerator(seed: seed &* 31)
        let history = try ExecutionGraph.load("main", from: world.store).history
        var ends: [ProcessID: UInt64] = [:]
        for process in 0..<history.processCount {
            let facts = history.facts(of: process)
            ends[facts.id] = facts.end
        }
        let naive = Naive(world, upTo: ends)
        let here = Set(world.here.map(\.id))
        for _ in 0..<12 {
            let pattern = Pattern(&random)
            let truth = naive.tuples(pattern)
            let (tuples, doubts, isComplete) = try Self.found(pattern.text, world.store)
            let comment = "seed \(seed), \(lossPercent) %: \(pattern.text)"
            let found = Set(tuples)
            #expect(found.count == tuples.count, "\(comment)")
            if lossPercent == 0 { #expect(isComplete, "\(comment)") }
            for (tuple, doubt) in zip(tuples, doubts) {
                guard let doubt else {
                    #expect(truth.contains(tuple), "\(comment): \(tuple) is none")
                    continue
                }
                #expect(
                    lossPercent > 0 || !pattern.seconds.isEmpty, "\(comment): \(tuple): \(doubt)")
            }
            for tuple in truth where tuple.allSatisfy(here.contains) {
                #expect(found.contains(tuple) || !isComplete, "\(comment): \(tuple) is missing")
            }
        }
    }
}
