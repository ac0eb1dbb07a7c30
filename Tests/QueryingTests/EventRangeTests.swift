import Causality
import HappensBefore
import Testing

@testable import Querying

/// `web:3..7`: numbers of one process, both ends included.
@Suite struct EventRangeTests {
    @Test(
        arguments: [
            ("web:3..7", "web:3..7"), ("web:3..web:7", "web:3..7"),
            ("web-1/api:first..7", "web-1/api:first..7"),
            ("web:3..last", "web:3..last"), ("web:first..last", "web:first..last"),
            ("a..b:3..3", "a..b:3..3"), ("web:last..last", "web:last..last"),
            ("web:3", nil), ("web:0..3", nil), ("web:3..", nil), ("web:3..x", nil), ("..7", nil),
            ("3..7", nil),
            ("web..7", nil), ("a..b:3", nil), ("", nil), ("..", nil), ("web:3...7", nil),
            ("{ text = \"a:1..2\" }", nil),
        ] as [(String, String?)])
    func isRead(text: String, range: String?) throws {
        #expect(try EventRange(text)?.description == range)
    }

    @Test(arguments: [
        ("web:3..db:7", "a range is of one process, such as web:3..7"),
        ("web:7..3", "expected the earlier end"), ("web:last..3", "expected the earlier end"),
        ("web:3..first", "expected the earlier end"),
    ]) func isRefused(text: String, reason: String) {
        let error = #expect(throws: QuestionError.self) { _ = try EventRange(text) }
        #expect(error?.kind == .misuse && error?.text.contains(reason) == true)
    }

    /// Of `api` 3 to 9 are here but for 6; `db` has seen `api:7`.
    private static let store = MemoryStore(events: [
        [3, 4, 5, 7, 8, 9].map {
            AnsweringTests.event("web-1/api", $0, $0 % 2 == 0 ? "even" : "odd", [:])
        },
        [
            AnsweringTests.event("db", 1, "odd", [:]),
            AnsweringTests.event("db", 2, "odd", ["web-1/api": 7]),
        ],
    ])

    private func asked(_ verb: String, _ parameters: [String: [String]]) throws -> [String] {
        let question = try Question(verb, QuestionParameters(parameters))
        switch try Answering(Self.store, .init()).answer(question) {
        case .events(let listing):
            var events = listing.events
            var ids: [String] = []
            while let step = try events.next() {
                if case .event(let listed) = step { ids.append("\(listed.event.id)") }
            }
            return ids.map { $0.replacing("web-1/", with: "") }
        case .count(let count): return ["\(count.count)"]
        default: return []
        }
    }

    @Test(
        arguments: [
            ("api:4..7", ["api:4", "api:5", "api:7"]), ("api:first..4", ["api:3", "api:4"]),
            ("web-1/api:8..last", ["api:8", "api:9"]), ("api:1..3", ["api:3"]), ("api:6..6", []),
            ("api:100..200", []), ("api:last..last", ["api:9"]), ("api:first..first", ["api:3"]),
            ("db:first..last", ["db:1", "db:2"]),
            ("api:1..4611686018427387904", ["api:3", "api:4", "api:5", "api:7", "api:8", "api:9"]),
        ] as [(String, [String])])
    func aTimelineIsOfThem(range: String, ids: [String]) throws {
        #expect(try asked("timeline", ["range": [range]]) == ids)
        #expect(
            try asked("timeline", ["range": [range], "reverse": ["true"]]) == ids.reversed())
        #expect(
            try asked("timeline", ["range": [range], "where": ["{ text = odd }"]])
                == ids.filter { !["api:4", "api:8"].contains($0) })
    }

    /// What is before or after an event may be chosen from, too, and counted.
    @Test func aPastIsOfThem() throws {
        let past = ["event": ["db:2"], "range": ["api:4..9"]]
        #expect(try asked("past", past) == ["api:4", "api:5", "api:7"])
        #expect(try asked("past", past.merging(["count": ["true"]]) { $1 }) == ["3"])
        #expect(try asked("concurrent", past) == ["api:8", "api:9"])
        #expect(
            try asked("future", ["event": ["api:5"], "range": ["api:first..8"]]) == [
                "api:7", "api:8",
            ])
    }

    @Test func whatIsNoProcessOrTakesOneEventIsTold() {
        func refusal(_ verb: String, _ parameters: [String: [String]]) -> String? {
            #expect(throws: QuestionError.self) { try asked(verb, parameters) }?.text
        }
        #expect(
            refusal("show", ["event": ["n2"]])
                == "event: expected an event such as n2:1047 or n2:last, found “n2”")
        #expect(refusal("show", ["event": ["a:b"]])?.contains("such as web-1/api:1047") == true)
        #expect(refusal("timeline", ["range": ["apj:1..2"]])?.contains("no process") == true)
        #expect(refusal("timeline", ["range": ["api:1"]])?.hasPrefix("range: expected") == true)
        #expect(
            refusal("show", ["event": ["api:3..7"]])
                == "event: one event is asked about, such as api:7; timeline and export take the range api:3..7"
        )
        #expect(
            refusal("order", ["a": ["api:3"], "b": ["api:4..5"]])?.contains("such as api:4;")
                == true)
    }

    @Test func wordsAreToldApart() {
        var parameters = QuestionParameters()
        parameters.choose(["web:3..7", "{ text = \"a:1..2\" }"])
        #expect(
            parameters["range"] == ["web:3..7"] && parameters["where"] == ["{ text = \"a:1..2\" }"])
        parameters = QuestionParameters()
        parameters.choose(["text =~ x", "web:3..db:7"])
        #expect(parameters["range"] == ["web:3..db:7"] && parameters["where"] == ["text =~ x"])
    }
}
