import Causality
import Disks
import Synchronization

/// Reads a journal while its program writes it. It never maps the files: a program that cuts one must not harm its reader.
package struct JournalReader: Sendable {
    package let folder: JournalFolder
    /// What the records say that were read.
    private var records: RecordDecoder
    /// The number of the chunk that is read, 0 before the first.
    package private(set) var chunkNumber: UInt64 = 0

    private var chunk: Chunk?
    /// The chunk's file, open from one look to the next: most find nothing, and would do little but open it. nil where it was
    /// closed. Stored as it is, since whoever asks for what is not copies the reader.
    package private(set) var file: (any DiskFile)?
    /// Files that were said to be no chunks.
    private var reported: Set<String> = []
    /// True once the program was found to have ended: a chunk that it left open is whole too.
    private var isProgramGone = false

    private struct Chunk {
        let name: String
        let header: ChunkHeader
        var offset: Int
        /// True where the rest cannot be read.
        var isDamaged = false
    }

    /// Reads a journal from its first chunk, or goes on after an event that was read in a chunk.
    package init(
        _ folder: JournalFolder, afterSequence sequence: UInt64 = 0, inChunk number: UInt64 = 0
    ) {
        self.folder = folder
        records = RecordDecoder(folder.run, afterSequence: sequence)
        chunkNumber = number
    }

    /// Reads only what the last event was and had seen: no events, from a chunk on.
    package init(scanning folder: JournalFolder, fromChunk number: UInt64) {
        self.folder = folder
        records = RecordDecoder(scanning: folder.run)
        chunkNumber = number
    }

    /// Whose events these are; nil until the first chunk was read.
    package var key: ProcessKey? { records.key }
    /// The last event that was read, and whether its clock is all that it had seen.
    package var sequence: UInt64 { records.sequence }
    package var stamp: Stamp { records.stamp }
    /// The clock of that event, without its own entry. O(entries).
    package var clock: [RunKey: UInt64] { records.clock }

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
        let opened = try folder.open(chunk!.name, .readUntrusted)
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
        records.note(given: rest.records.given)
        return !hasMore
    }

    /// Events that the program lost at its very end, when no marker could be written any more.
    package var lostAtEnd: ClosedRange<UInt64>? {
        let given = records.given
        return given > sequence && given < Causality.Limits.sequenceMax
            ? (sequence + 1)...given : nil
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
                guard let header = try folder.header(name) else { continue }
                found = header
            } catch {
                if case .disk(let failure) = error, !failure.isNotRegular, !failure.isOtherUser {
                    throw failure
                }
                if reported.insert(path).inserted { defect("\(path): \(error)") }
                continue
            }
            guard found.header.run == folder.run else { continue }
            records.note(given: found.given)
            guard found.header.number >= number else { continue }
            if next == nil || found.header.number < next!.header.number {
                next = Chunk(name: name, header: found.header, offset: ChunkHeader.byteCount)
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
                try records.read(&reader, bytes, into: &batch)
            } catch {
                defect =
                    "a record at byte \(current.offset + start) cannot be read: \(error.what) "
                    + "(at byte \(current.offset + error.offset))"
            }
        }
        current.offset += reader.offset
        // What makes no sense comes after all that was read before it.
        if reader.remaining == 0, defect == nil { defect = end.defect }
        if let defect {
            current.isDamaged = true
            let path = "\(folder.path)/\(current.name)"
            report("\(path): \(defect); what follows in this chunk is left out")
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
    /// What a chunk says of itself, as `ChunkHeader.decode` has it; nil too where there is none.
    func header(_ name: String) throws(JournalError) -> (
        header: ChunkHeader, state: ChunkState, given: UInt64
    )? {
        let file = try JournalError.using { () throws(DiskError) in
            try disk.status("\(path)/\(name)") == nil ? nil : open(name, .readUntrusted)
        }
        guard let file else { return nil }
        return try ChunkHeader.read(file)
    }

    /// Tells the program that it may use chunks below a number again, or where it has ended removes them. Call this when
    /// their events are durable.
    package func free(chunksBelow number: UInt64) throws(DiskError) {
        for name in try chunkNames() {
            guard let file = try? open(name, .writeUntrusted) else {
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
