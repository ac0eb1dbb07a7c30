import Causality
import Disks
import HappensBefore
import Segments
import Synchronization

/// An order file that is open for questions: it reads the blocks that these need, and keeps those that it has read.
///
/// Opening costs two reads; a process two (its facts and its directory) the first time; what an event knows of another process
/// one piece of some kilobytes, or none where no event of its process knows that one; the first event that knows another as many as a binary search among the blocks of a process
/// needs, of which all but one are read for what was known at their start alone.
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
        var certainty = BlockCache<CertaintyBlock>()
        var floors = BlockCache<KnowledgeFloors>()
        var knowledge = BlockCache<KnowledgePiece>()
        var steps = BlockCache<KnownSteps>()
        var facts = BlockCache<EventFactsBlock>()
        var segments: [SegmentName]?
        var ends: [Int] = []
        var isDamaged = false
    }

    /// Blocks that were read, or what they say of one process, until they are too many.
    private struct BlockCache<Block> {
        private struct Key: Hashable {
            let offset: Int
            let process: Int
        }
        private var blocks: [Key: Block] = [:]
        private var entries = 0

        subscript(_ place: FilePlace, of process: Int = 0) -> Block? {
            blocks[Key(offset: place.offset, process: process)]
        }

        mutating func keep(
            _ block: Block, at place: FilePlace, of process: Int = 0, entryCount: Int
        ) {
            entries += entryCount
            if entries > Limits.cachedEntriesMax { (blocks, entries) = ([:], entryCount) }
            blocks[Key(offset: place.offset, process: process)] = block
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
            guard try checksum.fixed32("checksum") == Segments.checksum(bytes[..<place.byteCount])
            else {
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
            try Directory(&reader, line.base..<line.facts.count, footer.processCount)
        }
        cache.withLock { $0.directories[process] = directory }
        return directory
    }

    private func certainty(
        at place: EventPosition, _ entry: Directory.Entry
    ) throws(PartError) -> CertaintyBlock {
        if let known = cache.withLock({ $0.certainty[entry.certainty] }) { return known }
        let eventCount = try line(place.process).facts.count
        let block = try load(entry.certainty) { [footer] (reader) throws(FormatError) in
            let block = try CertaintyBlock(
                &reader, processCount: footer.processCount, eventCount: eventCount)
            try reader.expect(block.start, entry.start)
            return block
        }
        cache.withLock {
            $0.certainty.keep(block, at: entry.certainty, entryCount: block.entryCount)
        }
        return block
    }

    /// What was known at the start of a block, of those processes of which one of its pieces tells.
    private func floors(
        _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnowledgeFloors {
        if let known = cache.withLock({ $0.floors[place] }) { return known }
        let eventCount = try line(process).facts.count
        let floors = try load(place) { [footer] (reader) throws(FormatError) in
            let floors = try KnowledgeFloors(
                &reader, processCount: footer.processCount, eventCount: eventCount)
            try reader.expect(floors.start, entry.start)
            return floors
        }
        cache.withLock { $0.floors.keep(floors, at: place, entryCount: floors.entryCount) }
        return floors
    }

    /// One of the pieces of a block.
    private func knowledge(
        _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnowledgePiece {
        if let known = cache.withLock({ $0.knowledge[place] }) { return known }
        let floors = try floors(process, entry, at: place)
        let eventCount = try line(process).facts.count
        let piece = try expand(place) { () throws(FormatError) in
            try floors.steps(eventCount: eventCount)
        }
        cache.withLock { $0.knowledge.keep(piece, at: place, entryCount: piece.entryCount) }
        return piece
    }

    /// What the events of a block know of another process, of which one of its pieces tells; nil where it tells nothing.
    private func steps(
        of other: Int, _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnownSteps? {
        if let known = cache.withLock({ $0.steps[place, of: other] }) { return known }
        let floors = try floors(process, entry, at: place)
        guard let index = floors.place(of: other) else { return nil }
        let eventCount = try line(process).facts.count
        let steps = try expand(place) { () throws(FormatError) in
            try floors.steps(of: index, eventCount: eventCount)
        }
        cache.withLock {
            $0.steps.keep(steps, at: place, of: other, entryCount: steps.entryCount)
        }
        return steps
    }

    private func expand<Value>(
        _ place: FilePlace, _ body: () throws(FormatError) -> Value
    ) throws(PartError) -> Value {
        do {
            return try body()
        } catch {
            cache.withLock { $0.isDamaged = true }
            throw .damaged(path: file.path, offset: place.offset, what: error.what)
        }
    }

    /// The piece of a block that tells what is known of another process; nil where none does.
    private func piece(
        of other: Int, _ directory: Directory, _ entry: Directory.Entry
    ) -> FilePlace? {
        let first = entry.pieces.lowerBound
        let count = partitionPoint(count: entry.pieces.count) {
            directory.pieces[first + $0].first <= other
        }
        return count == 0 ? nil : directory.pieces[first + count - 1].place
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
            try reader.expect(block.start, start)
            return block
        }
        cache.withLock { $0.facts.keep(block, at: place, entryCount: block.entryCount) }
        return block
    }

    private func segments() throws(PartError) -> [SegmentName] {
        if let known = cache.withLock({ $0.segments }) { return known }
        let (segments, ends) = try load(footer.segments) { (reader) throws(FormatError) in
            var (segments, ends): ([SegmentName], [Int]) = ([], [])
            while reader.remaining > 0 {
                let agent = Identity128(bytes: try reader.bytes(16, "agent"))
                segments.append(
                    SegmentName(
                        agent: agent, segment: Identity128(bytes: try reader.bytes(16, "segment"))))
                ends.append(try reader.count(Limits.fileBytesMax, "end"))
            }
            return (segments, ends)
        }
        cache.withLock { ($0.segments, $0.ends) = (segments, ends) }
        return segments
    }

    /// By segment: up to where all of its frames are in the slice or below it.
    package func segmentEnds() throws(PartError) -> [Identity128: Int] {
        let segments = try segments()
        let ends = cache.withLock { $0.ends }
        return Dictionary(zip(segments.map(\.segment), ends), uniquingKeysWith: max)
    }

    /// The block of knowledge of a position.
    private func block(
        at place: EventPosition, _ directory: Directory
    ) throws(PartError) -> Directory.Entry {
        let entries = directory.entries
        let index = partitionPoint(count: entries.count) { entries[$0].start <= place.position } - 1
        guard index >= 0 else {
            throw .damaged(
                path: file.path, offset: 0,
                what: "process \(place.process) has no block with position \(place.position)")
        }
        return entries[index]
    }

}

extension ByteReader {
    fileprivate func expect(_ start: Int, _ expected: Int) throws(FormatError) {
        guard start == expected else {
            throw FormatError(
                what: "expected a block from \(expected) on, found \(start)", offset: 0)
        }
    }
}

extension OrderFile {
    package var execution: String { footer.execution }
    package var processCount: Int { footer.processCount }
    /// How many of them are settled: these have the same numbers in the files above it.
    package var settledCount: Int { footer.settledCount }
    /// How many events it tells of, and the files below it.
    package var eventCount: Int { footer.eventCount }
    /// How many it tells of itself.
    package var sliceEventCount: Int { footer.sliceEventCount }

    /// How many events of a process are below the slice: positions from there on are of its own.
    package func base(of process: Int) throws(PartError) -> Int { try line(process).base }

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
        guard try directory(process).isKnown(by: place.process) else { return 0 }
        let directory = try directory(place.process)
        let entry = try block(at: place, directory)
        guard let piece = piece(of: process, directory, entry) else { return 0 }
        return try steps(of: process, place.process, entry, at: piece)?
            .known(at: place.position) ?? 0
    }

    package func known(at place: EventPosition) throws(PartError) -> [EventKey] {
        let directory = try directory(place.process)
        let entry = try block(at: place, directory)
        var known: [EventKey] = []
        for piece in directory.pieces[entry.pieces] {
            known += try knowledge(place.process, entry, at: piece.place)
                .known(at: place.position)
        }
        return known
    }

    package func learned(
        by process: Int, in positions: Range<Int>
    ) throws(PartError) -> [Arrival] {
        let directory = try directory(process)
        let entries = directory.entries
        var index = max(
            0,
            partitionPoint(count: entries.count) { entries[$0].start <= positions.lowerBound } - 1)
        var learned: [Arrival] = []
        while index < entries.count, entries[index].start < positions.upperBound {
            for piece in directory.pieces[entries[index].pieces] {
                learned += try knowledge(process, entries[index], at: piece.place)
                    .learned(in: positions)
            }
            index += 1
        }
        return learned.sorted {
            ($0.position, $0.event.process) < ($1.position, $1.event.process)
        }
    }

    package func firstPosition(
        knowing event: EventKey, in process: Int
    ) throws(PartError) -> Int? {
        switch try firstKnowing(event, in: process) {
        case .nowhere, .below: nil
        case .at(let position), .fromStart(let position): position
        }
    }

    /// Where in the slice another process's event is first known.
    enum FirstKnowing {
        /// Not up to the end of the slice.
        case nowhere
        case at(Int)
        /// Below the slice already; the position is that of its first event there.
        case fromStart(Int)
        /// Below the slice or nowhere: there is no event of the process in it.
        case below
    }

    func firstKnowing(
        _ event: EventKey, in process: Int
    ) throws(PartError) -> FirstKnowing {
        guard try directory(event.process).isKnown(by: process) else { return .nowhere }
        let directory = try directory(process)
        let entries = directory.entries
        guard let first = entries.first else { return .below }
        func floor(_ index: Int) throws(PartError) -> UInt64 {
            guard let piece = piece(of: event.process, directory, entries[index])
            else { return 0 }
            return try floors(process, entries[index], at: piece).floor(of: event.process)
        }
        // Along a process knowledge only grows: the last block at whose start the event is not known.
        let index =
            try partitionPoint(count: entries.count) { (index) throws(PartError) in
                try floor(index) < event.sequence
            } - 1
        guard index >= 0 else { return .fromStart(first.start) }
        if let piece = piece(of: event.process, directory, entries[index]),
            let found = try steps(of: event.process, process, entries[index], at: piece)?
                .firstPosition(reaching: event.sequence)
        {
            return .at(found)
        }
        // What the next block knows from its start on, its first event does.
        return index + 1 < entries.count ? .at(entries[index + 1].start) : .nowhere
    }

    package func uncertainty(at place: EventPosition) throws(PartError) -> Uncertainty? {
        if try line(place.process).isCertain { return nil }
        let entry = try block(at: place, directory(place.process))
        return entry.isCertain
            ? nil : try certainty(at: place, entry).uncertainty(at: place.position)
    }

    package func certainEnd(from place: EventPosition) throws(PartError) -> Int {
        if try line(place.process).isCertain { return try sequences(of: place.process).count }
        return try uncertainty(at: place) == nil ? place.position + 1 : place.position
    }

    package func firstCertain(from place: EventPosition) throws(PartError) -> Int? {
        if try line(place.process).isCertain { return place.position }
        let directory = try directory(place.process)
        let entry = try block(at: place, directory)
        if entry.isCertain { return place.position }
        if let position = try certainty(at: place, entry).firstCertain(from: place.position) {
            return position
        }
        return directory.entries.first { $0.start > place.position && $0.firstCertain != nil }?
            .firstCertain
    }

    package func learned(fromMissing send: EventKey) throws(PartError) -> [EventKey] {
        try directory(send.process).learned[send.sequence] ?? []
    }

    package func stamp(at place: EventPosition) throws(PartError) -> Stamp {
        let entry = try block(at: place, directory(place.process))
        return try certainty(at: place, entry).stamp(at: place.position)
    }
}
