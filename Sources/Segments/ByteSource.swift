import Disks

/// Where the bytes of a segment are read from.
package protocol ByteSource: ~Copyable {
    var byteCount: Int { get }
    /// Up to `count` bytes from `offset` on; fewer where the source ends.
    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8]
}

extension ByteSource where Self: ~Copyable {
    /// As `read`, for what fails in more than one way.
    package func bytes(at offset: Int, count: Int) throws(SegmentError) -> [UInt8] {
        do throws(DiskError) {
            return try read(at: offset, count: count)
        } catch {
            throw .disk(error)
        }
    }
}

/// Bytes in memory, which lie at `start` of a segment.
package struct BytesInMemory: ByteSource {
    private let bytes: [UInt8]
    private let start: Int

    package init(_ bytes: [UInt8], at start: Int = 0) {
        self.bytes = bytes
        self.start = start
    }

    package var byteCount: Int { start + bytes.count }

    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        let from = max(0, min(offset - start, bytes.count))
        return Array(bytes[from..<min(from + count, bytes.count)])
    }
}

/// The bytes of an open file.
package struct BytesOnDisk: ByteSource {
    private let file: any DiskFile
    /// How many it had when this was made.
    package let byteCount: Int

    package init(_ file: any DiskFile) throws(DiskError) {
        self.file = file
        byteCount = try file.byteCount()
    }

    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        try file.read(at: offset, count: count)
    }
}

extension SegmentScanner where Source == BytesOnDisk {
    /// Scans a file, from its start.
    package init(_ file: any DiskFile) throws(SegmentError) {
        do throws(DiskError) {
            self.init(try BytesOnDisk(file))
        } catch {
            throw .disk(error)
        }
    }
}
