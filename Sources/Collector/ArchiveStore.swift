import Archiving
import Causality
import HappensBefore
import Querying
import Segments
import Synchronization

/// An archive as querying sees it: the same for a collector, and for a folder on the command line.
package final class ArchiveStore: HistoryStore {
    package let archive: Archive
    private let places = Mutex(Places())
    private let graphs = Mutex<[(name: String, graph: ExecutionGraph)]>([])

    /// Where the frames lie that were listed so far. A frame's id is its index.
    private struct Places {
        var all: [FramePlace] = []
        /// By segment: up to where its frames were found, and their ids.
        var segments: [Identity128: (end: Int, ids: [Int])] = [:]
    }

    package init(_ archive: Archive) { self.archive = archive }

    package func executions() throws -> [String] { try archive.executions() }

    package func frames(of execution: String) throws -> [FrameSummary] {
        let segments = try archive.segments(of: execution)
        return places.withLock { places in
            segments.flatMap { agent, segment, end in
                var known = places.segments[segment] ?? (0, [])
                if known.end < end {
                    let fresh = archive.frames(
                        agent: agent, segment: segment, from: known.end, to: end)
                    known.ids += places.all.count..<places.all.count + fresh.count
                    places.all += fresh
                    known.end = end
                    places.segments[segment] = known
                }
                return known.ids.map { FrameSummary(id: $0, agent: agent, segment: segment) }
            }
        }
    }

    private func stored(_ frame: Int) throws -> StoredFrame {
        let place = places.withLock { $0.all.indices.contains(frame) ? $0.all[frame] : nil }
        guard let place else { throw DamagedFrame("frame \(frame) is not listed") }
        do {
            return try archive.read(place)
        } catch {
            // Not `catch .damaged`: Swift 6.3.1's compiler crashes on a partial pattern here.
            if case .damaged(let text) = error { throw DamagedFrame(text) }
            throw error
        }
    }

    package func causality(of frame: Int) throws -> EventBatch {
        let stored = try stored(frame)
        do { return try stored.causality() } catch { throw DamagedFrame("\(error)") }
    }

    package func events(of frame: Int) throws -> EventBatch {
        let stored = try stored(frame)
        do { return try stored.batch() } catch { throw DamagedFrame("\(error)") }
    }

    package func expected(
        in execution: String
    ) throws -> [(process: ProcessKey, last: UInt64)] {
        try archive.processes(of: execution).map { ($0.process, $0.last) }
    }

    package func sourceDefects(of execution: String) throws -> [Defect] {
        try archive.unmatchedLines(of: execution).map { path, line in
            Defect(.unmatchedLine, [], "\(path), line \(line.line): \(line.reason): \(line.text)")
        }
    }

    package func readUpTo() throws -> [String: WallTime] { try archive.readUpTo() }

    /// The graph of an execution as it is now; what was loaded for an earlier question is not read again.
    package func graph(
        of execution: String, _ cancellation: Cancellation = .never
    ) throws -> ExecutionGraph {
        let previous = graphs.withLock { graphs in graphs.first { $0.name == execution }?.graph }
        let graph = try ExecutionGraph.load(
            execution, from: self, after: previous, cancellation: cancellation)
        graphs.withLock { graphs in
            graphs.removeAll { $0.name == execution }
            graphs.append((execution, graph))
            if graphs.count > Limits.graphsKeptMax { graphs.removeFirst() }
        }
        return graph
    }

    package func answering(_ options: Question.Options) -> Answering<ArchiveStore> {
        Answering(self, options) { try self.graph(of: $0, options.cancellation) }
    }
}
