import Causality
import Disks
import Synchronization

/// Reads a journal while its program writes it. It never maps the files: a program that cuts one must not harm its reader.
package struct JournalReader: Sendable {
    package let folder: JournalFolder
    /// Whose events these are; nil until the first chunk was read.
    package private(set) var key: ProcessKey?
    /// The last event that was read, and whether its clock is all that it had seen.
    package private(set) var sequence: UInt64 = 0
    package private(set) var stamp = Stamp.complete
    /// From where on stamps may lack something, and why.
    private var loss: Loss?
    /// The number of the chunk that is read, 0 before the first.
    package private(set) var chunkNumber: UInt64 = 0

    private var chunk: Chunk?
    /// The chunk's file, open from one look to the next: most find nothing, and would do little but open it. nil where it was
    /// closed. Stored as it is, since whoever asks for what is not copies the reader.
    package private(set) var file: (any DiskFile)?
    /// Events up to this one were read by an earlier reader.
    private let skipped: UInt64
    private let isScanning: Bool
    /// The other runs that the process knows, each once.
    private var known: [KnownRun] = []
    private var places: [RunKey: Int] = [:]
    /// By the index that records refer to runs with: the place in `known`.
    private var runs: [Int] = []
    /// By place in `known`: its reference in the batch of a generation; -1 where it was not asked for.
    private var references: [Int] = []
    private var generation: UInt64 = .max
    /// The process's slot in that batch.
    private var slot = 0
    /// The event that was appended to a batch last, of which the clock is known to who reads batches; 0 where none is.
    private var written: UInt64 = 0
    /// Bytes of all names in `known`.
    private var nameByteCount = 0
    /// The highest sequence number that the program says it gave.
    private var given: UInt64 = 0
    /// Files that were said to be no chunks.
    private var reported: Set<String> = []
    /// True once the program was found to have ended: a chunk that it left open is whole too.
    private var isProgramGone = false

    private struct Chunk {
        let path: String
        let header: ChunkHeader
        var offset: Int
        /// True where the rest cannot be read.
        var isDamaged = false
    }

    private struct KnownRun {
        let run: RunKey
        /// In the clock of the last event; 0 where there is none.
        var entry: UInt64 = 0
        /// What it said that it is called, as a sender.
        var name: ProcessID?
    }

    /// Reads a journal from its first chunk, or goes on after an event that was read in a chunk.
    package init(
        _ folder: JournalFolder, afterSequence sequence: UInt64 = 0, inChunk number: UInt64 = 0
    ) {
        self.folder = folder
        isScanning = false
        skipped = sequence
        self.sequence = sequence
        chunkNumber = number
    }

    /// Reads only what the last event was and had seen: no events, from a chunk on.
    package init(scanning folder: JournalFolder, fromChunk number: UInt64) {
        self.folder = folder
        isScanning = true
        skipped = 0
        chunkNumber = number
    }

    /// The clock of the last event that was read, without its own entry. O(entries).
    package var clock: [RunKey: UInt64] {
        var clock: [RunKey: UInt64] = [:]
        for other in known where other.entry > 0 { clock[other.run] = other.entry }
        return clock
    }

    /// Gives the file descriptor back. The next read opens the chunk again.
    package mutating func closeFile() { file = nil }

    /// Reads on, about `bytesMax` bytes, and appends the events to a batch. False where there was nothing new: that costs two
    /// system calls while the chunk is open.
    ///
    /// - Parameter defect: Told what cannot be read, and where.
    package mutating func read(
        bytesMax: Int, into batch: inout EventBatch, _ defect: (String) -> Void
    ) throws(JournalError) -> Bool {
        do throws(JournalError) {
            return try readOn(bytesMax, &batch, defect)
        } catch {
            // What comes next begins with the file that has the name then.
            closeFile()
            throw error
        }
    }

    private mutating func readOn(
        _ bytesMax: Int, _ batch: inout EventBatch, _ defect: (String) -> Void
    ) throws(JournalError) -> Bool {
        guard chunk != nil else {
            return try JournalError.using { () throws(DiskError) in
                try openNext(from: max(chunkNumber, 1), &batch, defect)
            }
        }
        let (file, hasRead) = try JournalError.using { () throws(DiskError) in
            let file = try openFile()
            return (file, try readChunk(file, bytesMax, &batch, defect))
        }
        if hasRead { return true }
        if !isProgramGone, try ChunkState.read(file) == .open { return false }
        return try JournalError.using { () throws(DiskError) in
            // Closed is said after the last record: look once more, then go on.
            if try readChunk(file, bytesMax, &batch, defect) { return true }
            return try openNext(from: chunkNumber + 1, &batch, defect)
        }
    }

    /// The file of the chunk that is read.
    private mutating func openFile() throws(DiskError) -> any DiskFile {
        if let file { return file }
        let opened = try folder.disk.open(chunk!.path, .readUntrusted)
        file = opened
        return opened
    }

    /// Whether nothing more can come: the program has ended, and every chunk was read to its end. Call after `read` has
    /// found nothing new, and not too often: it takes several system calls.
    package mutating func isFinished() throws(JournalError) -> Bool {
        // Asked anew each time: a program may be between making its lock and taking it.
        isProgramGone = try JournalError.using { () throws(DiskError) in try !folder.isAlive() }
        guard isProgramGone else { return false }
        // By its name: of a journal that somebody removed, nobody knows where it ended.
        closeFile()
        // What was written between the last look and the program's end is left to the next read.
        var rest = self
        var nowhere = EventBatch()
        let hasMore = try rest.read(bytesMax: 1, into: &nowhere) { _ in }
        given = max(given, rest.given)
        return !hasMore
    }

    /// Events that the program lost at its very end, when no marker could be written any more.
    package var lostAtEnd: ClosedRange<UInt64>? {
        given > sequence && given < Causality.Limits.sequenceMax ? (sequence + 1)...given : nil
    }

    /// Opens the chunk with the lowest number from `number` on. False where there is none.
    private mutating func openNext(
        from number: UInt64, _ batch: inout EventBatch, _ defect: (String) -> Void
    ) throws(DiskError) -> Bool {
        var next: Chunk?
        for name in try folder.chunkNames() {
            let path = "\(folder.path)/\(name)"
            let found: (header: ChunkHeader, state: ChunkState, given: UInt64)
            do throws(JournalError) {
                guard let header = try folder.header(path) else { continue }
                found = header
            } catch {
                if case .disk(let failure) = error, !failure.isNotRegular { throw failure }
                if reported.insert(path).inserted { defect("\(path): \(error)") }
                continue
            }
            guard found.header.run == folder.run else { continue }
            given = max(given, found.given)
            guard found.header.number >= number else { continue }
            if next == nil || found.header.number < next!.header.number {
                next = Chunk(path: path, header: found.header, offset: ChunkHeader.byteCount)
            }
        }
        guard let next else { return false }
        chunk = next
        chunkNumber = next.header.number
        closeFile()
        _ = try readChunk(openFile(), 1, &batch, defect)
        return true
    }

    /// Reads committed records of the open chunk. False where there are none.
    private mutating func readChunk(
        _ file: any DiskFile, _ bytesMax: Int, _ batch: inout EventBatch,
        _ report: (String) -> Void
    ) throws(DiskError) -> Bool {
        guard var current = chunk, !current.isDamaged else { return false }
        let end = try committedEnd(file, current, bytesMax)
        guard end.offset > current.offset || end.defect != nil else { return false }
        // Whatever was committed before its length was read above is there in full now.
        atomicMemoryFence(ordering: .acquiring)
        let bytes = try file.read(at: current.offset, count: end.offset - current.offset)
        var reader = ByteReader(bytes)
        var defect: String?
        // What a record makes of its bytes is bounded: a few times as much.
        let costMax = batch.cost + max(bytesMax, 1) * Limits.expansionMax
        while reader.remaining > 0, batch.cost < costMax, defect == nil {
            let start = reader.offset
            do throws(FormatError) {
                try record(&reader, bytes, &batch)
            } catch {
                batch.abandonRow()
                written = 0
                defect = "a record at byte \(current.offset + start) cannot be read: \(error)"
            }
        }
        current.offset += reader.offset
        // What makes no sense comes after all that was read before it.
        if reader.remaining == 0, defect == nil { defect = end.defect }
        if let defect {
            current.isDamaged = true
            report("\(current.path): \(defect); what follows in this chunk is left out")
        }
        chunk = current
        return true
    }

    /// Where the committed records end that begin at the chunk's offset: after about `bytesMax` bytes, or where a length says
    /// that nothing is there yet, or makes no sense.
    private func committedEnd(
        _ file: any DiskFile, _ chunk: Chunk, _ bytesMax: Int
    ) throws(DiskError) -> (offset: Int, defect: String?) {
        let offset = chunk.offset
        guard offset + 4 <= chunk.header.chunkByteCount else { return (offset, nil) }
        // One word first: most looks find nothing.
        var window = try file.read(at: offset, count: 4)
        guard window.count == 4, window.contains(where: { $0 != 0 }) else { return (offset, nil) }
        let size = min(try file.status().byteCount, chunk.header.chunkByteCount)
        var end = offset
        var windowStart = offset
        while end + 4 <= size, end - offset < bytesMax {
            if end + 4 > windowStart + window.count {
                windowStart = end
                window = try file.read(at: end, count: min(Limits.readBytes, size - end))
                guard window.count >= 4 else { break }
            }
            let bytes = window[(end - windowStart)..<(end - windowStart + 4)]
            let length = bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
            if length == 0 { break }
            guard length % 8 == 0, length >= JournalFormat.recordHeadByteCount,
                length <= min(size - end, Limits.recordBytesMax)
            else {
                return (end, "a record at byte \(end) of \(length) bytes, which is not possible")
            }
            end += length
        }
        return (end, nil)
    }

    /// The head of a record, and where its name and text lie.
    private struct Head {
        var end: Int
        var kind: UInt8
        var level: UInt8
        var flags: UInt8
        var reason: Loss.Reason?
        var sequence: UInt64
        var time: Int64
        var name: Range<Int>
        var text: Range<Int>
    }

    private func head(_ reader: inout ByteReader) throws(FormatError) -> Head {
        let start = reader.offset
        let length = Int(try reader.fixed32("record length"))
        let kind = try reader.byte("kind")
        let level = try reader.byte("level")
        let flags = try reader.byte("flags")
        let loss = try reader.byte("loss")
        let sequence = try reader.fixed64("sequence number")
        let time = Int64(bitPattern: try reader.fixed64("time"))
        let nameCount = Int(try reader.fixed32("name"))
        let textCount = Int(try reader.fixed32("text"))
        guard nameCount <= Causality.Limits.nameBytesMax,
            textCount <= Causality.Limits.eventBytesMax
        else {
            throw reader.malformed("a name of \(nameCount) and a text of \(textCount) bytes")
        }
        let reason = loss == 0 ? nil : Loss.Reason(rawValue: loss)
        guard loss == 0 || reason != nil else {
            throw reader.malformed("loss: \(loss) is unknown to this program")
        }
        return Head(
            end: start + length, kind: kind, level: level, flags: flags, reason: reason,
            sequence: sequence, time: time, name: try reader.range(nameCount, "name"),
            text: try reader.range(textCount, "text"))
    }

    /// Takes in one record, and appends its event, if it is one that is wanted.
    private mutating func record(
        _ reader: inout ByteReader, _ bytes: [UInt8], _ batch: inout EventBatch
    ) throws(FormatError) {
        let head = try head(&reader)
        let sequence = head.sequence
        defer {
            stamp =
                loss.map { .lossy($0) }
                ?? (head.flags & RecordFlags.generating == 0 ? .complete : .generating)
        }
        if head.kind == JournalFormat.snapshotKind {
            try snapshot(&reader, head.reason)
            // The numbers before this chunk were given, whoever has their events.
            if sequence <= Causality.Limits.sequenceMax {
                given = max(given, sequence &- min(sequence, 1))
            }
            return try skipPadding(&reader, to: head.end)
        }
        guard let kind = EventKind(rawValue: head.kind), kind != .unsaid else {
            throw reader.malformed("event kind: expected 0 to 2, found \(head.kind)")
        }
        guard let key else { throw reader.malformed("a chunk does not begin with a snapshot") }
        guard sequence <= Causality.Limits.sequenceMax, sequence > 0 else {
            throw reader.malformed("\(sequence) is no sequence number")
        }
        let isRepeated = sequence <= self.sequence
        guard !isRepeated || sequence <= skipped else {
            throw reader.malformed(
                "sequence number \(sequence) after \(self.sequence): expected a higher one")
        }
        let isWanted = !isScanning && sequence > skipped
        if isWanted {
            prepare(&batch, key)
            // Whoever reads the batches may have none of the earlier clocks.
            if written > 0, !batch.mayGoOn(slot, from: written) { written = 0 }
            try check(bytes, head, reader)
            batch.appendText(bytes.span.extracting(head.text))
        }
        if head.flags & RecordFlags.attributes != 0 {
            try attributes(&reader, bytes, isWanted, &batch)
        }
        if head.flags & RecordFlags.clock != 0 {
            try clockChanges(&reader, isWanted, &batch)
        }
        try skipPadding(&reader, to: head.end)
        if !isRepeated { self.sequence = sequence }
        // The chunk's own snapshot may have told it already.
        if let reason = head.reason, loss?.since != sequence {
            loss = Loss(since: sequence, reason, number: (loss?.number ?? 0) &+ 1)
        }
        guard isWanted else { return }
        if written == 0 { appendWholeClock(&batch) }
        batch.endRow(
            slot: slot, sequence: sequence, kind: kind, time: head.time,
            level: Level(rawValue: head.level)?.rawValue ?? 0,
            stamp: loss.map { .lossy($0) }
                ?? (head.flags & RecordFlags.generating == 0 ? .complete : .generating),
            name: batch.name(bytes.span.extracting(head.name)), predecessor: written)
        written = sequence
    }

    /// Throws where name or text are no text.
    private func check(
        _ bytes: [UInt8], _ head: Head, _ reader: ByteReader
    ) throws(FormatError) {
        try check(bytes, head.name, "name", reader)
        try check(bytes, head.text, "text", reader)
    }

    private func check(
        _ bytes: [UInt8], _ range: Range<Int>, _ what: String, _ reader: ByteReader
    ) throws(FormatError) {
        guard (try? UTF8Span(validating: bytes.span.extracting(range))) != nil else {
            throw reader.malformed("\(what): expected UTF-8")
        }
    }

    /// Finds the process and the runs anew in a batch that is another one than before.
    private mutating func prepare(_ batch: inout EventBatch, _ key: ProcessKey) {
        guard generation != batch.generation else { return }
        generation = batch.generation
        slot = batch.slot(of: key)
        references = Array(repeating: -1, count: known.count)
    }

    private mutating func reference(_ place: Int, in batch: inout EventBatch) -> Int {
        while references.count < known.count { references.append(-1) }
        if references[place] < 0 { references[place] = batch.reference(.run(known[place].run)) }
        return references[place]
    }

    private mutating func appendWholeClock(_ batch: inout EventBatch) {
        batch.forgetChanges()
        let places = known.indices.filter { known[$0].entry > 0 }
        for place in places.sorted(by: { known[$0].run.bits < known[$1].run.bits }) {
            batch.appendChange(reference(place, in: &batch), known[place].entry)
        }
    }

    private func skipPadding(_ reader: inout ByteReader, to end: Int) throws(FormatError) {
        guard reader.offset <= end, end - reader.offset < 8 else {
            throw reader.malformed("a record whose parts do not add up to its length")
        }
        try reader.skip(end - reader.offset, "padding")
    }

    private mutating func snapshot(
        _ reader: inout ByteReader, _ reason: Loss.Reason?
    ) throws(FormatError) {
        let incarnation = try reader.fixed32("incarnation")
        let execution = try reader.name16("execution")
        let host = try reader.name16("host")
        let name = try reader.name16("process name")
        guard (1...Causality.Limits.incarnationMax).contains(incarnation) else {
            throw reader.malformed("no process: incarnation \(incarnation) of “\(name)”")
        }
        let found = ProcessKey(
            execution: execution, host: host,
            process: ProcessID(name: name, incarnation: incarnation), run: folder.run,
            origin: try reader.origin())
        guard key == nil || key == found else {
            throw reader.malformed(
                "a journal of two processes: \(key!.process) and \(found.process)")
        }
        let since = try sequenceNumber(&reader)
        let number = try reader.fixed32("loss")
        guard (since == 0) == (reason == nil) else {
            throw reader.malformed("stamps lack something since \(since), and no reason fits")
        }
        key = found
        loss = reason.map { Loss(since: since, $0, number: number) }
        let before = clock
        (runs, known, places, nameByteCount, references) = ([], [], [:], 0, [])
        for _ in 0..<(try runCount(&reader)) {
            let place = add(RunKey(bits: try reader.fixed64("clock entry")))
            let entry = try sequenceNumber(&reader)
            if known[place].run != RunKey(folder.run), entry > 0 { known[place].entry = entry }
        }
        // Something between the chunks could not be read.
        if clock != before { written = 0 }
    }

    /// Gives a run the next index, and returns its place in `known`.
    private mutating func add(_ run: RunKey) -> Int {
        let place = places[run] ?? known.count
        if place == known.count {
            places[run] = place
            known.append(KnownRun(run: run))
        }
        runs.append(place)
        return place
    }

    private func runCount(_ reader: inout ByteReader) throws(FormatError) -> Int {
        let count = Int(try reader.fixed32("runs"))
        guard count + runs.count <= Causality.Limits.clockEntriesMax else {
            throw reader.malformed(
                "a clock of more than \(Causality.Limits.clockEntriesMax) runs")
        }
        return count
    }

    /// What the sender of a message is called, where the record says it.
    private mutating func senderName(_ reader: inout ByteReader) throws(FormatError) -> ProcessID? {
        let name = try reader.string16("process name")
        let incarnation = try reader.fixed32("incarnation")
        guard !name.isEmpty else { return nil }
        guard (1...Causality.Limits.incarnationMax).contains(incarnation),
            !name.utf8.contains(0)
        else { throw reader.malformed("no process: incarnation \(incarnation) of “\(name)”") }
        nameByteCount += name.utf8.count
        guard nameByteCount <= Limits.nameBytesMax else {
            throw reader.malformed(
                "names of more than \(Limits.nameBytesMax) bytes in a clock")
        }
        return ProcessID(name: name, incarnation: incarnation)
    }

    private func sequenceNumber(_ reader: inout ByteReader) throws(FormatError) -> UInt64 {
        let value = try reader.fixed64("sequence number")
        guard value <= Causality.Limits.sequenceMax else {
            throw reader.malformed("\(value) is no sequence number")
        }
        return value
    }

    private func attributes(
        _ reader: inout ByteReader, _ source: [UInt8], _ isWanted: Bool, _ batch: inout EventBatch
    ) throws(FormatError) {
        let count = Int(try reader.fixed16("attributes"))
        guard count <= Causality.Limits.attributesMax else {
            throw reader.malformed(
                "expected at most \(Causality.Limits.attributesMax) attributes, found \(count)")
        }
        var bytes = 0
        for _ in 0..<count {
            let keyCount = Int(try reader.fixed16("attribute key"))
            guard (1...Causality.Limits.nameBytesMax).contains(keyCount) else {
                throw reader.malformed("attribute key: \(keyCount) bytes")
            }
            let key = try reader.range(keyCount, "attribute key")
            let type = try reader.byte("attribute type")
            let length = Int(try reader.fixed32("attribute value"))
            bytes += length
            // A recorder cuts values to the limit, and adds a short one that says so.
            guard bytes <= Causality.Limits.eventBytesMax + 4096, type <= 1 else {
                throw reader.malformed("attributes of \(bytes) bytes, or of a type of \(type)")
            }
            let value = try reader.range(length, "attribute value")
            guard isWanted else { continue }
            try check(source, key, "attribute key", reader)
            try check(source, value, "attribute value", reader)
            batch.appendAttribute(
                key: source.span.extracting(key), isJSON: type == 1,
                value: source.span.extracting(value))
        }
    }

    /// Takes in what an event has seen for the first time, and its causes.
    private mutating func clockChanges(
        _ reader: inout ByteReader, _ isWanted: Bool, _ batch: inout EventBatch
    ) throws(FormatError) {
        for _ in 0..<(try runCount(&reader)) {
            _ = add(RunKey(bits: try reader.fixed64("clock entry")))
        }
        let causeCount = Int(try reader.fixed32("causes"))
        guard causeCount <= Causality.Limits.causesMax else {
            throw reader.malformed(
                "expected at most \(Causality.Limits.causesMax) causes, found \(causeCount)")
        }
        for _ in 0..<causeCount {
            // In two steps, here and below: else the whole reader is copied, to be as it was before the number was read.
            let index = try reader.fixed32("cause")
            let sender = try place(index, reader)
            let sent = try sequenceNumber(&reader)
            if let name = try senderName(&reader) { known[sender].name = name }
            if isWanted {
                let reference = reference(sender, in: &batch)
                if let name = known[sender].name { batch.claim(name, of: reference) }
                batch.appendCause(reference, max(sent, 1), .token)
            }
        }
        let count = Int(try reader.fixed32("clock entries"))
        for _ in 0..<count {
            let index = try reader.fixed32("clock entry")
            let other = try place(index, reader)
            let value = try sequenceNumber(&reader)
            guard known[other].run != RunKey(folder.run), value > known[other].entry else {
                continue
            }
            known[other].entry = value
            if isWanted, written > 0 {
                batch.appendChange(reference(other, in: &batch), value)
            } else if !isWanted {
                // Who reads the batches does not hear of this one.
                written = 0
            }
        }
    }

    /// The place in `known` of the run with an index.
    private func place(_ index: UInt32, _ reader: ByteReader) throws(FormatError) -> Int {
        guard Int(index) < runs.count else {
            throw reader.malformed("run \(index) of \(runs.count)")
        }
        return runs[Int(index)]
    }
}

extension ChunkState {
    /// As `decode`, from a chunk's file; nil where that is too short.
    fileprivate static func read(_ file: any DiskFile) throws(JournalError) -> ChunkState? {
        let bytes = try JournalError.using { () throws(DiskError) in
            try file.read(at: ChunkHeader.stateOffset, count: byteCount)
        }
        guard bytes.count == byteCount else { return nil }
        return try JournalError.decoding { () throws(FormatError) in
            var reader = ByteReader(bytes)
            return try decode(&reader)
        }
    }
}

extension ChunkHeader {
    /// As `decode`, from a chunk's file.
    fileprivate static func read(_ file: any DiskFile) throws(JournalError) -> (
        header: ChunkHeader, state: ChunkState, given: UInt64
    )? {
        let bytes = try JournalError.using { () throws(DiskError) in
            try file.read(at: 0, count: byteCount)
        }
        return try JournalError.decoding { () throws(FormatError) in try decode(bytes) }
    }
}

extension JournalFolder {
    /// What the chunk at a path says of itself, as `ChunkHeader.decode` has it; nil too where there is none.
    func header(_ path: String) throws(JournalError) -> (
        header: ChunkHeader, state: ChunkState, given: UInt64
    )? {
        let file = try JournalError.using { () throws(DiskError) in
            try disk.status(path) == nil ? nil : disk.open(path, .readUntrusted)
        }
        guard let file else { return nil }
        return try ChunkHeader.read(file)
    }

    /// Tells the program that it may use chunks below a number again, or where it has ended removes them. Call this when
    /// their events are durable.
    package func free(chunksBelow number: UInt64) throws(DiskError) {
        for name in try chunkNames() {
            guard let file = try? disk.open("\(path)/\(name)", .writeUntrusted) else {
                continue
            }
            let found = try? ChunkHeader.read(file)
            guard let found, found.state == .closed, found.header.number < number,
                found.header.run == run
            else { continue }
            var state = ByteWriter()
            state.fixed32(ChunkState.free.rawValue)
            try file.write(state.bytes, at: ChunkHeader.stateOffset)
        }
    }
}
