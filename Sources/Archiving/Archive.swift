import Causality
import Disks
import FoundationEssentials
import GRDB
import Parts
import Segments
import Synchronization

/// Keeps segments, byte for byte as they came, and knows what is in them.
///
///     FOLDER/segments/<agent id>/<segment id>.lcseg     the segments, until a part holds their events
///     FOLDER/parts/<part id>.lcpart                    the parts
///     FOLDER/order/<id>.lcorder                         what follows from them
///     FOLDER/catalogue.sqlite                          the catalogue
///     FOLDER/lock                                      held by the one that writes
///
/// Order of durability: bytes are checked, written, synced (a new file's folder too), then noted in the catalogue, then
/// acknowledged. The segments are the truth, and the catalogue an index of them: what a segment's own chain of digests proves
/// is taken into a catalogue that does not have it (`recover`), and nothing is cut off for its sake. A part is synced, named
/// and checked before one transaction puts it in the place of what it was made of; files are removed after that only.
/// Calls block on the disk: never make them on the cooperative pool.
package final class Archive: Sendable {
    package let path: String
    let disk: any Disk
    let catalogue: Catalogue
    /// The segments that are being written to.
    private let underWay = Mutex<Set<Identity128>>([])
    /// The parts that are open.
    let openParts = Mutex<[Identity128: PartFile]>([:])
    /// The files that parts have replaced, and when, in seconds of a steady clock.
    let replaced = Mutex<[(path: String, at: Int)]>([])
    private let lock: (any DiskFile)?

    package enum Access: Sendable {
        case readOnly
        case readWrite
    }

    /// Opens an archive; for writing, makes it where there is none, and a catalogue from the segments where that is gone.
    package init(
        _ path: String, _ access: Access, disk: any Disk = RealDisk()
    ) throws(ArchiveError) {
        self.path = path
        self.disk = disk
        let cataloguePath = path + "/catalogue.sqlite"
        do {
            let hasCatalogue = try disk.status(cataloguePath) != nil
            switch access {
            case .readOnly:
                guard try hasCatalogue || disk.status(path + "/segments") == nil else {
                    throw ArchiveError.failed(
                        "\(path) has segments and no catalogue: `lightcone catalogue rebuild --data \(path)` makes it anew"
                    )
                }
                guard hasCatalogue else {
                    throw ArchiveError.failed(
                        "\(path) is no archive: expected a folder that a collector or `lightcone import` made"
                    )
                }
                lock = nil
                catalogue = try Catalogue(path: cataloguePath, isReadOnly: true)
            case .readWrite:
                try disk.make(folder: path + "/segments")
                try disk.make(folder: path + "/parts")
                lock = try Archive.lock(path + "/lock", disk)
                catalogue = try Catalogue(path: cataloguePath, isReadOnly: false)
                if try !hasCatalogue || catalogue.isBeingRebuilt() { try rebuild() }
            }
        } catch {
            throw Archive.failure(error)
        }
    }

    /// Makes sure that nobody else writes here, as long as the file that is returned is open.
    private static func lock(_ path: String, _ disk: any Disk) throws -> any DiskFile {
        let file = try disk.open(path, .write)
        guard try file.lock() else {
            throw ArchiveError.locked(
                "\(parentFolder(path)) is in use by another process that writes to it")
        }
        return file
    }

    /// A full disk, bytes that are not what they were, or another failure of the system.
    static func failure(_ error: any Error) -> ArchiveError {
        switch error {
        case let error as ArchiveError: error
        case SegmentError.malformed, is FormatError: .damaged("\(error)")
        case SegmentError.disk(let error), PartError.disk(let error): failure(error)
        case is PartError: .damaged("\(error)")
        case let error as DiskError where error.isDiskFull: .full("\(error)")
        default: .failed("\(error)")
        }
    }

    func segmentPath(agent: Identity128, segment: Identity128) -> String {
        "\(path)/segments/\(agent)/\(segment).lcseg"
    }

    /// How much of a segment is durable here; nil where nothing is.
    package func state(of segment: Identity128) throws(ArchiveError) -> SegmentState? {
        try catalogue.read { database in
            try Row.fetchOne(
                database,
                sql: "SELECT agent, created, bytes, sealed, digest FROM segment WHERE name = ?",
                arguments: [Data(segment.bytes)]
            ).flatMap(SegmentState.init)
        }
    }

    /// Appends whole frames (before the first the file header, after the last perhaps the footer) to a segment at
    /// `offset`, which must be where it ends. Returns where it ends then, durably. Nothing changes where this throws.
    /// O(bytes): every frame is decoded in full before it is kept.
    ///
    /// - Parameter isOwn: True where this program has just made the frames: then what they say is not decoded again, only whose
    ///   events they are.
    @discardableResult
    package func append(
        _ bytes: [UInt8], to segment: Identity128, at offset: Int, isOwn: Bool = false
    ) throws(ArchiveError) -> Appended {
        guard underWay.withLock({ $0.insert(segment).inserted }) else { throw .busy }
        defer { _ = underWay.withLock { $0.remove(segment) } }
        let state = try state(of: segment)
        guard offset == state?.byteCount ?? 0, state?.isSealed != true else {
            throw .wrongOffset(found: offset, expected: state?.byteCount ?? 0)
        }
        guard !bytes.isEmpty else { return Appended(end: offset, namesakes: []) }
        let header: SegmentHeader
        if let state {
            header = SegmentHeader(agent: state.agent, segment: segment, created: state.created)
        } else {
            header = try readHeader(bytes, segment)
        }
        let append = try check(
            bytes, header, at: offset, after: state?.digest, isOwn: isOwn)
        do {
            try write(bytes, header, at: offset)
        } catch {
            throw Archive.failure(error)
        }
        let namesakes = try catalogue.note(append)
        return Appended(end: append.end, namesakes: namesakes)
    }

    /// What became of an append.
    package struct Appended: Sendable {
        /// Where the segment ends now.
        package let end: Int
        /// The processes in it that were not here before, and have the name and number of another run.
        package let namesakes: [ProcessKey]
    }

    private func readHeader(_ bytes: [UInt8], _ segment: Identity128) throws(ArchiveError)
        -> SegmentHeader
    {
        do {
            let header = try SegmentHeader(decoding: Array(bytes.prefix(SegmentHeader.byteCount)))
            guard header.segment == segment else {
                throw ArchiveError.damaged(
                    "the file header names segment \(header.segment): expected \(segment)")
            }
            return header
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw .damaged("\(error)")
        }
    }

    /// Decodes everything that is to be appended.
    private func check(
        _ bytes: [UInt8], _ header: SegmentHeader, at offset: Int, after digest: [UInt8]?,
        isOwn: Bool
    ) throws(ArchiveError) -> Catalogue.Append {
        let start = digest == nil ? SegmentHeader.byteCount : offset
        let digest = digest ?? SegmentWriter.digest(bytes.prefix(SegmentHeader.byteCount))
        var append = Catalogue.Append(header, end: offset + bytes.count, digest: digest)
        if let first = try? FrameHeader(atStartOf: bytes[(start - offset)...]),
            first.previousDigest != digest
        {
            throw .notContinuation(
                "segment \(header.segment): what came for byte \(start) does not go on from what is here: two agents write under one identity"
            )
        }
        var scanner = SegmentScanner(
            BytesInMemory(bytes, at: offset), appendedAt: start, after: digest)
        var expanded = 0
        do {
            while let item = try scanner.next() {
                switch item {
                case .damage(let damage):
                    throw ArchiveError.damaged(
                        "segment \(header.segment), byte \(damage.offset): \(damage.text)")
                case .frame(let frame):
                    expanded += frame.header.orderRawCount + frame.header.contentRawCount
                    guard expanded <= Limits.appendExpandedBytesMax else {
                        throw ArchiveError.damaged(
                            "segment \(header.segment): what came expands to more than \(Limits.appendExpandedBytesMax) bytes"
                        )
                    }
                    do {
                        try append.note(frame, isOwn ? frame.causality() : frame.batch())
                    } catch {
                        throw ArchiveError.damaged(
                            "segment \(header.segment), frame at byte \(frame.offset): \(error)")
                    }
                }
            }
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw .failed("\(error)")
        }
        append.digest = scanner.digest ?? digest
        append.isSealed = scanner.isSealed
        return append
    }

    private func write(_ bytes: [UInt8], _ header: SegmentHeader, at offset: Int) throws {
        let path = segmentPath(agent: header.agent, segment: header.segment)
        if offset == 0 {
            try disk.make(folder: parentFolder(path))
            // Also where an earlier try made it, and could not sync it.
            try disk.sync(folder: self.path + "/segments")
        }
        let file = try disk.open(path, .write)
        guard file.byteCount >= offset else {
            throw ArchiveError.damaged(
                "\(path) has \(file.byteCount) bytes: expected \(offset), which were acknowledged")
        }
        do {
            try file.truncate(to: offset)
            try file.write(bytes, at: offset)
            try file.sync()
        } catch {
            try? file.truncate(to: offset)
            throw error
        }
        if offset == 0 { try disk.sync(folder: parentFolder(path)) }
    }

    /// The frame at a place. Throws `.damaged` where it cannot be read as it was acknowledged.
    package func read(_ place: FramePlace) throws(ArchiveError) -> StoredFrame {
        if let damage = place.damage { throw .damaged(damage) }
        do {
            let file = try disk.open(
                segmentPath(agent: place.agent, segment: place.segment), .read)
            let bytes = try file.read(at: place.offset, count: place.byteCount)
            return try StoredFrame(decoding: bytes, at: place.offset)
        } catch {
            throw .damaged("segment \(place.segment), byte \(place.offset): \(error)")
        }
    }
}

/// How much of a segment an archive has.
package struct SegmentState: Sendable {
    package let agent: Identity128
    package let created: WallTime
    package let byteCount: Int
    package let isSealed: Bool
    /// Of the last frame.
    package let digest: [UInt8]

    init?(_ row: Row) {
        guard let agent = Identity128(stored: row["agent"]) else { return nil }
        self.agent = agent
        created = WallTime(nanoseconds: row["created"])
        byteCount = row["bytes"]
        isSealed = row["sealed"]
        digest = [UInt8](row["digest"] as Data)
    }
}

/// Where a frame lies.
package struct FramePlace: Hashable, Sendable {
    package let agent: Identity128
    package let segment: Identity128
    package let offset: Int
    package let byteCount: Int
    /// For bytes between frames that are none: what is wrong with them.
    package let damage: String?
}

extension Identity128 {
    init?(stored data: Data) {
        guard data.count == 16 else { return nil }
        self.init(
            hex: data.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined())
    }
}
