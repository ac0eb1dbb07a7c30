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
///     FOLDER/tombstones/<id>.lcorder                    what is kept of the order of what was dropped
///     FOLDER/catalogue.sqlite                          the catalogue
///     FOLDER/dropped.lcdrops                           what was dropped
///     FOLDER/lock                                      held by the one that writes
///     FOLDER/reserve                                   room for when the disk is full
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
    /// What was read of order files.
    let orderBlocks: BlockCache
    /// The files that parts have replaced, and when, in seconds of a steady clock.
    let replaced = Mutex<[(path: String, at: Int)]>([])
    /// Whether somebody puts a part in the place of others, or drops an execution: one at a time.
    private let isChanging = Mutex(false)
    private let changes = Atomic(0)
    private let appends = Atomic(0)
    /// Changes with whatever retention drops.
    let burials = Atomic(0)
    /// Counts the order files that were begun.
    let ordersBegun = Atomic(0)
    /// What it has dropped, once that was asked for, and when: for whoever writes here.
    let knownDropped = Mutex<(burials: Int, numbers: DroppedNumbers)?>(nil)
    /// The runs of which events are being dropped, and up to which number.
    let burying = Mutex<(execution: ExactText, lasts: [Identity128: UInt64])?>(nil)
    /// Whether the room of the reserve was given back, and it was not made again.
    let isShort = Atomic(false)
    private let lock: (any DiskFile)?
    /// What was wrong when the catalogue was made anew, since there was none.
    let problems: [String]

    package enum Access: Sendable {
        case readOnly
        case readWrite
    }

    init(
        _ path: String, _ disk: any Disk, _ catalogue: Catalogue, _ lock: (any DiskFile)?,
        problems: [String] = [], cachedBytesMax: Int = Parts.Limits.cachedBytesMax
    ) {
        orderBlocks = BlockCache(bytesMax: cachedBytesMax)
        self.path = path
        self.disk = disk
        self.catalogue = catalogue
        self.lock = lock
        self.problems = problems
    }

    /// Opens an archive; for writing, makes it where there is none, and a catalogue from the segments where that is gone.
    ///
    /// - Parameter cachedBytesMax: What is kept of order files once it was read.
    package convenience init(
        _ path: String, _ access: Access, disk: any Disk = RealDisk(),
        cachedBytesMax: Int = Parts.Limits.cachedBytesMax
    ) throws(ArchiveError) {
        do {
            let files = CatalogueFiles(in: path, on: disk)
            switch access {
            case .readOnly:
                guard let catalogue = try Catalogue.reading(files, in: path, disk) else {
                    guard try disk.status(path + "/segments") == nil else {
                        throw ArchiveError.failed(
                            "\(path) has segments and no catalogue: `lightcone catalogue rebuild --data \(path)` makes it anew"
                        )
                    }
                    throw ArchiveError.failed(Archive.noArchive(path))
                }
                self.init(path, disk, catalogue, nil, cachedBytesMax: cachedBytesMax)
            case .readWrite:
                let (opened, isGiven) = try Archive.withReserve(in: path, disk) {
                    () throws(ArchiveError) in try Archive.open(files, in: path, disk)
                }
                self.init(
                    path, disk, opened.catalogue, opened.lock, problems: opened.problems,
                    cachedBytesMax: cachedBytesMax)
                if isGiven { isShort.store(true, ordering: .sequentiallyConsistent) }
            }
        } catch {
            throw Archive.failure(error)
        }
    }

    private static func open(
        _ files: CatalogueFiles, in path: String, _ disk: any Disk
    ) throws(ArchiveError) -> (catalogue: Catalogue, lock: any DiskFile, problems: [String]) {
        do {
            let lock = try Archive.take(path, disk)
            let isThere = try files.current() != nil
            var problems = isThere ? [] : try Archive.rebuild(path, disk, lock)
            try files.makeLogDurable()
            var catalogue = try Catalogue(path: files.path, isReadOnly: false)
            if isThere, let newer = try Archive.fileUnknown(to: catalogue, in: path, disk) {
                try catalogue.close()
                problems = [
                    "\(files.path) is older than \(newer): it is made anew from what is here"
                ]
                problems += try Archive.rebuild(path, disk, lock)
                catalogue = try Catalogue(path: files.path, isReadOnly: false)
            }
            return (catalogue, lock, problems)
        } catch {
            throw Archive.failure(error)
        }
    }

    /// A file that tells that a catalogue is an earlier one, so that it must not be gone on from.
    private static func fileUnknown(
        to catalogue: Catalogue, in path: String, _ disk: any Disk
    ) throws -> String? {
        try partUnknown(to: catalogue, in: path, disk)
            ?? tombstoneUnknown(to: catalogue, in: path, disk)
    }

    static func noArchive(_ path: String) -> String {
        "\(path) is no archive: expected a folder that a collector or `lightcone import` made"
    }

    /// Makes the folders of an archive, its lock ours, and the replacement of a catalogue complete that was cut short.
    static func take(_ path: String, _ disk: any Disk) throws -> any DiskFile {
        try disk.make(folder: path + "/segments")
        try disk.make(folder: path + "/parts")
        let lock = try Archive.lock(path + "/lock", disk)
        try CatalogueFiles(in: path, on: disk).finishReplacing()
        return lock
    }

    /// False where somebody else changes which files there are.
    func beginChange() -> Bool {
        isChanging.withLock { isChanging in
            defer { isChanging = true }
            return !isChanging
        }
    }

    func endChange() { isChanging.withLock { $0 = false } }

    /// Something else is to be listed now than was before, besides what was added.
    func isOtherwise() { changes.add(1, ordering: .sequentiallyConsistent) }

    /// Changes whenever what was listed before is not what would be listed now, but for what came in addition: something was
    /// dropped, or what had been lost came again.
    package var revision: Int { changes.load(ordering: .sequentiallyConsistent) }

    /// Changes whenever this program has appended something, once it is durable.
    package var arrivals: Int { appends.load(ordering: .sequentiallyConsistent) }

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

    /// Whether this is who writes here.
    var isWriter: Bool { lock != nil }

    func segmentPath(agent: Identity128, segment: Identity128) -> String {
        "\(path)/segments/\(agent)/\(segment).lcseg"
    }

    /// How much of a segment is durable here, and intact from its beginning on; nil where nothing is.
    package func state(of segment: Identity128) throws(ArchiveError) -> SegmentState? {
        try catalogue.segment(segment).flatMap { $0.byteCount > 0 ? $0 : nil }
    }

    /// Appends whole frames (before the first the file header, after the last perhaps the footer) to a segment at
    /// `offset`, which must be where it ends. Returns where it ends then, durably. Nothing changes where this throws.
    /// O(bytes): every frame is decoded in full before it is kept.
    ///
    /// Where bytes were lost that had been acknowledged, it ends before them: they are taken again, and what lies behind them
    /// stays.
    ///
    /// - Parameters:
    ///   - isOwn: True where this program has just made the frames: then what they say is not decoded again, only whose
    ///   events they are, and of how many executions they are does not matter.
    ///   - owner: The host whose agent sent it; nil where anybody may be any host. What is another's is refused, and nothing of
    ///   it is kept.
    @discardableResult
    package func append(
        _ bytes: [UInt8], to segment: Identity128, at offset: Int, isOwn: Bool = false,
        from owner: SegmentOwner? = nil
    ) throws(ArchiveError) -> Appended {
        guard underWay.withLock({ $0.insert(segment).inserted }) else { throw .busy }
        defer { _ = underWay.withLock { $0.remove(segment) } }
        let known = try catalogue.segment(segment)
        let state = known.flatMap { $0.byteCount > 0 ? $0 : nil }
        guard offset == state?.byteCount ?? 0, state?.isSealed != true else {
            throw .wrongOffset(found: offset, expected: state?.byteCount ?? 0)
        }
        guard !bytes.isEmpty else { return Appended(end: offset, namesakes: []) }
        try checkRoom()
        let header: SegmentHeader
        if let state {
            header = SegmentHeader(agent: state.agent, segment: segment, created: state.created)
        } else {
            header = try readHeader(bytes, segment)
            guard known.map({ $0.agent == header.agent }) ?? true else {
                throw .notContinuation(
                    "segment \(segment): expected one of agent \(known!.agent), found one of agent \(header.agent)"
                )
            }
        }
        let acknowledged = known?.acknowledged ?? 0
        var append = Catalogue.Append(header, end: offset + bytes.count, digest: [])
        if offset < acknowledged {
            append.countedUpTo = acknowledged
            append.uncounted = try catalogue.uncounted(in: segment)
        }
        if known == nil || append.isRepair {
            append.dropped = try catalogue.dropped(in: [segment])[0]
        }
        var burials = burials.load(ordering: .sequentiallyConsistent)
        append.droppedNumbers = try droppedNumbers()
        try check(bytes, &append, at: offset, after: state?.digest, isOwn: isOwn)
        if !isOwn { try catalogue.checkExecutions(of: append) }
        if let owner { try check(append, isFrom: owner) }
        do {
            if append.isRepair {
                try rewrite(bytes, append, at: offset, before: acknowledged)
            } else {
                try write(bytes, header, at: offset)
            }
        } catch {
            throw Archive.failure(error)
        }
        // It may be of a machine that was restored from an old image: nothing goes on from what was dropped.
        for execution in append.lateExecutions where !append.isRepair {
            guard let first = try orders(of: execution).slices.first, first.isTombstone else {
                continue
            }
            try demoteTombstone(first, of: execution)
            // The numbers are as they were.
            burials = self.burials.load(ordering: .sequentiallyConsistent)
        }
        let namesakes = try catalogue.note(append) { [burials] append in
            // What it was compared with is not what was dropped.
            isBurying(append) || self.burials.load(ordering: .sequentiallyConsistent) != burials
        }
        if append.isRepair {
            // What had been lost is listed now.
            isOtherwise()
            if append.isSealed { try removeReplacedParts() }
        }
        appends.add(1, ordering: .sequentiallyConsistent)
        return Appended(end: append.end, namesakes: namesakes)
    }

    /// Removes the damaged parts whose segments are all here again; not while one that is made of these may take such a name.
    func removeReplacedParts() throws(ArchiveError) {
        guard beginChange() else { return }
        defer { endChange() }
        let parts = try catalogue.forgetReplacedParts()
        if !parts.isEmpty { isOtherwise() }
        try remove(parts.map { partPath($0) })
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
        _ bytes: [UInt8], _ append: inout Catalogue.Append, at offset: Int,
        after digest: [UInt8]?, isOwn: Bool
    ) throws(ArchiveError) {
        let header = append.header
        let start = digest == nil ? SegmentHeader.byteCount : offset
        let digest = digest ?? SegmentWriter.digest(bytes.prefix(SegmentHeader.byteCount))
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
        guard let footer = scanner.footer else { return }
        do throws(FormatError) {
            try append.seal(footer)
        } catch {
            throw .damaged("segment \(header.segment): \(error)")
        }
    }

    /// Throws where something is not that of a host's own agent: the agent was another host's, or events are of other hosts.
    private func check(
        _ append: Catalogue.Append, isFrom owner: SegmentOwner
    ) throws(ArchiveError) {
        let host = owner.host
        if let head = append.head,
            !owner.signers.contains(where: { $0 == head.signature?.publicKey })
        {
            throw .foreign(
                "segment \(append.header.segment): expected it signed with the key that an agent of host \(printable(host)) was enrolled with, found \(head.signature == nil ? "no signature" : "another key")"
            )
        }
        let agents = try catalogue.host(ofAgent: append.header.agent)
        let others = [agents, append.host].filter { !$0.isEmpty } + append.taken.keys.map(\.host)
        guard let other = others.first(where: { !ExactText.isSame($0, host) }) else { return }
        throw .foreign(
            "segment \(append.header.segment): expected events of host \(printable(host)), whose agent sends it, found \(printable(other))"
        )
    }

    private func write(_ bytes: [UInt8], _ header: SegmentHeader, at offset: Int) throws {
        let path = segmentPath(agent: header.agent, segment: header.segment)
        if offset == 0 {
            try disk.make(folder: parentFolder(path))
            // Also where an earlier try made it, and could not sync it.
            try disk.sync(folder: self.path + "/segments")
        }
        let file = try disk.open(path, .write)
        let size = try file.byteCount()
        guard size >= offset else {
            throw ArchiveError.damaged(
                "\(path) has \(size) bytes: expected \(offset), which were acknowledged")
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

    /// Writes what was lost over what is there instead, up to where bytes were ever acknowledged.
    private func rewrite(
        _ bytes: [UInt8], _ append: Catalogue.Append, at offset: Int, before acknowledged: Int
    ) throws {
        let path = segmentPath(agent: append.header.agent, segment: append.header.segment)
        // A part that replaced it is damaged.
        replaced.withLock { replaced in replaced.removeAll { $0.path == path } }
        try disk.make(folder: parentFolder(path))
        try disk.sync(folder: self.path + "/segments")
        let file = try disk.open(path, .write)
        let size = try file.byteCount()
        guard size >= offset else {
            throw ArchiveError.damaged("\(path) has \(size) bytes: expected at least \(offset)")
        }
        try file.write(bytes, at: offset)
        let kept = append.isSealed ? append.end : min(size, acknowledged)
        try file.truncate(to: max(append.end, kept))
        try file.sync()
        try disk.sync(folder: parentFolder(path))
    }

    /// Removes files, durably.
    func remove(_ paths: [String]) throws(ArchiveError) {
        openParts.withLock { parts in
            for part in parts.filter({ paths.contains($0.value.path) }).keys { parts[part] = nil }
        }
        do {
            for path in paths { try disk.remove(file: path) }
            for folder in Set(paths.map { parentFolder($0) }) { try disk.sync(folder: folder) }
        } catch {
            throw Archive.failure(error)
        }
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
            noteUnread(error)
            throw damage(of: place, error)
        }
    }

    /// A device that failed may do better at the next try: nothing is to be remembered of what was found meanwhile.
    func noteUnread(_ error: any Error) {
        let cause: DiskError? =
            switch error {
            case let error as DiskError: error
            case SegmentError.disk(let error), PartError.disk(let error): error
            default: nil
            }
        if let cause, !cause.isMissing { isOtherwise() }
    }

    /// What is wrong with a frame, and what tells all that is wrong with its file.
    func damage(of place: FramePlace, _ error: any Error) -> ArchiveError {
        let path = segmentPath(agent: place.agent, segment: place.segment)
        return .damaged(
            "\(path), byte \(place.offset): \(error) (lightcone segment verify \(path))")
    }
}

/// Whose segments may come.
package struct SegmentOwner: Sendable {
    package var host: String
    /// The keys with which its agents sign what they seal.
    package var signers: [[UInt8]]

    package init(host: String, signers: [[UInt8]]) {
        self.host = host
        self.signers = signers
    }
}

/// How much of a segment an archive has.
package struct SegmentState: Sendable {
    package let agent: Identity128
    package let created: WallTime
    /// Up to where it is here and intact.
    package let byteCount: Int
    /// How many of its bytes were ever acknowledged: no fewer. What lies between is damaged or gone.
    package let acknowledged: Int
    package let isSealed: Bool
    /// Of the last frame before `byteCount`; empty where that is 0.
    package let digest: [UInt8]

    init(_ row: Row) throws {
        agent = try row.identity("agent")
        created = WallTime(nanoseconds: try row.value("created"))
        byteCount = try row.value("bytes")
        acknowledged = try row.value("acknowledged")
        isSealed = try row.value("sealed")
        let digest: Data = try row.value("digest")
        self.digest = [UInt8](digest)
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
