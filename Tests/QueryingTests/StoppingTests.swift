import Causality
import Exporting
import HappensBefore
import Matching
import Synchronization
import Testing

@testable import Querying

/// Stops a question at its nth look.
private final class Countdown: Sendable {
    private let left: Mutex<Int>

    init(_ looks: Int) { left = Mutex(looks) }

    var cancellation: Cancellation {
        Cancellation { [self] in
            left.withLock { left in
                left -= 1
                return left < 0 ? .deadline(seconds: 7) : nil
            }
        }
    }
}

@Suite struct StoppingTests {
    private static let store = MemoryStore(
        events: [
            (1...6).map { AnsweringTests.event("a", $0, "text of a", $0 >= 4 ? ["b": 2] : [:]) },
            (1...4).map { AnsweringTests.event("b", $0, "text of b", ["a": 2]) },
            [AnsweringTests.event("c", 1, "", ["a": 2, "b": 4, "ghost": 3])],
        ])

    private static func answer(
        _ verb: String, _ parameters: [String: [String]] = [:], isJSON: Bool = false,
        _ change: (inout Question.Options) -> Void = { _ in }
    ) throws -> WrittenAnswer {
        var options = Question.Options()
        change(&options)
        return try Answering(store, options)
            .written(Question(verb, QuestionParameters(parameters)), as: isJSON ? .json : .text)
    }

    private static func export(
        _ format: ExportFormat, _ cancellation: Cancellation = .never
    ) throws -> WrittenAnswer {
        var options = Question.Options()
        options.cancellation = cancellation
        return try Answering(store, options)
            .export(ExportQuestion(QuestionParameters(["format": [format.rawValue]])))
    }

    /// Wherever it is stopped, a listing is the beginning of the whole one and says that it ends early, or nothing is given.
    @Test(arguments: ["timeline", "past", "view"]) func listingsStopAnywhereAndSaySo(verb: String)
        throws
    {
        let parameters = ["timeline": [:], "past": ["event": ["c:1"]], "view": ["of": ["a"]]]
        let whole = try Self.answer(verb, parameters[verb]!).text()
        var (refused, cut) = (0, 0)
        for looks in 0... {
            var text = ""
            do {
                var answer = try Self.answer(verb, parameters[verb]!) {
                    $0.cancellation = Countdown(looks).cancellation
                }
                while let piece = try answer.next() { text += piece }
                guard answer.stopped != nil else {
                    #expect(text == whole)
                    break
                }
                cut += 1
            } catch let stopped as QuestionStopped {
                #expect(stopped.progress != nil, "at look \(looks): \(stopped)")
                refused += 1
                continue
            }
            let lines = text.split(separator: "\n")
            let stop = try #require(lines.firstIndex { $0.hasPrefix("stopped: ") })
            #expect(lines[stop].contains("has taken its 7 s, after \(stop) event"))
            #expect(whole.hasPrefix(lines[..<stop].map { $0 + "\n" }.joined()))
        }
        #expect(refused > 2 && cut > 2)
    }

    @Test func inJSONTheLastLineSaysHowFarItCame() throws {
        let text = try Self.answer("timeline", isJSON: true) { $0.imposedLimit = 3 }.text()
        let lines = text.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(
            lines[3]
                == #"{"stopped":"3 events are the limit, after 3 events, the last a:3, and there are more: "#
                + #"give a limit, or ask for less","limit":"events","events":3,"last":"a:3"}"#)
        let exact = try Self.answer("timeline", isJSON: true) { $0.imposedLimit = 11 }.text()
        #expect(!exact.contains("stopped"))
    }

    @Test func bytesReadAreLimited() throws {
        var answer = try Self.answer("timeline") { $0.bytesMax = 1 }
        #expect(try answer.next()?.hasPrefix("stopped: 1 bytes of events were read") == true)
        #expect(answer.stopped?.reason == .bytes(max: 1))
        #expect(!(try Self.answer("timeline") { $0.bytesMax = 1 << 20 }.text()).contains("stopped"))
    }

    /// What cannot say in its text that it ends early is not given at all, or breaks off.
    @Test func countsSayHowFarTheyCame() throws {
        let parameters = ["event": ["c:1"], "where": ["text =~ 'of a'"], "count": ["true"]]
        var progress: Set<QuestionStopped.Progress> = []
        for looks in 0... {
            do {
                let answer = try Self.answer("past", parameters) {
                    $0.cancellation = Countdown(looks).cancellation
                }
                #expect(try answer.text() == "2\n")
                break
            } catch let stopped as QuestionStopped {
                progress.insert(try #require(stopped.progress))
            }
        }
        #expect(progress.contains(.loaded(1, of: 3)) && progress.contains(.joining))
        #expect(progress.contains(.looked(0, of: 6)) && progress.contains(.looked(5, of: 6)))
    }

    @Test(arguments: ExportFormat.allCases) func exportsRestAnywhereAndBreakOff(
        format: ExportFormat
    ) throws {
        let whole = try Self.export(format).text()
        // Whatever is let go of between two pieces is read again.
        var resting = try Self.export(format)
        var text = ""
        while let piece = try resting.next() {
            text += piece
            resting.release()
        }
        #expect(text == whole)
        var breaks = 0
        for looks in 0... {
            var text = ""
            do {
                var answer = try Self.export(format, Countdown(looks).cancellation)
                while let piece = try answer.next() { text += piece }
                #expect(text == whole)
                break
            } catch is QuestionStopped {
                #expect(whole.hasPrefix(text))
                breaks += text.isEmpty ? 0 : 1
            }
        }
        #expect(breaks > 5)
    }

    @Test(arguments: ["executions", "processes", "gaps", "defects", "show", "path", "cut"])
    func everyQuestionCanBeStopped(verb: String) throws {
        let parameters = [
            "show": ["event": ["a:1"]], "path": ["a": ["a:1"], "b": ["c:1"]],
            "cut": ["event": ["c:1"]],
        ]
        #expect(throws: QuestionStopped.self) {
            try Self.answer(verb, parameters[verb] ?? [:]) {
                $0.cancellation = Countdown(0).cancellation
            }
        }
    }

    @Test(arguments: [
        ("45", 45), ("30s", 30), ("2m", 120), ("1h", 3600), ("", nil), ("s", nil), ("1.5s", nil),
        ("-1s", nil), ("3d", 259_200), ("3w", nil), ("99999999999999999h", nil), ("１s", nil),
    ])
    func timeouts(text: String, seconds: Int?) throws {
        #expect(QuestionParameters.seconds(text) == seconds)
    }

    @Test func timeoutsHaveALimit() throws {
        func timeout(_ text: String) throws -> Int? {
            try QuestionParameters(["timeout": [text]]).timeout(secondsMax: 60)
        }
        #expect(try timeout("1m") == 60)
        for text in ["61s", "0", "soon"] {
            #expect(throws: QuestionError.self) { try timeout(text) }
        }
    }
}

@Suite struct PatternLimitTests {
    @Test(arguments: [
        "((((.{0,30}){0,30}){0,30})x)", "(.?){500}(.?){500}z", "\\pL{1,100}", ".{0,1000}",
        String(repeating: "(a)", count: 65),
    ])
    func whatWouldTakeMinutesIsRefused(source: String) {
        #expect(throws: PatternError.self) { try Pattern(source) }
    }

    @Test(arguments: [
        "(?i)time(d )?out", "\\pL+ing", ".{0,100}end", "(\\S+ ){1,20}x",
        "(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}|(?:[0-9A-Fa-f]{1,4}:){1,7}:",
    ])
    func whatPeopleWriteIsNot(source: String) throws {
        #expect(try Pattern(source).instructionCount > 0)
    }

    @Test func manyPatternsCountTogether() throws {
        let one = "text =~ '.{0,100}x'"
        #expect(throws: Never.self) { try Selection(one) }
        let error = try #require(throws: QuerySyntaxError.self) {
            try Selection(Array(repeating: one, count: 4).joined(separator: " || "))
        }
        #expect("\(error)".contains("in one query"), "\(error)")
    }

    @Test func matchingWithoutGroupsIsTheSame() throws {
        let pattern = try Pattern("^(a|b)+(?<tail>c*)$")
        for (text, expected) in [("abc", true), ("", false), ("xabc", false), ("b", true)] {
            #expect(pattern.matches(text) == expected)
        }
        #expect(try Pattern("").matches(""))
    }
}
