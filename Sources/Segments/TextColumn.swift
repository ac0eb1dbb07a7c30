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
/// A template is the text with each run of letters and digits that holds a digit replaced by the byte 0x11, a slot. Of each
/// template, slot by slot: the lengths of what its rows have there, and the bytes of these. A column of no rows has mode 3.
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
    /// By template: the number of its first variable, in a row of all templates' variables. One more than the templates.
    private var firstSlots: [Int] = [0]
    /// By row.
    private var templateOf: [Int] = []
    /// Those of one row after another: its template says how many.
    private var variables: [Variable] = []

    /// Where a variable lies in the source. Half as large as a range: a frame may have a million.
    private struct Variable {
        let start: UInt32
        let count: UInt32
    }

    /// Rows from which it is foretold how many variables there will be.
    private static let foretellingRows = 64

    /// nil where a text cannot be split, or where the split only costs: a few rows of each template at least.
    init?(_ source: [UInt8], _ ranges: [Range<Int>], sampledMax: Int) {
        guard source.count <= UInt32.max else { return nil }
        templateOf.reserveCapacity(ranges.count)
        var room = [UInt8](repeating: 0, count: ranges.reduce(0) { max($0, $1.count) })
        let isSplit = source.withUnsafeBytes { source in
            room.withUnsafeMutableBufferPointer { room in
                for range in ranges {
                    guard append(source, range, room) else { return false }
                    if templateOf.count == sampledMax, templates.count > sampledMax / 2 {
                        return false
                    }
                    if templateOf.count == Self.foretellingRows {
                        let rest = ranges.count / Self.foretellingRows * variables.count
                        variables.reserveCapacity(variables.count + rest)
                    }
                }
                return true
            }
        }
        guard isSplit, templates.count * 4 <= ranges.count else { return nil }
    }

    /// Splits one text. False where it cannot be split.
    ///
    /// - Parameter room: For a template, which has at most as many bytes as its text.
    private mutating func append(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>,
        _ room: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        let first = variables.count
        var template = RawWriter(UnsafeMutableRawBufferPointer(room))
        var isSplit = false
        variables.append(addingCapacity: TextColumn.variablesMax) { variables in
            isSplit = TextParts.split(source, range, into: &template, &variables)
        }
        guard isSplit else { return false }
        let bytes = room.span.extracting(..<template.count)
        let number = templates.intern(bytes)
        templateOf.append(number)
        if number == firstSlots.count - 1 {
            let holes = room[..<template.count].count { $0 == TextColumn.hole }
            firstSlots.append(firstSlots[number] + holes)
        }
        // A text that has the byte of a hole in it has more holes in its template than variables.
        return variables.count - first == firstSlots[number + 1] - firstSlots[number]
    }

    /// Splits one text. False where it has too many variables.
    private static func split(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>, into template: inout RawWriter,
        _ variables: inout OutputSpan<Variable>
    ) -> Bool {
        // Where the part begins that the template has as it stands.
        var literal = range.lowerBound
        var base = range.lowerBound
        while base < range.upperBound {
            var (digits, words) = digitsAndWords(source, base..<min(base + 64, range.upperBound))
            while digits != 0 {
                let digit = digits.trailingZeroBitCount
                let before = ~words & ((1 << UInt64(digit)) - 1)
                var start = base + 64 - before.leadingZeroBitCount
                var end = base + digit + (~(words >> UInt64(digit))).trailingZeroBitCount
                // It may begin before these bytes and end behind them.
                if start == base {
                    while start > literal, isWord(source[start - 1]) { start -= 1 }
                }
                if end == base + 64 {
                    while end < range.upperBound, isWord(source[end]) { end += 1 }
                }
                guard variables.count < TextColumn.variablesMax else { return false }
                template.bytes(source, literal..<start)
                template.byte(TextColumn.hole)
                variables.append(Variable(start: UInt32(start), count: UInt32(end - start)))
                literal = end
                digits &= ~0 << UInt64(end - base)
            }
            base = max(base + 64, literal)
        }
        template.bytes(source, literal..<range.upperBound)
        return true
    }

    /// A letter or a digit.
    @inline(__always)
    private static func isWord(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    /// Which of up to 64 bytes are digits, and which are letters or digits: a bit each, the first byte's the lowest.
    ///
    /// Eight bytes a step: what is found is marked in its highest bit, and no sum of two bytes below 128 reaches the next one.
    @inline(__always)
    private static func digitsAndWords(
        _ source: UnsafeRawBufferPointer, _ range: Range<Int>
    ) -> (digits: UInt64, words: UInt64) {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var (digits, words): (UInt64, UInt64) = (0, 0)
        var index = range.lowerBound
        while index < range.upperBound {
            let eight = eightBytes(source, index)
            let low = eight & ~tops
            let lowercase = low | (ones &* 0x20)
            let isDigit = (low &+ ones &* 0x50) & ~(low &+ ones &* 0x46) & ~eight & tops
            let isLetter =
                (lowercase &+ ones &* 0x1F) & ~(lowercase &+ ones &* 0x05) & ~eight & tops
            let place = UInt64(index - range.lowerBound)
            digits |= gathered(isDigit) &<< place
            words |= gathered(isDigit | isLetter) &<< place
            index += 8
        }
        let valid: UInt64 = range.count == 64 ? ~0 : (1 &<< UInt64(range.count)) &- 1
        return (digits & valid, words & valid)
    }

    /// The highest bits of eight bytes, side by side: the product has each of them, and no two in one place.
    @inline(__always)
    private static func gathered(_ marks: UInt64) -> UInt64 {
        ((marks >> 7) &* 0x0102_0408_1020_4080) >> 56
    }

    /// The bytes from `index` on, the first one lowest; zeros behind the end.
    @inline(__always)
    private static func eightBytes(_ source: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
        if index + 8 <= source.count {
            return UInt64(
                littleEndian: source.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        }
        var word: UInt64 = 0
        for (place, byte) in source[index...].enumerated() {
            word |= UInt64(byte) << (8 * UInt64(place))
        }
        return word
    }

    /// What is written of one variable of a template, of all its rows.
    private struct Slot {
        var lengths: RawWriter
        var bytes: RawWriter
    }

    func encode(_ source: [UInt8], _ writer: inout ByteWriter) {
        TextColumn.write(templates, &writer)
        writer.varints(templateOf)
        var sizes = [(lengths: Int, bytes: Int)](repeating: (0, 0), count: firstSlots.last!)
        forEachVariable { slot, variable in
            sizes[slot].lengths += Varint.byteCount(UInt64(variable.count))
            sizes[slot].bytes += Int(variable.count)
        }
        writer.append(atMost: sizes.reduce(0) { $0 + $1.lengths + $1.bytes }) { writer in
            var slots = sizes.map { size in
                Slot(lengths: writer.part(size.lengths), bytes: writer.part(size.bytes))
            }
            source.withUnsafeBytes { source in
                // The rows in their order: the source is read from its beginning to its end.
                forEachVariable { slot, variable in
                    let (start, count) = (Int(variable.start), Int(variable.count))
                    slots[slot].lengths.varint(count)
                    slots[slot].bytes.bytes(source, start..<start + count)
                }
            }
        }
    }

    /// Calls `body` with each variable and the number of its place in its template.
    @inline(__always)
    private func forEachVariable(_ body: (Int, Variable) -> Void) {
        var next = 0
        for template in templateOf {
            for slot in firstSlots[template]..<firstSlots[template + 1] {
                body(slot, variables[next])
                next += 1
            }
        }
    }
}

extension StoredTexts {
    /// No texts.
    init() { self.init([], count: 0, .plain(start: 0, ends: [])) }

    /// Reads a column of `count` rows, which has been checked against a limit. O(what is stored); the budget is charged for
    /// what that expands to.
    init(
        _ source: [UInt8], _ reader: inout ByteReader, count: Int, _ what: String,
        _ budget: inout Budget
    ) throws(FormatError) {
        let mode = try reader.byte(what)
        switch mode {
        case 0:
            let length = try reader.count(Limits.frameExpandedBytesMax, what)
            let range = try reader.range(length, what)
            let (total, isTooMuch) = length.multipliedReportingOverflow(by: count)
            try budget.charge(isTooMuch ? .max : total, reader, what)
            self.init(source, count: count, .same(range))
        case 1:
            let table = try reader.texts(what)
            let indexes = try reader.numbers(count, table.count - 1, what)
            var total = 0
            for index in indexes { total += table[Int(index)].count }
            try budget.charge(total, reader, what)
            self.init(source, count: count, .few(table, indexes: indexes))
        case 2:
            self.init(source, count: count, try reader.parts(source, count: count, what, &budget))
        case 3:
            let ranges = try reader.texts(count, what)
            let start = ranges.first?.lowerBound ?? 0
            try budget.charge((ranges.last?.upperBound ?? 0) - start, reader, what)
            self.init(source, count: count, .plain(start: start, ends: ranges.map(\.upperBound)))
        default: throw reader.malformed("\(what): expected a mode of 0 to 3, found \(mode)")
        }
    }
}

extension ByteReader {
    /// A dictionary: where its texts lie.
    mutating func texts(_ what: String) throws(FormatError) -> [Range<Int>] {
        try texts(try count(Limits.frameRowsMax, what), what)
    }

    fileprivate mutating func texts(
        _ count: Int, _ what: String
    ) throws(FormatError) -> [Range<Int>] {
        // Each takes a byte of what is there at least.
        guard count <= remaining else {
            throw malformed("\(what): \(count) texts, and the column ends")
        }
        let lengths = try numbers(count, remaining, what)
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(count)
        for length in lengths { ranges.append(try range(Int(length), what)) }
        return ranges
    }

    fileprivate mutating func parts(
        _ source: [UInt8], count: Int, _ what: String, _ budget: inout Budget
    ) throws(FormatError) -> StoredTexts.Form {
        let templates = try texts(what)
        let indexes = try numbers(count, templates.count - 1, what)
        var rowCounts = [Int](repeating: 0, count: templates.count)
        for index in indexes { rowCounts[Int(index)] += 1 }
        var decoded: [StoredTexts.Template] = []
        decoded.reserveCapacity(templates.count)
        var total = 0
        for (template, rows) in zip(templates, rowCounts) {
            let literals = Self.literals(source, template)
            try budget.charge(48 * literals.count, self, what)
            var slots: [StoredTexts.Slot] = []
            total += (template.count - literals.count + 1) * rows
            // Of a template that no row has, nothing is written but itself.
            for _ in 1..<(rows > 0 ? literals.count : 1) {
                let (lengths, sum) = try lengths(rows, what)
                slots.append(
                    StoredTexts.Slot(lengths: lengths, bytes: try range(sum, what)))
                total += sum
            }
            decoded.append(StoredTexts.Template(literals: literals, slots: slots))
        }
        try budget.charge(total, self, what)
        return .parts(decoded, indexes: indexes)
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
