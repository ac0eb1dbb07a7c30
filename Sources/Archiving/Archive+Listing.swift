import Causality
import Disks
import FoundationEssentials
import GRDB
import Segments

extension Archive {
    /// The names of all executions, sorted.
    package func executions() throws(ArchiveError) -> [String] {
        try catalogue.reading("executions") { database in
            try String.fetchAll(
                try database.cachedStatement(
                    sql: "SELECT DISTINCT execution FROM process ORDER BY execution"))
        }
    }

    /// The segments that hold events of an execution and whose events are in no part: by creation, then id; an order that does
    /// not depend on when they arrived.
    package func segments(of execution: String) throws(ArchiveError) -> [SegmentSource] {
        try sources(of: execution).segments
    }

    /// The segments that hold events of an execution, as `segments` has them, the parts that hold the others, and how many events
    /// were taken: all at one moment, since a merge makes one of the other.
    package func sources(
        of execution: String
    ) throws(ArchiveError) -> (segments: [SegmentSource], parts: [Identity128], taken: Int) {
        try catalogue.reading("sources of \(execution)") { database in
            // Kept from one question to the next: to understand it takes longer than to answer it.
            let statement = try database.cachedStatement(
                sql: """
                    SELECT segment.agent, segment.name, segment.created, segment.acknowledged,
                        ifnull(dropped.bytes, 0) AS start
                    FROM presence JOIN segment ON segment.id = presence.segment
                    LEFT JOIN dropped ON dropped.segment = segment.name AND dropped.execution = presence.execution
                    WHERE presence.execution = ? ORDER BY segment.created, segment.name
                    """)
            let rows = try Row.fetchAll(statement, arguments: [execution])
            // What is left out here would shorten answers without a word.
            let segments = try rows.map { row in
                SegmentSource(
                    header: SegmentHeader(
                        agent: try row.identity("agent"), segment: try row.identity("name"),
                        created: WallTime(nanoseconds: try row.value("created"))),
                    start: try row.value("start"), byteCount: try row.value("acknowledged"))
            }
            return (
                segments, try Catalogue.parts(of: execution, database),
                try Catalogue.taken(of: execution, database)
            )
        }
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
                (
                    try Catalogue.key(row, execution: execution),
                    UInt64(clamping: try row.value("last") as Int64), try row.value("events")
                )
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
            let source = try BytesOnDisk(file)
            let here = min(end, source.byteCount)
            do {
                while next < here {
                    guard let frame = try SegmentLayout.frame(source, at: next, end: here) else {
                        break
                    }
                    add(next, frame.frameByteCount)
                    next += frame.frameByteCount
                }
            } catch SegmentError.malformed {
                var scanner = SegmentScanner(source, from: next, to: here)
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
            if here < end {
                add(
                    here, end - here,
                    damage:
                        "segment \(segment), from byte \(here) on: acknowledged data was lost: expected \(end) bytes, found \(here)"
                )
            }
        } catch {
            noteUnread(error)
            add(
                next, end - next,
                damage:
                    "segment \(segment), from byte \(next) on: acknowledged data was lost: \(error)"
            )
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
                // Of hosts that look alike, as far as each of them has been read.
                let host: String = try row.value("host")
                let time = WallTime(nanoseconds: try row.value("time"))
                times[host] = min(times[host] ?? time, time)
            }
            return times
        }
    }

    /// By host, how many bytes its agents have shipped, of what was not dropped. O(segments)
    package func shippedBytes() throws(ArchiveError) -> [String: Int] {
        try catalogue.read { database in
            var bytes: [String: Int] = [:]
            for row in try Row.fetchAll(
                database,
                sql: """
                    SELECT host, sum(acknowledged) AS bytes FROM segment
                    JOIN agent ON agent.name = segment.agent GROUP BY host
                    """)
            {
                bytes[try row.value("host") as String, default: 0] += try row.value("bytes") as Int
            }
            return bytes
        }
    }

    /// What its segments and parts take, in bytes, by the catalogue. O(segments)
    package func byteCount() throws(ArchiveError) -> Int {
        try catalogue.read { database in
            try Int.fetchOne(
                database,
                sql: """
                    SELECT (SELECT ifnull(sum(bytes), 0) FROM segment WHERE isRemoved = 0 AND part IS NULL)
                    + (SELECT ifnull(sum(bytes), 0) FROM part)
                    """) ?? 0
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
                    try row.value("path"),
                    UnmatchedLine(
                        line: UInt64(clamping: try row.value("line") as Int64),
                        execution: try row.value("execution"), reason: try row.value("reason"),
                        text: try row.value("text"))
                )
            }
        }
    }
}

/// A segment that events of an execution are read from.
package struct SegmentSource: Sendable {
    package let header: SegmentHeader
    /// Frames before this byte do not count: what they held of the execution was dropped.
    package let start: Int
    /// How many bytes were ever acknowledged: what of them is not here any more is listed as damage.
    package let byteCount: Int
}
