import Glibc
import Synchronization

/// A lock around a value, which a forked child finds unlocked and knows for its parent's.
///
/// `@unchecked Sendable`: the value is reached only through `withLock`, which holds the mutex; the word beside the mutex and the
/// pointer to the value are changed under it too. The mutex lies in a page that the kernel hands to a forked child as zeros
/// (madvise(2), MADV_WIPEONFORK, Linux 4.14), however it was forked: so the child's mutex is free even where another thread
/// of the parent held it, and a word beside it tells that the value is the parent's, perhaps in the middle of a change.
///
/// Where the kernel gives no such page, the mutex lies in ordinary memory beside the number of the process that made it: a
/// child finds there another's number, and makes a mutex of its own. That costs a system call each time.
final class ForkSafeLock<Value: ~Copyable>: @unchecked Sendable {
    private struct Guarding {
        // Zeros are an initialised mutex on Linux (PTHREAD_MUTEX_INITIALIZER).
        var mutex = pthread_mutex_t()
        var isOurs = false
        /// Of who made it; not used in a page that is wiped.
        var process: pid_t = 0
    }

    private typealias Pointer = UnsafeMutablePointer<Guarding>

    private let guarding: Atomic<Pointer>
    /// True where a forked child finds zeros.
    private let isWiped: Bool
    private var value: UnsafeMutablePointer<Value>

    private static var pageByteCount: Int { 4096 }
    private static var wipeOnFork: Int32 { 18 }

    /// - Parameter isOnHeap: Does as if the kernel gave no page: for tests.
    init(_ value: consuming Value, isOnHeap: Bool = false) {
        let page = isOnHeap ? nil : Self.page()
        isWiped = page != nil
        let first = page ?? Pointer.allocate(capacity: 1)
        first.initialize(to: Guarding(isOurs: true, process: getpid()))
        guarding = Atomic(first)
        self.value = UnsafeMutablePointer.allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    /// A page that a forked child finds full of zeros; nil where there is none, for want of memory or of a newer kernel.
    private static func page() -> Pointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let mapping = mmap(nil, pageByteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapping, mapping != MAP_FAILED else { return nil }
        guard madvise(mapping, pageByteCount, wipeOnFork) == 0 else {
            munmap(mapping, pageByteCount)
            return nil
        }
        return mapping.assumingMemoryBound(to: Guarding.self)
    }

    deinit {
        let last = guarding.load(ordering: .acquiring)
        let isParents = !isWiped && last.pointee.process != getpid()
        // A child leaves alone what is its parent's.
        if last.pointee.isOurs, !isParents {
            value.deinitialize(count: 1)
            value.deallocate()
        }
        if isWiped { munmap(last, Self.pageByteCount) } else { last.deallocate() }
    }

    /// Runs `body` alone. In a child that was forked since the last time, `renew` first makes a value of the child's own
    /// out of the parent's, which is neither changed nor destroyed: its memory is left as it is.
    @inline(__always)
    func withLock<Result: ~Copyable>(
        renew: (borrowing Value) -> Value, _ body: (inout Value) -> Result
    ) -> Result {
        var own = guarding.load(ordering: .acquiring)
        if !isWiped { own = made(by: getpid(), own) }
        // The mutex comes first, and others lock it at the same time: no exclusive access to it.
        let mutex = UnsafeMutableRawPointer(own).assumingMemoryBound(to: pthread_mutex_t.self)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if !own.pointee.isOurs {
            replace(renew)
            own.pointee.isOurs = true
        }
        return body(&value.pointee)
    }

    /// What this process locks, where no page is wiped. The parent's is left as it is: a thread of the parent may hold it.
    @inline(never)
    private func made(by process: pid_t, _ found: Pointer) -> Pointer {
        guard found.pointee.process != process else { return found }
        let own = Pointer.allocate(capacity: 1)
        own.initialize(to: Guarding(process: process))
        let (isFirst, now) = guarding.compareExchange(
            expected: found, desired: own, ordering: .acquiringAndReleasing)
        if isFirst { return own }
        // Another thread of this process was faster.
        own.deallocate()
        return now
    }

    @inline(never)
    private func replace(_ renew: (borrowing Value) -> Value) {
        let own = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        own.initialize(to: renew(value.pointee))
        value = own
    }
}
