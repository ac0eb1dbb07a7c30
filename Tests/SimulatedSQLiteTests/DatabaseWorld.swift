import Disks
import GRDB
import SimulatedSQLite
import Synchronization
import Testing

/// A disk of its own with a database of two tables, whose rows one transaction always writes to both.
final class DatabaseWorld {
    let disk = SimulatedDisk()
    let prefix: String
    private let settings: String
    private let isPool: Bool
    private static let count = Mutex(0)

    /// - Parameter settings: Of the connection that writes.
    init(isPool: Bool, _ settings: String) throws {
        let number = Self.count.withLock { count in
            count += 1
            return count
        }
        prefix = "/simulated-sqlite-\(number)/"
        self.isPool = isPool
        self.settings = settings
        SimulatedVFS.register(prefix: prefix, disk: disk)
        try disk.make(folder: prefix)
        let database = try open()
        try database.writeWithoutTransaction {
            try $0.execute(sql: "PRAGMA synchronous = EXTRA")
            try $0.execute(sql: "CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER, t BLOB)")
        }
        try database.close()
    }

    deinit { SimulatedVFS.unregister(prefix: prefix) }

    var path: String { prefix + "database.sqlite" }

    func open() throws -> any DatabaseWriter {
        let database: any DatabaseWriter =
            isPool ? try DatabasePool(path: path) : try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { try $0.execute(sql: settings) }
        return database
    }

    /// One transaction, of more than a page.
    static func add(_ number: Int, to database: any DatabaseWriter) throws {
        try database.write {
            try $0.execute(sql: "INSERT INTO a VALUES (?)", arguments: [number])
            try $0.execute(
                sql: "INSERT INTO b VALUES (?, zeroblob(?))",
                arguments: [number, 500 * (number % 40)])
        }
    }

    /// The numbers whose transactions are here. Throws where one is half here, or the database is damaged.
    static func numbers(_ database: any DatabaseWriter) throws -> [Int] {
        let (first, second, check) = try database.read {
            (
                try Int.fetchAll($0, sql: "SELECT n FROM a ORDER BY n"),
                try Int.fetchAll($0, sql: "SELECT n FROM b ORDER BY n"),
                try String.fetchOne($0, sql: "PRAGMA integrity_check")
            )
        }
        try #require(first == second, "a transaction is half there")
        try #require(check == "ok")
        return first
    }

    /// Adds numbers from one on until that fails; the numbers of the transactions that were committed.
    func addUntilFailure(from first: Int) -> Range<Int> {
        guard let database = try? open() else { return first..<first }
        var next = first
        while next < first + 60, (try? Self.add(next, to: database)) != nil { next += 1 }
        return first..<next
    }

    /// The numbers that a connection finds that is opened now.
    func found() throws -> [Int] {
        let database = try open()
        defer { try? database.close() }
        return try Self.numbers(database)
    }

    /// The files on the disk, by name.
    func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try disk.names(prefix) {
            let file = try disk.open(prefix + name, .read)
            files[name] = try file.read(at: 0, count: file.byteCount())
        }
        return files
    }
}

/// Random numbers that a seed gives.
struct Rolled: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 29) ^ (state &* 0x9E37_79B9_7F4A_7C15)
    }
}
