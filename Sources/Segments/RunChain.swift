import Causality
import Crypto

/// The chain of one run in one segment: a digest over the digest before and the canonical rows of the next
/// `Limits.chainStepEvents` events, or at the seal of what there is. Frames may be taken apart and put together anew; what a
/// run's events say can still be checked against its chain.
///
///     first digest  = the segment's id
///     step          = SHA-256 of the digest before and of the canonical rows
///     canonical row = sequence number, kind u8, stamp u8, [reason u8, since, number], has time u8, [time (zigzag)], level u8,
///                     name, text, count, (is JSON u8, key, value)*, count, (reference, sequence number, evidence u8)*,
///                     rules out u8, [reference, sequence number], is whole u8, count, (reference, value)*
///     reference     = 0 u8, run key u64 | 1 u8, name, incarnation
///
/// Causes are in the order in which they were recorded, changes of the clock in the order of their references.
package struct RunChain: Hashable, Sendable {
    /// The digests of the whole steps, and the one of the rest.
    package private(set) var steps: [[UInt8]] = []
    package private(set) var eventCount = 0
    private var hash: Hash

    /// Hashed by nothing: two chains are the same where their steps are.
    private struct Hash: Sendable {
        var value = SHA256()
    }

    package static func == (a: RunChain, b: RunChain) -> Bool {
        a.steps == b.steps && a.eventCount == b.eventCount
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(steps) }

    init(segment: Identity128) {
        hash = Hash()
        hash.value.update(data: segment.bytes)
    }

    /// How many events the next step still takes.
    var roomInStep: Int { Limits.chainStepEvents - eventCount % Limits.chainStepEvents }

    /// Takes in the canonical rows of the next events, at most `roomInStep`.
    mutating func append(_ rows: [UInt8], events: Int) {
        precondition(events <= roomInStep)
        rows.withUnsafeBytes { hash.value.update(bufferPointer: $0) }
        eventCount += events
        if eventCount % Limits.chainStepEvents == 0, events > 0 { step() }
    }

    private mutating func step() {
        let digest = Array(hash.value.finalize())
        steps.append(digest)
        hash = Hash()
        hash.value.update(data: digest)
    }

    /// Ends the chain: whatever is left makes its last step.
    func sealed() -> RunChain {
        var chain = self
        if chain.eventCount % Limits.chainStepEvents != 0 { chain.step() }
        return chain
    }
}

/// A run in a segment's chains.
package struct ChainedRun: Hashable, Sendable {
    package var execution: String
    package var run: Identity128
}

/// The chains of a segment, by run.
struct RunChains: Sendable {
    let segment: Identity128
    private(set) var chains: [ChainedRun: RunChain] = [:]
    private var canonical = ByteWriter()

    init(segment: Identity128) { self.segment = segment }

    /// Takes in the rows of a frame, in the frame's order.
    mutating func append(_ batch: EventBatch, _ frame: FrameRows) {
        let wholes = Set(batch.wholes)
        let references = CanonicalReferences(batch, frame)
        var writer = canonical
        var (place, nextCause, nextRuling) = (0, 0, 0)
        for (slot, count) in zip(frame.slots, frame.counts) {
            let key = batch.processes[slot]
            let run = ChainedRun(execution: key.execution, run: key.identity)
            var chain = chains.removeValue(forKey: run) ?? RunChain(segment: segment)
            var events = 0
            for index in place..<place + count {
                let row = frame.rows[index]
                let isWhole =
                    wholes.contains(row)
                    || index == place && frame.predecessor(slot, batch) == 0
                let causes = RunChains.take(frame.causes, at: index, &nextCause)
                let rulings = RunChains.take(frame.rulings, at: index, &nextRuling)
                let room =
                    batch.canonicalRoom(row)
                    + (causes.count + rulings.count + batch.changeCount(row))
                    * (references.byteCountMax + Varint.bytesMax + 1)
                writer.append(atMost: room) { writer in
                    batch.writeCanonical(row, &writer)
                    writer.varint(causes.count)
                    for index in causes {
                        references.write(frame.causes[index].process, &writer)
                        writer.varint(frame.causes[index].sequence)
                        writer.byte(frame.causes[index].evidence.rawValue)
                    }
                    writer.byte(rulings.isEmpty ? 0 : 1)
                    for index in rulings {
                        references.write(frame.rulings[index].process, &writer)
                        writer.varint(frame.rulings[index].sequence)
                    }
                    writer.byte(isWhole ? 1 : 0)
                    references.writeChanges(batch, row, &writer)
                }
                events += 1
                // Many small rows are hashed at once.
                if events == chain.roomInStep || index == place + count - 1
                    || writer.count >= Limits.hashedBytesMin
                {
                    chain.append(writer.bytes, events: events)
                    writer.removeAll(keepingCapacity: true)
                    events = 0
                }
            }
            chains[run] = chain
            place += count
        }
        canonical = writer
    }

    /// Where those of a row are, of what ascends by row.
    private static func take(
        _ named: [RowCause], at row: Int, _ next: inout Int
    ) -> Range<Int> {
        let first = next
        while next < named.count, named[next].row == row { next += 1 }
        return first..<next
    }
}

/// The references of a frame as canonical rows have them: rows name the same ones again and again.
private struct CanonicalReferences {
    private var bytes = ByteWriter()
    /// By index in the batch; empty for those that the frame does not use.
    private var ranges: [Range<Int>]
    /// By index in the batch: the place in their order.
    private var ranks: [Int]
    private(set) var byteCountMax = 0

    init(_ batch: EventBatch, _ frame: FrameRows) {
        let references = batch.references
        ranges = Array(repeating: 0..<0, count: references.count)
        ranks = Array(repeating: 0, count: references.count)
        let used = references.indices.filter { frame.numbers[$0] >= 0 }
            .sorted { ProcessReference.isBefore(references[$0], references[$1]) }
        for (rank, index) in used.enumerated() {
            let start = bytes.count
            bytes.reference(references[index])
            ranges[index] = start..<bytes.count
            ranks[index] = rank
            byteCountMax = max(byteCountMax, bytes.count - start)
        }
    }

    @inline(__always)
    func write(_ index: Int, _ writer: inout RawWriter) {
        bytes.bytes.withUnsafeBytes { writer.bytes($0, ranges[index]) }
    }

    /// A row's changes of the clock, in the order of their references.
    @inline(__always)
    func writeChanges(_ batch: EventBatch, _ row: Int, _ writer: inout RawWriter) {
        let range = batch.changeStarts[row]..<batch.changeStarts[row + 1]
        writer.varint(range.count)
        if range.count == 1 { return write(batch.changes[range.lowerBound], &writer) }
        for change in batch.changes[range].sorted(by: { ranks[$0.process] < ranks[$1.process] }) {
            write(change, &writer)
        }
    }

    @inline(__always)
    private func write(_ change: ClockChange, _ writer: inout RawWriter) {
        write(change.process, &writer)
        writer.varint(change.value)
    }
}

extension ByteWriter {
    fileprivate mutating func reference(_ reference: ProcessReference) {
        switch reference {
        case .run(let run):
            byte(0)
            fixed64(run.bits)
        case .named(let process):
            byte(1)
            string(process.name)
            varint(UInt64(process.incarnation))
        }
    }
}

extension EventBatch {
    fileprivate func changeCount(_ row: Int) -> Int { changeStarts[row + 1] - changeStarts[row] }

    /// The bytes that a canonical row takes at most, without its references and their numbers.
    fileprivate func canonicalRoom(_ row: Int) -> Int {
        let range = attributeStarts[row]..<attributeStarts[row + 1]
        var size =
            names.range(Int(nameNumbers[row])).count + contentStarts[row + 1] - contentStarts[row]
        for index in range { size += keys.range(Int(attributes[index].key)).count }
        return size + (12 + 3 * range.count) * Varint.bytesMax
    }

    /// What a canonical row begins with: all but what refers to processes.
    fileprivate func writeCanonical(_ row: Int, _ writer: inout RawWriter) {
        writer.varint(sequences[row])
        writer.byte(kinds[row].rawValue)
        writer.byte(stamps[row].rawValue)
        if case .lossy(let loss) = stamps[row] {
            writer.byte(loss.reason.rawValue)
            writer.varint(loss.since)
            writer.varint(UInt64(loss.number))
        }
        let hasTime = times[row] != EventBatch.noTime
        writer.byte(hasTime ? 1 : 0)
        if hasTime { writer.zigzag(times[row]) }
        writer.byte(levels[row])
        let range = attributeStarts[row]..<attributeStarts[row + 1]
        content.withUnsafeBytes { content in
            names.write(Int(nameNumbers[row]), &writer)
            writer.counted(content, text(row))
            writer.varint(range.count)
            for index in range {
                writer.byte(attributes[index].isJSON ? 1 : 0)
                keys.write(Int(attributes[index].key), &writer)
                writer.counted(content, value(index, ofRow: row))
            }
        }
    }
}
