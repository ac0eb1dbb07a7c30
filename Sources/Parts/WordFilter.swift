import Causality

/// Which words a block has not: a Bloom filter (Bloom, Space/time trade-offs in hash coding with allowable errors, 1970) of
/// the words of names, texts and attribute values. It may say that a word is there which is not, never the other way round.
///
///     filter = probes u8, bits
///
/// A word of hash h sets, for i from 0 below `probes`, the bit that the upper half of (h + i · (h rotated by 32, odd)) · bits
/// is the number of.
package struct WordFilter: Hashable, Sendable {
    private let probes: Int
    private var bits: [UInt8]

    /// A filter of distinct words, of at most `Limits.filterBitsOfEventMax` bits an event. O(words).
    init(_ hashes: some Collection<UInt64>, events: Int) {
        let wanted = hashes.count * Limits.filterBitsOfWord
        let count = max(8, min(wanted, events * Limits.filterBitsOfEventMax) / 8 * 8)
        probes = max(1, (count * 7 / max(1, hashes.count) + 5) / 10)
        bits = Array(repeating: 0, count: count / 8)
        for hash in hashes { set(hash) }
    }

    /// The words of a batch. O(what it says).
    init(_ batch: EventBatch) {
        var hashes = DistinctHashes()
        for number in 0..<batch.names.count {
            let name = Array(batch.names[number])
            Words.forEachHash(in: name, 0..<name.count) { hashes.insert($0) }
        }
        for row in 0..<batch.count {
            Words.forEachHash(in: batch.content, batch.text(row)) { hashes.insert($0) }
            for index in batch.attributeStarts[row]..<batch.attributeStarts[row + 1] {
                let value = batch.value(index, ofRow: row)
                Words.forEachHash(in: batch.content, value) { hashes.insert($0) }
            }
        }
        self.init(hashes.places.filter { $0 != 0 }, events: batch.count)
    }

    private func bit(_ hash: UInt64, _ probe: Int) -> Int {
        let step = (hash << 32 | hash >> 32) | 1
        let place = hash &+ UInt64(probe) &* step
        return Int(place.multipliedFullWidth(by: UInt64(bits.count * 8)).high)
    }

    private mutating func set(_ hash: UInt64) {
        for probe in 0..<probes {
            let bit = bit(hash, probe)
            bits[bit / 8] |= 1 << UInt8(bit % 8)
        }
    }

    /// False where no event of the block has the word of this hash. O(1).
    package func mayHold(_ hash: UInt64) -> Bool {
        for probe in 0..<probes {
            let bit = bit(hash, probe)
            if bits[bit / 8] & 1 << UInt8(bit % 8) == 0 { return false }
        }
        return true
    }

    /// False where no event of the block has all words of a text. O(words).
    package func mayHold(_ text: String) -> Bool {
        Words.hashes(of: text).allSatisfy { mayHold($0) }
    }

    package var byteCount: Int { 1 + bits.count }

    func encoded() -> [UInt8] { [UInt8(probes)] + bits }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        guard bytes.count >= 2, (1...64).contains(bytes[0]) else {
            throw FormatError(what: "filter: expected 1 to 64 probes and a byte of bits", offset: 0)
        }
        probes = Int(bytes[0])
        bits = Array(bytes[1...])
    }
}

/// Distinct hashes, most of which are there already: open addressing, 0 is free.
private struct DistinctHashes {
    private(set) var places = [UInt64](repeating: 0, count: 4_096)
    private var count = 0

    mutating func insert(_ hash: UInt64) {
        if (count + 1) * 2 > places.count { grow() }
        if add(hash) { count += 1 }
    }

    private mutating func add(_ hash: UInt64) -> Bool {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while places[place] != 0 {
            if places[place] == hash { return false }
            place = (place + 1) & mask
        }
        places[place] = hash
        return true
    }

    private mutating func grow() {
        let old = places
        places = [UInt64](repeating: 0, count: old.count * 2)
        for hash in old where hash != 0 { _ = add(hash) }
    }
}
