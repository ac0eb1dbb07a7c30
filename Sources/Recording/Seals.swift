import Causality
import Disks
import Journals

/// What the tokens of a program are sealed with, and which it takes: the keys that the agent has left in the spool, looked for
/// again while messages come and go.
struct Seals {
    private let spool: SpoolFolder
    /// The keys of a collector, the one that seals first; empty where the agent has left none.
    private(set) var hashes: [SipHash] = []
    /// The file in the spool; nil where there is none.
    private var file: FileID?
    private var isRead = false
    /// The time of the message at which the keys were looked for last.
    private var lookedNanoseconds: Int64 = 0

    private struct FileID: Equatable {
        var device: UInt64
        var inode: UInt64
    }

    init(_ spool: SpoolFolder) {
        self.spool = spool
        do throws(DiskError) { try read() } catch {}
    }

    /// Sees to it that the keys are those that were there a second ago. Costs a system call for each second with messages.
    @inline(__always)
    mutating func refresh(at nanoseconds: Int64) {
        let elapsed = nanoseconds &- lookedNanoseconds
        guard elapsed < 0 || elapsed >= Limits.keyLookNanoseconds else { return }
        lookedNanoseconds = nanoseconds
        // Where nobody can tell, what is known goes on.
        do throws(DiskError) { try read() } catch {}
    }

    @inline(never)
    private mutating func read() throws(DiskError) {
        let status = try spool.disk.status(spool.tokenKeysPath)
        let found = status.map { FileID(device: $0.device, inode: $0.inode) }
        guard found != file || !isRead else { return }
        (file, isRead) = (found, true)
        hashes = spool.tokenKeys?.keys.map { SipHash(key: $0) } ?? []
    }

    /// Whether a token orders anything here.
    @inline(__always)
    func take(_ token: Token) -> Bool { hashes.isEmpty || token.isSealed(by: hashes) }
}
