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
    /// Where its block begins.
    let footerOffset: Int
    private let blocks: BlockCache
    /// What it is called in `blocks`.
    private let number: Int
    private let state = Mutex(State())

    /// What was read so far.
    package struct Reads: Hashable, Sendable {
        package var bytes = 0
        package var blocks = 0
    }

    private struct State {
        var reads = Reads()
        var segments: [SegmentName]?
        var ends: [Int] = []
        var isDamaged = false
        /// The page of processes that was asked for last: most often the next question is to it too.
        var page: ProcessPage?
    }

    /// Of the format.
    package static let version = 7

    /// Whether a file begins or ends as an order file of this version does.
    package static func isOne(_ file: any DiskFile) -> Bool {
        let magic = OrderFileWriter.magic
        guard let size = try? file.byteCount() else { return false }
        return [0, max(0, size - magic.count)].contains {
            (try? file.read(at: $0, count: magic.count)) == magic
        }
    }

    /// Opens a file that `OrderFileWriter` wrote.
    ///
    /// - Parameter blocks: Keeps what is read of it, and of others that share it.
    package init(
        _ file: any DiskFile, keeping blocks: BlockCache = BlockCache()
    ) throws(PartError) {
        self.file = file
        self.blocks = blocks
        number = blocks.nextFile()
        let size = try PartError.onDisk { () throws(DiskError) in try file.byteCount() }
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
        footerOffset = offset
        let place = FilePlace(offset: offset, byteCount: length)
        footer = try Self.decode(place, in: file) { (reader) throws(FormatError) in
            try Footer(&reader, fileByteCount: size)
        }
        let reads = Reads(bytes: trailerBytes + length + FilePlace.checksumBytes, blocks: 1)
        state.withLock { $0.reads = reads }
    }

    /// True where some of what was asked for could not be read.
    package var isDamaged: Bool { state.withLock { $0.isDamaged } }

    /// What was read so far. The same questions of the same file read the same.
    package var reads: Reads { state.withLock { $0.reads } }

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
        let size = try PartError.onDisk { () throws(DiskError) in try file.byteCount() }
        guard place.byteCount <= Limits.blockBytesMax, place.end <= size else {
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
        state.withLock {
            $0.reads.blocks += 1
            $0.reads.bytes += place.byteCount + FilePlace.checksumBytes
        }
        do {
            return try Self.decode(place, in: file, body)
        } catch {
            state.withLock { $0.isDamaged = true }
            throw error
        }
    }

    /// Notes that what the file says cannot be, and says so.
    ///
    /// - Parameter place: The block that says it; nil where that is more than one.
    func damaged(_ what: String, in place: FilePlace? = nil) -> PartError {
        state.withLock { $0.isDamaged = true }
        return .damaged(path: file.path, offset: place?.offset ?? 0, what: what)
    }

    /// What a place says, as it was decoded, or decoded now.
    private func kept<Block: CachedBlock>(
        _ place: Int, _ decode: () throws(PartError) -> Block
    ) throws(PartError) -> Block {
        let key = BlockCache.Key(file: number, place: place)
        if let known: Block = blocks[key] { return known }
        let block = try decode()
        blocks.keep(block, as: key)
        return block
    }

    private func page(of process: Int) throws(PartError) -> ProcessPage {
        if let page = state.withLock({ $0.page }), page.processes.contains(process) { return page }
        let pages = footer.processPages
        let index = partitionPoint(count: pages.count) { pages[$0].first <= process } - 1
        let (first, place) = pages[index]
        let page = try kept(place.offset) { () throws(PartError) in
            let end = index + 1 < pages.count ? pages[index + 1].first : footer.processCount
            return try load(place) { [footer] (reader) throws(FormatError) in
                try ProcessPage(&reader, first..<end, footer)
            }
        }
        state.withLock { $0.page = page }
        return page
    }

    /// The facts of a process. Throws where there is no such process. Inlined, so that whoever asks for one of them copies no other.
    @inline(__always)
    func line(_ process: Int) throws(PartError) -> ProcessPage.Line {
        guard footer.processPages.first != nil, process < footer.processCount else {
            throw damaged("process \(process): expected one below \(footer.processCount)")
        }
        let page = try page(of: process)
        return page.lines[process - page.first]
    }

    func directory(_ process: Int) throws(PartError) -> Directory {
        try kept(process) { () throws(PartError) in
            let line = try line(process)
            guard let place = line.directory else { return Directory() }
            return try load(place) { [footer] (reader) throws(FormatError) in
                try Directory(&reader, line.base..<line.facts.count, footer.processCount)
            }
        }
    }

    func certainty(
        at place: EventPosition, _ entry: Directory.Entry
    ) throws(PartError) -> CertaintyBlock {
        try kept(entry.certainty.offset) { () throws(PartError) in
            let eventCount = try line(place.process).facts.count
            return try load(entry.certainty) { [footer] (reader) throws(FormatError) in
                let block = try CertaintyBlock(
                    &reader, processCount: footer.processCount, eventCount: eventCount)
                try reader.expect(block.start, entry.start)
                return block
            }
        }
    }

    /// What was known at the start of a block, of those processes of which one of its pieces tells.
    private func floors(
        _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnowledgeFloors {
        try kept(place.offset) { () throws(PartError) in
            let eventCount = try line(process).facts.count
            return try load(place) { [footer] (reader) throws(FormatError) in
                let floors = try KnowledgeFloors(
                    &reader, processCount: footer.processCount, eventCount: eventCount)
                try reader.expect(floors.start, entry.start)
                return floors
            }
        }
    }

    /// One of the pieces of a block.
    func knowledge(
        _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnowledgePiece {
        try kept(place.offset) { () throws(PartError) in
            let floors = try floors(process, entry, at: place)
            let eventCount = try line(process).facts.count
            return try expand(place) { () throws(FormatError) in
                try floors.steps(eventCount: eventCount)
            }
        }
    }

    /// What the events of a block know of another process, of which one of its pieces tells; nil where it tells nothing.
    private func steps(
        of other: Int, _ process: Int, _ entry: Directory.Entry, at place: FilePlace
    ) throws(PartError) -> KnownSteps? {
        let key = BlockCache.Key(file: number, place: place.offset, process: other)
        if let known: KnownSteps = blocks[key] { return known }
        let floors = try floors(process, entry, at: place)
        guard let index = floors.place(of: other) else { return nil }
        let eventCount = try line(process).facts.count
        let steps = try expand(place) { () throws(FormatError) in
            try floors.steps(of: index, eventCount: eventCount)
        }
        blocks.keep(steps, as: key)
        return steps
    }

    private func expand<Value>(
        _ place: FilePlace, _ body: () throws(FormatError) -> Value
    ) throws(PartError) -> Value {
        do {
            return try body()
        } catch {
            throw damaged(error.what, in: place)
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
        return try kept(place.offset) { () throws(PartError) in
            let eventCount = try line(process).facts.count
            let segments = try segments()
            return try load(place) { (reader) throws(FormatError) in
                let block = try EventFactsBlock(&reader, eventCount: eventCount, segments)
                try reader.expect(block.start, start)
                return block
            }
        }
    }

    /// The messages of the events of such a block, and of which kinds these are.
    func messages(_ process: Int, _ number: Int) throws(PartError) -> EventMessagesBlock {
        let (_, place) = try directory(process).facts[number]
        return try kept(place.offset) { () throws(PartError) in
            let facts = try facts(process, number)
            let eventCount = try line(process).facts.count
            return try expand(place) { [footer] () throws(FormatError) in
                try EventMessagesBlock(
                    facts, processCount: footer.processCount, eventCount: eventCount)
            }
        }
    }

    /// A block of logical times of the events of a process, by its number among these.
    func times(_ process: Int, _ number: Int) throws(PartError) -> TimesBlock {
        let blocks = try directory(process).times
        let (start, place, time) = blocks[number]
        return try kept(place.offset) { () throws(PartError) in
            let count = try line(process).facts.count
            let end = number + 1 < blocks.count ? blocks[number + 1].start : count
            return try load(place) { [footer] (reader) throws(FormatError) in
                let block = try TimesBlock(
                    &reader, start..<end, processCount: footer.processCount)
                guard block.steps[0].time == time else {
                    throw reader.malformed("time: expected \(time), found \(block.steps[0].time)")
                }
                return block
            }
        }
    }

    func segments() throws(PartError) -> [SegmentName] {
        if let known = state.withLock({ $0.segments }) { return known }
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
        state.withLock { ($0.segments, $0.ends) = (segments, ends) }
        return segments
    }

    /// By segment: up to where all of its frames are in the slice or below it.
    package func segmentEnds() throws(PartError) -> [Identity128: Int] {
        let segments = try segments()
        let ends = state.withLock { $0.ends }
        return Dictionary(zip(segments.map(\.segment), ends), uniquingKeysWith: max)
    }

    /// The block of knowledge of a position.
    private func block(
        at place: EventPosition, _ directory: Directory
    ) throws(PartError) -> Directory.Entry {
        let entries = directory.entries
        let index = partitionPoint(count: entries.count) { entries[$0].start <= place.position } - 1
        guard index >= 0 else {
            throw damaged(
                "process \(place.process) has no block with position \(place.position)")
        }
        return entries[index]
    }

    /// Throws where a process has no such position.
    func check(_ place: EventPosition) throws(PartError) {
        let count = try line(place.process).facts.count
        guard place.position < count else {
            throw damaged(
                "event \(place.position) of process \(place.process), which has \(count)")
        }
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
    /// By how many entries their clocks grew.
    package var learnedCount: Int { footer.learnedCount }

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

    func names(_ place: FilePlace) throws(PartError) -> NamePage {
        try kept(place.offset) { () throws(PartError) in
            try load(place) { [footer] (reader) throws(FormatError) in
                try NamePage(&reader, processCount: footer.processCount)
            }
        }
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

    /// A tombstone's are dropped, all of them.
    package func droppedCount(of process: Int) throws(PartError) -> Int {
        footer.tombstone == nil ? 0 : try sequences(of: process).count
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
            try check(place)
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
