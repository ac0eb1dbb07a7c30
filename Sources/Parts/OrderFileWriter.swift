import Causality
import Disks
import HappensBefore
import Segments

// The order file: what follows from the events of one execution, made so that a question reads a few blocks of it.
//
//     order file = "LCORDER1", block*, footer, trailer
//     block      = bytes, CRC-32 of them u32
//     trailer    = length of the footer with its checksum u32, CRC-32 of that length u32, "LCORDER1"
//
// Little-endian; numbers are varints where nothing else is said; a place is offset and length of a block without its
// checksum. Processes have numbers: those that are here first, in listing order, then those that are only cited, in listing
// order; so the bytes follow from the history, and not from the order in which it arrived.
//
// Of each process that has events: its blocks of knowledge (`KnowledgeBlock`), and a directory:
//
//     directory = block count, (start, place, first certain position + 1 or 0)*,
//                 count of missing sends, (sequence number, count, event*)*
//
// Starts, offsets and sequence numbers are written as distances from the one before. The missing sends are those of the
// process whose receivers learned something by their messages: events of others, which the send had seen. Then
//
//     page of processes = facts*                    processes in the order of their numbers
//     page of names     = (hash u64, number u32)*   ascending
//     footer = execution, processes, processes that are here, events,
//              pages of processes: count, (first process, place)*,
//              pages of names: count, (first hash u64, place)*,
//              unlinked: count, process*, ruled out: count, event*
//
// and the facts of a process are
//
//     facts = form u8, [name, incarnation], fork, [host, process as in a frame], [branch 16], [fork],
//             [stand-in u8, name, incarnation, fork, [fork]], stand-ins: count, process*,
//             runs of sequence numbers: count, (first, length)*, highest cited number, gaps: count, (first, length, lost u8)*,
//             implied: count, event*, ruled out: count, (number, by event)*, [place of the directory]
//
// What is damaged is named with its place; what lies in other blocks can still be read.

/// Writes an order file.
package struct OrderFileWriter {
    static let magic = Array("LCORDER1".utf8)
    private let file: any DiskFile
    private var offset = 0
    private let history: History
    /// By number in the file: the history's index.
    private let indices: [Int]
    /// By the history's index: the number in the file.
    private let numbers: [Int]

    /// Writes what follows from a history that is finished. O(steps of knowledge · log n).
    ///
    /// - Parameter file: Empty; syncing it is the caller's.
    package static func write(
        _ history: History, to file: any DiskFile
    ) throws(DiskError) {
        var writer = OrderFileWriter(history, file)
        try writer.write()
    }

    private init(_ history: History, _ file: any DiskFile) {
        self.file = file
        indices = history.processes.indices.sorted { a, b in
            let (x, y) = (history.processes[a], history.processes[b])
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
        var directories: [FilePlace?] = []
        for index in indices {
            directories.append(try writeKnowledge(of: index, learned[index] ?? []))
        }
        let processes = try writeProcesses(directories)
        let names = try writeNames()
        var footer = ByteWriter()
        footer.string(history.execution)
        footer.varint(indices.count)
        footer.varint(history.processes.count { $0.key != nil })
        footer.varint(history.countEvents())
        footer.varint(processes.count)
        for (first, place) in processes {
            footer.varint(first)
            footer.place(place)
        }
        footer.varint(names.count)
        for (first, place) in names {
            footer.fixed64(first)
            footer.place(place)
        }
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

    // MARK: Knowledge

    /// Writes the blocks and the directory of a process; nil for one of which nothing is here, and nothing was learned.
    private mutating func writeKnowledge(
        of index: Int, _ learned: [EventKey]
    ) throws(DiskError) -> FilePlace? {
        let line = history.processes[index]
        guard line.count > 0 || !learned.isEmpty else { return nil }
        var directory = ByteWriter()
        var count = 0
        if line.count > 0 {
            var blocks = KnowledgeBlocks(of: line, numbers)
            var (lastStart, lastEnd) = (0, 0)
            try blocks.forEach { (start, bytes, firstCertain) throws(DiskError) in
                let place = try append(block: bytes)
                directory.varint(start - lastStart)
                directory.varint(place.offset - lastEnd)
                directory.varint(place.byteCount)
                directory.varint(firstCertain.map { $0 - start + 1 } ?? 0)
                (lastStart, lastEnd) = (start, place.end)
                count += 1
            }
        }
        var writer = ByteWriter()
        writer.varint(count)
        writer.bytes(directory.bytes)
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
        return try append(block: writer.bytes)
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
        writer.byte(form.rawValue)
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
        if let directory { writer.place(directory) }
    }

    // MARK: Names

    private mutating func writeNames() throws(DiskError) -> [(first: UInt64, place: FilePlace)] {
        // Of two that look the same as text, the history finds one.
        let entries = indices.enumerated().filter { history.index(of: history.id(of: $1)) == $1 }
            .map { (hash: NameHash.of(history.id(of: $1)), number: $0) }
            .sorted { ($0.hash, $0.number) < ($1.hash, $1.number) }
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
}

/// Where a block lies.
struct FilePlace: Hashable, Sendable {
    static let checksumBytes = 4
    var offset: Int
    /// Without the checksum.
    var byteCount: Int

    /// Behind the checksum.
    var end: Int { offset + byteCount + FilePlace.checksumBytes }
}

/// What the facts of a process hold.
struct FactsForm: OptionSet {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }

    static let isHere = FactsForm(rawValue: 1)
    static let bearsItsName = FactsForm(rawValue: 2)
    static let isBranch = FactsForm(rawValue: 4)
    static let isForked = FactsForm(rawValue: 8)
    static let isStandIn = FactsForm(rawValue: 16)
    static let isUnlinked = FactsForm(rawValue: 32)
    static let hasDirectory = FactsForm(rawValue: 64)
}

/// By what the names of processes are sorted.
enum NameHash {
    static func of(_ process: ProcessID) -> UInt64 {
        Identity128(naming: Array(process.description.utf8)).high
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

    private mutating func name(of process: ProcessID) {
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
