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

    /// The blocks of an execution: by creation of their segment, then its id, then offset; an order that does not
    /// depend on when they arrived.
    package func blocks(of execution: String) throws(ArchiveError) -> [BlockRecord] {
        try catalogue.read { database in
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT block.id, segment.host AS agent, segment.name AS segment, block.offset, block.bytes,
                        process.host, process.name, process.incarnation, process.run, process.originRun,
                        process.originSequence, block.events, block.first, block.last
                    FROM block JOIN process ON process.id = block.process JOIN segment ON segment.id = block.segment
                    WHERE process.execution = ? ORDER BY segment.created, segment.name, block.offset
                    """,
                arguments: [execution])
            var blocks: [BlockRecord] = []
            while let row = try rows.next() {
                // What is left out here would shorten answers without a word.
                guard let host = Identity128(stored: row["agent"]),
                    let segment = Identity128(stored: row["segment"]),
                    let key = Catalogue.key(row, execution: execution)
                else {
                    throw ArchiveError.failed(
                        "the catalogue's entry of block \(row["id"] as Int) is damaged: `lightcone catalogue rebuild` makes it anew"
                    )
                }
                blocks.append(
                    BlockRecord(
                        id: row["id"], host: host, segment: segment, offset: row["offset"],
                        byteCount: row["bytes"],
                        key: key,
                        count: row["events"], first: UInt64(row["first"] as Int64),
                        last: UInt64(row["last"] as Int64)))
            }
            return blocks
        }
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

    /// Compares files and catalogue: cuts off what was never acknowledged, and tells what is missing. For whoever
    /// opens the archive to write to it.
    package func recover() throws(ArchiveError) -> [String] {
        var warnings: [String] = []
        let segments = try catalogue.read { database in
            try Row.fetchAll(database, sql: "SELECT name, host, bytes FROM segment")
        }
        for row in segments {
            guard let name = Identity128(stored: row["name"]),
                let host = Identity128(stored: row["host"])
            else {
                continue
            }
            let expected: Int = row["bytes"]
            let path = segmentPath(host: host, segment: name)
            do throws(DiskError) {
                guard let status = try disk.status(path) else {
                    warnings.append("\(path) is gone: \(expected) acknowledged bytes are lost")
                    continue
                }
                if status.byteCount < expected {
                    warnings.append(
                        "\(path) has \(status.byteCount) bytes: \(expected) were acknowledged")
                } else if status.byteCount > expected {
                    try disk.open(path, .write).truncate(to: expected)
                }
            } catch {
                throw Archive.failure(error)
            }
        }
        return warnings
    }

    /// Makes the catalogue anew from the segments alone. Returns what could not be read. O(bytes of all segments).
    @discardableResult
    package func rebuild() throws(ArchiveError) -> [String] {
        try catalogue.beginRebuild()
        var problems: [String] = []
        do {
            for host in try disk.names(path + "/segments") where Identity128(hex: host) != nil {
                let folder = "\(path)/segments/\(host)"
                for name in try disk.names(folder) where name.hasSuffix(".lcseg") {
                    problems += try rebuild(segment: "\(folder)/\(name)")
                }
            }
        } catch {
            throw Archive.failure(error)
        }
        try catalogue.endRebuild()
        return problems
    }

    private func rebuild(segment path: String) throws -> [String] {
        var scanner = SegmentScanner(try disk.open(path, .read))
        var problems: [String] = []
        var append: Catalogue.Append?
        while let item = try scanner.next() {
            if append == nil, let header = scanner.header {
                append = Catalogue.Append(
                    header: header, end: 0, isSealed: false,
                    digest: SegmentWriter.digest(header.encoded()), blocks: [], unmatched: [])
            }
            switch item {
            case .damage(let damage):
                problems.append("\(path), byte \(damage.offset): \(damage.text)")
            case .block(let block):
                append?.blocks.append(block)
                append?.digest = block.digest
                if block.header.kind == .sources, let commit = try? block.commit() {
                    append?.note(commit)
                }
            }
        }
        guard var append else { return problems.isEmpty ? [] : problems + ["\(path) is left out"] }
        append.end = scanner.intactEnd
        append.isSealed = scanner.isSealed
        // What the catalogue says is acknowledged: it must be on the device first.
        try disk.open(path, .write).sync()
        try catalogue.note(append)
        return problems
    }
}
