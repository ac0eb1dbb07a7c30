import Causality
import Disks
import Glibc
import Journals
import Recording
import Synchronization
import Testing

@testable import Agent

@Suite final class LocalProcessesTests: Sendable {
    private let disk = SimulatedDisk()
    private let uptime = Mutex<Int64>(5_000_000_000)

    private func processes() -> LocalProcesses {
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:9", host: "h", spool: "/spool", follow: [], disk: disk)
        configuration.surroundings.uptime = { [self] in uptime.withLock { $0 } }
        return LocalProcesses(configuration)
    }

    private static let line = Array(#"{"process":"api","text":"started"}"#.utf8)

    private func record(_ processes: LocalProcesses) async throws -> String {
        try await processes.record([Self.line])[0].id
    }

    private var journals: Int { disk.files(under: "/spool/journals").count }

    /// Its number would not be found when the agent starts again, and what it had seen would be taken for nothing.
    @Test func aProcessWhoseNumberIsNotDurableRecordsNothing() async throws {
        let processes = processes()
        try SpoolFolder("/spool", disk: disk).make()
        disk.fail(fromCall: disk.counts.calls + 1, with: EIO)
        for _ in 0..<3 {
            do {
                _ = try await record(processes)
                Issue.record("recorded without a number")
            } catch LocalProcesses.Refusal.unnumbered(let reason) {
                #expect(reason.contains("Input/output error"))
            }
        }
        #expect(journals <= 1, "each try leaves a journal: one a second")
        disk.stopFailing()
        await #expect(throws: LocalProcesses.Refusal.self) { _ = try await record(processes) }
        uptime.withLock { $0 += Limits.numberRetryNanoseconds }
        #expect(try await record(processes) == "h/api:1")
        #expect(try await record(processes) == "h/api:2")
        await processes.close()
        #expect(try await record(self.processes()) == "h/api#2:1")
    }
}
