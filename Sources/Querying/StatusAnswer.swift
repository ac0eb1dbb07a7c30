import Causality
import HappensBefore

/// How a place where histories are kept is doing.
package struct StatusAnswer: Sendable {
    /// When that was; nil where nobody says what time it is.
    package var at: WallTime?
    /// By host, sorted.
    package var agents: [AgentStatus]
    package var executions: [ExecutionStatus]
    /// Nil where it is not on a disk.
    package var storage: StorageStatus?

    package init(
        at: WallTime?, agents: [AgentStatus], executions: [ExecutionStatus],
        storage: StorageStatus?
    ) {
        self.at = at
        self.agents = agents
        self.executions = executions
        self.storage = storage
    }
}

/// What was heard of the agent of a host.
package struct AgentStatus: Hashable, Sendable {
    package var host: String
    /// How far in time it had read what is recorded there, when it last shipped something.
    package var readUpTo: WallTime
    /// Since when that was; nil where nobody says what time it is.
    package var silentSeconds: Int?
    /// Events of its host that are known to exist, are not here and may still come.
    package var missing: UInt64 = 0
    /// Events of its host that are here.
    package var events = 0
    /// Bytes that it has shipped, of what was not dropped.
    package var byteCount = 0

    package init(host: String, readUpTo: WallTime, silentSeconds: Int?) {
        self.host = host
        self.readUpTo = readUpTo
        self.silentSeconds = silentSeconds
    }

    /// Whether it should have shipped what is missing.
    package var isSilent: Bool { silentSeconds.map { $0 > Limits.agentSilentSeconds } ?? false }
}

package struct ExecutionStatus: Sendable {
    package var summary: ExecutionSummary
    /// Events that are known to exist, are not here and may still come.
    package var missing: UInt64 = 0
    /// Those of them that may be on their way: beyond the last event of a process whose agent ships.
    package var underWay: UInt64 = 0
    /// Events that their own processes counted as lost.
    package var lost: UInt64 = 0
    package var gaps = 0
    /// Events that are here and have seen what is missing: the frontier is below them.
    package var waiting = 0
    /// The gap that most of them have seen, and how many have.
    package var heldBackBy: (gap: Gap, events: Int)?
    package var forks = 0
    /// Contradictions and forks; notes on wall clocks do not count, nor does what is missing.
    package var defects = 0
    /// Lines of logs that were no events.
    package var unmatchedLines = 0

    package init(summary: ExecutionSummary) { self.summary = summary }
}

package struct StorageStatus: Hashable, Sendable {
    /// What events take.
    package var byteCount: Int
    /// What is free on the disk; nil where that is not known.
    package var freeByteCount: Int?
    /// Whether nothing more is taken until something is dropped.
    package var isFull: Bool

    package init(byteCount: Int, freeByteCount: Int?, isFull: Bool) {
        self.byteCount = byteCount
        self.freeByteCount = freeByteCount
        self.isFull = isFull
    }
}

extension StatusAnswer {
    /// What needs a person, and which command shows more of it.
    package var problems: [String] {
        var problems: [String] = []
        if let storage, storage.isFull {
            problems.append("the disk is full: nothing more is taken (lightcone drop makes room)")
        }
        for agent in agents where agent.isSilent && agent.missing > 0 {
            let events = count(Int(clamping: agent.missing), "event", "events")
            problems.append(
                "\(agent.host): its agent ships nothing, and \(events) of the host \(agent.missing == 1 ? "is" : "are") missing"
            )
        }
        for execution in executions {
            let name = execution.summary.name
            let missing = execution.missing - execution.underWay
            if missing > 0 {
                let events = count(Int(clamping: missing), "event is", "events are")
                problems.append("\(name): \(events) missing (lightcone gaps)")
            }
            if execution.lost > 0 {
                let events = count(Int(clamping: execution.lost), "event was", "events were")
                problems.append("\(name): \(events) lost by who recorded them (lightcone gaps)")
            }
            if execution.forks > 0 {
                let forks = count(execution.forks, "fork", "forks")
                problems.append("\(name): \(forks): two histories of one name (lightcone defects)")
            }
            let others = execution.defects - execution.forks
            if others > 0 {
                problems.append(
                    "\(name): \(count(others, "defect", "defects")) (lightcone defects)")
            }
            if execution.unmatchedLines > 0 {
                let lines = count(execution.unmatchedLines, "line of a log is", "lines of logs are")
                problems.append(
                    "\(name): \(lines) no event\(execution.unmatchedLines == 1 ? "" : "s") (lightcone defects)"
                )
            }
        }
        return problems
    }
}
