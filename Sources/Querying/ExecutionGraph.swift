import Causality
import HappensBefore
import Synchronization

/// The graph of one execution as a store has it at one moment, ready for questions from several threads.
package final class ExecutionGraph: Sendable {
    package let history: History
    /// Blocks that could not be read.
    private let damage: [Defect]
    private let loaded: Set<Int>
    private let lazyEdges = Mutex<MessageEdges?>(nil)

    private init(history: History, damage: [Defect], loaded: Set<Int>) {
        self.history = history
        self.damage = damage
        self.loaded = loaded
    }

    /// The message edges; found at the first use, which is O(events + clock growth).
    package var edges: MessageEdges {
        if let edges = lazyEdges.withLock({ $0 }) { return edges }
        let edges = MessageEdges(history)
        lazyEdges.withLock { $0 = edges }
        return edges
    }

    /// Loads an execution. What `previous`, an earlier graph of the same execution and store, has already
    /// is not read again, except for runs to which blocks came between or before those that were here.
    package static func load(
        _ execution: String, from store: some HistoryStore, after previous: ExecutionGraph? = nil
    ) throws -> ExecutionGraph {
        let blocks = try store.blocks(of: execution)
        if let previous, previous.loaded.count == blocks.count { return previous }
        var history = previous?.history ?? History(execution: execution)
        var damage = previous?.damage ?? []
        let loaded = previous?.loaded ?? []
        let fresh = blocks.filter { !loaded.contains($0.id) }
        for (run, group) in Dictionary(grouping: fresh, by: \.key.identity)
            .sorted(by: { ($0.key.high, $0.key.low) < ($1.key.high, $1.key.low) })
        {
            let ascending = group.sorted { $0.first < $1.first }
            var isAppended = true
            for summary in ascending where isAppended {
                guard let block = try read(summary, from: store, &history, &damage) else {
                    continue
                }
                isAppended = history.append(block)
            }
            guard !isAppended else { continue }
            let summaries = blocks.filter { $0.key.identity == run }
            var all: [HistoryBlock] = []
            for summary in summaries {
                if let block = try read(summary, from: store, &history, &damage) {
                    all.append(block)
                }
            }
            let branches = try Branches(of: summaries, all, store)
            history.rebuild(run, from: all, fork: branches.fork, branches: branches.byBlock)
        }
        history.finish()
        return ExecutionGraph(
            history: history,
            damage: damage.reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
            loaded: Set(blocks.map(\.id)))
    }

    private static func read(
        _ summary: BlockSummary, from store: some HistoryStore, _ history: inout History,
        _ damage: inout [Defect]
    ) throws -> HistoryBlock? {
        do {
            return HistoryBlock(
                id: summary.id, key: summary.key, columns: try store.causality(of: summary.id))
        } catch let error as DamagedBlock {
            history.expect(summary.key, upTo: summary.last)
            let range = [summary.first, summary.last].map { EventID(summary.key.process, $0) }
            damage.append(
                Defect(
                    .damagedBlock, range,
                    "\(summary.count) events from \(range[0]) to \(range[1]) cannot be read: \(error)"
                ))
            return nil
        }
    }

    /// Everything that contradicts itself, and notes on wall clocks. Reads the blocks that overlap.
    package func defects(_ store: some HistoryStore) throws -> [Defect] {
        var defects = history.defects(edges) + damage
        defects += try store.sourceDefects(of: history.execution)
        return defects.sorted(by: Defect.listedBefore)
    }
}

/// Which blocks of a run tell of one machine, and which of another that says it is the same run.
private struct Branches {
    private(set) var fork: Fork?
    private(set) var byBlock: [Int: Identity128] = [:]

    /// Compares the events of the blocks that overlap. O(events in them).
    init(
        of summaries: [BlockSummary], _ blocks: [HistoryBlock], _ store: some HistoryStore
    ) throws {
        let summaryOf = Dictionary(uniqueKeysWithValues: summaries.map { ($0.id, $0) })
        // A run has one name and one origin: who says otherwise is another.
        var isNamedTwice = false
        if let first = summaries.first {
            isNamedTwice = summaries.contains { $0.key != first.key }
        }
        var differing: [(sequence: UInt64, Int, Int)] = []
        if !isNamedTwice {
            let overlaps = try Branches.overlaps(blocks, store)
            differing = overlaps
            guard !differing.isEmpty else { return }
        }
        let isOfOneSource =
            !isNamedTwice
            && differing.allSatisfy { summaryOf[$0.1]!.segment == summaryOf[$0.2]!.segment }
        fork = Fork(
            sequence: isNamedTwice ? 1 : differing.map(\.sequence).min()!,
            isOfOneSource: isOfOneSource)
        // Agents tell machines apart, unless the agent was cloned too: then its files do.
        let hasSplitAgent = differing.contains {
            summaryOf[$0.1]!.agent == summaryOf[$0.2]!.agent
        }
        for summary in summaries {
            byBlock[summary.id] =
                isNamedTwice
                ? Identity128(naming: Array("\(summary.key)".utf8))
                : hasSplitAgent ? summary.segment : summary.agent
        }
    }

    /// The numbers of which two blocks have different events, and the blocks.
    private static func overlaps(
        _ blocks: [HistoryBlock], _ store: some HistoryStore
    ) throws -> [(sequence: UInt64, Int, Int)] {
        var differing: [(sequence: UInt64, Int, Int)] = []
        var reader = EventReader(store)
        var holders: [UInt64: [Int]] = [:]
        var rows: [(sequence: UInt64, block: Int)] = []
        for block in blocks {
            for sequence in block.columns.sequences { rows.append((sequence, block.id)) }
        }
        rows.sort { ($0.sequence, $0.block) < ($1.sequence, $1.block) }
        for (before, row) in zip(rows, rows.dropFirst()) where before.sequence == row.sequence {
            holders[row.sequence, default: [before.block]].append(row.block)
        }
        for (sequence, ids) in holders.sorted(by: { $0.key < $1.key }) {
            for (index, id) in ids.enumerated() {
                for other in ids[(index + 1)...] {
                    let isSame = try reader.isSame(sequence, id, other)
                    if !isSame { differing.append((sequence, id, other)) }
                }
            }
        }
        return differing
    }
}

/// Reads single events, and keeps the blocks open that were read last.
package struct EventReader {
    private let read: (Int) throws -> [Event]
    private var open: [Int: [Event]] = [:]
    private var order: [Int] = []

    package init(_ store: some HistoryStore) { read = { try store.events(of: $0) } }

    /// The event of this number in a block of its process; nil where the block cannot be read.
    package mutating func event(_ id: EventID, in block: Int) throws -> Event? {
        let events = try events(of: block)
        let found = events.firstIndex { $0.id.sequence >= id.sequence }
        guard let found, events[found].id.sequence == id.sequence else { return nil }
        // What the graph calls its process may be more than what the block does.
        var event = events[found]
        event.id = id
        return event
    }

    /// Whether two blocks say the same of an event, wherever both can be read.
    fileprivate mutating func isSame(_ sequence: UInt64, _ block: Int, _ other: Int) throws -> Bool
    {
        func find(_ events: [Event]) -> [Event] { events.filter { $0.id.sequence == sequence } }
        let (first, second) = (find(try events(of: block)), find(try events(of: other)))
        guard let one = first.first, let two = second.first else { return true }
        return one == two
    }

    private mutating func events(of block: Int) throws -> [Event] {
        if let events = open[block] { return events }
        var events: [Event] = []
        do { events = try read(block) } catch is DamagedBlock {}
        open[block] = events
        order.append(block)
        if order.count > Limits.openBlocksMax { open[order.removeFirst()] = nil }
        return events
    }

    /// The event at a place of a history.
    package mutating func event(at place: EventPosition, of history: History) throws -> Event? {
        try event(history.id(place), in: history.processes[place.process].block(at: place.position))
    }
}
