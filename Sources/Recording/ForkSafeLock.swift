import Glibc

/// A lock around a value, which a forked child finds unlocked and knows for its parent's.
///
/// `@unchecked Sendable`: the value is reached only through `withLock`, which holds the mutex; the page and the pointer to the
/// value are changed under it too. The mutex lies in a page that the kernel hands to a forked child as zeros (madvise(2),
/// MADV_WIPEONFORK, Linux 4.14), however it was forked: so the child's mutex is free even where another thread of the parent
/// held it, and a word beside it tells that the value is the parent's, perhaps in the middle of a change.
final class ForkSafeLock<Value: ~Copyable>: @unchecked Sendable {
    private let page: UnsafeMutableRawPointer
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let isOurs: UnsafeMutablePointer<UInt64>
    private var value: UnsafeMutablePointer<Value>

    private static var pageByteCount: Int { 4096 }
    private static var wipeOnFork: Int32 { 18 }

    init(_ value: consuming Value) {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        let mapping = mmap(nil, Self.pageByteCount, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let mapping, mapping != MAP_FAILED else { fatalError("no memory for a lock") }
        // Where the kernel is older, a forked child must not use its parent's recorder.
        _ = madvise(mapping, Self.pageByteCount, Self.wipeOnFork)
        page = mapping
        // Zeros are an initialised mutex on Linux (PTHREAD_MUTEX_INITIALIZER).
        mutex = page.assumingMemoryBound(to: pthread_mutex_t.self)
        isOurs = (page + 64).assumingMemoryBound(to: UInt64.self)
        isOurs.pointee = 1
        self.value = UnsafeMutablePointer.allocate(capacity: 1)
        self.value.initialize(to: value)
    }

    deinit {
        // A child leaves alone what is its parent's.
        if isOurs.pointee == 1 {
            value.deinitialize(count: 1)
            value.deallocate()
        }
        munmap(page, Self.pageByteCount)
    }

    /// Runs `body` alone. In a child that was forked since the last time, `renew` first makes a value of the child's own
    /// out of the parent's, which is neither changed nor destroyed: its memory is left as it is.
    @inline(__always)
    func withLock<Result: ~Copyable>(
        renew: (borrowing Value) -> Value, _ body: (inout Value) -> Result
    ) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if isOurs.pointee != 1 { replace(renew) }
        return body(&value.pointee)
    }

    @inline(never)
    private func replace(_ renew: (borrowing Value) -> Value) {
        let own = UnsafeMutablePointer<Value>.allocate(capacity: 1)
        own.initialize(to: renew(value.pointee))
        value = own
        isOurs.pointee = 1
    }
}
