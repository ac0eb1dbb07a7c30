import Causality
import Disks
import FoundationEssentials
import GRDB
import HappensBefore
import Parts
import Transparency

// What follows from the events of an execution, kept in files, one for each slice of its history:
//
//     FOLDER/order/<id>.lcorder
//
// The catalogue says of which execution and slice a file is, and how many events of the execution had been taken when the slice
// ended. A file that the catalogue does not name is left from somebody who was killed: whoever opens the archive to write
// removes it.

/// The file of a slice.
package struct OrderSlice: Hashable, Sendable {
    package let name: Identity128
    /// How many events of the execution, those of earlier slices too, it tells of; of events that are here twice, how often
    /// they are counts.
    package let taken: Int
    /// Whether the events that it tells of were dropped.
    package let isTombstone: Bool

    package init(name: Identity128, taken: Int, isTombstone: Bool = false) {
        self.name = name
        self.taken = taken
        self.isTombstone = isTombstone
    }
}

extension Archive {
    /// How many events of an execution were ever taken: what follows from them is the same as long as this is.
    package func taken(of execution: String) throws(ArchiveError) -> Int {
        try catalogue.read { try Catalogue.taken(of: execution, $0) }
    }

    /// The files of what follows from the events of an execution, from the oldest slice on, first the tombstone that they stand
    /// on, if any; and how many of its events were ever taken, but for dropped ones that no file tells of: the last slice tells of
    /// all where it tells of as many. O(processes of the execution).
    package func orders(
        of execution: String
    ) throws(ArchiveError) -> (slices: [OrderSlice], taken: Int) {
        try catalogue.reading("orders of \(execution)") {
            (try Catalogue.orders(of: execution, $0), try Catalogue.taken(of: execution, $0))
        }
    }

    /// Opens the file of this name; nil where it is gone, or is none: it is derived, so what it says can be found out anew.
    ///
    /// - Parameter blocks: What keeps what is read of it; nil: what questions share.
    package func openOrder(_ slice: OrderSlice, keeping blocks: BlockCache? = nil) -> OrderFile? {
        guard let file = try? disk.open(orderPath(slice), .read) else { return nil }
        return try? OrderFile(file, keeping: blocks ?? orderBlocks)
    }

    /// Keeps what follows from the events of a slice, in the place of whatever lay on `below` before. Nil where that has changed
    /// meanwhile, or the archive has: then it is of no use. O(steps of knowledge); costs three syncs.
    ///
    /// - Parameters:
    ///   - below: The files that it stands on.
    ///   - taken: How many events of the execution it tells of, with those below.
    ///   - isLast: Whether these are all that were taken: then it is kept only as long as they are.
    ///   - revision: What the archive had come to when they were read; nil for what it has now.
    @discardableResult
    package func keep(
        order: OrderFileContents, on below: [OrderSlice] = [], taken: Int, isLast: Bool = true,
        revision: Int? = nil
    ) throws(ArchiveError) -> OrderSlice? {
        try checkRoom()
        let execution = order.history.execution
        let revision = revision ?? self.revision
        let slice = try unusedSlice(of: execution, on: below, taken: taken, revision)
        let file: LoggedFile
        do {
            try write(order, to: orderPath(slice))
            file = try LoggedFile(
                .order, slice.name, at: orderPath(slice), on: disk, execution: execution,
                slice: below.count)
        } catch {
            try? disk.remove(file: orderPath(slice))
            throw Archive.failure(error)
        }
        let (isKept, strays): (Bool, [OrderSlice])
        do throws(ArchiveError) {
            (isKept, strays) = try note(
                slice, file, of: execution, on: below, isLast: isLast, revision)
        } catch {
            try? disk.remove(file: orderPath(slice))
            throw error
        }
        for stray in strays {
            do { try disk.remove(file: orderPath(stray)) } catch {
                throw Archive.failure(error)
            }
        }
        return isKept ? slice : nil
    }

    /// Has the catalogue name a file, where that still fits; and gives the files that it does not name, or not any more.
    private func note(
        _ slice: OrderSlice, _ file: LoggedFile, of execution: String, on below: [OrderSlice],
        isLast: Bool, _ revision: Int
    ) throws(ArchiveError) -> (isKept: Bool, strays: [OrderSlice]) {
        try catalogue.write { database in
            let known = try Catalogue.orders(of: execution, database)
            // As many may have come again of what was dropped.
            guard revision == self.revision, Array(known.prefix(below.count)) == below,
                known.first?.isTombstone != true || !below.isEmpty,
                try !isLast || Catalogue.taken(of: execution, database) == slice.taken
            else { return (false, [slice]) }
            try database.execute(
                sql: "DELETE FROM orderFile WHERE execution = ? AND slice >= ?",
                arguments: [execution, below.count])
            try database.execute(
                sql: "INSERT INTO orderFile VALUES (?, ?, ?, ?)",
                arguments: [execution, below.count, Data(slice.name.bytes), slice.taken])
            try Catalogue.log(.file(file), database)
            return (true, Array(known.dropFirst(below.count)))
        }
    }

    /// A slice whose file nobody else writes, and the catalogue does not name: what lies above one that it names goes on from that
    /// as it is.
    private func unusedSlice(
        of execution: String, on below: [OrderSlice], taken: Int, _ revision: Int
    ) throws(ArchiveError) -> OrderSlice {
        let names = Set(try orders(of: execution).slices.map(\.name))
        var name: Identity128
        repeat {
            let number = ordersBegun.add(1, ordering: .relaxed).newValue
            name = Identity128(
                naming: Array(
                    "\(execution)\0\(below.count)\0\(taken)\0\(revision)\0\(number)".utf8))
        } while names.contains(name)
        return OrderSlice(name: name, taken: taken)
    }

    /// Writes a file, durably. One of this name is left from somebody who was killed.
    func write(_ order: OrderFileContents, to path: String) throws {
        let folder = parentFolder(path)
        try disk.make(folder: folder)
        try disk.sync(folder: self.path)
        try disk.remove(file: path)
        let file = try disk.open(path, .create)
        try OrderFileWriter.write(order, to: file)
        try file.sync()
        try disk.sync(folder: folder)
    }

    /// Removes the files of what follows, and the tombstones, that the catalogue does not name, and those that were never finished.
    func removeStrayOrderFiles() throws(ArchiveError) {
        do {
            for (table, folder) in [("orderFile", "order"), ("tombstone", "tombstones")] {
                let known = Set(
                    try catalogue.read { try Data.fetchAll($0, sql: "SELECT name FROM \(table)") })
                for file in try disk.names("\(path)/\(folder)") {
                    let name = file.hasSuffix(".new") ? file.dropLast(4) : file[...]
                    guard name.hasSuffix(".lcorder"), let id = Identity128(hex: name.dropLast(8)),
                        name.endIndex < file.endIndex || !known.contains(Data(id.bytes))
                    else { continue }
                    try disk.remove(file: "\(path)/\(folder)/\(file)")
                }
            }
        } catch {
            throw Archive.failure(error)
        }
    }

    func orderPath(_ slice: OrderSlice) -> String {
        "\(path)/\(slice.isTombstone ? "tombstones" : "order")/\(slice.name).lcorder"
    }
}

extension Catalogue {
    static func orders(of execution: String, _ database: Database) throws -> [OrderSlice] {
        try Row.fetchAll(
            try database.cachedStatement(
                sql: """
                    SELECT name, taken, TRUE AS isTombstone, 0 AS slice FROM tombstone WHERE execution = ?1 AND isFloor
                    UNION ALL SELECT name, taken, FALSE, slice FROM orderFile WHERE execution = ?1
                    ORDER BY slice
                    """),
            arguments: [execution]
        ).map {
            OrderSlice(
                name: try $0.identity("name"), taken: try $0.value("taken"),
                isTombstone: try $0.value("isTombstone"))
        }
    }

    static func taken(of execution: String, _ database: Database) throws -> Int {
        try Int.fetchOne(
            try database.cachedStatement(
                sql: """
                    SELECT sum(events) - ifnull((SELECT uncounted FROM tombstone WHERE execution = ?1), 0)
                    FROM process WHERE execution = ?1
                    """), arguments: [execution]) ?? 0
    }
}
