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
                        + (Int64(Self.hosts[truth[index].id.process.name]!.dropFirst())!
                            * 100_000_000_000))
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
        var until: [Int: String] = [:]
        /// Of the first two events.
        var gap: (isMore: Bool, seconds: Int)?

        init(_ random: inout SeededGenerator) {
            let count = Int.random(in: 2...3, using: &random)
            for _ in 0..<count { texts.append(["x", "y", "z"].randomElement(using: &random)!) }
            for link in 0..<count - 1 {
                relations.append(
                    Query.Relation.allCases.filter { $0 != .any }.randomElement(using: &random)!)
                if Int.random(in: 0..<4, using: &random) == 0 { joined.insert(link) }
                if Int.random(in: 0..<5, using: &random) == 0 { differs.insert(link) }
                if Int.random(in: 0..<4, using: &random) == 0 {
                    seconds[link] = Double(Int.random(in: 1...60, using: &random))
                }
                if [.before, .nearest, .message].contains(relations[link]),
                    Int.random(in: 0..<4, using: &random) == 0
                {
                    until[link] = ["w", "z"].randomElement(using: &random)!
                }
            }
            if Int.random(in: 0..<3, using: &random) == 0 {
                isAbsent = true
                relations[count - 2] = Bool.random(using: &random) ? .before : .after
                until[count - 2] = nil
            }
            if Int.random(in: 0..<4, using: &random) == 0, !isAbsent || count > 2 {
                gap = (Bool.random(using: &random), Int.random(in: -20...60, using: &random))
            }
        }

        var text: String {
            var text = "{ text = \(texts[0]) } as t0"
            for (link, relation) in relations.enumerated() {
                let isLast = link == relations.count - 1
                text += " \(isLast && isAbsent ? "!" : "")\(relation.rawValue) "
                text += "{ text = \(texts[link + 1]) } as t\(link + 1)"
                if let seconds = seconds[link] { text += " within \(Int(seconds))s" }
                if let until = until[link] { text += " until { text = \(until) }" }
            }
            var conditions = joined.sorted().map { "t\($0).k = t\($0 + 1).k" }
            conditions += differs.sorted().map { "t\($0).process != t\($0 + 1).process" }
            if let gap {
                conditions.append("gap(t0, t1) \(gap.isMore ? ">" : "<=") \(gap.seconds)s")
            }
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

        /// What is known to exist of it.
        init(_ world: World) throws {
            let history = try ExecutionGraph.load("main", from: world.store).history
            var ends: [ProcessID: UInt64] = [:]
            for process in 0..<history.processCount {
                let facts = history.facts(of: process)
                ends[facts.id] = facts.end
            }
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

        func isBefore(_ a: Event, _ b: Event) -> Bool {
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
            if link == 0, let gap = pattern.gap {
                let elapsed = moments[b.id]! - moments[a.id]!
                guard (elapsed > gap.seconds) == gap.isMore else { return false }
            }
            if let until = pattern.until[link],
                events.contains(where: { $0.text == until && isBefore(a, $0) && isBefore($0, b) })
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
            case .any: true
            }
        }
    }

    static func found(
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
    @Test(arguments: [0, 5, 20], 1...15 as ClosedRange<UInt64>)
    func isWhatANaiveEvaluatorFinds(lossPercent: Int, seed: UInt64) throws {
        let world = World(seed: seed, lossPercent: lossPercent)
        var random = SeededGenerator(seed: seed &* 31)
        let naive = try Naive(world)
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
                    lossPercent > 0 || !pattern.seconds.isEmpty || pattern.gap != nil,
                    "\(comment): \(tuple): \(doubt)")
            }
            for tuple in truth where tuple.allSatisfy(here.contains) {
                #expect(found.contains(tuple) || !isComplete, "\(comment): \(tuple) is missing")
            }
        }
    }

    static func table(_ query: String, _ store: MemoryStore) throws -> NumberTable {
        let question = try Question("query", QuestionParameters(["q": [query]]))
        guard case .table(let table) = try Answering(store, .init()).answer(question) else {
            throw QuestionError(.misuse, "expected numbers")
        }
        return table
    }

    /// Matches are counted as they are listed, whether or not each is looked at.
    @Test(arguments: 1...15 as ClosedRange<UInt64>)
    func countsAreThoseOfTheMatches(seed: UInt64) throws {
        let world = World(seed: seed, lossPercent: Int(seed % 3) * 5)
        var random = SeededGenerator(seed: seed &* 17)
        for _ in 0..<12 {
            let pattern = Pattern(&random)
            let (tuples, doubts, _) = try Self.found(pattern.text, world.store)
            let sure = zip(tuples, doubts).filter { $0.1 == nil }.map(\.0)
            let table = try Self.table("\(pattern.text) | count()", world.store)
            let comment = "seed \(seed): \(pattern.text)"
            #expect(table.lines.map(\.number) == [.count(sure.count)], "\(comment)")
            #expect(table.doubtful == tuples.count - sure.count, "\(comment)")
            let last = pattern.isAbsent ? pattern.texts.count - 2 : pattern.texts.count - 1
            for term in [0, last] {
                let name = pattern.isAbsent && pattern.texts.count == 2 ? "" : "t\(term)."
                let groups = try Self.table(
                    "\(pattern.text) | count() by (\(name)process)", world.store)
                let expected = Dictionary(grouping: sure) { $0[term].process.description }
                    .mapValues { NumberTable.Number.count($0.count) }
                let found = Dictionary(
                    uniqueKeysWithValues: groups.lines.map { ($0.groups[0], $0.number) })
                #expect(found == expected, "\(comment)")
            }
            // What comes first and last of a listing does so by itself.
            let (first, _, _) = try Self.found("\(pattern.text) | first 3", world.store)
            #expect(first == Array(tuples.prefix(3)), "\(comment)")
            let (few, _, _) = try Self.found("\(pattern.text) | last 2", world.store)
            #expect(few == Array(tuples.suffix(2)), "\(comment)")
        }
    }

    static func events(
        _ query: String, _ store: MemoryStore
    ) throws -> (events: [EventID], isComplete: Bool) {
        let question = try Question("query", QuestionParameters(["q": [query]]))
        guard case .events(var listing) = try Answering(store, .init()).answer(question) else {
            throw QuestionError(.misuse, "expected events")
        }
        var events: [EventID] = []
        while let step = try listing.events.next() {
            if case .event(let listed) = step { events.append(listed.id) }
        }
        return (events, listing.completeness.isComplete)
    }

    /// Sets of events against what their clocks say.
    @Test(arguments: 1...15 as ClosedRange<UInt64>)
    func stagesGiveTheEventsThatTheyMean(seed: UInt64) throws {
        let world = World(seed: seed, lossPercent: 0)
        let xs = world.here.filter { $0.text == "x" && $0.id.sequence % 7 == 0 }
        func isBefore(_ a: Event, _ b: Event) -> Bool { a.id != b.id && b.clock.hasSeen(a.id) }
        func expect(_ stages: String, _ isMeant: (Event) -> Bool) throws {
            let some =
                "{ text = x && (\(xs.map { "seq = \($0.id.sequence)" }.joined(separator: " || "))) }"
            let (events, isComplete) = try Self.events("\(some) \(stages)", world.store)
            #expect(
                Set(events) == Set(world.here.filter(isMeant).map(\.id)), "seed \(seed): \(stages)")
            #expect(Set(events).count == events.count && isComplete, "seed \(seed): \(stages)")
            let clocks = Dictionary(uniqueKeysWithValues: world.here.map { ($0.id, $0.clock) })
            for (index, event) in events.enumerated() {
                #expect(
                    !events[..<index].contains { $0 != event && clocks[$0]!.hasSeen(event) },
                    "seed \(seed): \(stages): \(event) comes after what has seen it")
            }
        }
        guard !xs.isEmpty else { return }
        try expect("| past") { event in xs.contains { isBefore(event, $0) } }
        try expect("| future") { event in xs.contains { isBefore($0, event) } }
        try expect("| past | { text = y }") { event in
            event.text == "y" && xs.contains { isBefore(event, $0) }
        }
        try expect("| window 3") { event in
            xs.contains {
                $0.id.process == event.id.process
                    && max($0.id.sequence, event.id.sequence)
                        - min($0.id.sequence, event.id.sequence) <= 3
            }
        }
        try expect("| first per process") { event in
            xs.filter { $0.id.process == event.id.process }.map(\.id.sequence).min()
                == event.id.sequence && event.text == "x"
        }
        try expect("| last 2 per process") { event in
            xs.filter { $0.id.process == event.id.process }.suffix(2).contains { $0.id == event.id }
        }
        let (first, _) = try Self.events(
            "{ text = x } | first", world.store)
        let one = world.here.first { $0.id == first[0] }!
        let (concurrent, _) = try Self.events("{ text = x } | first | concurrent", world.store)
        #expect(
            Set(concurrent)
                == Set(
                    world.here.filter {
                        !isBefore($0, one) && !isBefore(one, $0) && $0.id != one.id
                    }.map(\.id)))
    }

    /// Why: the last receives, and where their messages came from; whoever passed one on is left out.
    @Test func whyFollowsTheLastMessages() throws {
        let event = AnsweringTests.event
        let store = MemoryStore(events: [
            [event("a", 1, "root", [:]), event("a", 2, "send", [:]), event("a", 3, "later", [:])],
            [
                event("b", 1, "own", [:]), event("b", 2, "get", ["a": 2]),
                event("b", 3, "pass on", ["a": 2]), event("b", 4, "x", ["a": 2]),
            ],
            [
                event("c", 1, "get", ["a": 2, "b": 3]), event("c", 2, "work", ["a": 2, "b": 3]),
                event("c", 3, "fail", ["a": 2, "b": 3]),
            ],
        ])
        let (events, isComplete) = try Self.events("{ text = fail } | why", store)
        #expect(events.map(\.description) == ["a:2", "c:1", "c:3"] && isComplete)
        #expect(throws: QuestionError.self) { try Self.events("{ process = c } | why", store) }
        // Two that talk for ever, and think in between.
        var talk: [[Event]] = [[], []]
        for turn in 1...800 as ClosedRange<UInt64> {
            let heard: [String: UInt64] = turn == 1 ? [:] : ["b": 3 * turn - 3]
            for number in 3 * turn - 2...3 * turn {
                talk[0].append(event("a", number, "", heard))
                talk[1].append(event("b", number, "", ["a": 3 * turn]))
            }
        }
        let (nearest, _) = try Self.events(
            "{ process = b } | last | why", MemoryStore(events: talk))
        #expect((1_000...1_002).contains(nearest.count) && nearest.last?.sequence == 2_400)
        let question = try Question("why", QuestionParameters(["event": ["c:3"]]))
        guard case .events(var listing) = try Answering(store, .init()).answer(question) else {
            throw QuestionError(.misuse, "expected events")
        }
        var again: [EventID] = []
        while let step = try listing.events.next() {
            if case .event(let listed) = step { again.append(listed.id) }
        }
        #expect(again == events)
    }

    /// Of events that have seen each other, neither is said to be before the other.
    @Test func contradictionsAreNoMatches() throws {
        let event = AnsweringTests.event
        let store = MemoryStore(events: [
            [event("a", 1, "x", ["b": 1]), event("a", 2, "y", ["b": 1])],
            [event("b", 1, "y", ["a": 1]), event("b", 2, "y", ["a": 1])],
        ])
        let (tuples, _, _) = try Self.found("{ text = x } -> { text = y }", store)
        #expect(tuples.map { "\($0[1])" } == ["a:2", "b:2"], "\(tuples)")
        #expect(
            try Self.found("{ text = y } <- { text = x }", store).tuples.map { "\($0[0])" } == [
                "a:2", "b:2",
            ])
        #expect(try Self.found("{ text = x } || { text = y }", store).tuples.isEmpty)
        #expect(
            try Self.found("{ text = x } ->1 { text = y }", store).tuples.map { "\($0[1])" } == [
                "a:2"
            ])
    }

    /// The first and the last event of a process need no number.
    @Test func eventsAtTheEndsOfAProcess() throws {
        let event = AnsweringTests.event
        let store = MemoryStore(events: [
            [event("web-1/api", 3, "one", [:]), event("web-1/api", 4, "two", [:])],
            [event("db", 1, "three", ["web-1/api": 3])],
        ])
        func order(_ a: String, _ b: String) throws -> CausalOrder? {
            let question = try Question("order", QuestionParameters(["a": [a], "b": [b]]))
            guard case .order(let order) = try Answering(store, .init()).answer(question) else {
                return nil
            }
            return order.order
        }
        #expect(try order("api:first", "db:last") == .before)
        #expect(try order("web-1/api:last", "db:first") == .concurrent)
        #expect(try order("api:first", "api:3") == .equal)
        #expect(throws: QuestionError.self) { try order("api:middle", "db:1") }
    }

    @Test(arguments: [
        ("level = error", 1, "in braces, such as"), ("x -> {}", 1, "expected “{”, found “x”"),
        ("{ lamp }", 8, "the word lamp: { \"lamp\" }"), ("{ lamp lost }", 8, "{ \"lamp lost\" }"),
        ("{ x = 1 && lamp }", 17, "exists(lamp)"),
        ("{} as p -> {} as q | count() by (p)", 34, "such as p.process"),
        ("{} as p -> {} as q where p = 1", 26, "“p” is an event"),
        ("{a = 1} -> ", 12, "expected “{”"), ("{a = 1} => {}", 9, "expected ->"),
        ("{} as a -> {} as a", 19, "two terms are called “a”"),
        ("{} -> {} within 3", 17, "expected a duration"),
        ("{} || {} within 3 events", 17, "concurrent"),
        ("{} !-> {} -> {}", 14, "nothing can be related"),
        ("{} where a.x = 1", 10, "in the braces"),
        ("{} as a -> {} as b where c.x = a.x", 26, "expected a field of a, b"),
        ("{} as a -> {} as b where a.x = b.x select c", 43, "expected one of a, b"),
        ("request-response({}, {}, 2)", 24, "expected “)”"), ("request-response({})", 20, "“,”"),
        ("broadcast({}, {})", 17, "expected “,”"), ("broadcast({}, {}, 1)", 19, "from 2 to"),
        ("broadcats({}, {}, 2)", 1, "perhaps “broadcast”"),
        ("gather({}, {}, 2) -> {}", 19, "expected where, select"),
        ("request-response({}, {}) select client", 33, "expected one of request, received"),
        ("{} | cascade | past", 16, "behind numbers"), ("{} | clusters", 14, "expected “within”"),
        ("{} | clusters within 5 events", 22, "such as 5s"), ("{} | compare {}", 14, "“(”"),
        ("{} | compare({}", 16, "expected “)”"), ("{} | compares({})", 6, "perhaps “compare”"),
        ("{} | hops", 10, "from 1 to"), ("{} | past hops 0", 16, "from 1 to"),
        ("{} | concurrent hops 2", 17, "expected ->"),
        ("all({}) within 5s", 7, "expected “,” and another term"),
        ("all({}, {})", 12, "expected “within”"), ("all({}, {}) within 5", 20, "such as 5s"),
        ("all({}, {}) within 5 events", 20, "such as 5s"),
        ("all({}, {}) within 5s -> {}", 23, "expected where, select"),
        ("all({} as a, {} as a) within 5s", 32, "two terms are called"),
        ("all({}, {}) within 5s wher x", 23, "perhaps “where”"),
        ("{} | cuont()", 6, "perhaps “count”"), ("{} | count() | past", 16, "behind numbers"),
        ("{} | quantile(x, 2)", 18, "from 0 to 1"), ("{} | first per", 15, "expected “process”"),
        ("{} as 1", 7, "expected a name"),
        ("{} -> {} | count() by (process)", 24, "expected a field of 1, 2"),
        ("{} <- {} until {}", 10, "behind ->"),
        ("{}{2} -> {}", 3, "between two others"), ("{} -> {}{2}", 12, "expected -> behind"),
        ("{} -> {}{2} <- {}", 13, "expected -> behind"), ("{} -> {}{2} ->1 {}", 13, "expected ->"),
        ("{} <- {}{2} -> {}", 9, "between two others"), ("{} -> {}{x} -> {}", 10, "from 0 to"),
        ("{} -> {}{3,2} -> {}", 12, "from 3 to"), ("{} -> {}{2 -> {}", 12, "expected “}”"),
        ("{} -> {}{2} -> {}{2} -> {}", 18, "between two others"),
        ("{} -> {}{2} as b -> {}", 13, "expected -> behind"), ("{} | rate(5)", 11, "a duration"),
        ("{} as a -> {} as b where gap(a, c) > 1s", 33, "expected one of a, b"),
        ("{} as a -> {} as b where !(gap(a, b) > 1s)", 43, "by && only"),
        ("{} as a !-> {} as b where gap(a, b) > 1s", 41, "absent"),
        ("{} wher x", 4, "perhaps “where”"), ("", 1, "expected “{”"),
    ])
    func errorsPointAtTheColumn(text: String, column: Int, what: String) throws {
        let error = try #require(throws: QuerySyntaxError.self) { try Query(text) }
        #expect(error.column == column && error.text.contains(what), "\(error)")
    }

    /// How many there are in each stretch of time, and how much lies between two events.
    @Test func numbersOfTime() throws {
        var events: [Event] = []
        for (number, second) in [0, 59, 60, 200].enumerated() {
            var event = AnsweringTests.event("a", UInt64(number + 1), number == 0 ? "x" : "y")
            event.time = WallTime(nanoseconds: Int64(second) * 1_000_000_000)
            events.append(event)
        }
        let store = MemoryStore(events: [events])
        let rate = try Self.table("{} | rate(1m)", store)
        #expect(rate.lines.map(\.number) == [.count(2), .count(1), .count(1)])
        #expect(
            rate.lines.map { $0.groups[0] } == [
                "1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z", "1970-01-01T00:03:00Z",
            ])
        let pairs = "{ text = x } as a -> { text = y } as b"
        #expect(
            try Self.table("\(pairs) | max(gap(a, b))", store).lines[0].number == .duration(200))
        #expect(
            try Self.table("\(pairs) | min(gap(b, a))", store).lines[0].number == .duration(-200))
        #expect(
            try Self.table("\(pairs) where gap(a, b) < 100s | count()", store).lines[0].number
                == .count(2))
    }

    @Test func aLimitIsWhereItSays() throws {
        func terms(_ count: Int) -> String {
            Array(repeating: "{}", count: count).joined(separator: " -> ")
        }
        #expect(throws: Never.self) { try Query(terms(Limits.queryTermsMax)) }
        #expect(throws: QuerySyntaxError.self) { try Query(terms(Limits.queryTermsMax + 1)) }
        func unordered(_ count: Int) -> String {
            "all(\(Array(repeating: "{}", count: count).joined(separator: ", "))) within 5s"
        }
        #expect(throws: Never.self) { try Query(unordered(Limits.queryTermsMax)) }
        #expect(throws: QuerySyntaxError.self) { try Query(unordered(Limits.queryTermsMax + 1)) }
        #expect(throws: Never.self) { try Query("{} -> {}{\(Limits.placesMax)} -> {}") }
        #expect(throws: QuerySyntaxError.self) {
            try Query("{} -> {}{\(Limits.placesMax + 1)} -> {}")
        }
        for stage in ["window", "first", "last", "hops", "past hops"] {
            #expect(throws: Never.self) { try Query("{} | \(stage) \(Limits.placesMax)") }
            #expect(throws: QuerySyntaxError.self) { try Query("{} | \(stage) \(Int.max)") }
        }
        #expect(try Aggregation.sum(.max - 1, 1) == .max)
        #expect(throws: QuestionError.self) { try Aggregation.sum(.max, 1) }
        func stages(_ count: Int) -> String { "{}" + String(repeating: " | past", count: count) }
        #expect(throws: Never.self) { try Query(stages(Limits.queryStagesMax)) }
        #expect(throws: QuerySyntaxError.self) { try Query(stages(Limits.queryStagesMax + 1)) }
        func sum(_ count: Int) -> String {
            "{ a" + String(repeating: " + 1", count: count) + " > 0 }"
        }
        #expect(throws: Never.self) { try Query(sum(Limits.selectionDepthMax - 1)) }
        #expect(throws: QuerySyntaxError.self) { try Query(sum(Limits.selectionDepthMax)) }
    }

    @Test func numbersOfGroups() throws {
        var events: [Event] = []
        for (number, (user, took)) in [("u", "1"), ("v", "2"), ("u", "3"), ("u", "300ms")]
            .enumerated()
        {
            var event = AnsweringTests.event("a", UInt64(number + 1))
            event.attributes = [Attribute("user", .text(user)), Attribute("took", .text(took))]
            events.append(event)
        }
        let store = MemoryStore(events: [events])
        func lines(_ stage: String) throws -> [String] {
            try Self.table("{ exists(took) } | \(stage)", store).lines.map {
                "\($0.groups.joined()) \($0.number)"
            }
        }
        #expect(try lines("count() by (user)") == ["u count(3)", "v count(1)"])
        #expect(try lines("topk(1, count()) by (user)") == ["u count(3)"])
        let named = try Self.table("{ exists(took) } as a | count() by (a.user)", store)
        #expect(named.lines.map(\.groups) == [["u"], ["v"]] && named.groupTitles == ["a.user"])
        #expect(try lines("max(took)") == [" duration(3.0)"])
        #expect(
            try lines("histogram(took)") == ["250ms count(1)", "1 count(1)", "2 count(2)"])
        #expect(try lines("distinct(user)") == [" count(2)"])
        let numbers = "{ took <= 3 } | "
        func number(_ stage: String) throws -> NumberTable.Number {
            try Self.table(numbers + stage, store).lines[0].number
        }
        #expect(try number("max(took)") == .number(3) && number("sum(took)") == .number(6))
        #expect(try number("avg(took)") == .number(2) && number("min(took * 2)") == .number(2))
        #expect(try number("quantile(took, .5)") == .number(2) && number("count()") == .count(3))
        #expect(try Self.table("{ user = w } | count()", store).lines[0].number == .count(0))
        #expect(
            try Self.table("{ user = w } | max(took)", store).lines[0].number
                == NumberTable.Number.none)
    }
}
