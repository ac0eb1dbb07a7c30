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
    /// is not read again, except for processes to which blocks came between or before those that were here.
    package static func load(
        _ execution: String, from store: some HistoryStore, after previous: ExecutionGraph? = nil
    ) throws -> ExecutionGraph {
        let blocks = try store.blocks(of: execution)
        if let previous, previous.loaded.count == blocks.count { return previous }
        var history = previous?.history ?? History(execution: execution)
        var damage = previous?.damage ?? []
        let loaded = previous?.loaded ?? []
        let fresh = blocks.filter { !loaded.contains($0.id) }
        for (process, group) in Dictionary(grouping: fresh, by: \.key.process)
            .sorted(by: { listingOrder($0.key, $1.key) })
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
            var all: [HistoryBlock] = []
            for summary in blocks where summary.key.process == process {
                if let block = try read(summary, from: store, &history, &damage) {
                    all.append(block)
                }
            }
            history.rebuild(process, from: all)
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
                id: summary.id, host: summary.key.host, process: summary.key.process,
                columns: try store.causality(of: summary.id))
        } catch let error as DamagedBlock {
            let process = summary.key.process
            history.expect(process, upTo: summary.last)
            let range = [summary.first, summary.last].map { EventID(process, $0) }
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
        defects += try duplicates(store)
        return defects.sorted(by: Defect.listedBefore)
    }

    /// The overlaps whose two events differ. The same event twice is no contradiction.
    private func duplicates(_ store: some HistoryStore) throws -> [Defect] {
        var defects: [Defect] = []
        var reader = EventReader(store)
        for (process, overlap) in history.overlaps {
            let id = EventID(process, overlap.sequence)
            guard let kept = try reader.event(id, in: overlap.kept),
                let other = try reader.event(id, in: overlap.other), kept != other
            else { continue }
            defects.append(
                Defect(
                    .duplicate, [id],
                    "two different events claim to be \(id): “\(kept.text.prefix(60))” and "
                        + "“\(other.text.prefix(60))”; the first is in the graph"))
        }
        return defects
    }
}

/// Reads single events, and keeps the blocks open that were read last.
package struct EventReader {
    private let read: (Int) throws -> [Event]
    private var open: [Int: [Event]] = [:]
    private var order: [Int] = []

    package init(_ store: some HistoryStore) { read = { try store.events(of: $0) } }

    /// The event with this id in a block; nil where the block cannot be read.
    package mutating func event(_ id: EventID, in block: Int) throws -> Event? {
        var events = open[block]
        if events == nil {
            do {
                events = try read(block)
            } catch is DamagedBlock {
                events = []
            }
            open[block] = events
            order.append(block)
            if order.count > Limits.openBlocksMax { open[order.removeFirst()] = nil }
        }
        let found = events!.firstIndex { $0.id.sequence >= id.sequence }
        return found.flatMap { events![$0].id == id ? events![$0] : nil }
    }

    /// The event at a place of a history.
    package mutating func event(at place: EventPosition, of history: History) throws -> Event? {
        try event(history.id(place), in: history.processes[place.process].block(at: place.position))
    }
}
