import Archiving
import Causality
import HappensBefore
import Parts
import Querying
import Synchronization

/// What of an execution is above its order files, in memory.
final class Tail: Sendable {
    let history: History
    private let loaded: Set<Int>
    private let lazyEdges = Mutex<MessageEdges?>(nil)
    private let lazyTimes = Mutex<HistoryTimes?>(nil)

    init(_ history: History, _ loaded: Set<Int>) {
        self.history = history
        self.loaded = loaded
    }

    /// The messages that arrived above the cut; found at the first use, which is O(events above it).
    func edges(
        _ chronicle: Chronicle<OrderStack>, _ cancellation: Cancellation
    ) throws -> MessageEdges {
        if let edges = lazyEdges.withLock({ $0 }) { return edges }
        let edges = try MessageEdges(chronicle, check: cancellation.check)
        lazyEdges.withLock { $0 = edges }
        return edges
    }

    /// When the events above the cut happened in logical time; found at the first use, which is O(messages).
    func times(
        _ chronicle: Chronicle<OrderStack>, _ cancellation: Cancellation
    ) throws -> HistoryTimes {
        if let times = lazyTimes.withLock({ $0 }) { return times }
        let times = try HistoryTimes(
            chronicle, below: chronicle.floor, edges(chronicle, cancellation),
            check: cancellation.check)
        lazyTimes.withLock { $0 = times }
        return times
    }

    /// Loads what is above some files. Nil where these do not hold: something came that was not waited for any more, or is there
    /// twice, or cannot be read. O(events above the files, and frames).
    ///
    /// - Parameters:
    ///   - taken: How many events had been taken at the end of the files.
    ///   - previous: An earlier one on the same files, of the same parts.
    static func load(
        _ execution: String, _ listing: ArchiveStore.Listing, on floor: OrderStack,
        since taken: Int, from store: ArchiveStore, after previous: Tail?,
        _ cancellation: Cancellation
    ) throws -> Tail? {
        var history: History
        if let previous {
            history = previous.history
        } else {
            guard let resumption = try floor.resumption(),
                let resumed = try History(resuming: resumption, on: floor)
            else { return nil }
            history = resumed
            for (process, last) in try store.dropped(of: execution) {
                history.drop(process, upTo: last)
            }
        }
        var loaded = previous?.loaded ?? []
        let below = try PutAway(history, floor)
        var read = 0
        let isWhole = try telling(.loaded(read, of: listing.frames.count)) {
            for frame in listing.frames where loaded.insert(frame.id).inserted {
                try cancellation.check()
                read += 1
                guard !below.contains(store.place(of: frame.id)) else { continue }
                guard let batch = try store.batch(of: frame.id) else { return false }
                var next = HistoryFrame(id: frame.id, source: frame.segment.segment, batch: batch)
                try store.noteLosses(in: &next, after: history)
                guard history.append(next, skipsPutAway: true).isEmpty, history.breach == nil else {
                    return false
                }
            }
            return true
        }
        guard isWhole else { return nil }
        try history.finish(over: floor, check: cancellation.check)
        // An event that lies between those that are put away is not waited for, nor one that is here twice.
        guard history.breach == nil,
            history.countEvents() - floor.eventCount == listing.taken - taken
        else { return nil }
        return Tail(history, loaded)
    }
}

/// Which frames have nothing above some order files.
struct PutAway {
    /// By segment: up to where.
    private var ends: [Identity128: Int] = [:]
    /// By run: up to which number.
    private var lasts: [Identity128: UInt64] = [:]

    init(_ history: History, _ floor: OrderStack) throws {
        for file in floor.files {
            ends.merge(try file.segmentEnds(), uniquingKeysWith: max)
        }
        for line in history.processes where line.base > 0 {
            lasts[line.key!.identity] = line.sequence(at: line.base - 1)
        }
    }

    /// The last number of a run that is put away; 0 where none is.
    func last(of run: Identity128) -> UInt64 { lasts[run] ?? 0 }

    func contains(_ place: EventPlace) -> Bool {
        switch place {
        case .frame(let frame):
            frame.damage == nil
                && frame.offset + frame.byteCount <= ends[frame.segment] ?? 0
        case .rows(_, let rows):
            rows.pieces.last!.block.last <= lasts[rows.run.identity] ?? 0
        case .block, .damage: false
        }
    }
}

extension ArchiveStore {
    /// The rows of a frame; nil where it cannot be read.
    func batch(of frame: Int) throws -> EventBatch? {
        do { return try causality(of: frame) } catch is DamagedFrame { return nil }
    }
}
