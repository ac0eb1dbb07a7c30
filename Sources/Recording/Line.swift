import Causality
import Glibc
import Segments

/// One incarnation as it is recorded: its sequence number, its clock and its journal, which change together.
struct Line: ~Copyable {
    let settings: Settings
    let key: ProcessKey
    private let run: Identity128
    private let packedID: [UInt8]
    private(set) var sequence: UInt64 = 0
    private var clock = ClockTable()
    /// Where this process itself stands in the clock, once it has got a message from itself.
    private var ownIndex = -1
    private var journal: JournalWriter?
    /// Where the next event goes in the journal's open chunk.
    private var cursor = JournalCursor.none
    private var tail = JournalTail()
    private var snapshot = JournalTail()
    private var changes: [ClockTable.Change] = []
    private var loss: Loss?
    /// What this process went on from; a child that is forked before the first event goes on from it too.
    private(set) var origin: Predecessor?
    private(set) var lostCount: UInt64 = 0

    struct Settings: Sendable {
        var process: String
        var host: String
        var execution: String
        var spool: SpoolFolder
        var chunkByteCount = Limits.chunkBytes
        var chunksMax = Limits.chunksMax
    }

    /// Events that could not be written.
    private struct Loss {
        var first: UInt64
        var reason: String
        var retryNanoseconds: Int64
    }

    /// Begins an incarnation: its number is durable when this returns. `parent` is the last event of the process that this
    /// one was forked from.
    init(_ settings: Settings, forkedFrom parent: EventID? = nil, origin: Predecessor? = nil) {
        var random = SystemRandomNumberGenerator()
        let run = Identity128(using: &random)
        let incarnations = Incarnations(
            settings.spool, execution: settings.execution, process: settings.process)
        var incarnation: UInt32
        var before: Incarnations.Given?
        var isNumbered = true
        // Its lock first: whoever gets the next number finds that this one lives.
        var opened: JournalWriter?
        var failure: SegmentError?
        do throws(SegmentError) {
            opened = try Line.makeJournal(settings, run)
        } catch {
            failure = error
        }
        do {
            try settings.spool.make()
            let next = try incarnations.next(for: run, in: settings.spool)
            incarnation = next.given.incarnation
            before = next.before
        } catch {
            // A number that nobody will draw again, instead of one that cannot be kept.
            incarnation = .random(
                in: Incarnations.numberMax...Causality.Limits.incarnationMax, using: &random)
            isNumbered = false
        }
        self.settings = settings
        self.run = run
        let process = ProcessID(name: settings.process, incarnation: incarnation)
        key = ProcessKey(execution: settings.execution, host: settings.host, process: process)
        packedID = PackedID.bytes(process)
        if let parent, parent.sequence > 0 {
            // What the parent knew may have been in the middle of a change: it follows from the parent's history.
            know(parent)
            clock.isComplete = false
        } else if parent != nil {
            // A parent that had recorded nothing hands on what it began with.
            if let origin { goOn(from: origin) }
            self.origin = origin
        } else if let before {
            let predecessor = Predecessor(before, of: settings, incarnations)
            goOn(from: predecessor)
            self.origin = predecessor
        } else if !isNumbered {
            clock.isComplete = false
        }
        journal = opened.take()
        if let failure { loss = Loss(first: 1, reason: "\(failure)", retryNanoseconds: 0) }
        // At once: who comes after this one finds there what it had seen, even if it records nothing.
        if loss == nil {
            do throws(SegmentError) {
                try beginChunk(first: 1, eventBytes: 0)
            } catch {
                loss = Loss(first: 1, reason: "\(error)", retryNanoseconds: 0)
            }
        }
    }

    private mutating func know(_ event: EventID) {
        guard event.sequence > 0 else { return }
        PackedID.bytes(event.process).withUnsafeBytes { _ = clock.raise($0, to: event.sequence) }
    }

    private mutating func goOn(from predecessor: Predecessor) {
        switch predecessor {
        case .alive: return
        case .unknown: clock.isComplete = false
        case .ended(let process, let last):
            for (other, value) in last.clock.entries.sorted(by: { listingOrder($0.key, $1.key) }) {
                know(EventID(other, value))
            }
            know(EventID(process, last.sequence))
            if last.isLowerBound { clock.isComplete = false }
        }
    }

    private static func makeJournal(
        _ settings: Settings, _ run: Identity128
    ) throws(SegmentError) -> JournalWriter {
        try settings.spool.make()
        return try JournalWriter(
            in: settings.spool.journals, run: run, chunkByteCount: settings.chunkByteCount,
            chunksMax: settings.chunksMax)
    }

    /// What the recorder has to say of itself: why it cannot write, if so.
    var problem: String? { loss?.reason }

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
        let nanoseconds = time ?? Line.now()
        if loss != nil { recover() }
        sequence &+= 1
        tail.clear()
        var flags = clock.isComplete ? 0 : RecordFlags.lowerBound
        if !attributes.isEmpty {
            flags |= RecordFlags.attributes
            write(attributes)
        }
        let head = RecordHead(
            kind: kind, level: level, flags: flags, sequence: sequence, nanoseconds: nanoseconds)
        write(head, name, text, cause: nil)
        return sequence
    }

    @inline(__always)
    private mutating func write(
        _ head: RecordHead, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        cause: (index: UInt32, sequence: UInt64)?
    ) {
        guard !cursor.append(head, name: name, text: text, tail: tail.bytes) else { return }
        writeInNextChunk(head, name, text, cause: cause)
    }

    @inline(never)
    private mutating func writeInNextChunk(
        _ head: RecordHead, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        cause: (index: UInt32, sequence: UInt64)?
    ) {
        if loss == nil {
            if cause != nil {
                // The snapshot says already what this event has seen: only its cause is left to tell.
                tail.cut(to: attributesEnd)
                writeClock(cause, definedFrom: clock.count, [])
            }
            let bytes = name.count + text.count + tail.count
            do throws(SegmentError) {
                try beginChunk(first: head.sequence, eventBytes: bytes)
                if cursor.append(head, name: name, text: text, tail: tail.bytes) { return }
            } catch {
                // Not here any more: the marker comes first.
                cursor = .none
                loss = Loss(
                    first: head.sequence, reason: "\(error)",
                    retryNanoseconds: Line.now() + Limits.retryNanoseconds)
            }
            forgetRemovedJournal()
        }
        lostCount += 1
        if journal != nil { journal!.note(given: head.sequence) }
    }

    /// Somebody may have removed the journal: then it is made again.
    private mutating func forgetRemovedJournal() {
        let folder = JournalFolder(in: settings.spool.journals, run: run)
        if access(folder.path, F_OK) != 0 { journal = nil }
    }

    private mutating func beginChunk(first: UInt64, eventBytes: Int) throws(SegmentError) {
        guard journal != nil else {
            throw .system(call: "open", path: settings.spool.journals, code: ENOENT)
        }
        snapshot.clear()
        clock.snapshot(of: key, into: &snapshot)
        cursor = try journal!.nextChunk(
            firstSequence: first, snapshot: snapshot, isLowerBound: !clock.isComplete,
            eventBytes: eventBytes)
    }

    /// Tries, now and then, whether events can be written again; then says first how many were lost, and why.
    @inline(never)
    private mutating func recover() {
        let nanoseconds = Line.now()
        guard let lost = loss,
            nanoseconds >= lost.retryNanoseconds
                || nanoseconds < lost.retryNanoseconds - 2 * Limits.retryNanoseconds
        else { return }
        loss?.retryNanoseconds = nanoseconds + Limits.retryNanoseconds
        if journal == nil { journal = try? Line.makeJournal(settings, run) }
        do throws(SegmentError) {
            try beginChunk(first: sequence + 1, eventBytes: Causality.Limits.nameBytesMax + 1024)
        } catch {
            return
        }
        loss = nil
        guard lost.first <= sequence else { return }
        let count = sequence - lost.first + 1
        let events = count == 1 ? "1 event" : "\(count) events"
        let range = count == 1 ? "\(lost.first)" : "\(lost.first)–\(sequence)"
        var text = "\(events) (\(range)) could not be recorded: \(lost.reason)"
        text.withUTF8 { text in
            EventName("events lost").withBytes { name in
                _ = append(
                    .local, name, UnsafeRawBufferPointer(text),
                    Level.warning.rawValue,
                    ["lost": .integer(Int64(count)), "first": .integer(Int64(lost.first))],
                    time: nanoseconds)
            }
        }
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    // MARK: Messages

    /// The token of the event that was written last.
    func token() -> Token {
        let mark = Token.mark(of: key.execution)
        let bytes = [UInt8](unsafeUninitializedCapacity: Limits.tokenBytesMax) { out, count in
            var writer = TokenWriter(UnsafeMutableRawBufferPointer(out), executionMark: mark)
            packedID.withUnsafeBytes { _ = writer.append($0, sequence) }
            var isWhole = clock.isComplete
            clock.forEachNewestFirst { index, id, value in
                if index == ownIndex { return true }
                let hasRoom = writer.append(id, value)
                if !hasRoom { isWhole = false }
                return hasRoom
            }
            count = writer.finish(isAbbreviated: !isWhole)
        }
        return Token(checked: bytes)
    }

    /// Takes in what a token tells, and writes the event that received it.
    mutating func receive(
        _ token: Token, _ name: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer,
        _ level: UInt8, _ attributes: Attributes, time: Int64?
    ) -> UInt64 {
        let isForeign = token.bytes.withUnsafeBytes {
            Token.executionMark($0) != Token.mark(of: key.execution)
        }
        if isForeign {
            // Clocks of two executions do not belong together: the message is noted, and orders nothing.
            var attributes = attributes
            attributes.add("lightcone.foreign", .text("\(token.event)"))
            return append(.local, name, text, level, attributes, time: time)
        }
        let nanoseconds = time ?? Line.now()
        if loss != nil { recover() }
        let known = clock.count
        let cause = token.bytes.withUnsafeBytes { merge($0) }
        if token.isAbbreviated { clock.isComplete = false }
        sequence += 1
        tail.clear()
        var flags = RecordFlags.clock | (clock.isComplete ? 0 : RecordFlags.lowerBound)
        if !attributes.isEmpty {
            flags |= RecordFlags.attributes
            write(attributes)
        }
        attributesEnd = tail.count
        writeClock(cause, definedFrom: known, changes)
        let head = RecordHead(
            kind: .receive, level: level, flags: flags, sequence: sequence, nanoseconds: nanoseconds
        )
        write(head, name, text, cause: cause ?? (JournalFormat.noCause, 0))
        return sequence
    }

    /// Where the tail's attributes end.
    private var attributesEnd = 0

    /// Raises the clock; the entries that grew are in `changes` then. The sender, where there is room for it.
    private mutating func merge(_ bytes: UnsafeRawBufferPointer) -> (
        index: UInt32, sequence: UInt64
    )? {
        changes.removeAll(keepingCapacity: true)
        var cause: (index: UInt32, sequence: UInt64)?
        var offset = Token.idOffset(bytes)
        var isSender = true
        while offset < bytes.count, let range = PackedID.range(bytes, &offset),
            let value = PackedID.number(bytes, &offset, max: Causality.Limits.sequenceMax)
        {
            defer { isSender = false }
            let id = UnsafeRawBufferPointer(rebasing: bytes[range])
            let isOwn = packedID.withUnsafeBytes {
                $0.count == id.count && memcmp($0.baseAddress!, id.baseAddress!, id.count) == 0
            }
            // Nobody has seen of this process what it has not done, and what it has done it knows.
            if isOwn, !isSender || value > sequence { continue }
            guard let (index, grew) = clock.raise(id, to: value) else { continue }
            if isOwn { ownIndex = index }
            if grew { changes.append(ClockTable.Change(index: UInt32(index), value: value)) }
            if isSender { cause = (UInt32(index), value) }
        }
        return cause
    }

    private mutating func writeClock(
        _ cause: (index: UInt32, sequence: UInt64)?, definedFrom known: Int,
        _ changes: [ClockTable.Change]
    ) {
        tail.fixed32(UInt32(clock.count - known))
        for index in known..<clock.count { clock.define(index, in: &tail) }
        tail.fixed32(cause?.index ?? JournalFormat.noCause)
        tail.fixed64(cause?.sequence ?? 0)
        tail.fixed32(UInt32(changes.count))
        for change in changes {
            tail.fixed32(change.index)
            tail.fixed64(change.value)
        }
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
            let cutKey = key.cut(toBytes: Causality.Limits.nameBytesMax)
            if cutKey.utf8.count < key.utf8.count {
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
            tail.string32(String(truncated.joined(separator: "; ").prefix(1000)))
            count += 1
        }
        tail.replace16(at: start, count)
    }
}
