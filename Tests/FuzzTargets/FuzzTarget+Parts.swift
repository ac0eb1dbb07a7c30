import Causality
import Disks
import HappensBefore
import Parts
import Segments
import SimulatedHistories

extension FuzzTarget {
    /// Changes of a part, sealed (`SealedFile`).
    static let part = FuzzTarget("part") {
        [[], [0, 0, 5, 0, 0, 1], [3, 0, 1, 0, 1, 1, 9, 0, 2, 0, 6]]
    } run: { bytes in
        try promiseReading(ofPart: PartBytes.whole.changed(by: bytes))
    }

    /// The one block of a part: rows u16, its columns before they are packed, each a piece.
    static let block = FuzzTarget("block") {
        try PartBytes.blocks.map { part in
            let disk = try PartBytes.disk(["/part": part])
            let file = try PartFile("/part", on: disk)
            let block = try file.read(try file.block(0), .all)
            var writer = ByteWriter()
            writer.fixed16(UInt16(block.header.rowCount))
            for (place, column) in block.header.columns.enumerated() {
                writer.piece(
                    try column.codec.unpack(
                        block.bytes[block.header.range(place)], rawCount: column.rawCount, "column")
                )
            }
            return writer.bytes
        }
    } run: { bytes in
        var input = Input(bytes)
        let rows = input.number16()
        let columns = (0..<BlockHeader.columnCount).map { _ in input.piece() }
        try promiseReading(ofPart: PartBytes.part(rows: rows, columns))
    }

    /// Whatever is asked of a part, it tells or says what is damaged; what is merged with it is a part in which nothing is.
    private static func promiseReading(ofPart bytes: [UInt8]) throws {
        let disk = try PartBytes.disk(["/part": bytes, "/other": PartBytes.blocks[0]])
        let part = try PartFile("/part", on: disk)
        let damage = try PartVerification(part).damage()
        _ = try? PartVerification(part).brokenChains()
        _ = try? part.remains()
        for entry in try part.walk() {
            _ = try? part.filter(entry)
            guard let block = try? part.read(entry, .all) else { continue }
            try promiseReading(of: block)
        }
        for execution in ["main", "test"] {
            for frame in try part.frames(of: execution).frames {
                guard let batch = try? part.batch(of: frame, hasContent: true) else { continue }
                try promise(
                    batch.sequences == part.batch(of: frame, hasContent: false).sequences,
                    "the order of a frame alone is another one")
            }
        }
        guard damage.isEmpty else { return }
        let making = PartMaking(on: disk)
        guard (try? making.make("/merged", ofParts: ["/part", "/other"])) != nil else { return }
        let found = try PartVerification(PartFile("/merged", on: disk)).damage()
        try promise(found.isEmpty, "what was merged is damaged: \(found)")
    }

    private static func promiseReading(of block: StoredBlock) throws {
        guard let batch = try? block.batch() else { return }
        try promise(batch.count == block.header.rowCount, "other rows than the header says")
        let ordered = try block.causality()
        try promise(
            ordered.sequences == batch.sequences && ordered.changes.count == batch.changes.count,
            "the order alone is another one than that of the events")
        let rows = Array(stride(from: 0, to: batch.count, by: 2))
        let some = try block.events(rows, saying: try block.columns())
        for (place, row) in rows.enumerated() {
            try promise(
                some.content[some.text(place)] == batch.content[batch.text(row)],
                "row \(row) alone is another one than among all")
        }
        guard let sources = try? block.sources() else { return }
        let events = BlockEvents(batch: batch, sources: sources)
        for source in sources.all {
            try promise(
                source.rows.upperBound <= batch.count, "a source of rows that are not there")
            _ = events.frame(of: source)
        }
        try SegmentBytes.promiseReturn(of: batch)
    }
}

/// Parts, and what is in them.
enum PartBytes {
    static func disk(_ files: [String: [UInt8]]) throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        for (path, bytes) in files { try disk.open(path, .create).write(bytes, at: 0) }
        return disk
    }

    private static func make(_ segments: [[EventBatch]]) throws -> [UInt8] {
        let disk = SimulatedDisk()
        var inputs: [PartMaking.Input] = []
        for (index, batches) in segments.enumerated() {
            let header = SegmentHeader(
                agent: Identity128(naming: [1]), segment: Identity128(naming: [2, UInt8(index)]),
                created: WallTime(nanoseconds: Int64(index)))
            var writer = SegmentWriter(header)
            var bytes = header.encoded()
            for batch in batches { bytes += writer.commit(batch, Commit(host: "h")) }
            try disk.open("/\(index)", .create).write(bytes + writer.footer(), at: 0)
            inputs.append(PartMaking.Input(path: "/\(index)", segment: header.segment))
        }
        _ = try PartMaking(on: disk).make("/part", of: inputs)
        let file = try disk.open("/part", .read)
        return try file.read(at: 0, count: file.byteCount())
    }

    /// Of two segments of several processes.
    static let whole: SealedFile = {
        do {
            let bytes = try make([
                Sample.batches(Sample.events(seed: 5, count: 8), of: 5),
                Sample.batches(Sample.events(seed: 5, count: 10), of: 6),
            ])
            return SealedFile(bytes: bytes, pieces: try pieces(bytes))
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    /// Of one process each.
    static let blocks: [[UInt8]] = {
        do {
            return try ([1, 2, 3] as [UInt64]).map { seed in
                let events = Sample.events(seed: seed, count: 40)
                let key = Sample.key(ProcessID(name: "p0"))
                let own = events.filter { $0.key == key }
                return try make([
                    Sample.batches(own.isEmpty ? Array(events.prefix(1)) : own, of: 7)
                ])
            }
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    /// By the grammar in `PartWriter.swift`: all that has a checksum, from the front to the end.
    private static func pieces(_ bytes: [UInt8]) throws -> [SealedFile.Piece] {
        let footer = bytes.count - 64
        var reader = ByteReader(bytes, from: footer + 48)
        let tables = Int(try reader.fixed64("tables"))
        var pieces = [SealedFile.Piece(0..<12), SealedFile.Piece(footer..<bytes.count - 8)]
        var offset = 16
        while offset < tables {
            guard bytes[offset...].starts(with: "LCBK".utf8) else {
                guard let record = SealedFile.piece(bytes, from: offset, to: tables) else {
                    throw BrokenPromise("no record at \(offset) of a part that was made")
                }
                pieces.append(SealedFile.Piece(record))
                offset = record.upperBound + 4
                continue
            }
            let header = try BlockHeader(atStartOf: Array(bytes[offset...]))
            let head = SealedFile.Piece(offset..<offset + BlockHeader.byteCount - 4)
            pieces.append(head)
            for (place, column) in header.columns.enumerated() where column.byteCount > 0 {
                let range = header.range(place)
                var piece = SealedFile.Piece(
                    offset + range.lowerBound..<offset + range.upperBound)
                piece.checksumAt = offset + 8 + place * 13 + 9
                piece.outer = (head.bytes, head.checksumAt)
                pieces.append(piece)
            }
            offset += header.blockByteCount
        }
        for page in stride(from: tables, to: footer, by: 4_096) {
            pieces.append(SealedFile.Piece(page..<page + 4_092))
        }
        return pieces
    }

    /// A part of one block of these columns, stored as they are.
    static func part(rows: Int, _ columns: [[UInt8]]) throws -> [UInt8] {
        let disk = try disk(["/base": blocks[0]])
        let base = try PartFile("/base", on: disk)
        let (run, segment, valid) = (
            try base.run(0), try base.segment(0), try base.block(0)
        )
        var header = ByteWriter()
        header.bytes("LCBK".utf8)
        header.fixed32(UInt32(rows))
        for column in columns {
            header.byte(Codec.stored.rawValue)
            header.fixed32(UInt32(column.count))
            header.fixed32(UInt32(column.count))
            header.fixed32(checksum(column))
        }
        header.fixed32(checksum(header.bytes))
        var entry = valid
        entry.rowCount = max(rows, 1)
        entry.sourcesByteCount = header.count + columns[0].count
        entry.orderByteCount = header.count + columns[...6].reduce(0) { $0 + $1.count }
        entry.byteCount = header.count + columns.reduce(0) { $0 + $1.count }
        entry.filterByteCount = 2
        var writer = PartWriter(try disk.open("/crafted", .create))
        try writer.begin(RunPlace(run.key))
        try writer.append(entry, header.bytes + columns.flatMap { $0 }, filter: [1, 255])
        try writer.endRun(last: run.last, taken: run.taken)
        try writer.add(segment)
        _ = try writer.finish()
        let file = try disk.open("/crafted", .read)
        return try file.read(at: 0, count: file.byteCount())
    }
}
