import Causality
import Disks
import Segments

/// A log to which entries are added and in which nothing is ever changed: a Merkle tree over them (RFC 6962), and a signed
/// checkpoint of what it has come to.
///
///     FOLDER/entries   record*; record = bytes of the entry u32, entry
///     FOLDER/state     "LCLS", version u16 = 1, 0 u16, entries, bytes of the file of entries, count, hash 32* (the tree's edge),
///                      bytes of the checkpoint, checkpoint, crc32 of what precedes
///
/// An entry counts when the state says so, which is replaced after it is durable: what lies behind in the file is of somebody who
/// was killed, and is written over.
package struct LogFile: Sendable {
    package private(set) var tree = MerkleTree()
    /// Bytes of the file of entries that count.
    package private(set) var byteCount = 0
    /// Nil where it has no entries yet.
    package private(set) var checkpoint: Checkpoint?
    private let folder: String
    private let disk: any Disk

    private static let magic = Array("LCLS".utf8)
    private static let version: UInt16 = 1

    package var entriesPath: String { folder + "/entries" }
    package var statePath: String { folder + "/state" }

    /// Reads what a log has come to. Throws where its state is damaged: it is not made anew, since then nobody would know.
    package init(_ folder: String, on disk: any Disk) throws {
        self.folder = folder
        self.disk = disk
        // Without one no entry counts: who made the log, the catalogue, knows how many there were.
        guard let status = try disk.status(statePath) else { return }
        guard status.byteCount <= 2 * Limits.checkpointBytesMax else {
            throw TransparencyError("\(statePath): expected the state of a log, found a large file")
        }
        let bytes = try disk.open(statePath, .read).read(at: 0, count: status.byteCount)
        do {
            try decode(bytes)
        } catch {
            throw TransparencyError("\(statePath) is damaged: \(error)")
        }
    }

    private mutating func decode(_ bytes: [UInt8]) throws {
        guard bytes.count >= 12 else {
            throw TransparencyError("expected the state of a log, found \(bytes.count) bytes")
        }
        var reader = ByteReader(bytes, to: bytes.count - 4)
        var check = ByteReader(bytes, from: bytes.count - 4)
        guard try reader.bytes(4, "magic number") == Self.magic,
            try check.fixed32("checksum") == crc32(bytes[..<(bytes.count - 4)])
        else { throw TransparencyError("the magic number or the checksum is wrong") }
        let version = try reader.fixed16("version")
        guard version == Self.version else {
            throw TransparencyError(
                "of version \(version): this program reads version \(Self.version)")
        }
        _ = try reader.fixed16("version")
        let count = try reader.count(.max, "entries")
        byteCount = try reader.count(.max, "bytes")
        var edge: [[UInt8]] = []
        for _ in 0..<(try reader.count(64, "hashes")) {
            edge.append(try reader.bytes(MerkleTree.hashByteCount, "hash"))
        }
        guard let tree = MerkleTree(count: count, edge: edge) else {
            throw TransparencyError("\(edge.count) hashes of a tree of \(count) entries")
        }
        let text = try reader.string(Limits.checkpointBytesMax, "checkpoint")
        try reader.expectEnd("state")
        let checkpoint = try Checkpoint(reading: text)
        guard checkpoint.count == count, checkpoint.root == tree.root else {
            throw TransparencyError("its checkpoint is of another tree")
        }
        (self.tree, self.checkpoint) = (tree, checkpoint)
    }

    /// Adds entries, durably, and signs what the log has come to. Where this throws, none counts, and it can be tried again.
    package mutating func append(
        _ entries: [[UInt8]], signing key: SigningKey, now: WallTime
    ) throws {
        guard !entries.isEmpty else { return }
        var next = self
        var writer = ByteWriter()
        for entry in entries {
            guard entry.count <= Limits.entryBytesMax else {
                throw TransparencyError(
                    "an entry of \(entry.count) bytes: expected at most \(Limits.entryBytesMax)")
            }
            writer.fixed32(UInt32(entry.count))
            writer.bytes(entry)
            next.tree.append(entry: entry)
        }
        next.byteCount += writer.count
        let checkpoint = try Checkpoint(next.tree, time: now, signing: key)
        if let known = self.checkpoint, known.origin != checkpoint.origin {
            throw TransparencyError(
                "\(folder) is the log of \(known.origin): expected its key, found that of \(checkpoint.origin)"
            )
        }
        next.checkpoint = checkpoint
        try disk.make(folder: folder)
        let file = try disk.open(entriesPath, .write)
        guard try file.byteCount() >= byteCount else {
            throw TransparencyError(
                "\(entriesPath) has \(try file.byteCount()) bytes: expected at least \(byteCount)")
        }
        try file.truncate(to: byteCount)
        try file.write(writer.bytes, at: byteCount)
        try file.sync()
        try disk.sync(folder: folder)
        try disk.replace(statePath, with: try next.encoded(), permissions: 0o640)
        self = next
    }

    private func encoded() throws -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed16(Self.version)
        writer.fixed16(0)
        writer.varint(tree.count)
        writer.varint(byteCount)
        writer.varint(tree.edge.count)
        for hash in tree.edge { writer.bytes(hash) }
        writer.string(checkpoint?.text ?? "")
        writer.fixed32(crc32(writer.bytes))
        return writer.bytes
    }

    /// Has each entry that counts, in order. Throws where there are fewer, or one cannot be read. O(bytes); memory: an entry and
    /// `Limits.readBytesMax`.
    package func forEach(_ body: ([UInt8]) throws -> Void) throws {
        guard tree.count > 0 else { return }
        guard try disk.status(entriesPath) != nil else {
            throw TransparencyError(
                "\(entriesPath) is gone: expected \(tree.count) entries of the log")
        }
        let file = try disk.open(entriesPath, .read)
        var (buffer, offset, start) = ([UInt8](), 0, 0)
        /// The next bytes, read in large pieces.
        func take(_ count: Int) throws -> [UInt8] {
            if buffer.count - start < count {
                buffer.removeFirst(start)
                start = 0
                let missing = count - buffer.count
                let end = offset + buffer.count
                buffer += try file.read(
                    at: end, count: min(max(missing, Limits.readBytesMax), byteCount - end))
            }
            guard buffer.count - start >= count else {
                throw TransparencyError(
                    "\(entriesPath), byte \(offset): expected \(count) bytes of an entry, found \(buffer.count - start)"
                )
            }
            defer {
                start += count
                offset += count
            }
            return Array(buffer[start..<start + count])
        }
        for index in 0..<tree.count {
            var reader = ByteReader(try take(4))
            let count = Int(try reader.fixed32("entry"))
            guard count <= Limits.entryBytesMax, count <= byteCount - offset else {
                throw TransparencyError(
                    "\(entriesPath): entry \(index) at byte \(offset - 4): \(count) bytes cannot be its size"
                )
            }
            try body(try take(count))
        }
        guard offset == byteCount else {
            throw TransparencyError(
                "\(entriesPath): its \(tree.count) entries end at byte \(offset): expected \(byteCount)"
            )
        }
    }
}
