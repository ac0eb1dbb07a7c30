import Causality
import Disks
import Segments
import Synchronization

/// A part that is open for reading. It holds the footer and some pages; everything else is read when it is asked for.
/// Calls block on the disk: never make them on the cooperative pool.
package final class PartFile: Sendable {
    package let path: String
    /// Empty where it is damaged.
    package let footer: PartFooter
    /// What is wrong with the footer: then blocks are found by walking (`walk`) only.
    package let damage: PartError?
    /// What is wrong with the header. It costs nothing: the footer says all of it too.
    package let headerDamage: PartError?
    let file: any DiskFile
    private let state = Mutex(State())

    private struct State {
        var counts = Counts()
        /// The pages that were read last, by where they lie.
        var pages: [Int: [UInt8]] = [:]
        var order: [Int] = []
    }

    /// What reading cost so far.
    package struct Counts: Hashable, Sendable {
        package var bytesRead = 0
        package var pagesRead = 0
        package var blocksOpened = 0
    }

    /// How much of a block is read.
    package enum Depth: Sendable {
        /// Where its rows came from.
        case sources
        /// What ordering needs.
        case order
        /// That, and what `StoredBlock.headings()` needs; nothing else, but where that is much.
        case headings
        case all
    }

    /// Opens a part: reads its header and footer.
    package init(_ path: String, on disk: any Disk) throws(PartError) {
        self.path = path
        let file = try PartError.onDisk { () throws(DiskError) in try disk.open(path, .read) }
        var footer = PartFooter(
            blockCount: 0, runCount: 0, segmentCount: 0, eventCount: 0, tablesOffset: 0)
        let headerDamage = try PartFile.damage { () throws(PartError) in
            try PartFile.checkHeader(file, path)
        }
        let damage = try PartFile.damage { () throws(PartError) in
            footer = try PartFile.footer(of: file, path)
        }
        self.file = file
        self.footer = footer
        self.headerDamage = headerDamage
        self.damage = damage.map { headerDamage ?? $0 }
    }

    /// What reading finds wrong with a file. Throws where reading itself fails.
    private static func damage(
        _ read: () throws(PartError) -> Void
    ) throws(PartError) -> PartError? {
        do throws(PartError) {
            try read()
            return nil
        } catch {
            if case .disk = error { throw error }
            return error
        }
    }

    private static func footer(
        of file: any DiskFile, _ path: String
    ) throws(PartError) -> PartFooter {
        let size = try PartError.onDisk { () throws(DiskError) in
            try file.status().byteCount
        }
        let start = max(0, size - PartFooter.byteCount)
        let bytes = try PartError.onDisk { () throws(DiskError) in
            try file.read(at: start, count: PartFooter.byteCount)
        }
        return try PartError.decoding(path, at: start) { () throws(FormatError) in
            try PartFooter(decoding: bytes, fileByteCount: size)
        }
    }

    private static func checkHeader(_ file: any DiskFile, _ path: String) throws(PartError) {
        let head = try PartError.onDisk { () throws(DiskError) in
            try file.read(at: 0, count: PartWriter.headerByteCount)
        }
        try PartError.decoding(path, at: 0) { () throws(FormatError) in
            var reader = ByteReader(head)
            guard try reader.bytes(8, "part header") == PartWriter.magic else {
                throw FormatError(what: "not a part: the magic number is wrong", offset: 0)
            }
            let version = try reader.fixed16("part header")
            _ = try reader.fixed16("part header")
            let (expected, found) = (
                try reader.fixed32("part header"), checksum(head[..<12])
            )
            guard expected == found else {
                throw wrongChecksum("part header", expected, found, at: 0)
            }
            guard version == PartWriter.version else {
                throw FormatError(
                    what:
                        "part of version \(version): this program reads version \(PartWriter.version)",
                    offset: 8)
            }
        }
    }

    /// Bytes of the file as its footer has it.
    package var byteCount: Int { footer.offset + PartFooter.byteCount }

    package var counts: Counts { state.withLock { $0.counts } }

    func bytes(at offset: Int, count: Int) throws(PartError) -> [UInt8] {
        let file = file
        let bytes = try PartError.onDisk { () throws(DiskError) in
            try file.read(at: offset, count: count)
        }
        state.withLock { $0.counts.bytesRead += bytes.count }
        return bytes
    }

    private func page(_ page: Int, of table: PagedTable) throws(PartError) -> [UInt8] {
        let offset = table.offset + page * Limits.pageBytes
        if let known = state.withLock({ $0.pages[offset] }) { return known }
        let bytes = try bytes(at: offset, count: Limits.pageBytes)
        try PartError.decoding(path, at: offset) { () throws(FormatError) in
            try table.check(bytes, page: page)
        }
        state.withLock { state in
            state.counts.pagesRead += 1
            guard state.pages.updateValue(bytes, forKey: offset) == nil else { return }
            state.order.append(offset)
            if state.order.count > Limits.pagesKeptMax {
                state.pages[state.order.removeFirst()] = nil
            }
        }
        return bytes
    }

    /// An entry of a table, and where it lies.
    private func entry(
        _ index: Int, of table: PagedTable
    ) throws(PartError) -> (bytes: [UInt8], offset: Int) {
        let (page, place) = index.quotientAndRemainder(dividingBy: table.entriesOfPage)
        let bytes = try self.page(page, of: table)
        let start = place * table.entryByteCount
        return (
            Array(bytes[start..<start + table.entryByteCount]),
            table.offset + page * Limits.pageBytes + start
        )
    }

    /// A record at a place, without its checksum.
    func record(_ what: String, at offset: Int, count: Int) throws(PartError) -> [UInt8] {
        let bytes = try bytes(at: offset, count: count + 4)
        return try PartError.decoding(path, at: offset) { () throws(FormatError) in
            guard bytes.count == count + 4 else {
                throw FormatError(
                    what: "\(what): expected \(count + 4) bytes, found \(bytes.count)", offset: 0)
            }
            var reader = ByteReader(bytes, from: count)
            let (expected, found) = (try reader.fixed32(what), checksum(bytes[..<count]))
            guard expected == found else { throw wrongChecksum(what, expected, found, at: 0) }
            return Array(bytes[..<count])
        }
    }
}

// Runs and segments.
extension PartFile {
    func runEntry(_ index: Int) throws(PartError) -> RunEntry {
        let (bytes, offset) = try entry(index, of: footer.runs)
        let entry = try PartError.decoding(path, at: offset) { () throws(FormatError) in
            try RunEntry(decoding: bytes)
        }
        guard entry.firstBlock + entry.blockCount <= footer.blockCount else {
            throw .damaged(path: path, offset: offset, what: "run entry: blocks that are not there")
        }
        return entry
    }

    /// A process of the part, by its place in the table of runs.
    package func run(_ index: Int) throws(PartError) -> PartRun {
        let entry = try runEntry(index)
        let bytes = try record(
            "run \(index)", at: entry.recordOffset, count: entry.recordByteCount)
        let key = try PartError.decoding(path, at: entry.recordOffset) { () throws(FormatError) in
            try ProcessKey(decoding: bytes)
        }
        return PartRun(
            key: key, blocks: entry.firstBlock..<entry.firstBlock + entry.blockCount,
            last: entry.last, taken: entry.taken)
    }

    /// The first index of a table of which `isReached` holds; it holds of all that follow. O(log count) pages.
    private func partition(
        _ range: Range<Int>, _ isReached: (Int) throws(PartError) -> Bool
    ) throws(PartError) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if try isReached(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The processes of an execution, or those of one run of it: several where it bears several names. O(log runs) pages,
    /// and a record for each that is found.
    package func runs(
        of execution: String, identity: Identity128? = nil
    ) throws(PartError) -> [PartRun] {
        let name = RunPlace.name(ofExecution: execution)
        let wanted = (name, identity ?? Identity128(high: 0, low: 0))
        let first = try partition(0..<footer.runCount) { index throws(PartError) in
            let entry = try runEntry(index)
            if entry.execution != wanted.0 {
                return RunPlace.isBefore(wanted.0, entry.execution)
            }
            return !RunPlace.isBefore(entry.identity, wanted.1)
        }
        var runs: [PartRun] = []
        for index in first..<footer.runCount {
            let entry = try runEntry(index)
            guard entry.execution == name, identity == nil || entry.identity == identity else {
                break
            }
            let run = try run(index)
            // Two names of one hash are two executions.
            if ExactText.isSame(run.key.execution, execution) { runs.append(run) }
        }
        return runs
    }

    func segmentEntry(_ index: Int) throws(PartError) -> SegmentEntry {
        let (bytes, offset) = try entry(index, of: footer.segments)
        return try PartError.decoding(path, at: offset) { () throws(FormatError) in
            try SegmentEntry(decoding: bytes)
        }
    }

    func segmentRecord(_ entry: SegmentEntry) throws(PartError) -> [UInt8] {
        try record(
            "segment \(entry.segment)", at: entry.recordOffset, count: entry.recordByteCount)
    }

    /// A segment whose events are here, by its place in the table of segments.
    package func segment(_ index: Int) throws(PartError) -> MergedSegment {
        let entry = try segmentEntry(index)
        let bytes = try segmentRecord(entry)
        return try PartError.decoding(path, at: entry.recordOffset) { () throws(FormatError) in
            try MergedSegment(decoding: bytes)
        }
    }
}

// Blocks.
extension PartFile {
    /// What the index says of a block.
    package func block(_ index: Int) throws(PartError) -> BlockEntry {
        let (bytes, offset) = try entry(index, of: footer.blocks)
        return try PartError.decoding(path, at: offset) { () throws(FormatError) in
            try BlockEntry(decoding: bytes)
        }
    }

    /// The blocks of a run among whose numbers this one is: one, but for forks. O(log blocks) pages.
    package func blocks(
        of run: PartRun, at sequence: UInt64
    ) throws(PartError) -> [BlockEntry] {
        var next = try partition(run.blocks) { index throws(PartError) in
            try block(index).first > sequence
        }
        var found: [BlockEntry] = []
        while next > run.blocks.lowerBound {
            next -= 1
            let entry = try block(next)
            guard entry.lastReach >= sequence else { break }
            if entry.first <= sequence, entry.last >= sequence { found.insert(entry, at: 0) }
        }
        return found
    }

    /// What the blocks of a run take that have no number above another. O(its blocks).
    package func byteCount(of run: PartRun, upTo last: UInt64) throws(PartError) -> Int {
        var byteCount = 0
        for index in run.blocks {
            let entry = try block(index)
            if entry.last <= last { byteCount += entry.byteCount + entry.filterByteCount }
        }
        return byteCount
    }

    /// How many rows of a run have a number above another. O(its blocks); reads the block that has both.
    package func count(of run: PartRun, after last: UInt64) throws(PartError) -> Int {
        var count = 0
        for index in run.blocks {
            let entry = try block(index)
            if entry.first > last {
                count += entry.rowCount
            } else if entry.last > last {
                let sequences = try causality(of: entry).batch.sequences
                count += sequences.count { $0 > last }
            }
        }
        return count
    }

    /// The blocks of a run that may have events in a span of wall time, in nanoseconds. O(log blocks) pages, and those of
    /// blocks that are found.
    package func blocks(
        of run: PartRun, during span: ClosedRange<Int64>
    ) throws(PartError) -> [BlockEntry] {
        var next = try partition(run.blocks) { index throws(PartError) in
            try block(index).timeReach >= span.lowerBound
        }
        var found: [BlockEntry] = []
        while next < run.blocks.upperBound {
            let entry = try block(next)
            if entry.timeFloor > span.upperBound { break }
            if entry.timeMin <= span.upperBound, entry.timeMax >= span.lowerBound {
                found.append(entry)
            }
            next += 1
        }
        return found
    }

    /// Reads a block, in one read.
    package func read(_ entry: BlockEntry, _ depth: Depth) throws(PartError) -> StoredBlock {
        let count =
            switch depth {
            case .sources: entry.sourcesByteCount
            case .order: entry.orderByteCount
            case .headings: min(entry.byteCount, entry.orderByteCount + Limits.headingsBytesMax)
            case .all: entry.byteCount
            }
        let bytes = try bytes(at: entry.offset, count: count)
        state.withLock { $0.counts.blocksOpened += 1 }
        let block = try PartError.decoding(path, at: entry.offset) { () throws(FormatError) in
            try StoredBlock(decoding: bytes, at: entry.offset)
        }
        guard block.header.blockByteCount == entry.byteCount,
            block.header.orderByteCount == entry.orderByteCount,
            block.header.sourcesByteCount == entry.sourcesByteCount,
            block.header.rowCount == entry.rowCount
        else {
            throw .damaged(
                path: path, offset: entry.offset,
                what:
                    "a block of \(block.header.blockByteCount) bytes and \(block.header.rowCount) "
                    + "rows: the index says \(entry.byteCount) and \(entry.rowCount)")
        }
        if depth == .headings, count < block.header.range(BlockHeader.place(.forms)).upperBound {
            return try read(entry, .all)
        }
        return block
    }

    /// Does what decodes a block; what is wrong is told with its place in the file.
    package func decode<Result>(
        _ block: StoredBlock, _ body: (StoredBlock) throws(FormatError) -> Result
    ) throws(PartError) -> Result {
        try PartError.decoding(path, at: block.offset) { () throws(FormatError) in
            try body(block)
        }
    }

    /// The words of a block.
    package func filter(_ entry: BlockEntry) throws(PartError) -> WordFilter {
        let bytes = try filterBytes(entry)
        return try PartError.decoding(path, at: entry.offset + entry.byteCount) {
            () throws(FormatError) in try WordFilter(decoding: bytes)
        }
    }

    func filterBytes(_ entry: BlockEntry) throws(PartError) -> [UInt8] {
        try record("filter", at: entry.offset + entry.byteCount, count: entry.filterByteCount)
    }
}
