import HappensBefore
import Synchronization

/// What was read of order files and decoded, so that the next question does not read it again: of all files that share the cache
/// as many bytes as it may have. What was not asked for lately makes room for what is; that of files which were closed does too.
///
/// The clock algorithm (F. J. Corbató, "A paging experiment with the Multics system", 1969): a hand goes round and lets go of
/// what was not asked for since it last came by. A look-up is O(1).
package final class BlockCache: Sendable {
    private let bytesMax: Int
    private let state = Mutex(State())
    private let fileCount = Atomic(0)

    /// - Parameter bytesMax: What the blocks take in memory, about. One alone may take more.
    package init(bytesMax: Int = Limits.cachedBytesMax) { self.bytesMax = bytesMax }

    /// What is kept, more or less, in bytes.
    package var byteCount: Int { state.withLock { $0.byteCount } }

    /// A number for one more file that shares the cache.
    func nextFile() -> Int { fileCount.add(1, ordering: .relaxed).newValue }

    /// What was decoded from one place, or what that says of one process.
    struct Key: Hashable {
        var file: Int
        var place: Int
        var process = 0
    }

    subscript<Block: CachedBlock>(_ key: Key) -> Block? {
        let kept = state.withLock { $0.find(FormedKey(key, Block.self)) }
        return (kept as? KeptBlock<Block>)?.block
    }

    /// Keeps a block for whoever asks next. O(1), over many calls.
    func keep<Block: CachedBlock>(_ block: Block, as key: Key) {
        let kept = KeptBlock(block)
        state.withLock { $0.keep(kept, as: FormedKey(key, Block.self), bytesMax) }
    }

    /// One place may be decoded in several ways.
    private struct FormedKey: Hashable {
        let key: Key
        let form: ObjectIdentifier

        init(_ key: Key, _ form: any CachedBlock.Type) {
            self.key = key
            self.form = ObjectIdentifier(form)
        }
    }

    private struct Slot {
        let key: FormedKey
        let block: any Kept
        var wasAskedFor = false
    }

    private struct State {
        var places: [FormedKey: Int] = [:]
        var slots: [Slot?] = []
        /// The slots that hold nothing.
        var free: [Int] = []
        var hand = 0
        var byteCount = 0

        mutating func find(_ key: FormedKey) -> (any Kept)? {
            guard let place = places[key] else { return nil }
            slots[place]?.wasAskedFor = true
            return slots[place]?.block
        }

        mutating func keep(_ block: some Kept, as key: FormedKey, _ bytesMax: Int) {
            // Two may have read it at the same time.
            guard places[key] == nil else { return }
            while !places.isEmpty, byteCount + block.byteCount > bytesMax { letGo() }
            byteCount += block.byteCount
            let slot = Slot(key: key, block: block)
            if let place = free.popLast() {
                slots[place] = slot
                places[key] = place
            } else {
                places[key] = slots.count
                slots.append(slot)
            }
        }

        /// Lets go of the next one that was not asked for since the hand last came by.
        private mutating func letGo() {
            while true {
                if hand == slots.count { hand = 0 }
                defer { hand += 1 }
                guard let slot = slots[hand] else { continue }
                guard !slot.wasAskedFor else {
                    slots[hand]?.wasAskedFor = false
                    continue
                }
                slots[hand] = nil
                free.append(hand)
                places[slot.key] = nil
                byteCount -= slot.block.byteCount
                return
            }
        }
    }
}

/// A block that can be kept. What it takes need not be exact: arrays with what they hold, texts by their usual lengths.
protocol CachedBlock: Sendable {
    /// What it takes in memory, more or less.
    var cachedByteCount: Int { get }
}

private protocol Kept: AnyObject, Sendable {
    var byteCount: Int { get }
}

private final class KeptBlock<Block: CachedBlock>: Kept {
    let block: Block
    let byteCount: Int

    init(_ block: Block) {
        self.block = block
        // The block's own place here, and its key's.
        byteCount = block.cachedByteCount + 160
    }
}

extension ProcessPage: CachedBlock {
    var cachedByteCount: Int {
        lines.reduce(0) { sum, line in
            // Between two gaps is a run of numbers.
            sum + MemoryLayout<Line>.stride + 96
                + line.gaps.count * (MemoryLayout<Gap>.stride + 16) + line.implied.count * 16
                + line.rulings.count * 48
        }
    }
}

extension NamePage: CachedBlock {
    var cachedByteCount: Int { count * 16 }
}

extension Directory: CachedBlock {
    var cachedByteCount: Int {
        entries.count * MemoryLayout<Entry>.stride + pieces.count * 24 + facts.count * 24
            + learned.reduce(0) { $0 + 64 + $1.value.count * 16 } + knowers.count * 16
    }
}

extension CertaintyBlock: CachedBlock {
    var cachedByteCount: Int {
        stamps.count * MemoryLayout<StampRun>.stride
            + uncertainty.count * MemoryLayout<UncertainRun>.stride
    }
}

extension KnowledgeFloors: CachedBlock {
    /// With the bytes that the rest is read from.
    var cachedByteCount: Int { others.count * 16 + byteCount }
}

extension KnowledgePiece: CachedBlock {
    /// Its floors are kept by themselves too.
    var cachedByteCount: Int { floors.others.count * 8 + stepCount * 12 }
}

extension KnownSteps: CachedBlock {
    var cachedByteCount: Int { stepCount * 12 }
}

extension EventFactsBlock: CachedBlock {
    /// With the bytes that the rest is read from.
    var cachedByteCount: Int {
        rows.count * MemoryLayout<Rows>.stride + times.count * 24 + rest.end
    }
}

extension TimesBlock: CachedBlock {
    var cachedByteCount: Int { byteCount }
}

extension EventMessagesBlock: CachedBlock {
    var cachedByteCount: Int { byteCount }
}
