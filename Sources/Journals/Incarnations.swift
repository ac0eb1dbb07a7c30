import Causality
import Disks
import Glibc

/// The incarnations of one process of one execution on this host: which number was given last, and where the last one
/// ended. Durable, so that no number is given twice.
///
///     DURABLE/incarnations/<name>        two slots of 64 bytes; the valid one with the higher number counts
///     slot = "LCINCARN", incarnation u32, kind u32 (0 a program's own, 1 kept by name), run 16, crc32 of what precedes u32, 0*
///     DURABLE/incarnations/<name>.last   "LCLASTEV", incarnation u32, run 16, flags u8 (1: the clock is all that was
///                                        seen; 2: that this was the last event is certain), origin (as in
///                                        JournalFormat), sequence number u64, count u32, (run key u64, entry)*, crc32 u32
///
/// <name> is a hash of execution, 0, and what the program calls the process: without the host, so that a host that is
/// renamed goes on with its numbers. Slots are written in turns and synced before a
/// number is used, so whatever a crash tears, the number before it stands. `.last` is written by the agent when it has all
/// of a program that ended, before it removes its journal.
package struct Incarnations: Sendable {
    private let folders: [String]
    private let name: String
    private let disk: any Disk
    /// Whose numbers count.
    private let user: UInt32

    /// - Parameter user: Who records, where this is root who does so for another; nil: the user that this program runs as.
    package init(
        _ spool: SpoolFolder, execution: String, process: String, user: UInt32? = nil
    ) {
        disk = spool.disk
        self.user = user ?? geteuid()
        folders = spool.durableFolders.map { $0 + "/incarnations" }
        name =
            Identity128(naming: Array(execution.utf8) + [0] + Array(process.utf8)).description
    }

    package struct Given: Hashable, Sendable {
        package var incarnation: UInt32
        package var run: Identity128
        /// True where the run is of whoever records under the name, by the agent or a command: not of one program.
        package var isKeptByName: Bool

        package init(incarnation: UInt32, run: Identity128, isKeptByName: Bool) {
            self.incarnation = incarnation
            self.run = run
            self.isKeptByName = isKeptByName
        }
    }

    private static let slotByteCount = 64
    private static let magic = Array("LCINCARN".utf8)

    /// Gives the next number to `run`, durably. Returns it, and who had the one before.
    package func next(
        for run: Identity128, isKeptByName: Bool, in spool: SpoolFolder
    ) throws(JournalError) -> (
        given: Given, before: Given?
    ) {
        let path = try JournalError.using { () throws(DiskError) in try makeFolder(spool) + name }
        let file = try JournalError.using { () throws(DiskError) in try openLocked(path) }
        let given = try JournalError.using { () throws(DiskError) in try readGiven() }
        let before = given.max { $0.incarnation < $1.incarnation }
        // The slots may say anything.
        let last = before?.incarnation ?? 0
        guard last < Incarnations.numberMax - 1 else {
            throw .malformed(
                FormatError(what: "\(path): no incarnation is left", offset: 8))
        }
        let number = last + 1
        if before == nil {
            // Whoever made the folders may not have come to sync their names.
            try JournalError.using { () throws(DiskError) in
                try spool.syncNames(ofDurable: parentFolder(parentFolder(path)))
            }
        }
        let next = Given(incarnation: number, run: run, isKeptByName: isKeptByName)
        var writer = ByteWriter()
        writer.bytes(Incarnations.magic)
        writer.fixed32(number)
        writer.fixed32(isKeptByName ? 1 : 0)
        writer.bytes(run.bytes)
        writer.fixed32(crc32(writer.bytes))
        writer.bytes([UInt8](repeating: 0, count: Incarnations.slotByteCount - writer.count))
        try JournalError.using { () throws(DiskError) in
            try file.write(writer.bytes, at: Int(number % 2) * Incarnations.slotByteCount)
            try file.sync()
            try disk.sync(folder: parentFolder(path))
        }
        return (next, before)
    }

    /// The folder of the numbers, with a slash at its end.
    private func makeFolder(_ spool: SpoolFolder) throws(DiskError) -> String {
        let folder = try spool.makeDurable() + "/incarnations"
        try spool.makeShared(folder)
        return folder + "/"
    }

    /// The file of the numbers, which nobody else writes meanwhile.
    private func openLocked(_ path: String) throws(DiskError) -> any DiskFile {
        if try disk.status(path) == nil, (try? disk.open(path, .create)) != nil, user != geteuid() {
            // Its own programs go on with these numbers.
            try disk.set(owner: user, group: .max, of: path)
        }
        let file = try disk.open(path, .writeUntrusted)
        guard [0, user, geteuid()].contains(try file.status().owner) else {
            throw .otherUser(path)
        }
        try file.lockWaiting()
        return file
    }

    /// Removes numbers that a stranger has put there, who has not the name: for root, who may. Then the one who has it keeps its own.
    package func removeStrangers() throws(DiskError) {
        for folder in folders {
            for path in ["\(folder)/\(name)", "\(folder)/\(name).last"] {
                guard let owner = try disk.status(path)?.owner, owner != 0, owner != user else {
                    continue
                }
                try disk.remove(file: path)
            }
        }
    }

    /// Numbers from here on are drawn at random where none can be made durable.
    package static let numberMax: UInt32 = Causality.Limits.incarnationMax / 2

    /// The last two numbers in each folder, as far as they are whole.
    private func readGiven() throws(DiskError) -> [Given] {
        var given: [Given] = []
        for folder in folders {
            let bytes = try read("\(folder)/\(name)", bytesMax: 2 * Incarnations.slotByteCount)
            given += bytes.map(Incarnations.decodeSlots) ?? []
        }
        return given
    }

    /// What is in a file; nil where there is none that this program may read. A device that fails, or a program that may open no
    /// more files, is no reason to think that nothing was given: then a number would be given again.
    private func read(_ path: String, bytesMax: Int) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) {
            let file = try disk.open(path, .readUntrusted)
            // Anybody may add to the folder: what a stranger has put there is as if it were not there.
            let owners = [0, user, try disk.status(parentFolder(path))?.owner]
            guard owners.contains(try file.status().owner) else { return nil }
            return try file.read(at: 0, count: min(file.status().byteCount, bytesMax))
        } catch {
            let isNone =
                error.isMissing || error.isNotRegular
                || [EACCES, EPERM, ELOOP, ENXIO].contains(error.code)
            guard isNone else { throw error }
            return nil
        }
    }

    private static func decodeSlots(_ bytes: [UInt8]) -> [Given] {
        [0, slotByteCount].compactMap { (start: Int) -> Given? in
            guard bytes.count >= start + slotByteCount else { return nil }
            let slot = Array(bytes[start..<start + slotByteCount])
            var reader = ByteReader(slot, from: magic.count)
            var checksum = ByteReader(slot, from: 32)
            guard slot.starts(with: magic), let incarnation = try? reader.fixed32("incarnation"),
                let kind = try? reader.fixed32("kind"), kind < 2,
                let run = try? reader.bytes(16, "run"),
                (try? checksum.fixed32("checksum")) == crc32(slot[..<32]), incarnation > 0
            else { return nil }
            return Given(
                incarnation: incarnation, run: Identity128(bytes: run), isKeptByName: kind == 1)
        }
    }

    /// The last event of an incarnation that ended: its number, and its clock without its own entry and those of linked
    /// earlier runs.
    package struct Last: Hashable, Sendable {
        package var incarnation: UInt32
        package var run: Identity128
        /// What the run itself goes on from: what counts where it has no event.
        package var origin: Origin
        package var sequence: UInt64
        package var clock: [RunKey: UInt64]
        /// True where the clock is all that the run had seen.
        package var isComplete: Bool
        /// False where the run may have gone on behind this event.
        package var isEndKnown: Bool

        package init(
            incarnation: UInt32, run: Identity128, origin: Origin, sequence: UInt64,
            clock: [RunKey: UInt64], isComplete: Bool, isEndKnown: Bool
        ) {
            self.incarnation = incarnation
            self.run = run
            self.origin = origin
            self.sequence = sequence
            self.clock = clock
            self.isComplete = isComplete
            self.isEndKnown = isEndKnown
        }
    }

    private static let lastMagic = Array("LCLASTEV".utf8)

    /// Notes durably where an incarnation ended. Does nothing where a later one is noted already, or where that run was
    /// not given that number: anybody can write a journal that says so.
    package func note(_ last: Last, in spool: SpoolFolder) throws(DiskError) {
        if let known = try readLast(), known.incarnation > last.incarnation { return }
        guard
            try readGiven().contains(where: {
                $0.incarnation == last.incarnation && $0.run == last.run
            })
        else { return }
        let path = try makeFolder(spool) + name + ".last"
        var writer = ByteWriter()
        writer.bytes(Incarnations.lastMagic)
        writer.fixed32(last.incarnation)
        writer.bytes(last.run.bytes)
        writer.byte((last.isComplete ? 1 : 0) | (last.isEndKnown ? 2 : 0))
        writer.origin(last.origin)
        writer.fixed64(last.sequence)
        writer.fixed32(UInt32(last.clock.count))
        for (run, value) in last.clock.sorted(by: { $0.key.bits < $1.key.bits }) {
            writer.fixed64(run.bits)
            writer.varint(value)
        }
        writer.fixed32(crc32(writer.bytes))
        // Programs of other users read it.
        try disk.replace(path, with: writer.bytes, permissions: 0o644)
    }

    /// Where the last incarnation that ended and was taken by the agent ended; nil where that is not known.
    package var last: Last? { (try? readLast()).flatMap { $0 } }

    private func readLast() throws(DiskError) -> Last? {
        var found: [Last] = []
        for folder in folders {
            let bytes = try read("\(folder)/\(name).last", bytesMax: Limits.lastEventBytesMax)
            if let bytes, let last = try? Incarnations.decodeLast(bytes) { found.append(last) }
        }
        return found.max { $0.incarnation < $1.incarnation }
    }

    private static func decodeLast(_ bytes: [UInt8]) throws(FormatError) -> Last {
        guard bytes.count > 12, bytes.starts(with: lastMagic) else {
            throw FormatError(what: "expected where an incarnation ended", offset: 0)
        }
        var checksum = ByteReader(bytes, from: bytes.count - 4)
        guard try checksum.fixed32("checksum") == crc32(bytes[..<(bytes.count - 4)]) else {
            throw FormatError(what: "the checksum is wrong", offset: bytes.count - 4)
        }
        var reader = ByteReader(bytes, from: lastMagic.count, to: bytes.count - 4)
        let incarnation = try reader.fixed32("incarnation")
        let run = Identity128(bytes: try reader.bytes(16, "run"))
        let flags = try reader.byte("flags")
        let origin = try reader.origin()
        let sequence = try reader.fixed64("sequence number")
        guard sequence <= Causality.Limits.sequenceMax else {
            throw reader.malformed("\(sequence) is no sequence number")
        }
        var clock: [RunKey: UInt64] = [:]
        for _ in 0..<(try reader.fixed32("clock entries")) {
            let run = RunKey(bits: try reader.fixed64("clock entry"))
            let entry = try reader.varint("clock entry")
            guard entry <= Causality.Limits.sequenceMax else {
                throw reader.malformed("\(entry) is no sequence number")
            }
            clock[run] = entry
        }
        try reader.expectEnd("last event")
        return Last(
            incarnation: incarnation, run: run, origin: origin, sequence: sequence, clock: clock,
            isComplete: flags & 1 != 0, isEndKnown: flags & 2 != 0)
    }
}
