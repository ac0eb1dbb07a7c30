/// The texts of the rows of a frame or block as they are stored, each checked and none written out: what a search looks through
/// before it joins any.
package struct StoredTexts: Sendable {
    /// How many rows have one.
    package let count: Int
    /// Where everything lies.
    let source: [UInt8]
    let form: Form

    /// How they are stored. All ranges are of the source.
    package enum Form: Sendable {
        /// Each row has this one.
        case same(Range<Int>)
        /// Each row has one of some texts, which lie side by side.
        case few([Range<Int>], indexes: [UInt32])
        /// Each row has one of some templates, and values of its own.
        case parts([Template], indexes: [UInt32])
        /// One after the other: where the first begins, and each ends.
        case plain(start: Int, ends: [Int])
    }

    /// A text with holes.
    package struct Template: Sendable {
        /// What stands between the holes: one more than these.
        package let literals: [Range<Int>]
        /// By hole.
        package let slots: [Slot]

        package init(literals: [Range<Int>], slots: [Slot]) {
            self.literals = literals
            self.slots = slots
        }
    }

    /// The values of one hole of a template, in the order of its rows.
    package struct Slot: Sendable {
        /// Varints.
        package let lengths: Range<Int>
        /// One after the other.
        package let bytes: Range<Int>

        package init(lengths: Range<Int>, bytes: Range<Int>) {
            self.lengths = lengths
            self.bytes = bytes
        }
    }

    /// What the caller has checked: indexes are of what is there, lengths add up to the bytes.
    package init(_ source: [UInt8], count: Int, _ form: Form) {
        self.source = source
        self.count = count
        self.form = form
    }

    /// What it takes, in bytes.
    package var byteCount: Int {
        switch form {
        case .same(let range): range.count
        case .few(let texts, let indexes):
            texts.reduce(4 * indexes.count) { $0 + 16 + $1.count }
        case .parts(let templates, let indexes):
            templates.reduce(4 * indexes.count) { $0 + $1.byteCount }
        case .plain(let start, let ends): 8 * ends.count + (ends.last ?? start) - start
        }
    }
}

// MARK: Joining

extension StoredTexts {
    /// All of them. O(what they hold).
    package func joined() -> ContentColumns.Texts { joined(rows: 0..<count) }

    /// Those of some rows, which ascend. O(rows + what those hold).
    package func joined(_ rows: [Int]) -> ContentColumns.Texts { joined(rows: rows) }

    /// For each kind of rows by itself: other modules do not ask a row at a time what these are.
    private func joined(rows: some Collection<Int>) -> ContentColumns.Texts {
        switch form {
        case .same(let range): return copied(rows) { _ in range }
        case .few(let texts, let indexes): return copied(rows) { texts[Int(indexes[$0])] }
        case .plain(let start, let ends):
            return copied(rows) { ($0 == 0 ? start : ends[$0 - 1])..<ends[$0] }
        case .parts(let templates, let indexes):
            var joint = TemplateJoint(templates)
            return source.withUnsafeBytes { source in
                var bytes: [UInt8] = []
                var ends: [Int] = []
                ends.reserveCapacity(rows.count)
                var next = 0
                for row in rows {
                    while next < row {
                        joint.pass(Int(indexes[next]))
                        next += 1
                    }
                    joint.append(Int(indexes[row]), source, to: &bytes)
                    next = row + 1
                    ends.append(bytes.count)
                }
                return ContentColumns.Texts(bytes, ends: ends)
            }
        }
    }

    private func copied(
        _ rows: some Collection<Int>, _ range: (Int) -> Range<Int>
    ) -> ContentColumns.Texts {
        var bytes: [UInt8] = []
        var ends: [Int] = []
        ends.reserveCapacity(rows.count)
        source.withUnsafeBytes { source in
            for row in rows {
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: source[range(row)]))
                ends.append(bytes.count)
            }
        }
        return ContentColumns.Texts(bytes, ends: ends)
    }
}

/// Puts the rows of templates together, one after the other.
private struct TemplateJoint {
    /// Those of all templates, one template after the other.
    private let literals: [Range<Int>]
    /// By template: rows that were passed by since the last one that was joined.
    private var passed: [Int]
    /// By template, and at the end: its first slot among all.
    private let firsts: [Int]
    /// Of each slot: its next length and its next value.
    private var lengths: [Int]
    private var values: [Int]

    init(_ templates: [StoredTexts.Template]) {
        literals = templates.flatMap(\.literals)
        passed = Array(repeating: 0, count: templates.count)
        firsts = templates.reduce(into: [0]) { $0.append($0.last! + $1.slots.count) }
        lengths = templates.flatMap { $0.slots.map(\.lengths.lowerBound) }
        values = templates.flatMap { $0.slots.map(\.bytes.lowerBound) }
    }

    mutating func pass(_ template: Int) { passed[template] += 1 }

    mutating func append(
        _ number: Int, _ source: UnsafeRawBufferPointer, to bytes: inout [UInt8]
    ) {
        let slots = firsts[number]..<firsts[number + 1]
        // Each template before it has one more literal than slots.
        let firstLiteral = slots.lowerBound + number
        if passed[number] > 0 {
            for slot in slots {
                values[slot] += Varint.sum(of: passed[number], in: source, &lengths[slot])
            }
            passed[number] = 0
        }
        let start = bytes.count
        var room = literals[firstLiteral].count
        for slot in slots {
            var length = lengths[slot]
            room += Varint.sum(of: 1, in: source, &length) + literals[slot + number + 1].count
        }
        // With room for what the writer writes too much.
        bytes.append(addingCapacity: room + 16) { output in
            output.withUnsafeMutableBufferPointer { buffer, written in
                var writer = RawWriter(UnsafeMutableRawBufferPointer(buffer))
                writer.bytes(source, literals[firstLiteral])
                for slot in slots {
                    let count = Varint.sum(of: 1, in: source, &lengths[slot])
                    let value = values[slot]
                    values[slot] += count
                    writer.bytes(source, value..<value + count)
                    writer.bytes(source, literals[slot + number + 1])
                }
                written = writer.count
            }
        }
        assert(bytes.count == start + room)
    }
}

// MARK: Looking

extension StoredTexts {
    /// The distinct texts, where they are known: what is found out of one holds for each row that has it.
    package var distinct: ContentColumns.Texts? {
        switch form {
        case .same(let range): copied(0..<1) { _ in range }
        case .few(let texts, _): copied(texts.indices) { texts[$0] }
        case .parts, .plain: nil
        }
    }

    /// The number of a row's text among `distinct`. Traps where these are not known.
    package func number(ofRow row: Int) -> Int {
        switch form {
        case .same: 0
        case .few(_, let indexes): Int(indexes[row])
        case .parts, .plain: preconditionFailure("texts without numbers")
        }
    }
}

extension StoredTexts {
    /// The rows, ascending, that may have a needle somewhere: all that have it, and few others. Nil where finding out means to
    /// join them. O(what is stored).
    ///
    /// - Parameters:
    ///   - isWord: True for a needle of nothing but ASCII letters and digits.
    ///   - first: The first place of the needle in bytes, from some place on.
    package func rowsThatMayHave(
        isWord: Bool, _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int]? {
        source.withUnsafeBytes { source in
            func has(_ range: Range<Int>) -> Bool {
                first(UnsafeRawBufferPointer(rebasing: source[range]), 0) != nil
            }
            switch form {
            case .same(let range): return has(range) ? Array(0..<count) : []
            case .few(let texts, let indexes):
                let having = texts.map(has)
                guard having.contains(true) else { return [] }
                return indexes.indices.filter { having[Int(indexes[$0])] }
            case .plain(let start, let ends):
                return StoredTexts.places(of: start, ends, in: source, first)
            case .parts(let templates, let indexes):
                guard isWord else { return nil }
                return StoredTexts.rows(of: templates, indexes, source, first)
            }
        }
    }

    /// Which of texts that lie one after the other have a needle, or the first byte of one that reaches beyond them.
    private static func places(
        of start: Int, _ ends: [Int], in source: UnsafeRawBufferPointer,
        _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int] {
        guard let end = ends.last else { return [] }
        let bytes = UnsafeRawBufferPointer(rebasing: source[..<end])
        var places: [Int] = []
        var (place, from) = (0, start)
        while let found = first(bytes, from) {
            while ends[place] <= found { place += 1 }
            places.append(place)
            from = ends[place]
        }
        return places
    }

    /// A needle of letters and digits lies in a literal or in a value, where none of these touch with a letter or a digit.
    private static func rows(
        of templates: [Template], _ indexes: [UInt32], _ source: UnsafeRawBufferPointer,
        _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int] {
        var isCandidate = [Bool](repeating: false, count: templates.count)
        /// By template: which of its rows.
        var places: [[Int]] = Array(repeating: [], count: templates.count)
        for (number, template) in templates.enumerated() {
            isCandidate[number] =
                !template.keepsWordsApart(source)
                || template.literals.contains {
                    first(UnsafeRawBufferPointer(rebasing: source[$0]), 0) != nil
                }
            guard !isCandidate[number] else { continue }
            for slot in template.slots {
                places[number] += slot.places(source, first)
            }
            places[number].sort()
        }
        guard isCandidate.contains(true) || places.contains(where: { !$0.isEmpty }) else {
            return []
        }
        var rows: [Int] = []
        var passed = [Int](repeating: 0, count: templates.count)
        var next = [Int](repeating: 0, count: templates.count)
        for (row, index) in indexes.enumerated() {
            let number = Int(index)
            var isMeant = isCandidate[number]
            while next[number] < places[number].count,
                places[number][next[number]] == passed[number]
            {
                isMeant = true
                next[number] += 1
            }
            if isMeant { rows.append(row) }
            passed[number] += 1
        }
        return rows
    }
}

extension StoredTexts.Template {
    fileprivate var byteCount: Int {
        literals.reduce(0) { $0 + 16 + $1.count }
            + slots.reduce(0) { $0 + 32 + $1.lengths.count + $1.bytes.count }
    }

    /// True where no letter or digit of a literal stands beside a hole, and no two holes side by side.
    fileprivate func keepsWordsApart(_ source: UnsafeRawBufferPointer) -> Bool {
        literals.indices.allSatisfy { index in
            let literal = literals[index]
            let (isFirst, isLast) = (index == 0, index == literals.count - 1)
            guard let first = literal.first, let last = literal.last else {
                return isFirst || isLast
            }
            return (isFirst || !source[first].isWordByte) && (isLast || !source[last].isWordByte)
        }
    }
}

extension StoredTexts.Slot {
    /// Which of its values have a needle, or the first byte of one that reaches beyond them; ascending.
    fileprivate func places(
        _ source: UnsafeRawBufferPointer, _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int] {
        let bytes = UnsafeRawBufferPointer(rebasing: source[..<self.bytes.upperBound])
        var places: [Int] = []
        var (place, end, length) = (-1, self.bytes.lowerBound, lengths.lowerBound)
        while let found = first(bytes, end) {
            while end <= found {
                end += Varint.sum(of: 1, in: source, &length)
                place += 1
            }
            places.append(place)
        }
        return places
    }
}

extension UInt8 {
    /// An ASCII letter or digit.
    package var isWordByte: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5a).contains(self)
            || (0x61...0x7a).contains(self)
    }
}

// MARK: Checking

extension StoredTexts {
    /// True where each text is UTF-8. O(what is stored), and O(what they hold) where characters lie across literals and values.
    package var areUTF8: Bool {
        switch form {
        case .same(let range): return isUTF8(range)
        case .few(let texts, _): return texts.allSatisfy(isUTF8)
        case .plain(let start, let ends):
            return isUTF8(start..<(ends.last ?? start)) && beginWithCharacters(start, ends)
        case .parts(let templates, _):
            let areParts = templates.allSatisfy { template in
                template.literals.allSatisfy(isUTF8) && template.slots.allSatisfy(areUTF8)
            }
            guard !areParts else { return true }
            let texts = joined()
            let all = StoredTexts(
                texts.bytes, count: count, .plain(start: 0, ends: texts.ends))
            return all.areUTF8
        }
    }

    private func isUTF8(_ range: Range<Int>) -> Bool {
        (try? UTF8Span(validating: source.span.extracting(range))) != nil
    }

    private func areUTF8(_ slot: Slot) -> Bool {
        guard isUTF8(slot.bytes) else { return false }
        guard source[slot.bytes].contains(where: { $0 >= 0x80 }) else { return true }
        return source.withUnsafeBytes { source in
            var (place, length) = (slot.bytes.lowerBound, slot.lengths.lowerBound)
            while length < slot.lengths.upperBound {
                if place < slot.bytes.upperBound, source[place] & 0xc0 == 0x80 { return false }
                place += Varint.sum(of: 1, in: source, &length)
            }
            return true
        }
    }

    private func beginWithCharacters(_ start: Int, _ ends: [Int]) -> Bool {
        var start = start
        for end in ends {
            if start < end, source[start] & 0xc0 == 0x80 { return false }
            start = end
        }
        return true
    }
}
