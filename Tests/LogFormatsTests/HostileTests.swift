import Causality
import LogFormats
import Testing

/// Input that would trap, hang or be lost in a careless reader.
@Suite struct HostileTests {
    static let formats: [LogFormat] = [
        .govector, .regex(pattern: RegexTests.twoLines, delimiter: "^=== (?<trace>.*) ===$"),
        .shiviz,
        .jsonl(fields: nil), .text(),
    ]

    @Test(arguments: [
        #"(?<host>(a+)+)(?<clock>(a+)+$)(?<event>!)"#, #"(?<host>a)(?<clock>)(?<event>(?s:.*b)?)"#,
        #"(?<host>a*)(?<clock>a*)(?<event>(?s:.*))"#, #"(?<host>)(?<clock>)(?<event>)(?s:.*b)?"#,
    ]) func patternsTakeLinearTime(_ pattern: String) throws {
        let format = LogFormat.regex(pattern: pattern, delimiter: nil)
        let line = [UInt8](repeating: UInt8(ascii: "a"), count: 100_000)
        #expect(try items(line, format).unmatched.count == 1)
        let lines = Array(String(repeating: "a\n", count: 20_000).utf8)
        #expect(try items(lines, format).unmatched.count == 20_000)
        let delimited = LogFormat.regex(pattern: RegexTests.twoLines, delimiter: pattern)
        _ = try items(lines, delimited)
    }

    @Test(arguments: formats) func longLinesArePassedOver(_ format: LogFormat) throws {
        let record: String =
            if case .jsonl = format { "{\"process\":\"a\"}\n" } else { "a {\"a\":1}\nx\n" }
        let head = format == .shiviz ? RegexTests.twoLines + "\n\n" : ""
        let long = String(repeating: "y", count: 2 << 20)
        let bytes = Array((head + record + long + "\n" + record + long).utf8)
        let whole = try items(bytes, format)
        #expect(
            whole.unmatched.map(\.reason)
                == Array(
                    repeating: "a line of more than 1048576 bytes: expected at most that", count: 2)
        )
        #expect(whole.unmatched.allSatisfy { $0.text.utf8.count == 256 })
        #expect(whole.events.count == (format == .text() ? 4 : 2))
        #expect(try items(bytes, format, restarts: true) { 300_000 } == whole)
        #expect(try items(bytes, format, restarts: false) { 70_000 } == whole)
    }

    @Test(arguments: formats) func aLineOfTheLargestSizeIsRead(_ format: LogFormat) throws {
        let bytes = [UInt8](repeating: UInt8(ascii: "y"), count: 1 << 20)
        #expect(try items(bytes, format).count == 1)
    }

    @Test func manyLinesWithoutAMatchAreGivenUp() throws {
        let line = String(repeating: "z", count: 99) + "\n"
        let bytes = Array((String(repeating: line, count: 30_000) + "a {\"a\":1}\nx\n").utf8)
        let format = LogFormat.regex(pattern: RegexTests.twoLines, delimiter: nil)
        let whole = try items(bytes, format)
        #expect(whole.unmatched.count == 30_000 && whole.events.count == 1)
        #expect(whole.unmatched.map(\.line) == (1...30_000).map { $0 })
        #expect(try items(bytes, format, restarts: true) { 500_000 } == whole)
        let goVector = try items(Array("a {\"a\":1}\n".utf8) + bytes, .govector)
        #expect(goVector.events.count == 1 && goVector.unmatched.count == 30_001)
    }

    @Test(arguments: ["[", "{\"a\":"]) func deepNesting(_ open: String) throws {
        let deep = String(repeating: open, count: 100_000)
        let reason = try #require(
            try items("{\"process\":\"a\",\"x\":\(deep)", .jsonl(fields: nil)).unmatched.first
        ).reason
        #expect(reason.contains("expected at most 64 levels"))
        let nested = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(
            try items("{\"process\":\"a\",\"x\":\(nested)}", .jsonl(fields: nil)).events.count == 1)
    }

    @Test(arguments: formats, [UInt64](1...40)) func anyBytesAreRead(
        _ format: LogFormat, seed: UInt64
    ) throws {
        var generator = SeededGenerator(state: seed)
        let scraps: [[UInt8]] = [
            Array("a {\"a\":1}\n".utf8), Array("{\"process\":\"a\"".utf8), Array("}\n".utf8),
            [0xff, 0xc3], Array("\n".utf8),
            Array("=== x ===\n".utf8), Array("\\ud800".utf8),
            Array("{\"a\":99999999999999999999}".utf8), [0, 13, 10],
            Array("1545000000000000000 ".utf8), Array("2013-05-24T23:28:00+99:99".utf8),
            Array("\"".utf8), [0xe2, 0x80, 0x9c],
            Array(RegexTests.twoLines.utf8),
        ]
        var bytes =
            format == .shiviz && seed % 2 == 0 ? Array((RegexTests.twoLines + "\n\n").utf8) : []
        for _ in 0..<60 { bytes += scraps[Int.random(in: 0..<scraps.count, using: &generator)] }
        let whole = try items(bytes, format)
        let pieces = try items(bytes, format, restarts: seed % 2 == 0) {
            Int.random(in: 1...9, using: &generator)
        }
        #expect(pieces == whole, "seed \(seed)")
    }

    @Test func damagedStatesAreRefused() throws {
        for format in HostileTests.formats {
            var first = try reader(format)
            let text =
                RegexTests.twoLines
                + "\n\na {\"a\":1}\nx\n=== x ===\na {\"a\":1}\nz\na {\"a\":2}\n{\"process\":\"a\"}\n"
            var sink = LogSink()
            _ = first.read(Array(text.utf8), isFinal: false, into: &sink)
            let state = first.storedState()
            for count in 0..<state.count {
                var second = try reader(format)
                #expect(throws: LogFormatError.self) { try second.restore(Array(state[..<count])) }
                #expect(second.lineCount == 0)
            }
            for index in state.indices {
                for bit in 0..<8 {
                    var damaged = state
                    damaged[index] ^= 1 << bit
                    var second = try reader(format)
                    do {
                        try second.restore(damaged)
                        _ = second.read(Array(text.utf8), isFinal: true, into: &sink)
                    } catch { continue }
                }
            }
            var other = try reader(format == .text() ? .govector : .text())
            #expect(throws: LogFormatError.self) { try other.restore(state) }
        }
    }
}
