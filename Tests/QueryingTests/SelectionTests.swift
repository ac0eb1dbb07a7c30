import Causality
import Exporting
import HappensBefore
import Testing

@testable import Querying

@Suite struct SelectionTests {
    static let event = Event(
        id: EventID(ProcessID(name: "web-1/api"), 7), time: WallTime(text: "2026-11-23T10:20:30Z"),
        name: "request", text: "GET /a timeout", level: .warning,
        attributes: [Attribute("attempt", .json("4")), Attribute("user", .text("al\"ice"))],
        clock: VectorClock([ProcessID(name: "web-1/api"): 7]))

    @Test(arguments: [
        ("", true), ("{}", true), ("{ process = \"web-1/api\" }", true), ("process = other", false),
        ("process = api", true), ("process = pi", false), ("process != api", false),
        ("host = h1", true), ("kind = send", true), ("kind != send", false),
        ("name = request", true),
        ("text =~ \"time(out)?$\"", true), ("text !~ GET", false), ("level >= warn", true),
        ("level > warn", false),
        ("level = fatal", false), ("time > 2026-11-23", true),
        ("time < \"2026-11-23T10:20:30Z\"", false),
        ("time <= \"2026-11-23T12:20:30+02:00\"", true), ("seq = 7 && seq < 8", true),
        ("seq >= 8", false),
        ("attempt > 3", true), ("attempt > 3.5 && attempt <= 4", true), ("attempt = 4", true),
        ("attempt < 10", true),
        ("user = 'al\"ice'", true), ("user = \"al\\\"ice\"", true), ("nothing = x", false),
        ("nothing != x", true),
        ("nothing < 1 || nothing >= 1", false), ("!(seq = 7)", false), ("!seq = 8", true),
        ("seq = 1 || seq = 7 && level = error", false),
        ("(seq = 1 || seq = 7) && level = warn", true),
        ("\"attempt\" = 4", true), ("exists(attempt)", true), ("exists(nothing)", false),
        ("!exists(nothing)", true), ("exists(level)", true), ("attempt in (1, 4)", true),
        ("attempt in (1, 5)", false), ("process in (\"db\", api)", true), ("name in (x)", false),
        ("attempt * 2 = 8", true), ("attempt + 1 > 2 * 2", true), ("attempt - 1 < 3", false),
        ("attempt / 0 = 1", false), ("8 / attempt = 2", true), ("3 < attr.attempt", true),
        ("nothing + 1 = 1", false), ("user + 1 = 1", false),
        ("attempt = attr.attempt", true), ("attempt < attr.other", false),
        ("took > 300ms", true), ("took > 1.6s", false), ("took = 1500ms", true),
        ("took = 1.5s", true), ("took * 2 >= 3s", true), ("attempt > 3s", false),
        ("time > now - 15m", true), ("time < now - 15m", false), ("time > now + 1h", false),
        ("time - now < 0s", true), ("time > 2026-11-23T10:00Z + 20m", true),
        ("tags = b", true), ("tags = c", false), ("tags != c", true), ("tags =~ \"^b$\"", true),
        ("tags in (x, a)", true), ("tags = \"[\\\"a\\\",\\\"b\\\"]\"", true), ("sizes > 5", true),
        ("attr.\"an odd key\" = 1", true), ("\"an odd key\" < 2", true),
        ("big = 9007199254740993", true), ("big = 9007199254740992", false),
    ])
    func holds(text: String, expected: Bool) throws {
        let now = WallTime(text: "2026-11-23T10:30:00Z")
        var event = Self.event
        event.attributes += [
            Attribute("took", .text("1.5s")), Attribute("tags", .json(#"["a","b"]"#)),
            Attribute("sizes", .json("[1,7]")), Attribute("an odd key", .json("1")),
            Attribute("big", .json("9007199254740993")),
        ]
        #expect(
            try Selection(text, now: now).holds(for: event, host: "h1", kind: .send) == expected)
    }

    /// `attr.` reaches an attribute that is called as a field is, and a path what is nested.
    @Test(arguments: [
        ("attr.level = 30", true), ("level = warn", true), ("attr.level = warn", false),
        ("attr.attempt = 4", true), ("attr.user = x", false), ("\"level\" = 30", true),
        ("pkt.msg.type = tok", true), ("attr.pkt.msg.q < 1", true), ("pkt.msg.q > 0", false),
        ("pkt.msg = x", false), ("pkt.msg =~ '\"q\": -1'", true), ("pkt.vc = 7", true),
        ("pkt.vc.0 = 2", true), ("pkt.none.q = 1", false), ("state.log.len = 3", true),
        ("state.term = 2", true), ("attr. = 1", false), ("attr.attr.x = 1", true),
        ("user.name = x", false),
    ])
    func attributesByKeyAndPath(text: String, expected: Bool) throws {
        var event = Self.event
        event.attributes += [
            Attribute("level", .json("30")), Attribute("attr.x", .json("1")),
            Attribute("pkt", .json(#"{"vc":{"0":2},"msg":{"type":"tok","q": -1}}"#)),
            Attribute("pkt.vc", .json("7")), Attribute("state.log", .json(#"{"len":3}"#)),
            Attribute("state", .json(#"{"term":2}"#)),
        ]
        #expect(try Selection(text).holds(for: event, host: "h1", kind: .send) == expected)
    }

    @Test(arguments: [
        ("{ text }", 8), ("{ text = }", 10), ("text = \"x", 8), ("seq = x", 7), ("level = loud", 9),
        ("kind = sent", 8),
        ("time > soon", 8), ("seq = 1 seq = 2", 9), ("(seq = 1", 9), ("seq = 1)", 8),
        ("{ seq = 1", 10),
        ("text =~ \"(\"", 9), ("&& seq = 1", 1), ("seq = 1 & level = info", 9),
        ("ünit = 1 && seq == ", 20), ("exists(", 8), ("attempt in 4", 12), ("attempt in (4", 14),
        ("attempt + 1 =~ x", 16), ("attempt + 1 = x", 15), ("time > 5", 8), ("time > now", 8),
        ("attempt <-5", 9), ("3 < attempt", 5),
    ])
    func errorsPointAtTheColumn(text: String, column: Int) throws {
        let error = try #require(throws: QuerySyntaxError.self) { try Selection(text) }
        #expect(error.column == column, "\(error)")
    }

    @Test func hostileSelections() {
        #expect(throws: QuerySyntaxError.self) {
            try Selection(String(repeating: "(", count: 5000))
        }
        #expect(throws: QuerySyntaxError.self) {
            try Selection(String(repeating: "!", count: 5000) + "seq = 1")
        }
        #expect(throws: QuerySyntaxError.self) {
            try Selection(String(repeating: "x", count: 20_000))
        }
        #expect(throws: QuerySyntaxError.self) { try Selection("text =~ '(a+)+(?=b)'") }
    }

    @Test func wholeProcessesAreSkipped() throws {
        let selection = try Selection("process = a && text =~ x || host = h2")
        #expect(selection.mayHold(process: ProcessID(name: "a"), host: "h1"))
        #expect(!selection.mayHold(process: ProcessID(name: "b"), host: "h1"))
        #expect(selection.mayHold(process: ProcessID(name: "b"), host: "h2"))
        #expect(try Selection("!(text = x)").mayHold(process: ProcessID(name: "b"), host: "h1"))
    }
}

@Suite struct JSONWriterTests {
    @Test func escapes() {
        let text = JSONWriter.object {
            $0.key(text: "a\"b")
            $0.value("\u{0}\n\\ü\u{7f}")
            $0.key("n")
            $0.raw("12345678901234567890")
            $0.key("bad")
            $0.raw("{\"x\":}")
            $0.member("list", ["x", "y"])
        }
        #expect(
            text
                == #"{"a\"b":"\u0000\n\\ü\u007f","n":12345678901234567890,"bad":"{\"x\":}","list":["x","y"]}"#
        )
    }

    @Test(arguments: [
        ("1", true), ("-0.5e+3", true), ("01", false), ("[1,{\"a\":null}]", true), ("[1,]", false),
        ("\"\\u12\"", false),
        (" [1, {} ] ", true), ("\"\u{1}\"", false), ("\"\\x\"", false), ("-", false),
        ("1 2", false),
        ("true", true), ("tru", false), ("", false), ("{} x", false),
        (String(repeating: "[", count: 100_000), false),
    ])
    func syntax(text: String, expected: Bool) { #expect(JSONScanner.isValue(text) == expected) }
}

/// Events in memory as a store, in small frames of one process each; some cannot be read.
struct MemoryStore: HistoryStore {
    var events: [[Event]]
    var damaged: Set<Int> = []
    /// Those of which only the order can be read.
    var unreadable: Set<Int> = []
    /// The segments that frames are in, where it is not the first one.
    var segments: [Int: Int] = [:]
    /// Their agents, the same.
    var agents: [Int: Int] = [:]
    /// Of the execution.
    var name = "main"
    /// Up to which number processes have events, where that is more than is here.
    var lasts: [String: UInt64] = [:]
    /// By process, where it is not h.
    var hosts: [String: String] = [:]

    func executions() throws -> [String] { [name] }
    func frames(of execution: String) throws -> [FrameSummary] {
        events.indices.map { index in
            FrameSummary(
                id: index, agent: Identity128(high: 0, low: UInt64(agents[index] ?? 1)),
                segment: Identity128(high: 0, low: UInt64(segments[index] ?? 1)))
        }
    }
    func causality(of frame: Int) throws -> EventBatch {
        if damaged.contains(frame) { throw DamagedFrame("bytes") }
        return EventBatch(events[frame], of: key(of: frame))
    }
    func events(of frame: Int) throws -> EventBatch {
        if damaged.contains(frame) || unreadable.contains(frame) { throw DamagedFrame("bytes") }
        return EventBatch(events[frame], of: key(of: frame))
    }
    func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
        events.indices.map {
            let last = events[$0].last!.id
            return (key(of: $0), max(last.sequence, lasts[last.process.name] ?? 0))
        }
    }
    func key(of frame: Int) -> ProcessKey {
        let process = events[frame][0].id.process
        return ProcessKey(execution: name, host: hosts[process.name] ?? "h", process: process)
    }
    func sourceDefects(of execution: String) throws -> [Defect] { [] }
    var read: [String: WallTime] = [:]
    func readUpTo() throws -> [String: WallTime] { read }
}

@Suite struct AnsweringTests {
    static func event(
        _ process: String, _ sequence: UInt64, _ text: String = "", _ clock: [String: UInt64] = [:]
    ) -> Event {
        var entries = Dictionary(
            uniqueKeysWithValues: clock.map { (ProcessID(name: $0.key), $0.value) })
        entries[ProcessID(name: process)] = sequence
        return Event(
            id: EventID(ProcessID(name: process), sequence), text: text, clock: VectorClock(entries)
        )
    }

    static func ask(_ store: MemoryStore, _ verb: String, _ parameters: [String: [String]] = [:])
        throws -> String
    {
        let question = try Question(verb, QuestionParameters(parameters))
        return try Answering(store, Question.Options()).written(question, as: .json).text()
    }

    @Test func aDamagedFrameIsAGapAndADefect() throws {
        let store = MemoryStore(
            events: [
                [Self.event("a", 1), Self.event("a", 2)], [Self.event("a", 3)],
                [Self.event("b", 1, "", ["a": 2])],
            ],
            damaged: [0])
        #expect(try Self.ask(store, "gaps").contains(#""process":"a","first":1,"last":2"#))
        #expect(try Self.ask(store, "defects").contains(#""kind":"damaged-frame""#))
        #expect(
            try Self.ask(store, "order", ["a": ["a:2"], "b": ["b:1"]]).contains(
                #""order":"before""#))
    }

    @Test func duplicatesThatDifferAreADefect() throws {
        let same = MemoryStore(events: [
            [Self.event("a", 1, "x")], [Self.event("a", 1, "x"), Self.event("a", 2)],
        ])
        #expect(try Self.ask(same, "defects") == "")
        let different = MemoryStore(events: [
            [Self.event("a", 1, "x")], [Self.event("a", 1, "y"), Self.event("a", 2)],
        ])
        #expect(try Self.ask(different, "defects").contains(#""kind":"duplicate""#))
        #expect(try Self.ask(different, "timeline").contains(#""text":"x""#))
    }

    @Test func cutsByWallClock() throws {
        func at(_ event: Event, _ time: String) -> Event {
            var event = event
            event.time = WallTime(text: time)
            return event
        }
        let store = MemoryStore(events: [
            [
                at(Self.event("a", 1), "2026-01-01T00:00:10Z"),
                at(Self.event("a", 2), "2026-01-01T00:00:20Z"),
            ],
            [at(Self.event("b", 1, "", ["a": 2]), "2026-01-01T00:00:05Z")],
        ])
        let cut = try Self.ask(store, "cut", ["at": ["2026-01-01T00:00:12Z"]])
        #expect(
            cut
                == #"{"cut":{"a":1,"b":1},"consistent":"no","because":["b:1 is inside and has seen a:2, which is not"],"#
                + #""greatestConsistent":{"a":1},"complete":true,"upTo":{"a":2,"b":1}}"# + "\n")
        #expect(
            try Self.ask(store, "cut", ["event": ["b:1"]]).hasPrefix(
                #"{"cut":{"a":2,"b":1},"consistent":"yes"#))
    }

    /// What quietness means: nothing happened, or nobody has looked.
    @Test func aCutByWallClockKnowsHowFarAnAgentHasRead() throws {
        var event = Self.event("a", 1)
        event.time = WallTime(text: "2026-01-01T00:00:10Z")
        var store = MemoryStore(events: [[event]])
        func cut() throws -> String {
            try Self.ask(store, "cut", ["at": ["2026-01-01T00:00:30Z"]])
        }
        store.read = ["h": try #require(WallTime(text: "2026-01-01T00:00:20Z"))]
        #expect(
            try cut().contains(#""because":["h has been read up to 2026-01-01T00:00:20Z only"]"#))
        #expect(try cut().contains(#""complete":false"#))
        store.read = ["h": try #require(WallTime(text: "2026-01-01T00:00:30Z"))]
        #expect(try cut().contains(#""complete":true"#))
        #expect(try Self.ask(store, "processes").contains(#""readUpTo":"2026-01-01T00:00:30Z""#))
    }

    @Test func twoFilesOfOneRunAreAForkThatIsShownApart() throws {
        var store = MemoryStore(events: [
            [Self.event("a", 1), Self.event("a", 2, "x")],
            [Self.event("a", 1), Self.event("a", 2, "y"), Self.event("a", 3)],
            [Self.event("b", 1, "", ["a": 1])], [Self.event("c", 1, "", ["a": 2])],
        ])
        store.segments = [1: 2]
        let defects = try Self.ask(store, "defects")
        #expect(defects.contains(#""kind":"fork""#) && !defects.contains("duplicate"))
        let processes = try Self.ask(store, "processes").split(separator: "\n")
            .compactMap { $0.firstMatch(of: /"process":"([^"]*)"/)?.1 }.map(String.init)
        #expect(processes.count == 5, "\(processes)")
        let branches = processes.filter { $0.hasPrefix("a@") }
        try #require(branches.count == 2)
        // What both have is one, and what cites it is certain.
        #expect(
            try Self.ask(store, "order", ["a": ["a:1"], "b": ["b:1"]]).contains(#""before""#))
        for branch in branches {
            let order = try Self.ask(store, "order", ["a": ["\(branch):2"], "b": ["c:1"]])
            #expect(order.contains(#""order":"unknown""#), "\(order)")
            #expect(order.contains("two machines record as a"), "\(order)")
        }
        // Whichever came first.
        var reversed = store
        reversed.events = store.events.reversed()
        reversed.segments = [2: 2]
        for verb in ["defects", "timeline", "processes"] {
            #expect(try Self.ask(reversed, verb) == Self.ask(store, verb), "\(verb)")
        }
    }

    /// A machine and its copy have one agent's identity until one of them takes another one, and ships anew what it has. What it had
    /// shipped as the other by then goes on from nothing that the other did.
    @Test func whatWasShippedAsAnotherAgentIsNotOfIt() throws {
        func a(_ numbers: ClosedRange<UInt64>, _ text: String) -> [Event] {
            numbers.map { Self.event("a", $0, text) }
        }
        let store = MemoryStore(
            events: [
                a(1...2, "both"), a(3...4, "copy"), a(6...7, "original"),
                a(1...2, "both") + a(3...5, "original"), a(6...7, "original"),
            ], segments: [0: 1, 1: 2, 2: 3, 3: 4, 4: 5], agents: [3: 2, 4: 2])
        let timeline = try Self.ask(store, "timeline")
        let shown = timeline.matches(of: /"id":"([^"]+):(\d+)"[^\n]*?"text":"(\w+)"/)
        func named(_ text: String, _ numbers: Set<String>) -> [String] {
            shown.filter { $0.3 == text && numbers.contains(String($0.2)) }
                .map { "\($0.1):\($0.2)" }
        }
        let (copied, original) = (named("copy", ["3", "4"]), named("original", ["6", "7"]))
        #expect(copied.count >= 2 && original.count >= 2, "\(timeline)")
        for one in copied {
            for other in original {
                let order = try Self.ask(store, "order", ["a": [one], "b": [other]])
                #expect(
                    order.contains(#""order":"unknown""#) || order.contains(#""concurrent""#),
                    "\(order)")
            }
        }
    }

    /// What a run lost nobody has: who has it is a copy of its machine, though the two have no number in common.
    @Test(arguments: [true, false]) func whoHasWhatARunLostIsACopy(isFirst: Bool) throws {
        func a(_ numbers: ClosedRange<UInt64>, _ text: String) -> [Event] {
            numbers.map { Self.event("a", $0, text) }
        }
        func lost(_ numbers: ClosedRange<UInt64>) -> Event {
            let marker = LossMarker(lost: numbers, reason: "no room")
            var event = Self.event("a", numbers.upperBound + 1, "marker")
            (event.name, event.attributes) = (LossMarker.name, marker.attributes)
            return event
        }
        func store(_ marker: Event) -> MemoryStore {
            let original = a(1...2, "original") + [marker] + a(9...10, "original")
            let copy = a(3...5, "copy")
            return MemoryStore(
                events: isFirst ? [original, copy] : [copy, original], segments: [1: 2])
        }
        func order(_ store: MemoryStore) throws -> Set<String> {
            let shown = try Self.ask(store, "timeline")
                .matches(of: /"id":"([^"]+):(\d+)"[^\n]*?"text":"(\w+)"/)
            func named(_ text: String, from number: Int) -> [String] {
                shown.filter { $0.3 == text && Int($0.2)! >= number }.map { "\($0.1):\($0.2)" }
            }
            var orders: Set<String> = []
            for one in named("copy", from: 3) {
                for other in named("original", from: 9) {
                    let text = try Self.ask(store, "order", ["a": [one], "b": [other]])
                    orders.insert(String(text.firstMatch(of: /"order":"(\w+)"/)!.1))
                }
            }
            return orders
        }
        #expect(try order(store(lost(3...7))).isDisjoint(with: ["before", "after", "equal"]))
        #expect(try order(store(lost(4...7))).isDisjoint(with: ["before", "after", "equal"]))
        // So it is where the copy's come before the marker, in order.
        let inOrder = MemoryStore(
            events: [
                a(1...2, "original"), a(3...5, "copy"), [lost(3...7)] + a(9...10, "original"),
            ], segments: [0: 1, 1: 2, 2: 3])
        #expect(try order(inOrder).isDisjoint(with: ["before", "after", "equal"]))
        // What is here and not said to be lost was the run's own.
        #expect(try order(store(lost(6...7))) == ["before"])
    }

    @Test func aForkFromTheFirstEventOnIsAmbiguous() throws {
        let store = MemoryStore(
            events: [[Self.event("a", 1, "x")], [Self.event("a", 1, "y")]], segments: [1: 2])
        let error = try #require(throws: QuestionError.self) {
            try Self.ask(store, "show", ["event": ["a:1"]])
        }
        #expect(error.kind == .misuse && "\(error)".contains("a@"), "\(error)")
    }

    /// A number before the first that differs is of both branches only where both have shown it, or a later one: else what the
    /// other one did under that number may be lost.
    @Test(arguments: [true, false]) func whatOneBranchAloneHasIsNotOfBoth(isShown: Bool) throws {
        func a(_ sequence: UInt64, _ text: String) -> Event { Self.event("a", sequence, text) }
        let one = [a(1, "c"), a(2, "c"), a(3, "x"), a(4, "x")]
        let other = [a(1, "c"), a(2, "c")] + (isShown ? [a(3, "x")] : []) + [a(4, "y")]
        let store = MemoryStore(
            events: [
                one, other, [Self.event("b", 1, "", ["a": 3])], [Self.event("c", 1, "", ["a": 2])],
            ], segments: [1: 2])
        func order(_ a: String, _ b: String) throws -> String {
            try Self.ask(store, "order", ["a": [a], "b": [b]])
        }
        #expect(try order("a:2", "c:1").contains(#""order":"before""#))
        #expect(try order("a:2", "b:1").contains(#""order":"before""#))
        let processes = try Self.ask(store, "processes")
        if isShown {
            #expect(try order("a:3", "b:1").contains(#""order":"before""#))
        } else {
            // Which of the two it has seen nobody knows.
            let answers = try processes.matches(of: /"process":"(a@[0-9a-f]+)"/).map {
                try order("\($0.1):3", "b:1")
            }
            #expect(answers.count == 2)
            for answer in answers { #expect(answer.contains(#""order":"unknown""#), "\(answer)") }
        }
    }

    /// An event by the name of a run that goes on in several ways may be any of several: nothing is ruled out of it, and what is not
    /// here of the run is not said to be missing while one of its ways has as many.
    @Test(arguments: [3, 9] as [UInt64]) func whatMayBeOfSeveralRulesNothingOut(last: UInt64) throws
    {
        func a(_ sequence: UInt64, _ text: String) -> Event { Self.event("a", sequence, text) }
        var store = MemoryStore(
            events: [
                [a(1, "x"), a(2, "x"), a(3, "x")], [a(1, "y"), a(2, "y")],
                [Self.event("b", 1, "", ["a": 3])], [Self.event("c", 1)],
            ], damaged: [3], segments: [1: 2])
        store.lasts = ["a": last]
        for (one, other) in [("a:3", "b:1"), ("b:1", "a:3")] {
            let answer = try? Self.ask(store, "order", ["a": [one], "b": [other]])
            #expect(
                answer?.contains(#""order":"unknown","excluded":[]"#) ?? true, "\(answer ?? "")")
        }
        let gaps = try Self.ask(store, "gaps")
        #expect(gaps.contains(#""process":"a""#) == (last > 3), "\(gaps)")
    }

    @Test func anUnknownOrderSaysWhatItIsNot() throws {
        let store = MemoryStore(events: [
            [Self.event("a", 1), Self.event("a", 2)],
            [Self.event("b", 1, "", ["a": 1]), Self.event("b", 3, "", ["a": 2])],
        ])
        let order = try Self.ask(store, "order", ["a": ["a:2"], "b": ["b:2"]])
        #expect(order.contains(#""order":"unknown","excluded":["after"]"#), "\(order)")
        #expect(order.contains("b 2 is missing"))
    }

    @Test func stampsAndExactnessAgree() throws {
        var silent = Self.event("s", 1)
        silent.stamp = .silent
        var lossy = Self.event("l", 2)
        lossy.stamp = .lossy(Loss(since: 2, .eventsLost))
        let store = MemoryStore(events: [[silent], [lossy], [Self.event("a", 1)]])
        let lines = try Self.ask(store, "timeline").split(separator: "\n").map(String.init)
        #expect(lines[0].contains(#""stamp":"complete","exact":true"#))
        #expect(
            lines[1].contains(
                #""stamp":"lossy","lossySince":"l:2","lossyBecause":"events-lost","exact":false"#))
        #expect(lines[2].contains(#""stamp":"silent","exact":false"#))
        #expect(
            try Self.ask(store, "show", ["event": ["s:1"]]).contains(
                #""because":["the events of s say nothing of messages"]"#))
        for (event, complete) in [("a:1", true), ("l:2", false), ("s:1", false)] {
            let past = try Self.ask(store, "past", ["event": [event], "count": ["true"]])
            #expect(past.contains("\"complete\":\(complete)"), "\(past)")
        }
        #expect(
            try Self.ask(store, "gaps").contains(
                #""reason":"lost on their way to the agent: their client counted them""#))
    }

    /// An unambiguous end of a name will do.
    @Test func namesByTheirEnds() throws {
        let store = MemoryStore(events: [
            [Self.event("h1/api", 1)], [Self.event("h2/api", 1)], [Self.event("h1/db", 1)],
            [Self.event("x/h1/web", 1)], [Self.event("web", 1, "exact")],
        ])
        func show(_ event: String) throws -> String {
            try Self.ask(store, "show", ["event": [event]])
        }
        #expect(try show("db:1").contains(#""id":"h1/db:1""#))
        #expect(try show("h1/web:1").contains(#""id":"x/h1/web:1""#))
        #expect(try show("web:1").contains(#""text":"exact""#))
        let ambiguous = try #require(throws: QuestionError.self) { try show("api:1") }
        #expect("\(ambiguous)".contains("h1/api") && "\(ambiguous)".contains("h2/api"))
        #expect(ambiguous.kind == .misuse)
        let mistyped = try #require(throws: QuestionError.self) { try show("h1/dbb:1") }
        #expect("\(mistyped)".contains("perhaps “h1/db”"), "\(mistyped)")
        #expect(throws: QuestionError.self) { try show("pi:1") }
    }

    @Test func aGraphGrowsWithItsStore() throws {
        var store = MemoryStore(events: [[Self.event("a", 3), Self.event("a", 4)]])
        let first = try ExecutionGraph.load("main", from: store)
        store.events.append([Self.event("a", 1), Self.event("a", 2)])
        store.events.append([Self.event("b", 1, "", ["a": 4])])
        let second = try ExecutionGraph.load("main", from: store, after: first)
        #expect(first.history.countEvents() == 2 && second.history.countEvents() == 5)
        #expect(second.history.allGaps().isEmpty)
        #expect(try second.edges().count == 1)
        #expect(try ExecutionGraph.load("main", from: store, after: second) === second)
    }

    @Test func misspeltParametersAreRefused() {
        #expect(throws: QuestionError.self) {
            try Question("timeline", QuestionParameters(["were": ["x"]]))
        }
        #expect(throws: QuestionError.self) {
            try Question("order", QuestionParameters(["a": ["x:1"]]))
        }
        #expect(throws: QuestionError.self) { try Question("tell", QuestionParameters()) }
    }
}
