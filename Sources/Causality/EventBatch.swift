/// Events of any processes, in the order in which they were read, in columns: the one shape in which events travel, from the
/// journal or the log to the archive and the graph.
///
/// Text, names and attribute values are bytes in one buffer, valid UTF-8; no row has an object of its own. A clock is kept
/// as what changed against the event of its process before it in the batch, without the process's own entry, which is
/// the sequence number. The first row of a process in a batch goes on from an event before the batch (`predecessors`), or
/// its clock is whole; so is the clock of a row in `wholes`.
@usableFromInline
package struct EventBatch: Sendable {
    // MARK: Tables

    /// Whose events these are.
    package private(set) var processes: [ProcessKey] = []
    /// By process: the sequence number of the event that its first row's clock goes on from; 0 where that clock is whole.
    package private(set) var predecessors: [UInt64] = []
    /// The processes that clocks and causes refer to by index.
    package private(set) var references: [ProcessReference] = []
    /// What causes say that these are called; nil where none does. As many as `references`.
    package private(set) var claimedNames: [ProcessID?] = []
    /// Names of events. Number 0 is the empty one.
    package private(set) var names = ByteTable()
    /// Keys of attributes.
    package private(set) var keys = ByteTable()

    // MARK: Rows

    package private(set) var slots: [UInt32] = []
    package private(set) var sequences: [UInt64] = []
    package private(set) var kinds: [EventKind] = []
    /// Nanoseconds of wall time; `noTime` where there is none.
    package private(set) var times: [Int64] = []
    /// 0 where there is none.
    package private(set) var levels: [UInt8] = []
    package private(set) var stamps: [Stamp] = []
    /// The rows but the first of a process whose clocks are whole, ascending.
    package private(set) var wholes: [Int] = []
    /// The changes of row r are `changes[changeStarts[r]..<changeStarts[r + 1]]`. One longer than the rows.
    @usableFromInline package private(set) var changeStarts: [Int] = [0]
    @usableFromInline package private(set) var changes: [ClockChange] = []
    /// What rows name as the sends that they have messages of, ascending by row; several rows may be one event's.
    package private(set) var causes: [RowCause] = []
    /// The rows that are an operator's word that no message came at an event, ascending, and that event.
    package private(set) var rulings: [RowCause] = []
    /// Numbers in `names`.
    package private(set) var nameNumbers: [UInt32] = []
    /// The content of row r, its text and then its attributes' values, is `content[contentStarts[r]..<contentStarts[r + 1]]`.
    @usableFromInline package private(set) var contentStarts: [Int] = [0]
    @usableFromInline package private(set) var textCounts: [Int] = []
    package private(set) var content: [UInt8] = []
    /// The attributes of row r are `attributes[attributeStarts[r]..<attributeStarts[r + 1]]`.
    @usableFromInline package private(set) var attributeStarts: [Int] = [0]
    @usableFromInline package private(set) var attributes: [BatchAttribute] = []

    /// What the rows and tables take, in bytes, by `EventCost`.
    package private(set) var cost = 0
    /// Unlike that of any other batch, and of this one before `removeAll`: whoever remembers a slot or a reference remembers
    /// of which batch. It says nothing else, and is written nowhere.
    package private(set) var generation = UInt64.random(in: 1..<(1 << 63))

    private var slotOf: [ProcessKey: Int] = [:]
    private var lastOf: [UInt64] = []
    /// By process, the event that was written last before the batch was emptied: what the clocks of those to come may go on from.
    private var lastBefore: [ProcessKey: UInt64] = [:]
    private var referenceOf: [ProcessReference: Int] = [:]
    /// Where the text of the row that is being written ends, nil before it was.
    private var textEnd: Int?

    package static let noTime = Int64.min

    package init() { _ = names.intern([UInt8]().span) }

    package var count: Int { sequences.count }
    package var isEmpty: Bool { sequences.isEmpty }
}

/// An entry of a clock that differs from the event before.
@usableFromInline
package struct ClockChange: Hashable, Sendable {
    /// Index into `EventBatch.references`.
    package var process: Int
    /// The entry now; 0 where it vanished.
    package var value: UInt64

    package init(process: Int, value: UInt64) {
        self.process = process
        self.value = value
    }
}

/// An event that a row names: its cause, or what it rules out.
package struct RowCause: Hashable, Sendable {
    package var row: Int
    /// Index into `EventBatch.references`.
    package var process: Int
    package var sequence: UInt64
    package var evidence: Evidence

    package init(row: Int, process: Int, sequence: UInt64, _ evidence: Evidence) {
        self.row = row
        self.process = process
        self.sequence = sequence
        self.evidence = evidence
    }
}

/// One attribute of a row.
@usableFromInline
package struct BatchAttribute: Hashable, Sendable {
    /// Number in `EventBatch.keys`.
    package var key: UInt32
    /// True where the value is JSON text, false where it is text.
    package var isJSON: Bool
    /// Where the value ends in `EventBatch.content`; it begins where the attribute before it ends, or the text.
    @usableFromInline package var end: Int

    package init(key: UInt32, isJSON: Bool, end: Int) {
        self.key = key
        self.isJSON = isJSON
        self.end = end
    }
}

/// What events take in memory, about: the measure by which batches are split into frames, and by which a reader bounds what
/// a frame expands to.
package enum EventCost {
    package static let row = 64
    package static let change = 16
    package static let cause = 32
    package static let attribute = 16
    package static let process = 192
    package static let reference = 64
}

// Writing. The parts of a row come first, then `endRow`.
extension EventBatch {
    /// Forgets everything, and keeps the room. What comes next may go on from what was here.
    package mutating func removeAll() {
        generation &+= 1
        if lastBefore.count + processes.count > Limits.processesGoingOnMax { lastBefore = [:] }
        for (key, last) in zip(processes, lastOf) where last > 0 { lastBefore[key] = last }
        processes.removeAll(keepingCapacity: true)
        predecessors.removeAll(keepingCapacity: true)
        references.removeAll(keepingCapacity: true)
        claimedNames.removeAll(keepingCapacity: true)
        slotOf.removeAll(keepingCapacity: true)
        lastOf.removeAll(keepingCapacity: true)
        referenceOf.removeAll(keepingCapacity: true)
        names.removeAll()
        keys.removeAll()
        _ = names.intern([UInt8]().span)
        slots.removeAll(keepingCapacity: true)
        sequences.removeAll(keepingCapacity: true)
        kinds.removeAll(keepingCapacity: true)
        times.removeAll(keepingCapacity: true)
        levels.removeAll(keepingCapacity: true)
        stamps.removeAll(keepingCapacity: true)
        nameNumbers.removeAll(keepingCapacity: true)
        textCounts.removeAll(keepingCapacity: true)
        wholes.removeAll(keepingCapacity: true)
        changes.removeAll(keepingCapacity: true)
        causes.removeAll(keepingCapacity: true)
        rulings.removeAll(keepingCapacity: true)
        content.removeAll(keepingCapacity: true)
        attributes.removeAll(keepingCapacity: true)
        changeStarts.removeLast(changeStarts.count - 1)
        contentStarts.removeLast(contentStarts.count - 1)
        attributeStarts.removeLast(attributeStarts.count - 1)
        textEnd = nil
        cost = 0
    }

    /// Makes room for as many more rows, and so many bytes of what they say: arrays that grow by themselves take up to twice
    /// as much.
    package mutating func reserve(rows: Int, contentBytes: Int) {
        let count = count + rows
        slots.reserveCapacity(count)
        sequences.reserveCapacity(count)
        kinds.reserveCapacity(count)
        times.reserveCapacity(count)
        levels.reserveCapacity(count)
        stamps.reserveCapacity(count)
        nameNumbers.reserveCapacity(count)
        textCounts.reserveCapacity(count)
        contentStarts.reserveCapacity(count + 1)
        attributeStarts.reserveCapacity(count + 1)
        changeStarts.reserveCapacity(count + 1)
        content.reserveCapacity(content.count + contentBytes)
    }

    /// The index of a process, added where it is new. O(name): remember it with the batch's `generation`.
    package mutating func slot(of key: ProcessKey) -> Int {
        if let known = slotOf[key] { return known }
        slotOf[key] = processes.count
        processes.append(key)
        predecessors.append(0)
        lastOf.append(0)
        cost +=
            EventCost.process + key.execution.utf8.count + key.host.utf8.count
            + key.process.name.utf8.count
        return processes.count - 1
    }

    /// The index of a process that clocks or causes refer to, added where it is new; `name` is what a cause says that it is
    /// called.
    package mutating func reference(
        _ process: ProcessReference, called name: ProcessID? = nil
    ) -> Int {
        let index: Int
        if let known = referenceOf[process] {
            index = known
        } else {
            index = references.count
            referenceOf[process] = index
            references.append(process)
            claimedNames.append(nil)
            cost += EventCost.reference
            if case .named(let id) = process { cost += id.name.utf8.count }
        }
        if let name { claim(name, of: index) }
        return index
    }

    /// Notes what a cause says that a process is called; what was said first stands.
    package mutating func claim(_ name: ProcessID, of reference: Int) {
        guard claimedNames[reference] == nil else { return }
        claimedNames[reference] = name
        cost += name.name.utf8.count
    }

    /// The number of an event's name.
    package mutating func name(_ bytes: Span<UInt8>) -> Int {
        bytes.isEmpty ? 0 : names.intern(bytes)
    }

    /// The text of the next row: valid UTF-8. Comes before its attributes.
    package mutating func appendText(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { content.append(contentsOf: $0) }
        textEnd = content.count
    }

    /// An attribute of the next row; key and value are valid UTF-8.
    package mutating func appendAttribute(
        key: Span<UInt8>, isJSON: Bool, value: Span<UInt8>
    ) {
        if textEnd == nil { textEnd = content.count }
        let number = keys.intern(key)
        value.withUnsafeBufferPointer { content.append(contentsOf: $0) }
        attributes.append(
            BatchAttribute(key: UInt32(number), isJSON: isJSON, end: content.count))
    }

    /// An entry of the next row's clock that changed.
    package mutating func appendChange(_ reference: Int, _ value: UInt64) {
        changes.append(ClockChange(process: reference, value: value))
    }

    /// Takes back what `appendChange` said of the next row.
    package mutating func forgetChanges() {
        changes.removeLast(changes.count - changeStarts[count])
    }

    /// A send that the next row has a message of.
    package mutating func appendCause(_ reference: Int, _ sequence: UInt64, _ evidence: Evidence) {
        causes.append(
            RowCause(row: count, process: reference, sequence: sequence, evidence))
    }

    /// What the next row rules out.
    package mutating func appendRuling(_ reference: Int, _ sequence: UInt64) {
        rulings.append(RowCause(row: count, process: reference, sequence: sequence, .rule))
    }

    /// Whether the next row of a process may go on from its event with this number: it must be the one that was written
    /// last. Several sources may write one process's events, and none knows of the others.
    package func mayGoOn(_ slot: Int, from predecessor: UInt64) -> Bool {
        if lastOf[slot] != 0 { return lastOf[slot] == predecessor }
        return predecessor != 0 && lastBefore[processes[slot]] == predecessor
    }

    /// What comes next, whichever process's, is written with its whole clock: whoever reads it has none of the earlier ones.
    package mutating func forgetClocks() {
        precondition(isEmpty, "clocks are forgotten between two batches")
        lastBefore = [:]
    }

    /// Ends a row.
    ///
    /// - Parameters:
    ///   - slot: Index of its process.
    ///   - predecessor: The sequence number of the event of the process that the changes are against: the one that was written
    ///     last, in this batch or before it. 0 where the changes are the whole clock.
    package mutating func endRow(
        slot: Int, sequence: UInt64, kind: EventKind, time: Int64 = noTime, level: UInt8 = 0,
        stamp: Stamp, name: Int = 0, predecessor: UInt64
    ) {
        let row = count
        if lastOf[slot] == 0 {
            predecessors[slot] = predecessor
        } else if predecessor == 0 {
            wholes.append(row)
        } else {
            precondition(
                predecessor == lastOf[slot] && sequence > predecessor,
                "a clock that goes on from another event than the one before it")
        }
        lastOf[slot] = sequence
        slots.append(UInt32(slot))
        sequences.append(sequence)
        kinds.append(kind)
        times.append(time)
        levels.append(level)
        stamps.append(stamp)
        nameNumbers.append(UInt32(name))
        textCounts.append((textEnd ?? content.count) - contentStarts[row])
        textEnd = nil
        cost += rowCost(
            content: content.count - contentStarts[row],
            attributes: attributes.count - attributeStarts[row],
            changes: changes.count - changeStarts[row], causes: 0)
        contentStarts.append(content.count)
        attributeStarts.append(attributes.count)
        changeStarts.append(changes.count)
    }

    /// Takes back the parts of a row that turned out to be none.
    package mutating func abandonRow() {
        content.removeLast(content.count - contentStarts[count])
        attributes.removeLast(attributes.count - attributeStarts[count])
        forgetChanges()
        while let last = causes.last, last.row == count { causes.removeLast() }
        while let last = rulings.last, last.row == count { rulings.removeLast() }
        textEnd = nil
    }

    private func rowCost(content: Int, attributes: Int, changes: Int, causes: Int) -> Int {
        EventCost.row + content + EventCost.attribute * attributes + EventCost.change * changes
            + EventCost.cause * causes
    }

    /// What a row takes, without what is new in the tables.
    package func cost(ofRow row: Int, causes: Int) -> Int {
        rowCost(
            content: contentStarts[row + 1] - contentStarts[row],
            attributes: attributeStarts[row + 1] - attributeStarts[row],
            changes: changeStarts[row + 1] - changeStarts[row], causes: causes)
    }
}

// Rewriting.
extension EventBatch {
    /// Puts other content into the place of what rows say: who says it, and in which order, stays. O(content of the rows).
    ///
    /// - Parameters:
    ///   - first: The row from which on texts and values are rewritten. Names and keys are rewritten in all rows: what they were is kept
    ///     nowhere.
    ///   - word: What becomes of an event's name, or of an attribute's key; nil where it stays. Called once for each.
    ///   - text: What becomes of a text; nil where it stays.
    ///   - value: What becomes of an attribute's value, by its key as it was, and whether it is JSON; nil where it stays.
    package mutating func rewrite(
        from first: Int, word: (Span<UInt8>) -> [UInt8]?, text: (Span<UInt8>) -> [UInt8]?,
        value: (_ key: Span<UInt8>, _ isJSON: Bool, Span<UInt8>) -> (value: [UInt8], isJSON: Bool)?
    ) {
        let oldKeys = keys
        if let (table, numbers) = EventBatch.rewritten(names, word) {
            names = table
            for row in nameNumbers.indices { nameNumbers[row] = numbers[Int(nameNumbers[row])] }
        }
        var keyNumbers: [UInt32]?
        if let (table, numbers) = EventBatch.rewritten(keys, word) {
            keys = table
            keyNumbers = numbers
        }
        guard first < count || keyNumbers != nil else { return }
        let start = contentStarts[min(first, count)]
        let content = content
        var (fresh, copied, shift) = ([UInt8](), start, 0)
        var attributes: [BatchAttribute] = []
        swap(&attributes, &self.attributes)
        defer { swap(&attributes, &self.attributes) }
        func replace(_ range: Range<Int>, _ bytes: [UInt8]) {
            fresh += content[copied..<range.lowerBound]
            fresh += bytes
            copied = range.upperBound
            shift += bytes.count - range.count
        }
        for row in first..<max(first, count) {
            let before = shift
            let (own, textEnd) = (contentStarts[row], contentStarts[row] + textCounts[row])
            contentStarts[row] = own + before
            if let bytes = text(content.span.extracting(own..<textEnd)) {
                replace(own..<textEnd, bytes)
                textCounts[row] = bytes.count
            }
            var valueStart = textEnd
            for index in attributeIndexes(row) {
                var attribute = attributes[index]
                let (end, key) = (attribute.end, oldKeys[Int(attribute.key)])
                let old = content.span.extracting(valueStart..<end)
                if let (bytes, isJSON) = value(key.span, attribute.isJSON, old) {
                    replace(valueStart..<end, bytes)
                    attribute.isJSON = isJSON
                }
                attribute.end = end + shift
                attributes[index] = attribute
                valueStart = end
            }
            cost += shift - before
        }
        if first <= count { contentStarts[count] = contentStarts[count] + shift }
        if copied > start { self.content = content[..<start] + fresh + content[copied...] }
        guard let keyNumbers else { return }
        for index in attributes.indices {
            attributes[index].key = keyNumbers[Int(attributes[index].key)]
        }
    }

    /// A table with other words, and by number in the old one the number in it; nil where nothing changes.
    private static func rewritten(
        _ table: ByteTable, _ word: (Span<UInt8>) -> [UInt8]?
    ) -> (ByteTable, [UInt32])? {
        let words = (0..<table.count).map { word(table[$0].span) }
        guard words.contains(where: { $0 != nil }) else { return nil }
        var fresh = ByteTable()
        let numbers = words.enumerated().map { index, word in
            UInt32(word.map { fresh.intern($0.span) } ?? fresh.intern(table[index].span))
        }
        return (fresh, numbers)
    }
}

// Reading.
extension EventBatch {
    @inlinable
    package func text(_ row: Int) -> Range<Int> {
        contentStarts[row]..<contentStarts[row] + textCounts[row]
    }

    /// The bytes of an attribute's value, by its index in `attributes`, of a row.
    @inlinable
    package func value(_ index: Int, ofRow row: Int) -> Range<Int> {
        let start =
            index == attributeStarts[row]
            ? contentStarts[row] + textCounts[row] : attributes[index - 1].end
        return start..<attributes[index].end
    }

    /// Which of `attributes` are a row's.
    @inlinable
    package func attributeIndexes(_ row: Int) -> Range<Int> {
        attributeStarts[row]..<attributeStarts[row + 1]
    }

    @inlinable
    package func changes(_ row: Int) -> ArraySlice<ClockChange> {
        changes[changeStarts[row]..<changeStarts[row + 1]]
    }

    /// The event that a row names, as the row refers to it.
    package func reference(_ named: RowCause) -> EventReference {
        EventReference(
            references[named.process], named.sequence, name: claimedNames[named.process])
    }

    /// The causes of rows from `row` on begin here in `causes`. O(log causes).
    package func firstCause(from row: Int) -> Int { first(in: causes, from: row) }

    package func firstRuling(from row: Int) -> Int { first(in: rulings, from: row) }

    /// What a row names as the sends that it has messages of. O(log causes).
    package func causes(ofRow row: Int) -> ArraySlice<RowCause> {
        guard !causes.isEmpty else { return [] }
        let first = firstCause(from: row)
        var end = first
        while end < causes.count, causes[end].row == row { end += 1 }
        return causes[first..<end]
    }

    /// What a row rules out; nil where nothing. O(log rulings).
    package func ruling(ofRow row: Int) -> RowCause? {
        guard !rulings.isEmpty else { return nil }
        let first = firstRuling(from: row)
        return first < rulings.count && rulings[first].row == row ? rulings[first] : nil
    }

    private func first(in named: [RowCause], from row: Int) -> Int {
        var (low, high) = (0, named.count)
        while low < high {
            let middle = (low + high) / 2
            if named[middle].row < row { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
