import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct TextColumnTests {
    @Test(
        "a column in parts is what a slow model writes, and reads as it was",
        arguments: (0..<40) as Range<UInt64>)
    func parts(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        // Words and gaps that end before, at and behind each multiple of eight bytes.
        func text(_ count: Int, of alphabet: String) -> String {
            String((0..<count).map { _ in alphabet.randomElement(using: &random)! })
        }
        let templates = (0..<5).map { _ in
            (0..<Int.random(in: 1...12, using: &random)).map { _ in
                text(
                    Int.random(in: 0...70, using: &random),
                    of: Bool.random(using: &random) ? "azAZ" : "azAZ@[`{/: é")
            }
        }
        let texts = (0..<200).map { row -> String in
            let literals = templates[row % templates.count]
            return literals.dropFirst().reduce(literals[0]) {
                // Some of one length, some of them with a letter.
                let count = $0.count % 3 == 0 ? 5 : Int.random(in: 1...70, using: &random)
                return $0 + text(count, of: count % 7 == 0 ? "0123456789a" : "0123456789") + $1
            }
        }
        let expected = try #require(SlowColumn.parts(texts.map { Array($0.utf8) }))
        let (source, encoded) = Self.encoded(texts)
        #expect(encoded == expected)
        #expect(try Self.decoded(encoded, texts.count) == source)
    }

    @Test(
        "a text that cannot be split leaves the column plain",
        arguments: [
            "\u{11}", "a\u{11}b", "x \u{11}", "x 5 \u{11}",
            (0..<65).map { "\($0)" }.joined(separator: " "),
        ])
    func unsplit(text: String) throws {
        let texts = (0..<100).map { "x \($0)" } + [text] + (0..<100).map { "x \($0) y \($0)" }
        let (source, encoded) = Self.encoded(texts)
        #expect(encoded.first == 3)
        #expect(try Self.decoded(encoded, texts.count) == source)
    }

    private static func encoded(_ texts: [String]) -> (source: [UInt8], column: [UInt8]) {
        var source: [UInt8] = []
        var ranges: [Range<Int>] = []
        for text in texts {
            let start = source.count
            source += Array(text.utf8)
            ranges.append(start..<source.count)
        }
        var writer = ByteWriter()
        TextColumn(source, ranges).encode(&writer)
        return (source, writer.bytes)
    }

    private static func decoded(_ column: [UInt8], _ count: Int) throws -> [UInt8] {
        var reader = ByteReader(column)
        var budget = Budget()
        return try StoredTexts(column, &reader, count: count, "texts", &budget).joined().bytes
    }
}

/// The grammar of a column in parts, word for word.
private enum SlowColumn {
    /// nil where the texts are not to be split.
    static func parts(_ texts: [[UInt8]]) -> [UInt8]? {
        let rows = texts.map { split($0) }
        var templates: [[UInt8]] = []
        for row in rows where !templates.contains(row.template) { templates.append(row.template) }
        guard templates.count * 4 <= texts.count else { return nil }
        let counts = templates.map { template in rows.count { $0.template == template } }
        templates = templates.indices.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
            .map { templates[$0] }
        var writer = ByteWriter()
        writer.byte(2)
        writer.varint(templates.count)
        writer.varints(templates.map(\.count))
        for template in templates { writer.bytes(template) }
        writer.varints(rows.map { row in templates.firstIndex(of: row.template)! })
        let slots = templates.flatMap { template in
            let own = rows.filter { $0.template == template }.map(\.variables)
            return own[0].indices.map { slot in own.map { $0[slot] } }
        }
        func areDigits(_ slot: [[UInt8]]) -> Bool {
            slot.allSatisfy { $0.allSatisfy { (48...57).contains($0) } }
        }
        func areOfOneLength(_ slot: [[UInt8]]) -> Bool { Set(slot.map(\.count)).count == 1 }
        for slot in slots {
            let length = areOfOneLength(slot) ? slot[0].count + 1 : 0
            writer.varint(2 * length + (areDigits(slot) ? 1 : 0))
        }
        for slot in slots where !areOfOneLength(slot) { writer.varints(slot.map(\.count)) }
        for slot in slots where areDigits(slot) { for value in slot { writer.bytes(value) } }
        for slot in slots where !areDigits(slot) { for value in slot { writer.bytes(value) } }
        return writer.bytes
    }

    /// A template has each run of letters and digits that holds a digit replaced.
    private static func split(_ text: [UInt8]) -> (template: [UInt8], variables: [[UInt8]]) {
        var (template, variables, word): ([UInt8], [[UInt8]], [UInt8]) = ([], [], [])
        for byte in text + [0] {
            let character = Character(Unicode.Scalar(byte))
            if character.isASCII, character.isLetter || character.isNumber {
                word.append(byte)
                continue
            }
            if word.contains(where: { (48...57).contains($0) }) {
                template.append(TextColumn.hole)
                variables.append(word)
            } else {
                template += word
            }
            word = []
            template.append(byte)
        }
        return (Array(template.dropLast()), variables)
    }
}
