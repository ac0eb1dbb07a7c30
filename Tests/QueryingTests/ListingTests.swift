import Causality
import Exporting
import HappensBefore
import SimulatedHistories
import Synchronization
import Testing

@testable import Querying

/// Listings, and what an answer says of the other ends of messages.
@Suite struct ListingTests {
    /// Processes that tick and send to one another, some of whose events are `x`; in frames of some events of one process.
    private static func store(_ seed: UInt64) -> MemoryStore {
        var random = SeededGenerator(seed: seed)
        let names = ["a", "b", "c", "d"]
        var clocks: [String: [String: UInt64]] = [:]
        var events: [String: [Event]] = [:]
        for _ in 0..<300 {
            let name = names.randomElement(using: &random)!
            var clock = clocks[name] ?? [:]
            if let other = names.randomElement(using: &random), other != name,
                Bool.random(using: &random)
            {
                clock.merge(clocks[other] ?? [:]) { max($0, $1) }
            }
            clock[name, default: 0] += 1
            clocks[name] = clock
            var event = AnsweringTests.event(
                name, clock[name]!, Int.random(in: 0..<9, using: &random) == 0 ? "x" : "y", clock)
            event.time = WallTime(nanoseconds: Int64.random(in: 0..<1_000, using: &random))
            events[name, default: []].append(event)
        }
        var frames: [[Event]] = []
        for name in names {
            var rest = events[name] ?? []
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...20, using: &random))
                frames.append(Array(rest.prefix(count)))
                rest.removeFirst(count)
            }
        }
        return MemoryStore(events: frames)
    }

    private static func listed(
        _ store: MemoryStore, _ parameters: [String: [String]], limit: Int? = nil
    ) throws -> [Event] {
        let answering = Answering(store, Question.Options(limit: limit))
        let question = try Question("timeline", QuestionParameters(parameters))
        var listing = try Self.listing(answering.answer(question))
        var events: [Event] = []
        while let step = try listing.events.next() {
            if case .event(let listed) = step { events.append(listed.event) }
        }
        return events
    }

    private static func listing(_ answer: Answer) throws -> Listing {
        guard case .events(let listing) = answer else {
            throw QuestionError(.misuse, "expected a listing, found \(answer)")
        }
        return listing
    }

    /// Whatever a selection takes, it is all there, once, and no event comes before one that happened before it.
    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func whatASelectionTakesIsInCausalOrder(seed: UInt64) throws {
        let store = Self.store(seed)
        let all = store.events.flatMap { $0 }
        let clocks = Dictionary(uniqueKeysWithValues: all.map { ($0.id, $0.clock) })
        let selections: [([String: [String]], (Event) -> Bool)] = [
            ([:], { _ in true }), (["where": ["{ text = \"x\" }"]], { $0.text == "x" }),
            (["process": ["b", "d"]], { ["b", "d"].contains($0.id.process.name) }),
            (
                ["where": ["{ process != \"a\" && seq > 20 }"]],
                { $0.id.process.name != "a" && $0.id.sequence > 20 }
            ),
            (
                [
                    "since": ["1970-01-01T00:00:00.0000002Z"],
                    "until": ["1970-01-01T00:00:00.0000006Z"],
                ], { (200...600).contains($0.time!.nanoseconds) }
            ),
        ]
        for (parameters, isMeant) in selections {
            let listed = try Self.listed(store, parameters)
            #expect(Set(listed.map(\.id)) == Set(all.filter(isMeant).map(\.id)))
            #expect(Set(listed.map(\.id)).count == listed.count)
            for (place, event) in listed.enumerated() {
                let late = listed[..<place].first {
                    $0.id != event.id && clocks[$0.id]![event.id.process] >= event.id.sequence
                }
                #expect(late == nil, "seed \(seed): \(event.id) after what has seen it")
            }
            // A limit gives the beginning of it.
            let few = try Self.listed(store, parameters, limit: 5)
            #expect(few.map(\.id) == listed.prefix(5).map(\.id))
            // From the end it is as many, each before what it has seen.
            let reversed = try Self.listed(
                store, parameters.merging(["reverse": ["true"]]) { $1 })
            #expect(Set(reversed.map(\.id)) == Set(listed.map(\.id)))
            #expect(reversed.count == listed.count)
            for (place, event) in reversed.enumerated() {
                let late = reversed[..<place].first {
                    $0.id != event.id && clocks[event.id]![$0.id.process] >= $0.id.sequence
                }
                #expect(late == nil, "seed \(seed): \(event.id) after what it has seen")
            }
            let last = try Self.listed(store, parameters.merging(["last": ["6"]]) { $1 })
            #expect(last.map(\.id) == reversed.prefix(6).reversed().map(\.id))
        }
    }

    /// A listing looks at no more of a process than it needs: a few events open a few frames.
    @Test func aLimitOpensFewFrames() throws {
        let frames = (0..<50).map { frame in
            (1...20).map { AnsweringTests.event("a", UInt64(frame * 20 + $0), "text") }
        }
        let counting = CountingStore(store: MemoryStore(events: frames))
        let graph = try ExecutionGraph.load("main", from: counting)
        let answering = Answering(counting, Question.Options(limit: 10)) { _ in graph }
        var listing = try Self.listing(
            answering.answer(Question("timeline", QuestionParameters())))
        while try listing.events.next() != nil {}
        #expect(counting.opened.withLock { $0 } == [0])
        var last = try Self.listing(
            answering.answer(Question("timeline", QuestionParameters(["reverse": ["true"]]))))
        while try last.events.next() != nil {}
        #expect(counting.opened.withLock { $0 } == [0, 49])
    }

    @Test(arguments: [
        (["last": "0"], "last: expected a number from 1"), (["last": "many"], "found “many”"),
        (["last": "5", "limit": "5"], "expected one of them"),
        (["since": "soon"], "since: expected a time such as 2026-11-23T10:20:30Z or -15m"),
        (["until": "-15x"], "found “-15x”"), (["reverse": "maybe"], "expected true or false"),
    ])
    func whatCannotBeAskedIsToldSo(parameters: [String: String], text: String) throws {
        let parameters = QuestionParameters(parameters.mapValues { [$0] })
            .resolved(now: WallTime(nanoseconds: 0))
        let error = try #require(throws: QuestionError.self) {
            try Question("timeline", parameters)
        }
        #expect("\(error)".contains(text), "\(error)")
    }

    /// What is found of the last events before the time is over is given.
    @Test func lastEventsThatAreStoppedAreGiven() throws {
        let store = Self.store(1)
        let asked = Mutex(0)
        var options = Question.Options()
        options.cancellation = Cancellation {
            asked.withLock {
                $0 += 1; return $0 > 100
            } ? .deadline(seconds: 1) : nil
        }
        let question = try Question("timeline", QuestionParameters(["last": ["200"]]))
        let graph = try ExecutionGraph.load("main", from: store)
        let answering = Answering(store, options) { _ in graph }
        var listing = try Self.listing(answering.answer(question))
        var listed: [EventID] = []
        let stopped = try #require(throws: QuestionStopped.self) {
            while let step = try listing.events.next() {
                if case .event(let event) = step { listed.append(event.event.id) }
            }
        }
        #expect(!listed.isEmpty && listed.count < 200)
        #expect(stopped.progress == .listed(listed.count, last: listed.last))
        let all = try Self.listed(store, ["last": ["200"]])
        #expect(listed == all.suffix(listed.count).map(\.id))
    }

    /// Of the last events only so many bytes are held: the later ones are given, and that there are more is told.
    @Test func lastEventsTakeNoMoreThanTheyMay() throws {
        let store = Self.store(2)
        let answering = Answering(store, Question.Options(limit: 200))
        let question = try Question("timeline", QuestionParameters(["reverse": ["true"]]))
        var (all, byteCount): ([EventID], Int) = ([], 0)
        var listing = try Self.listing(answering.answer(question))
        while let step = try listing.events.next() {
            guard case .event(let listed) = step else { continue }
            all.append(listed.id)
            if all.count <= 20 { byteCount += listed.byteCount }
        }
        var last = LastEvents(
            try Self.listing(answering.answer(question)).events, bytesMax: byteCount)
        var listed: [EventID] = []
        let stopped = try #require(throws: QuestionStopped.self) {
            while let step = try last.next() {
                if case .event(let event) = step { listed.append(event.event.id) }
            }
        }
        #expect(listed == all.prefix(20).reversed())
        #expect(
            stopped
                == QuestionStopped(
                    .heldBytes(max: byteCount), .listed(20, last: all[0])))
        #expect("\(stopped)".contains("the last events take more than \(byteCount) bytes"))
    }

    /// The clock of each event is its own, whatever was passed by before it.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func clocksGrowAlongAProcess(seed: UInt64) throws {
        let store = Self.store(seed)
        let clocks = Dictionary(
            uniqueKeysWithValues: store.events.flatMap { $0 }.map { ($0.id, $0.clock) })
        for parameters in [[:], ["where": ["{ text = x }"]], ["reverse": ["true"]]] {
            var options = Question.Options()
            options.hasClock = true
            let question = try Question("timeline", QuestionParameters(parameters))
            var listing = try Self.listing(Answering(store, options).answer(question))
            var count = 0
            while let step = try listing.events.next() {
                guard case .event(let listed) = step else { continue }
                var entries: [(ProcessID, UInt64)] = []
                let known = try #require(listed.clock)
                known.forEach { process, _, sequence in entries.append((process, sequence)) }
                #expect(entries.map(\.0) == entries.map(\.0).sorted(by: listingOrder))
                let expected = try #require(clocks[listed.id]).entries
                #expect(
                    Dictionary(uniqueKeysWithValues: entries.map { (.named($0.0), $0.1) })
                        == expected)
                #expect(known.isExact)
                count += 1
            }
            #expect(count > 0)
        }
    }

    /// Names that look alike are not the same: nothing is known of the other one.
    @Test func executionsThatLookAlikeAreTold() throws {
        let store = MemoryStore(
            events: [[AnsweringTests.event("a", 1)]], name: "cafe\u{301}")
        let answering = Answering(store, Question.Options(execution: "caf\u{e9}"))
        let error = try #require(throws: QuestionError.self) { try answering.execution() }
        #expect("\(error)".hasPrefix("no execution"))
    }

    @Test func timesAgoAreBeforeNow() throws {
        let now = try #require(WallTime(text: "2026-11-23T10:20:30Z"))
        let parameters = QuestionParameters(["since": ["-15m"], "until": ["-1d"], "at": ["-15m"]])
            .resolved(now: now)
        #expect(parameters["since"] == ["2026-11-23T10:05:30Z"])
        #expect(parameters["until"] == ["2026-11-22T10:20:30Z"])
        #expect(parameters["at"] == ["-15m"])
        let counted = QuestionParameters(["event": ["a:1"], "count": ["true"], "last": ["3"]])
        #expect(throws: QuestionError.self) { try Question("past", counted) }
    }

    @Test func messagesAreShownWithWhatTheirEndsSay() throws {
        let store = MemoryStore(
            events: [
                [AnsweringTests.event("a", 1, "asks")],
                [
                    AnsweringTests.event("b", 1, "is asked", ["a": 1]),
                    AnsweringTests.event("b", 2, "hears a ghost", ["a": 1, "gone": 4]),
                ],
            ])
        let shown = try AnsweringTests.ask(store, "show", ["event": ["a:1"]])
        #expect(
            shown.contains(
                #""effects":[{"id":"b:1","missing":false,"evidence":"clock","name":"","text":"is asked"}]"#
            ))
        let ghost = try AnsweringTests.ask(store, "show", ["event": ["b:2"]])
        #expect(
            ghost.contains(#""causes":[{"id":"gone:4","missing":true,"evidence":"clock"}]"#))
        let path = try AnsweringTests.ask(store, "path", ["a": ["a:1"], "b": ["b:2"]])
        #expect(
            path.contains(
                #"{"from":{"id":"a:1","missing":false,"name":"","text":"asks"},"to":{"id":"b:1","missing":false,"name":"","text":"is asked"}}"#
            ))
        let answering = Answering(store, Question.Options())
        let text = try answering.written(
            Question("path", QuestionParameters(["a": ["a:1"], "b": ["b:2"]])), as: .text
        ).text()
        #expect(text == "a:1 → b:1  asks → is asked\n")
    }
}

/// Notes which frames were read with what their events say.
private final class CountingStore: HistoryStore {
    let store: MemoryStore
    let opened = Mutex<Set<Int>>([])

    init(store: MemoryStore) { self.store = store }

    func executions() throws -> [String] { try store.executions() }
    func frames(of execution: String) throws -> [FrameSummary] { try store.frames(of: execution) }
    func causality(of frame: Int) throws -> EventBatch { try store.causality(of: frame) }
    func events(of frame: Int) throws -> EventBatch {
        opened.withLock { _ = $0.insert(frame) }
        return try store.events(of: frame)
    }
    func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
        try store.expected(in: execution)
    }
    func sourceDefects(of execution: String) throws -> [Defect] { [] }
    func readUpTo() throws -> [String: WallTime] { [:] }
}
