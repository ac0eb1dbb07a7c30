import Causality
import LogFormats

extension FuzzTarget {
    /// Logs: how many bytes come at once, u8; a log of each format.
    static let jsonLines = log(
        "log-jsonl", [.jsonl(fields: nil), .jsonl(fields: nil, declaresMessages: true)],
        [
            #"{"process":"web-1/api","name":"order","text":"4711 ü","level":"warn","time":"2026-11-23T10:20:30Z","n":1}"#
                + "\n"
                + #"{"process":"p","clock":{"p":1,"q":3},"kind":"receive","cause":["q",3],"seq":1}"#
                + "\n"
                + #"{"host":"h","process":"p","execution":"e","clock":"{\"p\":2}","kind":"send"}"#,
            #"{"tag":"PrepareTracing","body":{"a":[1,{"b":"c"}]},"VectorClock":{"p":4}}"#,
        ])
    static let mappedLines = log(
        "log-fields",
        [
            .jsonl(fields: [
                "process": "pkt.src", "clock": "pkt.vc", "text": "msg", "time": "ts",
                "seq": "n", "kind": "k", "cause": "c", "attr.size": "pkt.len",
            ])
        ],
        [
            #"{"pkt":{"src":"a","vc":{"a":1},"len":[3]},"msg":"m","ts":1700000000.25,"n":1,"k":"send"}"#
                + "\n"
                + #"{"pkt":{"src":"b","vc":"a:1 b:1"},"msg":7,"ts":"17e8","c":"a:1","k":"recv"}"#
        ])
    static let goVector = log(
        "log-govector", [.govector],
        ["a {\"a\":1}\nstarted\nb {\"a\":1, \"b\":1}\nINFO got it\nmore of it\n"])
    static let shiViz = log(
        "log-shiviz", [.shiviz],
        [
            "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\na {\"a\":1}\nx\nb {\"b\":1,\"a\":1}\ny\n",
            "(?<event>.*)\\n(?<host>\\w+) (?<clock>{.*})\n^=== (?<trace>.*) ===$\n=== one ===\nx\na {\"a\":1}\n",
        ])
    static let regexLog = log(
        "log-regex",
        [
            .regex(pattern: "(?<host>\\S*) (?<clock>{.*}) (?<event>.*)", delimiter: nil),
            .regex(
                pattern: "(?<event>.*)\\n(?<host>\\w+) (?<clock>{.*})",
                delimiter: "^=== (?<trace>.*) ===$"),
        ],
        [
            "a {\"a\":1} x\njunk\nb {\"b\":1,\"a\":1} y\n",
            "=== one ===\nx\na {\"a\":1}\n=== two ===\nx\na {\"a\":1}\ny\nb {\"a\":1,\"b\":1}\n",
        ])
    static let plainText = log(
        "log-text", [.text(), .text(multiline: "^\\d{4}-")],
        [
            "2026-11-23T10:20:30Z one\n\n<14>two ü\r\n[warn] three",
            "  at the end of\n2026-11-23 ERROR x\n\tat f\n\n\tat g\n2026-11-24 y\n\n",
        ])

    /// Whether it comes at once, in pieces, or in pieces with restarts between, what is read is the same; and it can be stored.
    private static func log(
        _ name: String, _ formats: [LogFormat], _ seeds: [String]
    ) -> FuzzTarget {
        FuzzTarget(name) {
            seeds.flatMap { seed in
                (0..<UInt8(formats.count)).map { [$0 | 8] + Array(seed.utf8) }
            }
        } run: { bytes in
            var input = Input(bytes)
            let first = input.byte()
            let format = formats[Int(first & 1) % formats.count]
            let log = input.rest()
            let whole = try read(log, format, piece: .max, restarts: false)
            let pieces = try read(log, format, piece: Int(first >> 2) + 1, restarts: first & 2 != 0)
            // A pattern that goes on as far as it can takes as many lines as there are.
            guard !isOfPatterns(format) || log.count(where: { $0 == UInt8(ascii: "\n") }) <= 16
            else { return }
            try promise(
                whole.unmatched == pieces.unmatched
                    && whole.batch.sequences == pieces.batch.sequences
                    && whole.batch.content == pieces.batch.content
                    && whole.batch.times == pieces.batch.times
                    && whole.batch.causes.count == pieces.batch.causes.count,
                "in pieces it is another log: \(told(pieces)), not \(told(whole))")
            for line in whole.unmatched {
                // An agent could not ship what is longer.
                try promise(
                    line.reason.utf8.count <= 4_096 && line.text.utf8.count <= 1_024
                        && line.execution.utf8.count <= Causality.Limits.nameBytesMax,
                    "an unmatched line that is too long: \(line)")
            }
            let keys = whole.batch.slots.map { whole.batch.processes[Int($0)] }
            try promise(
                keys == pieces.batch.slots.map { pieces.batch.processes[Int($0)] },
                "its events are of other processes where it comes in pieces")
            try SegmentBytes.promiseReturn(of: whole.batch)
        }
    }

    private static func isOfPatterns(_ format: LogFormat) -> Bool {
        switch format {
        case .regex, .shiviz: true
        case .govector, .jsonl, .text: false
        }
    }

    private static func told(_ log: (batch: EventBatch, unmatched: [UnmatchedLine])) -> String {
        "“\(String(decoding: log.batch.content, as: UTF8.self))”, \(log.batch.sequences), \(log.unmatched)"
    }

    private static func read(
        _ log: [UInt8], _ format: LogFormat, piece: Int, restarts: Bool
    ) throws -> (batch: EventBatch, unmatched: [UnmatchedLine]) {
        func reader() throws -> LogReader { try LogReader(format, LogReader.Options()) }
        var current = try reader()
        var sink = LogSink(unmatchedMax: .max)
        var (consumed, end) = (0, 0)
        repeat {
            end = piece > log.count - end ? log.count : end + piece
            if restarts {
                let state = current.storedState()
                current = try reader()
                try current.restore(state)
                try promise(current.storedState() == state, "the state changed on its way")
            }
            consumed += current.read(
                Array(log[consumed..<end]), isFinal: end == log.count, into: &sink)
        } while end < log.count
        try promise(consumed == log.count, "consumed \(consumed) of \(log.count) bytes")
        return (sink.batch, sink.takeUnmatched().lines)
    }

    /// The stored state of a reader: the format of the reader, u8, and the state.
    static let logState = FuzzTarget("log-state") {
        try stateFormats.indices.flatMap { index in
            try [
                "", "a {\"a\":1} x\na {\"a\":2} y\n=== t ===\n",
                "(?<event>.*)\n\n{\"process\":\"p\"}\n",
            ]
            .map { log in
                var reader = try LogReader(stateFormats[index], LogReader.Options())
                var sink = LogSink()
                _ = reader.read(Array(log.utf8), isFinal: false, into: &sink)
                return [UInt8(index)] + reader.storedState()
            }
        }
    } run: { bytes in
        var input = Input(bytes)
        let format = stateFormats[Int(input.byte()) % stateFormats.count]
        var reader = try LogReader(format, LogReader.Options())
        guard (try? reader.restore(input.rest())) != nil else { return }
        let state = reader.storedState()
        var again = try LogReader(format, LogReader.Options())
        try again.restore(state)
        try promise(again.storedState() == state, "the state changed on its way")
        var sink = LogSink()
        _ = reader.read(
            Array("a {\"a\":1} x\n{\"process\":\"p\"}\nx\n".utf8), isFinal: true, into: &sink)
    }

    private static let stateFormats: [LogFormat] = [
        .govector, .regex(pattern: "(?<host>\\S*) (?<clock>{.*}) (?<event>.*)", delimiter: "=="),
        .shiviz, .jsonl(fields: nil), .text(),
    ]

    /// A line that a program sends to the agent.
    static let event = FuzzTarget("event") {
        [
            #"{"process":"worker","name":"job","kind":"receive","token":"AgAAAA","text":"x","level":"info","attributes":{"a":1,"b":"c"}}"#,
            #"{"process":"p","execution":"e","kind":"send","time":"2026-11-23T10:20:30Z","tokens":["a","b"],"lost":3}"#,
        ].map { Array($0.utf8) }
    } run: { bytes in
        guard let event = try? EventRequest(bytes) else { return }
        try promise(
            !event.process.isEmpty && event.attributes.count <= Causality.Limits.attributesMax
                && event.text.utf8.count <= Causality.Limits.eventBytesMax,
            "an event beyond the limits: \(event)")
        for attribute in event.attributes {
            if case .json(let text) = attribute.value {
                try promise(JSONScanner.isValue(text), "an attribute that is no JSON: \(text)")
            }
        }
    }
}
