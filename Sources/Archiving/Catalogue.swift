import Causality
import Disks
import FoundationEssentials
import GRDB
import Segments

/// The index of an archive's files, in SQLite: `catalogue.sqlite` beside them. It holds nothing for each frame or event. All but
/// what is lost can be found again in the files; what was acknowledged is known here only, so that a loss shows.
///
///     segment   = one row each: whose it is; up to where it is here and intact (`bytes`, which its agent is told), whether it is
///                 sealed, the digest of the last frame up to there; how many bytes were ever acknowledged: what lies between is
///                 damaged or gone; the part that its events are in, or why it stays as it is; whether its file was removed,
///                 since all its events were dropped; up to which byte the log says that it was acknowledged (`logged`)
///     part      = one row each: bytes and events, and what is wrong with it: then its segments are asked of their agents again
///     process   = execution, host, name, incarnation, run and origin: a row for each that its events say; the highest
///                 number, how many events were taken, and up to which number they were dropped
///     presence  = which segments hold events of which executions, until a part does
///     partPresence = the same of parts: rows of executions that are not named here do not count
///     agent     = which machine an agent reads, and how far in time it has
///     unmatched = lines that were no events
///     uncounted = bytes of segments, from the first to before the last, that were acknowledged and whose events do not count as
///                 taken, since they could not be read when the catalogue learned of them: they count when they come again
///     remains   = how many events of a process count as taken since they can be read in a damaged part, though its segments are
///                 asked of their agents again: when these are all here, and the part goes, they count no more
///     orderFile = the files of what follows from the events of an execution, slice by slice, and how many it had taken then
///     tombstone = what retention dropped of an execution: its file, how many events were taken up to there, when, the latest of
///                 their wall times, by which rule, whether what is kept goes on from it, and how many dropped events
///                 nothing tells of any more; `process.dropped` is the last number of each process that was
///     outdated  = of a part and an execution, the bytes of blocks that have dropped events only
///     dropped   = which rows of which executions do not count: those in frames of a segment before a byte
///     droppedPart = the same of parts, in which none of their rows counts; and how many bytes these take
///     logEntry  = what is still to be written to the log, in order: noted with what it tells of, so that neither is without the other
///     host      = what the log was told last of each host: whether it may ship, and its keys
///     log       = how many entries the log has, but for those that were written and are still in `logEntry`
struct Catalogue: Sendable {
    let database: any DatabaseWriter
    private let path: String
    /// Nil where others may write.
    private let readings: CatalogueReadings?

    private static let schemaVersion = 9

    /// Opens the catalogue at a path. Whoever opens it to write has it checked: O(its size).
    init(path: String, isReadOnly: Bool) throws(ArchiveError) {
        self.path = path
        readings = isReadOnly ? nil : CatalogueReadings()
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        var readOnly = configuration
        readOnly.readonly = true
        do {
            // A pool writes to what it opens: what is no catalogue stays as it is.
            let reader = try DatabaseQueue(path: path, configuration: readOnly)
            try reader.read { try Catalogue.check($0, path, isWhole: !isReadOnly) }
            if isReadOnly {
                database = reader
                return
            }
            try reader.close()
            database = try DatabasePool(path: path, configuration: configuration)
            try database.writeWithoutTransaction { try Catalogue.syncCommits($0) }
        } catch {
            throw Catalogue.failure(error, path)
        }
    }

    /// Makes an empty one in a new file, which is durable when it was closed and synced: it is for nobody to see before.
    init(making path: String) throws(ArchiveError) {
        self.path = path
        readings = nil
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        }
        do {
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.write { try $0.execute(sql: Catalogue.schema) }
        } catch {
            throw Catalogue.failure(error, path)
        }
    }

    /// Makes an empty one in memory.
    init(inMemoryFor path: String) throws(ArchiveError) {
        do {
            let queue = try DatabaseQueue()
            try queue.write { try $0.execute(sql: Catalogue.schema) }
            self.init(queue, path: path)
        } catch {
            throw Catalogue.failure(error, path)
        }
    }

    init(_ database: any DatabaseWriter, path: String) {
        self.database = database
        self.path = path
        readings = nil
    }

    /// Closes one that was made. It keeps a log from then on: SQLite would give it one with a journal, and where a crash leaves
    /// that, nobody can read before somebody writes.
    func finish() throws(ArchiveError) {
        do {
            try database.writeWithoutTransaction {
                try $0.execute(sql: "PRAGMA journal_mode = WAL")
            }
        } catch {
            throw Catalogue.failure(error, path)
        }
        try close()
    }

    func close() throws(ArchiveError) {
        do { try database.close() } catch { throw Catalogue.failure(error, path) }
    }

    /// - Parameter isWhole: Whether all pages are looked at.
    static func check(_ database: Database, _ path: String, isWhole: Bool) throws {
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        guard version == schemaVersion else {
            let what = version == 0 ? "no catalogue" : "a catalogue of version \(version)"
            throw ArchiveError.failed(
                "\(path) is \(what): expected version \(schemaVersion): \(remedy(path))")
        }
        guard isWhole else { return }
        let found = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "ok"
        if found != "ok" {
            throw ArchiveError.failed("\(path) is damaged (\(found)): \(remedy(path))")
        }
    }

    /// Has each commit synced: a pool with a log of its own sets its connection to less than that when it is made, and writes. What
    /// it wrote is synced too: where the next sync failed the system might give it up, and with it what is logged after it.
    private static func syncCommits(_ database: Database) throws {
        try database.execute(sql: "PRAGMA synchronous = FULL")
        let level = try Int.fetchOne(database, sql: "PRAGMA synchronous")
        guard level == 2 else {
            throw ArchiveError.failed(
                "the catalogue does not sync its commits: expected synchronous 2, found \(level ?? -1)"
            )
        }
        try database.inTransaction(.immediate) {
            // What it says already: written all the same.
            try database.execute(sql: "PRAGMA user_version = \(schemaVersion)")
            return .commit
        }
    }

    private static func remedy(_ path: String) -> String {
        "`lightcone catalogue rebuild --data \(parentFolder(path))` makes it anew"
    }

    static func failure(_ error: any Error, _ path: String) -> ArchiveError {
        switch error {
        case let error as ArchiveError: error
        case is RowDecodingError: .failed("\(path) is damaged (\(error)): \(remedy(path))")
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_FULL: .full("cannot write \(path): no space left on device")
            case .SQLITE_CORRUPT, .SQLITE_NOTADB:
                .failed("\(path) is damaged (\(error.message ?? "?")): \(remedy(path))")
            default: .failed("cannot use \(path): \(error)")
            }
        default: .failed("cannot use \(path): \(error)")
        }
    }

    private static let schema = """
        CREATE TABLE segment (
            id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, agent BLOB NOT NULL, created INTEGER NOT NULL,
            bytes INTEGER NOT NULL, acknowledged INTEGER NOT NULL, sealed INTEGER NOT NULL, digest BLOB NOT NULL,
            part INTEGER REFERENCES part, kept TEXT, isChainBroken INTEGER NOT NULL DEFAULT 0,
            isRemoved INTEGER NOT NULL DEFAULT 0, logged INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE INDEX segmentByPart ON segment (part);
        CREATE TABLE part (
            id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, bytes INTEGER NOT NULL, events INTEGER NOT NULL,
            damage TEXT) STRICT;
        CREATE TABLE partPresence (
            execution TEXT NOT NULL, part INTEGER NOT NULL REFERENCES part,
            PRIMARY KEY (execution, part)) STRICT, WITHOUT ROWID;
        CREATE TABLE process (
            id INTEGER PRIMARY KEY, execution TEXT NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL,
            incarnation INTEGER NOT NULL, identity BLOB NOT NULL, run BLOB, originRun INTEGER, originSequence INTEGER,
            last INTEGER NOT NULL, events INTEGER NOT NULL, dropped INTEGER NOT NULL DEFAULT 0,
            UNIQUE (execution, host, name, incarnation, identity, originRun, originSequence)) STRICT;
        CREATE INDEX processByName ON process (execution, name, incarnation);
        CREATE TABLE presence (
            execution TEXT NOT NULL, segment INTEGER NOT NULL REFERENCES segment,
            PRIMARY KEY (execution, segment)) STRICT, WITHOUT ROWID;
        CREATE INDEX presenceBySegment ON presence (segment);
        CREATE TABLE agent (
            name BLOB PRIMARY KEY, host TEXT NOT NULL, readUpTo INTEGER) STRICT;
        CREATE TABLE unmatched (
            segment INTEGER NOT NULL REFERENCES segment, path TEXT NOT NULL, line INTEGER NOT NULL,
            execution TEXT NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL) STRICT;
        CREATE INDEX unmatchedBySegment ON unmatched (segment);
        CREATE TABLE uncounted (
            segment INTEGER NOT NULL REFERENCES segment, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
        CREATE INDEX uncountedBySegment ON uncounted (segment);
        CREATE TABLE remains (
            part INTEGER NOT NULL REFERENCES part, process INTEGER NOT NULL REFERENCES process, events INTEGER NOT NULL,
            PRIMARY KEY (part, process)) STRICT, WITHOUT ROWID;
        CREATE INDEX remainsByProcess ON remains (process);
        CREATE TABLE orderFile (
            execution TEXT NOT NULL, slice INTEGER NOT NULL, name BLOB NOT NULL, taken INTEGER NOT NULL,
            PRIMARY KEY (execution, slice)) STRICT, WITHOUT ROWID;
        CREATE TABLE tombstone (
            execution TEXT PRIMARY KEY, name BLOB NOT NULL, taken INTEGER NOT NULL, time INTEGER NOT NULL,
            events INTEGER NOT NULL, newest INTEGER, rule TEXT NOT NULL, isFloor INTEGER NOT NULL,
            uncounted INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE outdated (
            part BLOB NOT NULL, execution TEXT NOT NULL, bytes INTEGER NOT NULL,
            PRIMARY KEY (part, execution)) STRICT, WITHOUT ROWID;
        CREATE TABLE dropped (
            segment BLOB NOT NULL, execution TEXT NOT NULL, agent BLOB NOT NULL, created INTEGER NOT NULL,
            bytes INTEGER NOT NULL, sealed INTEGER NOT NULL, digest BLOB NOT NULL, isRemoved INTEGER NOT NULL,
            PRIMARY KEY (segment, execution)) STRICT, WITHOUT ROWID;
        CREATE TABLE droppedPart (
            part BLOB NOT NULL, execution TEXT NOT NULL, bytes INTEGER NOT NULL, isRemoved INTEGER NOT NULL,
            PRIMARY KEY (part, execution)) STRICT, WITHOUT ROWID;
        CREATE TABLE logEntry (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE log (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL) STRICT;
        INSERT INTO log VALUES (1, 0);
        CREATE TABLE host (name TEXT PRIMARY KEY, entry BLOB NOT NULL) STRICT, WITHOUT ROWID;
        PRAGMA user_version = \(schemaVersion);
        """

    func write<T>(_ body: (Database) throws -> T) throws(ArchiveError) -> T {
        defer { readings?.forget() }
        do { return try database.write(body) } catch { throw Self.failure(error, path) }
    }

    func read<T>(_ body: (Database) throws -> T) throws(ArchiveError) -> T {
        do { return try database.read(body) } catch { throw Self.failure(error, path) }
    }

    /// As `read`, for what many questions ask: read once, as long as nothing is written.
    ///
    /// - Parameter key: What is read.
    func reading<Value: Sendable>(
        _ key: String, _ body: (Database) throws -> Value
    ) throws(ArchiveError) -> Value {
        guard let readings else { return try read(body) }
        return try readings.value(key) { () throws(ArchiveError) in try read(body) }
    }

    /// How much of a segment is here; nil where it was never heard of.
    func segment(_ name: Identity128) throws(ArchiveError) -> SegmentState? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM segment WHERE name = ?",
                arguments: [Data(name.bytes)]
            ).map { try SegmentState($0) }
        }
    }

    /// Notes that a segment is intact up to here only: from there its agent is asked again.
    func shrink(
        _ segment: Identity128, to byteCount: Int, _ digest: [UInt8]
    ) throws(ArchiveError) {
        try write { database in
            try database.execute(
                sql: "UPDATE segment SET bytes = ?, sealed = FALSE, digest = ? WHERE name = ?",
                arguments: [byteCount, Data(digest), Data(segment.bytes)])
            // What follows was found out of what was here.
            try database.execute(
                sql: """
                    DELETE FROM orderFile WHERE execution IN (SELECT execution FROM presence
                        JOIN segment ON segment.id = presence.segment WHERE name = ?)
                    """, arguments: [Data(segment.bytes)])
        }
    }

    /// All segments, by name.
    func segments() throws(ArchiveError) -> [Identity128: SegmentState] {
        try read { database in
            var states: [Identity128: SegmentState] = [:]
            for row in try Row.fetchAll(database, sql: "SELECT * FROM segment") {
                states[try row.identity("name")] = try SegmentState(row)
            }
            return states
        }
    }
}

extension Row {
    /// What a column says. Throws where it is not of that type: a row of a damaged file may say anything.
    func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
        try decode(forColumn: column)
    }

    func identity(_ column: String) throws -> Identity128 {
        let data: Data = try value(column)
        guard let identity = Identity128(stored: data) else {
            throw ArchiveError.failed(
                "the catalogue is damaged (\(column): expected 16 bytes, found \(data.count)): `lightcone catalogue rebuild` makes it anew"
            )
        }
        return identity
    }
}

extension Identity128 {
    init?(stored data: Data) {
        guard data.count == 16 else { return nil }
        self.init(bytes: data)
    }
}
