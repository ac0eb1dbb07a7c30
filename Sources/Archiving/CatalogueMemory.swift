import Causality
import FoundationEssentials
import GRDB
import HappensBefore
import Segments

/// What an older catalogue knows that files may not tell any more: what was acknowledged, and how far each process had come.
struct CatalogueMemory {
    /// A segment as its row has it.
    struct Segment {
        var header: SegmentHeader
        var acknowledged: Int
        var part: Identity128?
        var kept: String?
        var isChainBroken: Bool
        var executions: Set<ExactText> = []
        var unmatched: [(path: String, line: UnmatchedLine)] = []
    }

    struct Part {
        var byteCount: Int
        var eventCount: Int
        var executions: Set<ExactText> = []
    }

    private(set) var segments: [Identity128: Segment] = [:]
    private(set) var parts: [Identity128: Part] = [:]
    private(set) var processes: [ProcessKey: UInt64] = [:]
    /// Up to which number events of processes were dropped.
    private(set) var dropped: [ProcessKey: UInt64] = [:]
    /// What was dropped, by execution, and whether what is kept went on from it.
    private(set) var tombstones: [ExactText: (tombstone: Tombstone, isFloor: Bool)] = [:]
    /// How many entries the log had, at least.
    private(set) var loggedCount = 0
    private(set) var agents: [(name: Identity128, host: String, readUpTo: WallTime?)] = []
    private(set) var drops: [Drop] = []
    /// What could not be read of it.
    private(set) var problems: [String] = []

    /// Nothing is known.
    init() {}

    /// Reads whatever can be read of a catalogue of this or an earlier version; never fails. O(its size).
    init(reading path: String) {
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let database = try DatabaseQueue(path: path, configuration: configuration)
            try database.read { database in
                guard try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0 > 0 else {
                    problems.append("\(path) is no catalogue: nothing of it could be read")
                    return
                }
                read(database, path)
            }
            try database.close()
        } catch {
            problems.append("\(path) is damaged: nothing of it could be read (\(error))")
        }
    }

    private mutating func read(_ database: Database, _ path: String) {
        var partNames: [Int64: Identity128] = [:]
        var segmentNames: [Int64: Identity128] = [:]
        each(database, "log", path) { memory, row in
            memory.loggedCount = try row.value("entries")
        }
        each(database, "part", path) { memory, row in
            let name = try row.identity("name")
            partNames[try row.value("id")] = name
            memory.parts[name] = Part(
                byteCount: try row.value("bytes"), eventCount: try row.value("events"))
        }
        each(database, "segment", path) { memory, row in
            let name = try row.identity("name")
            segmentNames[try row.value("id")] = name
            let bytes: Int = try row.value("bytes")
            let header = SegmentHeader(
                agent: try row.identity("agent"), segment: name,
                created: WallTime(nanoseconds: try row.value("created")))
            memory.segments[name] = Segment(
                header: header, acknowledged: max(bytes, try row.value("acknowledged") ?? 0),
                part: (try row.value("part") as Int64?).flatMap { partNames[$0] },
                kept: try row.value("kept"), isChainBroken: try row.value("isChainBroken") ?? false)
        }
        each(database, "presence", path) { memory, row in
            guard let name = segmentNames[try row.value("segment")] else { return }
            memory.segments[name]?.executions.insert(ExactText(try row.value("execution")))
        }
        each(database, "partPresence", path) { memory, row in
            guard let name = partNames[try row.value("part")] else { return }
            memory.parts[name]?.executions.insert(ExactText(try row.value("execution")))
        }
        each(database, "process", path) { memory, row in
            let key = try Catalogue.key(row, execution: try row.value("execution"))
            memory.processes[key] = UInt64(clamping: try row.value("last") as Int64)
            // One of an earlier version does not say.
            guard row.hasColumn("dropped") else { return }
            let dropped: Int64 = try row.value("dropped")
            if dropped > 0 { memory.dropped[key] = UInt64(dropped) }
        }
        each(database, "tombstone", path) { memory, row in
            memory.tombstones[ExactText(try row.value("execution"))] = (
                try Tombstone(row), try row.value("isFloor")
            )
        }
        each(database, "agent", path) { memory, row in
            let time: Int64? = try row.value("readUpTo")
            memory.agents.append(
                (
                    try row.identity("name"), try row.value("host"),
                    time.map { WallTime(nanoseconds: $0) }
                ))
        }
        each(database, "unmatched", path) { memory, row in
            guard let name = segmentNames[try row.value("segment")] else { return }
            let line = UnmatchedLine(
                line: UInt64(clamping: try row.value("line") as Int64),
                execution: try row.value("execution"), reason: try row.value("reason"),
                text: try row.value("text"))
            memory.segments[name]?.unmatched.append((try row.value("path"), line))
        }
        drops = (try? Catalogue.drops(database)) ?? []
    }

    /// Reads the rows of a table until one cannot be read, and from the other end as far as that one.
    private mutating func each(
        _ database: Database, _ table: String, _ path: String,
        _ body: (inout CatalogueMemory, Row) throws -> Void
    ) {
        // One of an earlier version has fewer.
        guard (try? database.tableExists(table)) ?? true else { return }
        var isDamaged = false
        for order in ["", "ORDER BY rowid DESC"] {
            do {
                let rows = try Row.fetchCursor(database, sql: "SELECT * FROM \(table) \(order)")
                while let row = try rows.next() {
                    do { try body(&self, row) } catch { isDamaged = true }
                }
                break
            } catch {
                isDamaged = true
            }
        }
        if isDamaged {
            problems.append("\(path) is damaged: not all of its table \(table) could be read")
        }
    }

    /// Forgets what was dropped, where the catalogue had not come to that.
    mutating func apply(_ drop: Drop) {
        guard !has(drop) else { return }
        let execution = ExactText(drop.execution)
        for name in segments.keys {
            segments[name]!.executions.remove(execution)
            segments[name]!.unmatched.removeAll { ExactText($0.line.execution) == execution }
        }
        for name in parts.keys { parts[name]!.executions.remove(execution) }
        processes = processes.filter { ExactText($0.key.execution) != execution }
        dropped = dropped.filter { ExactText($0.key.execution) != execution }
        tombstones[execution] = nil
    }

    private func has(_ drop: Drop) -> Bool {
        let known = drops.filter { ExactText.isSame($0.execution, drop.execution) }
        return drop.segments.allSatisfy { segment in
            known.contains { drop in
                drop.segments.contains {
                    $0.header.segment == segment.header.segment
                        && $0.byteCount >= segment.byteCount
                }
            }
        }
            && drop.parts.allSatisfy { part in
                known.contains { $0.parts.contains { $0.name == part.name } }
            }
    }
}
