import Causality
import Disks
import HappensBefore
import Synchronization

/// An order file that is open for questions: it reads the blocks that these need, and keeps those that it has read.
///
/// Opening costs two reads; a process two (its facts and its directory) the first time; what an event knows, and the first
/// event that knows another, one block or as many as a binary search among the blocks of a process needs.
package final class OrderFile: CausalIndex {
    package typealias Failure = PartError

    let file: any DiskFile
    let footer: Footer
    private let cache = Mutex(Cache())

    /// What was read so far.
    package struct Reads: Hashable, Sendable {
        package var bytes = 0
        package var blocks = 0
    }

    private struct Cache {
        var reads = Reads()
        var processes: [Int: ProcessPage] = [:]
        /// By offset.
        var names: [Int: NamePage] = [:]
        var directories: [Int: Directory] = [:]
        /// By offset.
        var knowledge = BlockCache<KnowledgeBlock>()
        var facts = BlockCache<EventFactsBlock>()
        var segments: [SegmentName]?
        var isDamaged = false
    }

    /// Blocks that were read, by offset, until they are too many.
    private struct BlockCache<Block> {
        private var blocks: [Int: Block] = [:]
        private var entries = 0

        subscript(_ place: FilePlace) -> Block? { blocks[place.offset] }

        mutating func keep(_ block: Block, at place: FilePlace, entryCount: Int) {
            entries += entryCount
            if entries > Limits.cachedEntriesMax { (blocks, entries) = ([:], entryCount) }
            blocks[place.offset] = block
        }
    }

    /// Opens a file that `OrderFileWriter` wrote.
    package init(_ file: any DiskFile) throws(PartError) {
        self.file = file
        let size = file.byteCount
        let trailerBytes = 8 + OrderFileWriter.magic.count
        func damaged(_ offset: Int, _ what: String) -> PartError {
            .damaged(path: file.path, offset: max(0, offset), what: what)
        }
        guard size >= OrderFileWriter.magic.count + trailerBytes else {
            throw damaged(size, "expected an order file, found \(size) bytes")
        }
        let trailer = try Self.read(file, size - trailerBytes, trailerBytes)
        guard trailer[8...].elementsEqual(OrderFileWriter.magic) else {
            throw damaged(size - trailerBytes, "expected the end of an order file")
        }
        let length: Int
        do {
            var reader = ByteReader(trailer)
            let count = try reader.fixed32("footer")
            guard try reader.fixed32("checksum") == crc32(trailer[..<4]) else {
                throw reader.malformed("the length of the footer does not match its checksum")
            }
            length = Int(count) - FilePlace.checksumBytes
        } catch {
            throw damaged(size - trailerBytes, "\(error)")
        }
        let offset = size - trailerBytes - length - FilePlace.checksumBytes
        guard length >= 0, offset >= OrderFileWriter.magic.count else {
            throw damaged(size - trailerBytes, "expected a footer, found one of \(length) bytes")
        }
        let place = FilePlace(offset: offset, byteCount: length)
        footer = try Self.decode(place, in: file) { (reader) throws(FormatError) in
            try Footer(&reader, fileByteCount: size)
        }
        let reads = Reads(bytes: trailerBytes + length + FilePlace.checksumBytes, blocks: 1)
        cache.withLock { $0.reads = reads }
    }

    /// True where some of what was asked for could not be read.
    package var isDamaged: Bool { cache.withLock { $0.isDamaged } }

    /// What was read so far. The same questions of the same file read the same.
    package var reads: Reads { cache.withLock { $0.reads } }

    // MARK: Reading

    private static func read(
        _ file: any DiskFile, _ offset: Int, _ count: Int
    ) throws(PartError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try file.read(at: offset, count: count)
        } catch {
            throw .disk(error)
        }
        guard bytes.count == count else {
            throw .damaged(
                path: file.path, offset: offset,
                what: "expected \(count) bytes, found \(bytes.count)")
        }
        return bytes
    }

    /// Reads and decodes a block, whose checksum must be right.
    private static func decode<Value>(
        _ place: FilePlace, in file: any DiskFile,
        _ body: (inout ByteReader) throws(FormatError) -> Value
    ) throws(PartError) -> Value {
        guard place.byteCount <= Limits.blockBytesMax, place.end <= file.byteCount else {
            throw .damaged(
                path: file.path, offset: place.offset,
                what: "expected a block of \(place.byteCount) bytes, found the end of the file")
        }
        let bytes = try read(file, place.offset, place.byteCount + FilePlace.checksumBytes)
        do throws(FormatError) {
            var checksum = ByteReader(bytes, from: place.byteCount)
            guard try checksum.fixed32("checksum") == crc32(bytes[..<place.byteCount]) else {
                throw FormatError(what: "the bytes do not match their checksum", offset: 0)
            }
            var reader = ByteReader(bytes, to: place.byteCount)
            return try body(&reader)
        } catch {
            throw .damaged(path: file.path, offset: place.offset + error.offset, what: error.what)
        }
    }

    func load<Value>(
        _ place: FilePlace, _ body: (inout ByteReader) throws(FormatError) -> Value
    ) throws(PartError) -> Value {
        cache.withLock {
            $0.reads.blocks += 1
            $0.reads.bytes += place.byteCount + FilePlace.checksumBytes
        }
        do {
            return try Self.decode(place, in: file, body)
        } catch {
            cache.withLock { $0.isDamaged = true }
            throw error
        }
    }

    private func page(of process: Int) throws(PartError) -> ProcessPage {
        let pages = footer.processPages
        let index = partitionPoint(count: pages.count) { pages[$0].first <= process } - 1
        if let known = cache.withLock({ $0.processes[index] }) { return known }
        let first = pages[index].first
        let end = index + 1 < pages.count ? pages[index + 1].first : footer.processCount
        let page = try load(pages[index].place) { [footer] (reader) throws(FormatError) in
            try ProcessPage(&reader, first..<end, footer)
        }
        cache.withLock { $0.processes[index] = page }
        return page
    }

    func line(_ process: Int) throws(PartError) -> ProcessPage.Line {
        let page = try page(of: process)
        return page.lines[process - page.first]
    }

    func directory(_ process: Int) throws(PartError) -> Directory {
        if let known = cache.withLock({ $0.directories[process] }) { return known }
        let line = try line(process)
        guard let place = line.directory else { return Directory() }
        let directory = try load(place) { [footer] (reader) throws(FormatError) in
            try Directory(&reader, eventCount: line.facts.count, footer.processCount)
        }
        cache.withLock { $0.directories[process] = directory }
        return directory
    }

    private func knowledge(
        _ process: Int, _ entry: Directory.Entry
    ) throws(PartError) -> KnowledgeBlock {
        if let known = cache.withLock({ $0.knowledge[entry.place] }) { return known }
        let eventCount = try line(process).facts.count
        let block = try load(entry.place) { [footer] (reader) throws(FormatError) in
            let block = try KnowledgeBlock(
                &reader, processCount: footer.processCount, eventCount: eventCount)
            guard block.start == entry.start else {
                throw FormatError(
                    what: "expected a block from \(entry.start) on, found \(block.start)", offset: 0
                )
            }
            return block
        }
        cache.withLock {
            $0.knowledge.keep(block, at: entry.place, entryCount: block.entryCount)
        }
        return block
    }

    /// A block of facts of the events of a process, by its number among these.
    func facts(_ process: Int, _ number: Int) throws(PartError) -> EventFactsBlock {
        let (start, place) = try directory(process).facts[number]
        if let known = cache.withLock({ $0.facts[place] }) { return known }
        let eventCount = try line(process).facts.count
        let segments = try segments()
        let block = try load(place) { [footer] (reader) throws(FormatError) in
            let block = try EventFactsBlock(
                &reader, processCount: footer.processCount, eventCount: eventCount, segments)
            guard block.start == start else {
                throw FormatError(
                    what: "expected a block from \(start) on, found \(block.start)", offset: 0)
            }
            return block
        }
        cache.withLock { $0.facts.keep(block, at: place, entryCount: block.entryCount) }
        return block
    }

    private func segments() throws(PartError) -> [SegmentName] {
        if let known = cache.withLock({ $0.segments }) { return known }
        let segments = try load(footer.segments) { (reader) throws(FormatError) in
            var segments: [SegmentName] = []
            while reader.remaining > 0 {
                let agent = Identity128(bytes: try reader.bytes(16, "agent"))
                segments.append(
                    SegmentName(
                        agent: agent, segment: Identity128(bytes: try reader.bytes(16, "segment"))))
            }
            return segments
        }
        cache.withLock { $0.segments = segments }
        return segments
    }

    private func knowledge(at place: EventPosition) throws(PartError) -> KnowledgeBlock {
        let entries = try directory(place.process).entries
        let index = partitionPoint(count: entries.count) { entries[$0].start <= place.position } - 1
        guard index >= 0 else {
            throw .damaged(
                path: file.path, offset: 0,
                what: "process \(place.process) has no block with position \(place.position)")
        }
        return try knowledge(place.process, entries[index])
    }
}

extension OrderFile {
    package var execution: String { footer.execution }
    package var processCount: Int { footer.processCount }
    /// How many events it tells of.
    package var eventCount: Int { footer.eventCount }

    package func index(of process: ProcessID) throws(PartError) -> Int? {
        for number in try numbers(of: NameHash.of(process), in: footer.namePages)
        where try line(number).facts.id == process { return number }
        return nil
    }

    /// What a process is called that an event refers to; nil where that may be one of several. The events here refer to nothing
    /// else, and no two of their references have one hash.
    package func name(of reference: ProcessReference) throws(PartError) -> ProcessID? {
        let number = try numbers(of: NameHash.of(reference), in: footer.referencePages).first
        return try number.map { (number) throws(PartError) in try id(of: number) }
    }

    private func numbers(
        of hash: UInt64, in pages: [(first: UInt64, place: FilePlace)]
    ) throws(PartError) -> [Int] {
        // Those of one hash may lie on two pages.
        var page = max(0, partitionPoint(count: pages.count) { pages[$0].first < hash } - 1)
        var numbers: [Int] = []
        while page < pages.count, pages[page].first <= hash {
            numbers += try names(pages[page].place).numbers(of: hash)
            page += 1
        }
        return numbers
    }

    private func names(_ place: FilePlace) throws(PartError) -> NamePage {
        if let known = cache.withLock({ $0.names[place.offset] }) { return known }
        let page = try load(place) { [footer] (reader) throws(FormatError) in
            try NamePage(&reader, processCount: footer.processCount)
        }
        cache.withLock { $0.names[place.offset] = page }
        return page
    }

    package func id(of process: Int) throws(PartError) -> ProcessID {
        try line(process).facts.id
    }

    package func facts(of process: Int) throws(PartError) -> ProcessFacts {
        try line(process).facts
    }

    package func gaps(of process: Int) throws(PartError) -> [Gap] { try line(process).gaps }

    package func sequences(of process: Int) throws(PartError) -> SequenceRuns {
        try line(process).sequences
    }

    package func implied(by process: Int) throws(PartError) -> [EventKey] {
        try line(process).implied
    }

    package func unlinkedProcesses() -> [Int] { footer.unlinked }

    package func ruledOut() -> [EventKey] { footer.ruledOut }

    package func ruling(on event: EventKey) throws(PartError) -> EventKey? {
        try line(event.process).rulings[event.sequence]
    }

    package func known(of process: Int, at place: EventPosition) throws(PartError) -> UInt64 {
        if process == place.process {
            return try sequences(of: process)[place.position]
        }
        return try knowledge(at: place).known(of: process, at: place.position)
    }

    package func known(at place: EventPosition) throws(PartError) -> [EventKey] {
        try knowledge(at: place).known(at: place.position)
    }

    package func learned(
        by process: Int, in positions: Range<Int>
    ) throws(PartError) -> [Arrival] {
        let entries = try directory(process).entries
        var index = max(
            0,
            partitionPoint(count: entries.count) { entries[$0].start <= positions.lowerBound } - 1)
        var learned: [Arrival] = []
        while index < entries.count, entries[index].start < positions.upperBound {
            learned += try knowledge(process, entries[index]).learned(in: positions)
            index += 1
        }
        return learned
    }

    package func firstPosition(
        knowing event: EventKey, in process: Int
    ) throws(PartError) -> Int? {
        let entries = try directory(process).entries
        // Along a process knowledge only grows: the last block at whose start the event is not known.
        let index =
            try partitionPoint(count: entries.count) { (index) throws(PartError) in
                try knowledge(process, entries[index]).floor(of: event.process) < event.sequence
            } - 1
        guard index >= 0 else { return nil }
        let found = try knowledge(process, entries[index]).firstPosition(knowing: event)
        // What the next block knows from its start on, its first event does.
        return found ?? (index + 1 < entries.count ? entries[index + 1].start : nil)
    }

    package func uncertainty(at place: EventPosition) throws(PartError) -> Uncertainty? {
        try knowledge(at: place).uncertainty(at: place.position)
    }

    package func firstCertain(from place: EventPosition) throws(PartError) -> Int? {
        if let position = try knowledge(at: place).firstCertain(from: place.position) {
            return position
        }
        let entries = try directory(place.process).entries
        return entries.first { $0.start > place.position && $0.firstCertain != nil }?.firstCertain
    }

    package func learned(fromMissing send: EventKey) throws(PartError) -> [EventKey] {
        try directory(send.process).learned[send.sequence] ?? []
    }

    package func stamp(at place: EventPosition) throws(PartError) -> Stamp {
        try knowledge(at: place).stamp(at: place.position)
    }
}
