import Causality
import FoundationEssentials
import GRDB
import Segments

/// The index of an archive's segments and blocks, in SQLite: `catalogue.sqlite` beside the segments. It holds nothing
/// that cannot be found again in them.
///
///     segment   = one row each: durable bytes, whether sealed, digest of the last block
///     process   = execution, host, name, incarnation
///     block     = where it lies, whose events it holds, its range, its times, and its header as it stands in the
///                 segment (which has the clocks of its first and last event)
///     unmatched = lines that were no events
struct Catalogue: Sendable {
    let database: any DatabaseWriter

    private static let schemaVersion = 1

    init(path: String, isReadOnly: Bool) throws(ArchiveError) {
        var configuration = Configuration()
        configuration.readonly = isReadOnly
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { database in
            if !isReadOnly { try database.execute(sql: "PRAGMA synchronous = FULL") }
        }
        do {
            if isReadOnly {
                database = try DatabaseQueue(path: path, configuration: configuration)
            } else {
                database = try DatabasePool(path: path, configuration: configuration)
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

    static func failure(_ error: any Error, _ path: String) -> ArchiveError {
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
                    id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, host BLOB NOT NULL,
                    created INTEGER NOT NULL, bytes INTEGER NOT NULL, sealed INTEGER NOT NULL, digest BLOB NOT NULL);
                CREATE TABLE process (
                    id INTEGER PRIMARY KEY, execution TEXT NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL,
                    incarnation INTEGER NOT NULL, UNIQUE (execution, host, name, incarnation));
                CREATE TABLE block (
                    id INTEGER PRIMARY KEY AUTOINCREMENT, segment INTEGER NOT NULL REFERENCES segment,
                    offset INTEGER NOT NULL, bytes INTEGER NOT NULL, process INTEGER NOT NULL REFERENCES process,
                    events INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                    timeMin INTEGER, timeMax INTEGER, header BLOB NOT NULL, UNIQUE (segment, offset));
                CREATE INDEX blockByProcess ON block (process);
                CREATE TABLE unmatched (
                    segment INTEGER NOT NULL REFERENCES segment, path TEXT NOT NULL, line INTEGER NOT NULL,
                    execution TEXT NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL);
                PRAGMA user_version = 1;
                PRAGMA application_id = 1;
                """)
    }

    /// Forgets everything, for a rebuild, which `endRebuild` ends: a catalogue that was left half made is made again.
    func beginRebuild() throws(ArchiveError) {
        try write { database in
            for table in ["unmatched", "block", "process", "segment"] {
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

    /// Notes what was appended to a segment and is durable now; all of it or nothing.
    func note(_ append: Append) throws(ArchiveError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO segment (name, host, created, bytes, sealed, digest) VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, sealed = excluded.sealed, digest = excluded.digest
                    """,
                arguments: [
                    Data(append.header.segment.bytes), Data(append.header.host.bytes),
                    append.header.created.nanoseconds, append.end, append.isSealed,
                    Data(append.digest),
                ])
            guard
                let segment = try Int64.fetchOne(
                    database, sql: "SELECT id FROM segment WHERE name = ?",
                    arguments: [Data(append.header.segment.bytes)])
            else { return }
            for block in append.blocks {
                if let events = block.header.events { try note(block, events, segment, database) }
            }
            for (path, line) in append.unmatched.prefix(Limits.unmatchedOfSegmentMax) {
                try database.execute(
                    sql: "INSERT INTO unmatched VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        segment, path, Int64(clamping: line.line), line.execution, line.reason,
                        line.text,
                    ])
            }
        }
    }

    private func note(
        _ block: StoredBlock, _ events: BlockHeader.Summary, _ segment: Int64, _ database: Database
    ) throws {
        let key = events.key
        let identity: StatementArguments = [
            key.execution, key.host, key.process.name, key.process.incarnation,
        ]
        try database.execute(
            sql:
                "INSERT INTO process (execution, host, name, incarnation) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            arguments: identity)
        let process = try Int64.fetchOne(
            database,
            sql:
                "SELECT id FROM process WHERE execution = ? AND host = ? AND name = ? AND incarnation = ?",
            arguments: identity)
        try database.execute(
            sql: """
                INSERT INTO block (segment, offset, bytes, process, events, first, last, timeMin, timeMax, header)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                segment, block.offset, block.bytes.count, process, events.count,
                Int64(events.first),
                Int64(events.last), events.times?.lowerBound.nanoseconds,
                events.times?.upperBound.nanoseconds,
                Data(block.headerBytes),
            ])
    }

    /// What was appended.
    struct Append {
        var header: SegmentHeader
        var end: Int
        var isSealed: Bool
        var digest: [UInt8]
        var blocks: [StoredBlock]
        var unmatched: [(path: String, line: UnmatchedLine)]
    }
}
