import Disks

// Room that an archive keeps for itself:
//
//     FOLDER/reserve     `Limits.reserveBytes` of bytes that say nothing
//
// SQLite needs room beside the catalogue even to read it, and dropping an execution has to be written down before it frees
// anything. So on a disk that is full this file is removed when the archive is opened or something is dropped; what arrives does
// not get its room, and it is made again where there is twice as much.
extension Archive {
    private static func reservePath(_ path: String) -> String { path + "/reserve" }

    /// Makes the reserve where there is none, and room for two. Looks at the file only where it is there. Throws where it cannot
    /// be written though there is room.
    package func keepReserve() throws(ArchiveError) {
        let path = Archive.reservePath(path)
        do throws(DiskError) {
            if try disk.status(path)?.byteCount == Limits.reserveBytes {
                isShort.store(false, ordering: .sequentiallyConsistent)
                return
            }
            guard Archive.hasRoom(in: self.path, disk) else { return }
            let file = try disk.open(path, .write)
            do throws(DiskError) {
                try file.truncate(to: 0)
                // Nothing that a file system can pack.
                var state: UInt64 = 0x9E37_79B9_7F4A_7C15
                for offset in stride(from: 0, to: Limits.reserveBytes, by: 1 << 20) {
                    var bytes: [UInt8] = []
                    bytes.reserveCapacity(1 << 20)
                    for _ in 0..<(1 << 17) {
                        state ^= state << 13
                        state ^= state >> 7
                        state ^= state << 17
                        withUnsafeBytes(of: state) { bytes.append(contentsOf: $0) }
                    }
                    try file.write(bytes, at: offset)
                }
                try file.sync()
            } catch {
                try? disk.remove(file: path)
                throw error
            }
            isShort.store(false, ordering: .sequentiallyConsistent)
        } catch {
            throw Archive.failure(error)
        }
    }

    /// What is free on its disk; nil where that is not known.
    package var freeByteCount: Int? { disk.freeBytes(in: path) }

    /// Whether there is no room but what is kept for dropping executions.
    package var isFull: Bool { freeByteCount.map { $0 < 2 * Limits.reserveBytes } ?? false }

    private static func hasRoom(in path: String, _ disk: any Disk) -> Bool {
        disk.freeBytes(in: path).map { $0 >= 2 * Limits.reserveBytes } ?? false
    }

    /// Throws where what there is of room is the reserve's, which was given back.
    func checkRoom() throws(ArchiveError) {
        guard isShort.load(ordering: .sequentiallyConsistent),
            !Archive.hasRoom(in: path, disk)
        else { return }
        throw .full(
            "\(path): no space left on device but what is kept for dropping executions: expected "
                + "\(2 * Limits.reserveBytes) bytes")
    }

    /// Whether a disk is as good as full; where that is not known, whether an error says so.
    private static func isFull(_ path: String, _ disk: any Disk, _ error: ArchiveError) -> Bool {
        if case .full = error { return true }
        if case .locked = error { return false }
        return disk.freeBytes(in: path).map { $0 < Limits.reserveSpareBytes } ?? false
    }

    /// Does what needs room; on a full disk with the room of the reserve. True where it took that.
    static func withReserve<Value>(
        in path: String, _ disk: any Disk, _ body: () throws(ArchiveError) -> Value
    ) throws(ArchiveError) -> (Value, isGiven: Bool) {
        do throws(ArchiveError) {
            return (try body(), false)
        } catch {
            let reserve = reservePath(path)
            guard isFull(path, disk, error), (try? disk.status(reserve)) != nil,
                (try? disk.remove(file: reserve)) != nil
            else { throw error }
            return (try body(), true)
        }
    }

    /// The same of an archive that is open to write.
    func withReserve<Value>(
        _ body: () throws(ArchiveError) -> Value
    ) throws(ArchiveError) -> Value {
        let (value, isGiven) = try Archive.withReserve(in: path, disk, body)
        if isGiven { isShort.store(true, ordering: .sequentiallyConsistent) }
        return value
    }
}
