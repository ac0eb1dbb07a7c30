import Causality
import Segments

/// A process in a part: where its blocks are listed.
package struct PartRun: Hashable, Sendable {
    package let key: ProcessKey
    /// Its blocks, in the table of blocks.
    package let blocks: Range<Int>
    /// The highest number that was ever taken of it, and how many events were: those that came twice count twice.
    package let last: UInt64
    package let taken: Int
}

/// What the table of runs says of one.
///
///     entry = name of the execution 16 (`Identity128(naming:)`), identity 16, first block u32, blocks u32, last u64, taken u64,
///             offset of the record u64, bytes of it u32
///
/// Entries ascend by what precedes the first block; those of one run that bears two names follow one another.
struct RunEntry: Hashable, Sendable {
    var execution: Identity128
    var identity: Identity128
    var firstBlock: Int
    var blockCount: Int
    var last: UInt64
    var taken: Int
    var recordOffset: Int
    var recordByteCount: Int

    static let encodedByteCount = 68

    func encode(_ writer: inout ByteWriter) {
        writer.bytes(execution.bytes)
        writer.bytes(identity.bytes)
        writer.fixed32(UInt32(firstBlock))
        writer.fixed32(UInt32(blockCount))
        writer.fixed64(last)
        writer.fixed64(UInt64(taken))
        writer.fixed64(UInt64(recordOffset))
        writer.fixed32(UInt32(recordByteCount))
    }

    init(
        execution: Identity128, identity: Identity128, firstBlock: Int, blockCount: Int,
        last: UInt64, taken: Int, recordOffset: Int, recordByteCount: Int
    ) {
        self.execution = execution
        self.identity = identity
        self.firstBlock = firstBlock
        self.blockCount = blockCount
        self.last = last
        self.taken = taken
        self.recordOffset = recordOffset
        self.recordByteCount = recordByteCount
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        execution = Identity128(bytes: try reader.bytes(16, "run entry"))
        identity = Identity128(bytes: try reader.bytes(16, "run entry"))
        firstBlock = Int(try reader.fixed32("run entry"))
        blockCount = Int(try reader.fixed32("run entry"))
        last = try reader.fixed64("run entry")
        taken = Int(truncatingIfNeeded: try reader.fixed64("run entry"))
        recordOffset = Int(truncatingIfNeeded: try reader.fixed64("run entry"))
        recordByteCount = Int(try reader.fixed32("run entry"))
        guard last <= Causality.Limits.sequenceMax, (0...Limits.takenMax).contains(taken),
            (0...Limits.fileBytesMax).contains(recordOffset),
            recordByteCount <= Limits.recordBytesMax
        else {
            throw reader.malformed("run entry: numbers that contradict each other")
        }
    }
}

/// The order of runs in a part.
package struct RunPlace: Hashable, Sendable {
    package let execution: Identity128
    package let identity: Identity128
    package let key: ProcessKey

    package init(_ key: ProcessKey) {
        execution = RunPlace.name(ofExecution: key.execution)
        identity = key.identity
        self.key = key
    }

    /// What an execution is found by.
    package static func name(ofExecution execution: String) -> Identity128 {
        Identity128(naming: Array(execution.utf8))
    }

    package static func isBefore(_ a: RunPlace, _ b: RunPlace) -> Bool {
        if a.execution != b.execution { return isBefore(a.execution, b.execution) }
        if a.identity != b.identity { return isBefore(a.identity, b.identity) }
        return ProcessKey.listedBefore(a.key, b.key)
    }

    static func isBefore(_ a: Identity128, _ b: Identity128) -> Bool {
        (a.high, a.low) < (b.high, b.low)
    }
}
