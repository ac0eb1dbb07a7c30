import Causality
import Synchronization

/// What the agent has made durable and the shipper has not yet had acknowledged.
package final class SegmentIndex: Sendable {
    package struct Entry: Hashable, Sendable {
        package let id: Identity128
        package let path: String
        /// Bytes up to the end of the last commit, or of the footer.
        package var durableByteCount: Int
        var isSealed: Bool
        /// Bytes that the collector has; nil until it was asked.
        var acknowledged: Int?
        /// When to try again what the collector refused, or what could not be read: others go first.
        var retrySeconds: Double?

        package var isShipped: Bool { acknowledged == durableByteCount }
    }

    private let entries = Mutex<[Entry]>([])
    /// Rings when there is more to ship.
    let grown = Alarm()

    /// The segments, oldest first.
    package var all: [Entry] { entries.withLock { $0 } }

    /// Bytes of all segments that hold something that is not acknowledged.
    var byteCount: Int {
        entries.withLock { entries in
            entries.reduce(0) { $0 + ($1.isShipped ? 0 : $1.durableByteCount) }
        }
    }

    func add(_ entry: Entry) {
        entries.withLock { $0.append(entry) }
        grown.ring()
    }

    func update(_ id: Identity128, _ change: (inout Entry) -> Void) {
        let hasGrown = entries.withLock { entries in
            guard let index = entries.firstIndex(where: { $0.id == id }) else { return false }
            let before = entries[index].durableByteCount
            change(&entries[index])
            return entries[index].durableByteCount != before
        }
        if hasGrown { grown.ring() }
    }

    /// Puts a segment in the place of another.
    func replace(_ id: Identity128, with entry: Entry) {
        entries.withLock { entries in
            if let index = entries.firstIndex(where: { $0.id == id }) { entries[index] = entry }
        }
        grown.ring()
    }

    func remove(_ id: Identity128) { entries.withLock { $0.removeAll { $0.id == id } } }

    /// Segments that nobody needs any more: sealed, acknowledged to their end, and not the last one, which holds the
    /// checkpoints of all sources.
    static func disposable(_ entries: [Entry]) -> [Entry] {
        entries.dropLast().filter { $0.isSealed && $0.isShipped }
    }
}
