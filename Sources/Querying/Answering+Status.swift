import Causality
import HappensBefore

extension Answering {
    /// How the store is doing. O(gaps · processes · log n) an execution, for as many gaps as `Limits.gapsWeighedMax`.
    func status() throws -> StatusAnswer {
        guard options.executions == nil else {
            throw QuestionError(
                .misuse, "the status is told to those who may ask about all executions")
        }
        let bytes = try store.shippedBytes()
        let names = options.execution == nil ? try executionNames() : [try execution()]
        var agents = try store.readUpTo().map { host, readUpTo in
            var agent = AgentStatus(
                host: host, readUpTo: readUpTo,
                silentSeconds: options.now.map { Self.seconds(from: readUpTo, to: $0) })
            agent.byteCount = bytes[host] ?? 0
            return agent
        }
        .sorted { ExactText.isBefore($0.host, $1.host) }
        let executions = try names.map { name in
            try options.cancellation.check()
            return try asking(of: name) { try status(of: $0, &agents) }
        }
        return StatusAnswer(
            at: options.now, agents: agents, executions: executions, storage: try store.storage())
    }

    private static func seconds(from start: WallTime, to end: WallTime) -> Int {
        let (elapsed, isTooLong) = end.nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        return isTooLong ? .max : Int(max(0, elapsed) / 1_000_000_000)
    }

    private func status(
        of execution: any IndexedExecution, _ agents: inout [AgentStatus]
    ) throws -> ExecutionStatus {
        func opened(_ execution: some IndexedExecution) throws -> ExecutionStatus {
            let index = execution.index
            var status = ExecutionStatus(summary: try summary(index))
            try weighGaps(of: index, &status, &agents)
            let defects =
                try execution.defects(options.cancellation)
                + store.sourceDefects(of: index.execution)
            status.forks = defects.count { $0.kind == .fork }
            // What is cited and not here is missing: counted already.
            status.defects = defects.count { $0.kind.isCounted }
            status.unmatchedLines = defects.count { $0.kind == .unmatchedLine }
            return status
        }
        return try opened(execution)
    }

    /// Counts what is missing, and which events have seen that.
    private func weighGaps(
        of index: some CausalIndex, _ status: inout ExecutionStatus, _ agents: inout [AgentStatus]
    ) throws {
        let counts = try (0..<index.processCount).map { try index.sequences(of: $0).count }
        // By process, the first position whose event has seen something that is missing.
        var firsts = counts
        var weighed = 0
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            let agent = agents.firstIndex { ExactText.isSame($0.host, facts.host) }
            if let agent { agents[agent].events += facts.count }
            for gap in try index.gaps(of: process) {
                status.gaps += 1
                let missing = gap.last - gap.first + 1
                guard !gap.isLost else {
                    status.lost += missing
                    continue
                }
                status.missing += missing
                if let agent {
                    agents[agent].missing += missing
                    let isLater = facts.count == 0 || gap.first > facts.last
                    if isLater, agents[agent].silentSeconds != nil, !agents[agent].isSilent {
                        status.underWay += missing
                    }
                }
                guard weighed < Limits.gapsWeighedMax else { continue }
                weighed += 1
                let seen = EventKey(process: process, sequence: gap.first)
                var events = 0
                for other in firsts.indices {
                    guard let first = try index.firstKnower(of: seen, in: other) else { continue }
                    events += counts[other] - first
                    firsts[other] = min(firsts[other], first)
                }
                if events > 0, events > status.heldBackBy?.events ?? 0 {
                    status.heldBackBy = (gap, events)
                }
            }
        }
        status.waiting = zip(counts, firsts).reduce(0) { $0 + $1.0 - $1.1 }
    }
}
