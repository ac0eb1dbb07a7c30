import Causality
import Disks
import Segments

// Finding blocks where the index is damaged.
extension PartFile {
    /// The blocks of the file that have an intact header, found by walking through it from the start. What the index says of
    /// them besides is not known. O(bytes).
    package func walk() throws(PartError) -> [BlockEntry] {
        let end = try PartError.onDisk { () throws(DiskError) in try file.status().byteCount }
        var found: [BlockEntry] = []
        var offset = PartWriter.headerByteCount
        while offset < end {
            if let header = try blockHeader(at: offset) {
                found.append(BlockEntry(header, at: offset))
                offset += header.blockByteCount
            } else {
                offset = try nextMagic(from: offset + 1, to: end)
            }
        }
        return found
    }

    private func blockHeader(at offset: Int) throws(PartError) -> BlockHeader? {
        try? BlockHeader(atStartOf: try bytes(at: offset, count: BlockHeader.byteCount))
    }

    /// Where the first letter of the next thing lies that may be a block.
    private func nextMagic(from start: Int, to end: Int) throws(PartError) -> Int {
        let window = 64 << 10
        var position = start
        while position < end {
            let bytes = try bytes(at: position, count: min(window + 3, end - position))
            for index in bytes.indices.dropLast(3)
            where bytes[index] == BlockHeader.magic[0]
                && bytes[index..<index + 4].elementsEqual(BlockHeader.magic)
            {
                return position + index
            }
            position += window
        }
        return end
    }
}

extension BlockEntry {
    /// What a block says of itself.
    fileprivate init(_ header: BlockHeader, at offset: Int) {
        (first, last, rowCount) = (1, 1, header.rowCount)
        (timeMin, timeMax, levelMax) = (.max, .min, 0)
        (lastReach, timeReach, timeFloor) = (1, .min, .max)
        self.offset = offset
        sourcesByteCount = header.sourcesByteCount
        orderByteCount = header.orderByteCount
        byteCount = header.blockByteCount
        filterByteCount = 0
    }
}
