import Causality
import FoundationEssentials
import GRDB
import Segments

/// The index of an archive's segments, in SQLite: `catalogue.sqlite` beside the segments. It holds nothing
/// that cannot be found again in them, and nothing for each frame or event.
///
///     segment   = one row each: whose it is, durable bytes, whether sealed, digest of the last frame; the part that its events
///                 are in, or why it stays as it is
///     part      = one row each: bytes and events
///     process   = execution, host, name, incarnation, run and origin: a row for each that its events say; the highest
///                 number, and how many events were taken
///     presence  = which segments hold events of which executions, until a part does
///     partPresence = the same of parts
///     agent     = which machine an agent reads, and how far in time it has
///     unmatched = lines that were no events
///     orderFile = the file of what follows from the events of an execution, and how many events it tells of
struct Catalogue: Sendable {
    let database: any DatabaseWriter

    private static let schemaVersion = 4

    init(path: String, isReadOnly: Bool) throws(ArchiveError) {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.busyMode = .timeout(10)
        do {
            if isReadOnly {
                database = try DatabaseQueue(path: path, configuration: configuration)
            } else {
                database = try DatabasePool(path: path, configuration: configuration)
                try database.writeWithoutTransaction { try Catalogue.syncCommits($0) }
                try database.write { try Catalogue.migrate($0) }
            }
            let version = try database.read {
                try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0
            }
            guard version == Self.schemaVersion else {
                throw ArchiveError.failed(
                    "\(path) is a catalogue of version \(version): this program reads version \(Self.schemaVersion)"
                )
            }
        } catch let error as ArchiveError {
            throw error
        } catch {
            throw Catalogue.failure(error, path)
        }
    }

    /// Has each commit synced: a pool with a log of its own sets its connection to less than that when it is made.
    private static func syncCommits(_ database: Database) throws {
        try database.execute(sql: "PRAGMA synchronous = FULL")
        let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
        guard level == 2 else {
            throw ArchiveError.failed(
                "the catalogue does not sync its commits: expected synchronous 2, found \(level ?? -1)"
            )
        }
    }

    static func failure(_ error: any Error, _ path: String) -> ArchiveError {
        if let error = error as? ArchiveError { return error }
        if let error = error as? DatabaseError, error.resultCode == .SQLITE_FULL {
            return .full("cannot write \(path): no space left on device")
        }
        return .failed("cannot use \(path): \(error)")
    }

    private static func migrate(_ database: Database) throws {
        guard try Int.fetchOne(database, sql: "PRAGMA user_version") == 0 else { return }
        try database.execute(
            sql: """
                CREATE TABLE segment (
                    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, agent BLOB NOT NULL,
                    created INTEGER NOT NULL, bytes INTEGER NOT NULL, sealed INTEGER NOT NULL, digest BLOB NOT NULL,
                    part INTEGER REFERENCES part, kept TEXT, isChainBroken INTEGER NOT NULL DEFAULT 0);
                CREATE INDEX segmentByPart ON segment (part);
                CREATE TABLE part (
                    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL, events INTEGER NOT NULL);
                CREATE TABLE partPresence (
                    execution TEXT NOT NULL, part INTEGER NOT NULL REFERENCES part,
                    PRIMARY KEY (execution, part)) WITHOUT ROWID;
                CREATE TABLE process (
                    id INTEGER PRIMARY KEY, execution TEXT NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL,
                    incarnation INTEGER NOT NULL, identity BLOB NOT NULL, run BLOB, originRun INTEGER, originSequence INTEGER,
                    last INTEGER NOT NULL, events INTEGER NOT NULL,
                    UNIQUE (execution, host, name, incarnation, identity, originRun, originSequence));
                CREATE INDEX processByName ON process (execution, name, incarnation);
                CREATE TABLE presence (
                    execution TEXT NOT NULL, segment INTEGER NOT NULL REFERENCES segment,
                    PRIMARY KEY (execution, segment)) WITHOUT ROWID;
                CREATE TABLE agent (
                    name BLOB PRIMARY KEY, host TEXT NOT NULL, readUpTo INTEGER);
                CREATE TABLE unmatched (
                    segment INTEGER NOT NULL REFERENCES segment, path TEXT NOT NULL, line INTEGER NOT NULL,
                    execution TEXT NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL);
                CREATE TABLE orderFile (
                    execution TEXT PRIMARY KEY, name BLOB NOT NULL, taken INTEGER NOT NULL) WITHOUT ROWID;
                PRAGMA user_version = 4;
                PRAGMA application_id = 1;
                """)
    }

    /// Forgets everything, for a rebuild, which `endRebuild` ends: a catalogue that was left half made is made again.
    func beginRebuild() throws(ArchiveError) {
        try write { database in
            for table in [
                "orderFile", "unmatched", "presence", "partPresence", "process", "agent", "segment",
                "part",
            ] {
                try database.execute(sql: "DELETE FROM \(table)")
            }
            try database.execute(sql: "PRAGMA application_id = 1")
        }
    }

    func endRebuild() throws(ArchiveError) {
        try write { try $0.execute(sql: "PRAGMA application_id = 0") }
    }

    func isBeingRebuilt() throws(ArchiveError) -> Bool {
        try read { try Int.fetchOne($0, sql: "PRAGMA application_id") == 1 }
    }

    func write<T>(_ body: (Database) throws -> T) throws(ArchiveError) -> T {
        do { return try database.write(body) } catch { throw Self.failure(error, "the catalogue") }
    }

    func read<T>(_ body: (Database) throws -> T) throws(ArchiveError) -> T {
        do { return try database.read(body) } catch { throw Self.failure(error, "the catalogue") }
    }

    /// Notes what was appended to a segment and is durable now; all of it or nothing. Returns the processes that are new here and
    /// have the name and number of another run.
    @discardableResult
    func note(_ append: Append) throws(ArchiveError) -> [ProcessKey] {
        try write { database in
            var namesakes: [ProcessKey] = []
            try database.cachedStatement(
                sql: """
                    INSERT INTO segment (name, agent, created, bytes, sealed, digest) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, sealed = excluded.sealed, digest = excluded.digest
                    """
            ).execute(arguments: [
                Data(append.header.segment.bytes), Data(append.header.agent.bytes),
                append.header.created.nanoseconds, append.end, append.isSealed,
                Data(append.digest),
            ])
            guard
                let segment = try Int64.fetchOne(
                    database, sql: "SELECT id FROM segment WHERE name = ?",
                    arguments: [Data(append.header.segment.bytes)])
            else { return [] }
            for execution in Set(append.taken.keys.map { ExactText($0.execution) }) {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO presence VALUES (?, ?)",
                    arguments: [execution.text, segment])
            }
            for (key, taken) in append.taken.sorted(by: { ProcessKey.listedBefore($0.key, $1.key) })
            {
                if try note(key, taken, database) { namesakes.append(key) }
            }
            try Catalogue.note(
                agent: append.header.agent, of: append.host, readUpTo: append.readUpTo, database)
            for (path, line) in append.unmatched.prefix(Limits.unmatchedOfSegmentMax) {
                try Catalogue.note(line, of: path, segment: segment, database)
            }
            return namesakes
        }
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
                SET host = excluded.host, readUpTo = max(ifnull(readUpTo, excluded.readUpTo), excluded.readUpTo)
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

    /// All segments, by name.
    func segments() throws(ArchiveError) -> [Identity128: SegmentState] {
        try read { database in
            var states: [Identity128: SegmentState] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT * FROM segment") {
                guard let name = Identity128(stored: row["name"]), let state = SegmentState(row)
                else { continue }
                states[name] = state
            }
            return states
        }
    }

    /// The row of a process, made where there is none; and whether it was made, and another run has its name and number.
    private static func process(
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

    /// A process as its row tells it; nil where the row is not whole.
    static func key(_ row: Row, execution: String) -> ProcessKey? {
        let run = (row["run"] as Data?).flatMap(Identity128.init(stored:))
        let (originRun, originSequence): (Int64, Int64) = (row["originRun"], row["originSequence"])
        var origin = Origin.nothing
        if originSequence < 0 { origin = .unknown }
        if originSequence > 0 {
            origin = .event(
                RunKey(bits: UInt64(bitPattern: originRun)), UInt64(originSequence))
        }
        return ProcessKey(
            execution: execution, host: row["host"],
            process: ProcessID(name: row["name"], incarnation: row["incarnation"]), run: run,
            origin: origin)
    }

    /// What was appended.
    struct Append {
        var header: SegmentHeader
        var end: Int
        var isSealed = false
        var digest: [UInt8]
        var taken: [ProcessKey: Taken] = [:]
        var unmatched: [(path: String, line: UnmatchedLine)] = []
        /// The machine that the agent reads, and how far in time it has; empty where it is none.
        var host = ""
        var readUpTo: WallTime?

        /// What is of one process.
        struct Taken {
            /// The highest number.
            var last: UInt64 = 0
            var events = 0
        }

        init(_ header: SegmentHeader, end: Int, digest: [UInt8]) {
            self.header = header
            self.end = end
            self.digest = digest
        }

        /// Takes in a frame and what it holds.
        mutating func note(_ frame: StoredFrame, _ batch: EventBatch) throws(FormatError) {
            var found = [Taken](repeating: Taken(), count: batch.processes.count)
            for (slot, sequence) in zip(batch.slots, batch.sequences) {
                found[Int(slot)].last = max(found[Int(slot)].last, sequence)
                found[Int(slot)].events += 1
            }
            for (key, new) in zip(batch.processes, found) {
                taken[key, default: Taken()].last = max(taken[key]?.last ?? 0, new.last)
                taken[key]!.events += new.events
            }
            guard let commit = try frame.commit() else { return }
            if !commit.host.isEmpty { host = commit.host }
            if let time = commit.readUpTo { readUpTo = readUpTo.map { max($0, time) } ?? time }
            for checkpoint in commit.checkpoints
            where unmatched.count < Limits.unmatchedOfSegmentMax {
                unmatched += checkpoint.unmatched.map { (checkpoint.path, $0) }
            }
        }
    }
}
