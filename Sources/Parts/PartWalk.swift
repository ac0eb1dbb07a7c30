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

    /// What a part that is damaged still says of what it holds: its index, and where that does not tell all, its blocks. O(bytes).
    package func remains() throws(PartError) -> PartRemains {
        var remains = PartRemains()
        var isWhole = damage == nil
        func take(_ body: () throws(PartError) -> Void) throws(PartError) {
            do throws(PartError) {
                try body()
            } catch {
                // Asking for its events tells of it.
                if case .disk = error { throw error }
                isWhole = false
            }
        }
        for index in 0..<footer.runCount {
            try take { () throws(PartError) in
                let run = try run(index)
                remains.add(run.key, last: run.last, taken: run.taken)
            }
        }
        for index in 0..<footer.segmentCount {
            try take { () throws(PartError) in remains.add(try segment(index)) }
        }
        if isWhole { return remains }
        var walked = PartRemains()
        for entry in try walk() {
            try take { () throws(PartError) in walked.add(try causality(of: entry)) }
        }
        remains.add(walked)
        return remains
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

/// What is found in a part that is damaged.
package struct PartRemains: Sendable {
    /// By process, the highest number, and how many events came: those that came twice count twice.
    package private(set) var runs: [ProcessKey: (last: UInt64, taken: Int)] = [:]
    /// Of those that only blocks tell of, it is not known how many bytes they had: 1, since they had some.
    package private(set) var segments: [MergedSegment] = []
    private var known: Set<SegmentHeader> = []

    package var eventCount: Int { runs.values.reduce(0) { $0 + $1.taken } }

    fileprivate mutating func add(_ key: ProcessKey, last: UInt64, taken: Int) {
        let known = runs[key] ?? (0, 0)
        runs[key] = (max(known.last, last), known.taken + taken)
    }

    fileprivate mutating func add(_ segment: MergedSegment) {
        if known.insert(segment.header).inserted { segments.append(segment) }
    }

    fileprivate mutating func add(_ block: BlockEvents) {
        guard let key = block.batch.processes.first, let last = block.batch.sequences.max() else {
            return
        }
        add(key, last: last, taken: block.sources.all.reduce(0) { $0 + $1.rows.count })
        add(block.sources.all.map(\.segment))
    }

    /// What the blocks say, where the index does not.
    fileprivate mutating func add(_ walked: PartRemains) {
        for (key, run) in walked.runs where runs[key] == nil { runs[key] = run }
        add(walked.segments.map(\.header))
    }

    private mutating func add(_ headers: [SegmentHeader]) {
        for header in headers { add(MergedSegment(header: header, byteCount: 1, digest: [])) }
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
