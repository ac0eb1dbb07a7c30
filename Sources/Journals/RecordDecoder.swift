import Causality

/// What the records of a journal say, in their order: each says only what changed, and refers to runs as those before it did.
/// `JournalFormat` has the grammar.
struct RecordDecoder: Sendable {
    /// Whose journal it is.
    private let run: Identity128
    private let own: RunKey
    /// Whose events these are; nil before the first snapshot.
    private(set) var key: ProcessKey?
    /// The last event that was read, and whether its clock is all that it had seen.
    private(set) var sequence: UInt64 = 0
    private(set) var stamp = Stamp.complete
    /// From where on stamps may lack something, and why.
    private var loss: Loss?
    /// Events up to this one were read by an earlier reader.
    private let skipped: UInt64
    private let isScanning: Bool
    /// The other runs that the process knows, each once.
    private var known: [KnownRun] = []
    private var places: [RunKey: Int] = [:]
    /// By the index that records refer to runs with: the place in `known`.
    private var runs: [Int] = []
    /// By place in `known`: its reference in the batch of a generation; -1 where it was not asked for.
    private var references: [Int] = []
    private var generation: UInt64 = .max
    /// The process's slot in that batch.
    private var slot = 0
    /// The event that was appended to a batch last, of which the clock is known to who reads batches; 0 where none is.
    private var written: UInt64 = 0
    /// Bytes of all names in `known`.
    private var nameByteCount = 0
    /// The highest sequence number that the program says it gave.
    private(set) var given: UInt64 = 0

    private struct KnownRun {
        let run: RunKey
        /// In the clock of the last event; 0 where there is none.
        var entry: UInt64 = 0
        /// What it said that it is called, as a sender.
        var name: ProcessID?
    }

    /// Decodes the events of a run after one that was read before.
    init(_ run: Identity128, afterSequence sequence: UInt64) {
        self.run = run
        own = RunKey(run)
        isScanning = false
        skipped = sequence
        self.sequence = sequence
    }

    /// Learns only what the last event of a run was and had seen: no events.
    init(scanning run: Identity128) {
        self.run = run
        own = RunKey(run)
        isScanning = true
        skipped = 0
    }

    /// The clock of the last event that was read, without its own entry. O(entries).
    var clock: [RunKey: UInt64] {
        var clock: [RunKey: UInt64] = [:]
        for other in known where other.entry > 0 { clock[other.run] = other.entry }
        return clock
    }

    /// Notes that the program says it gave numbers up to this one.
    mutating func note(given number: UInt64) { given = max(given, number) }
}

extension RecordDecoder {
    /// The head of a record, and where its name and text lie.
    private struct Head {
        var end: Int
        var kind: UInt8
        var level: UInt8
        var flags: UInt8
        var reason: Loss.Reason?
        var sequence: UInt64
        var time: Int64
        var name: Range<Int>
        var text: Range<Int>
    }

    private func head(_ reader: inout ByteReader) throws(FormatError) -> Head {
        let start = reader.offset
        let length = Int(try reader.fixed32("record length"))
        let kind = try reader.byte("kind")
        let level = try reader.byte("level")
        let flags = try reader.byte("flags")
        let loss = try reader.byte("loss")
        let sequence = try reader.fixed64("sequence number")
        let time = Int64(bitPattern: try reader.fixed64("time"))
        let nameCount = Int(try reader.fixed32("name"))
        let textCount = Int(try reader.fixed32("text"))
        guard nameCount <= Causality.Limits.nameBytesMax,
            textCount <= Causality.Limits.eventBytesMax
        else {
            throw reader.malformed("a name of \(nameCount) and a text of \(textCount) bytes")
        }
        let reason = loss == 0 ? nil : Loss.Reason(rawValue: loss)
        guard loss == 0 || reason != nil else {
            throw reader.malformed("loss: \(loss) is unknown to this program")
        }
        return Head(
            end: start + length, kind: kind, level: level, flags: flags, reason: reason,
            sequence: sequence, time: time, name: try reader.range(nameCount, "name"),
            text: try reader.range(textCount, "text"))
    }

    /// Takes in the next record, and appends its event, if it is one that is wanted.
    ///
    /// Throws where it cannot be read; what comes after it may be read all the same. Then the batch is as it was.
    mutating func read(
        _ reader: inout ByteReader, _ bytes: [UInt8], into batch: inout EventBatch
    ) throws(FormatError) {
        do throws(FormatError) {
            try record(&reader, bytes, &batch)
        } catch {
            batch.abandonRow()
            written = 0
            throw error
        }
    }

    private mutating func record(
        _ reader: inout ByteReader, _ bytes: [UInt8], _ batch: inout EventBatch
    ) throws(FormatError) {
        let head = try head(&reader)
        let sequence = head.sequence
        defer {
            stamp =
                loss.map { .lossy($0) }
                ?? (head.flags & RecordFlags.generating == 0 ? .complete : .generating)
        }
        if head.kind == JournalFormat.snapshotKind {
            try snapshot(&reader, head.reason)
            // The numbers before this chunk were given, whoever has their events.
            if sequence <= Causality.Limits.sequenceMax {
                given = max(given, sequence &- min(sequence, 1))
            }
            return try skipPadding(&reader, to: head.end)
        }
        guard let kind = EventKind(rawValue: head.kind), kind != .unsaid else {
            throw reader.malformed("event kind: expected 0 to 2, found \(head.kind)")
        }
        guard let key else { throw reader.malformed("a chunk does not begin with a snapshot") }
        guard sequence <= Causality.Limits.sequenceMax, sequence > 0 else {
            throw reader.malformed("\(sequence) is no sequence number")
        }
        let isRepeated = sequence <= self.sequence
        guard !isRepeated || sequence <= skipped else {
            throw reader.malformed(
                "sequence number \(sequence) after \(self.sequence): expected a higher one")
        }
        let isWanted = !isScanning && sequence > skipped
        if isWanted {
            prepare(&batch, key)
            // Whoever reads the batches may have none of the earlier clocks.
            if written > 0, !batch.mayGoOn(slot, from: written) { written = 0 }
            try check(bytes, head, reader)
            batch.appendText(bytes.span.extracting(head.text))
        }
        if head.flags & RecordFlags.attributes != 0 {
            try attributes(&reader, bytes, isWanted, &batch)
        }
        if head.flags & RecordFlags.clock != 0 {
            try clockChanges(&reader, isWanted, &batch)
        }
        try skipPadding(&reader, to: head.end)
        if !isRepeated { self.sequence = sequence }
        // The chunk's own snapshot may have told it already.
        if let reason = head.reason, loss?.since != sequence {
            loss = Loss(since: sequence, reason, number: (loss?.number ?? 0) &+ 1)
        }
        guard isWanted else { return }
        if written == 0 { appendWholeClock(&batch) }
        batch.endRow(
            slot: slot, sequence: sequence, kind: kind, time: head.time,
            level: Level(rawValue: head.level)?.rawValue ?? 0,
            stamp: loss.map { .lossy($0) }
                ?? (head.flags & RecordFlags.generating == 0 ? .complete : .generating),
            name: batch.name(bytes.span.extracting(head.name)), predecessor: written)
        written = sequence
    }

    /// Throws where name or text are no text.
    private func check(
        _ bytes: [UInt8], _ head: Head, _ reader: ByteReader
    ) throws(FormatError) {
        try checkName(bytes, head.name, "name", reader)
        try check(bytes, head.text, "text", reader)
    }

    /// Throws where it is no name: a frame that had it could not be read.
    private func checkName(
        _ bytes: [UInt8], _ range: Range<Int>, _ what: String, _ reader: ByteReader
    ) throws(FormatError) {
        try check(bytes, range, what, reader)
        guard !bytes[range].contains(0) else { throw reader.malformed("\(what): a NUL byte in it") }
    }

    private func check(
        _ bytes: [UInt8], _ range: Range<Int>, _ what: String, _ reader: ByteReader
    ) throws(FormatError) {
        guard (try? UTF8Span(validating: bytes.span.extracting(range))) != nil else {
            throw reader.malformed("\(what): expected UTF-8")
        }
    }

    /// Finds the process and the runs anew in a batch that is another one than before.
    private mutating func prepare(_ batch: inout EventBatch, _ key: ProcessKey) {
        guard generation != batch.generation else { return }
        generation = batch.generation
        slot = batch.slot(of: key)
        references = Array(repeating: -1, count: known.count)
    }

    private mutating func reference(_ place: Int, in batch: inout EventBatch) -> Int {
        while references.count < known.count { references.append(-1) }
        if references[place] < 0 { references[place] = batch.reference(.run(known[place].run)) }
        return references[place]
    }

    private mutating func appendWholeClock(_ batch: inout EventBatch) {
        batch.forgetChanges()
        let places = known.indices.filter { known[$0].entry > 0 }
        for place in places.sorted(by: { known[$0].run.bits < known[$1].run.bits }) {
            batch.appendChange(reference(place, in: &batch), known[place].entry)
        }
    }

    private func skipPadding(_ reader: inout ByteReader, to end: Int) throws(FormatError) {
        guard reader.offset <= end, end - reader.offset < 8 else {
            throw reader.malformed("a record whose parts do not add up to its length")
        }
        try reader.skip(end - reader.offset, "padding")
    }

    private mutating func snapshot(
        _ reader: inout ByteReader, _ reason: Loss.Reason?
    ) throws(FormatError) {
        let incarnation = try reader.fixed32("incarnation")
        let execution = try reader.name16("execution")
        let host = try reader.name16("host")
        let name = try reader.name16("process name")
        guard (1...Causality.Limits.incarnationMax).contains(incarnation) else {
            throw reader.malformed("no process: incarnation \(incarnation) of “\(name)”")
        }
        let found = ProcessKey(
            execution: execution, host: host,
            process: ProcessID(name: name, incarnation: incarnation), run: run,
            origin: try reader.origin())
        guard key == nil || key == found else {
            throw reader.malformed(
                "a journal of two processes: \(key!.process) and \(found.process)")
        }
        let since = try sequenceNumber(&reader)
        let number = try reader.fixed32("loss")
        guard (since == 0) == (reason == nil) else {
            throw reader.malformed("stamps lack something since \(since), and no reason fits")
        }
        key = found
        loss = reason.map { Loss(since: since, $0, number: number) }
        let before = clock
        (runs, known, places, nameByteCount, references) = ([], [], [:], 0, [])
        for _ in 0..<(try runCount(&reader)) {
            let place = add(RunKey(bits: try reader.fixed64("clock entry")))
            let entry = try sequenceNumber(&reader)
            if known[place].run != own, entry > 0 { known[place].entry = entry }
        }
        // Something between the chunks could not be read.
        if clock != before { written = 0 }
    }

    /// Gives a run the next index, and returns its place in `known`.
    private mutating func add(_ run: RunKey) -> Int {
        let place = places[run] ?? known.count
        if place == known.count {
            places[run] = place
            known.append(KnownRun(run: run))
        }
        runs.append(place)
        return place
    }

    private func runCount(_ reader: inout ByteReader) throws(FormatError) -> Int {
        let count = Int(try reader.fixed32("runs"))
        guard count + runs.count <= Causality.Limits.clockEntriesMax else {
            throw reader.malformed(
                "a clock of more than \(Causality.Limits.clockEntriesMax) runs")
        }
        return count
    }

    /// What the sender of a message is called, where the record says it.
    private mutating func senderName(_ reader: inout ByteReader) throws(FormatError) -> ProcessID? {
        let name = try reader.string16("process name")
        let incarnation = try reader.fixed32("incarnation")
        guard !name.isEmpty else { return nil }
        guard (1...Causality.Limits.incarnationMax).contains(incarnation),
            !name.utf8.contains(0)
        else { throw reader.malformed("no process: incarnation \(incarnation) of “\(name)”") }
        nameByteCount += name.utf8.count
        guard nameByteCount <= Limits.nameBytesMax else {
            throw reader.malformed(
                "names of more than \(Limits.nameBytesMax) bytes in a clock")
        }
        return ProcessID(name: name, incarnation: incarnation)
    }

    private func sequenceNumber(_ reader: inout ByteReader) throws(FormatError) -> UInt64 {
        let value = try reader.fixed64("sequence number")
        guard value <= Causality.Limits.sequenceMax else {
            throw reader.malformed("\(value) is no sequence number")
        }
        return value
    }

    private func attributes(
        _ reader: inout ByteReader, _ source: [UInt8], _ isWanted: Bool, _ batch: inout EventBatch
    ) throws(FormatError) {
        let count = Int(try reader.fixed16("attributes"))
        guard count <= Causality.Limits.attributesMax else {
            throw reader.malformed(
                "expected at most \(Causality.Limits.attributesMax) attributes, found \(count)")
        }
        var bytes = 0
        for _ in 0..<count {
            let keyCount = Int(try reader.fixed16("attribute key"))
            guard (1...Causality.Limits.nameBytesMax).contains(keyCount) else {
                throw reader.malformed("attribute key: \(keyCount) bytes")
            }
            let key = try reader.range(keyCount, "attribute key")
            let type = try reader.byte("attribute type")
            let length = Int(try reader.fixed32("attribute value"))
            bytes += length
            // A recorder cuts values to the limit, and adds a short one that says so.
            guard bytes <= Causality.Limits.eventBytesMax + 4096, type <= 1 else {
                throw reader.malformed("attributes of \(bytes) bytes, or of a type of \(type)")
            }
            let value = try reader.range(length, "attribute value")
            guard isWanted else { continue }
            try checkName(source, key, "attribute key", reader)
            try check(source, value, "attribute value", reader)
            batch.appendAttribute(
                key: source.span.extracting(key), isJSON: type == 1,
                value: source.span.extracting(value))
        }
    }

    /// Takes in what an event has seen for the first time, and its causes.
    private mutating func clockChanges(
        _ reader: inout ByteReader, _ isWanted: Bool, _ batch: inout EventBatch
    ) throws(FormatError) {
        for _ in 0..<(try runCount(&reader)) {
            _ = add(RunKey(bits: try reader.fixed64("clock entry")))
        }
        let causeCount = Int(try reader.fixed32("causes"))
        guard causeCount <= Causality.Limits.causesMax else {
            throw reader.malformed(
                "expected at most \(Causality.Limits.causesMax) causes, found \(causeCount)")
        }
        for _ in 0..<causeCount {
            // In two steps, here and below: else the whole reader is copied, to be as it was before the number was read.
            let index = try reader.fixed32("cause")
            let sender = try place(index, reader)
            let sent = try sequenceNumber(&reader)
            if let name = try senderName(&reader) { known[sender].name = name }
            if isWanted {
                let reference = reference(sender, in: &batch)
                if let name = known[sender].name { batch.claim(name, of: reference) }
                batch.appendCause(reference, max(sent, 1), .token)
            }
        }
        let count = Int(try reader.fixed32("clock entries"))
        for _ in 0..<count {
            let index = try reader.fixed32("clock entry")
            let other = try place(index, reader)
            let value = try sequenceNumber(&reader)
            guard known[other].run != own, value > known[other].entry else {
                continue
            }
            known[other].entry = value
            if isWanted, written > 0 {
                batch.appendChange(reference(other, in: &batch), value)
            } else if !isWanted {
                // Who reads the batches does not hear of this one.
                written = 0
            }
        }
    }

    /// The place in `known` of the run with an index.
    private func place(_ index: UInt32, _ reader: ByteReader) throws(FormatError) -> Int {
        guard Int(index) < runs.count else {
            throw reader.malformed("run \(index) of \(runs.count)")
        }
        return runs[Int(index)]
    }
}
