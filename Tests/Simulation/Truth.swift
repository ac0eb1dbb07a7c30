import Causality

/// What really happened in a world: every event of every sequential line, also those that nobody could keep, and what each had
/// truly seen.
///
/// A line is what one program did between its start and its end on one machine. A message counts where its token reached the
/// library, or where the library could notice that it did not.
struct Truth {
    /// An event, by its place in `events`.
    typealias Index = Int

    struct Happening {
        var line: Int
        /// 1, 2, 3 … on its line.
        var number: Int
        /// By line: how many of its events this one had seen.
        var seen: [Int]
    }

    private(set) var events: [Happening] = []
    /// By line: its events.
    private(set) var lines: [[Index]] = []
    /// By line: the execution that it belongs to.
    private(set) var executions: [String] = []

    /// Begins a line that has seen an event, or nothing.
    mutating func beginLine(execution: String, after origin: Index? = nil) -> Int {
        lines.append([])
        executions.append(execution)
        begun.append(origin.map { events[$0].seen } ?? [])
        return lines.count - 1
    }
    private var begun: [[Int]] = []

    /// The next event of a line, which has seen what the one before it had, and what `message` had.
    mutating func happen(on line: Int, receiving message: Index? = nil) -> Index {
        var seen = lines[line].last.map { events[$0].seen } ?? begun[line]
        if let message {
            let other = events[message].seen
            if other.count > seen.count {
                seen += Array(repeating: 0, count: other.count - seen.count)
            }
            for index in other.indices { seen[index] = max(seen[index], other[index]) }
        }
        if seen.count <= line { seen += Array(repeating: 0, count: line + 1 - seen.count) }
        let number = lines[line].count + 1
        seen[line] = number
        events.append(Happening(line: line, number: number, seen: seen))
        lines[line].append(events.count - 1)
        return events.count - 1
    }

    /// How many events of a line an event had seen.
    func seen(by event: Index, of line: Int) -> Int {
        line < events[event].seen.count ? events[event].seen[line] : 0
    }

    func isBefore(_ a: Index, _ b: Index) -> Bool {
        a != b && seen(by: b, of: events[a].line) >= events[a].number
    }

    func order(_ a: Index, _ b: Index) -> CausalOrder {
        if a == b { return .equal }
        if isBefore(a, b) { return .before }
        return isBefore(b, a) ? .after : .concurrent
    }

    /// The events of a line's execution for which something holds.
    func all(like event: Index, where holds: (Index) -> Bool) -> Set<Index> {
        let execution = executions[events[event].line]
        return Set(
            events.indices.filter { executions[events[$0].line] == execution && holds($0) })
    }
}
