import Causality
import Querying

/// What the text of an answer comes from. It is asked for the next piece, and does nothing in between: who reads slowly holds a
/// place in the answer, and no thread.
package protocol TextSource {
    /// The next piece, line breaks included: empty where a step of the work brought nothing to say, nil at the end.
    mutating func next() throws -> String?
    /// Lets go of what can be read again: nobody asks for a while.
    mutating func release()
    /// Why the text ended early, and said so.
    var stopped: QuestionStopped? { get }
}

extension TextSource {
    package mutating func release() {}
    package var stopped: QuestionStopped? { nil }
}

/// Text that is there already.
struct ReadyText: TextSource {
    private var pieces: ArraySlice<String>

    init(_ pieces: String...) { self.pieces = pieces[...] }

    init(lines: [String]) { pieces = lines.map { $0 + "\n" }[...] }

    mutating func next() -> String? { pieces.popFirst() }
}

/// How an answer is written.
package enum AnswerForm: Sendable {
    /// For a person.
    case text
    /// One object; for lists an object a line.
    case json
}

/// An answer as text, on its way to who asked. What is known before its text is in the fields; the text follows piece by
/// piece, so that memory does not grow with the answer.
package struct WrittenAnswer {
    /// What a person must know to read the text rightly: what is incomplete, and why.
    package var notes: [String]
    /// False where the answer is no, or nothing; nil where only the text tells: none is no.
    package var isYes: Bool?
    private var sources: [any TextSource]
    private var index = 0

    /// Its text is that of the sources, one after the other.
    init(notes: [String] = [], isYes: Bool? = true, text sources: [any TextSource]) {
        self.notes = notes.map { printable($0) }
        self.isYes = isYes
        self.sources = sources
    }

    /// An answer of few lines.
    init(notes: [String] = [], isYes: Bool? = true, _ lines: [String]) {
        self.init(notes: notes, isYes: isYes, text: [ReadyText(lines: lines)])
    }

    init(_ answer: Answer, as form: AnswerForm) {
        self =
            switch form {
            case .text: Self.text(answer)
            case .json: Self.json(answer)
            }
    }

    /// The next piece of the text: empty where a step of the work brought nothing to say, nil at the end. Whatever the format,
    /// nothing in it harms a terminal. Throws where the text ends early and cannot say so.
    package mutating func next() throws -> String? {
        while index < sources.count {
            if let text = try sources[index].next() {
                // Each format has its own escapes; this is for what one has forgotten.
                return printable(text, keeping: .lineBreaksAndTabs)
            }
            index += 1
        }
        return nil
    }

    /// Lets go of what can be read again, while nobody asks for more.
    package mutating func release() {
        for index in index..<sources.count { sources[index].release() }
    }

    /// Why the text ended early, and said so.
    package var stopped: QuestionStopped? { sources.lazy.compactMap(\.stopped).first }

    /// All of the text that is left.
    package consuming func text() throws -> String {
        var text = ""
        while let piece = try next() { text += piece }
        return text
    }
}

extension Answering {
    /// The answer to a question, as text.
    package func written(_ question: Question, as form: AnswerForm) throws -> WrittenAnswer {
        var answering = self
        answering.options.hasClock = form == .json && question.hasClocks
        return WrittenAnswer(try answering.answer(question), as: form)
    }
}
