import Causality

/// The format of journals, the files through which a recording program hands its events to the agent of its host. Written
/// in `JournalWriter` and `JournalCursor`, read in `JournalReader`. Everything is
/// little-endian and of fixed width; `string16` and `string32` are a length of so many bits and as much UTF-8.
///
///     journal    = folder SPOOL/journals/<run>; <run> is 32 hexadecimal digits, new for each incarnation
///                  lock: locked (flock) as long as the program lives; <n>.chunk: chunks
///     chunk      = header, record*, length u32 = 0 (or the end of the file)
///     header     = "LCJOURN", version u8 = 3, state u32, chunk bytes u32, chunk number u64, first sequence number u64,
///                  run 16, crc32 of the 36 bytes before u32, 0 u32, highest sequence number given u64 (0: not noted)
///     state      = 0 being prepared, 1 open, 2 closed (a later chunk is open), 3 free (durable elsewhere)
///     record     = length u32 (with padding, a multiple of 8), kind u8, level u8 (0: none), flags u8, loss u8,
///                  sequence number u64, time i64 (ns since 1970), name bytes u32, text bytes u32,
///                  name, text, [attributes], [clock], 0*
///     kind       = 0 local, 1 send, 2 receive, 16 snapshot
///     flags      = 1 the clock is not all that was seen, but has every sender, 2 has attributes, 4 has a clock
///     loss       = 0, or the reason (Stamp.swift) for which stamps may lack something from this event on
///     attributes = count u16, (key string16, type u8 (0 text, 1 JSON), value string32)*
///     clock      = count u32, (run key u64)*            runs seen for the first time: they get the next indexes
///                  count u32, cause*                    the senders of the messages, each once; at most 1,024
///                  count u32, (index u32, entry u64)*   the entries that grew
///     cause      = index u32, sequence number u64, name string16 (empty: not said again in this chunk),
///                  incarnation u32                      what the sender is called
///     snapshot   = incarnation u32, execution string16, host string16, process string16,
///                  origin u8 (0 nothing, 1 an event, 2 unknown), run key u64, sequence number u64,
///                  lossy since u64 (0: not; the reason is in loss), the number of that loss u32,
///                  count u32, (run key u64, entry u64)*   what the process knows: indexes 0, 1, 2 …
///
/// The first record of a chunk is a snapshot, so no chunk needs another to be read. A record is committed by storing its
/// length last, with release; the word after it was set to 0 before. So a reader sees whole records only, at whatever
/// instant the program dies, and a file can be used again without being cleared.
///
/// What a reader does at a defect: a chunk with a wrong header, and the rest of a chunk from a malformed record on, are
/// reported and left out; the sequence numbers that they held are then a gap. Reading goes on with the next chunk.
/// Sequence numbers ascend; where some are missing, events were lost, and the next event of the program says why.
package enum JournalFormat {
    /// The bytes of a record before its name.
    package static let recordHeadByteCount = 32
    package static let snapshotKind: UInt8 = 16
}

/// What becomes of a chunk. The numbers are on disk: never renumbered.
package enum ChunkState: UInt32 {
    /// Being made ready: holds nothing.
    case preparing = 0
    /// The program writes here.
    case open = 1
    /// The program has gone on to a later chunk.
    case closed = 2
    /// What it held is durable elsewhere: the program may use it again.
    case free = 3

    static let byteCount = 4

    static func decode(_ reader: inout ByteReader) throws(FormatError) -> ChunkState {
        let number = try reader.fixed32("chunk state")
        guard let state = ChunkState(rawValue: number) else {
            throw FormatError(what: "chunk state: expected 0 to 3, found \(number)", offset: 8)
        }
        return state
    }
}

/// The first 64 bytes of a chunk.
package struct ChunkHeader: Hashable {
    /// 1, 2, 3 … in the order of writing; one file is used for several, one after another.
    package var number: UInt64
    /// Of the first event that may be here.
    package var firstSequence: UInt64
    package var chunkByteCount: Int
    package var run: Identity128

    package init(number: UInt64, firstSequence: UInt64, chunkByteCount: Int, run: Identity128) {
        self.number = number
        self.firstSequence = firstSequence
        self.chunkByteCount = chunkByteCount
        self.run = run
    }

    package static let byteCount = 64
    package static let stateOffset = 8
    package static let givenOffset = 56
    static let magic = Array("LCJOURN\u{3}".utf8)

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(ChunkHeader.magic)
        writer.fixed32(ChunkState.preparing.rawValue)
        writer.fixed32(UInt32(chunkByteCount))
        writer.fixed64(number)
        writer.fixed64(firstSequence)
        writer.bytes(run.bytes)
        writer.fixed32(crc32(writer.bytes[12...]))
        writer.fixed32(0)
        writer.fixed64(0)
        return writer.bytes
    }

    /// What a chunk says of itself: the header, whether it is closed, and the highest sequence number given (0: not noted).
    /// nil where it is free or being prepared: then the rest may be half written.
    package static func decode(_ bytes: [UInt8]) throws(FormatError) -> (
        header: ChunkHeader, state: ChunkState, given: UInt64
    )? {
        guard bytes.count == byteCount else { return nil }
        var stateReader = ByteReader(bytes, from: stateOffset)
        let state = try ChunkState.decode(&stateReader)
        guard state == .open || state == .closed else { return nil }
        var reader = ByteReader(bytes)
        let found = try reader.bytes(8, "chunk header")
        guard found.prefix(7) == magic.prefix(7) else {
            throw FormatError(what: "expected a journal chunk, found something else", offset: 0)
        }
        guard found == magic else {
            throw FormatError(what: "journal version: expected 3, found \(found[7])", offset: 7)
        }
        try reader.skip(4, "chunk state")
        let chunkByteCount = Int(try reader.fixed32("chunk size"))
        let header = ChunkHeader(
            number: try reader.fixed64("chunk number"),
            firstSequence: try reader.fixed64("first sequence number"),
            chunkByteCount: chunkByteCount, run: Identity128(bytes: try reader.bytes(16, "run")))
        guard try reader.fixed32("checksum") == crc32(bytes[12..<48]) else {
            throw FormatError(what: "chunk header: the checksum is wrong", offset: 48)
        }
        guard max(header.number, header.firstSequence) <= Causality.Limits.sequenceMax else {
            throw FormatError(what: "chunk header: a number out of range", offset: 16)
        }
        var given = ByteReader(bytes, from: givenOffset)
        return (header, state, try given.fixed64("highest sequence number"))
    }
}

/// What a record has besides name and text. The bits are on disk: never renumbered. Plain bits, since the generic
/// operations of an `OptionSet` of another module cost more than all the rest of an event.
@usableFromInline
package enum RecordFlags {
    /// The clock is not all that was seen, but has the sender of every message.
    @inlinable package static var generating: UInt8 { 1 }
    @inlinable package static var attributes: UInt8 { 2 }
    /// Causes, and the entries of the clock that grew.
    @inlinable package static var clock: UInt8 { 4 }
}

/// Origins, of fixed width: type u8 (0 nothing, 1 an event, 2 unknown), run key u64, sequence number u64.
extension ByteReader {
    mutating func origin() throws(FormatError) -> Origin {
        let type = try byte("origin")
        let run = RunKey(bits: try fixed64("origin"))
        let sequence = try fixed64("origin")
        switch type {
        case 0: return .nothing
        case 1 where (1...Causality.Limits.sequenceMax).contains(sequence):
            return .event(run, sequence)
        case 2: return .unknown
        default: throw malformed("origin: \(type) of \(sequence) is none")
        }
    }
}

extension ByteWriter {
    mutating func origin(_ origin: Origin) {
        let (type, run, sequence) = origin.fixed
        byte(type)
        fixed64(run)
        fixed64(sequence)
    }
}

extension Origin {
    /// The three numbers that stand for an origin where widths are fixed.
    package var fixed: (type: UInt8, run: UInt64, sequence: UInt64) {
        switch self {
        case .nothing: (0, 0, 0)
        case .event(let run, let sequence): (1, run.bits, sequence)
        case .unknown: (2, 0, 0)
        }
    }
}
