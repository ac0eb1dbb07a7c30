import Causality
import FoundationEssentials
import GRDB
import Parts
import Segments

// Taking over what an older catalogue knows and files do not tell.
extension Catalogue {
    /// Takes over what was acknowledged and is not here any more, and how far each process had come. What is here is not
    /// touched. Returns what was lost.
    func takeOver(
        _ memory: CatalogueMemory, path: (SegmentHeader) -> String,
        partPath: (Identity128) -> String
    ) throws(ArchiveError) -> [String] {
        try write { database in
            var losses = try Catalogue.takeOverParts(memory, partPath, database)
            for (name, old) in memory.segments.sorted(by: { "\($0.key)" < "\($1.key)" }) {
                if let loss = try Catalogue.takeOver(old, name, path(old.header), database) {
                    losses.append(loss)
                }
            }
            for (key, last) in memory.processes.sorted(by: {
                ProcessKey.listedBefore($0.key, $1.key)
            }) {
                _ = try note(key, Append.Taken(last: last, events: 0), database)
            }
            for agent in memory.agents {
                try Catalogue.note(
                    agent: agent.name, of: agent.host, readUpTo: agent.readUpTo, database)
            }
            return losses
        }
    }

    /// A part that is gone is known as damaged, where a segment of it is nowhere else.
    private static func takeOverParts(
        _ memory: CatalogueMemory, _ path: (Identity128) -> String, _ database: Database
    ) throws -> [String] {
        var losses: [String] = []
        for (name, part) in memory.parts.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            var row = try Int64.fetchOne(
                database, sql: "SELECT id FROM part WHERE name = ?", arguments: [Data(name.bytes)])
            let isMissed = try memory.segments.contains { segment, old in
                try old.part == name && !isWhole(segment, old, database)
            }
            guard isMissed else { continue }
            if row == nil {
                let made = PartMaking.Made(byteCount: part.byteCount, eventCount: part.eventCount)
                let loss =
                    "\(path(name)) cannot be read: \(part.eventCount) acknowledged events are lost"
                row = try insert(name, made, damage: loss, database)
                losses.append(loss)
            }
            for execution in part.executions {
                try database.execute(
                    sql: "INSERT OR IGNORE INTO partPresence VALUES (?, ?)",
                    arguments: [execution.text, row])
            }
        }
        return losses
    }

    private static func isWhole(
        _ segment: Identity128, _ old: CatalogueMemory.Segment, _ database: Database
    ) throws -> Bool {
        // What is sealed ends there, whatever a damaged catalogue says.
        try Bool.fetchOne(
            database, sql: "SELECT sealed OR bytes >= ? FROM segment WHERE name = ?",
            arguments: [old.acknowledged, Data(segment.bytes)]) ?? false
    }

    /// Returns what was lost, where that is not told of its part.
    private static func takeOver(
        _ old: CatalogueMemory.Segment, _ name: Identity128, _ path: String, _ database: Database
    ) throws -> String? {
        guard try !isWhole(name, old, database) else {
            try database.execute(
                sql: """
                    UPDATE segment SET kept = ?, isChainBroken = ?
                    WHERE name = ? AND part IS NULL AND kept IS NULL AND NOT isRemoved
                    """, arguments: [old.kept, old.isChainBroken, Data(name.bytes)])
            return nil
        }
        let here = try Int.fetchOne(
            database, sql: "SELECT acknowledged FROM segment WHERE name = ?",
            arguments: [Data(name.bytes)])
        let part = try old.part.flatMap { part in
            try Int64.fetchOne(
                database, sql: "SELECT id FROM part WHERE name = ? AND damage IS NOT NULL",
                arguments: [Data(part.bytes)])
        }
        try database.execute(
            sql: """
                INSERT INTO segment (name, agent, created, bytes, acknowledged, sealed, digest, part)
                VALUES (?, ?, ?, 0, ?, FALSE, x'', ?)
                ON CONFLICT (name) DO UPDATE SET acknowledged = excluded.acknowledged, sealed = FALSE,
                    part = ifnull(excluded.part, part), created = iif(created = 0, excluded.created, created)
                """,
            arguments: [
                Data(name.bytes), Data(old.header.agent.bytes), old.header.created.nanoseconds,
                old.acknowledged, part,
            ])
        let id = try row(of: name, in: "segment", database)
        if here ?? 0 < old.acknowledged {
            try note(uncounted: (here ?? 0)..<old.acknowledged, of: id, database)
        }
        for execution in old.executions {
            try database.execute(
                sql: "INSERT OR IGNORE INTO presence VALUES (?, ?)",
                arguments: [execution.text, id])
        }
        for (path, line) in old.unmatched where !(try has(line, of: path, id, database)) {
            try note(line, of: path, segment: id, database)
        }
        // Of damage before its end it was told when the file was read.
        guard part == nil, here ?? 0 < old.acknowledged else { return nil }
        return Archive.loss(path, bytes: here, of: old.acknowledged)
    }
}
