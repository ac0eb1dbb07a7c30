import Causality
import Foundation
import Segments
import Testing

/// What agents sign, and what a collector's log proves, with the real programs.
@Suite(.serialized) struct EvidenceTests {
    @Test func whatAnAgentSealedIsProvedToAnybody() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder, "--merge-seconds", "1")
        try folder.append("a.txt", JourneyTests.lines("a", 1...500))
        let log = "govector:\(folder.path)/a.txt"
        func agent() throws -> RunningProgram {
            try JourneyTests.agent(
                folder, collector.url, follow: log, more: ["--data", "\(folder.path)/agent"])
        }
        let first = try agent()
        try waitUntil("the events arrived") { try collector.eventCount() == 500 }
        #expect(first.stop() == 0)
        // The next start seals what the one before had written.
        let second = try agent()
        let checkpoint = "\(folder.path)/checkpoint"
        func verify(_ more: String...) throws -> Program.Result {
            try Program.lightcone(["verify", collector.data] + more)
        }
        // While the collector goes on.
        try waitUntil("the log tells of the seal") {
            let found = try verify("-o", checkpoint)
            #expect(found.status == 0 || found.errors.contains("no entries"), "\(found)")
            return found.status == 0 && found.output.contains("1 segment signed by agents")
        }
        #expect(try verify().output.contains("a collector is at work"))
        try folder.append("a.txt", JourneyTests.lines("a", 501...600))
        try waitUntil("the rest arrived") { try collector.eventCount() == 600 }
        #expect(second.stop() == 0)
        #expect(collector.program.stop() == 0, "\(collector.program.text)")
        let stopped = try verify("--checkpoint", checkpoint, "--json")
        let found = try #require(stopped.objects.first)
        #expect(stopped.status == 0 && found["events"] as? Int == 600, "\(stopped)")
        #expect(found["isLive"] as? Bool == false && found["waiting"] as? Int == 0)

        let proof = "\(folder.path)/proof"
        let made = try Program.lightcone("prove", "a:123", "--data", collector.data, "-o", proof)
        #expect(made.status == 0, "\(made)")
        try FileManager.default.moveItem(atPath: collector.data, toPath: collector.data + ".away")
        let proved = try Program.lightcone("verify-proof", proof)
        let key =
            try SigningKey(
                secret: Self.secret(in: "\(folder.path)/agent"))?.publicKey ?? []
        #expect(proved.status == 0 && proved.output.contains("event 123 of a"), "\(proved)")
        #expect(proved.output.contains(hexadecimal(key)), "\(proved)")
        try FileManager.default.moveItem(atPath: collector.data + ".away", toPath: collector.data)
        let none = try Program.lightcone("prove", "b:1", "--data", collector.data, "-o", proof)
        #expect(none.status == 3 && none.errors.contains("once its agent has sealed it"), "\(none)")
        // A segment whose end was taken out.
        let segment = try #require(JourneyTests.segments("\(collector.data)/segments").last)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
        try bytes.dropLast(40).write(to: URL(fileURLWithPath: segment))
        let cut = try verify()
        #expect(cut.status == 1 && cut.output.contains(segment), "\(cut)")
    }

    /// Of the key of an agent.
    private static func secret(in data: String) throws -> [UInt8] {
        let text = try String(contentsOfFile: "\(data)/agent-key", encoding: .utf8)
        return [text.prefix(32), text.dropFirst(32).prefix(32)].compactMap { Identity128(hex: $0) }
            .flatMap(\.bytes)
    }
}
