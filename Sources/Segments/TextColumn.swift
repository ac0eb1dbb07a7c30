import Causality

/// A column of texts, in the form that takes least room before compression:
///
///     column    = mode u8, …
///     0 same    = text                                        every row has this text
///     1 few     = texts, index*                               a dictionary, and for each row an index
///     2 parts   = texts, index*, (length*, bytes)*            templates, for each row one, and the variables of each
///                                                             template slot by slot: like with like
///     3 plain   = length*, bytes                              the texts one after another
///     texts     = count, length*, bytes
///
/// A template is the text with each run of letters and digits that holds a digit replaced by the byte 0x11.
struct TextColumn {
    private let source: [UInt8]
    private let ranges: [Range<Int>]

    static let hole: UInt8 = 0x11
    /// Variables of one text: one of more is not split.
    fileprivate static let variablesMax = 64
    /// Rows by which it is judged whether a dictionary pays.
    private static let sampledMax = 512
    /// The same for templates: programs have some hundreds, so that of few rows nearly each has one of its own.
    private static let templateSampleMax = 4_096

    /// The texts that lie at `ranges` of `source`.
    init(_ source: [UInt8], _ ranges: [Range<Int>]) {
        self.source = source
        self.ranges = ranges
    }

    /// O(bytes).
    func encode(_ writer: inout ByteWriter) {
        guard let first = ranges.first else { return writer.byte(3) }
        if ranges.allSatisfy({ isSame(source, $0, first) }) {
            writer.byte(0)
            writer.varint(first.count)
            writer.bytes(source[first])
            return
        }
        if let (table, indexes) = dictionary() {
            writer.byte(1)
            TextColumn.write(table, &writer)
            writer.varints(indexes)
        } else if let parts = TextParts(source, ranges, sampledMax: Self.templateSampleMax) {
            writer.byte(2)
            parts.encode(source, &writer)
        } else {
            writer.byte(3)
            writer.varints(ranges.map(\.count))
            for range in ranges { writer.bytes(source[range]) }
        }
    }

    /// The distinct texts, where they are few: at most one for four rows.
    private func dictionary() -> (ByteTable, [Int])? {
        var table = ByteTable()
        var indexes: [Int] = []
        indexes.reserveCapacity(ranges.count)
        let span = source.span
        for range in ranges {
            indexes.append(table.intern(span.extracting(range)))
            if indexes.count == Self.sampledMax, table.count > Self.sampledMax / 2 { return nil }
        }
        return table.count * 4 <= ranges.count ? (table, indexes) : nil
    }

    static func write(_ table: ByteTable, _ writer: inout ByteWriter) {
        writer.varint(table.count)
        writer.varints((0..<table.count).map { table.range($0).count })
        for index in 0..<table.count { writer.bytes(table[index]) }
    }
}

/// Texts split into templates and variables.
private struct TextParts {
    private var templates = ByteTable()
    /// By row.
    private var templateOf: [Int] = []
    private var variableStarts: [Int] = [0]
    /// Where the variables of the rows lie in the source.
    private var variables: [Range<Int>] = []

    /// nil where a text cannot be split, or where the split only costs: a few rows of each template at least.
    init?(_ source: [UInt8], _ ranges: [Range<Int>], sampledMax: Int) {
        templateOf.reserveCapacity(ranges.count)
        variableStarts.reserveCapacity(ranges.count + 1)
        var room = [UInt8](repeating: 0, count: ranges.reduce(0) { max($0, $1.count) })
        for range in ranges {
            let length = source.withUnsafeBytes { source in
                room.withUnsafeMutableBytes { room -> Int? in
                    var template = RawWriter(room)
                    return split(source, range, into: &template) ? template.count : nil
                }
            }
            guard let length else { return nil }
            templateOf.append(templates.intern(room.span.extracting(..<length)))
            variableStarts.append(variables.count)
            if templateOf.count == sampledMax, templates.count > sampledMax / 2 { return nil }
        }
        guard templates.count * 4 <= ranges.count else { return nil }
    }

    /// Splits one text; the template has at most as many bytes. False where it cannot be split.
    private mutating func split(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>, into template: inout RawWriter
    ) -> Bool {
        let first = variables.count
        // Where the part begins that the template has as it stands.
        var literal = range.lowerBound
        while let digit = TextParts.digitOrHole(source, literal..<range.upperBound) {
            if source[digit] == TextColumn.hole { return false }
            var (start, end) = (digit, digit + 1)
            while start > literal, TextParts.isWord(source[start - 1]) { start -= 1 }
            while end < range.upperBound, TextParts.isWord(source[end]) { end += 1 }
            template.bytes(source, literal..<start)
            template.byte(TextColumn.hole)
            variables.append(start..<end)
            literal = end
        }
        if literal < range.upperBound { template.bytes(source, literal..<range.upperBound) }
        return variables.count - first <= TextColumn.variablesMax
    }

    /// A letter or a digit.
    @inline(__always)
    private static func isWord(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// The first digit or hole in a part; nil where there is none. Eight bytes a step: what is found is marked in its highest
    /// bit, and no sum of two bytes below 128 reaches the next one.
    @inline(__always)
    private static func digitOrHole(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>
    ) -> Int? {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var index = range.lowerBound
        while index < range.upperBound {
            var word: UInt64 = 0
            if index + 8 <= source.count {
                word = UInt64(
                    littleEndian: source.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            } else {
                for (place, byte) in source[index...].enumerated() {
                    word |= UInt64(byte) << (8 * UInt64(place))
                }
            }
            let low = word & ~tops
            let digits = (low &+ ones &* 0x50) & ~(low &+ ones &* 0x46) & ~word
            let others = word ^ (ones &* UInt64(TextColumn.hole))
            let holes = ~(((others & ~tops) &+ ones &* 0x7F) | others)
            let found = (digits | holes) & tops
            if found != 0 {
                let place = index + found.trailingZeroBitCount / 8
                return place < range.upperBound ? place : nil
            }
            index += 8
        }
        return nil
    }

    func encode(_ source: [UInt8], _ writer: inout ByteWriter) {
        TextColumn.write(templates, &writer)
        writer.varints(templateOf)
        // The rows of each template, together.
        var starts = [Int](repeating: 0, count: templates.count + 1)
        for index in templateOf { starts[index + 1] += 1 }
        for index in 0..<templates.count { starts[index + 1] += starts[index] }
        var next = starts
        var rows = [Int](repeating: 0, count: templateOf.count)
        for (row, index) in templateOf.enumerated() {
            rows[next[index]] = row
            next[index] += 1
        }
        let size = variables.reduce(16) { $0 + $1.count + Varint.byteCount(UInt64($1.count)) }
        writer.append(atMost: size + Varint.bytesMax) { writer in
            source.withUnsafeBytes { source in
                for template in 0..<templates.count {
                    let own = rows[starts[template]..<starts[template + 1]]
                    guard let first = own.first else { continue }
                    for slot in 0..<(variableStarts[first + 1] - variableStarts[first]) {
                        for row in own {
                            writer.varint(variables[variableStarts[row] + slot].count)
                        }
                        for row in own {
                            writer.bytes(source, variables[variableStarts[row] + slot])
                        }
                    }
                }
            }
        }
    }
}

/// Texts of a column, as they were decoded: one after another.
struct DecodedTexts {
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [Int] = []

    /// No texts.
    init() {}

    subscript(index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    /// Reads a column of `count` rows, which has been checked against a limit.
    init(
        _ source: [UInt8], _ reader: inout ByteReader, count: Int, _ what: String,
        _ budget: inout Budget
    ) throws(FormatError) {
        ends.reserveCapacity(count)
        let mode = try reader.byte(what)
        switch mode {
        case 0:
            let length = try reader.count(Limits.frameExpandedBytesMax, what)
            let range = try reader.range(length, what)
            let (total, isTooMuch) = length.multipliedReportingOverflow(by: count)
            try budget.charge(isTooMuch ? .max : total, reader, what)
            for _ in 0..<count { append(source[range]) }
        case 1:
            let table = try DecodedTexts.texts(&reader, what)
            let indexes = try DecodedTexts.indexes(&reader, count: count, below: table.count, what)
            var total = 0
            for index in indexes { total += table[index].count }
            try budget.charge(total, reader, what)
            for index in indexes { append(source[table[index]]) }
        case 2: try join(source, &reader, count: count, what, &budget)
        case 3:
            let ranges = try DecodedTexts.plain(&reader, count: count, what)
            try budget.charge(ranges.reduce(0) { $0 + $1.count }, reader, what)
            for range in ranges { append(source[range]) }
        default: throw reader.malformed("\(what): expected a mode of 0 to 3, found \(mode)")
        }
    }

    private mutating func append(_ text: ArraySlice<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
    }

    /// A dictionary: where its texts lie.
    static func texts(
        _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> [Range<Int>] {
        try plain(&reader, count: try reader.count(Limits.frameRowsMax, what), what)
    }

    private static func plain(
        _ reader: inout ByteReader, count: Int, _ what: String
    ) throws(FormatError) -> [Range<Int>] {
        // Each takes a byte of what is there at least.
        guard count <= reader.remaining else {
            throw reader.malformed("\(what): \(count) texts, and the column ends")
        }
        var lengths: [Int] = []
        lengths.reserveCapacity(count)
        for _ in 0..<count { lengths.append(try reader.count(reader.remaining, what)) }
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(count)
        for length in lengths { ranges.append(try reader.range(length, what)) }
        return ranges
    }

    static func indexes(
        _ reader: inout ByteReader, count: Int, below limit: Int, _ what: String
    ) throws(FormatError) -> [Int] {
        guard count <= reader.remaining, limit > 0 || count == 0 else {
            throw reader.malformed("\(what): \(count) rows, and the column ends")
        }
        var indexes: [Int] = []
        indexes.reserveCapacity(count)
        for _ in 0..<count { indexes.append(try reader.count(limit - 1, what)) }
        return indexes
    }

    private mutating func join(
        _ source: [UInt8], _ reader: inout ByteReader, count: Int, _ what: String,
        _ budget: inout Budget
    ) throws(FormatError) {
        let templates = try DecodedTexts.texts(&reader, what)
        let indexes = try DecodedTexts.indexes(&reader, count: count, below: templates.count, what)
        var rowCounts = [Int](repeating: 0, count: templates.count)
        for index in indexes { rowCounts[index] += 1 }
        // By template: its text between the holes, and where its values begin, of each slot one for each row of the template.
        var literals: [[Range<Int>]] = []
        var firsts: [Int] = []
        var values: [Range<Int>] = []
        var total = 0
        for (template, rows) in zip(templates, rowCounts) {
            firsts.append(values.count)
            literals.append(DecodedTexts.literals(source, template))
            let slots = literals.last!.count - 1
            total += (template.count - slots) * rows
            guard rows > 0 else { continue }
            for _ in 0..<slots {
                let column = try DecodedTexts.plain(&reader, count: rows, what)
                try budget.charge(16 * rows, reader, what)
                total += column.reduce(0) { $0 + $1.count }
                values += column
            }
        }
        try budget.charge(total, reader, what)
        var next = [Int](repeating: 0, count: templates.count)
        // With room for what the writer writes too much, and over again.
        bytes = [UInt8](unsafeUninitializedCapacity: total + 16) { room, count in
            var writer = RawWriter(UnsafeMutableRawBufferPointer(room))
            source.withUnsafeBytes { source in
                for index in indexes {
                    var place = firsts[index] + next[index]
                    next[index] += 1
                    writer.bytes(source, literals[index][0])
                    for literal in literals[index].dropFirst() {
                        writer.bytes(source, values[place])
                        writer.bytes(source, literal)
                        place += rowCounts[index]
                    }
                    ends.append(writer.count)
                }
            }
            count = writer.count
        }
    }

    /// The parts of a template between its holes: one more than these.
    private static func literals(_ source: [UInt8], _ template: Range<Int>) -> [Range<Int>] {
        var literals: [Range<Int>] = []
        var start = template.lowerBound
        for at in template where source[at] == TextColumn.hole {
            literals.append(start..<at)
            start = at + 1
        }
        literals.append(start..<template.upperBound)
        return literals
    }
}
