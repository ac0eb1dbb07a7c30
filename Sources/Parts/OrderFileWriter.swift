import Causality
import Disks
import HappensBefore
import Segments

// The order file: what follows from the events of a slice of one execution, made so that a question reads a few blocks of it. A
// slice lies between two cuts: it has of each process the events from a position on up to another; those before, if any, are in
// the files below it (`OrderStack`).
//
//     order file = "LCORDER7", block*, footer, trailer
//     block      = bytes, CRC-32 of them u32
//     trailer    = length of the footer with its checksum u32, CRC-32 of that length u32, "LCORDER7"
//
// Little-endian; numbers are varints where nothing else is said; a place is offset and length of a block without its
// checksum. Processes have numbers. The first ones are settled: they have events in the slice or below it, or are known to some;
// of these first those that are settled below, which keep their numbers, then those that are here, in listing order, then those
// that are only cited, in listing order. Behind them are, in that order too, those that only events above the slice know; their
// numbers are of this file alone. So the bytes follow from the history and its cuts.
//
// Of each process that has events in the slice, or sent messages to some: its knowledge, block by block, each a block of certainty
// (`CertaintyBlock`) and pieces (`KnowledgePiece`) that lie behind one another; blocks of facts of its events
// (`EventFactsBlock`); blocks of when they were (`TimesBlock`); and a directory:
//
//     directory = block count, (start, place, certain, piece count, (first process, length)*)*,
//                 block count, (start, place)*,
//                 block count, (start, place, time)*,
//                 count of missing sends, (sequence number, count, event*)*,
//                 count of runs of knowers, bits
//     bits      = passed over, lengths                columns (`BitColumns.swift`)
//     certain   = 0 | 1 | position + 2
//
// The second blocks are those of facts, the third those of logical times, each with the time of its first event. Starts, offsets,
// times and sequence numbers are written as distances from the one before, and so are the first processes of pieces,
// each of which tells of those up to the next one's. Certain is what is known by no event of a block (0), by all (1), or by one
// at a position from the start on, the first. The missing sends are those of the process whose receivers learned something by
// their messages: events of others, which the send had seen. The knowers are the processes that have an event which knows
// something of the process: their numbers make runs, of each how many lie between it and the one before, less 1 but for the
// first; and its length less 1. So a question of what knows an event looks at no other process's knowledge. Then
//
//     page of processes  = facts*                    processes in the order of their numbers
//     page of names      = (hash u64, number u32)*   ascending
//     page of references = (hash u64, number u32)*   ascending: what events call processes that they refer to
//     page of defects    = (kind, count, event*, text)*
//     segments = (agent 16, segment 16, end)*        those that hold events, ascending: all events of the frames before the
//                                                    end are in the slice or below it
//     tally      = defects of each kind: (count, (kind, count, event*, text)*)*,
//                  count, (process, latest, time (zigzag), first back, first from, count, most)*,
//                  count, (sender, receiver, sent, received, count, most)*
//     resumption = see `Resumption+Bytes.swift`
//     footer = execution, form u8, [tombstone], processes, settled ones, events here and below, events of the slice, entries by which their clocks grew,
//              pages of processes: count, (first process, place)*,
//              pages of names: count, (first hash u64, place)*,
//              pages of references: count, (first hash u64, place)*,
//              pages of defects: count, place*, place of the segments, place of the tally, resumption: count, place*,
//              unlinked: count, process*, ruled out: count, event*
//
//     tombstone  = time (zigzag), events, has a newest u8, [newest (zigzag)], rule
//
// A tombstone is the lowest file of a stack: in the place of those whose events were dropped, it has of each process the last one
// (`OrderFile+Dropping.swift`).
//
// The facts of a process are
//
//     facts = form, [name, incarnation], fork, [host, process as in a frame], [branch 16], [fork],
//             [stand-in u8, name, incarnation, fork, [fork]], stand-ins: count, process*,
//             runs of sequence numbers: count, (first, length less 1)*, highest cited number,
//             gaps: count, (first, length less 1)*, lost u8 of each,
//             implied: count, event*, ruled out: count, (number, by event)*, how many events are below the slice,
//             [place of the directory]
//
// where a text is a count and as many bytes, and the event of a defect the name of a process and a number.
//
// What is damaged is named with its place; what lies in other blocks can still be read.

/// Writes an order file.
package struct OrderFileWriter {
    static let magic = Array("LCORDER\(OrderFile.version)".utf8)
    private let file: any DiskFile
    private var offset = 0
    private let history: History
    private let contents: OrderFileContents
    /// By number in the file: the history's index.
    private let indices: [Int]
    /// By the history's index: the number in the file.
    private let numbers: [Int]

    /// Writes what follows from a history that is finished. O(steps of knowledge · log n + messages).
    ///
    /// - Parameter file: Empty; syncing it is the caller's.
    package static func write(
        _ contents: OrderFileContents, to file: any DiskFile
    ) throws(DiskError) {
        var writer = OrderFileWriter(contents, file)
        try writer.write()
    }

    private init(_ contents: OrderFileContents, _ file: any DiskFile) {
        self.contents = contents
        self.file = file
        let history = contents.history
        let below = contents.settledBelow
        indices =
            below
            + Set(history.processes.indices).subtracting(below).sorted { a, b in
                let (x, y) = (history.processes[a], history.processes[b])
                if contents.settled.contains(a) != contents.settled.contains(b) {
                    return contents.settled.contains(a)
                }
                if (x.key == nil) != (y.key == nil) { return x.key != nil }
                return listingOrder(x.id, y.id)
            }
        var numbers = [Int](repeating: 0, count: indices.count)
        for (number, index) in indices.enumerated() { numbers[index] = number }
        self.numbers = numbers
        self.history = history
    }

    private mutating func write() throws(DiskError) {
        try append(Self.magic)
        let learned = Dictionary(grouping: history.learnedFromMissing.keys, by: \.process)
        let ends = contents.segmentEnds()
        let segments = ends.keys.sorted()
        let segmentNumbers = Dictionary(
            uniqueKeysWithValues: segments.enumerated().map { ($1, $0) })
        let knowers = knowers()
        var directories: [FilePlace?] = []
        for index in indices {
            directories.append(
                try writeDirectory(
                    of: index, learned[index] ?? [], knowers[index], segmentNumbers))
        }
        let processes = try writeProcesses(directories)
        let names = try writeHashes(namesByHash())
        let (references, areReferencesExact) = referencesByHash()
        let referencePages = try writeHashes(references)
        let defects = try writeDefects()
        var form = OrderFileForm()
        if contents.messages.areAllKnown { form.insert(.areMessagesKnown) }
        if areReferencesExact, !history.hasForks { form.insert(.findsEvents) }
        var footer = ByteWriter()
        footer.string(history.execution)
        if let tombstone = contents.tombstone {
            form.insert(.isTombstone)
            footer.byte(form.rawValue)
            footer.tombstone(tombstone)
        } else {
            footer.byte(form.rawValue)
        }
        footer.varint(indices.count)
        footer.varint(contents.settled.count)
        footer.varint(history.countEvents())
        footer.varint(history.countAbove())
        footer.varint(history.countLearned())
        footer.varint(processes.count)
        for (first, place) in processes {
            footer.varint(first)
            footer.place(place)
        }
        for pages in [names, referencePages] {
            footer.varint(pages.count)
            for (first, place) in pages {
                footer.fixed64(first)
                footer.place(place)
            }
        }
        footer.varint(defects.count)
        for place in defects { footer.place(place) }
        footer.place(try write(segments, ends))
        footer.place(try writeTally())
        try writeResumption(&footer)
        let unlinked = history.unlinkedProcesses()
        footer.varint(unlinked.count)
        for index in unlinked { footer.varint(numbers[index]) }
        let ruledOut = history.ruledOut().map(numbered).sorted(by: Self.isBefore)
        footer.varint(ruledOut.count)
        for key in ruledOut { footer.event(key) }
        let place = try append(block: footer.bytes)
        var trailer = ByteWriter()
        trailer.fixed32(UInt32(place.byteCount + FilePlace.checksumBytes))
        trailer.fixed32(crc32(trailer.bytes))
        trailer.bytes(Self.magic)
        try append(trailer.bytes)
    }

    private func numbered(_ key: EventKey) -> EventKey {
        EventKey(process: numbers[key.process], sequence: key.sequence)
    }

    private static func isBefore(_ a: EventKey, _ b: EventKey) -> Bool {
        (a.process, a.sequence) < (b.process, b.sequence)
    }

    private mutating func append(_ bytes: [UInt8]) throws(DiskError) {
        try file.write(bytes, at: offset)
        offset += bytes.count
    }

    private mutating func append(block: [UInt8]) throws(DiskError) -> FilePlace {
        let place = FilePlace(offset: offset, byteCount: block.count)
        var writer = ByteWriter()
        writer.bytes(block)
        writer.fixed32(crc32(block))
        try append(writer.bytes)
        return place
    }

    // MARK: Blocks

    /// Writes the blocks and the directory of a process; nil for one of which there is nothing to say.
    private mutating func writeDirectory(
        of index: Int, _ learned: [EventKey], _ knowers: [UInt32], _ segments: [SegmentName: Int]
    ) throws(DiskError) -> FilePlace? {
        let places = contents.places
        let facts = EventFactsBlocks(of: index, in: history, contents.messages, numbers) { frame in
            places[frame].map { (segments[SegmentName($0)]!, $0.offset) }
        }
        guard !facts.isEmpty || !learned.isEmpty || !knowers.isEmpty else { return nil }
        var writer = ByteWriter()
        try writeKnowledge(of: index, &writer)
        try write(facts, &writer)
        try writeTimes(of: index, &writer)
        write(learned, &writer)
        write(knowers: knowers, &writer)
        return try append(block: writer.bytes)
    }

    /// By the history's index of a process: the numbers of those that know something of it, ascending.
    private func knowers() -> [[UInt32]] {
        var knowers = [[UInt32]](repeating: [], count: indices.count)
        for (number, index) in indices.enumerated() {
            for other in history.processes[index].known.others {
                knowers[Int(other)].append(UInt32(number))
            }
        }
        return knowers
    }

    private func write(knowers: [UInt32], _ writer: inout ByteWriter) {
        var (passed, lengths): ([UInt64], [UInt64]) = ([], [])
        var next: UInt32 = 0
        for knower in knowers {
            if knower == next, !passed.isEmpty {
                lengths[lengths.count - 1] += 1
            } else {
                passed.append(UInt64(knower - next) - (passed.isEmpty ? 0 : 1))
                lengths.append(0)
            }
            next = knower + 1
        }
        writer.varint(passed.count)
        var bits = BitWriter()
        bits.column(passed)
        bits.column(lengths)
        bits.finish()
        writer.bytes(bits.bytes)
    }

    private mutating func writeKnowledge(
        of index: Int, _ writer: inout ByteWriter
    ) throws(DiskError) {
        let line = history.processes[index]
        var directory = ByteWriter()
        var count = 0
        if line.count > line.base {
            var blocks = KnowledgeBlocks(of: line, numbers)
            var (lastStart, lastEnd) = (0, 0)
            try blocks.forEach { (block) throws(DiskError) in
                let place = try append(block: block.certainty)
                directory.varint(block.start - lastStart)
                directory.varint(place.offset - lastEnd)
                directory.varint(place.byteCount)
                let certain = block.firstCertain.map { $0 - block.start + 2 } ?? 0
                directory.varint(block.isCertain ? 1 : certain)
                directory.varint(block.pieces.count)
                var lastProcess = 0
                for piece in block.pieces {
                    directory.varint(piece.first - lastProcess)
                    directory.varint(try append(block: piece.bytes).byteCount)
                    lastProcess = piece.first
                }
                (lastStart, lastEnd) = (block.start, offset)
                count += 1
            }
        }
        writer.varint(count)
        writer.bytes(directory.bytes)
    }

    private mutating func write(
        _ facts: EventFactsBlocks, _ writer: inout ByteWriter
    ) throws(DiskError) {
        var directory = ByteWriter()
        var count = 0
        var (lastStart, lastEnd) = (0, 0)
        if !facts.isEmpty {
            try facts.forEach { (start, bytes) throws(DiskError) in
                let place = try append(block: bytes)
                directory.varint(start - lastStart)
                directory.varint(place.offset - lastEnd)
                directory.varint(place.byteCount)
                (lastStart, lastEnd) = (start, place.end)
                count += 1
            }
        }
        writer.varint(count)
        writer.bytes(directory.bytes)
    }

    private mutating func writeTimes(
        of index: Int, _ writer: inout ByteWriter
    ) throws(DiskError) {
        let positions = history.processes[index].base..<history.processes[index].count
        let steps = contents.times.steps(of: index)
        let tallies = contents.times.tallies(at: index, in: positions)
        writer.varint(tallies.count)
        var (lastStart, lastEnd, lastTime) = (0, 0, 0)
        for var tally in tallies {
            for peer in tally.peers.indices {
                let sender = tally.peers[peer].first.event.process
                tally.peers[peer].first.event.process = numbers[sender]
            }
            tally.peers.sort { $0.first.event.process < $1.first.event.process }
            let start = tally.positions.lowerBound
            let first = partitionPoint(count: steps.count) { steps[$0].position <= start } - 1
            let end = partitionPoint(count: steps.count) {
                steps[$0].position < tally.positions.upperBound
            }
            let place = try append(
                block: TimesBlock.bytes(
                    Array(steps[first..<end]),
                    contents.times.adjustedSpans(of: index, in: tally.positions),
                    needed: contents.times.adjustedClock(of: index).needed, tally))
            let time = steps.time(at: start)
            writer.varint(start - lastStart)
            writer.varint(place.offset - lastEnd)
            writer.varint(place.byteCount)
            writer.varint(time - lastTime)
            (lastStart, lastEnd, lastTime) = (start, place.end, time)
        }
    }

    private func write(_ learned: [EventKey], _ writer: inout ByteWriter) {
        writer.varint(learned.count)
        var last: UInt64 = 0
        for send in learned.sorted(by: { $0.sequence < $1.sequence }) {
            writer.varint(send.sequence - last)
            last = send.sequence
            let events = Set(history.learnedFromMissing[send]!.map(numbered))
                .sorted(by: Self.isBefore)
            writer.varint(events.count)
            for event in events { writer.event(event) }
        }
    }

    // MARK: Processes

    private mutating func writeProcesses(
        _ directories: [FilePlace?]
    ) throws(DiskError) -> [(first: Int, place: FilePlace)] {
        var pages: [(first: Int, place: FilePlace)] = []
        var page = ByteWriter()
        var first = 0
        for (number, index) in indices.enumerated() {
            writeFacts(of: index, directories[number], &page)
            if page.count >= Limits.processPageBytes || number + 1 == indices.count {
                pages.append((first, try append(block: page.bytes)))
                page.removeAll()
                first = number + 1
            }
        }
        return pages
    }

    private func writeFacts(of index: Int, _ directory: FilePlace?, _ writer: inout ByteWriter) {
        let facts = history.facts(of: index)
        var form = FactsForm()
        if let key = facts.key {
            form.insert(.isHere)
            if key.process.name.utf8.elementsEqual(facts.id.name.utf8),
                key.process.incarnation == facts.id.incarnation
            {
                form.insert(.bearsItsName)
            }
        }
        if facts.branch != nil { form.insert(.isBranch) }
        if facts.fork != nil { form.insert(.isForked) }
        if facts.standIn != nil { form.insert(.isStandIn) }
        if facts.isUnlinked { form.insert(.isUnlinked) }
        if directory != nil { form.insert(.hasDirectory) }
        if history.processes[index].hasTimes { form.insert(.hasTimes) }
        if history.processes[index].uncertainty.allSatisfy({ $0.why == nil }) {
            form.insert(.isCertain)
        }
        writer.varint(UInt64(form.rawValue))
        if !form.contains(.bearsItsName) {
            writer.string(facts.id.name)
            writer.varint(UInt64(facts.id.incarnation))
        }
        writer.string(facts.id.fork)
        if let key = facts.key {
            writer.string(key.host)
            writer.process(key)
        }
        if let branch = facts.branch { writer.bytes(branch.bytes) }
        if let fork = facts.fork { writer.fork(fork) }
        if let standIn = facts.standIn { writer.standIn(standIn) }
        writer.varint(facts.standIns.count)
        for standIn in facts.standIns.map({ numbers[$0] }).sorted() { writer.varint(standIn) }
        let sequences = history.sequences(of: index).ranges
        writer.ranges(sequences)
        writer.varint(facts.citedMax)
        let gaps = history.gaps(of: index)
        writer.ranges(gaps.map { $0.first...$0.last })
        for gap in gaps { writer.byte(gap.isLost ? 1 : 0) }
        let implied = history.implied(by: index)
        writer.varint(implied.count)
        for key in implied { writer.event(numbered(key)) }
        let rulings = history.rulings(of: index)
        writer.varint(rulings.count)
        for (sequence, by) in rulings {
            writer.varint(sequence)
            writer.event(numbered(by))
        }
        writer.varint(history.processes[index].base)
        if let directory { writer.place(directory) }
    }

    // MARK: Names

    private typealias Hashed = (hash: UInt64, number: Int)

    private func namesByHash() -> [Hashed] {
        // Of two that look the same as text, the history finds one.
        indices.enumerated().filter { history.index(of: history.id(of: $1)) == $1 }
            .map { (NameHash.of(history.id(of: $1)), $0) }
            .sorted { ($0.hash, $0.number) < ($1.hash, $1.number) }
    }

    /// What events call processes that they refer to; and whether a hash tells which of them is meant.
    private func referencesByHash() -> (entries: [Hashed], areExact: Bool) {
        let entries = history.references()
            .map { (hash: NameHash.of($0.reference), number: numbers[$0.process]) }
            .sorted { ($0.hash, $0.number) < ($1.hash, $1.number) }
        return (entries, zip(entries, entries.dropFirst()).allSatisfy { $0.hash < $1.hash })
    }

    private mutating func writeHashes(
        _ entries: [Hashed]
    ) throws(DiskError) -> [(first: UInt64, place: FilePlace)] {
        var pages: [(first: UInt64, place: FilePlace)] = []
        for start in stride(from: 0, to: entries.count, by: Limits.namesOfPage) {
            var page = ByteWriter()
            for entry in entries[start..<min(start + Limits.namesOfPage, entries.count)] {
                page.fixed64(entry.hash)
                page.fixed32(UInt32(entry.number))
            }
            pages.append((entries[start].hash, try append(block: page.bytes)))
        }
        return pages
    }

    private mutating func write(
        _ segments: [SegmentName], _ ends: [SegmentName: Int]
    ) throws(DiskError) -> FilePlace {
        var writer = ByteWriter()
        for segment in segments {
            writer.bytes(segment.agent.bytes)
            writer.bytes(segment.segment.bytes)
            writer.varint(ends[segment]!)
        }
        return try append(block: writer.bytes)
    }

    // MARK: Defects

    private mutating func writeDefects() throws(DiskError) -> [FilePlace] {
        var pages: [FilePlace] = []
        var page = ByteWriter()
        for defect in contents.defects {
            page.defect(defect)
            guard page.count >= Limits.defectPageBytes else { continue }
            pages.append(try append(block: page.bytes))
            page.removeAll()
        }
        if page.count > 0 { pages.append(try append(block: page.bytes)) }
        return pages
    }

    private mutating func writeTally() throws(DiskError) -> FilePlace {
        let tally = contents.tally.renumbered { numbers[$0] }
        var writer = ByteWriter()
        for kind in Defect.Kind.allCases {
            let defects = tally.listed[kind] ?? []
            writer.varint(defects.count)
            for defect in defects { writer.defect(defect) }
        }
        writer.varint(tally.clocks.count)
        for (process, clock) in tally.clocks.sorted(by: { $0.key < $1.key }) {
            writer.varint(process)
            writer.varint(clock.latest)
            writer.zigzag(clock.time)
            writer.varint(clock.firstBack)
            writer.varint(clock.firstFrom)
            writer.varint(clock.count)
            writer.zigzag(clock.mostNanoseconds)
        }
        writer.varint(tally.pairs.count)
        for (pair, difference) in tally.pairs.sorted(by: {
            ($0.key.sender, $0.key.receiver) < ($1.key.sender, $1.key.receiver)
        }) {
            writer.varint(pair.sender)
            writer.varint(pair.receiver)
            writer.varint(difference.sent)
            writer.varint(difference.received)
            writer.varint(difference.count)
            writer.zigzag(difference.mostNanoseconds)
        }
        return try append(block: writer.bytes)
    }

    private mutating func writeResumption(_ footer: inout ByteWriter) throws(DiskError) {
        guard let resumption = contents.resumption?.renumbered(numbers) else {
            return footer.varint(0)
        }
        var places = [try append(block: resumption.head())]
        for page in resumption.pages() { places.append(try append(block: page)) }
        footer.varint(places.count)
        for place in places { footer.place(place) }
    }
}

extension ByteWriter {
    mutating func place(_ place: FilePlace) {
        varint(place.offset)
        varint(place.byteCount)
    }

    /// Ranges that ascend and do not touch, each as its distance from the one before and its length.
    fileprivate mutating func ranges(_ ranges: [ClosedRange<UInt64>]) {
        varint(ranges.count)
        var last: UInt64 = 0
        for range in ranges {
            varint(range.lowerBound - last)
            varint(range.upperBound - range.lowerBound)
            last = range.upperBound
        }
    }

    fileprivate mutating func fork(_ fork: Fork) {
        varint(fork.sequence)
        byte(fork.isOfOneSource ? 1 : 0)
    }

    /// A defect of a history.
    fileprivate mutating func defect(_ defect: Defect) {
        byte(UInt8(Defect.Kind.allCases.firstIndex(of: defect.kind)!))
        varint(defect.events.count)
        for event in defect.events {
            name(of: event.process)
            varint(event.sequence)
        }
        let text = Array(defect.text.utf8)
        varint(text.count)
        bytes(text)
    }

    mutating func name(of process: ProcessID) {
        string(process.name)
        varint(UInt64(process.incarnation))
        string(process.fork)
    }

    fileprivate mutating func standIn(_ standIn: StandIn) {
        switch standIn {
        case .name(let process):
            byte(0)
            name(of: process)
        case .fork(let process, let fork):
            byte(1)
            name(of: process)
            self.fork(fork)
        case .claim(let process):
            byte(2)
            name(of: process)
        }
    }
}
