import Causality

/// The content section of a frame: what its events say, row by row in the frame's order.
///
///     content    = names, name*, level u8 for each row, texts, keys, shapes, shape*, columns
///     names      = texts (TextColumn.swift): the distinct names; name: for each row its number there
///     keys       = texts: the distinct keys of attributes
///     shapes     = count, (count, twice the key's number, plus 1 where the value is JSON)*: which attributes rows have, in
///                  their order; shape: for each row its number there
///     columns    = a text column for each key and type that a row has, ascending: the values, in the order of rows
enum FrameContent {
    static func encode(_ batch: EventBatch, _ frame: FrameRows) -> [UInt8] {
        var writer = ByteWriter()
        for column in RowColumn.content { encode(batch, frame, column, &writer) }
        return writer.bytes
    }

    /// One column, as it is in the section.
    static func encode(
        _ batch: EventBatch, _ frame: FrameRows, _ column: RowColumn, _ writer: inout ByteWriter
    ) {
        switch column {
        case .names: names(batch, frame, &writer)
        case .levels:
            writer.append(atMost: frame.rows.count) { writer in
                for row in frame.rows { writer.byte(batch.levels[row]) }
            }
        case .texts:
            TextColumn(batch.content, frame.rows.map { batch.text($0) }).encode(&writer)
        case .attributes: attributes(batch, frame, &writer)
        case .tables, .sequences, .kinds, .times, .changes, .causes:
            preconditionFailure("a column of the order")
        }
    }

    /// The names that the rows have, in the order of their bytes.
    private static func names(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        var isUsed = [Bool](repeating: false, count: batch.names.count)
        for row in frame.rows { isUsed[Int(batch.nameNumbers[row])] = true }
        let numbers = write(batch.names, isUsed, &writer).numbers
        writer.varints(frame.rows.map { numbers[Int(batch.nameNumbers[$0])] })
    }

    /// Writes the entries of a table that are used, sorted. Returns how many, and their new numbers by their old ones.
    private static func write(
        _ table: ByteTable, _ isUsed: [Bool], _ writer: inout ByteWriter
    ) -> (count: Int, numbers: [Int]) {
        let sorted = isUsed.indices.filter { isUsed[$0] }
            .sorted { table[$0].lexicographicallyPrecedes(table[$1]) }
        writer.varint(sorted.count)
        writer.varints(sorted.map { table.range($0).count })
        for number in sorted { writer.bytes(table[number]) }
        var numbers = [Int](repeating: 0, count: table.count)
        for (place, number) in sorted.enumerated() { numbers[number] = place }
        return (sorted.count, numbers)
    }

    private static func attributes(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        var isUsed = [Bool](repeating: false, count: batch.keys.count)
        for row in frame.rows {
            for index in batch.attributeStarts[row]..<batch.attributeStarts[row + 1] {
                isUsed[Int(batch.attributes[index].key)] = true
            }
        }
        let (keyCount, numbers) = write(batch.keys, isUsed, &writer)
        // Each shape as it is written: rows have few.
        var shapes = ByteTable()
        var shape = ByteWriter()
        var columns = [[Range<Int>]](repeating: [], count: 2 * keyCount)
        var ofRows: [Int] = []
        ofRows.reserveCapacity(frame.rows.count)
        var without: Int?
        for row in frame.rows {
            let range = batch.attributeStarts[row]..<batch.attributeStarts[row + 1]
            if range.isEmpty, let without {
                ofRows.append(without)
                continue
            }
            shape.removeAll(keepingCapacity: true)
            shape.varint(range.count)
            for index in range {
                let attribute = batch.attributes[index]
                let column = 2 * numbers[Int(attribute.key)] + (attribute.isJSON ? 1 : 0)
                columns[column].append(batch.value(index, ofRow: row))
                shape.varint(column)
            }
            ofRows.append(shapes.intern(shape.bytes.span))
            if range.isEmpty { without = ofRows.last }
        }
        writer.varint(shapes.count)
        for shape in 0..<shapes.count { writer.bytes(shapes[shape]) }
        writer.varints(ofRows)
        for column in columns where !column.isEmpty {
            TextColumn(batch.content, column).encode(&writer)
        }
    }
}

/// What a content section says, checked.
private struct DecodedContent {
    /// Where the names lie, and the keys: the section, or a column of their own.
    private(set) var nameSource: [UInt8] = []
    private(set) var keySource: [UInt8] = []
    var names: [Range<Int>] = []
    var nameOf: [UInt32] = []
    var levels: [UInt8] = []
    var texts = StoredTexts()
    var keys: [Range<Int>] = []
    var shapes: [[Int]] = []
    var shapeOf: [UInt32] = []
    /// By column.
    var values: [StoredTexts?] = []

    /// Reads a content section of `rowCount` rows, which has been checked against a limit. O(what is stored).
    init(_ bytes: [UInt8], rowCount: Int, _ budget: inout Budget) throws(FormatError) {
        var reader = ByteReader(bytes)
        for column in RowColumn.content {
            try read(column, bytes, &reader, rowCount, &budget)
        }
        try reader.expectEnd("content section")
        try checkText(reader)
    }

    /// Reads the columns of the content, each by itself.
    init(
        columns: [RowColumn: [UInt8]], rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        for column in RowColumn.content {
            guard let bytes = columns[column] else {
                throw FormatError(what: "\(column): the column is missing", offset: 0)
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
        case .names:
            nameSource = bytes
            names = try reader.texts("names")
            try DecodedContent.check(names, mayBeEmpty: true, bytes, reader, "name")
            nameOf = try reader.numbers(rowCount, names.count - 1, "names")
        case .levels:
            levels = try reader.bytes(rowCount, "levels")
            for level in levels where level != 0 && Level(rawValue: level) == nil {
                throw reader.malformed("levels: \(level) is none")
            }
        case .texts:
            texts = try StoredTexts(bytes, &reader, count: rowCount, "texts", &budget)
        default:
            keySource = bytes
            keys = try reader.texts("keys")
            try DecodedContent.check(keys, mayBeEmpty: false, bytes, reader, "attribute key")
            let counts = try readShapes(&reader, rowCount, &budget)
            values = Array(repeating: nil, count: 2 * keys.count)
            for (column, count) in counts.enumerated() where count > 0 {
                values[column] = try StoredTexts(
                    bytes, &reader, count: count, "values of an attribute", &budget)
            }
        }
    }

    /// The shapes; how many values each column has.
    private mutating func readShapes(
        _ reader: inout ByteReader, _ rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) -> [Int] {
        for _ in 0..<(try reader.count(rowCount, "shapes")) {
            var shape: [Int] = []
            for _ in 0..<(try reader.count(Causality.Limits.attributesMax, "attributes")) {
                guard !keys.isEmpty else { throw reader.malformed("attributes: no key is named") }
                shape.append(try reader.count(2 * keys.count - 1, "attribute"))
            }
            try budget.charge(32 + 8 * shape.count, reader, "shapes")
            shapes.append(shape)
        }
        shapeOf = try reader.numbers(rowCount, shapes.count - 1, "shapes")
        var counts = [Int](repeating: 0, count: 2 * keys.count)
        for shape in shapeOf {
            let columns = shapes[Int(shape)]
            guard !columns.isEmpty else { continue }
            try budget.charge(EventCost.attribute * columns.count, reader, "attributes")
            for column in columns { counts[column] += 1 }
        }
        return counts
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
                String(decoding: content.nameSource[$0], as: UTF8.self)
            },
            nameOf: content.nameOf, levels: content.levels, texts: content.texts,
            keys: content.keys.map { String(decoding: content.keySource[$0], as: UTF8.self) },
            shapes: content.shapes, shapeOf: content.shapeOf, values: content.values)
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
