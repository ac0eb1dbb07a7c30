import Causality
import Glibc
import Journals
import Synchronization

/// Records what one process does: one sequential line of events, whatever the number of its threads and tasks.
///
///     let recorder = Recorder(process: "api")
///     recorder.record("order placed", "4711 for \(customer)", attributes: ["total": 12.5])
///     request.headers[Token.headerName] = recorder.send("reserve").text     // at the sender
///     recorder.receive(try Token(header), "reserve")                         // at the receiver
///
/// An event is recorded when the call returns: it survives the program's death at any instant, SIGKILL included, and needs no
/// system call (but where a chunk of 4 MiB ends), no agent and no network. It lies in a journal, a file in memory, from
/// which the agent of the host takes it. It does not survive the machine before the agent has taken it, which takes 0.1 s.
///
/// Nothing here blocks, throws or breaks the program. Where the spool is full (64 MiB that no agent has taken) or missing, events
/// are counted and lost, and the next one that can be recorded comes after a marker that says how many and why.
///
/// Each run of a program is an incarnation of its own, whose number is durable before its first event and never given again:
/// - A restart is the next incarnation. Its first event has seen the last event of the one before.
/// - Two programs of one name at the same time are two incarnations; neither has seen anything of the other. So are replicas
///   that share a spool, as those of a cluster's node do.
/// - A forked child that goes on with its parent's recorder becomes an incarnation that has seen what the parent had
///   recorded. A child that execs, or never records, is nothing.
/// - Where the spool was emptied, as memory is when a machine restarts, numbers go on: they are kept on disk (see
///   `Incarnations`). What the incarnation before had seen last is known if an agent had taken all of it; else it is unknown,
///   and questions that need it say so.
/// - Where no number can be made durable, one is drawn at random from the upper half of the numbers.
/// - A cloned machine, or a disk restored from a copy, gives numbers that the original gives too. Runs tell them apart:
///   they are two processes of one name, which the collector shows apart and reports. Only a program that was cloned while it
///   ran is one run twice; what nothing tells apart is *unknown* then.
///
/// A process is named `HOST/NAME`. HOST is what the agent of this machine says (it leaves the name in the spool, and in the durable
/// folder, so that programs that start first know it), else `LIGHTCONE_HOST`, else the system's name. HOST has at most 64 bytes,
/// NAME 190; longer ones are cut, and end in `~` and 8 hexadecimal digits. A NAME equal to HOST is written once.
///
/// The incarnation ends with the program, or when the recorder is released: the last reference decides.
///
/// Not to be called from signal handlers: `record` takes a lock.
public final class Recorder: Sendable {
    @usableFromInline let threshold: Atomic<UInt8>
    private let incarnation: ForkSafeLock<Incarnation>
    private let redaction: RecorderRedaction?

    /// Begins an incarnation. Costs a few system calls, one of them an fsync.
    ///
    /// - Parameters:
    ///   - process: What the program calls its process, such as `api`: unique within its host and execution.
    ///   - execution: The set of processes whose clocks belong together, at most 256 bytes.
    ///   - spool: The folder that the programs of a host share with its agent; without it `LIGHTCONE_SPOOL`, else
    ///     `/dev/shm/lightcone`.
    ///   - level: The lowest level that is recorded.
    ///   - patterns: Makes a search of a pattern (RE2) of the host's policy of what is not recorded, which knows no other library; without
    ///     it, and where it gives nil, the agent searches for it.
    public convenience init(
        process: String, execution: String = "main", spool: String? = nil, level: Level = .trace,
        patterns: (@Sendable (_ pattern: String) -> PatternSearch?)? = nil
    ) {
        let spool = SpoolFolder(spool)
        self.init(
            process: process, host: nil, execution: execution, spool: spool, level: level,
            chunkByteCount: Limits.chunkBytes, chunksMax: Limits.chunksMax,
            redaction: RecorderRedaction.of(spool, patterns: patterns))
    }

    /// As above, with chunks of another size: at least 4,096 bytes, and a multiple of them.
    ///
    /// - Parameters:
    ///   - host: The name of this machine, where the caller knows better: an agent, a test.
    ///   - user: For whom root records; nil: the user that this program runs as.
    ///   - isKeptByName: The process is whoever records under the name, by an agent or a command, and not this program.
    ///   - run: The run that this is; nil: drawn at random.
    ///   - tokenBytesMax, clockEntriesMax: Less than a token and a clock may have.
    ///   - isLockOnHeap: As where the kernel wipes no page in a forked child.
    ///   - surroundings: Another machine than this one.
    package init(
        process: String, host: String?, execution: String, spool: SpoolFolder,
        level: Level = .trace, user: UInt32? = nil, isKeptByName: Bool = false,
        run: Identity128? = nil,
        chunkByteCount: Int, chunksMax: Int, tokenBytesMax: Int? = nil,
        clockEntriesMax: Int? = nil, isLockOnHeap: Bool = false,
        surroundings: Surroundings = Surroundings(), redaction: RecorderRedaction? = nil
    ) {
        self.redaction = redaction
        precondition(
            chunkByteCount >= 4096 && chunkByteCount % 4096 == 0 && chunksMax > 0,
            "a chunk is made of whole pages")
        threshold = Atomic(level.rawValue)
        var settings = Incarnation.Settings(
            process: Name.process(process), host: Name.host(host ?? Recorder.hostName(spool)),
            execution: Name.execution(execution), spool: spool, chunkByteCount: chunkByteCount,
            chunksMax: chunksMax)
        settings.user = user
        settings.isKeptByName = isKeptByName
        settings.surroundings = surroundings
        if let tokenBytesMax { settings.tokenBytesMax = tokenBytesMax }
        if let clockEntriesMax { settings.clockEntriesMax = clockEntriesMax }
        incarnation = ForkSafeLock(Incarnation(settings, run: run), isOnHeap: isLockOnHeap)
    }

    /// What a child that this program forks goes on with: for tests, which do not fork.
    package init(forkedFrom parent: Recorder) {
        threshold = Atomic(parent.threshold.load(ordering: .relaxed))
        redaction = parent.redaction
        incarnation = ForkSafeLock(parent.withIncarnation { $0.child() })
    }

    /// What a copy of the machine goes on with, in a spool of its own: for tests, which copy no machines.
    ///
    /// Traps where the spool cannot be written.
    package init(cloning other: Recorder, into spool: SpoolFolder) {
        threshold = Atomic(other.threshold.load(ordering: .relaxed))
        redaction = other.redaction
        incarnation = ForkSafeLock(
            other.withIncarnation { incarnation in
                do {
                    return try incarnation.clone(into: spool)
                } catch {
                    preconditionFailure("no copy: \(error)")
                }
            })
    }

    private static func hostName(_ spool: SpoolFolder) -> String {
        if let name = spool.hostName { return name }
        if let name = getenv("LIGHTCONE_HOST"), name.pointee != 0 { return String(cString: name) }
        return SpoolFolder.systemHostName
    }

    /// The lowest level that is recorded. It may be changed at any time.
    public var level: Level {
        get { Level(rawValue: threshold.load(ordering: .relaxed)) ?? .trace }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    /// Whether events of this level are recorded. About a nanosecond.
    @inlinable
    public func isEnabled(_ level: Level) -> Bool {
        level.rawValue >= threshold.load(ordering: .relaxed)
    }

    /// The process that is recorded, with its incarnation.
    public var process: ProcessID { withIncarnation { $0.key.process } }

    /// How recording goes.
    public var status: Status {
        withIncarnation {
            Status(
                events: $0.sequence, lost: $0.lostCount, refused: $0.refusedCount,
                problem: $0.problem ?? redaction?.problem)
        }
    }

    /// How recording goes.
    public struct Status: Sendable, Hashable {
        /// Events that were given a sequence number.
        public let events: UInt64
        /// Those of them that could not be written.
        public let lost: UInt64
        /// Tokens that were given to `receive` and order nothing, since no program of this collector has made them.
        public let refused: UInt64
        /// Why nothing can be written now, or nothing but the order of events; nil where all can.
        public let problem: String?
    }

    private func withIncarnation<Result: ~Copyable>(_ body: (inout Incarnation) -> Result) -> Result
    {
        incarnation.withLock(renew: Recorder.renew, body)
    }

    private static func renew(_ parents: borrowing Incarnation) -> Incarnation {
        parents.abandonInChild()
        return parents.child()
    }
}

extension Recorder {
    /// Records a local event. Its id, or nil where its level is filtered out: then neither text nor attributes are evaluated.
    ///
    /// A name of more than 256 bytes and a text of more than 1 MiB are cut, and an attribute says so. O(bytes).
    @inlinable @inline(__always)
    @discardableResult
    public func record(
        _ name: EventName, _ text: @autoclosure () -> String = "", level: Level = .info,
        attributes: @autoclosure () -> Attributes = Attributes()
    ) -> EventID? {
        guard isEnabled(level) else { return nil }
        return append(name, text(), level, attributes())
    }

    /// Records that a message is sent, and returns the token that travels with it, and that names the event.
    ///
    /// The event is recorded whatever its level, since it orders others; where its level is filtered out, without text and
    /// attributes, which are not evaluated then. O(bytes + clock entries in the token).
    public func send(
        _ name: EventName, _ text: @autoclosure () -> String = "", level: Level = .info,
        attributes: @autoclosure () -> Attributes = Attributes()
    ) -> Token {
        let isShown = isEnabled(level)
        return send(
            name, isShown ? text() : "", level, isShown ? attributes() : Attributes(), time: nil
        ).token
    }

    /// Records that a message arrived, and takes in what its sender had seen. Its id.
    ///
    /// As with `send`, a level that is filtered out leaves out text and attributes. A token of another execution orders nothing: the
    /// event is local then, and the attribute `lightcone.foreign` names the sender. Where the host was enrolled, a token that no
    /// program of the same collector has made counts as unreadable (see `receiveUnreadable`), and the attribute `lightcone.refused`
    /// says so. O(bytes + clock entries in the token).
    @discardableResult
    public func receive(
        _ token: Token, _ name: EventName, _ text: @autoclosure () -> String = "",
        level: Level = .info, attributes: @autoclosure () -> Attributes = Attributes()
    ) -> EventID {
        let isShown = isEnabled(level)
        return receive(
            CollectionOfOne(token), name, isShown ? text() : "", level,
            isShown ? attributes() : Attributes(), time: nil)
    }

    /// Records that several messages were taken in at once, by whoever reads a batch, joins what ran beside each other, or waits
    /// until all have arrived. One event, which has seen what all the senders had seen, and names each of them as a cause. Its id.
    ///
    /// As with one token. Of more than 1,024 the rest counts as unreadable (see `receiveUnreadable`); a token that is there twice
    /// counts once. Without any the event is local. O(bytes + clock entries in the tokens).
    @discardableResult
    public func receive(
        _ tokens: [Token], _ name: EventName, _ text: @autoclosure () -> String = "",
        level: Level = .info, attributes: @autoclosure () -> Attributes = Attributes()
    ) -> EventID {
        let isShown = isEnabled(level)
        return receive(
            tokens, name, isShown ? text() : "", level, isShown ? attributes() : Attributes(),
            time: nil)
    }

    /// Records that a message arrived whose token cannot be read (`Token(…)` threw). Its id.
    ///
    /// What the sender had seen is lost, and the event says so: where an answer needs it, it is *unknown*, and names this event, until an
    /// operator rules out that it matters (`lightcone rule-out`). Never call it for a message that came without any token.
    @discardableResult
    public func receiveUnreadable(
        _ name: EventName, _ text: @autoclosure () -> String = "", level: Level = .warning,
        attributes: @autoclosure () -> Attributes = Attributes()
    ) -> EventID {
        let isShown = isEnabled(level)
        return receiveUnreadable(
            name, isShown ? text() : "", level, isShown ? attributes() : Attributes(), time: nil)
    }

    @usableFromInline
    func append(_ name: EventName, _ text: String, _ level: Level, _ attributes: Attributes)
        -> EventID
    {
        record(name, text, level: level, attributes: attributes, time: nil)
    }

    /// As `record`, for an event that happened at a time of its own (nanoseconds since 1970).
    @inline(__always)
    package func record(
        _ name: EventName, _ text: String, level: Level, attributes: Attributes, time: Int64?
    ) -> EventID {
        withBytes(name, text, attributes) { name, text, attributes in
            withIncarnation { incarnation in
                EventID(
                    incarnation.key.process,
                    incarnation.append(.local, name, text, level.rawValue, attributes, time: time))
            }
        }
    }

    /// As `send`, for an event that happened at a time of its own.
    package func send(
        _ name: EventName, _ text: String, _ level: Level, _ attributes: Attributes, time: Int64?
    ) -> (id: EventID, token: Token) {
        withBytes(name, text, attributes) { name, text, attributes in
            withIncarnation { incarnation in
                let nanoseconds = time ?? Incarnation.now()
                let sequence = incarnation.append(
                    .send, name, text, level.rawValue, attributes, time: nanoseconds)
                let token = incarnation.token(at: nanoseconds)
                return (EventID(incarnation.key.process, sequence), token)
            }
        }
    }

    /// As `receive`, for an event that happened at a time of its own.
    package func receive(
        _ tokens: some Collection<Token>, _ name: EventName, _ text: String, _ level: Level,
        _ attributes: Attributes, time: Int64?
    ) -> EventID {
        withBytes(name, text, attributes) { name, text, attributes in
            withIncarnation { incarnation in
                EventID(
                    incarnation.key.process,
                    incarnation.receive(tokens, name, text, level.rawValue, attributes, time: time))
            }
        }
    }

    /// As `receiveUnreadable`, for an event that happened at a time of its own.
    package func receiveUnreadable(
        _ name: EventName, _ text: String, _ level: Level, _ attributes: Attributes, time: Int64?
    ) -> EventID {
        withBytes(name, text, attributes) { name, text, attributes in
            withIncarnation { incarnation in
                EventID(
                    incarnation.key.process,
                    incarnation.receiveUnreadable(
                        name, text, level.rawValue, attributes, time: time))
            }
        }
    }

    /// Counts events that a client, whose clock this recorder keeps, has lost on their way here: their numbers are a gap, and
    /// what they had received is not known from the next event on.
    package func note(lost count: UInt64) {
        withIncarnation { $0.note(lost: count) }
    }

    /// Why the number of its incarnation is not durable: nobody who comes next under its name will find it. Nil where it is.
    package var numberProblem: String? { withIncarnation { $0.numberProblem } }

    /// The run that this is.
    package var run: Identity128 { withIncarnation { $0.run } }

    /// The bytes of a name and a text, cut to their limits; a name without NUL.
    @inline(__always)
    private func withBytes<Result>(
        _ name: EventName, _ text: String, _ attributes: Attributes,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Attributes) -> Result
    ) -> Result {
        guard redaction == nil else { return withRedacted(name, text, attributes, body) }
        return withWholeBytes(name, text, attributes, body)
    }

    @inline(never)
    private func withRedacted<Result>(
        _ name: EventName, _ text: String, _ attributes: Attributes,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Attributes) -> Result
    ) -> Result {
        // Before anything is cut: half a secret is one that no rule knows.
        guard
            let redacted = redaction?.redact(
                name.withBytes { String(decoding: $0, as: UTF8.self) }, text, attributes)
        else { return withWholeBytes(name, text, attributes, body) }
        return withWholeBytes(
            EventName(redacted.name), redacted.text, redacted.attributes, body)
    }

    @inline(__always)
    private func withWholeBytes<Result>(
        _ name: EventName, _ text: String, _ attributes: Attributes,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Attributes) -> Result
    ) -> Result {
        // A span borrows the text: no reference is counted.
        text.utf8Span.span.withUnsafeBufferPointer { text in
            name.withBytes { name in
                guard name.count <= Causality.Limits.nameBytesMax,
                    text.count <= Causality.Limits.eventBytesMax, !Recorder.hasNUL(name)
                else { return withCutBytes(name, text, attributes, body) }
                return body(name, UnsafeRawBufferPointer(text), attributes)
            }
        }
    }

    /// In a few nanoseconds: names are short.
    @inline(__always)
    static func hasNUL(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let first = name.baseAddress else { return false }
        return memchr(first, 0, name.count) != nil
    }

    @inline(never)
    private func withCutBytes<Result>(
        _ name: UnsafeRawBufferPointer, _ text: UnsafeBufferPointer<UInt8>,
        _ attributes: Attributes,
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer, Attributes) -> Result
    ) -> Result {
        var attributes = attributes
        let readable = String(decoding: name, as: UTF8.self).withoutNUL
        var cutName = readable.cut(toBytes: Causality.Limits.nameBytesMax)
        var cutText = String(decoding: text, as: UTF8.self)
            .cut(toBytes: Causality.Limits.eventBytesMax)
        if readable.utf8.count > Causality.Limits.nameBytesMax
            || text.count > Causality.Limits.eventBytesMax
        {
            attributes.add(
                "lightcone.truncated",
                .text(
                    "name of \(readable.utf8.count) bytes (at most \(Causality.Limits.nameBytesMax)), text of "
                        + "\(text.count) bytes (at most \(Causality.Limits.eventBytesMax))"))
        }
        return cutText.withUTF8 { text in
            cutName.withUTF8 { name in
                body(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(text), attributes)
            }
        }
    }
}

/// An event's name: its process and its sequence number there.
public typealias EventID = Causality.EventID
/// A process's name and incarnation.
public typealias ProcessID = Causality.ProcessID
/// How much an event matters.
public typealias Level = Causality.Level
