import Causality
import Segments

/// A file whose bytes are guarded by checksums, piece by piece: what an input changes of it is sealed again, so that decoders
/// see it.
struct SealedFile {
    /// Bytes that have a checksum, and where that is; what guards that one in turn.
    struct Piece {
        var bytes: Range<Int>
        var checksumAt: Int
        var outer: (bytes: Range<Int>, checksumAt: Int)?

        /// Bytes with their checksum behind them.
        init(_ bytes: Range<Int>) {
            self.bytes = bytes
            checksumAt = bytes.upperBound
        }
    }

    let bytes: [UInt8]
    let pieces: [Piece]

    /// The file as an input changes it: for each change a piece u16, an offset u16, a byte that says what, and its bytes.
    func changed(by input: [UInt8]) -> [UInt8] {
        var (file, input) = (bytes, Input(input))
        var rounds = 0
        while !input.isAtEnd, rounds < 16 {
            rounds += 1
            let piece = pieces[input.number16() % pieces.count]
            let offset = piece.bytes.lowerBound + input.number16() % piece.bytes.count
            let what = input.byte()
            let end = min(offset + 1 + Int(what >> 2 & 15), piece.bytes.upperBound)
            switch what & 3 {
            case 0: for index in offset..<end { file[index] = input.byte() }
            case 1: file[offset] &+= input.byte()
            case 2: for index in offset..<end { file[index] = 0xff }
            default:
                let other = pieces[input.number16() % pieces.count].bytes
                for (index, from) in zip(offset..<end, other) { file[index] = bytes[from] }
            }
            seal(piece, in: &file)
        }
        return file
    }

    private func seal(_ piece: Piece, in file: inout [UInt8]) {
        write(piece.bytes, at: piece.checksumAt, &file)
        if let outer = piece.outer { write(outer.bytes, at: outer.checksumAt, &file) }
    }

    private func write(_ range: Range<Int>, at offset: Int, _ file: inout [UInt8]) {
        var writer = ByteWriter()
        writer.fixed32(checksum(file[range]))
        file.replaceSubrange(offset..<offset + 4, with: writer.bytes)
    }

    /// The bytes from `start` on that the next four are the checksum of: the fewest; nil where none are up to `end`.
    static func piece(_ bytes: [UInt8], from start: Int, to end: Int) -> Range<Int>? {
        var (last, found) = (start, checksum([]))
        while last + 4 <= end {
            var reader = ByteReader(bytes, from: last)
            if last > start, (try? reader.fixed32("checksum")) == found { return start..<last }
            found = checksum(bytes[start...last])
            last += 1
        }
        return nil
    }
}
