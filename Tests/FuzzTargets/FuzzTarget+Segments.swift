import Causality
import Segments
import SimulatedHistories

extension FuzzTarget {
    /// The sections of a frame: rows u16, processes u16, flags u8 (1 the order is packed, 2 the content is; then its size before
    /// that, u16), the order, the rest the content.
    static let frame = FuzzTarget("frame") {
        try SegmentBytes.frames(SegmentBytes.segment(SegmentBytes.samples())).map { frame in
            let header = frame.header
            let sections = try sections(frame)
            var writer = ByteWriter()
            writer.fixed16(UInt16(header.rowCount))
            writer.fixed16(UInt16(header.processCount))
            writer.byte(0)
            writer.piece(sections.order)
            writer.bytes(sections.content)
            return writer.bytes
        }
    } run: { bytes in
        var input = Input(bytes)
        var raw = RawFrame(rows: input.number16(), processes: input.number16())
        let flags = input.byte()
        if flags & 1 != 0 { raw.order.rawCount = input.number16() }
        if flags & 2 != 0 { raw.content.rawCount = input.number16() }
        raw.order.bytes = input.piece()
        raw.content.bytes = input.rest()
        guard let frame = raw.stored else { return }
        let ordered = try? frame.causality()
        let columns = try? frame.columns()
        guard let batch = try? frame.batch() else { return }
        guard let ordered, ordered.count == frame.header.rowCount, batch.count == ordered.count,
            batch.sequences == ordered.sequences, batch.changes.count == ordered.changes.count
        else { throw BrokenPromise("the order alone is another one than that of the events") }
        if let columns, batch.count > 0 {
            let rows = Array(stride(from: 0, to: batch.count, by: 2))
            let some = try frame.events(rows, saying: columns)
            for (place, row) in rows.enumerated() {
                try promise(
                    some.content[some.text(place)] == batch.content[batch.text(row)]
                        && some.sequences[place] == batch.sequences[row],
                    "row \(row) alone is another one than among all")
            }
        }
        try SegmentBytes.promiseReturn(of: batch)
    }

    private static func sections(
        _ frame: StoredFrame
    ) throws -> (order: [UInt8], content: [UInt8], commit: [UInt8]) {
        let reader = frame.bytes
        func fixed32(_ offset: Int) throws -> Int {
            var reader = ByteReader(reader, from: offset)
            return Int(try reader.fixed32("size"))
        }
        let (order, content) = (
            FrameHeader.byteCount..<FrameHeader.byteCount + (try fixed32(24)),
            FrameHeader.byteCount + (try fixed32(24))
        )
        let end = content + (try fixed32(28))
        func unpack(_ codec: UInt8, _ range: Range<Int>, _ size: Int) throws -> [UInt8] {
            try Codec(rawValue: codec)!.unpack(reader[range], rawCount: size, "section")
        }
        return (
            try unpack(reader[5], order, fixed32(16)),
            try unpack(reader[6], content..<end, fixed32(20)), Array(reader[end...])
        )
    }

    /// A commit section before compression.
    static let commit = FuzzTarget("commit") {
        try [commits.prefix(1), commits.suffix(1), commits[...]].map { commits in
            let bytes = SegmentBytes.segment(
                [EventBatch()],
                commit: Commit(
                    host: "web-1", readUpTo: WallTime(nanoseconds: 7), checkpoints: Array(commits)))
            let section = try sections(SegmentBytes.frames(bytes)[0]).commit
            var reader = ByteReader(section)
            let codec = Codec(rawValue: try reader.byte("codec"))!
            let count = try reader.count(.max, "size")
            return try codec.unpack(section[reader.offset...], rawCount: count, "commit")
        }
    } run: { bytes in
        var writer = ByteWriter()
        writer.byte(Codec.stored.rawValue)
        writer.varint(bytes.count)
        writer.bytes(bytes)
        guard let frame = RawFrame(commit: writer.bytes).stored,
            let commit = try? frame.commit()
        else { return }
        let numbers = commit.checkpoints.map(\.number)
        // Two of one number are no commit of an agent's: the second would be called as the first.
        guard zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }) else { return }
        let again = try SegmentBytes.frames(
            SegmentBytes.segment([EventBatch()], commit: commit))
        try promise(try again[0].commit() == commit, "it came back as another: \(commit)")
    }

    private static let commits: [SourceCheckpoint] = [
        SourceCheckpoint(
            number: 1,
            .file(
                FileProgress(
                    path: "/var/log/ü.log", generation: 2, device: 1, inode: .max, offset: 9,
                    fingerprint: ContentHash(words: [1, 2, 3, 4]), readerState: [1, 2, 3])),
            isFinished: false, unmatchedCount: 9,
            unmatched: [
                UnmatchedLine(line: 3, execution: "main", reason: "no match", text: "\u{0}???")
            ]),
        SourceCheckpoint(
            number: 2,
            .journal(
                JournalProgress(
                    path: "/run/journals/1", device: 3, inode: 4, sequence: 90, chunk: 2,
                    isWhole: true)), isFinished: false),
        SourceCheckpoint(
            number: 300, .imported(ImportProgress(path: "/x", offset: 5)), isFinished: true),
    ]

    /// A file of frames, junk, cut frames and footers, as the input says: for each a byte that says which, and a number.
    static let segment = FuzzTarget("segment") {
        [
            [0, 0, 0, 1, 0, 2, 6, 0], [0, 0, 1, 9, 0, 1, 6, 0], [2, 70, 0, 1], [3, 5, 0, 2],
            [4, 200, 0, 0, 0, 1, 6, 0], [5, 12, 0, 1, 7, 3],
        ]
    } run: { bytes in
        var input = Input(bytes)
        var writer = SegmentWriter(SegmentBytes.header)
        var file = SegmentBytes.header.encoded()
        // What is whole, where it begins, and up to where something before it claims the bytes.
        var whole: [(offset: Int, bytes: [UInt8])] = []
        var claimed = 0
        while !input.isAtEnd, file.count < 200_000 {
            let (what, number) = (input.byte() % 8, Int(input.byte()))
            let batch = segmentBatches[number % segmentBatches.count]
            switch what {
            case 0:
                let frame = writer.commit(batch, Commit())
                if file.count >= claimed { whole.append((file.count, frame)) }
                file += frame
            case 1: file += input.take(number)
            case 2:
                // Cut: a header that is whole says how far it would go.
                let frame = writer.commit(batch, Commit())
                if number >= FrameHeader.byteCount, number < frame.count, file.count >= claimed {
                    claimed = file.count + frame.count
                }
                file += frame.prefix(number)
            case 3, 4:
                var frame = writer.commit(batch, Commit())
                let index = number * (what == 3 ? 1 : 7) % frame.count
                frame[index] ^= 1 << (input.byte() & 7)
                if index >= FrameHeader.byteCount, file.count >= claimed {
                    claimed = file.count + frame.count
                }
                file += frame
            case 5 where number < SegmentHeader.byteCount: file[number] ^= input.byte()
            case 6: file += writer.footer()
            default: file += Array(repeating: UInt8(ascii: "L"), count: number)
            }
        }
        try promiseScan(of: file, finds: whole)
    }

    private static let segmentBatches: [EventBatch] = SegmentBytes.samples() + [EventBatch()]

    /// That a scan tells of every byte once, in order, and of every frame that is whole.
    private static func promiseScan(
        of file: [UInt8], finds whole: [(offset: Int, bytes: [UInt8])]
    ) throws {
        var scanner = SegmentScanner(BytesInMemory(file))
        var end = 0
        var found: [Int: [UInt8]] = [:]
        while let item = try scanner.next() {
            switch item {
            case .frame(let frame):
                try promise(
                    frame.offset >= end
                        && Array(file[frame.offset..<frame.offset + frame.bytes.count])
                            == frame.bytes,
                    "a frame that is not in the file, or not there")
                end = frame.offset + frame.bytes.count
                found[frame.offset] = frame.bytes
                _ = try? frame.batch()
            case .damage(let damage):
                try promise(
                    damage.offset >= end && damage.offset + damage.byteCount <= file.count,
                    "damage that is not in the file: \(damage)")
                end = damage.offset + damage.byteCount
            }
        }
        try promise(scanner.intactEnd <= file.count, "intact up to behind the end")
        for (offset, bytes) in whole where !scanner.isSealed || offset < scanner.intactEnd {
            try promise(found[offset] == bytes, "the frame at \(offset) is whole and was not found")
        }
    }
}
