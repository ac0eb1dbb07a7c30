import Causality
import Journals

/// What one process knows of other runs, made for tokens: entries are found by hash, and listed from the one that
/// changed last to the one that changed first.
///
/// A run that another one goes on from is implied by that one, and keeps no entry: a clock is as wide as the number of
/// programs that were heard from, not of their restarts.
struct ClockTable: ~Copyable {
    /// By index: the run's key, its entry (0: none), and up to where another entry implies it.
    private var keys: [UInt64] = []
    private(set) var values: [UInt64] = []
    private var implied: [UInt64] = []
    /// Whether the open chunk of the journal says what the run is called.
    private var isNamed: [Bool] = []
    /// By hash: index + 1, or 0. The count is a power of 2, at most half of them used.
    private var slots = [UInt32](repeating: 0, count: 64)
    private let seed: UInt64
    /// The next run that changed before this one, and the one that changed after it; -1 at the ends.
    private var older: [Int32] = []
    private var newer: [Int32] = []
    private var newest: Int32 = -1
    /// False where something that the process has seen is not listed, though the sender who told of it is: then stamps
    /// are generating.
    var isComplete = true

    private let entriesMax: Int

    init(entriesMax: Int) {
        self.entriesMax = entriesMax
        seed = UInt64.random(in: 0 ... .max)
    }

    /// A table with the same entries.
    borrowing func copy() -> ClockTable {
        var copy = ClockTable(entriesMax: entriesMax)
        copy.isComplete = isComplete
        var entries: [(RunKey, UInt64)] = []
        forEachNewestFirst {
            entries.append(($0, $1))
            return true
        }
        for (run, value) in entries.reversed() { _ = copy.raise(run, to: value) }
        return copy
    }

    /// The indexes that are in use.
    var count: Int { values.count }

    /// An entry that grew.
    struct Change {
        var index: UInt32
        var value: UInt64
    }

    /// Raises the entry of a run; its index. nil where the table is full.
    @inline(__always)
    mutating func raise(_ run: RunKey, to value: UInt64) -> (index: Int, grew: Bool)? {
        guard let index = index(of: run) else { return nil }
        guard value > values[index], value > implied[index] else { return (index, false) }
        values[index] = value
        moveToFront(Int32(index))
        return (index, true)
    }

    /// Notes that whoever knows of a run's successor knows it up to `value`: an entry that says no more goes.
    mutating func imply(_ run: RunKey, upTo value: UInt64) {
        guard let index = index(of: run) else { return }
        implied[index] = max(implied[index], value)
        if values[index] <= value { values[index] = 0 }
    }

    /// The index of a run, which gets one where it has none; nil where the table is full.
    @inline(__always)
    mutating func index(of run: RunKey) -> Int? {
        let slot = slot(of: run.bits)
        if slots[slot] != 0 { return Int(slots[slot]) - 1 }
        return add(run.bits, at: slot)
    }

    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = slots.count - 1
        let product = (key ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        var slot = Int(truncatingIfNeeded: product.high ^ product.low) & mask
        while slots[slot] != 0, keys[Int(slots[slot]) - 1] != key { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func add(_ key: UInt64, at slot: Int) -> Int? {
        guard values.count < entriesMax else { return nil }
        keys.append(key)
        values.append(0)
        implied.append(0)
        isNamed.append(false)
        older.append(-1)
        newer.append(-1)
        slots[slot] = UInt32(values.count)
        link(Int32(values.count - 1))
        if 2 * values.count > slots.count { rehash(2 * slots.count) }
        return values.count - 1
    }

    private mutating func rehash(_ count: Int) {
        slots = [UInt32](repeating: 0, count: count)
        for index in keys.indices { slots[slot(of: keys[index])] = UInt32(index + 1) }
    }

    private mutating func link(_ index: Int32) {
        older[Int(index)] = newest
        newer[Int(index)] = -1
        if newest >= 0 { newer[Int(newest)] = index }
        newest = index
    }

    private mutating func moveToFront(_ index: Int32) {
        guard index != newest else { return }
        let (before, after) = (older[Int(index)], newer[Int(index)])
        if before >= 0 { newer[Int(before)] = after }
        if after >= 0 { older[Int(after)] = before }
        link(index)
    }

    /// Calls `body` with each entry, the one that changed last first, as long as it returns true.
    func forEachNewestFirst(_ body: (RunKey, UInt64) -> Bool) {
        var index = newest
        while index >= 0 {
            let value = values[Int(index)]
            if value > 0, !body(RunKey(bits: keys[Int(index)]), value) { return }
            index = older[Int(index)]
        }
    }

    /// Gives new indexes to the runs that have entries, and forgets the others.
    private mutating func compact() {
        guard values.contains(0) else { return }
        self = copy()
    }

    /// Writes the entries as a chunk of the journal begins with them; indexes count from here on.
    mutating func snapshot(into tail: inout JournalTail) {
        compact()
        tail.fixed32(UInt32(values.count))
        for index in values.indices {
            isNamed[index] = false
            define(index, in: &tail)
            tail.fixed64(values[index])
        }
    }

    /// Writes which run has an index.
    func define(_ index: Int, in tail: inout JournalTail) { tail.fixed64(keys[index]) }

    /// Whether a run must still be named in this chunk; it is, then.
    mutating func takeUnnamed(_ index: Int) -> Bool {
        defer { isNamed[index] = true }
        return !isNamed[index]
    }
}
