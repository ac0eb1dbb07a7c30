import Causality

/// A column of texts, in the form that takes least room before compression:
///
///     column    = mode u8, …
///     0 same    = text                                        every row has this text
///     1 few     = texts, [index*]                             a dictionary, and for each row an index
///     2 parts   = texts, [index*], form*, length*, bytes      templates, for each row one, and the variables of each
///                                                             template slot by slot: like with like
///     3 plain   = length*, bytes                              the texts one after another
///     texts     = count, length*, bytes
///     form      = 2 · (0 where its variables have lengths of their own, else their length plus 1), plus 1 where all are
///                 decimal digits
///
/// A template is the text with each run of letters and digits that holds a digit replaced by the byte 0x11, a slot. The slots
/// are those of each template that rows have, one template after another; each has a form, then lengths of their own for each
/// of its rows where it says so. Their bytes follow: first those of the slots of digits, then those of the others, slot by slot
/// and row by row. Templates that more rows have come first. A column of no rows has mode 3. The texts of events have their indexes elsewhere (FrameContent.swift).
struct TextColumn {
    private let source: [UInt8]
    private let ranges: [Range<Int>]
    private let form: Form

    private enum Form {
        case same(Range<Int>)
        case few(ByteTable, [Int])
        case parts(TextParts)
        case plain
    }

    static let hole: UInt8 = 0x11
    /// Variables of one text: one of more is not split.
    fileprivate static let variablesMax = 64
    /// Rows by which it is judged whether a dictionary pays.
    private static let sampledMax = 512
    /// The same for templates: programs have some hundreds, so that of few rows nearly each has one of its own.
    private static let templateSampleMax = 4_096

    /// The texts that lie at `ranges` of `source`. O(bytes).
    init(_ source: [UInt8], _ ranges: [Range<Int>]) {
        self.source = source
        self.ranges = ranges
        if let first = ranges.first, ranges.allSatisfy({ isSame(source, $0, first) }) {
            form = .same(first)
        } else if let (table, indexes) = Self.dictionary(source, ranges) {
            form = .few(table, indexes)
        } else if let parts = TextParts(source, ranges, sampledMax: Self.templateSampleMax) {
            form = .parts(parts)
        } else {
            form = .plain
        }
    }

    /// By row, the number of its text or template; nil where the column has no such table.
    var indexes: [Int]? {
        switch form {
        case .same, .plain: nil
        case .few(_, let indexes): indexes
        case .parts(let parts): parts.templateOf
        }
    }

    /// O(bytes).
    ///
    /// - Parameter hasIndexes: False where they are written elsewhere.
    func encode(_ writer: inout ByteWriter, hasIndexes: Bool = true) {
        switch form {
        case .same(let text):
            writer.byte(0)
            writer.varint(text.count)
            writer.bytes(source[text])
        case .few(let table, let indexes):
            writer.byte(1)
            TextColumn.write(table, &writer)
            writer.mark()
            if hasIndexes { writer.varints(indexes) }
        case .parts(let parts):
            writer.byte(2)
            TextColumn.write(parts.templates, &writer)
            writer.mark()
            if hasIndexes { writer.varints(parts.templateOf) }
            parts.encodeVariables(source, &writer)
        case .plain:
            writer.byte(3)
            writer.varints(ranges.map(\.count))
            for range in ranges { writer.bytes(source[range]) }
        }
    }

    /// The distinct texts, where they are few: at most one for four rows.
    private static func dictionary(
        _ source: [UInt8], _ ranges: [Range<Int>]
    ) -> (ByteTable, [Int])? {
        guard !ranges.isEmpty else { return nil }
        var table = ByteTable()
        var indexes: [Int] = []
        indexes.reserveCapacity(ranges.count)
        let span = source.span
        for range in ranges {
            indexes.append(table.intern(span.extracting(range)))
            if indexes.count == sampledMax, table.count > sampledMax / 2 { return nil }
        }
        return table.count * 4 <= ranges.count ? (table, indexes) : nil
    }

    private static func write(_ table: ByteTable, _ writer: inout ByteWriter) {
        writer.varint(table.count)
        writer.varints((0..<table.count).map { table.range($0).count })
        for index in 0..<table.count { writer.bytes(table[index]) }
    }
}

/// Numbers below `count`, those that are most often among some first; of two that are as often, the lower one.
func byFrequency(_ numbers: [Int], count: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: count)
    for number in numbers { counts[number] += 1 }
    return counts.indices.sorted { (-counts[$0], $0) < (-counts[$1], $1) }
}

/// Texts split into templates and variables.
private struct TextParts {
    private(set) var templates = ByteTable()
    /// By template: the number of its first variable, in a row of all templates' variables. One more than the templates.
    private var firstSlots: [Int] = [0]
    /// By row.
    private(set) var templateOf: [Int] = []
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
        guard !ranges.isEmpty, source.count <= UInt32.max else { return nil }
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
        sort()
    }

    /// Has the templates that most rows have come first: their numbers are shorter.
    private mutating func sort() {
        let order = byFrequency(templateOf, count: templates.count)
        var numbers = [Int](repeating: 0, count: order.count)
        let (old, slots) = (templates, firstSlots)
        (templates, firstSlots) = (ByteTable(), [0])
        for (number, template) in order.enumerated() {
            numbers[template] = number
            _ = templates.intern(Array(old[template]).span)
            firstSlots.append(firstSlots[number] + slots[template + 1] - slots[template])
        }
        templateOf = templateOf.map { numbers[$0] }
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

    /// What the variables of one slot have in common, and what they take.
    private struct Slot {
        var rows = 0
        /// Of the first.
        var length = 0
        var isOfOneLength = true
        var isOfDigits = true
        var byteCount = 0
        /// What the lengths take.
        var lengthsByteCount = 0

        mutating func take(_ source: UnsafeRawBufferPointer, _ variable: Variable) {
            let (start, count) = (Int(variable.start), Int(variable.count))
            if rows == 0 { length = count }
            rows += 1
            isOfOneLength = isOfOneLength && count == length
            isOfDigits =
                isOfDigits
                && source[start..<start + count].allSatisfy { $0 &- UInt8(ascii: "0") < 10 }
            byteCount += count
            lengthsByteCount += Varint.byteCount(UInt64(count))
        }

        /// As it is written.
        var form: Int { 2 * (isOfOneLength ? length + 1 : 0) + (isOfDigits ? 1 : 0) }
    }

    /// Writes what follows the templates and their indexes. O(bytes).
    func encodeVariables(_ source: [UInt8], _ writer: inout ByteWriter) {
        source.withUnsafeBytes { source in
            var slots = [Slot](repeating: Slot(), count: firstSlots.last!)
            forEachVariable { slot, variable in slots[slot].take(source, variable) }
            writer.mark()
            writer.varints(slots.map(\.form))
            var byteCounts = (lengths: 0, digits: 0, others: 0)
            for slot in slots {
                if !slot.isOfOneLength { byteCounts.lengths += slot.lengthsByteCount }
                if slot.isOfDigits { byteCounts.digits += slot.byteCount }
                if !slot.isOfDigits { byteCounts.others += slot.byteCount }
            }
            writer.mark()
            writer.mark(ahead: byteCounts.lengths)
            writer.mark(ahead: byteCounts.lengths + byteCounts.digits)
            let byteCount = byteCounts.lengths + byteCounts.digits + byteCounts.others
            writer.append(atMost: byteCount) { writer in
                // Parts that grow side by side: the source is read from its beginning to its end.
                var lengths = slots.map { writer.part($0.isOfOneLength ? 0 : $0.lengthsByteCount) }
                var bytes = lengths
                for isOfDigits in [true, false] {
                    for (number, slot) in slots.enumerated() where slot.isOfDigits == isOfDigits {
                        bytes[number] = writer.part(slot.byteCount)
                    }
                }
                forEachVariable { slot, variable in
                    let (start, count) = (Int(variable.start), Int(variable.count))
                    if !slots[slot].isOfOneLength { lengths[slot].varint(count) }
                    bytes[slot].bytes(source, start..<start + count)
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
    ///
    /// - Parameter indexes: By row, where they are written elsewhere; all 0 for a column that has no table.
    init(
        _ source: [UInt8], _ reader: inout ByteReader, count: Int, indexes: [UInt32]? = nil,
        _ what: String, _ budget: inout Budget
    ) throws(FormatError) {
        func checked(
            _ limit: Int, _ reader: inout ByteReader
        ) throws(FormatError) -> [UInt32] {
            guard let indexes else { return try reader.numbers(count, limit, what) }
            guard (indexes.max() ?? 0) <= limit else {
                throw reader.malformed("\(what): an index of what is not there")
            }
            return indexes
        }
        let mode = try reader.byte(what)
        switch mode {
        case 0:
            let length = try reader.count(Limits.frameExpandedBytesMax, what)
            let range = try reader.range(length, what)
            let (total, isTooMuch) = length.multipliedReportingOverflow(by: count)
            try budget.charge(isTooMuch ? .max : total, reader, what)
            if indexes != nil { _ = try checked(0, &reader) }
            self.init(source, count: count, .same(range))
        case 1:
            let table = try reader.texts(what)
            let indexes = try checked(table.count - 1, &reader)
            var total = 0
            for index in indexes { total += table[Int(index)].count }
            try budget.charge(total, reader, what)
            self.init(source, count: count, .few(table, indexes: indexes))
        case 2:
            let templates = try reader.texts(what)
            let indexes = try checked(templates.count - 1, &reader)
            self.init(
                source, count: count,
                .parts(try reader.parts(source, templates, indexes, what, &budget)))
        case 3:
            let ranges = try reader.texts(count, what)
            let start = ranges.first?.lowerBound ?? 0
            try budget.charge((ranges.last?.upperBound ?? 0) - start, reader, what)
            if indexes != nil { _ = try checked(0, &reader) }
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

    /// The variables of templates, and both together.
    fileprivate mutating func parts(
        _ source: [UInt8], _ templates: [Range<Int>], _ indexes: [UInt32], _ what: String,
        _ budget: inout Budget
    ) throws(FormatError) -> StoredTexts.Parts {
        var rowCounts = [Int](repeating: 0, count: templates.count)
        for index in indexes { rowCounts[Int(index)] += 1 }
        var literals: [Range<Int>] = []
        var (firsts, firstSlots, rows): ([Int], [Int], [Int]) = ([0], [0], [])
        var total = 0
        for (template, count) in zip(templates, rowCounts) {
            let first = literals.count
            Self.appendLiterals(source, template, to: &literals)
            let holes = literals.count - first - 1
            try budget.charge(48 * (holes + 1), self, what)
            total += (template.count - holes) * count
            // Of a template that no row has, nothing is written but itself.
            if count > 0 { rows += repeatElement(count, count: holes) }
            firsts.append(literals.count)
            firstSlots.append(rows.count)
        }
        let (slots, values) = try slots(rows, what)
        try budget.charge(total + values.count, self, what)
        let texts = (templates.first?.lowerBound ?? 0)..<(templates.last?.upperBound ?? 0)
        return StoredTexts.Parts(
            literals: literals, firstLiterals: firsts, slots: slots, firstSlots: firstSlots,
            indexes: indexes, texts: texts, values: values)
    }

    /// The slots, each of so many rows, and where all their bytes lie.
    private mutating func slots(
        _ rows: [Int], _ what: String
    ) throws(FormatError) -> ([StoredTexts.Slot], Range<Int>) {
        // Each takes a byte of what is there at least.
        guard rows.count <= remaining else {
            throw malformed("\(what): \(rows.count) slots, and the column ends")
        }
        let forms = try numbers(rows.count, 2 * Limits.frameExpandedBytesMax + 3, what)
        var slots: [StoredTexts.Slot] = []
        slots.reserveCapacity(rows.count)
        var sums: [Int] = []
        sums.reserveCapacity(rows.count)
        for (form, rows) in zip(forms, rows) {
            guard form < 2 else {
                let length = Int(form / 2 - 1)
                slots.append(StoredTexts.Slot(lengths: .all(length)))
                sums.append(length * rows)
                continue
            }
            let (lengths, sum) = try lengths(rows, what)
            slots.append(StoredTexts.Slot(lengths: .each(lengths)))
            sums.append(sum)
        }
        let start = offset
        for digits: UInt32 in [1, 0] {
            for number in slots.indices where forms[number] & 1 == digits {
                slots[number].bytes = try range(sums[number], what)
            }
        }
        return (slots, start..<offset)
    }

    /// The parts of a template between its holes: one more than these.
    private static func appendLiterals(
        _ source: [UInt8], _ template: Range<Int>, to literals: inout [Range<Int>]
    ) {
        var start = template.lowerBound
        for at in template where source[at] == TextColumn.hole {
            literals.append(start..<at)
            start = at + 1
        }
        literals.append(start..<template.upperBound)
    }
}
