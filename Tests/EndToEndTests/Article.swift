import Foundation
import Testing

/// The README or an article: text with a session in it.
///
/// The blocks of an article that are marked `bash` and `console` are typed into one shell, in order. What a `bash` block
/// prints is not shown, and none of its commands may fail. In a `console` block a command stands behind `$ `, goes on in
/// the next line where it ends in `\`, and up to the end that `<<'END'` names, and is followed by what a terminal of 100
/// columns shows. There `…` stands for whatever differs from one run to the next, and for any number of lines where it
/// stands alone.
struct Article: CustomTestStringConvertible, Sendable {
    /// Below the folder of the repository.
    let path: String

    /// The README, and what lies in any target's documentation.
    static let all: [Article] = {
        let sources = FileManager.default.enumerator(
            atPath: Program.root.appendingPathComponent("Sources").path)
        let pages = (sources?.compactMap { $0 as? String } ?? []).filter {
            $0.contains(".docc/") && $0.hasSuffix(".md")
        }
        return [Article(path: "README.md")] + pages.sorted().map { Article(path: "Sources/\($0)") }
    }()

    var testDescription: String { path }

    var url: URL { Program.root.appendingPathComponent(path) }

    func lines() throws -> [String] {
        try String(contentsOf: url, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The blocks that are marked so, each with the numbers of its lines.
    func blocks(_ mark: String) throws -> [Range<Int>] {
        try blocks().filter { $0.mark == mark }.map(\.lines)
    }

    private func blocks() throws -> [(mark: String, lines: Range<Int>)] {
        var blocks: [(String, Range<Int>)] = []
        var open: (mark: String, start: Int)?
        for (number, line) in try lines().enumerated() where line.hasPrefix("```") {
            if let block = open {
                blocks.append((block.mark, block.start..<number))
                open = nil
            } else {
                open = (String(line.dropFirst(3)), number + 1)
            }
        }
        try #require(open == nil, "\(path) ends inside a block")
        return blocks
    }

    /// What is typed at once, and the lines of the article that show what it prints; nil where none do.
    struct Step {
        var command: String
        var shown: Range<Int>?
    }

    func steps() throws -> [Step] {
        let lines = try lines()
        var steps: [Step] = []
        for (mark, block) in try blocks() {
            if mark == "bash" {
                steps.append(Step(command: lines[block].joined(separator: "\n")))
            }
            guard mark == "console" else { continue }
            var number = block.lowerBound
            while number < block.upperBound {
                var command = [lines[number]]
                try #require(
                    command[0].hasPrefix("$ "), "\(path):\(number + 1): expected a command")
                command[0].removeFirst(2)
                number += 1
                // A command goes on behind `\\`, and to the end of what is typed into it.
                let end = command[0].firstMatch(of: /<<'(\w+)'/).map { String($0.1) }
                while number < block.upperBound,
                    end.map({ command.last != $0 }) ?? (command.last?.hasSuffix("\\") == true)
                {
                    command.append(lines[number])
                    number += 1
                }
                let next = lines[number..<block.upperBound].firstIndex { $0.hasPrefix("$ ") }
                let shown = number..<(next ?? block.upperBound)
                steps.append(Step(command: command.joined(separator: "\n"), shown: shown))
                number = shown.upperBound
            }
        }
        return steps
    }

    /// Whether lines are what is shown, in which `…` stands for anything.
    static func isShown(_ printed: [String], as shown: [String]) -> Bool {
        let (shown, printed) = (withoutEnd(shown), withoutEnd(printed))
        return matches(printed[...], shown[...], isRest: { $0 == "…" }) { line, pattern in
            matches(line[...], pattern[...], isRest: { $0 == "…" }) { $0 == $1 }
        }
    }

    /// Without blank lines at the end.
    static func withoutEnd(_ lines: [String]) -> [String] {
        Array(lines.reversed().drop { $0.isEmpty }.reversed())
    }

    /// Whether the elements are those of a pattern, in which some stand for any number of elements.
    private static func matches<Line: BidirectionalCollection>(
        _ elements: Line, _ pattern: Line, isRest: (Line.Element) -> Bool,
        _ isOne: (Line.Element, Line.Element) -> Bool
    ) -> Bool {
        var (at, place) = (elements.startIndex, pattern.startIndex)
        // Where the last element that stands for any number is, and the first one that it does not stand for.
        var retry: (place: Line.Index, at: Line.Index)?
        while at < elements.endIndex {
            if place < pattern.endIndex, isRest(pattern[place]) {
                pattern.formIndex(after: &place)
                retry = (place, at)
            } else if place < pattern.endIndex, isOne(elements[at], pattern[place]) {
                elements.formIndex(after: &at)
                pattern.formIndex(after: &place)
            } else if let again = retry {
                at = elements.index(after: again.at)
                place = again.place
                retry = (place, at)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy(isRest)
    }
}

/// A shell on a terminal of 100 columns, with a folder in the place of /tmp and ports in that of 4780 and 4781.
struct ArticleShell {
    private let folder: TemporaryFolder
    private let ports: [(shown: String, own: String)]
    /// What the article says, and what is typed instead.
    private let instead: [(shown: String, own: String)]

    init() throws {
        folder = try TemporaryFolder()
        ports = [(":4780", ":\(try Self.freePort())"), (":4781", ":\(try Self.freePort())")]
        let binary = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
        instead = [
            // What fetches and builds; the tests run in what that makes.
            ("git clone … lightcone && cd lightcone", "true"),
            ("Scripts/run demo", "lightcone demo --directory /tmp"),
            ("$PWD/.build/release", binary),
        ]
    }

    /// Runs commands one after the other in one shell; what each prints, and how it ended. Shorter where one of those that
    /// must not fail does.
    func run(_ commands: [(text: String, mayFail: Bool)]) throws -> [(lines: [String], status: Int)]
    {
        // A line of its own before and behind what is printed, which no command prints.
        let mark = "\u{2}"
        var script = """
            trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
            cd '\(Program.root.path)'
            unset LIGHTCONE_SOURCE LIGHTCONE_SPOOL
            printf '\(mark)'

            """
        for command in commands {
            script += "set \(command.mayFail ? "+" : "-")e\n\(own(command.text))\n"
            script += "status=$?; set +e; printf '\(mark)%d\(mark)' $status\n"
        }
        let file = try folder.write("session", script)
        let terminal = try #require(Program.find("script"))
        let limit = try #require(Program.find("timeout"))
        let binary = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let run = try Program.run(
            limit,
            ["300", terminal, "-qec", "stty cols 100 rows 1000; bash '\(file)'", "/dev/null"],
            environment: [
                "PATH": "\(binary):\(path)", "LIGHTCONE_PAGER": "", "NO_COLOR": "1",
                "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm", "TZ": "UTC",
            ])
        let pieces = shown(run.output.replacing("\r\n", with: "\n"))
            .split(separator: mark, omittingEmptySubsequences: false)
        return stride(from: 1, to: pieces.count - 1, by: 2).map { number in
            let lines = pieces[number].split(separator: "\n", omittingEmptySubsequences: false)
            return (lines.map(Self.withoutBlanks), Int(pieces[number + 1]) ?? -1)
        }
    }

    private static func withoutBlanks(_ line: Substring) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }

    private func own(_ text: String) -> String {
        let text = instead.reduce(text) { $0.replacing($1.shown, with: $1.own) }
        return ports.reduce(text) { $0.replacing($1.shown, with: $1.own) }
            .replacing("/tmp/", with: folder.path + "/")
            .replacing("--directory /tmp", with: "--directory \(folder.path)")
    }

    private func shown(_ text: String) -> String {
        ports.reduce(text) { $0.replacing($1.own, with: $1.shown) }
            .replacing(folder.path + "/", with: "/tmp/")
    }

    /// A port on which nothing listens.
    private static func freePort() throws -> Int {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) == 0 && getsockname(socket, $0, &size) == 0
            }
        }
        try #require(isBound)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
