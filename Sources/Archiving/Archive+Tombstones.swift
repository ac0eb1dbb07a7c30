import Causality
import Disks
import FoundationEssentials
import GRDB
import HappensBefore
import Parts
import Segments
import Transparency

// What retention drops of an execution: its first events, up to a consistent cut. A tombstone takes the place of the order files
// below the cut:
//
//     FOLDER/tombstones/<id>.lcorder         from then on it counts, whatever the catalogue says
//     FOLDER/tombstones/<id>.lcorder.new     one that is being written: nobody believes it
//
// It cannot be derived again, so the catalogue is made from it, not it from the catalogue. Whatever has a number up to that of
// the last dropped event of its run does not count any more, wherever it lies and whenever it comes. Blocks of parts that hold
// nothing else are left out when the part is written anew.

/// By execution and run: up to which number its events were dropped.
typealias DroppedNumbers = [ExactText: [Identity128: UInt64]]

extension Archive {
    /// By run of an execution: up to which number its events were dropped.
    package func dropped(
        of execution: String
    ) throws(ArchiveError) -> [(process: ProcessKey, last: UInt64)] {
        try catalogue.read { try Catalogue.droppedNumbers(of: execution, $0) }
    }

    /// What was dropped of an execution, and how many events of its processes that was; nil where nothing was.
    package func tombstone(of execution: String) throws(ArchiveError) -> Tombstone? {
        try catalogue.read { try Catalogue.tombstone(of: execution, $0) }
    }

    /// The same for whoever writes here, of all executions.
    func droppedNumbers() throws(ArchiveError) -> DroppedNumbers {
        let now = burials.load(ordering: .sequentiallyConsistent)
        if let known = knownDropped.withLock({ $0 }), known.burials == now { return known.numbers }
        let found = try catalogue.read { try Catalogue.droppedNumbers($0) }
        knownDropped.withLock { $0 = (now, found) }
        return found
    }

    /// Has events of some runs up to a number refused (`.busy`) from now on until `endBurying`: what is here then of these numbers
    /// is all that counts. One execution at a time. Waits for what is being noted.
    package func beginBurying(
        _ execution: String, upTo lasts: [Identity128: UInt64]
    ) throws(ArchiveError) {
        burying.withLock { $0 = (ExactText(execution), lasts) }
        try catalogue.write { _ in }
    }

    package func endBurying() { burying.withLock { $0 = nil } }

    /// Something else is dropped now. Called before and after that is noted: what is read in between counts for neither.
    func isBuriedOtherwise() {
        burials.add(1, ordering: .sequentiallyConsistent)
        isOtherwise()
    }

    /// Has a tombstone tell no more than what was dropped, since nothing can go on from it: what is kept does as if that were
    /// missing. Nothing where it is another one by now. Throws `.busy` while a part is put in its place.
    package func demoteTombstone(
        _ tombstone: OrderSlice, of execution: String
    ) throws(ArchiveError) {
        let (slices, known) = (
            try orders(of: execution).slices, try self.tombstone(of: execution)
        )
        guard slices.first == tombstone, let known else { return }
        let lasts = try dropped(of: execution)
        _ = try bury(
            OrderFileContents(known, of: execution, upTo: lasts.map { ($0.process, $0.last) }),
            instead: slices, revision: revision)
    }

    /// Whether an order file is gone, or is none: not where it only could not be read now.
    package func isLost(_ slice: OrderSlice) -> Bool {
        do {
            guard try disk.status(orderPath(slice)) != nil else { return true }
            _ = try OrderFile(disk.open(orderPath(slice), .read)).resumption()
            return false
        } catch PartError.damaged {
            return true
        } catch {
            return false
        }
    }

    /// Whether what was appended has events that are being dropped.
    func isBurying(_ append: Catalogue.Append) -> Bool {
        guard let (execution, lasts) = burying.withLock({ $0 }) else { return false }
        return append.taken.contains { key, taken in
            ExactText(key.execution) == execution && taken.first <= lasts[key.identity] ?? 0
        }
    }

    /// Puts a tombstone in the place of the lowest order files of an execution: the events that these tell of are dropped. False
    /// where something else became of the files meanwhile, or of the archive: then nothing is dropped. Throws `.busy` while a
    /// part is put in its place.
    ///
    /// At whatever instant this ends, all of it is dropped or nothing, once the archive was opened again (`recover`). O(blocks of
    /// the execution); costs some syncs.
    ///
    /// - Parameters:
    ///   - tombstone: Made of those files, or of none: then what is kept does not go on from it, and all files go.
    ///   - slices: They, from the lowest one on; or all.
    ///   - revision: What the archive had come to when they were read.
    ///   - uncounted: Of a tombstone that is made of no files: how many events are dropped now.
    package func bury(
        _ tombstone: OrderFileContents, instead slices: [OrderSlice], revision: Int,
        uncounted: Int = 0
    ) throws(ArchiveError) -> Bool {
        guard beginChange() else { throw .busy }
        defer { endChange() }
        let execution = tombstone.history.execution
        let grave = try Grave(tombstone)
        let slice = OrderSlice(
            name: Archive.name(of: grave, instead: slices), taken: slices.last?.taken ?? 0,
            isTombstone: true)
        let unfinished = orderPath(slice) + ".new"
        let before = try catalogue.read { try Catalogue.tombstoneName(of: execution, $0) }
        var outdated: [Identity128: Int] = [:]
        for part in try parts(of: execution) {
            outdated[part] = outdatedBytes(of: execution, in: part, upTo: grave.lasts)
        }
        let isBuried: Bool
        do throws(ArchiveError) {
            isBuried = try withReserve { () throws(ArchiveError) in
                let file: LoggedFile
                do {
                    try write(tombstone, to: unfinished)
                    file = try logged(grave, slice, at: unfinished, instead: slices.count)
                } catch {
                    throw Archive.failure(error)
                }
                return try catalogue.write { database in
                    let known = try Catalogue.orders(of: execution, database)
                    guard revision == self.revision, Array(known.prefix(slices.count)) == slices,
                        grave.isFloor || known.count == slices.count
                    else { return false }
                    isBuriedOtherwise()
                    // From here on it is dropped: whoever opens the archive does the rest.
                    try disk.rename(unfinished, to: orderPath(slice))
                    try disk.sync(folder: tombstoneFolder)
                    try Catalogue.note(
                        grave, slice, known: known, slices.count, outdated,
                        uncounted: uncounted, database)
                    try Catalogue.log(.file(file), database)
                    return true
                }
            }
        } catch {
            for path in [unfinished, orderPath(slice)] { try? disk.remove(file: path) }
            // Or it would be dropped once the power had failed.
            try? disk.sync(folder: tombstoneFolder)
            throw error
        }
        var strays = [unfinished]
        if isBuried {
            isBuriedOtherwise()
            strays = slices.map { orderPath($0) }
            if let before {
                strays.append(orderPath(OrderSlice(name: before, taken: 0, isTombstone: true)))
            }
        }
        do {
            for stray in strays { try disk.remove(file: stray) }
        } catch {
            throw Archive.failure(error)
        }
        return isBuried
    }

    /// What the log says of a tombstone in the place of some order files; of one that nothing goes on from, of all.
    private func logged(
        _ grave: Grave, _ slice: OrderSlice, at path: String? = nil, instead count: Int
    ) throws(DiskError) -> LoggedFile {
        try LoggedFile(
            .tombstone, slice.name, at: path ?? orderPath(slice), on: disk,
            execution: grave.execution, slice: grave.isFloor ? count : .max)
    }

    /// Notes what of a part that was just made is of what was dropped meanwhile.
    func noteOutdated(_ part: Identity128) throws(ArchiveError) {
        for (execution, lasts) in try droppedNumbers() {
            let byteCount = outdatedBytes(of: execution.text, in: part, upTo: lasts)
            guard byteCount > 0 else { continue }
            try catalogue.write { database in
                try database.execute(
                    sql: "INSERT OR REPLACE INTO outdated VALUES (?, ?, ?)",
                    arguments: [Data(part.bytes), execution.text, byteCount])
            }
        }
    }

    /// What the blocks of a part take that have nothing but events which are dropped. Nothing where that cannot be read.
    private func outdatedBytes(
        of execution: String, in part: Identity128, upTo lasts: [Identity128: UInt64]
    ) -> Int {
        guard let file = try? PartFile(partPath(part), on: disk), file.damage == nil else {
            return 0
        }
        var byteCount = 0
        for run in (try? file.runs(of: execution)) ?? [] {
            guard let last = lasts[run.key.identity] else { continue }
            byteCount += (try? file.byteCount(of: run, upTo: last)) ?? 0
        }
        return byteCount
    }

    /// What the parts and the order files of an execution take, in bytes: as far as they are not of what was dropped. Segments that
    /// are in no part do not count, nor does a tombstone, which nothing makes smaller. O(blocks of the execution).
    package func byteCount(of execution: String) throws(ArchiveError) -> Int {
        let lasts = try droppedNumbers()[ExactText(execution)] ?? [:]
        var byteCount = 0
        for part in try parts(of: execution) {
            guard let file = try? PartFile(partPath(part), on: disk), file.damage == nil else {
                continue
            }
            for run in (try? file.runs(of: execution)) ?? [] {
                for index in run.blocks {
                    guard let block = try? file.block(index) else { continue }
                    let last = lasts[run.key.identity] ?? 0
                    byteCount += Archive.share(of: block, after: last)
                }
            }
        }
        do {
            for slice in try orders(of: execution).slices where !slice.isTombstone {
                byteCount += try disk.status(orderPath(slice))?.byteCount ?? 0
            }
        } catch {
            throw Archive.failure(error)
        }
        return byteCount
    }

    /// What of a block is of events after a number, as if all took the same.
    private static func share(of block: BlockEntry, after last: UInt64) -> Int {
        let byteCount = block.byteCount + block.filterByteCount
        if block.first > last { return byteCount }
        guard block.last > last else { return 0 }
        let share = Double(block.last - last) / Double(block.last - block.first + 1)
        return Int(Double(byteCount) * share)
    }

    private var tombstoneFolder: String { path + "/tombstones" }

    /// The tombstones that there are.
    private func tombstoneFiles() throws(DiskError) -> [(path: String, name: Identity128)] {
        try disk.names(tombstoneFolder).compactMap { file in
            guard file.hasSuffix(".lcorder"), let name = Identity128(hex: file.dropLast(8)) else {
                return nil
            }
            return ("\(tombstoneFolder)/\(file)", name)
        }
    }

    /// A tombstone that tells of more than the catalogue knows.
    private struct Unnoted {
        var path: String
        var grave: Grave
        var slice: OrderSlice
        /// The files of its execution, as the catalogue knows them, and in the place of how many of them it was put; nil where it
        /// was made of others.
        var known: [OrderSlice]
        var replaced: Int?
        /// What the tombstone told of that the catalogue knows.
        var eventCount: Int
    }

    /// Those of which the catalogue has not been told. O(tombstones + order files of their executions).
    private func unnotedTombstones() throws -> [Unnoted] {
        let files = try tombstoneFiles()
        return try catalogue.read { database in
            let listed = try Catalogue.tombstones(database)
            let names = Set(listed.values.map(\.name))
            return try files.compactMap { path, name in
                guard !names.contains(name), let grave = try intactGrave(path) else { return nil }
                let other = listed[ExactText(grave.execution)]
                let isOtherHere = files.contains { $0.name == other?.name }
                if let other, isOtherHere, other.rank >= grave.rank { return nil }
                let known = try Catalogue.orders(of: grave.execution, database)
                let replaced = (0...known.count).first {
                    Archive.name(of: grave, instead: known.prefix($0)) == name
                }
                let taken = replaced.flatMap { known.prefix($0).last?.taken } ?? 0
                return Unnoted(
                    path: path, grave: grave,
                    slice: OrderSlice(name: name, taken: taken, isTombstone: true), known: known,
                    replaced: replaced, eventCount: other?.rank.0 ?? 0)
            }
        }
    }

    /// What a tombstone tells; nil where it is damaged.
    private func intactGrave(_ path: String) throws -> Grave? {
        do {
            return try Grave(OrderFile(disk.open(path, .read)))
        } catch PartError.damaged {
            return nil
        }
    }

    /// A tombstone of which a catalogue cannot just be told, since it is an earlier one: what was dropped would be there again.
    static func tombstoneUnknown(
        to catalogue: Catalogue, in path: String, _ disk: any Disk
    ) throws -> String? {
        try Archive(path, disk, catalogue, nil).unnotedTombstones()
            .first { $0.replaced == nil }?.path
    }

    /// Notes the tombstones that somebody who was killed had not noted.
    func finishBurying() throws {
        for unnoted in try unnotedTombstones() {
            guard let replaced = unnoted.replaced else { continue }
            let grave = unnoted.grave
            var outdated: [Identity128: Int] = [:]
            for part in try parts(of: grave.execution) {
                outdated[part] = outdatedBytes(of: grave.execution, in: part, upTo: grave.lasts)
            }
            let file = try logged(grave, unnoted.slice, instead: replaced)
            try catalogue.write { database in
                try Catalogue.note(
                    grave, unnoted.slice, known: unnoted.known, replaced, outdated,
                    uncounted: grave.tombstone.eventCount - unnoted.eventCount, database)
                try Catalogue.log(.file(file), database)
            }
            isBuriedOtherwise()
        }
    }

    /// The name of a tombstone that takes the place of some order files.
    private static func name(
        of grave: Grave, instead slices: some Collection<OrderSlice>
    ) -> Identity128 {
        Identity128(naming: Array("\(grave.execution)\0\(Array(slices))\0\(grave.tombstone)".utf8))
    }

    /// Takes the tombstones into an empty catalogue: of each execution the one that tells of most. Returns what is wrong with
    /// others.
    func takeTombstones(isDry: Bool) throws -> [String] {
        var graves: [ExactText: (grave: Grave, slice: OrderSlice)] = [:]
        var problems: [String] = []
        for (path, name) in try tombstoneFiles() {
            do {
                let order = try OrderFile(disk.open(path, .read))
                let grave = try Grave(order)
                let known = graves[ExactText(grave.execution)]
                guard known.map({ $0.grave.rank < grave.rank }) ?? true else { continue }
                graves[ExactText(grave.execution)] = (
                    grave, OrderSlice(name: name, taken: order.eventCount, isTombstone: true)
                )
            } catch {
                // It stays, under another name, for whoever can read it.
                if !isDry { try disk.rename(path, to: path + ".unreadable") }
                problems.append(
                    "\(path) cannot be read, and is called .unreadable now: of what was dropped only what the old catalogue said is known: \(error)"
                )
            }
        }
        let files = try graves.values.map { try logged($0.grave, $0.slice, instead: .max) }
        try catalogue.write { database in
            for (grave, slice) in graves.values {
                try Catalogue.note(grave, slice, known: [], 0, [:], database)
            }
            for file in files { try Catalogue.log(.file(file), database) }
        }
        return problems
    }
}

/// What a catalogue says of a tombstone.
struct Grave {
    let execution: String
    let tombstone: Tombstone
    /// Whether what is kept goes on from it.
    let isFloor: Bool
    /// The processes that have dropped events.
    private(set) var processes: [(key: ProcessKey, last: UInt64, count: Int)] = []

    /// Of two of an execution the later one has more: it tells of more, or nothing goes on from it any more.
    var rank: (Int, Int) { (tombstone.eventCount, isFloor ? 0 : 1) }

    /// By run: up to which number its events are dropped.
    var lasts: [Identity128: UInt64] {
        Dictionary(processes.map { ($0.key.identity, $0.last) }, uniquingKeysWith: max)
    }

    init(_ contents: OrderFileContents) throws(ArchiveError) {
        guard let tombstone = contents.tombstone else {
            throw .failed("what is to be kept of dropped events is no tombstone")
        }
        self.tombstone = tombstone
        execution = contents.history.execution
        isFloor = contents.resumption != nil
        for line in contents.history.processes {
            guard let key = line.key, line.count > 0 else { continue }
            processes.append((key, line.last, line.count))
        }
    }

    init(_ file: OrderFile) throws(PartError) {
        guard let tombstone = file.tombstone else {
            throw .damaged(path: file.path, offset: 0, what: "expected a tombstone")
        }
        self.tombstone = tombstone
        execution = file.execution
        isFloor = file.canBeStoodOn
        for process in 0..<file.processCount {
            let facts = try file.facts(of: process)
            guard let key = facts.key, facts.count > 0 else { continue }
            processes.append((key, facts.last, facts.count))
        }
    }
}

extension Catalogue {
    static func droppedNumbers(
        of execution: String, _ database: Database
    ) throws -> [(process: ProcessKey, last: UInt64)] {
        try Row.fetchAll(
            try database.cachedStatement(
                sql: "SELECT * FROM process WHERE execution = ? AND dropped > 0 ORDER BY id"),
            arguments: [execution]
        ).map { row in
            (
                try key(row, execution: execution),
                UInt64(clamping: try row.value("dropped") as Int64)
            )
        }
    }

    static func droppedNumbers(_ database: Database) throws -> DroppedNumbers {
        var numbers: DroppedNumbers = [:]
        for row in try Row.fetchAll(
            database, sql: "SELECT execution, identity, dropped FROM process WHERE dropped > 0")
        {
            let last = UInt64(clamping: try row.value("dropped") as Int64)
            let run = try row.identity("identity")
            let execution = ExactText(try row.value("execution"))
            numbers[execution, default: [:]][run] = max(last, numbers[execution]?[run] ?? 0)
        }
        return numbers
    }

    static func tombstoneName(
        of execution: String, _ database: Database
    ) throws -> Identity128? {
        try Row.fetchOne(
            database, sql: "SELECT name FROM tombstone WHERE execution = ?", arguments: [execution]
        ).map { try $0.identity("name") }
    }

    static func tombstone(of execution: String, _ database: Database) throws -> Tombstone? {
        try Row.fetchOne(
            try database.cachedStatement(sql: "SELECT * FROM tombstone WHERE execution = ?"),
            arguments: [execution]
        ).map { try Tombstone($0) }
    }

    /// By execution: the tombstone's name, and its `rank`.
    fileprivate static func tombstones(
        _ database: Database
    ) throws -> [ExactText: (name: Identity128, rank: (Int, Int))] {
        var found: [ExactText: (name: Identity128, rank: (Int, Int))] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT * FROM tombstone") {
            found[ExactText(try row.value("execution"))] = (
                try row.identity("name"),
                (try Tombstone(row).eventCount, try row.value("isFloor") ? 0 : 1)
            )
        }
        return found
    }

    /// Takes over what an older catalogue knows of what was dropped, where no file tells.
    static func takeOverTombstones(_ memory: CatalogueMemory, _ database: Database) throws {
        for (key, last) in memory.dropped {
            let row = try process(key, database).row
            try database.execute(
                sql: "UPDATE process SET dropped = max(dropped, ?) WHERE id = ?",
                arguments: [Int64(last), row])
        }
        for (execution, (tombstone, isFloor)) in memory.tombstones {
            try database.execute(
                sql: "INSERT OR IGNORE INTO tombstone VALUES (?, ?, 0, ?, ?, ?, ?, FALSE, 0)",
                arguments: [
                    execution.text, Data(Identity128(naming: Array(execution.text.utf8)).bytes),
                    tombstone.time.nanoseconds, tombstone.eventCount,
                    tombstone.newest?.nanoseconds, tombstone.rule,
                ])
            guard !isFloor else { continue }
            try database.execute(
                sql: """
                    UPDATE tombstone SET isFloor = FALSE, uncounted = uncounted + taken, taken = 0
                    WHERE execution = ? AND isFloor
                    """, arguments: [execution.text])
        }
    }

    /// Notes a tombstone, in the place of the first of the files that are known.
    ///
    /// - Parameter uncounted: Of one that nothing goes on from: how many events are dropped now.
    fileprivate static func note(
        _ grave: Grave, _ slice: OrderSlice, known: [OrderSlice], _ replaced: Int,
        _ outdated: [Identity128: Int], uncounted: Int = 0, _ database: Database
    ) throws {
        let execution = grave.execution
        let old = try Row.fetchOne(
            database, sql: "SELECT * FROM tombstone WHERE execution = ?", arguments: [execution])
        var sum = try old.map { row -> Int in try row.value("uncounted") } ?? 0
        if !grave.isFloor {
            sum += uncounted
            // What a floor told of, nothing does now.
            if let old, try old.value("isFloor") { sum += try old.value("taken") as Int }
        }
        try database.execute(
            sql: "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                execution, Data(slice.name.bytes), grave.isFloor ? slice.taken : 0,
                grave.tombstone.time.nanoseconds, grave.tombstone.eventCount,
                grave.tombstone.newest?.nanoseconds, grave.tombstone.rule, grave.isFloor, sum,
            ])
        try database.execute(
            sql: "DELETE FROM orderFile WHERE execution = ?", arguments: [execution])
        for (index, kept) in known.dropFirst(replaced).enumerated() {
            try database.execute(
                sql: "INSERT INTO orderFile VALUES (?, ?, ?, ?)",
                arguments: [execution, index + 1, Data(kept.name.bytes), kept.taken])
        }
        for (key, last, count) in grave.processes {
            // A catalogue that is made anew learns of it here.
            let row = try process(key, database).row
            try database.execute(
                sql: """
                    UPDATE process SET dropped = max(dropped, ?), last = max(last, ?), events = iif(events = 0, ?, events)
                    WHERE id = ?
                    """, arguments: [Int64(last), Int64(last), grave.isFloor ? count : 0, row])
        }
        for (part, byteCount) in outdated where byteCount > 0 {
            try database.execute(
                sql: "INSERT OR REPLACE INTO outdated VALUES (?, ?, ?)",
                arguments: [Data(part.bytes), execution, byteCount])
        }
    }
}

extension Tombstone {
    /// As its row tells it.
    init(_ row: Row) throws {
        let newest: Int64? = try row.value("newest")
        self.init(
            time: WallTime(nanoseconds: try row.value("time")),
            eventCount: try row.value("events"),
            newest: newest.map { WallTime(nanoseconds: $0) }, rule: try row.value("rule"))
    }
}
