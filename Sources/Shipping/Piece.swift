import Disks
import Segments

/// What of a segment goes into one request.
package enum Piece {
    /// Whole blocks from `offset` on, as many as fit `Limits.requestBytesMax` and end by `end`, which is the
    /// end of a commit. Throws where the file is not what was written.
    package static func read(
        _ file: any DiskFile, from offset: Int, to end: Int
    ) throws(SegmentError) -> [UInt8] {
        let source = BytesOnDisk(file)
        var next = offset == 0 ? min(SegmentHeader.byteCount, end) : offset
        while next < end {
            let size = try SegmentLayout.byteCount(source, at: next, end: end)
            if next > offset, next + size - offset > Limits.requestBytesMax { break }
            next += size
        }
        return try source.bytes(at: offset, count: next - offset)
    }
}
