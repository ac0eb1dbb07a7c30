import Causality
import Exporting
import SimulatedHistories
import Testing

@testable import Querying

/// A query as text, as a tree, as JSON, and back.
@Suite struct SyntaxTreeTests {
    private static let now = WallTime(nanoseconds: 1_700_000_000_123_456_789)

    /// Text → tree → JSON → tree → text is the same.
    private static func expectRoundTrip(_ text: String) throws {
        let query = try Query(text, now: now)
        let json = query.tree.json
        let tree = try #require(SyntaxTree(json: json), "\(text): \(json)")
        #expect(tree == query.tree, "\(text): \(json)")
        let again = try Query(json)
        #expect(again.tree == query.tree, "\(text): \(again.text)")
        #expect(again.text == tree.queryText)
        // What was written out is read as itself.
        #expect(try Query(again.text).tree == tree, "\(again.text)")
        #expect(try Query(again.text).tree.queryText == again.text)
    }

    @Test(arguments: [
        "{}", "{ level >= warn }", "{ a = 1 && b != \"x y\" || !(c > 2s || d <= 0x10) }",
        "{ \"connection reset\" && text =~ \"a.*\\\"b\" && name !~ 'q' }",
        "{ exists(attempt) && attempt in (1, \"b\", 3s) }",
        "{ !exists(\"odd key\") && attr.name = z }",
        "{ took * 2 + 1s - 3 / 2 > 300ms && time > now - 15m && now - 5m < attr.started }",
        "{ 5 < attr.size && attr.\"a->b\" = attr.c && time = \"2026-11-23T10:20:30Z\" }",
        "{ time - 5s > now - 1h && !!(a = 1 && b = 2) && (a = 1 && b = 2) && kind = send }",
        "{ a = 1 && (b = 2 || c = 3) && seq > 5 && host = h && process = \"web-1/api#2\" }",
        "{a = 1} as a -> {b = 2} as b within 30s until { c = 3 } where a.order = b.order select b",
        "{} -> {x = 1}{3,} -> {}", "{} -> {}{2} -> {} within 20 events",
        "{} -> {}{0} -> {} until {}",
        "{} -> {}{0,4} -> {} until { w = 1 } ~> {} ->1 {} . {} || {} <- {}",
        "{} as x !-> {} as y where x.a * 2 = y.b + 1 && x.attr.\"k k\" = y.process",
        "{} !<- {} within 1us", "all({} as p, { level = error }, {}) within 5s where exists(p.x)",
        "{} -> {} where gap(1, 2) > 1ms && 1.a = 2.a && (1.b = 1 || 2.b = now) && gap(2, 1) != 0s",
        "request-response({ process = a }, {}) where request.seq < 5 select response | past hops 2",
        "broadcast({}, { b = 1 }, 3) | count() by (sent.process, received.attr.\"x y\")",
        "gather({}, {}, 2) | last 3 per process | window 5 | { a = 1 } | first",
        "{} | past | future | concurrent | why | future hops 3 | hops 2 | {} | cascade",
        "{} | clusters within 2.5s", "{} | compare({ level >= error && a = b })",
        "{} | topk(3, quantile(took * 2, .99)) by (user, host)", "{} | rate(1m)",
        "{} | histogram(attr.took)", "{} as a -> {} as b | avg(gap(a, b)) by (b.name)",
        "{} as a -> {} as b | sum(b.size / a.size)", "{} | distinct(\"odd, key\")",
        "{ big = 123456789012345678901234567890 && small > 0.00000001s && a = 1e-7 }",
        "{ x > 1us * 2 && x < 1e20 * 10 && x in (1) }",
    ])
    func aTreeIsReadBack(text: String) throws { try Self.expectRoundTrip(text) }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func anyTreeIsReadBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            try Self.expectRoundTrip(QueryTests.Pattern(&random).text)
            let condition = Self.condition(&random, depth: 4)
            try Self.expectRoundTrip("{ \(condition) } | { \(Self.condition(&random, depth: 3)) }")
        }
    }

    private static func condition(_ random: inout SeededGenerator, depth: Int) -> String {
        switch Int.random(in: 0..<(depth == 0 ? 5 : 9), using: &random) {
        case 0: return "attempt > \(Int.random(in: -5...5, using: &random))"
        case 1: return "text = \"a \\\"quoted\\\" \\\\ text\""
        case 2: return "took - \(Int.random(in: 1...9, using: &random)) * 2ms >= attr.limit / 2"
        case 3: return "exists(\"k\(Int.random(in: 0...9, using: &random)) é\")"
        case 4: return "'some words'"
        case 5: return "!\(inside(&random, depth))"
        case 6: return "\(inside(&random, depth)) && \(inside(&random, depth))"
        case 7:
            return
                "\(inside(&random, depth)) || \(inside(&random, depth)) || \(inside(&random, depth))"
        default: return "level in (warn, error) && \(inside(&random, depth))"
        }
    }

    private static func inside(_ random: inout SeededGenerator, _ depth: Int) -> String {
        "(\(condition(&random, depth: depth - 1)))"
    }

    @Test(arguments: [
        (#"{"terms":[{}],"wher":{"words":["a"]}}"#, "wher"),
        (#"{"terms":[{"name":"a -> {} as b"}]}"#, "links"),
        (
            #"{"terms":[{"selection":{"comparison":"=","left":{"attribute":"a"},"right":{"number":"x"}}}]}"#,
            "terms[0].selection"
        ),
        (#"{"terms":[{}],"stages":[{"stage":"past","hops":0}]}"#, "from 1 to"),
        (#"{"terms":[{}],"stages":[{"stage":"count","by":[{"field":"a) | past"}]}]}"#, "behind"),
        (#"{"terms":[]}"#, "terms"), (#"{"terms":[{},{}]}"#, "terms"), (#"{"terms":{}}"#, "terms"),
        (
            #"{"terms":[{"selection":{"comparison":"=","left":{"attribute":"k","field":"name"},"right":{"text":"v"}}}]}"#,
            "terms[0]"
        ),
        (
            #"{"terms":[{"selection":{"comparison":"=","left":{"arithmetic":"*","left":{"arithmetic":"+","left":{"attribute":"a"},"right":{"attribute":"b"}},"right":{"attribute":"c"}},"right":{"number":"1"}}}]}"#,
            "terms[0]"
        ),
    ])
    func whatNoQuerySaysIsRefused(json: String, what: String) throws {
        let error = try #require(throws: QuerySyntaxError.self) { try Query(json) }
        #expect(error.text.contains(what), "\(error)")
    }

    /// A selection that begins as an object does is none.
    @Test func wordsInBracesAreNoTree() throws {
        #expect(try Query("{\"connection reset\"}").terms.count == 1)
        #expect(throws: QuerySyntaxError.self) { try Query(#"{"term":[]}"#) }
        #expect(throws: QuerySyntaxError.self) { try Query(#"{"terms":[{}]"#) }
        let blanks = String(repeating: " ", count: Limits.treeBytesMax - 14)
        #expect(throws: Never.self) { try Query(#"{"terms":[{}]}"# + blanks) }
        #expect(throws: QuerySyntaxError.self) { try Query(#"{"terms":[{}]}"# + blanks + " ") }
    }
}
