import Causality

/// A column of texts, in the form that takes least room before compression:
///
///     column   = mode, …
///     0 same   = text                                        every row has this text
///     1 few    = count, text*, index*                        a dictionary, and for each row an index
///     2 parts  = count, template*, index*, variables*        each row a template and its variables
///     3 plain  = length*, bytes                              the texts one after another
///
/// A template is the text with each run of letters and digits that holds a digit replaced by the byte 0x11; the
/// variables of one template stand together, slot by slot: like with like, which deflate rewards.
enum StringColumn {
    private static let hole: UInt8 = 0x11
    /// Slots of one template: a text of more variables is not split.
    private static let slotsMax = 64

    static func encode(_ texts: [String], _ writer: inout ByteWriter) {
        var indexOf: [ExactText: Int] = [:]
        var distinct: [String] = []
        let indexes = texts.map { text in
            if let known = indexOf[ExactText(text)] { return known }
            indexOf[ExactText(text)] = distinct.count
            distinct.append(text)
            return distinct.count - 1
        }
        if distinct.count <= 1 {
            writer.byte(0)
            writer.string(distinct.first ?? "")
        } else if distinct.count <= texts.count / 4 {
            writer.byte(1)
            encode(distinct, indexes: indexes, &writer)
        } else if let split = Split(texts) {
            writer.byte(2)
            encode(split.templates, indexes: split.indexes, &writer)
            for slots in split.variables {
                for values in slots { encodePlain(values, &writer) }
            }
        } else {
            writer.byte(3)
            encodePlain(texts, &writer)
        }
    }

    private static func encode(_ dictionary: [String], indexes: [Int], _ writer: inout ByteWriter) {
        writer.varint(dictionary.count)
        encodePlain(dictionary, &writer)
        for index in indexes { writer.varint(index) }
    }

    private static func encodePlain(_ texts: [String], _ writer: inout ByteWriter) {
        for text in texts { writer.varint(text.utf8.count) }
        for text in texts { writer.bytes(text.utf8) }
    }

    /// The texts of `count` rows; `count` has been checked against a limit.
    static func decode(count: Int, _ reader: inout ByteReader, _ what: String) throws(FormatError)
        -> [String]
    {
        let mode = try reader.byte(what)
        switch mode {
        case 0:
            let text = try reader.string(Limits.blockRawBytesMax, what)
            try charge(text.utf8.count, times: count, what, reader)
            return Array(repeating: text, count: count)
        case 1:
            let (dictionary, indexes) = try decodeDictionary(count: count, &reader, what)
            var total = 0
            for index in indexes { total += dictionary[index].utf8.count }
            try charge(total, times: 1, what, reader)
            return indexes.map { dictionary[$0] }
        case 2:
            let (templates, indexes) = try decodeDictionary(count: count, &reader, what)
            return try join(templates, indexes, &reader, what)
        case 3: return try decodePlain(count: count, &reader, what)
        default: throw reader.malformed("\(what): expected text mode 0 to 3, found \(mode)")
        }
    }

    /// A small dictionary must not grow into gigabytes of text.
    private static func charge(_ bytes: Int, times: Int, _ what: String, _ reader: ByteReader)
        throws(FormatError)
    {
        guard bytes * times <= Limits.blockEventsMax * 1024 + Limits.blockRawBytesMax * 4 else {
            throw reader.malformed("\(what): the texts take more than a block may hold")
        }
    }

    private static func decodeDictionary(
        count: Int, _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> ([String], [Int]) {
        let entries = try reader.count(count, what)
        let dictionary = try decodePlain(count: entries, &reader, what)
        var indexes: [Int] = []
        indexes.reserveCapacity(count)
        for _ in 0..<count {
            guard entries > 0 else { throw reader.malformed("\(what): an empty dictionary") }
            indexes.append(try reader.count(entries - 1, what))
        }
        return (dictionary, indexes)
    }

    private static func decodePlain(
        count: Int, _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> [String] {
        var lengths: [Int] = []
        lengths.reserveCapacity(count)
        for _ in 0..<count { lengths.append(try reader.count(Limits.blockRawBytesMax, what)) }
        var texts: [String] = []
        texts.reserveCapacity(count)
        for length in lengths { texts.append(try reader.string(ofLength: length, what)) }
        return texts
    }

    private static func join(
        _ templates: [String], _ indexes: [Int], _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> [String] {
        var rowCounts = [Int](repeating: 0, count: templates.count)
        for index in indexes { rowCounts[index] += 1 }
        var columns: [[[String]]] = []
        for (template, rows) in zip(templates, rowCounts) {
            var slots: [[String]] = []
            for _ in 0..<template.utf8.count(where: { $0 == hole }) {
                slots.append(try decodePlain(count: rows, &reader, what))
            }
            columns.append(slots)
        }
        var next = [Int](repeating: 0, count: templates.count)
        var total = 0
        var texts: [String] = []
        texts.reserveCapacity(indexes.count)
        for index in indexes {
            var bytes: [UInt8] = []
            var slot = 0
            for byte in templates[index].utf8 {
                if byte == hole {
                    bytes.append(contentsOf: columns[index][slot][next[index]].utf8)
                    slot += 1
                } else {
                    bytes.append(byte)
                }
            }
            next[index] += 1
            total += bytes.count
            try charge(total, times: 1, what, reader)
            texts.append(String(decoding: bytes, as: UTF8.self))
        }
        return texts
    }

    /// Texts split into templates and variables, where that pays.
    private struct Split {
        var templates: [String] = []
        var indexes: [Int] = []
        /// By template, by slot, by row.
        var variables: [[[String]]] = []

        init?(_ texts: [String]) {
            var indexOf: [[UInt8]: Int] = [:]
            for text in texts {
                guard let (template, values) = Split.parts(of: text) else { return nil }
                let index: Int
                if let known = indexOf[template] {
                    index = known
                } else {
                    index = templates.count
                    // A few rows of each template at least, or the split only costs.
                    guard templates.count < 16 || templates.count <= texts.count / 4 else {
                        return nil
                    }
                    indexOf[template] = index
                    templates.append(String(decoding: template, as: UTF8.self))
                    variables.append(Array(repeating: [], count: values.count))
                }
                indexes.append(index)
                for (slot, value) in values.enumerated() { variables[index][slot].append(value) }
            }
            guard templates.count <= texts.count / 4 else { return nil }
        }

        private static func parts(of text: String) -> (template: [UInt8], values: [String])? {
            var template: [UInt8] = []
            var values: [String] = []
            var word: [UInt8] = []
            var hasDigit = false
            func isWord(_ byte: UInt8) -> Bool {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }
            func flush() {
                if hasDigit {
                    template.append(hole)
                    values.append(String(decoding: word, as: UTF8.self))
                } else {
                    template += word
                }
                word.removeAll(keepingCapacity: true)
                hasDigit = false
            }
            for byte in text.utf8 {
                if byte == hole { return nil }
                if isWord(byte) {
                    word.append(byte)
                    if byte < UInt8(ascii: "A") { hasDigit = true }
                } else {
                    flush()
                    template.append(byte)
                }
            }
            flush()
            return values.count <= slotsMax ? (template, values) : nil
        }
    }
}
