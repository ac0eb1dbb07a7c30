import Causality
import HappensBefore
import Segments
import SimulatedHistories
import Testing

@testable import Matching
@testable import Querying

/// A search reads what rows say before the rest of them: it must never pass by what the whole event would satisfy.
@Suite struct SearchTests {
    @Test(arguments: [
        ("19425", "19425"), ("order .* refused", " refused"), ("a?bc", "bc"), ("abc*d", "ab"),
        ("[0-9]+ms", "ms"), ("^GET /x$", "GET /x"), ("a\\.b\\.c", "a.b.c"), ("x{0,3}yz", "yz"),
        ("[]a]bc", "bc"), ("ab+cd", "ab"), ("grüß?e", "gr\u{fc}"), ("]}", "]}"),
    ])
    func whatEveryMatchHolds(pattern: String, text: String) throws {
        let needle = try #require(try Pattern(pattern).needle, "\(pattern)")
        func isIn(_ other: String) -> Bool {
            Array(other.utf8).withUnsafeBytes { needle.first(in: $0, from: 0) != nil }
        }
        #expect(isIn("….\(text).…"))
        #expect(!isIn(String(text.dropLast())) && !isIn(String(text.dropFirst())))
    }

    @Test(arguments: [
        "", "a|b", "{[^}]+}", "ab{x[}]y", "a{,3}b", "a{2", "a{1,2,3}b", "(abc)?", "(?i)abc", "a?",
        ".*", "\\d+", "\\Qa\\E", "[a\\]]b", "[[:alpha:]]x",
        "^$",
    ])
    func whereNothingIsKnown(pattern: String) throws {
        #expect(try Pattern(pattern).needle == nil)
    }

    /// Whatever a pattern is, where it matches its needle lies.
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func aMatchHoldsTheNeedle(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func text(_ letters: [Character], _ count: Int) -> String {
            String(
                (0..<Int.random(in: 0...count, using: &random)).map { _ in
                    letters.randomElement(using: &random)!
                })
        }
        var known = 0
        for _ in 0..<4_000 {
            guard let pattern = try? Pattern(text(Array("ab{}[]^1,?*+.\\-"), 9)),
                let needle = pattern.needle
            else { continue }
            for _ in 0..<40 {
                let text = text(Array("ab{}[]^1,-"), 8)
                guard pattern.matches(text) else { continue }
                known += 1
                let found = Array(text.utf8).withUnsafeBytes { needle.first(in: $0, from: 0) }
                #expect(found != nil, "\(pattern.source) matches \(text)")
            }
        }
        #expect(known > 20)
    }

    @Test func aNeedleIsFoundWhereverItLies() {
        let text = Array("abcabcab".utf8)
        let needle = Needle(Array("abc".utf8))
        let places = text.withUnsafeBytes { bytes in
            (0...8).map { needle.first(in: bytes, from: $0) }
        }
        #expect(places == [0, 3, 3, 3, nil, nil, nil, nil, nil])
    }

    private static let words = [
        "Order", "order", "caf\u{e9}", "cafe\u{301}", "19425", "refused", "ÄRGER", "ärger", "ms",
        "a.b", "x", "", "cached",
    ]

    private static func batch(_ random: inout SeededGenerator) -> EventBatch {
        let process = ProcessID(name: "p")
        let events = (1...300).map { number in
            func text() -> String {
                (0..<Int.random(in: 0...4, using: &random))
                    .map { _ in words.randomElement(using: &random)! }.joined(separator: " ")
            }
            var event = Event(
                id: EventID(process, UInt64(number)),
                name: Bool.random(using: &random) ? "" : words.randomElement(using: &random)!,
                text: text(), clock: VectorClock([process: UInt64(number)]))
            event.level = Level(rawValue: UInt8.random(in: 0...7, using: &random))
            for key in ["user", "size", "user", "detail", "k\u{e9}", "ke\u{301}"]
            where Int.random(in: 0..<3, using: &random) == 0 {
                event.attributes.append(
                    Attribute(
                        key,
                        Bool.random(using: &random) ? .text(text()) : .json("{\"a\":\"order\"}")))
            }
            return event
        }
        return EventBatch(events, of: ProcessKey(execution: "main", host: "h", process: process))
    }

    private static func selection(_ depth: Int, _ random: inout SeededGenerator) -> String {
        func inner() -> String { selection(depth - 1, &random) }
        if depth > 0 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return "(\(inner()) && \(inner()))"
            case 1: return "(\(inner()) || \(inner()))"
            case 2: return "!(\(inner()))"
            default: break
            }
        }
        let word = words.randomElement(using: &random)!
        let pattern = ["19425", "ord.r", "refused|ms", "^x", "ms$", "(?i)ärger", "o.*d"]
            .randomElement(using: &random)!
        return [
            "text = \"\(word)\"", "text =~ \"\(pattern)\"", "text !~ \"\(pattern)\"",
            "name != \"\(word)\"", "name =~ \"\(pattern)\"", "level >= warn", "level != info",
            "user = \"\(word)\"", "user != \"\(word)\"", "user =~ \"\(pattern)\"",
            "\"caf\u{e9}\"", "k\u{e9} = \"\(word)\"", "ke\u{301} =~ \"\(pattern)\"",
            "detail.a = order",
            "other = 1", "other != 1", "\"order\"", "\"refused 19425\"", "\"Ärger\"", "seq > 150",
            "kind = local",
        ].randomElement(using: &random)!
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func nothingIsPassedByThatIsMeant(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let batch = Self.batch(&random)
        let encoded = RowColumns(batch)
        var columns: [RowColumn: [UInt8]] = [:]
        for column in RowColumn.content { columns[column] = encoded.encoded(column).bytes }
        var budget = Budget()
        let content = try ContentColumns(columns: columns, rowCount: batch.count, &budget)
        for _ in 0..<40 {
            let text = Self.selection(3, &random)
            let selection = try Selection(text)
            let possible = Set(try selection.rowsThatMayHold(content) {})
            var (taken, passed) = (0, 0)
            for row in 0..<batch.count {
                let event = batch.event(row)
                let holds = selection.holds(for: event, host: "h", kind: .local)
                #expect(!holds || possible.contains(row), "\(text): \(event)")
                taken += holds ? 1 : 0
                passed += possible.contains(row) ? 0 : 1
                // Where what rows say decides all, it decides it.
                let decides = ![
                    "seq", "kind", "detail.a", "\"caf\u{e9}\"", "\"order\"", "\"refused 19425\"",
                    "\"Ärger\"",
                ]
                .contains { text.contains($0) }
                #expect(!decides || possible.contains(row) == holds, "\(text): \(event)")
            }
        }
    }

    @Test func wordsAreWhole() throws {
        let selection = try Selection("{ \"Order 19425\" }")
        func holds(_ name: String, _ text: String, _ value: String = "") -> Bool {
            var event = Event(
                id: EventID(ProcessID(name: "p"), 1), name: name, text: text,
                clock: VectorClock())
            event.attributes = [Attribute("k", .text(value))]
            return selection.holds(for: event, host: "h", kind: .local)
        }
        #expect(holds("", "order 19425: 18 pieces"))
        #expect(holds("ORDER", "", "<19425>"))
        #expect(!holds("", "orders 19425") && !holds("", "order 194250") && !holds("", "order"))
        #expect(throws: QuerySyntaxError.self) { try Selection("{ \"--\" }") }
        #expect(throws: QuerySyntaxError.self) { try Selection("{ order }") }
        // Beside a comparison a quoted name is an attribute's.
        #expect(
            try !Selection("{ \"order\" = 1 }").holds(
                for: Event(
                    id: EventID(ProcessID(name: "p"), 1), text: "order", clock: VectorClock()),
                host: "h", kind: .local))
    }
}
