import Causality
import Disks
import Foundation
import Journals
import LogFormats
import Logging
import Recording
import Redacting
import Segments
import Synchronization
import Testing

@testable import Agent

/// Keeps what it is told.
private final class Lines: Sendable {
    let text = Mutex("")
}

private struct KeepingHandler: LogHandler {
    let lines: Lines
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
    func log(event: LogEvent) {
        lines.text.withLock { $0 += "\(event.message) \(event.metadata ?? [:])\n" }
    }
}

@Suite final class RedactionTests: Sendable {
    private let disk = SimulatedDisk()
    private let lines = Lines()
    private static let key = "0123456789abcdef0123"

    private func configuration(_ follow: [AgentConfiguration.Follow]) throws -> AgentConfiguration {
        try disk.make(folder: "/logs")
        try disk.replace("/key", with: Array("\(Self.key)\n".utf8), permissions: 0o600)
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:9", host: "h", spool: "/spool", follow: follow, disk: disk)
        configuration.data = "/data"
        configuration.redaction = try Redaction(
            RedactionPolicy(
                [
                    RedactionRule(.attribute("password")), RedactionRule(.kind(.card)),
                    RedactionRule(.pattern("secret-(\\d+)")), RedactionRule(.kind(.email), .hash),
                ], keyPath: "/key"), disk: disk)
        return configuration
    }

    private func run(_ configuration: AgentConfiguration) async throws -> SourceRecorder {
        let lines = lines
        let agent = try SourceRecorder(
            configuration, logger: Logger(label: "test") { _ in KeepingHandler(lines: lines) })
        for now in [0, 0.1, 5] { _ = await agent.tick(now, wall: WallTime(nanoseconds: 1)) }
        await agent.drain(6, wall: WallTime(nanoseconds: 1)) { 0 }
        return agent
    }

    /// All that the disk has but the logs and the key, and what segments hold unpacked.
    private func everything() throws -> String {
        var text = lines.text.withLock { $0 }
        for path in disk.files(under: "/")
        where !path.contains("/logs/") && !path.hasSuffix("/key") {
            let file = try disk.open(path, .read)
            text += String(decoding: try file.read(at: 0, count: file.byteCount()), as: UTF8.self)
            guard path.hasSuffix(".lcseg") else { continue }
            var scanner = try SegmentScanner(file)
            while let item = try scanner.next() {
                if case .frame(let frame) = item {
                    let commit = try frame.commit()
                    text += "\(try frame.batch().events()) \(String(describing: commit))\n"
                } else {
                    text += "\(item)\n"
                }
            }
        }
        return text
    }

    private static let secrets = [
        "alice@example.org", "4111111111111111", "hunter2", "471147", "4111 1111",
    ]

    @Test func nothingThatTheAgentWritesHoldsASecret() async throws {
        let configuration = try configuration([
            .init(format: .text(), path: "/logs/a.log", execution: "main"),
            .init(format: .jsonl(fields: nil), path: "/logs/b.log", execution: "main"),
        ])
        try disk.replace(
            "/logs/a.log",
            with: Array("of alice@example.org\npays with 4111111111111111\nsecret-471147\n".utf8),
            permissions: 0o600)
        let object =
            #"{"process": "x", "message": "to alice@example.org", "password": "hunter2", "#
            + #""a": {"password": ["hunter2"], "alice@example.org": 4111111111111111}}"#
        try disk.replace(
            "/logs/b.log", with: Array("\(object)\n{\"password\": hunter2, broken\n".utf8),
            permissions: 0o600)
        let agent = try await run(configuration)
        let local = LocalProcesses(configuration)
        let request =
            #"{"process": "api", "name": "alice@example.org", "text": "4111 1111 1111 1111", "#
            + #""attributes": {"password": 7, "alice@example.org": "secret-471147"}}"#
        #expect(try await local.record([Array(request.utf8)]).count == 1)
        await local.close()
        let found = try everything()
        for secret in Self.secrets {
            let place = found.firstRange(of: secret)?.lowerBound
            #expect(place == nil, "\(secret): \(place.map { found[..<$0].suffix(200) } ?? "")")
        }
        #expect(found.contains("pays with [redacted]") && found.contains("secret-[redacted]"))
        #expect(found.contains("of [hash:") && found.contains("to [hash:"))
        #expect(lines.text.withLock { $0 }.contains("a line is no event"))
        let hits = configuration.redaction?.hits ?? []
        #expect(hits.allSatisfy { $0.count >= 2 }, "\(hits)")
        withExtendedLifetime(agent) {}
    }

    /// Programs are told the policy, and redact before their journals; without a policy they are not told any more.
    @Test func programsRedactBeforeTheirJournals() async throws {
        var configuration = try configuration([])
        _ = try await run(configuration)
        let spool = SpoolFolder("/spool", disk: disk)
        func record(_ redaction: RecorderRedaction?) -> Recorder {
            let recorder = Recorder(
                process: "api", host: "h", execution: "main", spool: spool, chunkByteCount: 65536,
                chunksMax: 4, redaction: redaction)
            recorder.record(
                EventName("alice@example.org"), "4111111111111111",
                attributes: ["password": 7, "b": "secret-471147", "c": .json("[\"hunter2\"]")])
            return recorder
        }
        let policy = try #require(RecorderRedaction.of(spool, patterns: nil))
        #expect(policy.problem == nil)
        _ = record(policy)
        var found = try everything()
        for secret in ["alice@example.org", "4111111111111111"] {
            #expect(!found.contains(secret), "\(secret)")
        }
        #expect(found.contains("hunter2") && found.contains("[hash:"))
        // Patterns are the agent's, unless the program brings what searches.
        #expect(found.contains("secret-471147"))
        _ = try await run(configuration)
        #expect(try !everything().contains("secret-471147"))

        try disk.replace("/spool/redaction", with: Array("{".utf8), permissions: 0o644)
        let withholding = try #require(RecorderRedaction.of(spool, patterns: nil))
        let recorder = record(withholding)
        #expect(recorder.status.problem?.contains("cannot be read") == true)
        found = try everything()
        #expect(!found.contains("secret-471147") && found.contains("[redacted]"))
        #expect(recorder.status.events == 1 && recorder.status.lost == 0)

        configuration.redaction = nil
        _ = try await run(configuration)
        #expect(RecorderRedaction.of(spool, patterns: nil) == nil)
    }

    @Test(arguments: [
        ("redact: [kind emial]", "line 4", "perhaps “email”"),
        ("redact: [password]", "line 4", "attribute KEY"),
        ("redakt: [kind email]", "line 4", "perhaps “redact”"),
        ("hash: [kind email]", "line 4", "expected key"),
        ("redact: kind email", "line 4", "expected a list"),
        ("redact: ['pattern (']", "pattern (", "not valid"),
        ("hash: [kind email]\n  key: /nowhere", "/nowhere", "No such file"),
    ])
    func errorsNameThePlace(_ wrong: String, _ place: String, _ what: String) async throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "lightcone-test-\(UUID().uuidString).yaml").path
        try "collector: http://127.0.0.1:9\nhost: h\nredaction:\n  \(wrong)\n"
            .write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            _ = try await AgentConfiguration.load(
                file: path, flags: AgentFlags(), environment: [:])
            Issue.record("it was taken")
        } catch let error as AgentError {
            #expect("\(error)".contains(place) && "\(error)".contains(what), "\(error)")
        }
    }

    @Test func aKeyThatOthersCanReadIsRefused() throws {
        try disk.replace("/key", with: Array(Self.key.utf8), permissions: 0o644)
        let policy = RedactionPolicy([RedactionRule(.kind(.email), .hash)], keyPath: "/key")
        #expect(throws: AgentError.self) { try Redaction(policy, disk: disk) }
    }
}
