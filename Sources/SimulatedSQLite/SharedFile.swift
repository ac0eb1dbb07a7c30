import Disks
import GRDBSQLite
import Glibc
import Synchronization

/// The databases of a disk that are open.
final class SimulatedFiles: Sendable {
    let disk: SimulatedDisk
    private let shared = Mutex<[Place: (file: SharedFile, users: Int)]>([:])

    /// A file, whatever its name, between two crashes.
    struct Place: Hashable {
        let inode: UInt64
        let crashes: Int
    }

    init(_ disk: SimulatedDisk) { self.disk = disk }

    func join(_ place: Place) -> SharedFile {
        shared.withLock { shared in
            shared[place, default: (SharedFile(), 0)].users += 1
            return shared[place]!.file
        }
    }

    func leave(_ place: Place) {
        shared.withLock { shared in
            shared[place]!.users -= 1
            if shared[place]!.users == 0 { shared[place] = nil }
        }
    }
}

/// What the connections to one database share: its locks, and the index of its log.
final class SharedFile: Sendable {
    typealias Holder = ObjectIdentifier

    private let state = Mutex(State())

    private struct State {
        /// Who has the lock SHARED, or a higher one.
        var readers: Set<Holder> = []
        /// Who has RESERVED, PENDING or EXCLUSIVE, and which of these.
        var writer: (holder: Holder, level: Int32)?
        /// The locks of the index.
        var slots = [Slot](repeating: Slot(), count: Int(SQLITE_SHM_NLOCK))
        /// The index, in pieces of one size, and who uses it.
        var regions: [Region] = []
        var mapped: Set<Holder> = []

        mutating func unlockIndex(_ holder: Holder, _ range: Range<Int>) {
            for slot in range {
                if slots[slot].writer == holder { slots[slot].writer = nil }
                slots[slot].readers.remove(holder)
            }
        }

        mutating func forgetRegions() {
            for region in regions { region.bytes.deallocate() }
            regions = []
        }
    }

    private struct Slot {
        var readers: Set<Holder> = []
        var writer: Holder?

        func isFree(for holder: Holder, isExclusive: Bool) -> Bool {
            if let writer, writer != holder { return false }
            return !isExclusive || readers.isEmpty || readers == [holder]
        }
    }

    /// Memory that stays where it is.
    private struct Region: @unchecked Sendable {
        let bytes: UnsafeMutableRawPointer
    }

    deinit { state.withLock { $0.forgetRegions() } }
}

// The locks of the file.
extension SharedFile {
    /// Raises a lock from one level to a higher one, as SQLite's `xLock` has it; the level that it has then. It is PENDING where
    /// EXCLUSIVE was asked for and others still read; nobody new can then.
    func lock(_ holder: Holder, from level: Int32, to wanted: Int32) -> Int32 {
        state.withLock { state in
            let other = state.writer.flatMap { $0.holder == holder ? nil : $0 }
            if wanted == SQLITE_LOCK_SHARED {
                if let other, other.level >= SQLITE_LOCK_PENDING { return level }
                state.readers.insert(holder)
                return wanted
            }
            guard other == nil else { return level }
            let isAlone = state.readers == [holder]
            let reached =
                wanted == SQLITE_LOCK_EXCLUSIVE && !isAlone ? SQLITE_LOCK_PENDING : wanted
            state.writer = (holder, reached)
            return reached
        }
    }

    /// Lowers a lock to SHARED, or to none.
    func unlock(_ holder: Holder, to level: Int32) {
        state.withLock { state in
            if state.writer?.holder == holder { state.writer = nil }
            if level == SQLITE_LOCK_NONE { state.readers.remove(holder) }
        }
    }

    var isReserved: Bool { state.withLock { $0.writer != nil } }
}

// The index of the log.
extension SharedFile {
    /// The piece of a number; nil where it is not there, and is not to be made.
    func region(
        _ holder: Holder, _ number: Int, byteCount: Int, makes: Bool
    ) -> UnsafeMutableRawPointer? {
        let region: Region? = state.withLock { state in
            state.mapped.insert(holder)
            while makes, state.regions.count <= number {
                let bytes = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
                memset(bytes, 0, byteCount)
                state.regions.append(Region(bytes: bytes))
            }
            return number < state.regions.count ? state.regions[number] : nil
        }
        return region?.bytes
    }

    /// Forgets the index when nobody uses it any more: whoever comes next makes it from the log.
    func unmap(_ holder: Holder) {
        state.withLock { state in
            state.mapped.remove(holder)
            state.unlockIndex(holder, 0..<state.slots.count)
            if state.mapped.isEmpty { state.forgetRegions() }
        }
    }

    /// False where somebody else has one of the locks.
    func lockIndex(_ holder: Holder, _ slots: Range<Int>, isExclusive: Bool) -> Bool {
        state.withLock { state in
            guard
                state.slots[slots].allSatisfy({ $0.isFree(for: holder, isExclusive: isExclusive) })
            else { return false }
            for slot in slots {
                if isExclusive {
                    state.slots[slot].writer = holder
                } else {
                    state.slots[slot].readers.insert(holder)
                }
            }
            return true
        }
    }

    func unlockIndex(_ holder: Holder, _ slots: Range<Int>) {
        state.withLock { $0.unlockIndex(holder, slots) }
    }
}
