import Causality
import Disks
import FoundationEssentials
import GRDB
import HappensBefore
import Parts

// What follows from the events of an execution, kept in a file as long as no more of them arrive:
//
//     FOLDER/order/<id>.lcorder
//
// The catalogue says of which execution a file is, and how many of its events it tells of. A file that the catalogue does not
// name is left from somebody who was killed: whoever opens the archive to write removes it.
extension Archive {
    /// How many events of an execution were ever taken: what follows from them is the same as long as this is.
    package func taken(of execution: String) throws(ArchiveError) -> Int {
        try catalogue.read { try Catalogue.taken(of: execution, $0) }
    }

    /// The name of the file of what follows from the events of an execution; nil where there is none for all that is here.
    /// O(processes of the execution).
    package func currentOrder(of execution: String) throws(ArchiveError) -> Identity128? {
        try catalogue.read { database in
            try Data.fetchOne(
                try database.cachedStatement(
                    sql: "SELECT name FROM orderFile WHERE execution = ? AND taken = ?"),
                arguments: [execution, try Catalogue.taken(of: execution, database)]
            ).flatMap(Identity128.init(stored:))
        }
    }

    /// Opens the file of this name; nil where it is gone, or is none: it is derived, so what it says can be found out anew.
    package func openOrder(_ id: Identity128) -> OrderFile? {
        guard let file = try? disk.open(orderPath(id), .read) else { return nil }
        return try? OrderFile(file)
    }

    /// Keeps what follows from the events of an execution, in the place of what was kept before; not where more events have
    /// arrived meanwhile. O(steps of knowledge); costs three syncs.
    ///
    /// - Parameters:
    ///   - taken: How many events were taken when the history was loaded.
    ///   - revision: What the archive had come to by then; nil for what it has now.
    package func keep(
        order: OrderFileContents, taken: Int, revision: Int? = nil
    ) throws(ArchiveError) {
        let execution = order.history.execution
        let revision = revision ?? self.revision
        let id = Identity128(naming: Array("\(execution)\0\(taken)\0\(revision)".utf8))
        do {
            try write(order, as: id)
        } catch {
            try? disk.remove(file: orderPath(id))
            throw Archive.failure(error)
        }
        let name = Data(id.bytes)
        let stray = try catalogue.write { database -> Data? in
            // As many may have come again of what was dropped.
            guard revision == self.revision,
                try Catalogue.taken(of: execution, database) == taken
            else { return name }
            let before = try Data.fetchOne(
                database, sql: "SELECT name FROM orderFile WHERE execution = ?",
                arguments: [execution])
            try database.execute(
                sql: "INSERT OR REPLACE INTO orderFile VALUES (?, ?, ?)",
                arguments: [execution, name, taken])
            return before == name ? nil : before
        }
        guard let stray = stray.flatMap(Identity128.init(stored:)) else { return }
        do { try disk.remove(file: orderPath(stray)) } catch { throw Archive.failure(error) }
    }

    /// Writes a file, durably. One of this name is left from somebody who was killed.
    private func write(_ order: OrderFileContents, as id: Identity128) throws {
        let folder = path + "/order"
        try disk.make(folder: folder)
        try disk.sync(folder: path)
        try disk.remove(file: orderPath(id))
        let file = try disk.open(orderPath(id), .create)
        try OrderFileWriter.write(order, to: file)
        try file.sync()
        try disk.sync(folder: folder)
    }

    /// Removes the files of what follows that the catalogue does not name.
    func removeStrayOrderFiles() throws(ArchiveError) {
        let known = Set(
            try catalogue.read { try Data.fetchAll($0, sql: "SELECT name FROM orderFile") })
        do {
            for name in try disk.names(path + "/order") where name.hasSuffix(".lcorder") {
                guard let id = Identity128(hex: name.dropLast(8)), !known.contains(Data(id.bytes))
                else { continue }
                try disk.remove(file: orderPath(id))
            }
        } catch {
            throw Archive.failure(error)
        }
    }

    private func orderPath(_ id: Identity128) -> String { "\(path)/order/\(id).lcorder" }
}

extension Catalogue {
    fileprivate static func taken(of execution: String, _ database: Database) throws -> Int {
        try Int.fetchOne(
            try database.cachedStatement(
                sql: "SELECT sum(events) FROM process WHERE execution = ?"),
            arguments: [execution]) ?? 0
    }
}
