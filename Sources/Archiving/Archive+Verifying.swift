import Causality
import Disks
import FoundationEssentials
import GRDB
import Parts
import Segments
import Transparency

/// What became of comparing an archive with its log.
package struct VerifiedArchive: Sendable {
    /// What the log has come to; nil where it has none.
    package var checkpoint: Checkpoint?
    /// Entries that are not in the log yet: what was done in the last seconds, or since nobody wrote it.
    package var waitingCount = 0
    package var segmentCount = 0
    /// The sealed segments whose agents signed them.
    package var signedCount = 0
    /// Those of them whose agents are of no host that was enrolled: they came before that, or were imported.
    package var strangerCount = 0
    package var partCount = 0
    package var orderFileCount = 0
    package var eventCount = 0
    /// Whether another process may have written here: then what the catalogue says of the files was not compared.
    package var isLive = false
    /// What is not as the log says, each with its place.
    package var problems: [String] = []
}

extension Archive {
    /// Compares everything that is here with the log: that the log is what its checkpoint was signed for; that it goes on from an
    /// earlier checkpoint; that each file is the one that was put in place; that whatever was acknowledged is here, as its agent
    /// wrote it, or was dropped as the log says; and that the catalogue names these files, and says of them what they say. Nothing is
    /// changed. O(bytes of all files); memory: about 1 kB for each segment that the log names.
    ///
    /// Another process may write here meanwhile: then what the catalogue says of the files is not compared, and where a file was
    /// replaced before it was read, all begins anew, some times.
    ///
    /// - Parameter earlier: What the log had come to once, as somebody kept it.
    package func verify(since earlier: Checkpoint? = nil) throws(ArchiveError) -> VerifiedArchive {
        do {
            for _ in 1..<Limits.verifyingTries {
                var verification = Verification(self)
                try verification.run(since: earlier)
                if verification.result.problems.isEmpty { return verification.result }
                let named = try catalogue.read { try NamedFiles($0) }.names
                if named == verification.names { return verification.result }
            }
            var verification = Verification(self)
            try verification.run(since: earlier)
            return verification.result
        } catch {
            throw Archive.failure(error)
        }
    }

    /// Whether another process may write here.
    fileprivate func isOpenElsewhere() -> Bool {
        guard !isWriter else { return false }
        // Given back at once.
        guard let lock = try? disk.open(path + "/lock", .read) else { return false }
        return (try? lock.lock(shared: true)) == false
    }
}

private struct Verification {
    private let archive: Archive
    private(set) var result = VerifiedArchive()
    private var fold = LogFold()
    /// By segment: the chains that the events which are here have, each checked.
    private var found: [Identity128: [ChainedRun: SegmentHead.Run]] = [:]
    /// By execution and run: up to which number events were dropped, as tombstones say.
    private var dropped: DroppedNumbers = [:]
    /// Of the files that the catalogue named.
    private(set) var names: Set<Identity128> = []

    init(_ archive: Archive) { self.archive = archive }

    private mutating func note(_ problem: String) { result.problems.append(problem) }

    mutating func run(since earlier: Checkpoint?) throws {
        result.isLive = archive.isOpenElsewhere()
        guard let files = try readLog(since: earlier) else { return }
        names = files.names
        try checkTombstones(files)
        try checkSegments(files)
        try checkParts(files)
        try checkOrders(files)
        checkHeads(files)
        if !result.isLive { try checkRows() }
    }

    // MARK: The log

    /// What the catalogue names; nil where the log cannot be believed: then nothing can be compared with it.
    private mutating func readLog(since earlier: Checkpoint?) throws -> NamedFiles? {
        let files: NamedFiles
        let log: LogFile
        var tree = MerkleTree()
        var earlierRoot: [UInt8]?
        var isWaitingWritten = true
        do {
            // What is in the log now, the catalogue knows of from now on.
            let atFirst = try LogFile(archive.logFolder, on: archive.disk).tree.count
            files = try archive.catalogue.read { try NamedFiles($0) }
            log = try LogFile(archive.logFolder, on: archive.disk)
            let end = files.loggedCount + files.waiting.count
            if atFirst > end || log.tree.count < files.loggedCount {
                note(
                    "\(log.entriesPath) has \(log.tree.count) entries: the catalogue knows of \(files.loggedCount): one of them was put back or cut"
                )
            }
            if earlier?.count == 0 { earlierRoot = tree.root }
            try log.forEach { bytes in
                let index = tree.count
                tree.append(entry: bytes)
                if tree.count == earlier?.count { earlierRoot = tree.root }
                let entry = try LogEntry(decoding: bytes)
                // What is told of what was done since then is left alone.
                guard index < end || atFirst > end else { return }
                fold.take(entry)
                guard files.loggedCount..<end ~= index else { return }
                let waiting = try LogEntry(decoding: files.waiting[index - files.loggedCount])
                isWaitingWritten = isWaitingWritten && waiting.content == entry.content
            }
        } catch let error as DiskError {
            throw error
        } catch let error as ArchiveError {
            throw error
        } catch {
            note("\(archive.logFolder): \(error): nothing else was compared with it")
            return nil
        }
        guard tree == log.tree else {
            note(
                "\(log.entriesPath): its entries are not those that its checkpoint was signed for: nothing else was compared with them"
            )
            return nil
        }
        result.checkpoint = log.checkpoint
        if let earlier { compare(log, with: earlier, earlierRoot) }
        if !isWaitingWritten {
            note("\(log.entriesPath): its last entries are not those that the catalogue knows of")
        }
        let written = min(max(log.tree.count - files.loggedCount, 0), files.waiting.count)
        for bytes in files.waiting.dropFirst(written) { fold.take(try LogEntry(decoding: bytes)) }
        result.waitingCount = files.waiting.count - written
        result.problems += fold.problems
        return files
    }

    /// Whether the log goes on from what it was.
    ///
    /// - Parameter root: Of its first entries, as many as it had.
    private mutating func compare(
        _ log: LogFile, with earlier: Checkpoint, _ root: [UInt8]?
    ) {
        if let origin = log.checkpoint?.origin, origin != earlier.origin {
            note("the log is of \(origin): the earlier checkpoint is of \(earlier.origin)")
        } else if earlier.count > log.tree.count {
            note(
                "the log has \(log.tree.count) entries: it had \(earlier.count) at \(earlier.time), when the earlier checkpoint was signed"
            )
        } else if root != earlier.root {
            note(
                "the first \(earlier.count) entries of the log are not those that the earlier checkpoint was signed for at \(earlier.time): it was rewritten"
            )
        }
    }

    // MARK: Files

    /// Whether a file is the one that the log names; what is wrong with it is noted.
    private mutating func isAsLogged(
        _ path: String, _ logged: LoggedFile?, _ kind: LoggedFile.Kind, _ name: Identity128
    ) throws -> Bool {
        guard try archive.disk.status(path) != nil else {
            note("\(path) is gone")
            return false
        }
        guard let logged else {
            note("\(path): the log does not say that this was put in place")
            return false
        }
        let here = try LoggedFile(kind, name, at: path, on: archive.disk)
        guard here.digest == logged.digest else {
            note(
                "\(path) is not the file that was put in place: expected SHA-256 \(hexadecimal(logged.digest)), found \(hexadecimal(here.digest))"
            )
            return false
        }
        return true
    }

    private mutating func checkTombstones(_ files: NamedFiles) throws {
        for (execution, name) in files.tombstones {
            let slice = OrderSlice(name: name, taken: 0, isTombstone: true)
            let path = archive.orderPath(slice)
            let logged = fold.tombstones[execution].flatMap { $0.name == name ? $0 : nil }
            guard try isAsLogged(path, logged, .tombstone, name) else { continue }
            let grave = try Grave(OrderFile(archive.disk.open(path, .read)))
            dropped[execution] = grave.lasts
            for (run, last) in grave.lasts
            where files.dropped[execution]?[run] ?? 0 > last {
                note(
                    "the catalogue says that events of run \(run) of \(printable(execution.text)) were dropped up to \(files.dropped[execution]![run]!): the tombstone says up to \(last)"
                )
            }
        }
        for execution in fold.tombstones.keys where files.tombstones[execution] == nil {
            note(
                "the catalogue does not say that something of execution \(printable(execution.text)) was dropped: the log does"
            )
        }
    }

    private mutating func checkParts(_ files: NamedFiles) throws {
        for (name, damage) in files.parts.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let path = archive.partPath(name)
            if let damage { note("\(path) is damaged: \(damage)") }
            guard try isAsLogged(path, fold.parts[name], .part, name) else { continue }
            result.partCount += 1
            let part = try PartFile(path, on: archive.disk)
            let verification = PartVerification(part)
            let damage = try verification.damage()
            result.problems += damage.map { "\($0)" }
            guard damage.isEmpty else { continue }
            let broken = try verification.brokenChains()
            result.problems += broken.map { "\(path): \($0.what)" }
            let brokenSegments = Set(broken.map(\.segment))
            for index in 0..<part.footer.segmentCount {
                let segment = try part.segment(index)
                guard !brokenSegments.contains(segment.header.segment) else { continue }
                take(
                    SegmentHead(
                        header: segment.header, byteCount: segment.byteCount,
                        digest: segment.digest, chains: segment.chains))
            }
            result.eventCount += part.footer.eventCount
        }
    }

    private mutating func take(_ head: SegmentHead) {
        for run in head.runs { found[head.header.segment, default: [:]][run.run] = run }
    }

    private mutating func checkOrders(_ files: NamedFiles) throws {
        for order in files.orders {
            let path = archive.orderPath(OrderSlice(name: order.name, taken: 0))
            let logged = fold.orders[order.execution]?[order.slice]
            if try isAsLogged(
                path, logged.flatMap { $0.name == order.name ? $0 : nil }, .order, order.name)
            {
                result.orderFileCount += 1
            }
        }
    }

    // MARK: Segments

    private mutating func checkSegments(_ files: NamedFiles) throws {
        for segment in files.segments {
            let header = SegmentHeader(
                agent: segment.state.agent, segment: segment.name, created: segment.state.created)
            if let head = fold.heads[segment.name]?.head, head.header != header {
                note(
                    "segment \(segment.name): the catalogue has it as of agent \(header.agent) and \(header.created): the log as of \(head.header.agent) and \(head.header.created)"
                )
            }
            if segment.state.isSealed, fold.heads[segment.name] == nil, !segment.isRemoved {
                note(
                    "segment \(segment.name) of agent \(header.agent): the log does not say that it was sealed"
                )
            }
            guard segment.part == nil, !segment.isRemoved else { continue }
            result.segmentCount += 1
            try check(segment)
        }
    }

    /// Checks the file of a segment that is in no part.
    private mutating func check(_ segment: NamedFiles.Segment) throws {
        let path = archive.segmentPath(agent: segment.state.agent, segment: segment.name)
        guard try archive.disk.status(path) != nil else { return note("\(path) is gone") }
        // By where a frame ends: its digest.
        var heads: [Int: [UInt8]] = [:]
        for head in fold.openHeads[segment.name] ?? [] { heads[head.byteCount] = head.digest }
        if segment.state.byteCount > 0, !segment.state.isSealed {
            heads[segment.state.byteCount] = segment.state.digest
        }
        var scanner = try SegmentScanner(archive.disk.open(path, .read))
        var writer: SegmentWriter?
        var isIntact = true
        while let item = try scanner.next() {
            if writer == nil, let header = scanner.header {
                writer = SegmentWriter(header)
                if heads[SegmentHeader.byteCount] == SegmentWriter.digest(header.encoded()) {
                    heads[SegmentHeader.byteCount] = nil
                }
            }
            switch item {
            case .damage(let damage):
                // What comes behind what was acknowledged is under way.
                guard damage.offset < segment.state.acknowledged else { continue }
                note("\(path): \(damage.text)")
                isIntact = false
            case .frame(let frame):
                do {
                    try writer?.take(frame)
                    result.eventCount += frame.header.rowCount
                } catch {
                    note("\(path), frame at byte \(frame.offset): \(error)")
                    isIntact = false
                }
                if heads[scanner.intactEnd] == frame.digest { heads[scanner.intactEnd] = nil }
            }
        }
        for (byteCount, _) in heads.sorted(by: { $0.key < $1.key }) {
            note(
                "\(path): \(byteCount) bytes were acknowledged, and the frame that ended there is not here as it was"
            )
        }
        guard segment.state.isSealed, isIntact, var writer, let bytes = scanner.footer else {
            if segment.state.isSealed, isIntact { note("\(path): its footer is not here") }
            return
        }
        let end = writer.byteCount
        let footer = try SegmentFooter(decoding: bytes)
        guard try SegmentFooter(decoding: writer.footer()).chains == footer.chains else {
            return note("\(path): the chains of its runs are not those of its events")
        }
        let head = footer.head(of: writer.header, at: end)
        if let logged = fold.heads[segment.name], logged.head != head {
            note("\(path) is not the segment that was acknowledged")
        }
        take(head)
    }

    /// Everything that was acknowledged is here, or was dropped.
    private mutating func checkHeads(_ files: NamedFiles) {
        let names = Set(files.segments.map(\.name))
        for (segment, logged) in fold.heads.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let head = logged.head
            if let signature = logged.signature {
                if signature.isValid(for: head) {
                    result.signedCount += 1
                    if !fold.signers.isEmpty, !fold.signers.contains(signature.publicKey) {
                        result.strangerCount += 1
                    }
                } else {
                    note("segment \(segment): the signature in the log is not that of its head")
                }
            }
            if !names.contains(segment) {
                note(
                    "segment \(segment) of agent \(head.header.agent) was acknowledged: the catalogue does not name it"
                )
            }
            let wrong = head.runs.filter { run in
                let execution = ExactText(run.run.execution)
                let here = found[segment]?[run.run]
                if here == nil {
                    return !drops(execution, segment) && !isCut(execution, run.run.run)
                }
                return here != run
            }
            if let first = wrong.first {
                let events = wrong.reduce(0) { $0 + $1.eventCount }
                note(
                    "segment \(segment) of agent \(head.header.agent): \(events) events of \(wrong.count) \(wrong.count == 1 ? "run" : "runs") were acknowledged, and are not here as they were: run \(first.run.run) of execution \(printable(first.run.execution))\(wrong.count > 1 ? " and others" : "")"
                )
            }
        }
        for (segment, heads) in fold.openHeads.sorted(by: { "\($0.key)" < "\($1.key)" })
        where !names.contains(segment) {
            note(
                "segment \(segment) of agent \(heads[0].header.agent): \(heads.last!.byteCount) bytes were acknowledged: the catalogue does not name it"
            )
        }
    }

    private func drops(_ execution: ExactText, _ segment: Identity128) -> Bool {
        fold.drops[execution]?.contains(segment) ?? false
    }

    private func isCut(_ execution: ExactText, _ run: Identity128) -> Bool {
        dropped[execution]?[run] ?? 0 > 0
    }

    // MARK: The catalogue

    /// The catalogue's rows are those that the files make. Where a file is not as it was that was told already, and explains it.
    private mutating func checkRows() throws {
        guard result.problems.isEmpty else { return }
        let derived = try archive.derivedCatalogue()
        let hasDropped = !fold.drops.isEmpty || !fold.tombstones.isEmpty
        for rows in Verification.compared where !(hasDropped && rows.isOfDropped) {
            let here = try archive.catalogue.read { try Verification.rows(rows.query, $0) }
            let expected = try derived.read { try Verification.rows(rows.query, $0) }
            for row in here.subtracting(expected).sorted() where !rows.mayBeMore {
                note("the catalogue says of \(rows.what) what no file does: \(row)")
            }
            for row in expected.subtracting(here).sorted() {
                note("the catalogue does not say of \(rows.what) what the files do: \(row)")
            }
        }
    }

    /// Rows of the catalogue that files make.
    private struct Rows {
        var what: String
        var query: String
        /// Whether rows that no file makes any more do no harm: a file is looked at in vain.
        var mayBeMore = false
        /// Whether they stay when what they tell of is dropped.
        var isOfDropped = false
    }

    /// What is compared: it decides which events are found, and what is taken to be known.
    private static let compared = [
        Rows(
            what: "processes",
            query: """
                SELECT execution, host, name, incarnation, hex(identity), last, iif(dropped > 0, 'some', events), dropped
                FROM process
                """),
        Rows(
            what: "segments",
            query: """
                SELECT hex(segment.name), hex(agent), created, segment.bytes, sealed, hex(digest), hex(part.name), isRemoved
                FROM segment LEFT JOIN part ON part.id = segment.part
                """),
        Rows(what: "parts", query: "SELECT hex(name), bytes, events FROM part"),
        Rows(
            what: "executions in segments",
            query: """
                SELECT execution, hex(name) FROM presence JOIN segment ON segment.id = presence.segment
                """, mayBeMore: true),
        Rows(
            what: "executions in parts",
            query: """
                SELECT execution, hex(name) FROM partPresence JOIN part ON part.id = partPresence.part
                """, mayBeMore: true),
        // An agent whose host was called otherwise once has the name that came last.
        Rows(what: "agents", query: "SELECT hex(name), readUpTo FROM agent", isOfDropped: true),
        Rows(
            what: "lines that are no events",
            query: """
                SELECT hex(name), path, line, execution, reason, text
                FROM unmatched JOIN segment ON segment.id = unmatched.segment
                """),
        Rows(
            what: "drops",
            query: """
                SELECT execution, hex(segment), bytes, isRemoved FROM dropped
                UNION ALL SELECT execution, hex(part), bytes, isRemoved FROM droppedPart
                """),
    ]

    private static func rows(_ query: String, _ database: Database) throws -> Set<String> {
        var found: Set<String> = []
        for row in try Row.fetchAll(database, sql: query) {
            found.insert(
                row.map { name, value in "\(name) \(printable(value.description))" }
                    .joined(separator: ", "))
        }
        return found
    }
}

/// Which files a catalogue names, and how far the log was told.
private struct NamedFiles {
    struct Segment {
        var name: Identity128
        var state: SegmentState
        var part: Int64?
        var isRemoved: Bool
    }

    struct Order {
        var execution: ExactText
        var slice: Int
        var name: Identity128
    }

    var segments: [Segment] = []
    /// By name: what is wrong with it.
    var parts: [Identity128: String?] = [:]
    var orders: [Order] = []
    var tombstones: [ExactText: Identity128] = [:]
    var dropped: DroppedNumbers
    /// How many entries the log has, and those that may be in it already or not.
    var loggedCount: Int
    var waiting: [[UInt8]]

    var names: Set<Identity128> {
        Set(parts.keys).union(segments.filter { $0.part == nil && !$0.isRemoved }.map(\.name))
            .union(orders.map(\.name)).union(tombstones.values)
    }

    init(_ database: Database) throws {
        let entries = try Catalogue.logEntries(database, bytesMax: .max)
        (loggedCount, waiting) = (entries.known, entries.waiting.map(\.bytes))
        for row in try Row.fetchAll(database, sql: "SELECT * FROM segment ORDER BY name") {
            segments.append(
                Segment(
                    name: try row.identity("name"), state: try SegmentState(row),
                    part: try row.value("part"), isRemoved: try row.value("isRemoved")))
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM part") {
            parts[try row.identity("name")] = .some(try row.value("damage"))
        }
        for row in try Row.fetchAll(
            database, sql: "SELECT * FROM orderFile ORDER BY execution, slice")
        {
            orders.append(
                Order(
                    execution: ExactText(try row.value("execution")),
                    slice: try row.value("slice"), name: try row.identity("name")))
        }
        for row in try Row.fetchAll(database, sql: "SELECT execution, name FROM tombstone") {
            tombstones[ExactText(try row.value("execution"))] = try row.identity("name")
        }
        dropped = try Catalogue.droppedNumbers(database)
    }
}
