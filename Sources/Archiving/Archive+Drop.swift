import Causality
import Disks
import GRDB
import Parts
import Segments

/// What became of dropping an execution.
package struct Dropped: Hashable, Sendable {
    package var execution: String
    package var processCount: Int
    /// How many events were taken: those that came twice count twice.
    package var eventCount: Int
    /// Bytes of files that are gone.
    package var freedByteCount = 0
    /// Files that others share: they are written anew without it when they are merged.
    package var sharedFileCount = 0
}

extension Archive {
    /// Drops an execution: everything that has arrived of it. It is not listed any more; files that held nothing else are gone; in
    /// those that others share its rows do not count, and go with the next merge. Segments that are sent again do not bring it
    /// back; what is recorded in it from now on is a new execution of that name. Nil where there is none.
    ///
    /// At whatever instant this ends, all of it is there or none, once the archive was opened again (`recover`). Throws `.busy`
    /// while a part is put in its place. O(segments and parts that hold it, and their blocks); what is appended waits for a few
    /// syncs.
    package func drop(_ execution: String) throws(ArchiveError) -> Dropped? {
        guard beginChange() else { throw .busy }
        defer { endChange() }
        // No part comes or goes meanwhile.
        var shares: [Identity128: Catalogue.Share] = [:]
        for part in try parts(of: execution) { shares[part] = try share(of: execution, in: part) }
        // First: whoever makes the catalogue anew would take it for an execution that is kept.
        let tombstone = try catalogue.read { try Catalogue.tombstoneName(of: execution, $0) }
        let hasTombstone = tombstone != nil
        if let tombstone {
            let path = orderPath(OrderSlice(name: tombstone, taken: 0, isTombstone: true))
            do {
                if try disk.status(path) != nil { try remove([path]) }
            } catch {
                throw Archive.failure(error)
            }
        }
        let noted = try withReserve { () throws(ArchiveError) in
            try note(drop: execution, shares)
        }
        guard let (known, drop) = noted else { return nil }
        var dropped = known
        var removed: [String] = []
        do {
            for (path, isRemoved) in files(of: drop) {
                guard let status = try disk.status(path) else { continue }
                dropped.freedByteCount += isRemoved ? status.byteCount : 0
                dropped.sharedFileCount += isRemoved ? 0 : 1
                if isRemoved { removed.append(path) }
            }
        } catch {
            throw Archive.failure(error)
        }
        if hasTombstone { isBuriedOtherwise() }
        try remove(removed)
        try removeStrayOrderFiles()
        return dropped
    }

    /// Nothing is appended between what is found out and what is noted: it would be forgotten, and not have been dropped.
    private func note(
        drop execution: String, _ shares: [Identity128: Catalogue.Share]
    ) throws(ArchiveError) -> (Dropped, Drop)? {
        var before: [Drop]?
        defer { isOtherwise() }
        do throws(ArchiveError) {
            return try catalogue.write { database in
                guard let dropped = try Catalogue.dropped(execution, database) else { return nil }
                let drop = try Catalogue.plan(drop: execution, shares, database)
                let known = try Catalogue.drops(database)
                do {
                    try write(known + [drop])
                } catch {
                    throw Archive.failure(error)
                }
                // From here on it is dropped: whoever opens the archive does the rest.
                before = known
                try Catalogue.apply(drop, database)
                isOtherwise()
                return (dropped, drop)
            }
        } catch {
            if let before { try? write(before) }
            throw error
        }
    }

    func write(_ drops: [Drop]) throws(DiskError) {
        try disk.replace(Drop.path(in: path), with: Drop.encode(drops), permissions: 0o640)
    }

    private func files(of drop: Drop) -> [(path: String, isRemoved: Bool)] {
        drop.parts.map { (partPath($0.name), $0.isRemoved) }
            + drop.segments.map {
                (segmentPath(agent: $0.header.agent, segment: $0.header.segment), $0.isRemoved)
            }
    }

    /// What a part has of an execution: its events, and lines of its sources that were none.
    private func share(
        of execution: String, in part: Identity128
    ) throws(ArchiveError) -> Catalogue.Share {
        guard let file = try? PartFile(partPath(part), on: disk), file.damage == nil else {
            return Catalogue.Share()
        }
        var share = Catalogue.Share(segments: [])
        // Of what was dropped before no chain tells.
        if try dropped(of: execution).isEmpty == false { share.segments = nil }
        for index in 0..<file.footer.segmentCount where share.segments != nil {
            guard let segment = try? file.segment(index) else {
                share.segments = nil
                break
            }
            let isNamed =
                segment.chains.keys.contains { ExactText.isSame($0.execution, execution) }
                || segment.unmatched.contains { ExactText.isSame($0.line.execution, execution) }
            if isNamed { share.segments?.insert(segment.header.segment) }
        }
        for block in ((try? file.runs(of: execution)) ?? []).flatMap(\.blocks) {
            guard let entry = try? file.block(block) else { continue }
            share.byteCount += entry.byteCount + entry.filterByteCount
        }
        return share
    }

    /// What was dropped, as its file says; where that is damaged or gone, as the catalogue does too.
    ///
    /// - Parameter known: What the catalogue says.
    func drops(known: [Drop]) throws -> (drops: [Drop], problems: [String]) {
        let path = Drop.path(in: path)
        var (drops, problems) = try Drop.read(path, on: disk)
        if !known.isEmpty, drops.isEmpty, problems.isEmpty {
            problems.append("\(path) is gone: what was dropped is taken from the catalogue")
        }
        if !problems.isEmpty { drops += known }
        return (drops, problems)
    }
}

extension Catalogue {
    /// What there is of an execution; nil where there is none.
    fileprivate static func dropped(
        _ execution: String, _ database: Database
    ) throws -> Dropped? {
        try Row.fetchOne(
            database,
            sql: """
                SELECT count(*) AS processes, ifnull(sum(events), 0) AS events FROM process
                WHERE execution = ? HAVING count(*) > 0
                """, arguments: [execution]
        ).map {
            Dropped(
                execution: execution, processCount: try $0.value("processes"),
                eventCount: try $0.value("events"))
        }
    }
}
