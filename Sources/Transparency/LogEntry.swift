import Causality
import Crypto
import Disks
import Segments

/// What a collector's log says of one thing that it did.
///
///     entry   = kind u8, time (zigzag), payload
///     1 head    = is sealed u8, head, signature (SegmentHead.swift)
///     2 file    = kind u8 (1 part, 2 order file, 3 tombstone), name 16, bytes, SHA-256 32, execution, slice
///     3 drop    = execution, count, (segment 16, bytes)*, count, part 16*
///     4 host    = host, is admitted u8, count, public key 32*
package struct LogEntry: Hashable, Sendable {
    /// When it was done, by the collector's clock.
    package var time: WallTime
    package var content: Content

    package init(_ content: Content, at time: WallTime) {
        self.content = content
        self.time = time
    }

    package enum Content: Hashable, Sendable {
        case head(LoggedHead)
        case file(LoggedFile)
        case drop(LoggedDrop)
        case host(LoggedHost)
    }
}

/// How far a segment was acknowledged.
package struct LoggedHead: Hashable, Sendable {
    package var head: SegmentHead
    package var isSealed: Bool
    /// Of one that is sealed, where its agent signs.
    package var signature: HeadSignature?

    package init(_ head: SegmentHead, isSealed: Bool, signature: HeadSignature? = nil) {
        self.head = head
        self.isSealed = isSealed
        self.signature = signature
    }
}

/// A file that was put in place.
package struct LoggedFile: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case part = 1
        case order = 2
        case tombstone = 3
    }

    package var kind: Kind
    package var name: Identity128
    package var byteCount: Int
    /// SHA-256 of its bytes.
    package var digest: [UInt8]
    /// Of an order file or a tombstone; empty for a part.
    package var execution: String
    /// Which of the order files of its execution it is: those from it on were replaced. Of a tombstone: how many it replaced.
    package var slice: Int

    package init(
        _ kind: Kind, _ name: Identity128, byteCount: Int, digest: [UInt8],
        execution: String = "", slice: Int = 0
    ) {
        self.kind = kind
        self.name = name
        self.byteCount = byteCount
        self.digest = digest
        self.execution = execution
        self.slice = slice
    }
}

/// An execution that was dropped, all that was there of it.
package struct LoggedDrop: Hashable, Sendable {
    package var execution: String
    /// The segments that had events of it, and how far they went.
    package var segments: [Segment]
    package var parts: [Identity128]

    package struct Segment: Hashable, Sendable {
        package var segment: Identity128
        package var byteCount: Int

        package init(segment: Identity128, byteCount: Int) {
            self.segment = segment
            self.byteCount = byteCount
        }
    }

    package init(execution: String, segments: [Segment], parts: [Identity128]) {
        self.execution = execution
        self.segments = segments
        self.parts = parts
    }
}

/// A host that was admitted, with the keys with which its agents sign, or revoked.
package struct LoggedHost: Hashable, Sendable {
    package var host: String
    package var isAdmitted: Bool
    /// Ed25519.
    package var publicKeys: [[UInt8]]

    package init(host: String, isAdmitted: Bool, publicKeys: [[UInt8]]) {
        self.host = host
        self.isAdmitted = isAdmitted
        self.publicKeys = publicKeys
    }
}

extension LogEntry {
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        func begin(_ kind: UInt8) {
            writer.byte(kind)
            writer.zigzag(time.nanoseconds)
        }
        switch content {
        case .head(let logged):
            begin(1)
            writer.byte(logged.isSealed ? 1 : 0)
            writer.head(logged.head)
            writer.signature(logged.signature)
        case .file(let file):
            begin(2)
            writer.byte(file.kind.rawValue)
            writer.bytes(file.name.bytes)
            writer.varint(file.byteCount)
            writer.bytes(file.digest)
            writer.string(file.execution)
            writer.varint(file.slice)
        case .drop(let drop):
            begin(3)
            writer.string(drop.execution)
            writer.varint(drop.segments.count)
            for segment in drop.segments {
                writer.bytes(segment.segment.bytes)
                writer.varint(segment.byteCount)
            }
            writer.varint(drop.parts.count)
            for part in drop.parts { writer.bytes(part.bytes) }
        case .host(let host):
            begin(4)
            writer.string(host.host)
            writer.byte(host.isAdmitted ? 1 : 0)
            writer.varint(host.publicKeys.count)
            for key in host.publicKeys { writer.bytes(key) }
        }
        return writer.bytes
    }

    /// O(bytes).
    package init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        let kind = try reader.byte("kind of entry")
        time = WallTime(nanoseconds: try reader.zigzag("time"))
        switch kind {
        case 1:
            let isSealed = try reader.flag("whether it is sealed")
            let head = try reader.head()
            content = .head(
                LoggedHead(head, isSealed: isSealed, signature: try reader.signature()))
        case 2: content = .file(try reader.file())
        case 3: content = .drop(try reader.drop())
        case 4:
            let host = try reader.string(Causality.Limits.nameBytesMax, "host")
            var logged = LoggedHost(
                host: host, isAdmitted: try reader.flag("whether it is admitted"), publicKeys: [])
            for _ in 0..<(try reader.count(reader.remaining, "keys")) {
                logged.publicKeys.append(try reader.bytes(HeadSignature.keyByteCount, "key"))
            }
            content = .host(logged)
        default: throw reader.malformed("kind of entry: expected 1 to 4, found \(kind)")
        }
        try reader.expectEnd("entry")
    }
}

extension ByteReader {
    fileprivate mutating func flag(_ what: String) throws(FormatError) -> Bool {
        switch try byte(what) {
        case 0: return false
        case 1: return true
        case let other: throw malformed("\(what): expected 0 or 1, found \(other)")
        }
    }

    private mutating func identity(_ what: String) throws(FormatError) -> Identity128 {
        Identity128(bytes: try bytes(16, what))
    }

    private mutating func byteCount() throws(FormatError) -> Int {
        try count(Int(Causality.Limits.sequenceMax), "bytes")
    }

    fileprivate mutating func file() throws(FormatError) -> LoggedFile {
        let number = try byte("kind of file")
        guard let kind = LoggedFile.Kind(rawValue: number) else {
            throw malformed("kind of file: expected 1 to 3, found \(number)")
        }
        return LoggedFile(
            kind, try identity("name"), byteCount: try byteCount(),
            digest: try bytes(MerkleTree.hashByteCount, "digest"),
            execution: try string(Causality.Limits.nameBytesMax, "execution"),
            slice: try count(.max, "slice"))
    }

    fileprivate mutating func drop() throws(FormatError) -> LoggedDrop {
        var drop = LoggedDrop(
            execution: try string(Causality.Limits.nameBytesMax, "execution"), segments: [],
            parts: [])
        for _ in 0..<(try count(remaining, "segments")) {
            drop.segments.append(
                LoggedDrop.Segment(segment: try identity("segment"), byteCount: try byteCount()))
        }
        for _ in 0..<(try count(remaining, "parts")) { drop.parts.append(try identity("part")) }
        return drop
    }
}

extension LoggedFile {
    /// A file as it is now. O(bytes).
    package init(
        _ kind: Kind, _ name: Identity128, at path: String, on disk: any Disk,
        execution: String = "", slice: Int = 0
    ) throws(DiskError) {
        let file = try disk.open(path, .read)
        var (hash, byteCount) = (SHA256(), 0)
        while true {
            let bytes = try file.read(at: byteCount, count: Limits.readBytesMax)
            if bytes.isEmpty { break }
            hash.update(data: bytes)
            byteCount += bytes.count
        }
        self.init(
            kind, name, byteCount: byteCount, digest: Array(hash.finalize()),
            execution: execution, slice: slice)
    }
}
