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
    /// The step whose rows are kept, and these: what its digest can be computed of again.
    private let keptStep: Int?
    package private(set) var keptRows: [UInt8] = []

    static let digestByteCount = 32

    /// Hashed by nothing: two chains are the same where their steps are.
    private struct Hash: Sendable {
        var value = SHA256()
    }

    package static func == (a: RunChain, b: RunChain) -> Bool {
        a.steps == b.steps && a.eventCount == b.eventCount
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(steps) }

    init(segment: Identity128, keepingStep keptStep: Int? = nil) {
        self.keptStep = keptStep
        hash = Hash()
        hash.value.update(data: segment.bytes)
    }

    /// One as it was written: nothing is added to it any more.
    init(eventCount: Int, steps: [[UInt8]]) {
        keptStep = nil
        hash = Hash()
        self.eventCount = eventCount
        self.steps = steps
    }

    /// How many events the next step still takes.
    var roomInStep: Int { Limits.chainStepEvents - eventCount % Limits.chainStepEvents }

    /// Takes in the canonical rows of the next events, at most `roomInStep`.
    mutating func append(_ rows: [UInt8], events: Int) {
        precondition(events <= roomInStep)
        rows.withUnsafeBytes { hash.value.update(bufferPointer: $0) }
        if steps.count == keptStep { keptRows += rows }
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

    package init(execution: String, run: Identity128) {
        self.execution = execution
        self.run = run
    }

    package static func == (a: ChainedRun, b: ChainedRun) -> Bool {
        a.run == b.run && ExactText.isSame(a.execution, b.execution)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(run)
        ExactText.hash(execution, into: &hasher)
    }

    /// The order in which chains are written.
    static func isBefore(_ a: ChainedRun, _ b: ChainedRun) -> Bool {
        ExactText.isSame(a.execution, b.execution)
            ? (a.run.high, a.run.low) < (b.run.high, b.run.low)
            : ExactText.isBefore(a.execution, b.execution)
    }
}

/// The chains of a segment, by run.
package struct RunChains: Sendable {
    let segment: Identity128
    private(set) var chains: [ChainedRun: RunChain] = [:]
    private var canonical = ByteWriter()

    private let keeping: (run: ChainedRun, step: Int)?

    /// - Parameter keeping: A step of a run whose rows are kept.
    package init(segment: Identity128, keeping: (run: ChainedRun, step: Int)? = nil) {
        self.segment = segment
        self.keeping = keeping
    }

    private func begin(_ run: ChainedRun) -> RunChain {
        RunChain(segment: segment, keepingStep: keeping?.run == run ? keeping?.step : nil)
    }

    /// The chains, each with a last step of what is left.
    package var sealed: [ChainedRun: RunChain] { chains.mapValues { $0.sealed() } }

    /// Takes in rows as a frame of the segment has them: by process, each with its clock as it came. O(what they hold).
    package mutating func append(_ batch: EventBatch) {
        let none = [UInt64](repeating: 0, count: batch.processes.count)
        append(batch, FrameRows(batch, 0..<batch.count, after: none))
    }

    /// Takes in some rows of a batch of one process. O(what they hold).
    ///
    /// - Parameter first: How the clock of the first row was written, where that is not as it is in the batch: as these changes,
    ///   against another event.
    package mutating func append(
        _ batch: EventBatch, rows: Range<Int>, first: [(ProcessReference, UInt64)]?
    ) {
        let key = batch.processes[0]
        let run = ChainedRun(execution: key.execution, run: key.identity)
        var chain = chains.removeValue(forKey: run) ?? begin(run)
        let references = CanonicalReferences(batch, Array(batch.references.indices))
        var pending = Pending(writer: canonical)
        let wholes = batch.wholes
        var nextWhole = wholes.firstIndex { $0 >= rows.lowerBound } ?? wholes.count
        var nextCause = batch.firstCause(from: rows.lowerBound)
        var nextRuling = batch.firstRuling(from: rows.lowerBound)
        for row in rows {
            var isWhole = row == 0 && batch.predecessors[0] == 0
            if nextWhole < wholes.count, wholes[nextWhole] == row {
                isWhole = true
                nextWhole += 1
            }
            pending.write(
                row, of: batch, isWhole: isWhole, references,
                causes: RunChains.take(batch.causes, at: row, &nextCause),
                rulings: RunChains.take(batch.rulings, at: row, &nextRuling),
                changes: row == rows.lowerBound ? first : nil)
            pending.end(isLast: row == rows.upperBound - 1, &chain)
        }
        chains[run] = chain
        canonical = pending.writer
    }

    /// Canonical rows that are not hashed yet: many small ones are hashed at once.
    private struct Pending {
        var writer: ByteWriter
        private var events = 0

        init(writer: ByteWriter) { self.writer = writer }

        /// Writes a row. `changes` stand for those of the batch, where they are given: then its clock is not written whole.
        @inline(__always)
        mutating func write(
            _ row: Int, of batch: EventBatch, isWhole: Bool, _ references: CanonicalReferences,
            causes: ArraySlice<RowCause>, rulings: ArraySlice<RowCause>,
            changes: [(ProcessReference, UInt64)]? = nil
        ) {
            let room =
                batch.canonicalRoom(row)
                + (causes.count + rulings.count + batch.changeCount(row))
                * (references.byteCountMax + Varint.bytesMax + 1)
            writer.append(atMost: room) { writer in
                batch.writeCanonical(row, &writer)
                writer.varint(causes.count)
                for cause in causes {
                    references.write(cause.process, &writer)
                    writer.varint(cause.sequence)
                    writer.byte(cause.evidence.rawValue)
                }
                writer.byte(rulings.isEmpty ? 0 : 1)
                for ruling in rulings {
                    references.write(ruling.process, &writer)
                    writer.varint(ruling.sequence)
                }
                guard changes == nil else { return writer.byte(0) }
                writer.byte(isWhole ? 1 : 0)
                references.writeChanges(batch, row, &writer)
            }
            if let changes { writer.changes(changes) }
        }

        /// Ends a row.
        mutating func end(isLast: Bool, _ chain: inout RunChain) {
            events += 1
            guard
                events == chain.roomInStep || isLast || writer.count >= Limits.hashedBytesMin
            else { return }
            chain.append(writer.bytes, events: events)
            writer.removeAll(keepingCapacity: true)
            events = 0
        }
    }

    /// Takes in the rows of a frame, in the frame's order.
    mutating func append(_ batch: EventBatch, _ frame: FrameRows) {
        let wholes = Set(batch.wholes)
        let references = CanonicalReferences(
            batch, batch.references.indices.filter { frame.numbers[$0] >= 0 })
        var pending = Pending(writer: canonical)
        var (place, nextCause, nextRuling) = (0, 0, 0)
        for (slot, count) in zip(frame.slots, frame.counts) {
            let key = batch.processes[slot]
            let run = ChainedRun(execution: key.execution, run: key.identity)
            var chain = chains.removeValue(forKey: run) ?? begin(run)
            for index in place..<place + count {
                let row = frame.rows[index]
                let isWhole =
                    wholes.contains(row)
                    || index == place && frame.predecessor(slot, batch) == 0
                pending.write(
                    row, of: batch, isWhole: isWhole, references,
                    causes: RunChains.take(frame.causes, at: index, &nextCause),
                    rulings: RunChains.take(frame.rulings, at: index, &nextRuling))
                pending.end(isLast: index == place + count - 1, &chain)
            }
            chains[run] = chain
            place += count
        }
        canonical = pending.writer
    }

    /// Those of a row, of what ascends by row.
    private static func take(
        _ named: [RowCause], at row: Int, _ next: inout Int
    ) -> ArraySlice<RowCause> {
        let first = next
        while next < named.count, named[next].row == row { next += 1 }
        return named[first..<next]
    }
}

/// The references of a batch as canonical rows have them: rows name the same ones again and again.
private struct CanonicalReferences {
    private var bytes = ByteWriter()
    /// By index in the batch; empty for those that the frame does not use.
    private var ranges: [Range<Int>]
    /// By index in the batch: the place in their order.
    private var ranks: [Int]
    private(set) var byteCountMax = 0

    /// - Parameter used: The indices of those that are needed.
    init(_ batch: EventBatch, _ used: [Int]) {
        let references = batch.references
        ranges = Array(repeating: 0..<0, count: references.count)
        ranks = Array(repeating: 0, count: references.count)
        let sorted = used.sorted { ProcessReference.isBefore(references[$0], references[$1]) }
        for (rank, index) in sorted.enumerated() {
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
        guard range.count > 1 else {
            for index in range { write(batch.changes[index], &writer) }
            return
        }
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

extension ByteWriter {
    /// Changes of a clock, in the order of their references.
    fileprivate mutating func changes(_ changes: [(ProcessReference, UInt64)]) {
        varint(changes.count)
        for (process, value) in changes.sorted(by: { ProcessReference.isBefore($0.0, $1.0) }) {
            reference(process)
            varint(value)
        }
    }
}

extension ByteWriter {
    /// Chains, in one order: count, (execution, run 16, events, count, digest 32*)*.
    package mutating func chains(_ chains: [ChainedRun: RunChain]) {
        varint(chains.count)
        for (run, chain) in chains.sorted(by: { ChainedRun.isBefore($0.key, $1.key) }) {
            string(run.execution)
            bytes(run.run.bytes)
            varint(chain.eventCount)
            varint(chain.steps.count)
            for step in chain.steps { bytes(step) }
        }
    }
}

extension ByteReader {
    /// What `ByteWriter.chains` writes. O(bytes): each takes at least as many bytes as it takes room.
    package mutating func chains() throws(FormatError) -> [ChainedRun: RunChain] {
        var chains: [ChainedRun: RunChain] = [:]
        for _ in 0..<(try count(remaining, "chains")) {
            let run = ChainedRun(
                execution: try string(Causality.Limits.nameBytesMax, "execution"),
                run: Identity128(bytes: try bytes(16, "run")))
            let events = try count(.max, "events of a chain")
            var steps: [[UInt8]] = []
            for _ in 0..<(try count(remaining / RunChain.digestByteCount, "steps of a chain")) {
                steps.append(try bytes(RunChain.digestByteCount, "digest"))
            }
            let (expected, rest) = events.quotientAndRemainder(
                dividingBy: Limits.chainStepEvents)
            guard chains[run] == nil, steps.count == expected + (rest > 0 ? 1 : 0) else {
                throw malformed("chains: \(steps.count) steps of \(events) events")
            }
            chains[run] = RunChain(eventCount: events, steps: steps)
        }
        return chains
    }
}
