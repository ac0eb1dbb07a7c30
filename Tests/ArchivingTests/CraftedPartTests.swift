import Causality
import Collector
import Disks
import Foundation
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving
@testable import Parts

/// Parts whose checksums are right, and which say what cannot be.
@Suite struct CraftedPartTests {
    /// What has a checksum of its own, and where that is.
    private struct Piece {
        var bytes: Range<Int>
        var checksumAt: Int
        /// Of a column: the header of its block, which has that checksum and one of its own.
        var header: Range<Int>?

        /// A record, or whatever its checksum lies behind.
        init(_ offset: Int, _ count: Int) {
            bytes = offset..<offset + count
            checksumAt = offset + count
        }

        init(column place: Int, of block: BlockEntry, _ header: BlockHeader) {
            let range = header.range(place)
            bytes = block.offset + range.lowerBound..<block.offset + range.upperBound
            checksumAt = block.offset + 8 + place * 13 + 9
            self.header = block.offset..<block.offset + BlockHeader.byteCount
        }

        func seal(_ file: inout [UInt8]) {
            func write(_ range: Range<Int>, at offset: Int) {
                var writer = ByteWriter()
                writer.fixed32(checksum(file[range]))
                file.replaceSubrange(offset..<offset + 4, with: writer.bytes)
            }
            write(bytes, at: checksumAt)
            guard let header else { return }
            write(header.lowerBound..<header.upperBound - 4, at: header.upperBound - 4)
        }
    }

    private static func pieces(_ part: PartFile) throws -> [[Piece]] {
        var (records, headers, columns, pages): ([Piece], [Piece], [Piece], [Piece]) = (
            [], [], [], []
        )
        let footer = part.footer
        for index in 0..<footer.runCount {
            let entry = try part.runEntry(index)
            records.append(Piece(entry.recordOffset, entry.recordByteCount))
        }
        for index in 0..<footer.segmentCount {
            let entry = try part.segmentEntry(index)
            records.append(Piece(entry.recordOffset, entry.recordByteCount))
        }
        for index in 0..<footer.blockCount {
            let entry = try part.block(index)
            records.append(Piece(entry.offset + entry.byteCount, entry.filterByteCount))
            headers.append(Piece(entry.offset, BlockHeader.byteCount - 4))
            let header = try part.read(entry, .all).header
            for place in 0..<BlockHeader.columnCount where header.columns[place].byteCount > 0 {
                columns.append(Piece(column: place, of: entry, header))
            }
        }
        for table in [footer.blocks, footer.runs, footer.segments] {
            // What is not used of a page is not looked at.
            for page in 0..<table.pageCount {
                let offset = table.offset + page * Limits.pageBytes
                var piece = Piece(offset, Limits.pageBytes - 4)
                let count = min(table.entriesOfPage, table.count - page * table.entriesOfPage)
                piece.bytes = offset..<offset + Limits.pageBytes - 4
                pages += [Piece](repeating: piece, count: max(1, count / 4))
            }
        }
        let end = Piece(footer.offset, PartFooter.byteCount - 8)
        return [records, headers, columns, pages, [end]]
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func noQuestionTraps(seed: UInt64) throws {
        let world = try MergingWorld(seed: seed)
        var archive = try world.open()
        try archive.mergeAll()
        try ArchiveStore(archive).keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 40)
        archive = try Archive(world.folder.path, .readOnly, disk: world.disk)
        let expected = try world.answers(archive)
        let path = world.folder.path + "/parts/" + (try #require(try world.parts().first))
        let file = try world.disk.open(path, .write)
        let whole = try file.read(at: 0, count: file.byteCount())
        let pieces = try Self.pieces(PartFile(path, on: world.disk))
        let rounds = Crafting.rounds
        var random = SeededGenerator(seed: seed + Crafting.seed)
        var same = 0
        for _ in 0..<rounds {
            var bytes = whole
            let piece = pieces.filter { !$0.isEmpty }.randomElement(using: &random)!
                .randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                // What lies in front is used.
                let count = min(piece.bytes.count, 300)
                let offset = piece.bytes.lowerBound + .random(in: 0..<count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[offset] = .random(in: 0...255, using: &random)
                case 1: bytes[offset] &+= 1
                case 2: bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                default:
                    let end = min(offset + 8, piece.bytes.upperBound)
                    for index in offset..<end { bytes[index] = 0xff }
                }
            }
            piece.seal(&bytes)
            try file.write(bytes, at: 0)
            let damaged = try Archive(world.folder.path, .readOnly, disk: world.disk)
            if try world.answers(damaged) == expected { same += 1 }
            _ = try PartVerification(PartFile(path, on: world.disk)).damage()
        }
        #expect(same < rounds, "\(same) of \(rounds)")
    }
}
