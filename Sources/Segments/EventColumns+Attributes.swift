import Causality

extension EventColumns {
    static func strings(_ texts: [String]) -> [UInt8] {
        var writer = ByteWriter()
        StringColumn.encode(texts, &writer)
        return writer.bytes
    }

    static func decodeStrings(_ bytes: [UInt8], count: Int, _ what: String) throws(FormatError)
        -> [String]
    {
        var reader = ByteReader(bytes)
        let texts = try StringColumn.decode(count: count, &reader, what)
        try reader.expectEnd(what)
        return texts
    }

    static func level(_ events: [Event]) -> [UInt8] {
        var writer = ByteWriter()
        encodeBytes(events.map { $0.level?.rawValue ?? 0 }, &writer)
        return writer.bytes
    }

    static func decodeLevel(_ bytes: [UInt8], count: Int) throws(FormatError) -> [Level?] {
        var reader = ByteReader(bytes)
        let raw = try decodeBytes(count: count, &reader, "level column")
        try reader.expectEnd("level column")
        var levels: [Level?] = []
        for byte in raw {
            let level = Level(rawValue: byte)
            guard byte == 0 || level != nil else {
                throw reader.malformed("level column: \(byte) is no level")
            }
            levels.append(level)
        }
        return levels
    }

    /// The shape column, and a column for each attribute key.
    static func attributes(_ events: [Event]) -> (shape: [UInt8], columns: [[UInt8]]) {
        var shapeOf: [[ExactText]: Int] = [:]
        var shapes: [[String]] = []
        var keys: [String] = []
        var values: [ExactText: [AttributeValue]] = [:]
        let indexes = events.map { event in
            for attribute in event.attributes {
                let key = ExactText(attribute.key)
                if values[key] == nil { keys.append(attribute.key) }
                values[key, default: []].append(attribute.value)
            }
            let shape = event.attributes.map(\.key)
            let exact = shape.map { ExactText($0) }
            if let known = shapeOf[exact] { return known }
            shapeOf[exact] = shapes.count
            shapes.append(shape)
            return shapes.count - 1
        }
        var writer = ByteWriter()
        writer.varint(shapes.count)
        for shape in shapes {
            writer.varint(shape.count)
            for key in shape { writer.string(key) }
        }
        for index in indexes { writer.varint(index) }
        let columns = keys.map { key in
            var column = ByteWriter()
            column.string(key)
            encodeBytes(
                values[ExactText(key)]!.map { if case .json = $0 { 1 } else { 0 } }, &column)
            StringColumn.encode(values[ExactText(key)]!.map(\.text), &column)
            return column.bytes
        }
        return (writer.bytes, columns)
    }

    static func decodeAttributes(
        shape: [UInt8], columns: [[UInt8]], count: Int
    ) throws(FormatError) -> [[Attribute]] {
        var reader = ByteReader(shape)
        var shapes: [[String]] = []
        for _ in 0..<(try reader.count(count, "attribute shapes")) {
            var keys: [String] = []
            for _ in 0..<(try reader.count(Causality.Limits.attributesMax, "attribute keys")) {
                keys.append(try reader.string(Causality.Limits.nameBytesMax, "attribute key"))
            }
            shapes.append(keys)
        }
        var rows: [Int] = []
        var counts: [ExactText: Int] = [:]
        for _ in 0..<count {
            guard !shapes.isEmpty else { throw reader.malformed("attribute shapes: none") }
            let shape = try reader.count(shapes.count - 1, "attribute shape")
            rows.append(shape)
            for key in shapes[shape] { counts[ExactText(key), default: 0] += 1 }
        }
        try reader.expectEnd("shape column")

        var values: [ExactText: [AttributeValue]] = [:]
        for column in columns {
            var reader = ByteReader(column)
            let key = ExactText(
                try reader.string(Causality.Limits.nameBytesMax, "attribute key"))
            guard let valueCount = counts[key], values[key] == nil else {
                throw reader.malformed("attribute column: no event has this attribute")
            }
            let isJSON = try decodeBytes(count: valueCount, &reader, "attribute column")
            let texts = try StringColumn.decode(count: valueCount, &reader, "attribute column")
            try reader.expectEnd("attribute column")
            values[key] = zip(isJSON, texts).map { $0 == 0 ? .text($1) : .json($1) }
        }
        guard values.count == counts.count else {
            throw reader.malformed("an attribute column is missing")
        }
        var next: [ExactText: Int] = [:]
        return rows.map { shape in
            shapes[shape].map { key in
                let exact = ExactText(key)
                let index = next[exact, default: 0]
                next[exact] = index + 1
                return Attribute(key, values[exact]![index])
            }
        }
    }
}
