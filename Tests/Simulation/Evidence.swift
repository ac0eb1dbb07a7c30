import Causality
import HappensBefore
import Parts
import Querying
import Segments

/// What has arrived of a world: the frames of some of its segments, as an archive would give them.
struct Evidence: HistoryStore {
    struct Frame: Sendable {
        let summary: FrameSummary
        let stored: StoredFrame
        /// By process that has events in it: the last number.
        let lasts: [ProcessKey: UInt64]
    }

    private(set) var frames: [Frame] = []
    /// Frames whose bytes have rotted.
    var rotten: Set<Int> = []
    /// Frames that have not arrived yet.
    var hidden: Set<Int> = []

    /// The frames of segments, in an order that does not depend on the order of `segments`.
    init(_ segments: [[UInt8]]) throws {
        var found: [(created: WallTime, header: SegmentHeader, StoredFrame)] = []
        for bytes in segments {
            var scanner = SegmentScanner(BytesInMemory(bytes))
            while let item = try scanner.next() {
                guard case .frame(let frame) = item, let header = scanner.header else { continue }
                found.append((header.created, header, frame))
            }
        }
        found.sort {
            ($0.created, $0.header.segment.description, $0.2.offset)
                < ($1.created, $1.header.segment.description, $1.2.offset)
        }
        for (id, (_, header, frame)) in found.enumerated() {
            let batch = try frame.causality()
            var lasts: [ProcessKey: UInt64] = [:]
            for (slot, sequence) in zip(batch.slots, batch.sequences) {
                lasts[batch.processes[Int(slot)], default: 0].formMaximum(sequence)
            }
            guard !lasts.isEmpty else { continue }
            frames.append(
                Frame(
                    summary: FrameSummary(id: id, agent: header.agent, segment: header.segment),
                    stored: frame, lasts: lasts))
        }
        byID = Dictionary(uniqueKeysWithValues: frames.map { ($0.summary.id, $0) })
    }
    private var byID: [Int: Frame] = [:]

    func executions() -> [String] {
        Set(frames.flatMap { $0.lasts.keys.map(\.execution) }).sorted()
    }

    func frames(of execution: String) -> [FrameSummary] {
        frames.filter { frame in
            !hidden.contains(frame.summary.id)
                && frame.lasts.keys.contains { $0.execution == execution }
        }.map(\.summary)
    }

    /// By frame: where it lies.
    func places() -> [Int: OrderFileContents.FrameName] {
        byID.mapValues {
            OrderFileContents.FrameName(
                agent: $0.summary.agent, segment: $0.summary.segment, offset: $0.stored.offset,
                byteCount: $0.stored.bytes.count)
        }
    }

    /// The frame in which a row lies.
    func frame(of row: RowPlace) -> Int? {
        frames.first {
            $0.summary.segment == row.segment && $0.stored.offset == row.offset
        }?.summary.id
    }

    func causality(of frame: Int) throws -> EventBatch {
        if rotten.contains(frame) { throw DamagedFrame("it has rotted") }
        return try byID[frame]!.stored.causality()
    }

    func events(of frame: Int) throws -> EventBatch {
        if rotten.contains(frame) { throw DamagedFrame("it has rotted") }
        return try byID[frame]!.stored.batch()
    }

    func searchable(_ frame: Int) throws -> SearchableRows? {
        if rotten.contains(frame) { throw DamagedFrame("it has rotted") }
        let stored = byID[frame]!.stored
        let columns = try stored.columns()
        return SearchableRows(columns) { try stored.events($0, saying: columns) }
    }

    func expected(in execution: String) -> [(process: ProcessKey, last: UInt64)] {
        var lasts: [ProcessKey: UInt64] = [:]
        for frame in frames where !hidden.contains(frame.summary.id) {
            for (key, last) in frame.lasts where key.execution == execution {
                lasts[key, default: 0].formMaximum(last)
            }
        }
        return lasts.sorted { ProcessKey.listedBefore($0.key, $1.key) }.map { ($0.key, $0.value) }
    }

    func sourceDefects(of execution: String) -> [Defect] { [] }
    func readUpTo() -> [String: WallTime] { [:] }
}

extension UInt64 {
    fileprivate mutating func formMaximum(_ other: UInt64) { self = Swift.max(self, other) }
}
