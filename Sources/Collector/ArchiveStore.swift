import Archiving
import Causality
import HappensBefore
import Querying
import Segments
import Synchronization

/// An archive as querying sees it: the same for a collector, and for a folder on the command line.
package final class ArchiveStore: HistoryStore {
    package let archive: Archive
    /// The records of the blocks that were listed last, by id.
    private let records = Mutex<[Int: BlockRecord]>([:])
    private let graphs = Mutex<[(name: String, graph: ExecutionGraph)]>([])

    package init(_ archive: Archive) { self.archive = archive }

    package func executions() throws -> [String] { try archive.executions() }

    package func blocks(of execution: String) throws -> [BlockSummary] {
        let blocks = try archive.blocks(of: execution)
        records.withLock { records in for block in blocks { records[block.id] = block } }
        return blocks.map {
            BlockSummary(
                id: $0.id, key: $0.key, agent: $0.host, segment: $0.segment, first: $0.first,
                last: $0.last, count: $0.count)
        }
    }

    private func stored(_ block: Int) throws -> StoredBlock {
        guard let record = records.withLock({ $0[block] }) else {
            throw DamagedBlock("block \(block) is not listed")
        }
        do {
            return try archive.read(record)
        } catch {
            // Not `catch .damaged`: Swift 6.3.1's compiler crashes on a partial pattern here.
            if case .damaged(let text) = error { throw DamagedBlock(text) }
            throw error
        }
    }

    package func causality(of block: Int) throws -> CausalColumns {
        let stored = try stored(block)
        do { return try stored.causalColumns() } catch { throw DamagedBlock("\(error)") }
    }

    package func events(of block: Int) throws -> [Event] {
        let stored = try stored(block)
        do { return try stored.events() } catch { throw DamagedBlock("\(error)") }
    }

    package func sourceDefects(of execution: String) throws -> [Defect] {
        try archive.unmatchedLines(of: execution).map { path, line in
            Defect(.unmatchedLine, [], "\(path), line \(line.line): \(line.reason): \(line.text)")
        }
    }

    package func readUpTo() throws -> [String: WallTime] { try archive.readUpTo() }

    /// The graph of an execution as it is now; what was loaded for an earlier question is not read again.
    package func graph(of execution: String) throws -> ExecutionGraph {
        let previous = graphs.withLock { graphs in graphs.first { $0.name == execution }?.graph }
        let graph = try ExecutionGraph.load(execution, from: self, after: previous)
        graphs.withLock { graphs in
            graphs.removeAll { $0.name == execution }
            graphs.append((execution, graph))
            if graphs.count > Limits.graphsKeptMax { graphs.removeFirst() }
        }
        return graph
    }

    package func answering(_ options: Question.Options) -> Answering<ArchiveStore> {
        Answering(self, options, graph: graph(of:))
    }
}
