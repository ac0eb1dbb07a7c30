import Archiving
import Causality
import Collector
import Disks
import FoundationEssentials
import GRDB
import Querying
import Segments
import SimulatedHistories

extension FuzzTarget {
    /// Changes of a catalogue's rows: for each a table, a row, a column, what, and the value.
    static let catalogue = FuzzTarget("catalogue", mutations: 60) {
        [
            [], [0, 0, 4, 0, 7], [1, 0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0x80],
            [2, 1, 1, 2, 3, 0, 0x61, 0, 0x62], [3, 2, 9, 0, 2, 9, 0, 1, 4], [8, 0, 0, 5],
        ]
    } run: { bytes in
        // Found out first: SQLite knows one archive at a time.
        let answers = CatalogueRows.answers
        try KeptArchive.withCopy { disk in
            let tables = try CatalogueRows.change(by: bytes)
            let changed = disk.copied()
            if let archive = try? Archive(KeptArchive.path, .readOnly, disk: disk) {
                look(archive)
                _ = try? KeptArchive.answers(archive)
            }
            if let archive = try? Archive(KeptArchive.path, .readWrite, disk: disk) {
                _ = try? archive.recover()
                _ = try? archive.mergeAll()
                for execution in (try? archive.executions()) ?? [] {
                    try? ArchiveStore(archive).keepOrder(
                        of: execution, eventsMin: 1, sliceEventsMax: 20)
                }
                look(archive)
                _ = try? KeptArchive.answers(archive)
            }
            disk.restore(from: changed)
            let (archive, _) = try Archive.rebuild(KeptArchive.path, disk: disk)
            let told = try KeptArchive.answers(archive)
            if tables.isSubset(of: CatalogueRows.derived) {
                try promise(told == answers, "a catalogue that was made anew tells something else")
            }
        }
    }

    private static func look(_ archive: Archive) {
        for execution in (try? archive.executions()) ?? [] {
            _ = try? archive.processes(of: execution)
            _ = try? archive.sources(of: execution)
            _ = try? archive.unmatchedLines(of: execution)
            _ = try? archive.brokenChains(of: execution)
            _ = try? archive.tombstone(of: execution)
        }
        _ = try? archive.readUpTo()
    }

    /// What agents send: for each request a segment, an offset (right, or a piece), and its body: the numbers of frames that were
    /// written, or a piece.
    static let upload = FuzzTarget("upload", mutations: 60) {
        [[0, 0, 3, 0, 1, 2], [0, 0, 1, 0, 0, 0, 2, 1, 2], [1, 0, 2, 0, 9, 0, 0, 1, 4]]
    } run: { bytes in
        try KeptArchive.withEmpty { disk in
            let answers = try upload(bytes, to: disk)
            let (again, problems) = try Archive.rebuild(KeptArchive.path, disk: disk)
            try promise(problems.isEmpty, "what was acknowledged is damaged: \(problems)")
            try promise(
                try KeptArchive.answers(again) == answers, "a rebuild tells something else")
        }
    }

    /// Sends what an input says. What is told then.
    private static func upload(_ bytes: [UInt8], to disk: SimulatedDisk) throws -> [String] {
        let archive = try Archive(KeptArchive.path, .readWrite, disk: disk)
        var (input, rounds) = (Input(bytes), 0)
        while !input.isAtEnd, rounds < 8 {
            rounds += 1
            let segment = UploadedFrames.headers[Int(input.byte()) % 2]
            let before = try archive.state(of: segment.segment)?.byteCount ?? 0
            let offset = input.byte() == 255 ? input.number16() - 1 : before
            var body: [UInt8] = []
            for _ in 0..<Int(input.byte() % 6) {
                let what = input.byte()
                switch what {
                case 0: body += segment.encoded()
                case 254: body += input.piece()
                default: body += UploadedFrames.frame(Int(what), of: segment)
                }
            }
            let end = try? archive.append(body, to: segment.segment, at: offset).end
            let after = try archive.state(of: segment.segment)?.byteCount ?? 0
            let due = end == nil ? before : offset + body.count
            try promise(
                after == due && end ?? due == due,
                "\(body.count) bytes at \(offset) after \(before): \(String(describing: end))")
        }
        return try KeptArchive.answers(archive)
    }
}

/// The rows of the catalogue of `KeptArchive`.
private enum CatalogueRows {
    /// What follows from the files alone.
    static let derived: Set = ["partPresence", "presence", "agent", "orderFile", "outdated"]

    static let answers: [String] = {
        do {
            return try KeptArchive.withCopy { disk in
                try KeptArchive.answers(Archive.rebuild(KeptArchive.path, disk: disk).archive)
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    private static let wild: [Int64] = [.min, .max, -1, 0, 1, 0x7fff_ffff, 1 << 40, 255]

    /// Changes rows; returns the tables of those.
    static func change(by bytes: [UInt8]) throws -> Set<String> {
        var (input, changed) = (Input(bytes), Set<String>())
        let queue = try DatabaseQueue(path: KeptArchive.cataloguePath)
        defer { try? queue.close() }
        try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA foreign_keys = OFF")
            let tables = try String.fetchAll(
                database,
                sql: "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            var rounds = 0
            while !input.isAtEnd, rounds < 16 {
                rounds += 1
                let table = tables[Int(input.byte()) % tables.count]
                let row = Int(input.byte())
                let columns = try database.columns(in: table).map(\.name)
                let column = columns[Int(input.byte()) % columns.count]
                let what = input.byte() % 6
                let value: (any DatabaseValueConvertible)? =
                    switch what {
                    case 0: wild[Int(input.byte()) % wild.count]
                    case 1: input.take(8).reversed().reduce(Int64(0)) { $0 << 8 | Int64($1) }
                    case 2: Data(input.piece())
                    case 3: String(decoding: input.piece(), as: UTF8.self)
                    default: nil
                    }
                let place =
                    "\(column) IN (SELECT \(column) FROM \(table) LIMIT 1 OFFSET \(row % 8))"
                let done: Void? =
                    what == 5
                    ? try? database.execute(sql: "DELETE FROM \(table) WHERE \(place)")
                    : try? database.execute(
                        sql: "UPDATE OR IGNORE \(table) SET \(column) = ? WHERE \(place)",
                        arguments: [value])
                if done != nil { changed.insert(table) }
            }
        }
        return changed
    }
}

/// Frames of two segments that agents wrote, whole and in parts, and none of their own.
private enum UploadedFrames {
    static let headers = ["one", "two"].map { name in
        SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)),
            segment: Identity128(naming: Array(name.utf8)), created: WallTime(nanoseconds: 1))
    }

    private static let frames: [Identity128: [[UInt8]]] = {
        var frames: [Identity128: [[UInt8]]] = [:]
        for (number, header) in headers.enumerated() {
            var writer = SegmentWriter(header)
            frames[header.segment] =
                Sample.batches(Sample.events(seed: UInt64(number) + 1, count: 60), of: 9).map {
                    writer.commit($0, Commit(host: "h"))
                } + [writer.footer()]
        }
        return frames
    }()

    static func frame(_ number: Int, of header: SegmentHeader) -> [UInt8] {
        let all = frames[header.segment]!
        return all[(number - 1) % all.count]
    }
}
