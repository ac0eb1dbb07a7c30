import Causality
import FoundationEssentials
import GRDB
import Parts
import Segments
import Transparency

// What the catalogue says of parts.
extension Catalogue {
    /// A part as its row has it.
    struct Part: Hashable {
        var name: Identity128
        var byteCount: Int
        /// What of them is of executions that were dropped.
        var droppedByteCount: Int
        /// What is wrong with it: then it is not merged, and its segments are asked of their agents again.
        var damage: String?

        init(_ row: Row) throws {
            name = try row.identity("name")
            byteCount = try row.value("bytes")
            droppedByteCount = try row.value("dropped")
            damage = try row.value("damage")
        }
    }

    func parts() throws(ArchiveError) -> [Part] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT part.*, ifnull((SELECT sum(droppedPart.bytes) FROM droppedPart
                        WHERE droppedPart.part = part.name), 0)
                        + ifnull((SELECT sum(outdated.bytes) FROM outdated
                        WHERE outdated.part = part.name), 0) AS dropped
                    FROM part ORDER BY name
                    """
            ).map { try Part($0) }
        }
    }

    /// The parts that hold events of an execution.
    static func parts(of execution: String, _ database: Database) throws -> [Identity128] {
        try Row.fetchAll(
            try database.cachedStatement(
                sql: """
                    SELECT part.name FROM partPresence JOIN part ON part.id = partPresence.part
                    WHERE execution = ? ORDER BY part.name
                    """),
            arguments: [execution]
        ).map { try $0.identity("name") }
    }

    /// The segments that may be merged: sealed, in no part, and not known to be damaged; in the order in which they are listed.
    func segmentsToMerge() throws(ArchiveError) -> [Mergeable] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT name, bytes FROM segment
                    WHERE sealed AND part IS NULL AND kept IS NULL AND NOT isRemoved
                    ORDER BY created, name
                    """
            ).map { Mergeable(try $0.identity("name"), byteCount: try $0.value("bytes")) }
        }
    }

    /// The segments whose files nobody needs any more: their events are in a part, or were dropped.
    func mergedSegments() throws(ArchiveError) -> Set<Identity128> {
        try segments(
            where: "isRemoved OR part IN (SELECT id FROM part WHERE damage IS NULL)")
    }

    /// The segments whose events are in a part that is damaged.
    func segmentsOfDamagedParts() throws(ArchiveError) -> Set<Identity128> {
        try segments(where: "part IN (SELECT id FROM part WHERE damage IS NOT NULL)")
    }

    /// The segments whose events are in a part.
    func segments(inPart name: Identity128) throws(ArchiveError) -> Set<Identity128> {
        try segments(
            where: "part = (SELECT id FROM part WHERE name = ?)", [Data(name.bytes)])
    }

    private func segments(
        where condition: String, _ arguments: StatementArguments = []
    ) throws(ArchiveError) -> Set<Identity128> {
        try read { database in
            Set(
                try Data.fetchAll(
                    database, sql: "SELECT name FROM segment WHERE \(condition)",
                    arguments: arguments
                ).compactMap { Identity128(stored: $0) })
        }
    }

    /// Notes that a part is not what it was: what it still has is told; its segments are asked of their agents again.
    func markDamaged(_ part: Identity128, _ what: String) throws(ArchiveError) {
        try write { database in
            let name = Data(part.bytes)
            try database.execute(
                sql: "UPDATE part SET damage = ? WHERE name = ?", arguments: [what, name])
            try database.execute(
                sql: """
                    UPDATE segment SET bytes = 0, sealed = FALSE, digest = x''
                    WHERE part = (SELECT id FROM part WHERE name = ?)
                    """, arguments: [name])
            try database.execute(
                sql: """
                    DELETE FROM orderFile WHERE execution IN (
                        SELECT execution FROM partPresence JOIN part ON part.id = part WHERE name = ?)
                    """, arguments: [name])
        }
    }

    /// Forgets the damaged parts whose segments are all here again. Returns their names.
    func forgetReplacedParts() throws(ArchiveError) -> [Identity128] {
        try write { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT id, name FROM part WHERE damage IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM segment WHERE segment.part = part.id)
                    """)
            for row in rows { try Catalogue.delete(part: try row.value("id"), database) }
            return try rows.map { try $0.identity("name") }
        }
    }

    private static func delete(part: Int64, _ database: Database) throws {
        try database.execute(
            sql: """
                UPDATE process SET events = process.events - remains.events FROM remains
                WHERE remains.process = process.id AND part = ?
                """, arguments: [part])
        try database.execute(sql: "DELETE FROM remains WHERE part = ?", arguments: [part])
        try database.execute(sql: "DELETE FROM partPresence WHERE part = ?", arguments: [part])
        try database.execute(
            sql: "DELETE FROM outdated WHERE part = (SELECT name FROM part WHERE id = ?)",
            arguments: [part])
        try database.execute(sql: "DELETE FROM part WHERE id = ?", arguments: [part])
    }

    /// The row of a file that a part replaces.
    static func row(
        of name: Identity128, in table: String, _ database: Database
    ) throws -> Int64 {
        let row = try Int64.fetchOne(
            database, sql: "SELECT id FROM \(table) WHERE name = ?", arguments: [Data(name.bytes)])
        guard let row else { throw ArchiveError.failed("there is no \(table) \(name)") }
        return row
    }

    /// Puts a part in the place of segments, all at once.
    func replace(
        segments: [Identity128], by name: Identity128, _ made: PartMaking.Made, _ file: LoggedFile
    ) throws(ArchiveError) {
        try write { database in
            try Catalogue.log(.file(file), database)
            let part = try Catalogue.insert(name, made, database)
            for segment in segments {
                let row = try Catalogue.row(of: segment, in: "segment", database)
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO partPresence
                        SELECT execution, ? FROM presence WHERE segment = ?
                        """,
                    arguments: [part, row])
                try database.execute(
                    sql: "DELETE FROM presence WHERE segment = ?", arguments: [row])
                try database.execute(
                    sql: "UPDATE segment SET part = ? WHERE id = ?", arguments: [part, row])
            }
        }
    }

    /// Puts a part in the place of parts, all at once.
    func replace(
        parts: [Identity128], by name: Identity128, _ made: PartMaking.Made, _ file: LoggedFile
    ) throws(ArchiveError) {
        try write { database in
            try Catalogue.log(.file(file), database)
            let part = try Catalogue.insert(name, made, database)
            for old in parts {
                let row = try Catalogue.row(of: old, in: "part", database)
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO partPresence
                        SELECT execution, ? FROM partPresence WHERE part = ?
                        """,
                    arguments: [part, row])
                try database.execute(
                    sql: "UPDATE segment SET part = ? WHERE part = ?", arguments: [part, row])
                try Catalogue.delete(part: row, database)
            }
        }
    }

    static func insert(
        _ name: Identity128, _ made: PartMaking.Made, damage: String? = nil, _ database: Database
    ) throws -> Int64 {
        try database.execute(
            sql: "INSERT INTO part (name, bytes, events, damage) VALUES (?, ?, ?, ?)",
            arguments: [Data(name.bytes), made.byteCount, made.eventCount, damage])
        return database.lastInsertedRowID
    }

    /// Notes that a segment stays as it is, and why.
    func keep(
        _ segment: Identity128, because what: String, isChainBroken: Bool
    ) throws(ArchiveError) {
        try write { database in
            try database.execute(
                sql: "UPDATE segment SET kept = ?, isChainBroken = ? WHERE name = ?",
                arguments: [what, isChainBroken, Data(segment.bytes)])
        }
    }

    /// What is wrong with segments of an execution that is not found out by reading them frame by frame.
    func brokenChains(of execution: String) throws(ArchiveError) -> [String] {
        try read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT kept FROM presence JOIN segment ON segment.id = presence.segment
                    WHERE execution = ? AND isChainBroken ORDER BY segment.created, segment.name
                    """,
                arguments: [execution])
        }
    }

    /// Takes in what a part says of itself, for a catalogue that does not know it.
    ///
    /// - Parameter numbers: By run, up to which number its events were dropped.
    func note(
        _ part: PartFile, named name: Identity128, byteCount: Int, _ numbers: DroppedNumbers,
        _ file: LoggedFile
    ) throws(ArchiveError) {
        try write { database in
            try Catalogue.log(.file(file), database)
            let dropped = try Catalogue.dropped(inPart: name, database)
            let made = PartMaking.Made(
                byteCount: byteCount, eventCount: part.footer.eventCount)
            let row = try Catalogue.insert(name, made, database)
            for index in 0..<part.footer.segmentCount {
                var segment = try part.segment(index)
                segment.leaveOut(dropped)
                try Catalogue.note(segment, in: row, database)
            }
            for index in 0..<part.footer.runCount {
                let run = try part.run(index)
                guard !dropped.contains(ExactText(run.key.execution)) else { continue }
                var taken = run.taken
                if let last = numbers[ExactText(run.key.execution)]?[run.key.identity] {
                    taken = try part.count(of: run, after: last)
                    let byteCount = try part.byteCount(of: run, upTo: last)
                    try database.execute(
                        sql: """
                            INSERT INTO outdated VALUES (?, ?, ?)
                            ON CONFLICT (part, execution) DO UPDATE SET bytes = bytes + excluded.bytes
                            """, arguments: [Data(name.bytes), run.key.execution, byteCount])
                }
                try note(run.key, Append.Taken(last: run.last, events: taken), in: row, database)
            }
        }
    }

    /// Takes in what a damaged part still says. Its segments are asked of their agents again, but for those that are here.
    func note(
        _ part: PartRemains, named name: Identity128, byteCount: Int, damage: String
    ) throws(ArchiveError) {
        try write { database in
            let dropped = try Catalogue.dropped(inPart: name, database)
            let made = PartMaking.Made(byteCount: byteCount, eventCount: part.eventCount)
            let row = try Catalogue.insert(name, made, damage: damage, database)
            for var segment in part.segments {
                segment.leaveOut(dropped)
                try Catalogue.note(segment, in: row, isDamaged: true, database)
            }
            for (key, run) in part.runs where !dropped.contains(ExactText(key.execution)) {
                try note(key, Append.Taken(last: run.last, events: run.taken), in: row, database)
                try database.execute(
                    sql: """
                        INSERT INTO remains VALUES (?, ?, ?)
                        ON CONFLICT (part, process) DO UPDATE SET events = events + excluded.events
                        """,
                    arguments: [row, try Catalogue.process(key, database).row, run.taken])
            }
        }
    }

    private func note(
        _ key: ProcessKey, _ taken: Append.Taken, in part: Int64, _ database: Database
    ) throws {
        try database.execute(
            sql: "INSERT OR IGNORE INTO partPresence VALUES (?, ?)",
            arguments: [key.execution, part])
        _ = try note(key, taken, database)
    }

    private static func note(
        _ merged: MergedSegment, in part: Int64, isDamaged: Bool = false, _ database: Database
    ) throws {
        let known =
            try Int.fetchOne(
                database,
                sql: "SELECT iif(sealed, ?, acknowledged) FROM segment WHERE name = ?",
                arguments: [merged.byteCount, Data(merged.header.segment.bytes)]) ?? 0
        let update =
            isDamaged
            ? """
            part = iif(sealed, NULL, excluded.part),
            acknowledged = iif(sealed, acknowledged, max(acknowledged, excluded.acknowledged))
            """
            : """
            part = excluded.part, bytes = excluded.bytes, sealed = TRUE,
            acknowledged = excluded.acknowledged, digest = excluded.digest
            """
        try database.execute(
            sql: """
                INSERT INTO segment (name, agent, created, bytes, acknowledged, sealed, digest, part)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET \(update)
                """,
            arguments: [
                Data(merged.header.segment.bytes), Data(merged.header.agent.bytes),
                merged.header.created.nanoseconds, isDamaged ? 0 : merged.byteCount,
                merged.byteCount, !isDamaged, isDamaged ? Data() : Data(merged.digest), part,
            ])
        let segment = try row(of: merged.header.segment, in: "segment", database)
        if isDamaged, known < merged.byteCount {
            try note(uncounted: known..<merged.byteCount, of: segment, database)
        }
        for unmatched in merged.unmatched
        where !(try has(unmatched.line, of: unmatched.path, segment, database)) {
            try note(unmatched.line, of: unmatched.path, segment: segment, database)
        }
        try note(agent: merged.header.agent, of: merged.host, readUpTo: merged.readUpTo, database)
    }
}
