import Foundation
import Testing

/// Completions, run as bash runs them: the words of the line, of which it takes each colon and equals sign for one of its own.
@Suite struct CompletionTests {
    private static let lines = """
        {"process":"web-1/api","host":"web-1","seq":1,"level":"info"}
        {"process":"web-1/api","host":"web-1","seq":2,"level":"info"}
        {"process":"web-1/auth","host":"web-1","seq":1,"level":"info"}
        {"process":"db","host":"db","seq":1,"execution":"test-1"}
        {"process":"d b","host":"db","seq":1,"execution":"test-1"}

        """

    private static func archive(_ folder: TemporaryFolder) throws -> String {
        let into = "\(folder.path)/data"
        let run = try Program.lightcone(
            "import", "--into", into, "--format", "jsonl", folder.write("log", lines))
        try #require(run.status == 0, "\(run.errors)")
        return into
    }

    /// What bash offers for the last of the words.
    private static func offered(
        _ words: [String], _ folder: TemporaryFolder, environment: [String: String] = [:]
    ) throws -> [String] {
        let script = try Program.lightcone("--generate-completion-script", "bash").output
        func quoted(_ word: String) -> String {
            "'" + word.replacing("'", with: "'\\''") + "'"
        }
        let all = [Program.path] + words
        let typed = [":", "="].contains(all[all.count - 1]) ? "" : all[all.count - 1]
        let bash = try #require(Program.find("bash"))
        let run = try Program.run(
            bash,
            [
                "-c",
                """
                source \(quoted(try folder.write("completions", script)))
                COMP_WORDS=(\(all.map(quoted).joined(separator: " ")))
                COMP_CWORD=\(all.count - 1)
                COMP_LINE=\(quoted(all.joined(separator: " ")))
                COMP_POINT=${#COMP_LINE}
                _lightcone lightcone \(quoted(typed)) \(quoted(all[all.count - 2]))
                printf '%s\\n' "${COMPREPLY[@]}"
                """,
            ], environment: environment)
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        return run.output.split(separator: "\n").map(String.init)
    }

    @Test func whatIsInTheSourceIsOffered() throws {
        let folder = try TemporaryFolder()
        let source = ["LIGHTCONE_SOURCE": try Self.archive(folder)]
        func offered(_ words: String...) throws -> [String] {
            try Self.offered(words, folder, environment: source)
        }
        #expect(
            try offered("past", "web-1/ap")
                == ["web-1/api:", "web-1/api:first", "web-1/api:last"])
        #expect(try offered("show", "").filter { $0.hasSuffix(":") }.count == 2)
        // Behind a colon bash completes what follows it.
        #expect(try offered("past", "web-1/api", ":", "la") == ["last"])
        #expect(try offered("past", "web-1/api", ":") == ["first", "last"])
        // Where COMP_WORDBREAKS has no colon, events are whole words.
        #expect(try offered("past", "web-1/api:la") == ["web-1/api:last"])
        #expect(try offered("order", "web-1/api:1", "web-1/au").count == 3)
        #expect(try offered("timeline", "--process", "web-1/a") == ["web-1/api", "web-1/auth"])
        #expect(try offered("timeline", "--host", "") == ["web-1"])
        #expect(try offered("view", "web-1") == ["web-1", "web-1/api", "web-1/auth"])
        #expect(try offered("timeline", "--execution", "") == ["main", "test-1"])
        #expect(try offered("why", "--execution", "test-1", "db").contains("db:last"))
        #expect(try offered("show", "nobody").isEmpty)
    }

    /// Bash expands what it is offered.
    @Test func noNameIsRunByAShell() throws {
        let folder = try TemporaryFolder()
        let trace = "\(folder.path)/trace"
        let hostile = [
            "$(touch \(trace))", "a`touch \(trace)`", "a$HOME", "~root", "a;b", "a*", "a b", "-rf",
            "#a",
            "a\\b", "a'b",
        ]
        let lines = (hostile + ["plain#2", "plain@host", "größe"]).map { name in
            "{\"process\":\"\(name.replacing("\\", with: "\\\\"))\",\"seq\":1}\n"
        }.joined()
        let into = "\(folder.path)/data"
        let run = try Program.lightcone(
            "import", "--into", into, "--format", "jsonl", folder.write("log", lines))
        try #require(run.status == 0, "\(run.errors)")
        for words in [["timeline", "--process", ""], ["show", ""], ["view", ""]] {
            let found = try Self.offered(words, folder, environment: ["LIGHTCONE_SOURCE": into])
            #expect(
                found.allSatisfy { $0.hasPrefix("plain") || $0.hasPrefix("größe") }
                    && found.count >= 3, "\(words): \(found)")
        }
        #expect(!FileManager.default.fileExists(atPath: trace))
    }

    @Test func theSourceOfTheLineIsAsked() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let collector = try RunningCollector(folder)
        let elsewhere = ["LIGHTCONE_SOURCE": "\(folder.path)/none"]
        let (scheme, port) = ("http", String(collector.port))
        for words in [
            ["--source", source], ["--source", "=", source], ["--source", "'\(source)'"],
            ["--source", scheme, ":", "//127.0.0.1", ":", port],
            ["--source", "=", scheme, ":", "//127.0.0.1", ":", port],
        ] {
            let found = try Self.offered(
                ["timeline"] + words + ["--process", "web-1/ap"], folder, environment: elsewhere)
            #expect(found == ["web-1/api"], "\(words)")
        }
    }

    @Test func whatIsKnownAlwaysIsOffered() throws {
        let folder = try TemporaryFolder()
        #expect(try Self.offered(["export", "--format", "g"], folder) == ["graphml"])
        #expect(try Self.offered(["import", "--format", "j"], folder) == ["jsonl"])
        #expect(try Self.offered(["record", "--level", "crit"], folder) == ["critical"])
        #expect(try Self.offered(["agent", "--log-level", "warn"], folder) == ["warning"])
        #expect(try Self.offered(["timeline", "--color", "al"], folder) == ["always"])
    }

    /// Nobody waits for what does not answer, and no complaint comes between what is typed.
    @Test func whereNothingAnswersNothingIsOffered() throws {
        let folder = try TemporaryFolder()
        let silent = try SilentServer()
        for source in ["", "\(folder.path)/none", "http://127.0.0.1:9", silent.url] {
            let start = ContinuousClock.now
            #expect(
                try Self.offered(
                    ["past", "web"], folder, environment: ["LIGHTCONE_SOURCE": source]
                )
                .isEmpty)
            #expect(ContinuousClock.now - start < .seconds(20), "\(source)")
        }
    }

    /// Takes connections and says nothing.
    private final class SilentServer {
        private let descriptor: Int32
        let url: String

        init() throws {
            let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            descriptor = socket
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(socket, $0, length) == 0 && listen(socket, 16) == 0
                        && getsockname(socket, $0, &length) == 0
                }
            }
            try #require(isBound)
            url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
        }

        deinit { close(descriptor) }
    }
}
