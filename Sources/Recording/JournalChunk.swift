import Causality
import Disks
import Glibc
import Journals
import Synchronization

/// One mapped file of a journal: the only place in which a program's memory and the agent's file are the same.
///
/// Not `Sendable`: its writer is behind the recorder's lock. Everything but the length words and the state is written
/// before the release store that makes it visible, and never after it.
final class JournalChunk {
    let path: String
    let byteCount: Int
    private let mapping: any MappedFile
    private let base: UnsafeMutableRawPointer

    /// Creates the file.
    init(creating path: String, byteCount: Int, on disk: any Disk) throws(DiskError) {
        self.path = path
        self.byteCount = byteCount
        mapping = try disk.map(creating: path, byteCount: byteCount)
        base = mapping.base
    }

    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    var state: ChunkState? {
        ChunkState(rawValue: word(ChunkHeader.stateOffset).pointee.load(ordering: .acquiring))
    }

    func set(_ state: ChunkState) {
        word(ChunkHeader.stateOffset).pointee.store(state.rawValue, ordering: .releasing)
    }

    /// Notes the highest sequence number that the program has given, whether or not the event is here.
    func note(given sequence: UInt64) {
        (base + ChunkHeader.givenOffset).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
            .store(sequence, ordering: .releasing)
    }

    /// Begins anew: nothing of what the file held is visible any more. The caller writes a snapshot, then sets it open.
    func prepare(_ header: ChunkHeader) {
        set(.preparing)
        header.encoded().withUnsafeBytes {
            base.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
        }
        word(ChunkHeader.byteCount).pointee.store(0, ordering: .relaxed)
    }

    /// Where the first record goes.
    var beginning: JournalCursor {
        JournalCursor(base: base, offset: ChunkHeader.byteCount, end: byteCount)
    }
}
