import Causality
import Disks
import Glibc
import Journals

/// One incarnation as it is recorded: its sequence number, its clock and its journal, which change together.
struct Incarnation: ~Copyable {
    let settings: Settings
    let key: ProcessKey
    let run: Identity128
    /// What a token says of this process.
    private let senderBytes: [UInt8]
    private(set) var sequence: UInt64 = 0
    private var clock: ClockTable
    /// From where on stamps may lack something, and why.
    private var stampLoss: Loss?
    private var journal: JournalWriter?
    /// Where the next event goes in the journal's open chunk.
    private var cursor = JournalCursor.none
    private var tail = JournalTail()
    private var snapshot = JournalTail()
    /// Of the receive that is being written: the entries that grew, and the senders.
    private var changes: [ClockTable.Change] = []
    private var causes: [Cause] = []
    private var unwritten: Unwritten?
    /// What this process began with; a child that is forked before the first event begins with it too.
    private let beginning: Beginning
    /// Why its number is not durable, so that nobody who comes next under its name finds it; nil where it is.
    let numberProblem: String?
    private(set) var lostCount: UInt64 = 0
    private var seals: Seals
    /// Tokens that came without a seal of a key that this program has.
    private(set) var refusedCount: UInt64 = 0

    struct Settings: Sendable {
        /// What the program calls its process.
        var process: String
        /// The machine, at most as long as a host's name may be.
        var host: String
        var execution: String
        var spool: SpoolFolder
        /// For whom root records; nil: the user that this program runs as.
        var user: UInt32?
        /// True where the process is whoever records under the name, by an agent or a command, and not this program.
        var isKeptByName = false
        var chunkByteCount = Limits.chunkBytes
        var chunksMax = Limits.chunksMax
        /// Bytes of a token, and entries of the clock.
        var tokenBytesMax = Limits.tokenBytesMax
        var clockEntriesMax = Causality.Limits.clockEntriesMax
        var surroundings = Surroundings()
    }

    /// Events that could not be written.
    private struct Unwritten {
        var first: UInt64
        var reason: String
        /// Of the machine's uptime.
        var retryNanoseconds: Int64
    }

    /// What a child goes on from that its parent forked.
    struct Parent {
        var run: Identity128
        var sequence: UInt64
        var beginning: Beginning
    }

    /// What a forked child goes on with.
    borrowing func child() -> Incarnation {
        Incarnation(
            settings,
            forkedFrom: Parent(run: run, sequence: sequence, beginning: beginning))
    }

    /// What a copy of the machine goes on with, in a spool of its own: the same run. For tests, which copy no machines.
    borrowing func clone(into spool: SpoolFolder) throws(DiskError) -> Incarnation {
        var settings = settings
        settings.spool = spool
        let journal = try Incarnation.makeJournal(settings, run)
        return Incarnation(cloning: self, settings, journal)
    }

    private init(
        cloning other: borrowing Incarnation, _ settings: Settings,
        _ journal: consuming JournalWriter
    ) {
        self.settings = settings
        (key, run, senderBytes) = (other.key, other.run, other.senderBytes)
        (sequence, stampLoss) = (other.sequence, other.stampLoss)
        numberProblem = other.numberProblem
        beginning = other.beginning
        clock = other.clock.copy()
        seals = Seals(settings.spool)
        self.journal = consume journal
        do throws(DiskError) {
            try beginChunk(first: sequence + 1, eventBytes: 0)
        } catch {
            unwritten = Unwritten(
                first: sequence + 1, reason: "\(error)", retryNanoseconds: 0)
        }
    }

    /// Begins an incarnation: its number is durable when this returns.
    init(_ settings: Settings, run chosen: Identity128? = nil, forkedFrom parent: Parent? = nil) {
        var random = settings.surroundings
        let run = chosen ?? random.identity()
        let incarnations = Incarnations(
            settings.spool, execution: settings.execution, process: settings.process,
            user: settings.user)
        // Its lock first: whoever gets the next number finds that this one lives.
        var opened: JournalWriter?
        var failure: DiskError?
        do throws(DiskError) {
            opened = try Incarnation.makeJournal(settings, run)
        } catch {
            failure = error
        }
        var given: (given: Incarnations.Given, before: Incarnations.Given?)?
        var numberProblem: String?
        do {
            try settings.spool.make()
            given = try incarnations.next(
                for: run, isKeptByName: settings.isKeptByName, in: settings.spool)
        } catch {
            numberProblem = "\(error)"
        }
        self.numberProblem = numberProblem
        // A number that nobody will draw again, instead of one that cannot be kept.
        let incarnation =
            given?.given.incarnation
            ?? .random(
                in: Incarnations.numberMax...Causality.Limits.incarnationMax, using: &random)
        let beginning = Beginning(parent, given?.before, isNumbered: given != nil) {
            Predecessor($0, of: settings, incarnations)
        }
        self.settings = settings
        self.run = run
        seals = Seals(settings.spool)
        let process = ProcessID(
            name: Name.recorded(settings.process, on: settings.host), incarnation: incarnation)
        key = ProcessKey(
            execution: settings.execution, host: settings.host, process: process, run: run,
            origin: beginning.origin)
        senderBytes = TokenWriter.senderBytes(RunKey(run), process)
        self.beginning = beginning
        clock = ClockTable(entriesMax: settings.clockEntriesMax)
        var isComplete = beginning.isComplete
        for (run, value) in beginning.clock where clock.raise(run, to: value) == nil {
            isComplete = false
        }
        clock.isComplete = isComplete
        if beginning.lacksOrigin { stampLoss = Loss(since: 1, .originUnknown) }
        journal = opened.take()
        if let failure {
            unwritten = Unwritten(first: 1, reason: "\(failure)", retryNanoseconds: 0)
        }
        // At once: who comes after this one finds there what it had seen, even if it records nothing.
        if unwritten == nil {
            do throws(DiskError) {
                try beginChunk(first: 1, eventBytes: 0)
            } catch {
                unwritten = Unwritten(first: 1, reason: "\(error)", retryNanoseconds: 0)
            }
        }
    }

    private static func makeJournal(
        _ settings: Settings, _ run: Identity128
    ) throws(DiskError) -> JournalWriter {
        try settings.spool.make()
        return try JournalWriter(
            in: settings.spool.journals, on: settings.spool.disk, run: run,
            chunkByteCount: settings.chunkByteCount, chunksMax: settings.chunksMax)
    }

    /// What the recorder has to say of itself: why it cannot write, if so.
    var problem: String? { unwritten?.reason }

    /// Ends the inherited hold on the parent's journal, in a forked child.
    borrowing func abandonInChild() {
        if journal != nil { journal!.abandonInChild() }
    }

    /// Gives the next number, and writes an event.
    @inline(__always)
    mutating func append(
        _ kind: EventKind, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        _ level: UInt8, _ attributes: Attributes, time: Int64?
    ) -> UInt64 {
        let nanoseconds = time ?? Incarnation.now()
        if unwritten != nil { recover() }
        sequence &+= 1
        tail.clear()
        var flags = clock.isComplete ? 0 : RecordFlags.generating
        if !attributes.isEmpty {
            flags |= RecordFlags.attributes
            write(attributes)
        }
        let head = RecordHead(
            kind: kind, level: level, flags: flags, loss: lossNumber, sequence: sequence,
            nanoseconds: nanoseconds)
        write(head, name, text, isReceive: false)
        return sequence
    }

    @inline(__always)
    private mutating func write(
        _ head: RecordHead, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        isReceive: Bool
    ) {
        guard !cursor.append(head, name: name, text: text, tail: tail.bytes) else { return }
        writeInNextChunk(head, name, text, isReceive: isReceive)
    }

    @inline(never)
    private mutating func writeInNextChunk(
        _ head: RecordHead, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        isReceive: Bool
    ) {
        if unwritten == nil {
            if isReceive {
                // The snapshot says already what this event has seen: only its causes are left to tell.
                tail.cut(to: attributesEnd)
                writeClock(definedFrom: clock.count, [])
            }
            let bytes = name.count + text.count + tail.count
            do throws(DiskError) {
                try beginChunk(first: head.sequence, eventBytes: bytes)
                if isReceive {
                    // In this chunk runs have other indexes, and no names yet.
                    tail.cut(to: attributesEnd)
                    writeClock(definedFrom: clock.count, [])
                }
                if cursor.append(head, name: name, text: text, tail: tail.bytes) { return }
            } catch {
                // Not here any more: the marker comes first.
                cursor = .none
                unwritten = Unwritten(
                    first: head.sequence, reason: "\(error)",
                    retryNanoseconds: settings.surroundings.uptime() + Limits.retryNanoseconds)
            }
            forgetRemovedJournal()
        }
        lostCount += 1
        if journal != nil { journal!.note(given: head.sequence) }
    }

    /// Somebody may have removed the journal: then it is made again.
    private mutating func forgetRemovedJournal() {
        let folder = JournalFolder(
            in: settings.spool.journals, run: run, disk: settings.spool.disk)
        do throws(DiskError) {
            if try settings.spool.disk.status(folder.path) == nil { journal = nil }
        } catch {
            // Nobody knows: what is there stays its own, and its lock and numbers with it.
        }
    }

    private mutating func beginChunk(first: UInt64, eventBytes: Int) throws(DiskError) {
        guard journal != nil else {
            throw DiskError(call: "open", path: settings.spool.journals, code: ENOENT)
        }
        snapshot.clear()
        snapshot.fixed32(key.process.incarnation)
        snapshot.string16(key.execution)
        snapshot.string16(key.host)
        snapshot.string16(key.process.name)
        let origin = key.origin.fixed
        snapshot.fixed8(origin.type)
        snapshot.fixed64(origin.run)
        snapshot.fixed64(origin.sequence)
        snapshot.fixed64(stampLoss?.since ?? 0)
        snapshot.fixed32(stampLoss?.number ?? 0)
        clock.snapshot(into: &snapshot)
        cursor = try journal!.nextChunk(
            firstSequence: first, snapshot: snapshot, isComplete: clock.isComplete,
            loss: stampLoss?.reason, eventBytes: eventBytes)
    }

    /// Tries, now and then, whether events can be written again; then says first how many were lost, and why.
    @inline(never)
    private mutating func recover() {
        let nanoseconds = settings.surroundings.uptime()
        guard let lost = unwritten, nanoseconds >= lost.retryNanoseconds else { return }
        unwritten?.retryNanoseconds = nanoseconds + Limits.retryNanoseconds
        if journal == nil { journal = try? Incarnation.makeJournal(settings, run) }
        do throws(DiskError) {
            try beginChunk(first: sequence + 1, eventBytes: Causality.Limits.nameBytesMax + 1024)
        } catch {
            return
        }
        unwritten = nil
        guard lost.first <= sequence else { return }
        let marker = LossMarker(lost: lost.first...sequence, reason: lost.reason)
        var (name, text) = (LossMarker.name, marker.text)
        name.withUTF8 { name in
            text.withUTF8 { text in
                _ = append(
                    LossMarker.kind, UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(text),
                    LossMarker.level.rawValue, Attributes(marker.attributes),
                    time: settings.surroundings.now())
            }
        }
    }

    @inline(__always)
    static func now() -> Int64 { Surroundings.nanoseconds(CLOCK_REALTIME) }

    // MARK: Messages

    /// The token of the event that was written last.
    mutating func token(at nanoseconds: Int64) -> Token {
        seals.refresh(at: nanoseconds)
        let mark = Token.mark(of: key.execution)
        let bytes = [UInt8](unsafeUninitializedCapacity: settings.tokenBytesMax) { out, count in
            var writer = TokenWriter(
                UnsafeMutableRawBufferPointer(out), executionMark: mark, sender: senderBytes,
                sequence: sequence, origin: key.origin, seal: seals.hashes.first)
            var isWhole = clock.isComplete && stampLoss == nil
            clock.forEachNewestFirst { run, value in
                let hasRoom = writer.append(run, value)
                if !hasRoom { isWhole = false }
                return hasRoom
            }
            count = writer.finish(isAbbreviated: !isWhole)
        }
        return Token(checked: bytes)
    }

    /// The number of the reason why stamps may lack something from the event on that gets `sequence`; 0 where they lack
    /// nothing, or did so before.
    @inline(__always)
    private var lossNumber: UInt8 {
        guard let stampLoss, stampLoss.since == sequence else { return 0 }
        return stampLoss.reason.rawValue
    }

    /// From an event on stamps may lack something. Of several reasons of one event the first is told.
    private mutating func lose(since: UInt64, _ reason: Loss.Reason) {
        guard stampLoss?.since != since else { return }
        stampLoss = Loss(since: since, reason, number: (stampLoss?.number ?? 0) &+ 1)
    }

    /// Counts events that whoever keeps no clock of its own has lost: their numbers are a gap, and what they had received is
    /// not known.
    mutating func note(lost count: UInt64) {
        guard count > 0 else { return }
        sequence = min(sequence &+ min(count, Limits.lostEventsMax), Causality.Limits.sequenceMax)
        if journal != nil { journal!.note(given: sequence) }
        lose(since: sequence + 1, .eventsLost)
    }

    /// Writes the event of a message whose token cannot be read.
    mutating func receiveUnreadable(
        _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer, _ level: UInt8,
        _ attributes: Attributes, time: Int64?
    ) -> UInt64 {
        // First: the marker of lost events is an event too.
        if unwritten != nil { recover() }
        lose(since: sequence + 1, .unreadableToken)
        return append(.receive, name, text, level, attributes, time: time)
    }

    /// The sender of a message, in the clock or not.
    private struct Cause {
        var run: RunKey
        var sequence: UInt64
        var name: ProcessID
    }

    /// Takes in what tokens tell, and writes the one event that received them all. Those beyond `tokensMax` are as if nobody
    /// could read them.
    mutating func receive(
        _ tokens: some Collection<Token>, _ name: UnsafeRawBufferPointer,
        _ text: UnsafeRawBufferPointer, _ level: UInt8, _ attributes: Attributes, time: Int64?
    ) -> UInt64 {
        let nanoseconds = time ?? Incarnation.now()
        seals.refresh(at: nanoseconds)
        let taken = tokens.prefix(Limits.tokensMax)
        let refused = seals.hashes.isEmpty ? 0 : taken.count { !seals.take($0) }
        guard refused > 0 else {
            return receive(
                taken, isLossy: taken.count < tokens.count, name, text, level, attributes,
                nanoseconds)
        }
        // Nobody with a key of this collector has made them: they order nothing, whatever they say.
        refusedCount += UInt64(refused)
        var attributes = attributes
        attributes.add("lightcone.refused", .integer(Int64(refused)))
        return receive(
            taken.filter { seals.take($0) }, isLossy: true, name, text, level, attributes,
            nanoseconds)
    }

    /// Of tokens that are taken; `isLossy` where there were others too.
    private mutating func receive(
        _ taken: some Collection<Token>, isLossy: Bool, _ name: UnsafeRawBufferPointer,
        _ text: UnsafeRawBufferPointer, _ level: UInt8, _ attributes: Attributes,
        _ nanoseconds: Int64
    ) -> UInt64 {
        let mark = Token.mark(of: key.execution)
        let own = taken.count { $0.isOf(mark) }
        var attributes = attributes
        if own < taken.count {
            // Clocks of two executions do not belong together: the message is noted, and orders nothing.
            let foreign = taken.lazy.filter { !$0.isOf(mark) }.map { "\($0.event)" }
            attributes.add("lightcone.foreign", .text(foreign.joined(separator: ", ")))
        }
        guard own > 0 else {
            guard isLossy else {
                return append(.local, name, text, level, attributes, time: nanoseconds)
            }
            return receiveUnreadable(name, text, level, attributes, time: nanoseconds)
        }
        if unwritten != nil { recover() }
        let known = clock.count
        sequence += 1
        if isLossy { lose(since: sequence, .unreadableToken) }
        changes.removeAll(keepingCapacity: true)
        causes.removeAll(keepingCapacity: true)
        for token in taken where token.isOf(mark) {
            token.bytes.withUnsafeBytes { merge($0) }
            if token.isAbbreviated { clock.isComplete = false }
        }
        if own > 1 { keepOneOfEach() }
        tail.clear()
        var flags = RecordFlags.clock | (clock.isComplete ? 0 : RecordFlags.generating)
        if !attributes.isEmpty {
            flags |= RecordFlags.attributes
            write(attributes)
        }
        attributesEnd = tail.count
        writeClock(definedFrom: known, changes)
        let head = RecordHead(
            kind: .receive, level: level, flags: flags, loss: lossNumber, sequence: sequence,
            nanoseconds: nanoseconds)
        write(head, name, text, isReceive: true)
        return sequence
    }

    /// Of several tokens: each event that sent counts once as a cause, and of an entry that grew more than once the last value.
    private mutating func keepOneOfEach() {
        var sent: Set<EventReference> = []
        causes.removeAll { !sent.insert(EventReference(.run($0.run), $0.sequence)).inserted }
        var grown: Set<UInt32> = []
        changes = changes.reversed().filter { grown.insert($0.index).inserted }
    }

    /// Where the tail's attributes end.
    private var attributesEnd = 0

    /// Raises the clock by what a token says; the entries that grew are in `changes` then, and the sender in `causes`.
    private mutating func merge(_ bytes: UnsafeRawBufferPointer) {
        // Only tokens that were checked exist.
        let head = TokenHead(bytes)!
        if let origin = head.origin { clock.imply(origin.run, upTo: origin.sequence) }
        // This process itself has no entry but as a sender: a copy of it may be meant.
        let isListed = raise(head.run, head.sequence) && clock.index(of: head.run) != nil
        // Without its sender a stamp does not even generate what was seen.
        if !isListed { lose(since: sequence, .clockFull) }
        var offset = head.entriesOffset
        while offset < bytes.count, let (run, value) = Token.entry(bytes, &offset) {
            if !raise(run, value) { clock.isComplete = false }
        }
        causes.append(
            Cause(run: head.run, sequence: head.sequence, name: head.process(in: bytes)))
    }

    /// False where the clock has no room for the entry.
    @inline(__always)
    private mutating func raise(_ run: RunKey, _ value: UInt64) -> Bool {
        if run == RunKey(self.run) {
            // What this process has done it knows. What it has not done was done by a copy of it, on a machine that was copied, or by
            // nobody: what that had seen no token of this run can tell.
            if value >= sequence { lose(since: sequence, .unreadableToken) }
            return true
        }
        guard let (index, grew) = clock.raise(run, to: value) else { return false }
        if grew { changes.append(ClockTable.Change(index: UInt32(index), value: value)) }
        return true
    }

    private mutating func writeClock(
        definedFrom known: Int, _ changes: [ClockTable.Change]
    ) {
        // A cause may be a run that no entry stands for: this process itself, or one that another implies. It gets an index,
        // unless the clock is full.
        var listed = 0
        for cause in causes where clock.index(of: cause.run) != nil { listed += 1 }
        tail.fixed32(UInt32(clock.count - known))
        for index in known..<clock.count { clock.define(index, in: &tail) }
        tail.fixed32(UInt32(listed))
        for cause in causes {
            guard let index = clock.index(of: cause.run) else { continue }
            tail.fixed32(UInt32(index))
            tail.fixed64(cause.sequence)
            let isNamed = clock.takeUnnamed(index)
            tail.string16(isNamed ? cause.name.name : "")
            tail.fixed32(isNamed ? cause.name.incarnation : 0)
        }
        tail.fixed32(UInt32(changes.count))
        for change in changes {
            tail.fixed32(change.index)
            tail.fixed64(change.value)
        }
    }

    /// In a few nanoseconds: keys are short.
    private static func hasNUL(_ key: String) -> Bool {
        key.utf8Span.span.withUnsafeBytes { Recorder.hasNUL($0) }
    }

    /// Writes attributes; those that exceed a limit are left out or cut, and another one says so.
    private mutating func write(_ attributes: Attributes) {
        let start = tail.count
        tail.fixed16(0)
        var count: UInt16 = 0
        var truncated: [String] = []
        var bytesLeft = Causality.Limits.eventBytesMax
        for (key, value) in attributes.pairs.map({ ($0.key, $0.value.written) }) {
            guard count < Causality.Limits.attributesMax - 1 else {
                truncated.append("\(attributes.pairs.count) attributes: at most \(count) are kept")
                break
            }
            // A key that is empty, or has a NUL, could not be read.
            let readable = key.isEmpty ? "?" : Incarnation.hasNUL(key) ? key.withoutNUL : key
            let cutKey = readable.cut(toBytes: Causality.Limits.nameBytesMax)
            if cutKey.utf8.count < readable.utf8.count {
                truncated.append("the key \(cutKey.prefix(40))…")
            }
            // JSON cannot be cut: what is too long becomes text.
            let cutText = value.text.cut(toBytes: bytesLeft)
            let isCut = cutText.utf8.count < value.text.utf8.count
            if isCut { truncated.append("\(cutKey): \(value.text.utf8.count) bytes") }
            bytesLeft -= cutText.utf8.count
            tail.string16(cutKey)
            tail.fixed8(value.isJSON && !isCut ? 1 : 0)
            tail.string32(cutText)
            count += 1
        }
        if !truncated.isEmpty {
            tail.string16("lightcone.truncated")
            tail.fixed8(0)
            tail.string32(truncated.joined(separator: "; ").cut(toBytes: Limits.truncatedBytesMax))
            count += 1
        }
        tail.replace16(at: start, count)
    }
}
