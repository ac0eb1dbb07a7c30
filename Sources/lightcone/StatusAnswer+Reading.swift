import Causality
import FoundationEssentials
import HappensBefore
import Querying

extension StatusAnswer {
    /// Reads an answer in JSON, wherever it comes from.
    init(json text: String) throws {
        do {
            let read = try JSONDecoder().decode(StatusMembers.self, from: Data(text.utf8))
            guard read.agents.allSatisfy(\.isPossible), read.executions.allSatisfy(\.isPossible)
            else { throw CommandFailure("it counts what cannot be") }
            self.init(
                at: read.at.flatMap { WallTime(text: $0) }, agents: read.agents.map(\.answer),
                executions: read.executions.map(\.answer),
                storage: read.disk.map {
                    StorageStatus(
                        byteCount: $0.bytes, freeByteCount: $0.freeBytes, isFull: $0.full)
                })
        } catch {
            throw CommandFailure("the status that came cannot be read: \(error)")
        }
    }
}

private struct StatusMembers: Decodable {
    struct Agent: Decodable {
        var host: String
        var readUpTo: String
        var silentSeconds: Int?
        var missing: UInt64
        var events: Int
        var bytes: Int

        /// Whether it can be counted with: whoever answers may say anything.
        var isPossible: Bool { min(events, bytes, silentSeconds ?? 0) >= 0 }

        var answer: AgentStatus {
            var agent = AgentStatus(
                host: host, readUpTo: WallTime(text: readUpTo) ?? .earliest,
                silentSeconds: silentSeconds)
            (agent.missing, agent.events, agent.byteCount) = (missing, events, bytes)
            return agent
        }
    }

    struct Execution: Decodable {
        struct Holding: Decodable {
            var process: String
            var first: UInt64
            var last: UInt64
            var events: Int
        }

        var name: String
        var processes: Int
        var events: Int
        var gaps: Int
        var missing: UInt64
        var underWay: UInt64
        var lost: UInt64
        var waiting: Int
        var heldBackBy: Holding?
        var forks: Int
        var defects: Int
        var unmatchedLines: Int

        var isPossible: Bool {
            min(processes, events, gaps, waiting, forks, defects, unmatchedLines) >= 0
                && underWay <= missing && heldBackBy.map { $0.first <= $0.last } ?? true
        }

        var answer: ExecutionStatus {
            var status = ExecutionStatus(
                summary: ExecutionSummary(name: name, processes: processes, events: events))
            status.gaps = gaps
            (status.missing, status.underWay, status.lost) = (missing, underWay, lost)
            (status.waiting, status.forks, status.defects) = (waiting, forks, defects)
            status.unmatchedLines = unmatchedLines
            status.heldBackBy = heldBackBy.map { holding in
                (
                    Gap(
                        process: ProcessID(text: holding.process), first: holding.first,
                        last: holding.last), holding.events
                )
            }
            return status
        }
    }

    struct Disk: Decodable {
        var bytes: Int
        var freeBytes: Int?
        var full: Bool
    }

    var at: String?
    var agents: [Agent]
    var executions: [Execution]
    var disk: Disk?
}
