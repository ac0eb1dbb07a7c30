import Causality
import Glibc
import Segments

/// What one process knows of the others, made for tokens: processes are kept in the form that tokens have, entries are
/// found by hash, and listed from the one that changed last to the one that changed first.
struct ClockTable: ~Copyable {
    /// The processes, packed, one after another; process i is `starts[i]..<starts[i + 1]`.
    private var arena: [UInt8] = []
    private var starts: [UInt32] = [0]
    private(set) var values: [UInt64] = []
    /// By hash: index + 1, or 0. The count is a power of 2, at most half of them used.
    private var slots = [UInt32](repeating: 0, count: 64)
    private let seed: UInt64
    /// The next process that changed before this one, and the one that changed after it; -1 at the ends.
    private var older: [Int32] = []
    private var newer: [Int32] = []
    private var newest: Int32 = -1
    /// False where something that the process has seen is not in here: then stamps are lower bounds.
    var isComplete = true

    init() { seed = UInt64.random(in: 0 ... .max) }

    var count: Int { values.count }

    /// An entry that grew.
    struct Change {
        var index: UInt32
        var value: UInt64
    }

    /// Raises the entry of a packed process; its index. nil where the table is full, which makes it incomplete.
    mutating func raise(_ id: UnsafeRawBufferPointer, to value: UInt64) -> (index: Int, grew: Bool)?
    {
        let slot = slot(of: id)
        let index: Int
        if slots[slot] != 0 {
            index = Int(slots[slot]) - 1
        } else {
            guard let added = add(id, at: slot) else {
                isComplete = false
                return nil
            }
            index = added
        }
        guard value > values[index] else { return (index, false) }
        values[index] = value
        moveToFront(Int32(index))
        return (index, true)
    }

    private func slot(of id: UnsafeRawBufferPointer) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: mixed(id, seed: seed)) & mask
        while slots[slot] != 0, !isSame(id, Int(slots[slot]) - 1) { slot = (slot + 1) & mask }
        return slot
    }

    private func isSame(_ id: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        withID(index) {
            $0.count == id.count && memcmp($0.baseAddress!, id.baseAddress!, id.count) == 0
        }
    }

    private mutating func add(_ id: UnsafeRawBufferPointer, at slot: Int) -> Int? {
        guard values.count < Causality.Limits.clockEntriesMax,
            arena.count + id.count <= Limits.clockNameBytesMax
        else { return nil }
        arena.append(contentsOf: id)
        starts.append(UInt32(arena.count))
        values.append(0)
        older.append(-1)
        newer.append(-1)
        slots[slot] = UInt32(values.count)
        link(Int32(values.count - 1))
        if 2 * values.count > slots.count { rehash() }
        return values.count - 1
    }

    private mutating func rehash() {
        slots = [UInt32](repeating: 0, count: 2 * slots.count)
        for index in values.indices {
            let slot = withID(index) { id in
                let mask = slots.count - 1
                var slot = Int(truncatingIfNeeded: mixed(id, seed: seed)) & mask
                while slots[slot] != 0 { slot = (slot + 1) & mask }
                return slot
            }
            slots[slot] = UInt32(index + 1)
        }
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

    /// The packed process with an index.
    @inline(__always)
    func withID<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        arena.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[Int(starts[index])..<Int(starts[index + 1])]))
        }
    }

    /// Calls `body` with each entry above 0, the one that changed last first, as long as it returns true.
    func forEachNewestFirst(_ body: (Int, UnsafeRawBufferPointer, UInt64) -> Bool) {
        var index = newest
        while index >= 0 {
            let value = values[Int(index)]
            if value > 0, !withID(Int(index), { body(Int(index), $0, value) }) { return }
            index = older[Int(index)]
        }
    }

    /// The snapshot of the table, as a chunk of the journal begins with it.
    func snapshot(of key: ProcessKey, into tail: inout JournalTail) {
        tail.fixed32(key.process.incarnation)
        tail.string16(key.execution)
        tail.string16(key.host)
        tail.string16(key.process.name)
        tail.fixed32(UInt32(values.count))
        for index in values.indices {
            define(index, in: &tail)
            tail.fixed64(values[index])
        }
    }

    /// Writes the name and incarnation of a process.
    func define(_ index: Int, in tail: inout JournalTail) {
        arena.withUnsafeBytes {
            let id = UnsafeRawBufferPointer(
                rebasing: $0[Int(starts[index])..<Int(starts[index + 1])])
            let (name, incarnation) = PackedID.parts(id)
            tail.fixed16(UInt16(name.count))
            tail.bytes(name)
            tail.fixed32(incarnation)
        }
    }
}
