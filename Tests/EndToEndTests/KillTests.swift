import Foundation
import Testing

/// Programs that record as fast as they can are killed at any instant, and so is the agent that reads them: what a program had
/// reported as recorded is in the archive, once, in order. `LIGHTCONE_KILLS` says how often (`Scripts/kill-test 1000`).
@Suite(.serialized) struct KillTests {
    static let kills =
        ProcessInfo.processInfo.environment["LIGHTCONE_KILLS"].flatMap { Int($0) } ?? 200

    static let probe = Program.root.appendingPathComponent(".build/debug/RecordingProbe").path

    /// Kills of a program of one name, one after another: a clock has an entry for each incarnation, and a listing shows it.
    private static let incarnationsMax = 20

    /// The name of the n-th victim, and its number among those of that name, from 1 on.
    private static func name(_ number: Int) -> (name: String, incarnation: Int) {
        ("h/victim-\(number / incarnationsMax)", number % incarnationsMax + 1)
    }

    /// Starts the n-th program that floods the spool, reads what it reports, and kills it in the middle. The last event that
    /// it reported.
    private func victim(_ number: Int, _ spool: String, reports: Int) throws -> UInt64 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.probe)
        process.arguments = ["flood", String(Self.name(number).name.dropFirst(2)), spool]
        process.environment = ProcessInfo.processInfo.environment.merging(["LIGHTCONE_HOST": "h"]) {
            $1
        }
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        try pipe.fileHandleForWriting.close()
        var received = Data()
        while received.count < reports * 8 {
            let more = pipe.fileHandleForReading.availableData
            guard !more.isEmpty else { break }
            received += more
        }
        Foundation.kill(process.processIdentifier, SIGKILL)
        while case let more = pipe.fileHandleForReading.availableData, !more.isEmpty {
            received += more
        }
        process.waitUntilExit()
        let whole = received.count / 8
        try #require(whole >= reports)
        return received[(whole - 1) * 8..<whole * 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Each incarnation's events are 1, 2, 3 … with their texts, up to at least what was reported.
    private func expect(_ reported: [UInt64], in source: String) throws {
        let processes = try Program.lightcone("processes", "--source", source, "--json").objects
        #expect(processes.count == reported.count)
        let gaps = try Program.lightcone("gaps", "--source", source).output
        #expect(gaps == "", "\(gaps)")
        let defects = try Program.lightcone("defects", "--source", source).output
        #expect(defects == "", "\(defects)")
        var last: [String: Int] = [:]
        var wrong = 0
        let events = try Program.lightcone("export", "--format", "ndjson", "--source", source)
        for line in events.output.split(separator: "\n") {
            let event = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let process = try #require(event["process"] as? String)
            let expected = (last[process] ?? 0) + 1
            if event["seq"] as? Int != expected
                || event["text"] as? String != "event \(expected) of a flood"
            {
                wrong += 1
            }
            last[process] = expected
        }
        #expect(wrong == 0)
        for (index, sequence) in reported.enumerated() {
            let (base, incarnation) = Self.name(index)
            let name = incarnation == 1 ? base : "\(base)#\(incarnation)"
            #expect(last[name] ?? 0 >= Int(sequence), "\(name): reported \(sequence)")
        }
        // Exactly once: the segments hold no more rows than there are events.
        var rows = 0
        for path in try JourneyTests.segments(source + "/segments") {
            for line in try Program.lightcone("segment", "inspect", path, "--json").objects
            where line["process"] != nil {
                rows += line["events"] as? Int ?? 0
            }
        }
        #expect(rows == last.values.reduce(0, +))
    }

    private func agent(_ folder: TemporaryFolder, _ url: String) throws -> RunningProgram {
        try RunningProgram(
            ["agent", "--collector", url, "--host", "h", "--spool", "\(folder.path)/spool"],
            log: "\(folder.path)/agent.log")
    }

    /// How many events the journals still hold; none when the agent has taken all.
    private func journals(_ folder: TemporaryFolder) throws -> Int {
        let path = "\(folder.path)/spool/journals"
        guard FileManager.default.fileExists(atPath: path) else { return 0 }
        return try FileManager.default.contentsOfDirectory(atPath: path).count
    }

    @Test func aProgramThatIsKilledHasRecordedWhatItReported() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let agent = try agent(folder, collector.url)
        var random = SystemRandomNumberGenerator()
        let reported = try (0..<Self.kills).map { number in
            try victim(
                number, "\(folder.path)/spool", reports: Int.random(in: 1...1_000, using: &random))
        }
        try waitUntil("the agent took all journals") { try journals(folder) == 0 }
        #expect(agent.stop() == 0, "\(agent.text)")
        #expect(collector.program.stop() == 0)
        try expect(reported, in: collector.data)
    }

    @Test func aLongFloodUsesItsChunksAgain() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let agent = try agent(folder, collector.url)
        // More than 5 MB: the chunk of 4 MiB that it begins with is given back.
        let reported = try victim(0, "\(folder.path)/spool", reports: 60_000)
        try waitUntil("the agent took the journal") { try journals(folder) == 0 }
        #expect(agent.stop() == 0, "\(agent.text)")
        #expect(collector.program.stop() == 0)
        try expect([reported], in: collector.data)
    }

    @Test func theSameWhileTheAgentIsKilledToo() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        var random = SystemRandomNumberGenerator()
        var reported: [UInt64] = []
        while reported.count < Self.kills {
            let agent = try agent(folder, collector.url)
            for _ in 0..<Int.random(in: 1...20, using: &random) where reported.count < Self.kills {
                reported.append(
                    try victim(
                        reported.count, "\(folder.path)/spool",
                        reports: Int.random(in: 1...1_000, using: &random)))
            }
            agent.kill()
        }
        let agent = try agent(folder, collector.url)
        try waitUntil("the agent took all journals") { try journals(folder) == 0 }
        #expect(agent.stop() == 0, "\(agent.text)")
        #expect(collector.program.stop() == 0)
        try expect(reported, in: collector.data)
    }
}
