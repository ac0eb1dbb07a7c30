import Causality
import Segments

/// The head of a block, of a fixed size: how many events it has, and what each column takes. Grammar in `EncodedBlock.swift`.
package struct BlockHeader: Hashable, Sendable {
    package var rowCount: Int
    /// In the order in which they lie in the file.
    package var columns: [Column]

    package struct Column: Hashable, Sendable {
        package var codec: Codec
        /// Bytes as they are stored.
        package var byteCount: Int
        /// Bytes before compression.
        package var rawCount: Int
        var checksum: UInt32
    }

    static let magic = Array("LCBK".utf8)
    /// The sources, then the columns of rows by their numbers.
    package static let columnCount = 1 + RowColumn.allCases.count
    package static let byteCount = 8 + columnCount * 13 + 4

    /// The place of a column of rows.
    static func place(_ column: RowColumn) -> Int { 1 + Int(column.rawValue) }

    /// Where a column lies in the block.
    package func range(_ place: Int) -> Range<Int> {
        let start = columns[..<place].reduce(BlockHeader.byteCount) { $0 + $1.byteCount }
        return start..<start + columns[place].byteCount
    }

    /// Bytes up to the end of the sources, of what ordering needs, and of all.
    package var sourcesByteCount: Int { range(0).upperBound }
    package var orderByteCount: Int { range(BlockHeader.place(.causes)).upperBound }
    package var blockByteCount: Int { range(BlockHeader.columnCount - 1).upperBound }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed32(UInt32(rowCount))
        for column in columns {
            writer.byte(column.codec.rawValue)
            writer.fixed32(UInt32(column.byteCount))
            writer.fixed32(UInt32(column.rawCount))
            writer.fixed32(column.checksum)
        }
        writer.fixed32(checksum(writer.bytes))
        return writer.bytes
    }

    init(rowCount: Int, columns: [Column]) {
        self.rowCount = rowCount
        self.columns = columns
    }

    /// The header at the start of `bytes`, whatever follows. Every size is within the limits then.
    package init(atStartOf bytes: [UInt8]) throws(FormatError) {
        guard bytes.starts(with: Self.magic) else {
            throw FormatError(what: "expected a block, found something else", offset: 0)
        }
        guard bytes.count >= Self.byteCount else {
            throw FormatError(
                what: "block header: expected \(Self.byteCount) bytes, found \(bytes.count)",
                offset: 0)
        }
        var check = ByteReader(bytes, from: Self.byteCount - 4)
        let (expected, found) = (
            try check.fixed32("block header"), checksum(bytes[..<(Self.byteCount - 4)])
        )
        guard expected == found else { throw wrongChecksum("block header", expected, found, at: 0) }
        var reader = ByteReader(bytes, from: 4)
        rowCount = Int(try reader.fixed32("block header"))
        guard (1...Limits.blockRowsMax).contains(rowCount) else {
            throw reader.malformed(
                "rows of a block: expected 1 to \(Limits.blockRowsMax), found \(rowCount)")
        }
        columns = []
        var total = 0
        for _ in 0..<Self.columnCount {
            let number = try reader.byte("block header")
            let sizes = [try reader.fixed32("block header"), try reader.fixed32("block header")]
            guard let codec = Codec(rawValue: number) else {
                throw reader.malformed("codec: \(number) is unknown to this program")
            }
            total += Int(sizes[1])
            guard sizes[0] <= Limits.blockExpandedBytesMax, total <= Limits.blockExpandedBytesMax
            else {
                throw reader.malformed(
                    "block: it expands to more than \(Limits.blockExpandedBytesMax) bytes")
            }
            columns.append(
                Column(
                    codec: codec, byteCount: Int(sizes[0]), rawCount: Int(sizes[1]),
                    checksum: try reader.fixed32("block header")))
        }
    }
}

/// The error of bytes whose checksum is another one.
func wrongChecksum(
    _ what: String, _ expected: UInt32, _ found: UInt32, at offset: Int
) -> FormatError {
    func text(_ value: UInt32) -> String { String(value, radix: 16) }
    return FormatError(
        what:
            "\(what): the checksum is wrong: expected \(text(expected)), found \(text(found))",
        offset: offset)
}
