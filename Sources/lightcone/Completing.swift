import ArgumentParser
import Causality
import Dispatch
import Querying
import Synchronization

/// What a shell offers for a word that is being typed, of what is in the source on its command line or in LIGHTCONE_SOURCE. Where
/// there is none, or it does not answer within a second, nothing is offered, without a word.
enum Completing {
    static let executions = CompletionKind.custom { words, index, _ in
        offered(words, index) { names(try await ask("executions", $0), "name") }
    }

    static let processes = CompletionKind.custom { words, index, _ in
        offered(words, index) { names(try await ask("processes", $0), "process") }
    }

    static let hosts = CompletionKind.custom { words, index, _ in
        offered(words, index) { names(try await ask("processes", $0), "host") }
    }

    static let hostsAndProcesses = CompletionKind.custom { words, index, _ in
        offered(words, index) { options in
            let processes = try await ask("processes", options)
            return names(processes, "host") + names(processes, "process")
        }
    }

    /// A process with its colon, behind which a number follows, or one of the words that stand for one.
    static let events = CompletionKind.custom { words, index, _ in
        offered(words, index) { options in
            names(try await ask("processes", options), "process").flatMap {
                ["\($0):", "\($0):first", "\($0):last"]
            }
        }
    }

    static let levels = CompletionKind.list(Level.allCases.map(\.text))

    private static let patience = DispatchTimeInterval.seconds(1)

    /// What of the candidates begins as the word does that is being typed.
    private static func offered(
        _ words: [String], _ index: Int,
        _ find: @escaping @Sendable (AskOptions) async throws -> [String]
    ) -> [String] {
        let line = CommandWords(words, completing: index)
        var arguments = ["--timeout", "1s"]
        for name in ["--source", "--execution"] {
            guard let value = line.value(of: name) else { continue }
            arguments += [name, value]
        }
        guard let options = try? AskOptions.parse(arguments) else { return [] }
        let found = Found()
        Task.detached {
            let names = try? await find(options)
            found.names.withLock { $0 = names ?? [] }
            found.isDone.signal()
        }
        guard found.isDone.wait(timeout: .now() + patience) == .success else { return [] }
        let matching = found.names.withLock { $0 }.filter { $0.utf8.starts(with: line.typed.utf8) }
        // What stands before the last colon the shell takes for another word, which stays.
        let before = line.typedBefore.utf8.count
        return matching.map { String(decoding: $0.utf8.dropFirst(before), as: UTF8.self) }
    }

    private final class Found: Sendable {
        let names = Mutex<[String]>([])
        let isDone = DispatchSemaphore(value: 0)
    }

    private static func ask(_ verb: String, _ options: AskOptions) async throws -> String {
        try await options.text(verb, QuestionParameters())
    }

    /// Whether a name means to every shell what it says: bash expands what it is offered, and would run what a name has between
    /// backquotes. Whoever writes events chooses the names.
    private static func isPlain(_ name: String) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf) || byte >= 0x80
        }
        return name.utf8.first.map(isWord) == true
            && name.utf8.allSatisfy { isWord($0) || "._-/@#+,%".utf8.contains($0) }
            && ExactText.isSame(printable(name), name)
    }

    /// Values of one key of each line, each once, but for those that a shell might take for something else.
    private static func names(_ lines: String, _ key: String) -> [String] {
        var names: [String] = []
        var known: Set<ExactText> = []
        for line in lines.split(separator: "\n") {
            guard let object = try? JSONScanner.object(Array(line.utf8)),
                let name = JSONScanner.value(at: key, of: object)?.text, isPlain(name),
                known.insert(ExactText(name)).inserted
            else { continue }
            names.append(name)
        }
        return names
    }
}

/// A command line as a shell hands it over to have a word completed: bash takes each colon and equals sign for a word of its own.
struct CommandWords {
    /// Whole again, without their quotes.
    private(set) var words: [String] = []
    /// What is typed of the word that is being completed.
    private(set) var typed = ""
    /// The beginning of it that the shell takes for words of their own.
    private(set) var typedBefore = ""

    init(_ parts: [String], completing index: Int) {
        var isJoined = false
        for (number, part) in parts.enumerated() {
            let isSign = part == ":" || part == "="
            let isName = words.last?.hasPrefix("--") == true && part == "="
            let joins = !words.isEmpty && (isJoined || isSign) && !isName
            if number == index {
                let before = joins ? words.removeLast() : ""
                typed = before + (isName ? "" : Self.unquoted(part))
                typedBefore = isSign ? typed : before
                return
            }
            if joins {
                words[words.count - 1] += Self.unquoted(part)
            } else if !isName {
                words.append(Self.unquoted(part))
            }
            isJoined = isSign && !isName
        }
    }

    /// What follows an option.
    func value(of option: String) -> String? {
        for (number, word) in words.enumerated() {
            if word == option, number + 1 < words.count { return words[number + 1] }
            if word.hasPrefix("\(option)=") { return String(word.dropFirst(option.count + 1)) }
        }
        return nil
    }

    /// Without quotes and backslashes, as a shell would have it.
    private static func unquoted(_ word: String) -> String {
        var text = ""
        var quote: Character?
        var isEscaped = false
        for character in word {
            if isEscaped {
                text.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else {
                text.append(character)
            }
        }
        return text
    }
}
