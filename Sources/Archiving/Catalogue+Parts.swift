import Causality
import FoundationEssentials
import GRDB
import Parts
import Segments

// What the catalogue says of parts.
extension Catalogue {
    /// A part as its row has it.
    struct Part: Hashable {
        var name: Identity128
        var byteCount: Int
    }

    func parts() throws(ArchiveError) -> [Part] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT name, bytes FROM part ORDER BY name").map {
                try Catalogue.part($0)
            }
        }
    }

    /// The parts that hold events of an execution.
    static func parts(of execution: String, _ database: Database) throws -> [Identity128] {
        try Row.fetchAll(
            database,
            sql: """
                SELECT part.name, part.bytes FROM partPresence JOIN part ON part.id = partPresence.part
                WHERE execution = ? ORDER BY part.name
                """,
            arguments: [execution]
        ).map { try Catalogue.part($0).name }
    }

    private static func part(_ row: Row) throws -> Part {
        guard let name = Identity128(stored: row["name"]) else {
            throw Archive.damagedEntry("a part")
        }
        return Part(name: name, byteCount: row["bytes"])
    }

    /// The segments that may be merged: sealed, in no part, and not known to be damaged; in the order in which they are listed.
    func segmentsToMerge() throws(ArchiveError) -> [Mergeable] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT name, bytes FROM segment WHERE sealed AND part IS NULL AND kept IS NULL
                    ORDER BY created, name
                    """
            ).map { row in
                guard let name = Identity128(stored: row["name"]) else {
                    throw Archive.damagedEntry("a segment")
                }
                return Mergeable(name, byteCount: row["bytes"])
            }
        }
    }

    /// The segments whose events are in parts, and whose files nobody needs any more.
    func mergedSegments() throws(ArchiveError) -> Set<Identity128> {
        try read { database in
            Set(
                try Data.fetchAll(
                    database, sql: "SELECT name FROM segment WHERE part IS NOT NULL"
                ).compactMap { Identity128(stored: $0) })
        }
    }

    /// Puts a part in the place of segments, all at once.
    func replace(
        segments: [Identity128], by name: Identity128, _ made: PartMaking.Made
    ) throws(ArchiveError) {
        try write { database in
            let part = try Catalogue.insert(name, made, database)
            for segment in segments {
                let row = try Int64.fetchOne(
                    database, sql: "SELECT id FROM segment WHERE name = ? AND part IS NULL",
                    arguments: [Data(segment.bytes)])
                guard let row else {
                    throw ArchiveError.failed("segment \(segment) is in a part already")
                }
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
        parts: [Identity128], by name: Identity128, _ made: PartMaking.Made
    ) throws(ArchiveError) {
        try write { database in
            let part = try Catalogue.insert(name, made, database)
            for old in parts {
                let row = try Int64.fetchOne(
                    database, sql: "SELECT id FROM part WHERE name = ?",
                    arguments: [Data(old.bytes)])
                guard let row else { throw ArchiveError.failed("there is no part \(old)") }
                try database.execute(
                    sql: """
                        INSERT OR IGNORE INTO partPresence
                        SELECT execution, ? FROM partPresence WHERE part = ?
                        """,
                    arguments: [part, row])
                try database.execute(
                    sql: "UPDATE segment SET part = ? WHERE part = ?", arguments: [part, row])
                try database.execute(
                    sql: "DELETE FROM partPresence WHERE part = ?", arguments: [row])
                try database.execute(sql: "DELETE FROM part WHERE id = ?", arguments: [row])
            }
        }
    }

    private static func insert(
        _ name: Identity128, _ made: PartMaking.Made, _ database: Database
    ) throws -> Int64 {
        try database.execute(
            sql: "INSERT INTO part (name, bytes, events) VALUES (?, ?, ?)",
            arguments: [Data(name.bytes), made.byteCount, made.eventCount])
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
    func note(_ part: PartFile, named name: Identity128, byteCount: Int) throws(ArchiveError) {
        try write { database in
            let made = PartMaking.Made(
                byteCount: byteCount, eventCount: part.footer.eventCount)
            let row = try Catalogue.insert(name, made, database)
            for index in 0..<part.footer.segmentCount {
                try note(try part.segment(index), in: row, database)
            }
            for index in 0..<part.footer.runCount {
                let run = try part.run(index)
                try database.execute(
                    sql: "INSERT OR IGNORE INTO partPresence VALUES (?, ?)",
                    arguments: [run.key.execution, row])
                _ = try note(
                    run.key, Append.Taken(last: run.last, events: run.taken), database)
            }
        }
    }

    private func note(_ merged: MergedSegment, in part: Int64, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO segment (name, agent, created, bytes, sealed, digest, part)
                VALUES (?, ?, ?, ?, TRUE, ?, ?)
                ON CONFLICT (name) DO UPDATE SET part = excluded.part, bytes = excluded.bytes, sealed = TRUE
                """,
            arguments: [
                Data(merged.header.segment.bytes), Data(merged.header.agent.bytes),
                merged.header.created.nanoseconds, merged.byteCount, Data(merged.digest), part,
            ])
        let segment = try Int64.fetchOne(
            database, sql: "SELECT id FROM segment WHERE name = ?",
            arguments: [Data(merged.header.segment.bytes)])
        for unmatched in merged.unmatched {
            try Catalogue.note(unmatched.line, of: unmatched.path, segment: segment!, database)
        }
        try Catalogue.note(
            agent: merged.header.agent, of: merged.host, readUpTo: merged.readUpTo, database)
    }
}
