import Causality
import HappensBefore
import Querying

extension StatusAnswer {
    /// As a person reads it.
    var lines: [String] {
        var lines: [String] = []
        if !agents.isEmpty {
            var rows = [["agent of", "has shipped up to", "that was"]]
            for agent in agents {
                let ago = agent.silentSeconds.map { Self.ago($0) } ?? ""
                rows.append([printable(agent.host), agent.readUpTo.description, ago])
            }
            lines += Self.table(rows, numbersFrom: 3) + [""]
        }
        var rows = [
            [
                "execution", "processes", "events", "waiting", "missing", "lost", "forks",
                "defects",
                "unmatched",
            ]
        ]
        for execution in executions {
            let summary = execution.summary
            rows.append(
                [printable(summary.name)]
                    + [
                        summary.processes, summary.events, execution.waiting,
                        Int(clamping: execution.missing), Int(clamping: execution.lost),
                        execution.forks, execution.defects, execution.unmatchedLines,
                    ].map { grouped($0) })
        }
        lines += executions.isEmpty ? ["nothing is here yet"] : Self.table(rows, numbersFrom: 1)
        lines += waits
        if let disk { lines += ["", disk] }
        if !problems.isEmpty {
            lines += ["", "needs a person:"] + problems.map { printable("  \($0)") }
        }
        return lines
    }

    /// What most events of each execution wait for, where they do.
    var waits: [String] {
        executions.compactMap { execution in
            guard let (gap, events) = execution.heldBackBy else { return nil }
            let name = executions.count > 1 ? "\(execution.summary.name): " : ""
            return printable(
                "\(name)waits for \(gap.process) \(gap.first)"
                    + (gap.first == gap.last ? "" : "–\(gap.last)")
                    + ", which \(grouped(events)) \(events == 1 ? "event has" : "events have") seen"
            )
        }
    }

    /// What events take on the disk.
    var disk: String? {
        storage.map { storage in
            let free = storage.freeByteCount.map { ", \(Self.bytes($0)) free on the disk" } ?? ""
            return "\(Self.bytes(storage.byteCount)) of events\(free)"
        }
    }

    var json: String {
        JSONWriter.object { writer in
            writer.member("at", at?.description)
            writer.key("agents")
            writer.array { writer in
                for agent in agents {
                    writer.object {
                        $0.member("host", agent.host)
                        $0.member("readUpTo", agent.readUpTo.description)
                        $0.key("silentSeconds")
                        if let seconds = agent.silentSeconds {
                            $0.value(seconds)
                        } else {
                            $0.null()
                        }
                        $0.member("missing", agent.missing)
                        $0.member("events", agent.events)
                        $0.member("bytes", agent.byteCount)
                    }
                }
            }
            writer.key("executions")
            writer.array { writer in
                for execution in executions { writer.object { execution.write(&$0) } }
            }
            writer.key("disk")
            if let storage {
                writer.object {
                    $0.member("bytes", storage.byteCount)
                    $0.key("freeBytes")
                    if let free = storage.freeByteCount { $0.value(free) } else { $0.null() }
                    $0.member("full", storage.isFull)
                }
            } else {
                writer.null()
            }
            writer.member("problems", problems)
        }
    }

    /// Columns that are as wide as what is in them; numbers stand at their right end.
    package static func table(_ rows: [[String]], numbersFrom first: Int) -> [String] {
        let widths = rows[0].indices.map { column in
            rows.map { TextWidth.columns($0[column]) }.max() ?? 0
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let spaces = String(
                    repeating: " ", count: widths[column] - TextWidth.columns(cell))
                let isLast = column == row.count - 1
                line += column >= first ? spaces + cell : isLast ? cell : cell + spaces
                if !isLast { line += "  " }
            }
            return line
        }
    }

    static func ago(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds) s ago"
        case ..<7_200: "\(seconds / 60) min ago"
        case ..<172_800: "\(seconds / 3_600) h ago"
        default: "\(grouped(seconds / 86_400)) days ago"
        }
    }

    static func bytes(_ count: Int) -> String {
        var (value, units) = (Double(count), ["B", "kB", "MB", "GB", "TB", "PB"][...])
        while value >= 1_000, units.count > 1 {
            value /= 1_000
            units.removeFirst()
        }
        let tenths = Int((value * 10).rounded())
        let number =
            units.first == "B" || tenths >= 1_000
            ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
        return "\(number) \(units.first ?? "")"
    }
}

extension ExecutionStatus {
    fileprivate func write(_ writer: inout JSONWriter) {
        writer.member("name", summary.name)
        writer.member("processes", summary.processes)
        writer.member("events", summary.events)
        writer.member("gaps", gaps)
        writer.member("missing", missing)
        writer.member("underWay", underWay)
        writer.member("lost", lost)
        writer.member("waiting", waiting)
        writer.key("heldBackBy")
        if let (gap, events) = heldBackBy {
            writer.object {
                $0.member("process", gap.process.description)
                $0.member("first", gap.first)
                $0.member("last", gap.last)
                $0.member("events", events)
            }
        } else {
            writer.null()
        }
        writer.member("forks", forks)
        writer.member("defects", defects)
        writer.member("unmatchedLines", unmatchedLines)
    }
}

/// A number as people read it: `5,137`.
package func grouped(_ number: Int) -> String {
    var text = ""
    for (index, digit) in String(number.magnitude).reversed().enumerated() {
        if index > 0, index % 3 == 0 { text.append(",") }
        text.append(digit)
    }
    return (number < 0 ? "-" : "") + String(text.reversed())
}
