import Causality
import FoundationEssentials
import GRDB
import Parts
import Segments
import Transparency

// Taking in what was appended to segments.
extension Catalogue {
    /// Notes what was appended to a segment and is durable now; all of it or nothing. Returns the processes that are new here and
    /// have the name and number of another run. Throws `.busy` where it may not be taken now.
    ///
    /// - Parameter isUnwelcome: Asked while nothing else is noted.
    @discardableResult
    func note(
        _ append: Append, unless isUnwelcome: (Append) -> Bool = { _ in false }
    ) throws(ArchiveError) -> [ProcessKey] {
        try write { database in
            if isUnwelcome(append) { throw ArchiveError.busy }
            if append.isRepair {
                guard try Catalogue.dropped(in: append.header.segment, database) == append.dropped
                else { throw ArchiveError.busy }
            }
            let segment = try Catalogue.noteSegment(append, database)
            for execution in Set(append.taken.keys.map { ExactText($0.execution) }) {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO presence VALUES (?, ?)",
                    arguments: [execution.text, segment])
            }
            var namesakes: [ProcessKey] = []
            for (key, taken) in append.taken.sorted(by: { ProcessKey.listedBefore($0.key, $1.key) })
            {
                if try note(key, taken, database) { namesakes.append(key) }
            }
            try Catalogue.note(
                agent: append.header.agent, of: append.host, readUpTo: append.readUpTo, database)
            if !append.unmatched.isEmpty { try Catalogue.noteUnmatched(append, segment, database) }
            return namesakes
        }
    }

    /// The host that an agent reads, as it said last; empty where it never said.
    func host(ofAgent agent: Identity128) throws(ArchiveError) -> String {
        try read { database in
            try String.fetchOne(
                database, sql: "SELECT host FROM agent WHERE name = ?",
                arguments: [Data(agent.bytes)]) ?? ""
        }
    }

    /// Throws where an agent comes with executions that nobody has heard of, and has as many as one may. O(segments) where some
    /// are new.
    func checkExecutions(of append: Append) throws(ArchiveError) {
        let executions = Set(append.taken.keys.map { ExactText($0.execution) })
        let agent = append.header.agent
        let count = try read { database -> Int in
            let find = try database.cachedStatement(
                sql: "SELECT EXISTS (SELECT 1 FROM presence WHERE execution = ?)")
            let new = try executions.count {
                try Bool.fetchOne(find, arguments: [$0.text]) != true
            }
            guard new > 0 else { return 0 }
            let known = try Int.fetchOne(
                database,
                sql: """
                    SELECT count(DISTINCT presence.execution) FROM presence
                    JOIN segment ON segment.id = presence.segment WHERE segment.agent = ?
                    """, arguments: [Data(agent.bytes)])
            return new + (known ?? 0)
        }
        guard count <= Limits.executionsOfAgentMax else {
            throw .tooMuch(
                "agent \(agent) would have \(count) executions: expected at most \(Limits.executionsOfAgentMax): have it name fewer, or drop some (`lightcone drop`)"
            )
        }
    }

    /// A segment that was in a damaged part counts for itself again when it is whole.
    private static func noteSegment(_ append: Append, _ database: Database) throws -> Int64 {
        try database.cachedStatement(
            sql: """
                INSERT INTO segment (name, agent, created, bytes, acknowledged, sealed, digest)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, sealed = excluded.sealed, created = excluded.created,
                    acknowledged = iif(excluded.sealed, excluded.bytes, max(acknowledged, excluded.acknowledged)),
                    digest = excluded.digest, kept = NULL, isChainBroken = FALSE, part = iif(excluded.sealed, NULL, part)
                """
        ).execute(arguments: [
            Data(append.header.segment.bytes), Data(append.header.agent.bytes),
            append.header.created.nanoseconds, append.end, max(append.acknowledged, append.end),
            append.isSealed, Data(append.digest),
        ])
        let find = try database.cachedStatement(sql: "SELECT id FROM segment WHERE name = ?")
        guard
            let segment = try Int64.fetchOne(find, arguments: [Data(append.header.segment.bytes)])
        else { throw ArchiveError.failed("segment \(append.header.segment) cannot be noted") }
        if let head = append.head { try Catalogue.log(.head(head), database) }
        if append.isRepair || !append.uncounted.isEmpty {
            try database.execute(
                sql: "DELETE FROM uncounted WHERE segment = ?", arguments: [segment])
            for bytes in append.uncounted where append.end < bytes.upperBound {
                try note(
                    uncounted: max(bytes.lowerBound, append.end)..<bytes.upperBound, of: segment,
                    database)
            }
        }
        return segment
    }

    /// Notes that the rows in some bytes of a segment do not count yet, though these were acknowledged: they cannot be read.
    static func note(
        uncounted bytes: Range<Int>, of segment: Int64, _ database: Database
    ) throws {
        try database.execute(
            sql: "INSERT INTO uncounted VALUES (?, ?, ?)",
            arguments: [segment, bytes.lowerBound, bytes.upperBound])
    }

    /// The bytes of a segment whose rows do not count yet.
    func uncounted(in segment: Identity128) throws(ArchiveError) -> [Range<Int>] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT first, last FROM uncounted JOIN segment ON segment.id = uncounted.segment
                    WHERE name = ? AND first < last
                    """, arguments: [Data(segment.bytes)]
            ).map { (try $0.value("first") as Int)..<(try $0.value("last") as Int) }
        }
    }

    /// Notes lines that were no events, as many as there is room for beside those that are noted of the segment. O(these).
    private static func noteUnmatched(
        _ append: Append, _ segment: Int64, _ database: Database
    ) throws {
        let sizes = ["path", "execution", "reason", "text"]
            .map { "length(CAST(\($0) AS BLOB))" }.joined(separator: " + ")
        let noted = try Row.fetchOne(
            database,
            sql: """
                SELECT count(*) AS lines, ifnull(sum(\(sizes)), 0) AS bytes FROM unmatched WHERE segment = ?
                """, arguments: [segment])
        var room = UnmatchedRoom(
            taken: try noted?.value("lines") ?? 0, byteCount: try noted?.value("bytes") ?? 0)
        for (path, line) in append.unmatched {
            // What came again is noted already.
            if append.isRepair, try has(line, of: path, segment, database) { continue }
            if room.take(line, of: path) { try note(line, of: path, segment: segment, database) }
        }
    }

    /// Whether a line of a segment that was no event is noted already.
    static func has(
        _ line: UnmatchedLine, of path: String, _ segment: Int64, _ database: Database
    ) throws -> Bool {
        try Bool.fetchOne(
            database,
            sql: """
                SELECT EXISTS (SELECT 1 FROM unmatched WHERE segment = ? AND path = ? AND line = ? AND text = ?)
                """,
            arguments: [segment, path, Int64(clamping: line.line), line.text]) ?? false
    }

    /// Notes a line that was no event.
    static func note(
        _ line: UnmatchedLine, of path: String, segment: Int64, _ database: Database
    ) throws {
        try database.execute(
            sql: "INSERT INTO unmatched VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [
                segment, path, Int64(clamping: line.line), line.execution, line.reason, line.text,
            ])
    }

    /// Notes which machine an agent reads, and how far in time it has.
    static func note(
        agent: Identity128, of host: String, readUpTo: WallTime?, _ database: Database
    ) throws {
        guard !host.isEmpty else { return }
        try database.execute(
            sql: """
                INSERT INTO agent (name, host, readUpTo) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE
                SET host = excluded.host, readUpTo = max(
                    ifnull(readUpTo, excluded.readUpTo), ifnull(excluded.readUpTo, readUpTo))
                """,
            arguments: [Data(agent.bytes), host, readUpTo?.nanoseconds])
    }

    /// Notes that a process has events up to a number; true where it is new here and has the name and number of another run.
    func note(
        _ key: ProcessKey, _ taken: Append.Taken, _ database: Database
    ) throws -> Bool {
        let (process, isNamesake) = try Catalogue.process(key, database)
        try database.cachedStatement(
            sql: "UPDATE process SET last = max(last, ?), events = events + ? WHERE id = ?"
        ).execute(arguments: [Int64(taken.last), taken.events, process])
        return isNamesake
    }

    /// The row of a process, made where there is none; and whether it was made, and another run has its name and number.
    static func process(
        _ key: ProcessKey, _ database: Database
    ) throws -> (row: Int64, isNamesake: Bool) {
        let origin: (run: Int64, sequence: Int64) =
            switch key.origin {
            case .nothing: (0, 0)
            case .unknown: (0, -1)
            case .event(let run, let sequence): (Int64(bitPattern: run.bits), Int64(sequence))
            }
        let identity: StatementArguments = [
            key.execution, key.host, key.process.name, key.process.incarnation,
            Data(key.identity.bytes), origin.run, origin.sequence,
        ]
        let condition =
            "execution = ? AND host = ? AND name = ? AND incarnation = ? AND identity = ? AND originRun = ? AND originSequence = ?"
        let find = try database.cachedStatement(
            sql: "SELECT id FROM process WHERE \(condition)")
        if let known = try Int64.fetchOne(find, arguments: identity) {
            return (known, false)
        }
        let others = try Int.fetchOne(
            database,
            sql: """
                SELECT count(*) FROM process
                WHERE execution = ? AND name = ? AND incarnation = ? AND identity <> ?
                """,
            arguments: [
                key.execution, key.process.name, key.process.incarnation, Data(key.identity.bytes),
            ])
        try database.execute(
            sql: """
                INSERT INTO process (execution, host, name, incarnation, identity, originRun, originSequence, run, last, events)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0)
                """,
            arguments: identity + [key.run.map { Data($0.bytes) }])
        return (database.lastInsertedRowID, others ?? 0 > 0)
    }

    /// A process as its row tells it.
    static func key(_ row: Row, execution: String) throws -> ProcessKey {
        let run = (try row.value("run") as Data?).flatMap(Identity128.init(stored:))
        let originRun: Int64 = try row.value("originRun")
        let originSequence: Int64 = try row.value("originSequence")
        var origin = Origin.nothing
        if originSequence < 0 { origin = .unknown }
        if originSequence > 0 {
            origin = .event(
                RunKey(bits: UInt64(bitPattern: originRun)), UInt64(originSequence))
        }
        return ProcessKey(
            execution: execution, host: try row.value("host"),
            process: ProcessID(
                name: try row.value("name"), incarnation: try row.value("incarnation")),
            run: run, origin: origin)
    }

    /// What was appended.
    struct Append {
        var header: SegmentHeader
        /// Up to where the segment is here and intact.
        var end: Int
        /// How many of its bytes were ever acknowledged, where that is more.
        var acknowledged = 0
        var isSealed = false
        /// What its footer says of it, once it is sealed.
        var head: LoggedHead?
        /// Of the last frame before `end`.
        var digest: [UInt8]
        var taken: [ProcessKey: Taken] = [:]
        private(set) var unmatched: [(path: String, line: UnmatchedLine)] = []
        /// For these lines: what the catalogue has of the segment already counts when they are noted.
        private var room = UnmatchedRoom()
        /// The machine that the agent reads, and how far in time it has; empty where it is none.
        var host = ""
        var readUpTo: WallTime?
        /// By execution that was dropped, the byte before which its rows do not count.
        var dropped: [ExactText: Int] = [:]
        /// What of runs was dropped: rows up to these numbers do not count.
        var droppedNumbers: DroppedNumbers = [:]
        /// The executions of which rows came that count as dropped: they are others than those that were, or were not waited for.
        var lateExecutions: [String] {
            Set(
                taken.filter { key, taken in
                    let last = droppedNumbers[ExactText(key.execution)]?[key.identity] ?? 0
                    return taken.first <= last
                }.map { ExactText($0.key.execution) }
            ).map(\.text)
        }
        /// Up to where rows count already, but for those in `uncounted`: where bytes come again that had been acknowledged.
        var countedUpTo = 0
        var isRepair: Bool { countedUpTo > 0 }
        /// The bytes before what was acknowledged whose rows do not count yet, since they could not be read.
        var uncounted: [Range<Int>] = []

        /// What is of one process.
        struct Taken {
            /// The lowest number, and the highest.
            var first = UInt64.max
            var last: UInt64 = 0
            /// How many count.
            var events = 0
        }

        init(_ header: SegmentHeader, end: Int, digest: [UInt8]) {
            self.header = header
            self.end = end
            self.digest = digest
        }

        /// Takes in the footer that ends at `end`, and with it the word of the agent for all of the segment.
        mutating func seal(_ footer: [UInt8]) throws(FormatError) {
            let read = try SegmentFooter(decoding: footer)
            let head = read.head(of: header, at: end - footer.count)
            if let signature = read.signature, !signature.isValid(for: head) {
                throw FormatError(
                    what: "footer: its signature is not that of what it says",
                    offset: end - footer.count)
            }
            self.head = LoggedHead(head, isSealed: true, signature: read.signature)
            isSealed = true
        }

        /// Takes in a frame and what it holds.
        mutating func note(_ frame: StoredFrame, _ batch: EventBatch) throws(FormatError) {
            let commit = try frame.commit()
            let isNew =
                frame.offset >= countedUpTo || uncounted.contains { $0.contains(frame.offset) }
            let dropped = Set(dropped.filter { frame.offset < $0.value }.keys)
            var found = [Taken](repeating: Taken(), count: batch.processes.count)
            let lasts = batch.processes.map {
                droppedNumbers[ExactText($0.execution)]?[$0.identity] ?? 0
            }
            for (slot, sequence) in zip(batch.slots, batch.sequences) {
                found[Int(slot)].first = min(found[Int(slot)].first, sequence)
                found[Int(slot)].last = max(found[Int(slot)].last, sequence)
                if isNew, sequence > lasts[Int(slot)] { found[Int(slot)].events += 1 }
            }
            for (key, new) in zip(batch.processes, found)
            where !dropped.contains(ExactText(key.execution)) {
                taken[key, default: Taken()].last = max(taken[key]?.last ?? 0, new.last)
                taken[key]!.first = min(taken[key]!.first, new.first)
                taken[key]!.events += new.events
            }
            guard let commit else { return }
            if !commit.host.isEmpty { host = commit.host }
            if let time = commit.readUpTo { readUpTo = readUpTo.map { max($0, time) } ?? time }
            for checkpoint in commit.checkpoints {
                for line in checkpoint.unmatched
                where !dropped.contains(ExactText(line.execution))
                    && room.take(line, of: checkpoint.path)
                {
                    unmatched.append((checkpoint.path, line))
                }
            }
        }
    }
}
