/// Byte strings, each kept once and numbered in order of appearance. Looking up one that is known costs one hash and allocates
/// nothing. Which numbers they get follows from the order in which they come, and from nothing else.
@usableFromInline
package struct ByteTable: Sendable {
    @usableFromInline var bytes: [UInt8] = []
    /// Entry i ends at `ends[i]`.
    @usableFromInline var ends: [Int] = []
    private var hashes: [UInt32] = []
    /// Open addressing: 0 is free, else the number of an entry, plus 1. As many as a power of two, and at most a quarter in use:
    /// a processor cannot foretell where another entry is in the way.
    private var places: [UInt32] = []
    /// Unlike any other table's: whoever sends bytes cannot choose ones that collide.
    private let seed: UInt64

    package init() { seed = UInt64.random(in: .min ... .max) }

    package var count: Int { ends.count }
    /// Bytes of all entries.
    package var byteCount: Int { bytes.count }

    /// Forgets the entries, and keeps their room.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        for index in places.indices { places[index] = 0 }
    }

    /// The number of an entry, added where it is new. O(bytes).
    package mutating func intern(_ key: Span<UInt8>) -> Int {
        if (ends.count + 1) * 4 > places.count { grow() }
        let hash = hash(key)
        let mask = places.count - 1
        var place = Int(hash) & mask
        while places[place] != 0 {
            let index = Int(places[place] - 1)
            if hashes[index] == hash, isEqual(index, key) { return index }
            place = (place + 1) & mask
        }
        places[place] = UInt32(ends.count + 1)
        hashes.append(hash)
        key.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        ends.append(bytes.count)
        return ends.count - 1
    }

    package mutating func intern(_ text: String) -> Int { intern(Array(text.utf8).span) }

    /// The number of an entry; nil where there is none. O(bytes).
    package func find(_ key: Span<UInt8>) -> Int? {
        guard !places.isEmpty else { return nil }
        let hash = hash(key)
        let mask = places.count - 1
        var place = Int(hash) & mask
        while places[place] != 0 {
            let index = Int(places[place] - 1)
            if hashes[index] == hash, isEqual(index, key) { return index }
            place = (place + 1) & mask
        }
        return nil
    }

    /// As `find`, and quicker where `guess` is the number. O(bytes).
    package func find(_ key: Span<UInt8>, guess: Int) -> Int? {
        guess < ends.count && isEqual(guess, key) ? guess : find(key)
    }

    /// Where an entry lies in `withBytes`.
    @inlinable
    package func range(_ index: Int) -> Range<Int> {
        (index == 0 ? 0 : ends[index - 1])..<ends[index]
    }

    package subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

    /// Writes an entry, its length before it. O(bytes).
    @inlinable
    package func write(_ index: Int, _ writer: inout RawWriter) {
        bytes.withUnsafeBytes { writer.counted($0, range(index)) }
    }

    /// An entry as text. O(bytes).
    package func text(_ index: Int) -> String { String(decoding: self[index], as: UTF8.self) }

    @inline(__always)
    private func hash(_ key: Span<UInt8>) -> UInt32 {
        key.withUnsafeBytes { UInt32(truncatingIfNeeded: slotHash($0, seed: seed)) }
    }

    private func isEqual(_ index: Int, _ key: Span<UInt8>) -> Bool {
        let range = range(index)
        guard range.count == key.count else { return false }
        return bytes.withUnsafeBytes { mine in
            key.withUnsafeBytes { isSame(UnsafeRawBufferPointer(rebasing: mine[range]), $0) }
        }
    }

    private mutating func grow() {
        places = [UInt32](repeating: 0, count: max(16, places.count * 2))
        let mask = places.count - 1
        for (index, hash) in hashes.enumerated() {
            var place = Int(hash) & mask
            while places[place] != 0 { place = (place + 1) & mask }
            places[place] = UInt32(index + 1)
        }
    }
}
