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

    /// What the blocks say that are found by walking: how far each process goes, and which segments rows came from. O(bytes).
    package func walkedContents() throws(PartError) -> WalkedPart {
        var contents = WalkedPart()
        for entry in try walk() {
            do throws(PartError) {
                contents.add(try causality(of: entry))
            } catch {
                if case .disk = error { throw error }
                // Asking for its events tells of it.
            }
        }
        return contents
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

/// What is found in a part whose index cannot be read.
package struct WalkedPart: Sendable {
    /// By process, the highest number, and how many events came: those that came twice count twice.
    package private(set) var runs: [ProcessKey: (last: UInt64, taken: Int)] = [:]
    package private(set) var segments: Set<SegmentHeader> = []
    package private(set) var eventCount = 0

    fileprivate mutating func add(_ block: BlockEvents) {
        guard let key = block.batch.processes.first, let last = block.batch.sequences.max() else {
            return
        }
        let known = runs[key] ?? (0, 0)
        let taken = block.sources.all.reduce(0) { $0 + $1.rows.count }
        runs[key] = (max(known.last, last), known.taken + taken)
        eventCount += block.batch.count
        segments.formUnion(block.sources.all.map(\.segment))
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
