import Causality
import Foundation
import Recording
import Testing

@testable import Recording

/// Runs the program that records, as real processes.
enum Probe {
    static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent(".build/debug/RecordingProbe").path

    static func run(
        environment: [String: String] = ["LIGHTCONE_HOST": "host"], _ arguments: String...
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}

@Suite struct ThreadTests {
    @Test func eightThreadsRecordOneSequence() throws {
        let spool = try TemporarySpool()
        let result = try Probe.run("threads", spool.folder.path)
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("160000 events of 8 threads are in order"))
    }

    @Test(arguments: ["fork", "fork-heap"])
    func aForkedChildBecomesAnIncarnationOfItsOwn(command: String) throws {
        let spool = try TemporarySpool()
        let result = try Probe.run(command, spool.folder.path)
        #expect(result.status == 0, "\(result.output)")
        let parent = try spool.events(of: "family")
        #expect(parent.map(\.name) == ["before the fork", "after the fork"])
        #expect(parent.map(\.id.sequence) == [1, 2])
        let child = try spool.events(of: "family", 2)
        #expect(child.map(\.name) == ["in the child"])
        #expect(child[0].clock.entries.count == 1, "what it goes on from says the rest")
        #expect(child[0].stamp == .generating)
        let run = try #require(try spool.readAll().keys[TemporarySpool.id("family")]?.run)
        #expect(try spool.origin(of: "family", 2) == .event(RunKey(run), 1))
    }

    @Test func whatIsFilteredOutIsNotEvaluated() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        recorder.level = .warning
        var evaluated = 0
        func text() -> String {
            evaluated += 1
            return "text"
        }
        #expect(
            recorder.record("quiet", text(), level: .info, attributes: ["a": .text(text())]) == nil)
        let token = recorder.send("quiet", text(), level: .debug, attributes: ["a": .text(text())])
        recorder.receive(token, "quiet", text(), level: .debug)
        #expect(evaluated == 0)
        #expect(recorder.record("loud", text(), level: .error) != nil)
        #expect(evaluated == 1)
        let events = try spool.events(of: "api")
        #expect(events.map(\.name) == ["quiet", "quiet", "loud"], "messages are always recorded")
        #expect(events.map(\.text) == ["", "", "text"])
    }
}
