import Causality
import Disks
import FoundationEssentials
import GRDB
import Segments
import Transparency

// The log of what the collector did:
//
//     FOLDER/log/entries, FOLDER/log/state     (LogFile.swift)
//     FOLDER/log/key                           with which it is signed (SigningKey.swift)
//
// What is to be told is noted in the catalogue in the same transaction as what was done, and written to the log soon after: so a crash
// leaves neither without the other. How far segments that are not sealed were acknowledged is told now and then.

extension Archive {
    var logFolder: String { path + "/log" }

    /// Writes to the log what has been done since, signs what it has come to, and returns that; nil where it has no entries. One
    /// call at a time. O(what was done); costs some syncs where something was.
    ///
    /// - Parameters:
    ///   - tellsHeads: Whether it is told how far segments have come that are not sealed.
    ///   - make: Makes the log's key, where it has none.
    /// - Returns: What is wrong with the log, too: entries that the catalogue knows of are gone, or it has others.
    @discardableResult
    package func extendLog(
        now: WallTime, tellsHeads: Bool = true, making make: () -> SigningKey? = { SigningKey() }
    ) throws(ArchiveError) -> (checkpoint: Checkpoint?, problem: String?) {
        do {
            var log = try LogFile(logFolder, on: disk)
            if tellsHeads { try catalogue.logHeads() }
            var problem: String?
            while true {
                let (known, waiting) = try catalogue.logEntries()
                var written = log.tree.count - known
                if try !log.ends(written, of: waiting.map(\.bytes)) {
                    problem =
                        "\(logFolder) has \(log.tree.count) entries: expected \(known): it was changed, or this is another catalogue"
                    written = 0
                }
                if waiting.isEmpty, problem == nil { break }
                try disk.make(folder: logFolder)
                let key = try SigningKey(at: logFolder + "/key", on: disk, making: make)
                let entries = try waiting.dropFirst(written).map { _, bytes in
                    var entry = try LogEntry(decoding: bytes)
                    entry.time = now
                    return entry.encoded()
                }
                try log.append(entries, signing: key, now: now)
                try catalogue.noteLogged(upTo: waiting.last?.id, entries: log.tree.count)
                if waiting.isEmpty { break }
            }
            return (log.checkpoint, problem)
        } catch let error as TransparencyError {
            throw .failed(error.text)
        } catch let error as SigningKeyError {
            throw .failed(error.text)
        } catch {
            throw Archive.failure(error)
        }
    }
}

extension Archive {
    /// Has the log tell which hosts may ship, and with which keys their agents sign, where that is not as it was told.
    package func log(hosts: [LoggedHost]) throws(ArchiveError) {
        let entries = hosts.map { host in
            (host, Data(LogEntry(.host(host), at: WallTime(nanoseconds: 0)).encoded()))
        }
        let known = try catalogue.read { database in
            try Set(Data.fetchAll(database, sql: "SELECT entry FROM host"))
        }
        let changed = entries.filter { !known.contains($0.1) }
        guard !changed.isEmpty else { return }
        try catalogue.write { database in
            for (host, entry) in changed {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO host VALUES (?, ?)",
                    arguments: [host.host, entry])
                try Catalogue.log(.host(host), database)
            }
        }
    }

    /// Has a catalogue that is made anew go on with the log that is here. Returns what is wrong with it.
    func takeOverLog(_ memory: CatalogueMemory) throws -> [String] {
        let count: Int
        do {
            count = try LogFile(logFolder, on: disk).tree.count
        } catch let error as TransparencyError {
            return [error.text]
        }
        try catalogue.noteLogged(upTo: nil, entries: count)
        guard count < memory.loggedCount else { return [] }
        return ["\(logFolder) has \(count) entries: expected \(memory.loggedCount)"]
    }
}

extension LogFile {
    /// Whether the last entries are the first of those that waited to be written, but for their times. O(bytes of the log), where
    /// `count` is not 0: somebody was killed in between.
    func ends(_ count: Int, of waiting: [[UInt8]]) throws -> Bool {
        guard (0...waiting.count).contains(count) else { return false }
        guard count > 0 else { return true }
        var (index, isSame) = (0, true)
        try forEach { bytes in
            let place = index - (tree.count - count)
            if place >= 0 {
                let known = try LogEntry(decoding: waiting[place])
                isSame = try isSame && LogEntry(decoding: bytes).content == known.content
            }
            index += 1
        }
        return isSame
    }
}

extension Catalogue {
    /// Notes what the log is to tell.
    static func log(_ content: LogEntry.Content, _ database: Database) throws {
        // Its time is told when it is written.
        let entry = LogEntry(content, at: WallTime(nanoseconds: 0))
        try database.cachedStatement(sql: "INSERT INTO logEntry (bytes) VALUES (?)").execute(
            arguments: [Data(entry.encoded())])
    }

    /// Notes how far the segments have come that are not sealed, where that is farther than was told.
    fileprivate func logHeads() throws(ArchiveError) {
        let condition = "bytes > logged AND NOT sealed AND part IS NULL AND NOT isRemoved"
        let hasGrown = try read { database in
            try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM segment WHERE \(condition))") ?? false
        }
        guard hasGrown else { return }
        try write { database in
            for row in try Row.fetchAll(
                database, sql: "SELECT * FROM segment WHERE \(condition) ORDER BY name")
            {
                let state = try SegmentState(row)
                let header = SegmentHeader(
                    agent: state.agent, segment: try row.identity("name"), created: state.created)
                let head = SegmentHead(
                    header: header, byteCount: state.byteCount, digest: state.digest)
                try Catalogue.log(.head(LoggedHead(head, isSealed: false)), database)
            }
            try database.execute(sql: "UPDATE segment SET logged = bytes WHERE \(condition)")
        }
    }

    /// How many entries the log has, and the next ones that it may lack, in order.
    func logEntries() throws(ArchiveError) -> (known: Int, waiting: [(id: Int64, bytes: [UInt8])]) {
        try read { try Catalogue.logEntries($0, bytesMax: Limits.loggedBytesMax) }
    }

    /// - Parameter bytesMax: Of those that wait, no more are read once they have so many bytes.
    static func logEntries(
        _ database: Database, bytesMax: Int
    ) throws -> (known: Int, waiting: [(id: Int64, bytes: [UInt8])]) {
        let known = try Int.fetchOne(database, sql: "SELECT entries FROM log")
        var (waiting, size): ([(id: Int64, bytes: [UInt8])], Int) = ([], 0)
        let rows = try Row.fetchCursor(database, sql: "SELECT * FROM logEntry ORDER BY id")
        while size < bytesMax, let row = try rows.next() {
            let bytes: Data = try row.value("bytes")
            waiting.append((try row.value("id"), [UInt8](bytes)))
            size += bytes.count
        }
        return (known ?? 0, waiting)
    }

    fileprivate func noteLogged(upTo id: Int64?, entries: Int) throws(ArchiveError) {
        try write { database in
            if let id {
                try database.execute(sql: "DELETE FROM logEntry WHERE id <= ?", arguments: [id])
            }
            try database.execute(sql: "UPDATE log SET entries = ?", arguments: [entries])
        }
    }
}
