import Foundation
import Testing

/// Secrets that are planted at every way in are in no file that an agent or a collector writes, and in no answer.
@Suite struct RedactionEndToEndTests {
    private static let secrets = [
        "alice@example.org", "4111111111111111", "hunter2", "AKIAIOSFODNN7EXAMPLE", "cust-4711",
        "10.11.12.13", "2001:db8::17", "abcdefghijklmnop1",
    ]
    private static let all = secrets.joined(separator: " ").replacing(
        "abcdefghijklmnop1", with: "Bearer abcdefghijklmnop1")

    /// The files below a folder that hold a text, but for some.
    private func files(_ folder: String, holding text: String, but: [String]) throws -> [String] {
        let found = try Program.run("/bin/grep", ["-rlaF", text, folder]).output
        return found.split(separator: "\n").map(String.init).filter { path in
            !but.contains { path.hasSuffix($0) }
        }
    }

    @Test func plantedSecretsAreInNoFile() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let (spool, data) = ("\(folder.path)/spool", "\(folder.path)/agent")
        let key = try folder.write("key", "0123456789abcdef0123\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        let text = try folder.write(
            "a.log", "planted: \(Self.all.replacing("hunter2 ", with: ""))\n")
        let attributes = #""password": "hunter2", "a": {"PassWord": ["hunter2"]}"#
        let lines = try folder.write(
            "b.log",
            "{\"process\": \"b\", \"message\": \"\(Self.all.replacing("hunter2 ", with: ""))\", \(attributes)}\n{\"password\": hunter2\n"
        )
        let configuration = try folder.write(
            "agent.yaml",
            """
            redaction:
              redact: [attribute password, kind card, kind cloud-key, kind bearer, 'pattern cust-\\d+']
              hash: [kind email, kind ipv4, kind ipv6]
              key: \(key)
            """)
        let check = try Program.lightcone(
            "agent", "--collector", collector.url, "--host", "web-1", "--config", configuration,
            "--check")
        #expect(check.status == 0, "\(check)")
        let agent = try RunningProgram(
            [
                "agent", "--collector", collector.url, "--host", "web-1", "--config", configuration,
                "--spool", spool, "--data", data, "--follow", "text:\(text)", "--follow",
                "jsonl:\(lines)",
            ], log: "\(folder.path)/agent.log")
        try waitUntil("the agent listens") { agent.text.contains("local interface") }
        let free = Self.all.replacing("hunter2 ", with: "")
        let recorded = try Program.lightcone(
            "record", "--spool", spool, "--process", "c", "--name", "alice@example.org", "--attr",
            "password=hunter2", "--attr", "cust-4711=1", free)
        #expect(recorded.status == 0, "\(recorded)")
        try waitUntil("all is there") {
            try Program.lightcone("executions", "--source", collector.url, "--json")
                .objects.first?["events"] as? Int == 3
        }
        let counts = try Program.lightcone("status", "--spool", spool, "--json")
        #expect(counts.objects.count == 8, "\(counts)")
        #expect(counts.objects.allSatisfy { ($0["count"] as? Int ?? 0) >= 3 }, "\(counts)")
        let table = try Program.lightcone("status", "--spool", spool)
        #expect(table.output.contains("kind email"), "\(table)")
        var answers = ""
        for question in ["timeline", "defects", "processes"] {
            let answer = try Program.lightcone(question, "--source", collector.url, "--json")
            answers += answer.output + answer.errors
        }
        #expect(agent.stop() == 0)
        #expect(answers.contains("[redacted]") && answers.contains("[hash:"))
        // The same secret has the same hash wherever it came in.
        let hashes = answers.matches(of: /mail|\[hash:[a-p]{16}\]/).map(\.output)
        #expect(Set(hashes).count == 3, "\(Set(hashes))")
        for secret in Self.secrets {
            #expect(!answers.contains(secret), "\(secret)")
            let found = try files(
                folder.path, holding: secret, but: ["/a.log", "/b.log", "/agent.yaml"])
            #expect(found.isEmpty, "\(secret): \(found)")
        }
    }
}
