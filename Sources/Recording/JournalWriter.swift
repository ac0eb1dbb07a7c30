import Causality
import Disks
import Glibc
import Journals

/// Writes a journal, but for its records: makes and changes its chunks. The format is in `JournalFormat`.
struct JournalWriter: ~Copyable {
    let folder: String
    private let disk: any Disk
    private let run: Identity128
    private let chunkByteCount: Int
    private let chunksMax: Int
    private let lock: any DiskFile
    private var chunks: [JournalChunk] = []
    private var current: JournalChunk?
    private var number: UInt64 = 0
    private var filesCreated = 0

    /// Makes the folder of a journal in `journals`, and takes its lock.
    init(
        in journals: String, on disk: any Disk, run: Identity128, chunkByteCount: Int,
        chunksMax: Int
    ) throws(DiskError) {
        let folder = "\(journals)/\(run)"
        _ = try disk.make(oneFolder: folder, permissions: 0o700)
        let lock = try disk.open("\(folder)/\(JournalFolder.lockName)", .write)
        // Waits for an agent that is just looking whether somebody has it.
        try lock.lockWaiting()
        self.folder = folder
        self.disk = disk
        self.run = run
        self.chunkByteCount = chunkByteCount
        self.chunksMax = chunksMax
        self.lock = lock
    }

    /// Goes on to the next chunk, a free one or a new file, and returns where its events go. `snapshot` is all that the process knows; `eventBytes` what
    /// the event needs for which there was no room. Where this throws, the journal is as it was, and nothing was written.
    mutating func nextChunk(
        firstSequence: UInt64, snapshot: borrowing JournalTail, isComplete: Bool,
        loss: Loss.Reason?, eventBytes: Int
    ) throws(DiskError) -> JournalCursor {
        let needed =
            ChunkHeader.byteCount + RecordHead.paddedByteCount(snapshot.count)
            + RecordHead.paddedByteCount(eventBytes) + 16
        // Large snapshots are not written for a handful of events each.
        let byteCount = max(chunkByteCount, 2 * snapshot.count + needed)
        let chunk = try chunk(of: (byteCount + 4095) & ~4095)
        number += 1
        chunk.prepare(
            ChunkHeader(
                number: number, firstSequence: firstSequence, chunkByteCount: chunk.byteCount,
                run: run))
        var cursor = chunk.beginning
        cursor.append(
            RecordHead(
                kind: JournalFormat.snapshotKind, level: 0,
                flags: isComplete ? 0 : RecordFlags.generating, loss: loss?.rawValue ?? 0,
                sequence: firstSequence, nanoseconds: 0),
            tail: snapshot.bytes)
        chunk.set(.open)
        current?.set(.closed)
        current = chunk
        return cursor
    }

    /// A chunk of at least so many bytes: one that the agent has freed, or a new file.
    private mutating func chunk(of byteCount: Int) throws(DiskError) -> JournalChunk {
        var free = chunks.filter { $0.state == .free && $0 !== current }
        if let index = free.firstIndex(where: { $0.byteCount >= byteCount }) {
            let chosen = free.remove(at: index)
            // After a burst was written and taken, its room is given back little by little.
            if free.count > JournalWriter.spareChunksMax, number % 8 == 0, let excess = free.last {
                try? disk.remove(file: excess.path)
                chunks.removeAll { $0 === excess }
            }
            return chosen
        }
        guard chunks.count < chunksMax else {
            throw DiskError(
                call: "use more than \(chunksMax) chunks of", path: folder, code: EDQUOT)
        }
        filesCreated += 1
        let chunk = try JournalChunk(
            creating: "\(folder)/\(filesCreated).chunk", byteCount: byteCount, on: disk)
        chunks.append(chunk)
        return chunk
    }

    /// Free chunks that are kept for good.
    private static let spareChunksMax = 2

    /// Notes that sequence numbers up to this one were given, though their events could not be written.
    func note(given sequence: UInt64) { current?.note(given: sequence) }

    /// In a forked child: gives up the lock that the parent holds too. The journal stays the parent's; this value must
    /// not be used or destroyed any more.
    borrowing func abandonInChild() { lock.abandon() }
}
