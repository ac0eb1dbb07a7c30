import Causality
import Segments
import SimulatedHistories

/// A frame of sections that nobody encoded, with right checksums.
struct RawFrame {
    var rows = 0
    var processes = 0
    var order = RawSection()
    var content = RawSection()
    var commit: [UInt8] = []
    var previousDigest = [UInt8](repeating: 0, count: 16)

    struct RawSection {
        /// As it is stored.
        var bytes: [UInt8] = []
        /// What the header claims that it has before compression, where it is packed; nil where it is stored as it is.
        var rawCount: Int?
    }

    /// By the grammar in `SegmentWriter.swift`.
    var sealed: [UInt8] {
        var writer = ByteWriter()
        writer.bytes("LCFR".utf8)
        writer.byte(commit.isEmpty ? 0 : 1)
        writer.byte(order.rawCount == nil ? 0 : 1)
        writer.byte(content.rawCount == nil ? 0 : 1)
        writer.byte(0)
        for count in [
            rows, processes, order.rawCount ?? order.bytes.count,
            content.rawCount ?? content.bytes.count, order.bytes.count, content.bytes.count,
            commit.count,
        ] { writer.fixed32(UInt32(truncatingIfNeeded: count)) }
        writer.bytes(previousDigest)
        for section in [order.bytes, content.bytes, commit] { writer.fixed32(checksum(section)) }
        writer.fixed32(checksum(writer.bytes))
        return writer.bytes + order.bytes + content.bytes + commit
    }

    /// The frame, as a reader finds it; nil where its header alone is refused.
    var stored: StoredFrame? { try? StoredFrame(decoding: sealed, at: SegmentHeader.byteCount) }
}

enum SegmentBytes {
    static let header = SegmentHeader(
        agent: Identity128(naming: Array("agent".utf8)),
        segment: Identity128(naming: Array("segment".utf8)),
        created: WallTime(nanoseconds: 1_700_000_000_000_000_000))

    static func frames(_ segment: [UInt8]) throws -> [StoredFrame] {
        var frames: [StoredFrame] = []
        var scanner = SegmentScanner(BytesInMemory(segment))
        while let item = try scanner.next() {
            guard case .frame(let frame) = item else {
                throw BrokenPromise("a segment that was written is damaged: \(item)")
            }
            frames.append(frame)
        }
        return frames
    }

    /// A segment of the batches and its footer, a commit each.
    static func segment(_ batches: [EventBatch], commit: Commit = Commit()) -> [UInt8] {
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        for batch in batches { bytes += writer.commit(batch, commit) }
        return bytes + writer.footer()
    }

    /// Batches of everything that an event may have, the more the larger.
    static func samples() -> [EventBatch] {
        [1, 3, 12].flatMap { count in
            Sample.batches(Sample.events(seed: UInt64(count), count: max(count, 3)), of: count)
        }
    }

    /// That a batch which is written as a segment comes back as it is: what an agent does with whatever it decoded.
    static func promiseReturn(of batch: EventBatch) throws {
        var rowsOf: [Int: [Int]] = [:]
        for row in 0..<batch.count { rowsOf[Int(batch.slots[row]), default: []].append(row) }
        var slotOf: [ProcessKey: Int] = [:]
        for (slot, key) in batch.processes.enumerated() { slotOf[key] = slot }
        var next: [Int: Int] = [:]
        var count = 0
        for frame in try frames(segment([batch])) {
            let found = try frame.batch()
            for row in 0..<found.count {
                let key = found.processes[Int(found.slots[row])]
                guard let slot = slotOf[key], let rows = rowsOf[slot] else {
                    throw BrokenPromise("another process came back: \(key)")
                }
                let place = next[slot] ?? 0
                try promise(place < rows.count, "more events of \(key) came back")
                try promise(
                    found.isSame(row, as: batch, rows[place]),
                    "event \(batch.sequences[rows[place]]) of \(key) came back as another")
                next[slot] = place + 1
                count += 1
            }
        }
        try promise(count == batch.count, "of \(batch.count) events \(count) came back")
    }
}
