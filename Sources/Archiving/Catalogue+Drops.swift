import Causality
import FoundationEssentials
import GRDB
import Segments
import Transparency

// What the catalogue says of executions that were dropped.
extension Catalogue {
    /// By execution that was dropped, the byte of a segment before which its rows do not count.
    static func dropped(
        in segment: Identity128, _ database: Database
    ) throws -> [ExactText: Int] {
        var found: [ExactText: Int] = [:]
        for row in try Row.fetchAll(
            database, sql: "SELECT execution, bytes FROM dropped WHERE segment = ?",
            arguments: [Data(segment.bytes)])
        {
            found[ExactText(try row.value("execution"))] = try row.value("bytes")
        }
        return found
    }

    func dropped(in segments: [Identity128]) throws(ArchiveError) -> [[ExactText: Int]] {
        try read { database in try segments.map { try Catalogue.dropped(in: $0, database) } }
    }

    /// Of each part, the executions whose rows in it do not count.
    func dropped(inParts parts: [Identity128]) throws(ArchiveError) -> [Set<ExactText>] {
        try read { database in try parts.map { try Catalogue.dropped(inPart: $0, database) } }
    }

    static func dropped(
        inPart part: Identity128, _ database: Database
    ) throws -> Set<ExactText> {
        Set(
            try String.fetchAll(
                database, sql: "SELECT execution FROM droppedPart WHERE part = ?",
                arguments: [Data(part.bytes)]
            ).map { ExactText($0) })
    }

    /// Everything that was dropped, one for each execution.
    static func drops(_ database: Database) throws -> [Drop] {
        var drops: [ExactText: Drop] = [:]
        for row in try Row.fetchAll(database, sql: "SELECT * FROM dropped") {
            let execution: String = try row.value("execution")
            let digest: Data = try row.value("digest")
            let segment = Drop.Segment(
                header: SegmentHeader(
                    agent: try row.identity("agent"), segment: try row.identity("segment"),
                    created: WallTime(nanoseconds: try row.value("created"))),
                byteCount: try row.value("bytes"), isSealed: try row.value("sealed"),
                isRemoved: try row.value("isRemoved"), digest: [UInt8](digest))
            drops[ExactText(execution), default: Drop(execution: execution)].segments.append(
                segment)
        }
        for row in try Row.fetchAll(database, sql: "SELECT * FROM droppedPart") {
            let execution: String = try row.value("execution")
            let part = Drop.Part(
                name: try row.identity("part"), byteCount: try row.value("bytes"),
                isRemoved: try row.value("isRemoved"))
            drops[ExactText(execution), default: Drop(execution: execution)].parts.append(part)
        }
        return drops.values.sorted { ExactText.isBefore($0.execution, $1.execution) }
    }

    /// Whether all of a drop is noted.
    static func has(_ drop: Drop, _ database: Database) throws -> Bool {
        for segment in drop.segments {
            let known = try dropped(in: segment.header.segment, database)
            if known[ExactText(drop.execution)] ?? -1 < segment.byteCount { return false }
        }
        for part in drop.parts
        where !(try dropped(inPart: part.name, database)).contains(ExactText(drop.execution)) {
            return false
        }
        return true
    }

    /// Notes what does not count any more.
    static func note(_ drop: Drop, _ database: Database) throws {
        try log(
            .drop(
                LoggedDrop(
                    execution: drop.execution,
                    segments: drop.segments.map {
                        .init(segment: $0.header.segment, byteCount: $0.byteCount)
                    }, parts: drop.parts.map(\.name))), database)
        for segment in drop.segments {
            try database.execute(
                sql: """
                    INSERT INTO dropped VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (segment, execution) DO UPDATE SET bytes = max(bytes, excluded.bytes),
                        sealed = max(sealed, excluded.sealed), isRemoved = max(isRemoved, excluded.isRemoved),
                        digest = iif(excluded.bytes >= bytes, excluded.digest, digest)
                    """,
                arguments: [
                    Data(segment.header.segment.bytes), drop.execution,
                    Data(segment.header.agent.bytes), segment.header.created.nanoseconds,
                    segment.byteCount, segment.isSealed, Data(segment.digest), segment.isRemoved,
                ])
            guard segment.isRemoved else { continue }
            // Its agent is told that it is here.
            try database.execute(
                sql: """
                    INSERT INTO segment (name, agent, created, bytes, acknowledged, sealed, digest, isRemoved)
                    VALUES (?, ?, ?, ?, ?, ?, ?, TRUE)
                    ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes, sealed = excluded.sealed,
                        acknowledged = excluded.acknowledged, digest = excluded.digest, part = NULL,
                        kept = NULL, isChainBroken = FALSE, isRemoved = TRUE
                    """,
                arguments: [
                    Data(segment.header.segment.bytes), Data(segment.header.agent.bytes),
                    segment.header.created.nanoseconds, segment.byteCount, segment.byteCount,
                    segment.isSealed, Data(segment.digest),
                ])
        }
        for part in drop.parts {
            try database.execute(
                sql: """
                    INSERT INTO droppedPart VALUES (?, ?, ?, ?) ON CONFLICT (part, execution) DO UPDATE
                    SET bytes = excluded.bytes, isRemoved = max(isRemoved, excluded.isRemoved)
                    """,
                arguments: [
                    Data(part.name.bytes), drop.execution, part.byteCount, part.isRemoved,
                ])
        }
    }

    /// Drops an execution: notes it, and forgets everything about the execution.
    static func apply(_ drop: Drop, _ database: Database) throws {
        try database.execute(
            sql: """
                DELETE FROM remains WHERE process IN (SELECT id FROM process WHERE execution = ?)
                """, arguments: [drop.execution])
        for table in [
            "presence", "partPresence", "process", "unmatched", "orderFile", "tombstone",
            "outdated",
        ] {
            try database.execute(
                sql: "DELETE FROM \(table) WHERE execution = ?", arguments: [drop.execution])
        }
        try note(drop, database)
        for part in drop.parts where part.isRemoved {
            let name = Data(part.name.bytes)
            try database.execute(
                sql:
                    "UPDATE segment SET part = NULL WHERE part = (SELECT id FROM part WHERE name = ?)",
                arguments: [name])
            try database.execute(
                sql: "DELETE FROM remains WHERE part = (SELECT id FROM part WHERE name = ?)",
                arguments: [name])
            try database.execute(sql: "DELETE FROM part WHERE name = ?", arguments: [name])
        }
    }

    /// What a part has of an execution that is to be dropped.
    struct Share {
        /// The segments that rows of it came from; nil where that cannot be read: any may be.
        var segments: Set<Identity128>?
        /// What its blocks take.
        var byteCount = 0
    }

    /// What would have to be noted to drop an execution.
    ///
    /// A file that has nothing else goes. One that may still grow stays, since what is appended has to go somewhere; and a
    /// damaged one, since nobody knows what else it had.
    ///
    /// - Parameter shares: Of each part that has rows of it.
    static func plan(
        drop execution: String, _ shares: [Identity128: Share], _ database: Database
    ) throws -> Drop {
        var drop = Drop(execution: execution)
        let own = try Row.fetchAll(
            database,
            sql: """
                SELECT segment.*, segment.part IS NULL
                    AND NOT EXISTS (SELECT 1 FROM presence AS other
                        WHERE other.segment = segment.id AND other.execution <> presence.execution)
                    AND NOT EXISTS (SELECT 1 FROM unmatched
                        WHERE unmatched.segment = segment.id AND unmatched.execution <> presence.execution)
                    AS isAlone
                FROM presence JOIN segment ON segment.id = presence.segment
                WHERE presence.execution = ? ORDER BY segment.name
                """, arguments: [execution])
        for row in own {
            drop.segments.append(try segment(row, isAlone: try row.value("isAlone")))
        }
        let known = Set(drop.segments.map(\.header.segment))
        let parts = try Row.fetchAll(
            database,
            sql: """
                SELECT part.id, part.name, part.damage IS NULL
                    AND NOT EXISTS (SELECT 1 FROM partPresence AS other
                        WHERE other.part = part.id AND other.execution <> partPresence.execution)
                    AND NOT EXISTS (SELECT 1 FROM segment JOIN unmatched ON unmatched.segment = segment.id
                        WHERE segment.part = part.id AND unmatched.execution <> partPresence.execution)
                    AS isAlone
                FROM partPresence JOIN part ON part.id = partPresence.part
                WHERE partPresence.execution = ? ORDER BY part.name
                """, arguments: [execution])
        for row in parts {
            let name = try row.identity("name")
            let isAlone: Bool = try row.value("isAlone")
            let share = shares[name] ?? Share()
            drop.parts.append(
                Drop.Part(name: name, byteCount: share.byteCount, isRemoved: isAlone))
            for row in try Row.fetchAll(
                database, sql: "SELECT * FROM segment WHERE part = ? ORDER BY name",
                arguments: [try row.value("id") as Int64])
            {
                let segment = try segment(row, isAlone: isAlone)
                let name = segment.header.segment
                // A run of which rows were dropped before has no chain that tells of it.
                let isIn =
                    try isAlone || share.segments?.contains(name) != false
                    || dropped(in: name, database)[ExactText(execution)] != nil
                if isIn, !known.contains(name) { drop.segments.append(segment) }
            }
        }
        return drop
    }

    private static func segment(_ row: Row, isAlone: Bool) throws -> Drop.Segment {
        let state = try SegmentState(row)
        return Drop.Segment(
            header: SegmentHeader(
                agent: state.agent, segment: try row.identity("name"), created: state.created),
            byteCount: state.acknowledged, isSealed: state.isSealed,
            isRemoved: isAlone && state.isSealed, digest: state.digest)
    }
}
