import Causality
import LogFormats

/// What one line of JSON says: anybody writes a log that an agent follows.
extension WorstInput {
    static let lines: [WorstInput] = [
        line("line", "bytes of a line", 1_048_576, "line of more than") { count in
            // Each needs an escape, and is one.
            let start = #"{"process":"p","text":""#
            let left = max(0, count - start.utf8.count - 2)
            return start + String(repeating: #"\u0001"#, count: left / 6)
                + String(repeating: "x", count: left % 6) + #""}"#
        },
        line("nesting", "arrays in each other in a line", 63, "nest") { count in
            #"{"process":"p","k":"# + String(repeating: "[", count: count)
                + String(repeating: "]", count: count) + "}"
        },
        line("attributes-of-line", "attributes of a line", 128, "attributes") { count in
            let keys = (0..<count).map { #""\#(name($0, bytes: 200))":"# + "1" }
            return #"{"process":"p",\#(keys.joined(separator: ","))}"#
        },
        line("clock-of-line", "entries of the clock of a line", 65_535, "clock") { count in
            let entries = (0..<count).map { "\"\($0)\":1" }
            return #"{"process":"0","seq":1,"clock":{\#(entries.joined(separator: ","))}}"#
        },
        line("causes-of-line", "causes of a line", 1_024, "causes") { count in
            let causes = (0..<count).map { "\"\(name($0, bytes: 250)):1\"" }
            return #"{"process":"p","seq":1,"causes":[\#(causes.joined(separator: ","))]}"#
        },
    ]

    private static func line(
        _ name: String, _ unit: String, _ most: Int, _ refusal: String,
        _ make: @escaping @Sendable (Int) -> String
    ) -> WorstInput {
        WorstInput(name: name, unit: unit, most: most, refusal: refusal) { count in
            Array((make(count) + "\n").utf8)
        } take: { bytes in
            var reader = try LogReader(.jsonl(fields: nil), LogReader.Options())
            var sink = LogSink()
            _ = reader.read(bytes, isFinal: true, into: &sink)
            if let line = sink.unmatched.first { return line.reason }
            return sink.batch.count == 1 ? nil : "\(sink.batch.count) events"
        }
    }
}
