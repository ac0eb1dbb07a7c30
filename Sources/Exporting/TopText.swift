import Causality
import HappensBefore
import Querying

/// What a place where histories are kept says of itself, live: a screen, made anew for each answer.
///
/// What needs a person comes first, then hosts, the longest silent one first, then executions, the one in which most waits first.
package struct TopText: Sendable {
    /// Where it is asked.
    private let source: String
    private var last: StatusAnswer?
    private var before: StatusAnswer?
    /// Why there is no newer answer, where there is none.
    package var trouble: String?

    package init(source: String) { self.source = source }

    /// Takes an answer; rates are the differences to the one before it.
    package mutating func add(_ status: StatusAnswer) {
        (before, last, trouble) = (last, status, nil)
    }

    /// The screen: at most so many lines, each at most as wide.
    ///
    /// - Parameters:
    ///   - zone: How far the clock that times are shown by is ahead of UTC, in seconds, at a time.
    ///   - waitedSeconds: Since when the answer that is shown is there, or none.
    package func lines(
        columns: Int, rows: Int, isColored: Bool, now: WallTime, zone: (WallTime) -> Int,
        waitedSeconds: Int
    ) -> [String] {
        let clock = LocalTime(now, zone).clock.prefix(8)
        var all = [Line("lightcone top  \(printable(source))  \(clock)  (q ends it)", .bold)]
        if let trouble {
            all.append(Line("no answer: \(printable(trouble)); asking again", .level(.error)))
        } else if waitedSeconds >= Limits.topPatienceSeconds {
            all.append(Line("no answer for \(waitedSeconds) s", .level(.error)))
        }
        if let last { all += body(last, rows: rows - all.count) }
        return all.prefix(max(1, rows)).map { line in
            var text = StyledLine(width: columns, isColored: isColored)
            text.append(line.text, line.style)
            return text.finished
        }
    }

    private struct Line {
        var text: String
        var style: TextStyle

        init(_ text: String, _ style: TextStyle = .plain) {
            self.text = text
            self.style = style
        }
    }

    private func body(_ status: StatusAnswer, rows: Int) -> [Line] {
        var lists: [(head: Line, lines: [Line])] = []
        let problems = status.problems.map { Line(printable("  \($0)"), .level(.error)) }
        if !problems.isEmpty { lists.append((Line("needs a person:", .bold), problems)) }
        let agents = agentTable(status)
        if !status.agents.isEmpty { lists.append((Line(agents[0], .dim), plain(agents))) }
        let executions = executionTable(status)
        if status.executions.isEmpty {
            lists.append((Line("nothing is here yet"), []))
        } else {
            lists.append((Line(executions[0], .dim), plain(executions)))
        }
        if !status.waits.isEmpty { lists[lists.count - 1].lines += status.waits.map { Line($0) } }
        let ending = status.disk.map { [Line(""), Line($0)] } ?? []
        // An empty line before each list.
        var room = rows - ending.count - 2 * lists.count
        var shown = lists.map(\.lines.count)
        while shown.reduce(0, +) > max(0, room), let most = shown.max(), most > 0 {
            shown[shown.lastIndex(of: most) ?? 0] -= 1
        }
        var lines: [Line] = []
        for (list, count) in zip(lists, shown) {
            lines += [Line(""), list.head]
            let isCut = count < list.lines.count
            lines += list.lines.prefix(isCut ? max(0, count - 1) : count)
            if isCut, count > 0 {
                lines.append(Line("  … \(list.lines.count - count + 1) more", .dim))
            }
            room -= count
        }
        return lines + ending
    }

    private func plain(_ table: [String]) -> [Line] { table.dropFirst().map { Line($0) } }

    /// Hosts and what their agents ship, with a line of headings.
    private func agentTable(_ status: StatusAnswer) -> [String] {
        let agents = status.agents.sorted { a, b in
            let (lagA, lagB) = (a.silentSeconds ?? 0, b.silentSeconds ?? 0)
            if lagA != lagB { return lagA > lagB }
            if a.missing != b.missing { return a.missing > b.missing }
            return ExactText.isBefore(a.host, b.host)
        }
        var rows = [["agent of", "events/s", "bytes/s", "events", "missing", "lag"]]
        for agent in agents {
            let old = before?.agents.first { ExactText.isSame($0.host, agent.host) }
            rows.append([
                printable(agent.host), rate(agent.events, old?.events) ?? "–",
                rate(agent.byteCount, old?.byteCount, StatusAnswer.bytes) ?? "–",
                grouped(agent.events), grouped(Int(clamping: agent.missing)),
                agent.silentSeconds.map { StatusAnswer.ago($0) } ?? "",
            ])
        }
        return StatusAnswer.table(rows, numbersFrom: 1)
    }

    private func executionTable(_ status: StatusAnswer) -> [String] {
        let executions = status.executions.sorted { a, b in
            if a.waiting != b.waiting { return a.waiting > b.waiting }
            if a.missing != b.missing { return a.missing > b.missing }
            return ExactText.isBefore(a.summary.name, b.summary.name)
        }
        var rows = [
            [
                "execution", "events/s", "processes", "events", "waiting", "missing", "lost",
                "forks", "defects", "unmatched",
            ]
        ]
        for execution in executions {
            let summary = execution.summary
            let old = before?.executions.first { ExactText.isSame($0.summary.name, summary.name) }
            rows.append(
                [
                    printable(summary.name),
                    rate(summary.events, old?.summary.events) ?? "–",
                ]
                    + [
                        summary.processes, summary.events, execution.waiting,
                        Int(clamping: execution.missing), Int(clamping: execution.lost),
                        execution.forks, execution.defects, execution.unmatchedLines,
                    ].map { grouped($0) })
        }
        return StatusAnswer.table(rows, numbersFrom: 1)
    }

    /// What a number grew by in a second, between the last two answers; nil where that is not known, as after a drop.
    private func rate(
        _ new: Int, _ old: Int?, _ text: (Int) -> String = { grouped($0) }
    ) -> String? {
        guard let old, new >= old, let start = before?.at, let end = last?.at, end > start else {
            return nil
        }
        let rate = Double(new - old) * 1e9 / (Double(end.nanoseconds) - Double(start.nanoseconds))
        let tenths = Int(min((rate * 10).rounded(), 1e15))
        // Of few events a second, a tenth tells whether there are any.
        if (1..<100).contains(tenths), text(1) == "1" { return "\(tenths / 10).\(tenths % 10)" }
        return text(Int(min(rate.rounded(), 1e15)))
    }
}
