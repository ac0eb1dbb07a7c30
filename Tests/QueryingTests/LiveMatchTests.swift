import Causality
import Exporting
import HappensBefore
import SimulatedHistories
import Testing

@testable import Querying

/// The matches of a pattern as somebody follows them, against those that there are at the end.
@Suite struct LiveMatchTests {
    /// A history whose frames come one after the other, some of them much too late.
    struct World {
        var whole: QueryTests.World
        var frames: [[Event]]
        /// Those that come when they are given up.
        var late: [[Event]]

        init(seed: UInt64, latePercent: Int) {
            whole = QueryTests.World(seed: seed, lossPercent: 0)
            var random = SeededGenerator(seed: seed &* 977)
            let moments = Dictionary(
                uniqueKeysWithValues: whole.truth.enumerated().map { ($1.id, $0) })
            // Smaller than those of the store, so that there is more to see.
            let all = whole.store.events.flatMap { frame in
                stride(from: 0, to: frame.count, by: 3).map {
                    Array(frame[$0..<min($0 + 3, frame.count)])
                }
            }
            let keyed = all.map { frame in
                (moments[frame[0].id]! + Int.random(in: -15...15, using: &random), frame)
            }.sorted { $0.0 < $1.0 }
            let isLate = keyed.map { _ in Int.random(in: 0..<100, using: &random) < latePercent }
            frames = zip(keyed, isLate).filter { !$0.1 }.map(\.0.1)
            late = zip(keyed, isLate).filter(\.1).map(\.0.1)
        }

        func store(_ count: Int) -> MemoryStore {
            MemoryStore(
                events: Array((frames + late).prefix(count)), hosts: QueryTests.World.hosts)
        }
    }

    /// Somebody who follows, and whose connection breaks now and then.
    struct Reader {
        var parameters: [String: [String]]
        var live: LiveListing<MemoryStore>
        var rows: [(tuple: [EventID], doubt: String?, isLate: Bool, waits: Bool)] = []
        var notes: [String] = []
        var cursor: String?
        var random: SeededGenerator
        let breaks: Bool
        var now = ContinuousClock.now
        /// How many frames were there when an event came into what is shown.
        var entered: [EventID: Int] = [:]

        init(_ parameters: [String: [String]], seed: UInt64, breaks: Bool) throws {
            self.parameters = parameters
            live = LiveListing(try LiveRequest(QuestionParameters(parameters)))
            random = SeededGenerator(seed: seed)
            self.breaks = breaks
        }

        mutating func reconnect() throws {
            live = LiveListing(
                try LiveRequest(QuestionParameters(parameters), lastCursor: cursor))
        }

        /// Takes all that there is to take.
        mutating func read(_ store: MemoryStore) throws {
            live.lookAgain()
            loop: while true {
                switch try live.next(Answering(store, Question.Options()), at: now) {
                case .working: continue
                case .idle:
                    cursor = live.position?.text
                    break loop
                case .message(.events(let events, let cursor)):
                    for event in events {
                        guard case .match(let match) = event.step else {
                            Issue.record("\(event.step)")
                            continue
                        }
                        let tuple = match.events.map { event in
                            switch event.event {
                            case .event(let listed): listed.id
                            case .unreadable(let id): id
                            }
                        }
                        rows.append((tuple, match.doubt, event.isLate, event.isWaiting))
                    }
                    self.cursor = cursor.text
                    if breaks, Int.random(in: 0..<6, using: &random) == 0 { try reconnect() }
                case .message(.note(let text)): notes.append(text)
                case .message(.waiting), .message(.givenUp): break
                }
            }
            guard let position = live.position else { return }
            for (index, frame) in store.events.enumerated() {
                let run = LiveCursor.Run(
                    identity: store.key(of: index).identity, branch: nil)
                for event in frame where entered[event.id] == nil {
                    if position.has(event.id.sequence, of: run) {
                        entered[event.id] = store.events.count
                    }
                }
            }
            if breaks, Int.random(in: 0..<4, using: &random) == 0 { try reconnect() }
        }
    }

    /// A pattern that can be followed.
    static func pattern(_ random: inout SeededGenerator) -> QueryTests.Pattern {
        while true {
            let pattern = QueryTests.Pattern(&random)
            if let query = try? Query(pattern.text), (try? query.requireStable()) != nil {
                return pattern
            }
        }
    }

    /// Follows a pattern while a history comes, and compares what was shown with what there is at the end.
    ///
    /// - Parameter isTrue: Whether events are a match of what truly happened; nil where that is for the query at the end to say.
    static func follow(
        _ text: String, _ world: World, seed: UInt64, eager: Bool, breaks: Bool,
        isTrue: (([EventID]) -> Bool)? = nil
    ) throws {
        let comment = "seed \(seed), eager \(eager), breaks \(breaks): \(text)"
        var parameters = ["q": [text], "all": ["true"], "execution": ["main"]]
        if eager { parameters["eager"] = ["true"] }
        var reader = try Reader(parameters, seed: seed, breaks: breaks)
        let all = world.frames.count + world.late.count
        for count in 0...all {
            reader.now += .milliseconds(Int.random(in: 0...200, using: &reader.random))
            if count > world.frames.count
                || count > 0 && Int.random(in: 0..<3, using: &reader.random) > 0
            {
                continue
            }
            try reader.read(world.store(count))
        }
        try reader.read(world.store(world.frames.count))
        if !world.late.isEmpty {
            // What is missing is given up; then it comes all the same.
            for _ in 0..<8 {
                reader.now += .seconds(Limits.agentSilentSeconds)
                try reader.read(world.store(world.frames.count))
            }
            for count in world.frames.count...all { try reader.read(world.store(count)) }
        }
        let end = world.store(all)
        let (tuples, doubts, _) = try QueryTests.found(text, end)
        let sure = Set(zip(tuples, doubts).filter { $0.1 == nil }.map(\.0))
        let shown = Set(reader.rows.map(\.tuple))
        #expect(shown.count == reader.rows.count, "\(comment): a match came twice")
        #expect(reader.notes.isEmpty, "\(comment): \(reader.notes)")
        for row in reader.rows where row.doubt == nil {
            #expect(sure.contains(row.tuple), "\(comment): \(row.tuple) is none")
            if let isTrue { #expect(isTrue(row.tuple), "\(comment): \(row.tuple) is none") }
        }
        for tuple in tuples where !shown.contains(tuple) {
            // It was not known when the last of its events came.
            let entered = tuple.compactMap { reader.entered[$0] }
            #expect(entered.count == tuple.count, "\(comment): \(tuple) was passed over")
            guard let last = entered.max(), entered.count == tuple.count else { continue }
            let before = try QueryTests.found(text, world.store(last)).tuples
            #expect(
                !world.late.isEmpty && !before.contains(tuple),
                "\(comment): \(tuple) was left out when there were \(last) frames")
        }
    }

    /// Of patterns of all forms: each match once, and none that is definite is wrong.
    @Test(arguments: [1, 2, 3, 4, 5, 111] as [UInt64], [0, 15])
    func isWhatThereIsAtTheEnd(seed: UInt64, latePercent: Int) throws {
        let world = World(seed: seed, latePercent: latePercent)
        var random = SeededGenerator(seed: seed &* 31)
        let naive = try QueryTests.Naive(world.whole)
        for number in 0..<6 {
            let pattern = Self.pattern(&random)
            let truth = naive.tuples(pattern)
            try Self.follow(
                pattern.text, world, seed: seed, eager: number % 4 == 3, breaks: number % 2 == 1
            ) { truth.contains($0) }
        }
    }

    /// The same of what the naive evaluator does not know.
    @Test(arguments: [
        "{ text = x } -> { text = w }{2,} -> { text = y }",
        "{ text = x } -> { text = w }{0,1} -> { text = y }",
        "{ text = x } -> { text = y } within 4 events",
        "{ text = x } <- { text = y } within 6 events",
        "{ text = x } . { text = y } within 2 events",
        "{ text = x } . { text = x }", "{ text = x } || { text = x }",
        "{ text = x && seq <= 15 } -> { text = y } <- { text = x && seq <= 15 }",
        "{ text = x } as a -> { text = y } as b -> { text = x } as c where a.k = c.k",
        "{ text = x } as a -> { text = y } as b where a.process != b.process select b, a",
        "{ text = x } as a -> { text = y } as b where a.host = b.host",
        "all({ text = x }, { text = y }) within 6s",
        "all({ text = x }, { text = x }, { text = z } as c) within 5s",
        "{ text = x } !<- { text = y } within 30 events",
        "{ text = x } as a !<- { text = y } as b where a.k = b.k", "{} ~> {}",
    ])
    func otherFormsAreFollowed(text: String) throws {
        for (seed, latePercent, eager, breaks) in [
            (1, 0, false, false), (2, 12, false, true), (3, 12, true, false),
        ] as [(UInt64, Int, Bool, Bool)] {
            let world = World(seed: seed, latePercent: latePercent)
            try Self.follow(text, world, seed: seed, eager: eager, breaks: breaks)
        }
    }

    /// What is here and is shown only later decides, too: here w, which comes behind y, that was missing before an event of its
    /// process.
    @Test func whatIsShownLaterDecides() throws {
        let event = AnsweringTests.event
        let frames = [
            [event("a", 1, "x", [:])], [event("c", 1, "z", ["a": 1, "b": 1])],
            [event("d", 2, "", [:])], [event("d", 1, "y", [:])], [event("b", 1, "w", ["a": 1])],
        ]
        for (until, count) in [("until { text = w }", 0), ("until { text = v }", 1)] {
            var reader = try Reader(
                [
                    "q": ["{ text = y } || { text = x } -> { text = z } \(until)"],
                    "execution": ["main"], "eager": ["true"],
                ], seed: 1, breaks: false)
            for number in [0, 3, 5] {
                try reader.read(MemoryStore(events: Array(frames[..<number])))
            }
            #expect(reader.rows.count == count && reader.rows.allSatisfy { $0.doubt == nil })
        }
    }

    // MARK: Where it begins

    private static let pair = "{ text = x } -> { text = y }"

    /// By event, its place in a listing.
    private static func places(_ store: MemoryStore) throws -> [EventID: Int] {
        let (events, _) = try QueryTests.events("{}", store)
        return Dictionary(uniqueKeysWithValues: events.enumerated().map { ($1, $0) })
    }

    /// Only what comes is new; or the last matches are shown at first, by the last one of their events.
    @Test(arguments: [1, 2, 3] as [UInt64]) func itBeginsWhereItIsTold(seed: UInt64) throws {
        let world = World(seed: seed, latePercent: 0)
        let (half, all) = (world.store(world.frames.count / 2), world.store(world.frames.count))
        let before = try QueryTests.found(Self.pair, half).tuples
        let after = try QueryTests.found(Self.pair, all).tuples
        let places = try Self.places(half)
        func newest(_ tuple: [EventID]) -> Int { tuple.map { places[$0]! }.max()! }
        for last in [0, 1, 7, 1_000] {
            var reader = try Reader(
                ["q": [Self.pair], "last": ["\(last)"]], seed: seed, breaks: last == 1)
            try reader.read(half)
            let first = reader.rows.map(\.tuple)
            #expect(first.count == min(last, before.count) && Set(first).isSubset(of: before))
            #expect(first.map(newest) == first.map(newest).sorted())
            let rest = before.filter { !first.contains($0) }
            if let least = first.map(newest).min(), let most = rest.map(newest).max() {
                #expect(most <= least)
            }
            try reader.read(all)
            let new = reader.rows.dropFirst(first.count).map(\.tuple)
            #expect(Set(new) == Set(after).subtracting(before) && Set(new).count == new.count)
        }
    }

    /// Of one event that brings many, the last ones, in their order.
    @Test func theLastMatchesOfOneEvent() throws {
        let event = AnsweringTests.event
        let xs = (1...5).map { event("a", UInt64($0), "x", [:]) }
        let store = MemoryStore(events: [xs, [event("b", 1, "y", ["a": 5])]])
        var reader = try Reader(["q": [Self.pair], "last": ["3"]], seed: 1, breaks: false)
        try reader.read(store)
        #expect(reader.rows.map { "\($0.tuple[0])" } == ["a:3", "a:4", "a:5"])
    }

    // MARK: What is said of them

    /// What came after something that had seen it makes late matches; what is shown before what it has seen, waiting ones.
    @Test func lateAndWaitingMatchesAreMarked() throws {
        let event = AnsweringTests.event
        let frames = [
            [event("a", 1, "x", [:]), event("a", 2, "x", [:])], [event("b", 1, "y", ["a": 2])],
            [event("c", 1, "y", ["d": 1, "a": 1])], [event("d", 1, "x", [:])],
        ]
        func follow(_ parameters: [String: [String]], _ waits: Duration) throws -> Reader {
            var reader = try Reader(
                parameters.merging(["q": [Self.pair], "execution": ["main"]]) { a, _ in a },
                seed: 1, breaks: false)
            // What is missing when somebody begins is not waited for.
            try reader.read(MemoryStore(events: []))
            try reader.read(MemoryStore(events: Array(frames[..<3])))
            reader.now += waits
            try reader.read(MemoryStore(events: Array(frames[..<3])))
            try reader.read(MemoryStore(events: frames))
            return reader
        }
        func said(_ reader: Reader) -> [String] {
            reader.rows.map {
                "\($0.tuple[0]) \($0.tuple[1])\($0.isLate ? " late" : "")\($0.waits ? " waits" : "")"
            }
        }
        #expect(
            try said(follow([:], .seconds(1))) == ["a:1 b:1", "a:2 b:1", "a:1 c:1", "d:1 c:1"])
        let givenUp = try follow([:], .seconds(Limits.agentSilentSeconds + 1))
        #expect(said(givenUp) == ["a:1 b:1", "a:2 b:1", "a:1 c:1", "d:1 c:1 late"])
        let eager = try follow(["eager": ["true"]], .seconds(1))
        #expect(said(eager) == ["a:1 b:1", "a:2 b:1", "a:1 c:1 waits", "d:1 c:1"])
    }

    /// One event of very many matches: some are shown, and it is told how many are not. Messages have no more than that.
    @Test func whatIsTooManyIsTold() throws {
        let event = AnsweringTests.event
        let count = Limits.liveMatchesMax + 5
        let xs = (1...count).map { event("a", UInt64($0), "x", [:]) }
        let ys = (1...3).map { event("b", UInt64($0), "y", ["a": $0 == 1 ? 700 : UInt64(count)]) }
        let store = MemoryStore(events: [xs, ys])
        var live = LiveListing<MemoryStore>(
            try LiveRequest(QuestionParameters(["q": [Self.pair], "all": ["true"]])))
        var told: [String] = []
        var cursors: Set<String> = []
        loop: while true {
            switch try live.next(Answering(store, Question.Options()), at: .now) {
            case .working: continue
            case .idle: break loop
            case .message(.events(let events, let cursor)):
                told.append("\(events.count)")
                cursors.insert(cursor.text)
            case .message(.note(let text)): told.append(text)
            case .message(let message): Issue.record("\(message)")
            }
        }
        func more(_ number: Int) -> String {
            "b:\(number) brings 5 more matches, which are not shown: a narrower pattern shows them, or query"
        }
        #expect(told.filter { $0 != "0" } == ["700", more(2), "1000", more(3), "1000"])
        #expect(cursors.count >= 3)
    }

    /// More than is kept of the terms is an end that says so; what is kept does not grow with what no term takes.
    @Test func whatIsKeptHasALimit() throws {
        let event = AnsweringTests.event
        let xs = (1...10).map { event("a", UInt64($0), $0 % 2 == 0 ? "x" : "other", [:]) }
        let store = MemoryStore(events: [xs])
        func follow(_ max: Int) throws {
            var live = LiveListing<MemoryStore>(
                try LiveRequest(QuestionParameters(["q": [Self.pair], "all": ["true"]])),
                candidatesMax: max)
            while true {
                if case .idle = try live.next(Answering(store, Question.Options()), at: .now) {
                    return
                }
            }
        }
        try follow(5)
        let error = try #require(throws: QuestionError.self) { try follow(4) }
        #expect(error.text.contains("more than 4 events") && error.text.contains("cursor"))
    }

    /// What cannot be read is told, and what fails once leaves out nothing.
    @Test func whatCannotBeReadIsTold() throws {
        let world = World(seed: 5, latePercent: 0)
        var store = world.store(world.frames.count)
        let tuples = Set(try QueryTests.found(Self.pair, store).tuples)
        for read in 1...40 where read % 3 == 0 {
            let failing = LiveTests.FailingStore(store: store, reads: LiveTests.Failures(read))
            var live = LiveListing<LiveTests.FailingStore>(
                try LiveRequest(QuestionParameters(["q": [Self.pair], "all": ["true"]])))
            var shown: [[EventID]] = []
            loop: while true {
                switch try live.next(Answering(failing, Question.Options()), at: .now) {
                case .working: continue
                case .idle: break loop
                case .message(.events(let events, _)):
                    for case .match(let match) in events.map(\.step) {
                        shown.append(
                            match.events.compactMap { _, event in
                                if case .event(let listed) = event { listed.id } else { nil }
                            })
                    }
                case .message(let message): Issue.record("\(message)")
                }
            }
            #expect(Set(shown) == tuples && shown.count == tuples.count)
        }
        store.unreadable = [3]
        var reader = try Reader(["q": [Self.pair], "all": ["true"]], seed: 5, breaks: false)
        try reader.read(store)
        #expect(reader.notes.contains { $0.contains("cannot be read") }, "\(reader.notes)")
        let gone = Set(store.events[3].map(\.id))
        #expect(Set(reader.rows.map(\.tuple)) == tuples.filter { gone.isDisjoint(with: $0) })
    }

    // MARK: What can be followed

    @Test(arguments: [
        ("{} -> {} | count()", "| count()"), ("{} | past", "| past"), ("{} | first", "| first"),
        ("{} -> {} | last 2 per process", "| last 2 per process"),
        ("{} | cascade", "| cascade"), ("{} -> {} | compare({})", "| compare"),
        ("request-response({}, {})", "request-response(…)"),
        ("broadcast({}, {}, 2)", "broadcast(…)"), ("gather({}, {}, 2)", "gather(…)"),
        ("{} !-> {}", "!->"), ("{} -> {} !-> {} within 5s", "!->"),
        ("{ kind = send } -> {}", "kind"), ("{} -> { exists(kind) }", "kind"),
        ("{} -> { kind = send }{2} -> {}", "kind"),
        ("{} as a -> {} as b where a.kind = b.kind", "kind"),
    ])
    func whatLaterEventsCouldMakeWrongIsRefused(text: String, what: String) throws {
        let error = try #require(throws: QuestionError.self) {
            try LiveRequest(QuestionParameters(["q": [text]]))
        }
        #expect(error.text.hasPrefix("\(what)") && error.text.contains("cannot be followed"))
        #expect(error.text.hasSuffix("or ask for it with query"))
    }

    @Test func selectionsAndPatternsAreToldApart() throws {
        for (text, name) in [
            ("level >= warn", "where"), ("{ level >= warn }", "where"), ("{} -> {}", "q"),
            ("{ text = }", "where"), ("level =", "where"), ("{ x = 1 } -> { y", "q"),
            ("{ x = 1 } as a", "q"), ("{} | count()", "q"), ("all({}, {}) within 5s", "q"),
        ] {
            var parameters = QuestionParameters()
            parameters.follow(text)
            #expect(parameters[name] == [text], "\(text)")
        }
        // One term alone takes events.
        let one = try LiveRequest(QuestionParameters(["q": ["{ text = x } as a"]]))
        #expect(one.pattern == nil && !one.selection.isEverything)
        for name in ["where", "since", "until", "process", "host"] {
            #expect(throws: QuestionError.self, "\(name)") {
                try LiveRequest(QuestionParameters(["q": ["{} -> {}"], name: ["x"]]))
            }
        }
    }
}
