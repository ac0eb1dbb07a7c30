import Disks
import Segments

/// What of a segment goes into one request.
package enum Piece {
    /// Whole frames from `offset` on, as many as fit `Limits.requestBytesMax` and `Limits.requestExpandedBytesMax` and end by
    /// `end`, which is the end of a commit. Throws where the file is not what was written.
    package static func read(
        _ file: any DiskFile, from offset: Int, to end: Int
    ) throws(SegmentError) -> [UInt8] {
        let source: BytesOnDisk
        do throws(DiskError) { source = try BytesOnDisk(file) } catch { throw .disk(error) }
        var next = offset == 0 ? min(SegmentHeader.byteCount, end) : offset
        var expanded = 0
        while next < end {
            let frame = try SegmentLayout.frame(source, at: next, end: end)
            let size = frame?.frameByteCount ?? end - next
            expanded += (frame?.orderRawCount ?? 0) + (frame?.contentRawCount ?? 0)
            if next > offset,
                next + size - offset > Limits.requestBytesMax
                    || expanded > Limits.requestExpandedBytesMax
            {
                break
            }
            next += size
        }
        return try source.bytes(at: offset, count: next - offset)
    }
}
