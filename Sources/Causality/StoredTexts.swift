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
        case parts(Parts)
        /// One after the other: where the first begins, and each ends.
        case plain(start: Int, ends: [Int])
    }

    /// Templates, which are texts with holes, and what rows have there.
    package struct Parts: Sendable {
        /// Template by template, what stands between its holes: one more than these.
        package let literals: [Range<Int>]
        /// Template by template, its holes; none of one that no row has.
        package let slots: [Slot]
        /// By template: its first literal; at last, how many these are.
        private let firstLiterals: [Int]
        /// The same of slots.
        private let firstSlots: [Int]
        /// By row: its template.
        package let indexes: [UInt32]
        /// Where the templates lie as they are stored, holes and all.
        package let texts: Range<Int>
        /// Where the values of all slots lie.
        package let values: Range<Int>

        package init(
            literals: [Range<Int>], firstLiterals: [Int], slots: [Slot], firstSlots: [Int],
            indexes: [UInt32], texts: Range<Int>, values: Range<Int>
        ) {
            self.literals = literals
            self.firstLiterals = firstLiterals
            self.slots = slots
            self.firstSlots = firstSlots
            self.indexes = indexes
            self.texts = texts
            self.values = values
        }

        var templateCount: Int { firstLiterals.count - 1 }

        /// Which of the literals are a template's.
        func literals(of template: Int) -> Range<Int> {
            firstLiterals[template]..<firstLiterals[template + 1]
        }

        /// The same of slots.
        func slots(of template: Int) -> Range<Int> {
            firstSlots[template]..<firstSlots[template + 1]
        }
    }

    /// The values of one hole of a template, in the order of its rows.
    package struct Slot: Sendable {
        package enum Lengths: Sendable {
            /// Varints.
            case each(Range<Int>)
            /// All have the same.
            case all(Int)
        }

        package let lengths: Lengths
        /// One after the other.
        package var bytes: Range<Int>

        package init(lengths: Lengths, bytes: Range<Int> = 0..<0) {
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
        case .parts(let parts):
            4 * parts.indexes.count + parts.values.count
                + parts.literals.reduce(0) { $0 + 16 + $1.count }
                + parts.slots.reduce(0) { $0 + 40 + $1.lengthsByteCount }
        case .plain(let start, let ends): 8 * ends.count + (ends.last ?? start) - start
        }
    }
}

// MARK: Joining

extension StoredTexts {
    /// All of them. O(what they hold).
    package func joined() -> ContentColumns.Texts { joined(Array(0..<count)) }

    /// Those of some rows, which ascend. O(rows + what those hold).
    package func joined(_ rows: [Int]) -> ContentColumns.Texts {
        switch form {
        case .same(let range): return copied(rows) { _ in range }
        case .few(let texts, let indexes): return copied(rows) { texts[Int(indexes[$0])] }
        case .plain(let start, let ends):
            return copied(rows) { ($0 == 0 ? start : ends[$0 - 1])..<ends[$0] }
        case .parts(let parts): return TemplateJoint(parts).joined(rows, source)
        }
    }

    private func copied(
        _ rows: [Int], _ range: (Int) -> Range<Int>
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
    private let parts: StoredTexts.Parts
    /// By slot: its first value.
    private let holes: [Hole]

    /// Where a value of a hole lies.
    private struct Hole {
        /// Where its length does, and that itself where all have the same; else below 0.
        var length: Int
        let lengthOfAll: Int
        var value: Int

        init(_ slot: StoredTexts.Slot) {
            switch slot.lengths {
            case .each(let range): (length, lengthOfAll) = (range.lowerBound, -1)
            case .all(let count): (length, lengthOfAll) = (0, count)
            }
            value = slot.bytes.lowerBound
        }

        /// Passes over the value: where it is.
        @inline(__always)
        mutating func next(_ source: UnsafeRawBufferPointer) -> Range<Int> {
            let start = value
            value += lengthOfAll >= 0 ? lengthOfAll : Varint.next(in: source, &length)
            return start..<value
        }

        /// Passes over some values.
        mutating func pass(_ count: Int, _ source: UnsafeRawBufferPointer) {
            value +=
                lengthOfAll >= 0
                ? count * lengthOfAll : Varint.sum(of: count, in: source, &length)
        }
    }

    init(_ parts: StoredTexts.Parts) {
        self.parts = parts
        holes = parts.slots.map(Hole.init)
    }

    /// Some rows, which ascend. O(rows + what those hold).
    func joined(_ rows: [Int], _ source: [UInt8]) -> ContentColumns.Texts {
        source.withUnsafeBytes { source in
            let byteCount = byteCount(of: rows, source)
            var ends: [Int] = []
            ends.reserveCapacity(rows.count)
            // With room for what the writer writes too much.
            let bytes = [UInt8](unsafeUninitializedCapacity: byteCount + 16) { buffer, count in
                var writer = RawWriter(UnsafeMutableRawBufferPointer(buffer))
                forEach(rows, source) { literal, holes in
                    writer.bytes(source, parts.literals[literal])
                    for place in holes.indices {
                        writer.bytes(source, holes[place].next(source))
                        writer.bytes(source, parts.literals[literal + 1 + place])
                    }
                    ends.append(writer.count)
                }
                count = writer.count
            }
            assert(bytes.count == byteCount)
            return ContentColumns.Texts(bytes, ends: ends)
        }
    }

    /// What rows take. O(rows).
    private func byteCount(of rows: [Int], _ source: UnsafeRawBufferPointer) -> Int {
        let literalBytes = (0..<parts.templateCount).map { template in
            parts.literals[parts.literals(of: template)].reduce(0) { $0 + $1.count }
        }
        var sum = rows.reduce(0) { $0 + literalBytes[Int(parts.indexes[$1])] }
        if rows.count == parts.indexes.count { return sum + parts.values.count }
        forEach(rows, source) { _, holes in
            for place in holes.indices { sum += holes[place].next(source).count }
        }
        return sum
    }

    /// Calls `body` with the number of the first literal of each row's template, and its holes, each of which it passes over
    /// once.
    @inline(__always)
    private func forEach(
        _ rows: [Int], _ source: UnsafeRawBufferPointer,
        _ body: (Int, UnsafeMutableBufferPointer<Hole>) -> Void
    ) {
        var holes = holes
        // By template: rows that were passed by since the last one.
        var passed = [Int](repeating: 0, count: parts.templateCount)
        holes.withUnsafeMutableBufferPointer { holes in
            var next = 0
            for row in rows {
                while next < row {
                    passed[Int(parts.indexes[next])] += 1
                    next += 1
                }
                next = row + 1
                let template = Int(parts.indexes[row])
                let range = parts.slots(of: template)
                if passed[template] > 0 {
                    for place in range { holes[place].pass(passed[template], source) }
                    passed[template] = 0
                }
                body(
                    parts.literals(of: template).lowerBound,
                    UnsafeMutableBufferPointer(rebasing: holes[range]))
            }
        }
    }
}

// MARK: Looking

extension StoredTexts {
    /// The distinct texts, where they are known: what is found out of one holds for each row that has it.
    package var distinct: ContentColumns.Texts? {
        switch form {
        case .same(let range): copied([0]) { _ in range }
        case .few(let texts, _): copied(Array(texts.indices)) { texts[$0] }
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
            case .parts(let parts):
                guard isWord else { return nil }
                return parts.rowsThatMayHave(source, first)
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
}

extension StoredTexts.Parts {
    /// A needle of letters and digits lies in a literal or in a value, where none of these touch with a letter or a digit: it is
    /// looked for in what is stored as a whole, and where it is not, in no row.
    fileprivate func rowsThatMayHave(
        _ source: UnsafeRawBufferPointer, _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int] {
        var isCandidate = (0..<templateCount).map { !keepsWordsApart($0, source) }
        // None that is found lies across holes.
        let text = UnsafeRawBufferPointer(rebasing: source[..<texts.upperBound])
        if first(text, texts.lowerBound) != nil {
            for number in isCandidate.indices where !isCandidate[number] {
                isCandidate[number] = literals[literals(of: number)].contains {
                    first(UnsafeRawBufferPointer(rebasing: source[$0]), 0) != nil
                }
            }
        }
        let places = placesOfValues(source, first)
        guard !places.isEmpty || isCandidate.contains(true) else { return [] }
        return rows(of: isCandidate, places)
    }

    /// By template: which of its rows have a value with a needle, or the first byte of one that reaches beyond it; ascending.
    private func placesOfValues(
        _ source: UnsafeRawBufferPointer, _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> [Int: [Int]] {
        let bytes = UnsafeRawBufferPointer(rebasing: source[..<values.upperBound])
        guard var found = first(bytes, values.lowerBound) else { return [:] }
        let templates = (0..<templateCount).flatMap { template in
            repeatElement(template, count: slots(of: template).count)
        }
        // By where they lie.
        let byPlace = slots.indices.sorted {
            slots[$0].bytes.lowerBound < slots[$1].bytes.lowerBound
        }
        var places: [Int: [Int]] = [:]
        for slot in byPlace where slots[slot].bytes.upperBound > found {
            let (having, next) = slots[slot].places(from: found, bytes, first)
            places[templates[slot], default: []] += having
            guard let next else { break }
            found = next
        }
        for template in places.keys { places[template]!.sort() }
        return places
    }

    private func rows(of isCandidate: [Bool], _ places: [Int: [Int]]) -> [Int] {
        let places = (0..<templateCount).map { places[$0] ?? [] }
        var rows: [Int] = []
        var passed = [Int](repeating: 0, count: templateCount)
        var next = [Int](repeating: 0, count: templateCount)
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

    /// True where no letter or digit of a literal of a template stands beside a hole, and no two holes side by side.
    private func keepsWordsApart(_ template: Int, _ source: UnsafeRawBufferPointer) -> Bool {
        let own = literals(of: template)
        return own.allSatisfy { index in
            let literal = literals[index]
            let isFirst = index == own.lowerBound
            let isLast = index == own.upperBound - 1
            guard !literal.isEmpty else { return isFirst || isLast }
            return (isFirst || !source[literal.lowerBound].isWordByte)
                && (isLast || !source[literal.upperBound - 1].isWordByte)
        }
    }
}

extension StoredTexts.Slot {
    fileprivate var lengthsByteCount: Int {
        if case .each(let range) = lengths { range.count } else { 0 }
    }

    /// Which of its values have a needle, or the first byte of one that reaches beyond them, ascending; and where the needle is
    /// next behind them.
    ///
    /// - Parameter found: Where it is first, before the end of the slot.
    fileprivate func places(
        from found: Int, _ source: UnsafeRawBufferPointer,
        _ first: (UnsafeRawBufferPointer, Int) -> Int?
    ) -> (having: [Int], next: Int?) {
        var having: [Int] = []
        var found: Int? = found
        var (place, end, length) = (-1, bytes.lowerBound, 0)
        if case .each(let range) = lengths { length = range.lowerBound }
        while let here = found, here < bytes.upperBound {
            switch lengths {
            case .each:
                while end <= here {
                    end += Varint.next(in: source, &length)
                    place += 1
                }
            case .all(let count):
                place = (here - bytes.lowerBound) / count
                end = bytes.lowerBound + (place + 1) * count
            }
            having.append(place)
            found = first(source, end)
        }
        return (having, found)
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
        case .parts(let parts):
            if isASCII(parts.texts), isASCII(parts.values) { return true }
            let areParts = parts.literals.allSatisfy(isUTF8) && parts.slots.allSatisfy(areUTF8)
            guard !areParts else { return true }
            let texts = joined()
            let all = StoredTexts(
                texts.bytes, count: count, .plain(start: 0, ends: texts.ends))
            return all.areUTF8
        }
    }

    /// Thirty-two bytes a step.
    private func isASCII(_ range: Range<Int>) -> Bool {
        source.withUnsafeBytes { source in
            let tops: UInt64 = 0x8080_8080_8080_8080
            var place = range.lowerBound
            while place + 32 <= range.upperBound {
                var word: UInt64 = 0
                for step in 0..<4 {
                    word |= source.loadUnaligned(fromByteOffset: place + 8 * step, as: UInt64.self)
                }
                if word & tops != 0 { return false }
                place += 32
            }
            return source[place..<range.upperBound].allSatisfy { $0 < 0x80 }
        }
    }

    private func isUTF8(_ range: Range<Int>) -> Bool {
        (try? UTF8Span(validating: source.span.extracting(range))) != nil
    }

    private func areUTF8(_ slot: Slot) -> Bool {
        guard isUTF8(slot.bytes) else { return false }
        guard source[slot.bytes].contains(where: { $0 >= 0x80 }) else { return true }
        return source.withUnsafeBytes { source in
            func begins(at place: Int) -> Bool {
                place == slot.bytes.upperBound || source[place] & 0xc0 != 0x80
            }
            switch slot.lengths {
            case .all(let count):
                return stride(from: slot.bytes.lowerBound, to: slot.bytes.upperBound, by: count)
                    .allSatisfy(begins)
            case .each(let range):
                var (place, length) = (slot.bytes.lowerBound, range.lowerBound)
                while length < range.upperBound {
                    if !begins(at: place) { return false }
                    place += Varint.next(in: source, &length)
                }
                return true
            }
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
