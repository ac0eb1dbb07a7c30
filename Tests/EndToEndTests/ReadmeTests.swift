import Foundation
import Testing

/// What the README shows is what the commands print.
@Suite struct ReadmeTests {
    static let text: String = {
        let url = Program.root.appendingPathComponent("README.md")
        return (try? String(contentsOf: url, encoding: .utf8)) ?? ""
    }()

    static let asking: String = {
        let url = Program.root.appendingPathComponent(
            "Sources/lightcone/Documentation.docc/Asking.md")
        return (try? String(contentsOf: url, encoding: .utf8)) ?? ""
    }()

    /// The fenced blocks of a language, in order.
    static func blocks(_ language: String, of text: String = text) -> [[String]] {
        var blocks: [[String]] = []
        var isInside = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            if line.hasPrefix("```") {
                isInside = line == "```\(language)"
                if isInside { blocks.append([]) }
            } else if isInside {
                blocks[blocks.count - 1].append(line)
            }
        }
        return blocks
    }

    @Test func theShopsSessionIsAsShown() throws {
        // The two logs, as the README makes them; then every command, with what it prints below.
        let making = try #require(
            Self.blocks("bash").first { $0.contains { $0.contains("cat > web.log") } })
        let sessions = Self.blocks("console")
        #expect(sessions.count == 2)
        try expectShown(making, sessions, in: "/tmp/shop")
    }

    @Test func theArticleOnAskingIsAsShown() throws {
        let making = try #require(Self.blocks("bash", of: Self.asking).first)
        let sessions = Self.blocks("console", of: Self.asking)
        #expect(sessions.count == 16)
        try expectShown(making, sessions, in: "/tmp/asking")
    }

    /// Every command prints what is shown below it.
    private func expectShown(
        _ making: [String], _ sessions: [[String]], in shownFolder: String
    ) throws {
        let folder = try TemporaryFolder()
        var script = making.joined(separator: "\n") + "\n"
        for line in sessions.joined() where line.hasPrefix("$ ") {
            let command = line.dropFirst(2)
            script += "echo '\(line.replacing("'", with: "'\\''"))'\n\(command)\n"
        }
        script = script.replacing(shownFolder, with: "\(folder.path)/shown")
        let binary = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let run = try Program.run(
            "/bin/bash", ["-c", "cd '\(folder.path)'\n\(script)"],
            environment: ["PATH": "\(binary):\(path)", "LIGHTCONE_SOURCE": ""])
        let printed = run.output.replacing("\(folder.path)/shown", with: shownFolder)
            .split(separator: "\n").map(String.init)
        let shown = sessions.joined().filter { !$0.isEmpty }
        // `cd -` and what makes the logs print something, too.
        #expect(printed.drop { !$0.hasPrefix("$ ") } == shown[...], "\(run.errors)")
    }

    /// A line without times, numbers and what tells nodes apart: these differ from run to run.
    static func shape(_ line: String) -> String {
        let noTime = line.replacing(#/\d{4}-\d\d-\d\dT[0-9:.]+Z/#, with: "…")
        return noTime.replacing(#/\d+/#, with: "0")
            // A restart may be any node's.
            .replacing("#0", with: "")
    }
}
