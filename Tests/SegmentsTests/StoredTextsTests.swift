import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct StoredTextsTests {
    /// Texts of each form: one, few, templates of words and numbers, and all different.
    private static func texts(_ random: inout SeededGenerator) -> [String] {
        let count = Int.random(in: 1...300, using: &random)
        let words = ["order", "a1b", "19425", "x", "é1", "1é", "…", "", "9", "took 5"]
        func some(_ most: Int) -> String {
            (0..<Int.random(in: 0...most, using: &random))
                .map { _ in words.randomElement(using: &random)! }.joined(separator: " ")
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return Array(repeating: some(4), count: count)
        case 1:
            let few = (0..<5).map { _ in some(4) }
            return (0..<count).map { _ in few.randomElement(using: &random)! }
        case 2:
            let templates = (0..<4).map { _ in (0..<3).map { _ in some(2) } }
            return (0..<count).map { _ in
                templates.randomElement(using: &random)!.joined(
                    separator: " \(UInt64.random(in: 0...300_000, using: &random)) ")
            }
        default: return (0..<count).map { "\(some(6)) \($0 % 3 == 0 ? "z" : "")" }
        }
    }

    private static func stored(_ texts: [String]) throws -> StoredTexts {
        var source: [UInt8] = []
        let ranges = texts.map { text in
            let start = source.count
            source += Array(text.utf8)
            return start..<source.count
        }
        var writer = ByteWriter()
        writer.bytes([1, 2, 3])
        TextColumn(source, ranges).encode(&writer)
        var reader = ByteReader(writer.bytes, from: 3)
        var budget = Budget()
        let stored = try StoredTexts(
            writer.bytes, &reader, count: texts.count, "texts", &budget)
        try reader.expectEnd("texts")
        return stored
    }

    private static func strings(_ texts: ContentColumns.Texts) -> [String] {
        texts.ends.indices.map { String(decoding: texts.bytes[texts[$0]], as: UTF8.self) }
    }

    private static func place(
        of needle: [UInt8], in bytes: UnsafeRawBufferPointer, _ from: Int
    ) -> Int? {
        guard from + needle.count <= bytes.count else { return nil }
        return (from...bytes.count - needle.count).first {
            bytes[$0..<$0 + needle.count].elementsEqual(needle)
        }
    }

    @Test(arguments: (0..<150) as Range<UInt64>)
    func anyRowsAreAsTheyWere(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let texts = Self.texts(&random)
        let stored = try Self.stored(texts)
        #expect(stored.areUTF8)
        #expect(Self.strings(stored.joined()) == texts)
        let rows = texts.indices.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        #expect(Self.strings(stored.joined(rows)) == rows.map { texts[$0] })
        if let distinct = stored.distinct {
            let strings = Self.strings(distinct)
            #expect(texts.indices.map { strings[stored.number(ofRow: $0)] } == texts)
        }
    }

    /// No row that has a needle is passed by, wherever it lies: in a literal, in a value, or across both.
    @Test(arguments: (0..<150) as Range<UInt64>)
    func everyRowWithANeedleIsFound(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let texts = Self.texts(&random)
        let stored = try Self.stored(texts)
        var spared = 0
        for needle in ["19425", "1", "order", "er", "a1", "b", " 5", "k 5", "r 1", "é", "zz", "00"]
        {
            let bytes = Array(needle.utf8)
            let found = stored.rowsThatMayHave(isWord: bytes.allSatisfy(\.isWordByte)) {
                Self.place(of: bytes, in: $0, $1)
            }
            let having = texts.indices.filter { row in
                Array(texts[row].utf8).withUnsafeBytes { Self.place(of: bytes, in: $0, 0) != nil }
            }
            guard let found else { continue }
            #expect(Set(having).isSubset(of: found), "\(needle) in \(texts)")
            #expect(found == found.sorted() && Set(found).count == found.count)
            spared += texts.count - found.count
        }
        #expect(spared > 0)
    }

    /// Of two values that are UTF-8 only together neither is one.
    @Test func charactersMayNotLieAcrossTexts() throws {
        for (bytes, lengths, isRight) in [
            (Array("é1é2".utf8), [3, 3], true), (Array("é1é2".utf8), [1, 5], false),
            ([0xc3], [1, 0], false), ([0xc3, 0xa9], [0, 2], true),
        ] {
            var plain = ByteWriter()
            plain.byte(3)
            plain.varints(lengths)
            plain.bytes(bytes)
            #expect(try Self.read(plain.bytes, count: lengths.count).areUTF8 == isRight)
            var parts = ByteWriter()
            parts.byte(2)
            parts.varints([1, 3])
            parts.bytes(Array("x\u{11}y".utf8))
            parts.varints(lengths.map { _ in 0 } + [0])
            parts.varints(lengths)
            parts.bytes(bytes)
            #expect(try Self.read(parts.bytes, count: lengths.count).areUTF8 == isRight)
            guard bytes.count == 6 else { continue }
            // Of one length for all of them, which the first slot says.
            for (length, isRight) in [(2, false), (3, true)] {
                var equal = ByteWriter()
                equal.byte(2)
                equal.varints([1, 3])
                equal.bytes(Array("x\u{11}y".utf8))
                equal.varints((0..<6 / length).map { _ in 0 } + [2 * (length + 1)])
                equal.bytes(bytes)
                #expect(try Self.read(equal.bytes, count: 6 / length).areUTF8 == isRight)
            }
        }
        // What literal and value say together is what counts.
        var parts = ByteWriter()
        parts.byte(2)
        parts.varints([1, 3])
        parts.bytes([0x11, 0xa9, UInt8(ascii: "!")])
        parts.varints([0, 0, 4])
        parts.bytes([0xc3, 0xc3])
        let texts = try Self.read(parts.bytes, count: 2)
        #expect(texts.areUTF8 && Self.strings(texts.joined()) == ["é!", "é!"])
    }

    private static func read(_ column: [UInt8], count: Int) throws -> StoredTexts {
        var reader = ByteReader(column)
        var budget = Budget()
        return try StoredTexts(column, &reader, count: count, "texts", &budget)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func lengthsAddUp(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let lengths = (0..<Int.random(in: 0...100, using: &random)).map { _ in
            Int.random(in: 0..<(Bool.random(using: &random) ? 9 : 400), using: &random)
        }
        var writer = ByteWriter()
        writer.varints(lengths)
        let end = writer.count
        writer.bytes([UInt8](repeating: 0xff, count: 40_000))
        var reader = ByteReader(writer.bytes)
        let (range, sum) = try reader.lengths(lengths.count, "lengths")
        #expect(range == 0..<end && sum == lengths.reduce(0, +))
        writer.bytes.withUnsafeBytes { bytes in
            var offset = 0
            let first = lengths.count / 3
            #expect(
                Varint.sum(of: first, in: bytes, &offset) == lengths.prefix(first).reduce(0, +))
            #expect(
                Varint.sum(of: lengths.count - first, in: bytes, &offset)
                    == lengths.dropFirst(first).reduce(0, +))
            #expect(offset == end)
        }
        // What is longer than what is there is none.
        var short = ByteReader(writer.bytes, to: end)
        #expect(throws: FormatError.self) { try short.lengths(lengths.count + 1, "lengths") }
    }
}
