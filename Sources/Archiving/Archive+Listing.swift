import Causality
import Disks
import FoundationEssentials
import GRDB
import Segments

extension Archive {
    /// The names of all executions, sorted.
    package func executions() throws(ArchiveError) -> [String] {
        try catalogue.read { database in
            try String.fetchAll(
                database, sql: "SELECT DISTINCT execution FROM process ORDER BY execution")
        }
    }

    /// The segments that hold events of an execution and whose events are in no part: by creation, then id; an order that does
    /// not depend on when they arrived.
    package func segments(
        of execution: String
    ) throws(ArchiveError) -> [(header: SegmentHeader, byteCount: Int)] {
        try sources(of: execution).segments
    }

    /// The segments that hold events of an execution, as `segments` has them, and the parts that hold the others: all at one
    /// moment, since a merge makes one of the other.
    package func sources(
        of execution: String
    ) throws(ArchiveError) -> (
        segments: [(header: SegmentHeader, byteCount: Int)], parts: [Identity128]
    ) {
        try catalogue.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT segment.agent, segment.name, segment.created, segment.bytes FROM presence
                    JOIN segment ON segment.id = presence.segment
                    WHERE presence.execution = ? ORDER BY segment.created, segment.name
                    """,
                arguments: [execution])
            let segments = try rows.map { row in
                // What is left out here would shorten answers without a word.
                guard let agent = Identity128(stored: row["agent"]),
                    let segment = Identity128(stored: row["name"])
                else { throw Archive.damagedEntry("a segment") }
                let created = WallTime(nanoseconds: row["created"])
                return (
                    SegmentHeader(agent: agent, segment: segment, created: created),
                    row["bytes"] as Int
                )
            }
            return (segments, try Catalogue.parts(of: execution, database))
        }
    }

    static func damagedEntry(_ what: String) -> ArchiveError {
        .failed(
            "the catalogue's entry of \(what) is damaged: `lightcone catalogue rebuild` makes it anew"
        )
    }

    /// The processes of an execution, the highest number of their events that was ever taken, and how many were.
    package func processes(
        of execution: String
    ) throws(ArchiveError) -> [(process: ProcessKey, last: UInt64, events: Int)] {
        try catalogue.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM process WHERE execution = ? ORDER BY id",
                arguments: [execution]
            ).map { row in
                guard let key = Catalogue.key(row, execution: execution) else {
                    throw Archive.damagedEntry("a process")
                }
                return (key, UInt64(row["last"] as Int64), row["events"])
            }
        }
    }

    /// The frames of a segment from `offset` on, up to `end`, in order. O(frames): reads their headers only, but past damage
    /// whatever follows it.
    package func frames(
        agent: Identity128, segment: Identity128, from offset: Int, to end: Int
    ) -> [FramePlace] {
        var places: [FramePlace] = []
        func add(_ offset: Int, _ byteCount: Int, damage: String? = nil) {
            places.append(
                FramePlace(
                    agent: agent, segment: segment, offset: offset, byteCount: byteCount,
                    damage: damage))
        }
        var next = max(offset, SegmentHeader.byteCount)
        do {
            let file = try disk.open(segmentPath(agent: agent, segment: segment), .read)
            let source = BytesOnDisk(file)
            do {
                while next < end {
                    guard let frame = try SegmentLayout.frame(source, at: next, end: end) else {
                        break
                    }
                    add(next, frame.frameByteCount)
                    next += frame.frameByteCount
                }
            } catch SegmentError.malformed {
                var scanner = SegmentScanner(source, from: next, to: end)
                while let item = try scanner.next() {
                    switch item {
                    case .frame(let frame): add(frame.offset, frame.bytes.count)
                    case .damage(let damage) where damage.byteCount > 0:
                        add(
                            damage.offset, damage.byteCount,
                            damage: "segment \(segment), byte \(damage.offset): \(damage.text)")
                    case .damage: break
                    }
                }
            }
        } catch {
            add(next, end - next, damage: "segment \(segment), from byte \(next) on: \(error)")
        }
        return places
    }

    /// By host, how far in time its agent has read what is recorded there: where it took a new identity, the one that has read furthest.
    package func readUpTo() throws(ArchiveError) -> [String: WallTime] {
        try catalogue.read { database in
            var times: [String: WallTime] = [:]
            for row in try Row.fetchAll(
                database,
                sql:
                    "SELECT host, max(readUpTo) AS time FROM agent WHERE readUpTo IS NOT NULL GROUP BY host"
            ) {
                times[row["host"]] = WallTime(nanoseconds: row["time"])
            }
            return times
        }
    }

    /// The lines of an execution's sources that were no events.
    package func unmatchedLines(of execution: String) throws(ArchiveError) -> [(
        path: String, line: UnmatchedLine
    )] {
        try catalogue.read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM unmatched WHERE execution = ? ORDER BY path, line",
                arguments: [execution]
            ).map { row in
                (
                    row["path"],
                    UnmatchedLine(
                        line: UInt64(row["line"] as Int64), execution: row["execution"],
                        reason: row["reason"],
                        text: row["text"])
                )
            }
        }
    }
}
