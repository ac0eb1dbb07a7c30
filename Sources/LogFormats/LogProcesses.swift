import Causality

/// The processes that a log's events are of: what number each had last, and what its clock said then.
///
/// Bounded: beyond `Limits.processesMax` processes, lines must bring their numbers, and beyond `Limits.clockEntriesKeptMax`
/// entries the clocks are forgotten: the next ones are written whole.
struct LogProcesses: Sendable {
    /// One process of one execution on one host.
    struct Line: Sendable {
        let key: ProcessKey
        /// The highest sequence number that was seen; 0 where none was.
        var highest: UInt64 = 0
        /// Of the event that was written last; 0 where that is not known, or its clock is not.
        var written: UInt64 = 0
        /// What that said of others.
        var clock: [LogClock.Entry] = []
        fileprivate var slot = 0
        fileprivate var generation: UInt64 = .max
    }

    private(set) var lines: [Line] = []
    private var indexOf: [ProcessKey: Int] = [:]
    /// By the bytes of execution, host and name, as lines of JSON have them.
    private var indexOfText = ByteTable()
    private var lineOfText: [Int] = []
    /// Names in clocks and causes: as they stand, and in Lightcone's text form.
    private var rawNames = ByteTable()
    private var textNames = ByteTable()
    private var idOfRaw: [Int] = []
    private var idOfText: [Int] = []
    private var ids: [ProcessID] = []
    private var indexOfID: [ProcessID: Int] = [:]
    /// By name: its index in the batch of a generation.
    private var references: [Int] = []
    private var referenceGeneration: UInt64 = .max
    private var keptEntries = 0

    /// The index of a process, added where it is new. O(name).
    mutating func index(of key: ProcessKey) -> Int {
        if let known = indexOf[key] { return known }
        indexOf[key] = lines.count
        lines.append(Line(key: key))
        return lines.count - 1
    }

    /// The index of the process that some bytes stand for; nil where they come for the first time. O(bytes).
    func index(ofText text: Span<UInt8>) -> Int? { indexOfText.find(text).map { lineOfText[$0] } }

    /// The index of a process, which `text` stands for from now on. O(bytes).
    mutating func index(of key: ProcessKey, forText text: Span<UInt8>) -> Int {
        let line = index(of: key)
        // Texts that nobody repeats must not fill the memory.
        if indexOfText.byteCount > Limits.keptNameBytesMax {
            indexOfText.removeAll()
            lineOfText = []
        }
        _ = indexOfText.intern(text)
        lineOfText.append(line)
        return line
    }

    /// The slot of a process in a batch.
    mutating func slot(_ line: Int, in batch: inout EventBatch) -> Int {
        if lines[line].generation != batch.generation {
            lines[line].slot = batch.slot(of: lines[line].key)
            lines[line].generation = batch.generation
        }
        return lines[line].slot
    }

    func id(_ name: Int) -> ProcessID { ids[name] }

    /// The number of a name, of a clock's member.
    mutating func name(
        _ members: ClockMembers, _ span: JSONSpan, isRaw: Bool
    ) throws(RecordDefect) -> Int {
        if span.keyHasEscapes {
            let text = Array(members.key(span).utf8)
            return try name(text.span, isRaw: isRaw)
        }
        return try name(members.bytes.span.extracting(span.key), isRaw: isRaw)
    }

    /// The number of a process's name. O(bytes).
    mutating func name(
        _ bytes: Span<UInt8>, isRaw: Bool, _ what: String = "in the clock a process name"
    ) throws(RecordDefect) -> Int {
        if let known = isRaw ? rawNames.find(bytes) : textNames.find(bytes) {
            return isRaw ? idOfRaw[known] : idOfText[known]
        }
        let text = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        let id = isRaw ? ProcessID(name: text) : ProcessID(text: text)
        try EventLimits.checkName(id.name, what)
        if rawNames.byteCount + textNames.byteCount > Limits.keptNameBytesMax { forgetNames() }
        let number = number(of: id)
        if isRaw {
            _ = rawNames.intern(bytes)
            idOfRaw.append(number)
        } else {
            _ = textNames.intern(bytes)
            idOfText.append(number)
        }
        return number
    }

    private mutating func number(of id: ProcessID) -> Int {
        if let known = indexOfID[id] { return known }
        indexOfID[id] = ids.count
        ids.append(id)
        references.append(-1)
        return ids.count - 1
    }

    /// Texts that nobody repeats must not fill the memory. Numbers that were given stay.
    private mutating func forgetNames() {
        rawNames.removeAll()
        textNames.removeAll()
        (idOfRaw, idOfText) = ([], [])
    }

    /// What a name is referred to by in a batch.
    mutating func reference(_ name: Int, in batch: inout EventBatch) -> Int {
        if referenceGeneration != batch.generation {
            for index in references.indices { references[index] = -1 }
            referenceGeneration = batch.generation
        }
        if references[name] < 0 { references[name] = batch.reference(.named(ids[name])) }
        return references[name]
    }

    /// Appends what a clock says that the clock of the process's event before it did not. Returns that event's number; 0 where
    /// the whole clock was appended. O(entries).
    mutating func diff(_ line: Int, _ clock: LogClock, into batch: inout EventBatch) -> UInt64 {
        let slot = slot(line, in: &batch)
        let written = lines[line].written
        guard written > 0, written < clock.own, batch.mayGoOn(slot, from: written)
        else {
            for entry in clock.entries {
                batch.appendChange(reference(entry.name, in: &batch), entry.value)
            }
            return 0
        }
        let known = lines[line].clock
        if known.count == clock.entries.count,
            zip(known, clock.entries).allSatisfy({ $0.name == $1.name })
        {
            // Nearly always: a source writes its entries in one order.
            for (old, new) in zip(known, clock.entries) where old.value != new.value {
                batch.appendChange(reference(new.name, in: &batch), new.value)
            }
            return written
        }
        var old = Dictionary(known.map { ($0.name, $0.value) }) { $1 }
        for entry in clock.entries where old.removeValue(forKey: entry.name) != entry.value {
            batch.appendChange(reference(entry.name, in: &batch), entry.value)
        }
        for name in old.keys.sorted() { batch.appendChange(reference(name, in: &batch), 0) }
        return written
    }

    /// Notes the event that was written last.
    mutating func note(_ line: Int, _ sequence: UInt64, _ clock: LogClock) {
        keptEntries += clock.entries.count - lines[line].clock.count
        lines[line].written = sequence
        lines[line].clock = clock.entries
        lines[line].highest = max(lines[line].highest, sequence)
        guard keptEntries > Limits.clockEntriesKeptMax else { return }
        keptEntries = 0
        for index in lines.indices { (lines[index].written, lines[index].clock) = (0, []) }
    }

    /// Leaves out a number of each process.
    mutating func leaveGaps() {
        for index in lines.indices where lines[index].highest > 0 { lines[index].highest += 1 }
    }

    /// The next sequence number of a process, or `given`.
    func sequence(of line: Int, given: UInt64?) throws(RecordDefect) -> UInt64 {
        guard given != nil || line < Limits.processesMax else {
            throw RecordDefect(
                "of one process too many: expected at most \(Limits.processesMax) in a file")
        }
        let sequence = given ?? lines[line].highest + 1
        guard sequence <= Causality.Limits.sequenceMax else {
            throw RecordDefect(
                "the sequence number \(sequence): expected at most \(Causality.Limits.sequenceMax)")
        }
        return sequence
    }

    /// Puts back what a stored state says.
    mutating func restore(_ key: ProcessKey, highest: UInt64) {
        lines[index(of: key)].highest = highest
    }
}
