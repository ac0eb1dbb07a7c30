import Causality

/// The content section of a frame: what its events say, row by row in the frame's order.
///
///     content    = forms, texts, values
///     forms      = names, keys, shapes, table, form*
///     names      = texts (TextColumn.swift): the distinct names, in the order of their bytes
///     keys       = texts: the distinct keys of attributes, the same
///     shapes     = count, (count, twice the key's number, plus 1 where the value is JSON)*: which attributes rows have, in
///                  their order
///     table      = count, name*, level u8*, shape*, text*    forms: what the rows that one place of a program wrote have in
///                  common: the number of a name, a level, the number of a shape, and that of a text or template in the column
///                  of the texts, 0 where that has none, as a difference to the one before it (zigzag)
///     form       = for each row the number of its form; those that most rows have come first. Where the count is 0, each row
///                  has a form of its own, and no numbers follow
///     texts      = a text column without indexes
///     values     = a text column for each key and type that a row has, ascending: the values, in the order of rows
struct FrameContent {
    private let batch: EventBatch
    private let names: SortedTable
    private let keys: SortedTable
    private let texts: TextColumn
    /// Each as it is written.
    private let shapes: ByteTable
    /// By twice the number of a key, plus 1 for JSON: where the values lie.
    private let values: [[Range<Int>]]
    private let forms: RowForms

    /// O(what the rows say).
    init(_ batch: EventBatch, _ frame: FrameRows) {
        self.batch = batch
        var isNamed = [Bool](repeating: false, count: batch.names.count)
        var isKey = [Bool](repeating: false, count: batch.keys.count)
        for row in frame.rows {
            isNamed[Int(batch.nameNumbers[row])] = true
            for index in batch.attributeStarts[row]..<batch.attributeStarts[row + 1] {
                isKey[Int(batch.attributes[index].key)] = true
            }
        }
        let names = SortedTable(batch.names, isNamed)
        keys = SortedTable(batch.keys, isKey)
        texts = TextColumn(batch.content, frame.rows.map { batch.text($0) })
        var shaped = RowShapes(batch, keys)
        var forms = RowForms(count: frame.rows.count)
        let indexes = texts.indexes
        for (place, row) in frame.rows.enumerated() {
            forms.append(
                RowForm(
                    name: UInt32(names.numbers[Int(batch.nameNumbers[row])]),
                    level: batch.levels[row], shape: UInt32(shaped.shape(of: row)),
                    text: UInt32(indexes?[place] ?? 0)))
        }
        self.names = names
        shapes = shaped.shapes
        values = shaped.values
        self.forms = forms
    }

    func encode() -> [UInt8] {
        var writer = ByteWriter()
        for column in RowColumn.content { encode(column, &writer) }
        return writer.bytes
    }

    /// One column, as it is in the section.
    func encode(_ column: RowColumn, _ writer: inout ByteWriter) {
        switch column {
        case .forms:
            names.write(&writer)
            keys.write(&writer)
            writer.varint(shapes.count)
            for shape in 0..<shapes.count { writer.bytes(shapes[shape]) }
            forms.write(&writer)
        case .texts: texts.encode(&writer, hasIndexes: false)
        case .values:
            for column in values where !column.isEmpty {
                writer.mark()
                TextColumn(batch.content, column).encode(&writer)
            }
        case .tables, .sequences, .kinds, .times, .changes, .causes:
            preconditionFailure("a column of the order")
        }
    }
}

/// The entries of a table that are used, in the order of their bytes.
private struct SortedTable {
    private let table: ByteTable
    private let sorted: [Int]
    /// By the old number of an entry: the new one.
    let numbers: [Int]

    var count: Int { sorted.count }

    init(_ table: ByteTable, _ isUsed: [Bool]) {
        self.table = table
        sorted = isUsed.indices.filter { isUsed[$0] }
            .sorted { table[$0].lexicographicallyPrecedes(table[$1]) }
        var numbers = [Int](repeating: 0, count: table.count)
        for (place, number) in sorted.enumerated() { numbers[number] = place }
        self.numbers = numbers
    }

    func write(_ writer: inout ByteWriter) {
        writer.varint(sorted.count)
        writer.varints(sorted.map { table.range($0).count })
        for number in sorted { writer.bytes(table[number]) }
    }
}

/// Which attributes rows have, and where the values of these lie.
private struct RowShapes {
    private let batch: EventBatch
    private let keys: SortedTable
    /// Each as it is written: rows have few.
    private(set) var shapes = ByteTable()
    private(set) var values: [[Range<Int>]]
    private var shape = ByteWriter()
    /// That of rows without attributes.
    private var without: Int?

    init(_ batch: EventBatch, _ keys: SortedTable) {
        self.batch = batch
        self.keys = keys
        values = Array(repeating: [], count: 2 * keys.count)
    }

    /// The number of the shape of the next row.
    mutating func shape(of row: Int) -> Int {
        let range = batch.attributeStarts[row]..<batch.attributeStarts[row + 1]
        if range.isEmpty, let without { return without }
        shape.removeAll(keepingCapacity: true)
        shape.varint(range.count)
        for index in range {
            let attribute = batch.attributes[index]
            let column = 2 * keys.numbers[Int(attribute.key)] + (attribute.isJSON ? 1 : 0)
            values[column].append(batch.value(index, ofRow: row))
            shape.varint(column)
        }
        let bytes = shape.bytes
        let number = shapes.intern(bytes.span)
        if range.isEmpty { without = number }
        return number
    }
}

/// What rows have in common that one place of a program wrote.
private struct RowForm: Hashable {
    var name: UInt32
    var level: UInt8
    var shape: UInt32
    var text: UInt32
}

/// The forms of rows.
private struct RowForms {
    private var forms: [RowForm] = []
    private var formOf: [Int] = []
    private var numbers: [RowForm: Int] = [:]
    /// By text: the form of the last row that has it, which the next one has too more often than not.
    private var lasts: [Int] = []

    init(count: Int) { formOf.reserveCapacity(count) }

    mutating func append(_ form: RowForm) {
        let text = Int(form.text)
        while lasts.count <= text { lasts.append(-1) }
        var number = lasts[text]
        if number < 0 || forms[number] != form {
            number = numbers[form] ?? forms.count
            if number == forms.count {
                numbers[form] = number
                forms.append(form)
            }
            lasts[text] = number
        }
        formOf.append(number)
    }

    func write(_ writer: inout ByteWriter) {
        // Of rows that have little in common, a table only costs.
        guard forms.count * 2 <= formOf.count else {
            writer.varint(0)
            return RowForms.write(formOf.map { forms[$0] }, &writer)
        }
        let sorted = byFrequency(formOf, count: forms.count)
        var places = [Int](repeating: 0, count: forms.count)
        for (place, number) in sorted.enumerated() { places[number] = place }
        writer.varint(forms.count)
        RowForms.write(sorted.map { forms[$0] }, &writer)
        writer.mark()
        writer.varints(formOf.map { places[$0] })
    }

    private static func write(_ forms: [RowForm], _ writer: inout ByteWriter) {
        writer.mark()
        writer.varints(forms.map { Int($0.name) })
        writer.mark()
        writer.bytes(forms.map(\.level))
        writer.mark()
        writer.varints(forms.map { Int($0.shape) })
        var last: Int64 = 0
        writer.zigzags(
            forms.map { form in
                defer { last = Int64(form.text) }
                return Int64(form.text) - last
            })
    }
}

/// What a content section says, checked.
private struct DecodedContent {
    /// Where names and keys lie.
    private(set) var tableSource: [UInt8] = []
    private(set) var names: [Range<Int>] = []
    private(set) var texts = StoredTexts()
    private(set) var keys: [Range<Int>] = []
    private(set) var shapes: [[Int]] = []
    private(set) var forms: [ContentColumns.Form] = []
    private(set) var formOf: [UInt32] = []
    /// By column.
    private(set) var values: [StoredTexts?] = []
    /// By row: its text or template, 0 where these have no numbers.
    private var textOf: [UInt32] = []
    /// By column: how many values it has.
    private var valueCounts: [Int] = []

    /// Reads a content section of `rowCount` rows, which has been checked against a limit. O(what is stored).
    init(_ bytes: [UInt8], rowCount: Int, _ budget: inout Budget) throws(FormatError) {
        var reader = ByteReader(bytes)
        for column in RowColumn.content {
            try read(column, bytes, &reader, rowCount, &budget)
        }
        try reader.expectEnd("content section")
        try checkText(reader)
    }

    /// Reads the columns of the content, each by itself; all of them, or only some, of which those of the forms are one.
    init(
        columns: [RowColumn: [UInt8]], rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        for column in RowColumn.content {
            guard let bytes = columns[column] else {
                guard column != .forms else {
                    throw FormatError(what: "\(column): the column is missing", offset: 0)
                }
                continue
            }
            var reader = ByteReader(bytes)
            try read(column, bytes, &reader, rowCount, &budget)
            try reader.expectEnd("\(column)")
        }
        try checkText(ByteReader([]))
    }

    private mutating func read(
        _ column: RowColumn, _ bytes: [UInt8], _ reader: inout ByteReader, _ rowCount: Int,
        _ budget: inout Budget
    ) throws(FormatError) {
        switch column {
        case .forms:
            tableSource = bytes
            names = try reader.texts("names")
            try DecodedContent.check(names, mayBeEmpty: true, bytes, reader, "name")
            keys = try reader.texts("keys")
            try DecodedContent.check(keys, mayBeEmpty: false, bytes, reader, "attribute key")
            try readShapes(&reader, rowCount, &budget)
            try readForms(&reader, rowCount, &budget)
        case .texts:
            texts = try StoredTexts(
                bytes, &reader, count: rowCount, indexes: textOf, "texts", &budget)
        default:
            values = Array(repeating: nil, count: valueCounts.count)
            for (column, count) in valueCounts.enumerated() where count > 0 {
                values[column] = try StoredTexts(
                    bytes, &reader, count: count, "values of an attribute", &budget)
            }
        }
    }

    private mutating func readShapes(
        _ reader: inout ByteReader, _ rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        for _ in 0..<(try reader.count(rowCount, "shapes")) {
            var shape: [Int] = []
            for _ in 0..<(try reader.count(Causality.Limits.attributesMax, "attributes")) {
                guard !keys.isEmpty else { throw reader.malformed("attributes: no key is named") }
                shape.append(try reader.count(2 * keys.count - 1, "attribute"))
            }
            try budget.charge(32 + 8 * shape.count, reader, "shapes")
            shapes.append(shape)
        }
    }

    private mutating func readForms(
        _ reader: inout ByteReader, _ rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        let count = try reader.count(rowCount, "forms")
        let formCount = count == 0 ? rowCount : count
        let names = try reader.numbers(formCount, names.count - 1, "names")
        let levels = try reader.bytes(formCount, "levels")
        for level in levels where level != 0 && Level(rawValue: level) == nil {
            throw reader.malformed("levels: \(level) is none")
        }
        let shapeNumbers = try reader.numbers(formCount, shapes.count - 1, "shapes")
        var texts: [UInt32] = []
        texts.reserveCapacity(formCount)
        for _ in 0..<formCount {
            let difference = try reader.zigzag("text of a form")
            let (text, isTooFar) = Int64(texts.last ?? 0).addingReportingOverflow(difference)
            guard !isTooFar, (0...Int64(Limits.frameRowsMax)).contains(text) else {
                throw reader.malformed("text of a form: \(difference) from the one before it")
            }
            texts.append(UInt32(text))
        }
        forms = names.indices.map {
            ContentColumns.Form(name: names[$0], level: levels[$0], shape: shapeNumbers[$0])
        }
        if count == 0 {
            (formOf, textOf) = (Array(0..<UInt32(rowCount)), texts)
        } else {
            formOf = try reader.numbers(rowCount, count - 1, "forms")
            textOf = formOf.map { texts[Int($0)] }
        }
        valueCounts = Array(repeating: 0, count: 2 * keys.count)
        guard !keys.isEmpty else { return }
        var rowCounts = [Int](repeating: 0, count: formCount)
        for form in formOf { rowCounts[Int(form)] += 1 }
        for (form, count) in zip(forms, rowCounts) {
            let columns = shapes[Int(form.shape)]
            try budget.charge(EventCost.attribute * columns.count * count, reader, "attributes")
            for column in columns { valueCounts[column] += count }
        }
    }

    private static func check(
        _ texts: [Range<Int>], mayBeEmpty: Bool, _ source: [UInt8], _ reader: ByteReader,
        _ what: String
    ) throws(FormatError) {
        for range in texts {
            guard range.count <= Causality.Limits.nameBytesMax, mayBeEmpty || !range.isEmpty,
                !source[range].contains(0)
            else {
                throw reader.malformed(
                    "\(what): expected at most \(Causality.Limits.nameBytesMax) bytes and no NUL")
            }
            guard String(validating: source[range], as: UTF8.self) != nil else {
                throw reader.malformed("\(what): expected UTF-8")
            }
        }
    }

    private func checkText(_ reader: ByteReader) throws(FormatError) {
        for column in [texts] + values.compactMap({ $0 }) where !column.areUTF8 {
            throw reader.malformed("texts: expected UTF-8")
        }
    }
}

extension ContentColumns {
    private init(_ content: DecodedContent) {
        self.init(
            names: content.names.map {
                String(decoding: content.tableSource[$0], as: UTF8.self)
            },
            texts: content.texts,
            keys: content.keys.map { String(decoding: content.tableSource[$0], as: UTF8.self) },
            shapes: content.shapes, forms: content.forms, formOf: content.formOf,
            values: content.values)
    }

    /// What rows say, by their columns. O(what is stored); the budget is charged for what that expands to.
    package init(
        columns: [RowColumn: [UInt8]], rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        self.init(try DecodedContent(columns: columns, rowCount: rowCount, &budget))
    }

    /// The same by a content section.
    init(_ section: [UInt8], rowCount: Int, _ budget: inout Budget) throws(FormatError) {
        self.init(try DecodedContent(section, rowCount: rowCount, &budget))
    }
}
