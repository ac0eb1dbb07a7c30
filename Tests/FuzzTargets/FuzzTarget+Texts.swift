import Archiving
import Causality
import Collector
import Exporting
import HappensBefore
import Matching
import Querying
import SimulatedHistories
import Synchronization

extension FuzzTarget {
    /// A JSON text, or what stands inside the quotes of a string.
    static let json = FuzzTarget("json") {
        [
            #"{"a": [1, -2.5e-3, true, null], "b\n\u00e9\ud83d\ude00": {"c": "x"}, "a": ""}"#,
            #"["a", {"b": []}, [[[0]]]]"#, #"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"#,
        ].map { Array($0.utf8) }
    } run: { bytes in
        let isValue = JSONScanner.isValue(bytes)
        if let members = try? JSONScanner.object(bytes) {
            try promise(isValue, "an object is no value")
            for member in members {
                switch member.value {
                case .object(let text), .array(let text), .number(let text), .literal(let text):
                    try promise(JSONScanner.isValue(text), "“\(text)” is a member and no value")
                case .string: break
                }
            }
            let written = JSONWriter.object { writer in
                for member in members {
                    writer.key(text: member.key)
                    switch member.value {
                    case .string(let text): writer.value(text)
                    default: writer.raw(member.value.text)
                    }
                }
            }
            let again = try JSONScanner.object(Array(written.utf8))
            for (found, member) in zip(again, members) {
                // Of what is no text, spaces may come back as others.
                let isSame =
                    if case .string = member.value { found.value == member.value } else {
                        found.value.kind == member.value.kind
                    }
                try promise(
                    found.key == member.key && isSame, "\(member) came back as \(found)")
            }
            try promise(again.count == members.count, "\(members) came back as \(again)")
        }
        if JSONScanner.array(bytes, bytes.indices) != nil {
            try promise(isValue, "an array is no value")
        }
        if let text = JSONScanner.unescaped(bytes) {
            let written = JSONWriter.object { $0.member("k", text) }
            let again = try JSONScanner.object(Array(written.utf8))
            try promise(
                again == [JSONMember(key: "k", value: .string(text))],
                "“\(text)” came back as \(again)")
        }
    }

    /// A time.
    static let time = FuzzTarget("time") {
        [
            "2026-11-23", "2026-11-23T10:20", "2026-11-23 10:20:30.5+01:00",
            "1677-09-21T00:12:43.145224193Z", "2262-04-11T23:47:16.854775807Z",
        ].map { Array($0.utf8) }
    } run: { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        _ = QuestionParameters.seconds(text)
        guard let time = WallTime(text: text) else { return }
        let written = time.description
        try promise(
            written.utf8.count <= WallTime.textBytesMax && WallTime(text: written) == time,
            "“\(text)” is \(written), which is another time")
    }

    /// A selection.
    static let selection = FuzzTarget("selection") {
        [
            #"{ process = "web-1/api" && text =~ "time(out|r)" && level >= warn && attempt > 3 }"#,
            #"!(host != 'h' || kind = send) && attr.a.b <= -2.5e3 || seq < 9 && name !~ "^x$""#,
            #"time >= "2026-11-23T10:20:30Z" && list != '' "#,
        ].map { Array($0.utf8) }
    } run: { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        guard let selection = try? Selection(text) else { return }
        let again = try Selection(selection.text)
        for (key, event) in sampleEvents {
            let holds = selection.holds(for: event, host: key.host, kind: event.kind)
            try promise(
                holds == again.holds(for: event, host: key.host, kind: event.kind),
                "what it says of itself means something else: \(selection.text)")
            try promise(
                !holds || selection.mayHold(process: event.id.process, host: key.host),
                "it holds of \(event.id), of whose process it cannot")
        }
        _ = selection.isEverything
    }

    private static let sampleEvents = Sample.events(seed: 8, count: 40)

    /// A pattern, a piece; the rest is a text.
    static let pattern = FuzzTarget("pattern") {
        [("a+b|c", "xaab"), ("(?<name>\\d{2,3})[^x]*$", "12 3"), ("time.?out", "a timeout")].map {
            var writer = ByteWriter()
            writer.piece(Array($0.utf8))
            writer.bytes(Array($1.utf8))
            return writer.bytes
        }
    } run: { bytes in
        var input = Input(bytes)
        let source = String(decoding: input.piece(), as: UTF8.self)
        let rest = input.rest()
        let text = Array(String(decoding: rest, as: UTF8.self).utf8)
        guard let pattern = try? Pattern(source) else { return }
        try promise(
            pattern.instructionCount <= Matching.Limits.patternInstructionsMax
                && pattern.groupNames.count <= Matching.Limits.patternGroupsMax,
            "a pattern that is too large: \(pattern.instructionCount)")
        try text.withUnsafeBytes { text in
            let matches = pattern.matches(text)
            let found = pattern.firstMatch(in: text, from: 0, to: text.count, isUTF8: true)
            try promise(matches == (found != nil), "it matches and is not found, or the reverse")
            guard let found else { return }
            for range in found {
                guard let range else { continue }
                try promise(range.upperBound <= text.count, "a match that ends behind the text")
            }
            guard let needle = pattern.needle else { return }
            try promise(
                needle.first(in: text, from: 0) != nil,
                "“\(source)” matches a text in which its needle is not")
        }
        _ = try? Pattern(source, multiline: true)
        rest.withUnsafeBytes { rest in
            _ = pattern.firstMatch(in: rest, from: rest.count / 2, to: rest.count, isUTF8: false)
        }
    }

    /// A question: the number of its verb, and the parameters, name=value, a line each.
    static let question = FuzzTarget("question") {
        [
            "timeline\nwhere={ text =~ \"x\" }\nsince=2026-11-23\nuntil=-15m\nlast=3\nprocess=a",
            "order\na=web-1/api:1047\nb=p#2:3\ntimeout=1h\nlimit=9",
            "cut\nat=2026-11-23T10:20:30Z\nexecution=main", "view\nof=a\nat=p:1",
            "export\nformat=dot\npast-of=a%3Ab:9", "past\nevent=\"a b\":1\ncount=true",
        ].map { Array($0.utf8) }
    } run: { bytes in
        let lines = bytes.split(separator: UInt8(ascii: "\n")).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let verb = lines.first else { return }
        var parameters = QuestionParameters()
        for line in lines.dropFirst() {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            parameters[PercentEscaping.unescape(parts[0])].append(
                parts.count == 2 ? PercentEscaping.unescape(parts[1]) : "")
        }
        let resolved = parameters.resolved(now: WallTime(nanoseconds: 1_700_000_000_000_000_000))
        for name in ["a", "b", "event", "at"] {
            guard let text = resolved[name].first, let event = EventText(text) else { continue }
            try promise(
                EventText(event.description) == event, "“\(text)” is \(event), which is another")
        }
        _ = try? resolved.timeout(secondsMax: 60)
        _ = try? resolved.limit()
        _ = try? ExportQuestion(resolved)
        guard let question = try? Question(verb, resolved) else { return }
        _ = question.isList
    }

    /// A query, which is asked of a small archive.
    static let query = FuzzTarget("query", mutations: 200) {
        [
            #"{ kind = send && text =~ "event" } as a -> { kind = receive } as b where a.term = b.term select b"#,
            "{ process = p0 } as a || { process = \"p1\" } as b within 3h | first 2 per process",
            "{} ~> {} !-> { level >= warn } within 5 events | why",
            "{} ->1 {} until { name = x } | window 3 | last",
            "{ attempt > 3 } | past | topk(3, max(attempt)) by (process)",
            "{} as a -> {} as b where gap(a, b) > 1s && a.attempt + 1 <= b.attempt * 2 | histogram(gap(a, b))",
            "{} | count() by (process, name)", "{} | quantile(attempt, 0.5)", "{} | rate(5m)",
        ].map { Array($0.utf8) }
    } run: { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let now = WallTime(nanoseconds: 1_700_000_000_000_000_000)
        guard let query = try? Query(text, now: now) else { return }
        try promise(
            (1...Querying.Limits.queryTermsMax).contains(query.terms.count)
                && query.links.count == query.terms.count - 1
                && query.stages.count <= Querying.Limits.queryStagesMax,
            "a query beyond the limits: \(query)")
        try KeptArchive.withCopy { disk in
            let archive = try Archive(KeptArchive.path, .readOnly, disk: disk)
            // Another program, with other things in memory, says the same.
            let answers = [AnswerForm.json, .json, .text].map { form in
                answer(text, now, ArchiveStore(archive), form)
            }
            try promise(answers[0] == answers[1], "two answers to one query")
        }
    }

    /// What is told, as far as some steps come.
    private static func answer(
        _ text: String, _ now: WallTime, _ store: ArchiveStore, _ form: AnswerForm
    ) -> String {
        let steps = Atomic(0)
        var options = Question.Options(execution: "main", limit: 50)
        options.bytesMax = 1 << 20
        options.cancellation = Cancellation {
            steps.add(1, ordering: .relaxed).newValue > 20_000 ? .deadline(seconds: 1) : nil
        }
        do {
            let parameters = QuestionParameters(["q": [text]]).resolved(now: now)
            return try store.answering(options).written(Question("query", parameters), as: form)
                .text()
        } catch {
            return "\(error)"
        }
    }
}
