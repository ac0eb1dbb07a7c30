import Causality
import Redacting
import Segments
import SimulatedHistories

/// What it takes to look for secrets, beside what it takes to make a segment of the same events.
enum RedactionBenchmark {
    static func run() {
        var random = SeededGenerator(seed: 3)
        let process = ProcessID(name: "web-1/api")
        var clock = VectorClock()
        let events = (1...100_000 as ClosedRange<UInt64>).map { sequence in
            clock[process] = sequence
            let user = Int.random(in: 0..<5000, using: &random)
            let milliseconds = Int.random(in: 1..<900, using: &random)
            return Event(
                id: EventID(process, sequence),
                text: "GET /users/\(user)/orders took \(milliseconds) ms, status 200",
                level: .info,
                attributes: [
                    Attribute("trace", .text(String(random.next(), radix: 16))),
                    Attribute("peer", .text("10.0.\(user % 256).\(user / 256)")),
                    Attribute("bytes", .json("\(milliseconds * 31)")),
                ], clock: clock)
        }
        let key = ProcessKey(execution: "main", host: "web-1", process: process)
        let batch = EventBatch(events, of: key)
        let header = SegmentHeader(
            agent: Identity128(using: &random), segment: Identity128(using: &random),
            created: WallTime(nanoseconds: 0))
        let encoding = best {
            var writer = SegmentWriter(header)
            _ = writer.commit(batch, Commit())
        }
        say("a segment of them", encoding, encoding)
        let attributes = [
            RedactionRule(.attribute("password")), RedactionRule(.attribute("auth*")),
        ]
        measure("2 attributes", attributes, batch, encoding)
        for kind in SecretKind.allCases {
            measure("kind \(kind.rawValue)", [RedactionRule(.kind(kind))], batch, encoding)
        }
        let kinds = SecretKind.allCases.map { RedactionRule(.kind($0), .hash) }
        measure("all of them, hashed", attributes + kinds, batch, encoding)
    }

    private static func measure(
        _ name: String, _ rules: [RedactionRule], _ batch: EventBatch, _ encoding: Double
    ) {
        let policy = RedactionPolicy(rules, keyPath: "key")
        guard
            let redactor = try? Redactor(
                policy, key: [UInt8](repeating: 7, count: 32), compile: { _ in nil })
        else { preconditionFailure("rules that are none") }
        var counts = [Int](repeating: 0, count: rules.count)
        let taken = best {
            var copy = batch
            copy.rewrite(
                from: 0, word: { redactor.word($0, &counts) },
                text: { redactor.redact($0, &counts) },
                value: { redactor.redact($2, isJSON: $1, of: $0, &counts) })
        }
        say(name, taken, encoding)
    }

    private static func best(_ body: () -> Void) -> Double {
        (0..<5).map { _ in seconds(body) }.min() ?? 0
    }

    private static func say(_ name: String, _ taken: Double, _ encoding: Double) {
        let nanoseconds = rounded(taken * 1e9 / 100_000)
        print(
            "\(name): \(nanoseconds) ns an event, \(rounded(taken / encoding * 100)) % of a segment"
        )
    }
}
