import Causality
import HappensBefore
import Segments

/// The footer of an order file.
struct Footer: Sendable {
    let execution: String
    let form: OrderFileForm
    let processCount: Int
    /// How many are settled: the first ones.
    let settledCount: Int
    /// How many events it and the files below it tell of.
    let eventCount: Int
    /// How many it tells of itself.
    let sliceEventCount: Int
    let learnedCount: Int
    /// What was dropped, where the file tells of nothing else.
    private(set) var tombstone: Tombstone?
    private(set) var processPages: [(first: Int, place: FilePlace)] = []
    private(set) var namePages: [(first: UInt64, place: FilePlace)] = []
    private(set) var referencePages: [(first: UInt64, place: FilePlace)] = []
    private(set) var defectPages: [FilePlace] = []
    private(set) var segments: FilePlace
    private(set) var tally: FilePlace
    /// The head and the pages of what goes on from here; none where nothing does.
    private(set) var resumption: [FilePlace] = []
    private(set) var unlinked: [Int] = []
    private(set) var ruledOut: [EventKey] = []

    /// Reads the footer of a file of some bytes.
    init(_ reader: inout ByteReader, fileByteCount: Int) throws(FormatError) {
        execution = try reader.string(Causality.Limits.nameBytesMax, "execution")
        form = OrderFileForm(rawValue: try reader.byte("form"))
        guard form.isSubset(of: .all) else {
            throw reader.malformed("a form of \(form.rawValue) is unknown")
        }
        if form.contains(.isTombstone) { tombstone = try reader.tombstone() }
        // Each takes some bytes of the file.
        processCount = try reader.count(fileByteCount, "processes")
        settledCount = try reader.count(processCount, "settled processes")
        eventCount = try reader.count(Int(Causality.Limits.sequenceMax), "events")
        sliceEventCount = try reader.count(eventCount, "events of the slice")
        learnedCount = try reader.count(Int(Causality.Limits.sequenceMax), "entries")
        for _ in 0..<(try reader.count(reader.remaining / 3, "pages of processes")) {
            let first = try reader.count(processCount, "first process")
            guard first < processCount, processPages.last.map({ $0.first < first }) ?? (first == 0)
            else { throw reader.malformed("page of processes: \(first) is out of order") }
            processPages.append((first, try reader.place()))
        }
        let firsts = processPages.map(\.first).dropFirst() + [processCount]
        for (page, end) in zip(processPages, firsts) {
            guard end - page.first <= page.place.byteCount / Limits.factsBytesMin else {
                throw reader.malformed("page of processes: \(end - page.first) are too many")
            }
        }
        namePages = try reader.hashPages("pages of names")
        referencePages = try reader.hashPages("pages of references")
        for _ in 0..<(try reader.count(reader.remaining / 2, "pages of defects")) {
            defectPages.append(try reader.place())
        }
        segments = try reader.place()
        tally = try reader.place()
        for _ in 0..<(try reader.count(reader.remaining / 2, "pages of the resumption")) {
            resumption.append(try reader.place())
        }
        guard processCount == 0 || !processPages.isEmpty else {
            throw reader.malformed("expected a page of processes, found none")
        }
        for _ in 0..<(try reader.count(reader.remaining, "unlinked")) {
            unlinked.append(try reader.process(of: processCount, "unlinked"))
        }
        for _ in 0..<(try reader.count(reader.remaining / 2, "ruled out")) {
            ruledOut.append(try reader.event(processCount))
        }
        try reader.expectEnd("footer")
    }
}

/// The facts of processes that follow on one another.
struct ProcessPage: Sendable {
    let first: Int
    private(set) var lines: [Line] = []
    var processes: Range<Int> { first..<first + lines.count }

    struct Line: Sendable {
        var facts: ProcessFacts
        var sequences = SequenceRuns([])
        var gaps: [Gap] = []
        var implied: [EventKey] = []
        /// By number of an event of which an operator says that no message came there: who says so.
        var rulings: [UInt64: EventKey] = [:]
        /// How many of its events are below the slice.
        var base = 0
        var directory: FilePlace?
        var hasTimes = false
        /// True where all that its events know is known exactly.
        var isCertain = false
    }

    init(
        _ reader: inout ByteReader, _ processes: Range<Int>, _ footer: Footer
    ) throws(FormatError) {
        first = processes.lowerBound
        for _ in processes { lines.append(try Line(&reader, footer)) }
        try reader.expectEnd("page of processes")
    }
}

extension ProcessPage.Line {
    fileprivate init(_ reader: inout ByteReader, _ footer: Footer) throws(FormatError) {
        let form = FactsForm(rawValue: UInt16(try reader.count(511, "process")))
        guard form.contains(.isHere) || !form.contains(.bearsItsName) else {
            throw reader.malformed("process: a form of \(form.rawValue) is unknown")
        }
        var id: ProcessID?
        if !form.contains(.bearsItsName) { id = try reader.nameAndIncarnation() }
        let fork = try reader.string(64, "fork")
        var key: ProcessKey?
        if form.contains(.isHere) {
            let host = try reader.string(Causality.Limits.nameBytesMax, "host")
            key = try reader.process(execution: footer.execution, host: host)
        }
        guard var id = id ?? key?.process else { throw reader.malformed("process: no name") }
        id.fork = fork
        facts = ProcessFacts(id: id, key: key)
        if form.contains(.isBranch) {
            facts.branch = Identity128(bytes: try reader.bytes(16, "branch"))
        }
        if form.contains(.isForked) { facts.fork = try reader.fork() }
        if form.contains(.isStandIn) { facts.standIn = try reader.standIn() }
        facts.isUnlinked = form.contains(.isUnlinked)
        for _ in 0..<(try reader.count(reader.remaining, "stand-ins")) {
            facts.standIns.append(try reader.process(of: footer.processCount, "stand-in"))
        }
        let countMax = min(footer.eventCount, Limits.eventsOfProcessMax)
        sequences = SequenceRuns(try reader.ranges(countMax: countMax, "numbers"))
        facts.count = sequences.count
        facts.first = sequences.isEmpty ? 0 : sequences[0]
        facts.last = sequences.last
        facts.citedMax = try reader.sequence("cited")
        for range in try reader.ranges(countMax: nil, "gaps") {
            gaps.append(
                Gap(process: id, first: range.lowerBound, last: range.upperBound, isLost: false))
        }
        for index in gaps.indices {
            let isLost = try reader.byte("gap") == 1
            gaps[index] = Gap(
                process: id, first: gaps[index].first, last: gaps[index].last, isLost: isLost)
        }
        for _ in 0..<(try reader.count(reader.remaining / 2, "implied")) {
            implied.append(try reader.event(footer.processCount))
        }
        for _ in 0..<(try reader.count(reader.remaining / 3, "rulings")) {
            let sequence = try reader.sequence("ruling")
            rulings[sequence] = try reader.event(footer.processCount)
        }
        base = try reader.count(sequences.count, "events below")
        if form.contains(.hasDirectory) { directory = try reader.place() }
        hasTimes = form.contains(.hasTimes)
        isCertain = form.contains(.isCertain)
    }
}

/// Which numbers the names with some hashes have, or what is called so by others.
struct NamePage: Sendable {
    private var hashes: [UInt64] = []
    private var processes: [Int] = []

    init(_ reader: inout ByteReader, processCount: Int) throws(FormatError) {
        while reader.remaining > 0 {
            let hash = try reader.fixed64("hash")
            guard hashes.last.map({ $0 <= hash }) ?? true else {
                throw reader.malformed("hash: expected one that is not less than the one before")
            }
            hashes.append(hash)
            let number = Int(try reader.fixed32("process"))
            guard number < processCount else {
                throw reader.malformed("process: expected below \(processCount), found \(number)")
            }
            processes.append(number)
        }
    }

    var entries: [(hash: UInt64, process: Int)] {
        zip(hashes, processes).map { (hash: $0, process: $1) }
    }
    var count: Int { hashes.count }

    func numbers(of hash: UInt64) -> ArraySlice<Int> {
        let first = partitionPoint(count: hashes.count) { hashes[$0] < hash }
        let end = partitionPoint(count: hashes.count) { hashes[$0] <= hash }
        return processes[first..<end]
    }
}

/// Where the blocks of one process are.
struct Directory: Sendable {
    /// A block of knowledge.
    struct Entry: Sendable {
        /// From which position on.
        var start: Int
        var certainty: FilePlace
        /// The first position in it that is certain.
        var firstCertain: Int?
        /// True where all of it is.
        var isCertain: Bool
        /// Which of the directory's pieces.
        var pieces: Range<Int>
    }
    private(set) var entries: [Entry] = []
    /// Each tells of what is known of some processes, from one on.
    private(set) var pieces: [(first: Int, place: FilePlace)] = []
    /// The blocks of facts of its events.
    private(set) var facts: [(start: Int, place: FilePlace)] = []
    /// The blocks of logical times of its events, each with that of its first one.
    private(set) var times: [(start: Int, place: FilePlace, time: Int)] = []
    /// By number of a send that is not here: what the receivers of its message learned by it.
    private(set) var learned: [UInt64: [EventKey]] = [:]
    /// The processes of which some event knows something of this one.
    private(set) var knowers: [Range<Int>] = []

    init() {}

    /// Whether some event of another process knows something of this one. O(log runs of knowers).
    func isKnown(by process: Int) -> Bool {
        let index = partitionPoint(count: knowers.count) { knowers[$0].upperBound <= process }
        return index < knowers.count && knowers[index].lowerBound <= process
    }

    init(
        _ reader: inout ByteReader, _ positions: Range<Int>, _ processCount: Int
    ) throws(FormatError) {
        var blocks = BlockPlaces(positions)
        for _ in 0..<(try reader.count(reader.remaining / 5, "blocks")) {
            let (start, place) = try blocks.next(&reader)
            let certain = try reader.count(positions.upperBound + 2, "certain")
            let first = pieces.count
            var process = 0
            for index in 0..<(try reader.count(reader.remaining / 2, "pieces")) {
                let distance = try reader.count(processCount, "process")
                process += distance
                guard process < processCount, index == 0 || distance > 0 else {
                    throw reader.malformed("piece: a process of \(process) is out of order")
                }
                pieces.append((process, try blocks.piece(&reader)))
            }
            let firstCertain = certain == 0 ? nil : start + max(certain, 2) - 2
            guard firstCertain.map({ $0 < positions.upperBound }) ?? true else {
                throw reader.malformed("certain: expected a position below \(positions.upperBound)")
            }
            entries.append(
                Entry(
                    start: start, certainty: place, firstCertain: firstCertain,
                    isCertain: certain == 1, pieces: first..<pieces.count))
        }
        blocks = BlockPlaces(positions)
        for _ in 0..<(try reader.count(reader.remaining / 3, "blocks")) {
            facts.append(try blocks.next(&reader))
        }
        try readTimes(&reader, positions)
        var last: UInt64 = 0
        for _ in 0..<(try reader.count(reader.remaining / 2, "missing sends")) {
            last += try reader.sequence("missing send")
            guard last <= Causality.Limits.sequenceMax else {
                throw reader.malformed("missing send: \(last) is no sequence number")
            }
            var events: [EventKey] = []
            for _ in 0..<(try reader.count(reader.remaining / 2, "learned")) {
                events.append(try reader.event(processCount))
            }
            learned[last] = events
        }
        try readKnowers(&reader, processCount)
    }

    private mutating func readTimes(
        _ reader: inout ByteReader, _ positions: Range<Int>
    ) throws(FormatError) {
        var blocks = BlockPlaces(positions)
        var last = 0
        for _ in 0..<(try reader.count(reader.remaining / 4, "blocks")) {
            let (start, place) = try blocks.next(&reader)
            let distance = try reader.count(Limits.logicalTimeMax - last, "time")
            // Each event is later than the one before it.
            let least = times.last.map { start - $0.start } ?? 1
            guard distance >= least else {
                throw reader.malformed(
                    "time: expected one from \(last + least) on, found \(last + distance)")
            }
            last += distance
            times.append((start, place, last))
        }
    }

    private mutating func readKnowers(
        _ reader: inout ByteReader, _ processCount: Int
    ) throws(FormatError) {
        let count = try reader.count(processCount, "knowers")
        var bits = BitReader(reader)
        let passed = try bits.column(count, "knowers")
        let lengths = try bits.column(count, "knowers")
        try bits.expectEnd("directory")
        var next = 0
        for (passed, length) in zip(passed, lengths) {
            guard passed < processCount, length < processCount,
                next + Int(passed) + Int(length) < processCount
            else { throw reader.malformed("knowers: expected below \(processCount)") }
            let first = next + Int(passed)
            knowers.append(first..<first + Int(length) + 1)
            next = first + Int(length) + 2
        }
    }
}

/// Reads where the blocks of a process lie, one after the other.
private struct BlockPlaces {
    /// Those that they tell of.
    let positions: Range<Int>
    private var start = 0
    private var end = 0
    private var isFirst = true

    init(_ positions: Range<Int>) { self.positions = positions }

    /// What lies behind the last one, of a length.
    mutating func piece(_ reader: inout ByteReader) throws(FormatError) -> FilePlace {
        let place = FilePlace(
            offset: end, byteCount: try reader.count(Limits.blockBytesMax, "piece"))
        try pass(place, reader)
        return place
    }

    private mutating func pass(_ place: FilePlace, _ reader: ByteReader) throws(FormatError) {
        guard place.end <= Limits.fileBytesMax else {
            throw reader.malformed("block: expected one below \(Limits.fileBytesMax)")
        }
        end = place.end
    }

    mutating func next(
        _ reader: inout ByteReader
    ) throws(FormatError) -> (start: Int, place: FilePlace) {
        let distance = try reader.count(positions.upperBound, "start")
        start += distance
        guard
            isFirst
                ? start == positions.lowerBound : distance > 0 && start < positions.upperBound
        else {
            throw reader.malformed("block: a start of \(start) is out of order")
        }
        isFirst = false
        let offset = end + (try reader.count(Limits.fileBytesMax, "offset"))
        let place = FilePlace(
            offset: offset, byteCount: try reader.count(Limits.blockBytesMax, "block"))
        try pass(place, reader)
        return (start, place)
    }
}

/// Some of the defects of an execution.
struct DefectPage: Sendable {
    private(set) var defects: [Defect] = []

    init(_ reader: inout ByteReader) throws(FormatError) {
        while reader.remaining > 0 { defects.append(try reader.defect()) }
    }
}

extension DefectTally {
    /// Reads the tally of a file that tells of some processes.
    init(_ reader: inout ByteReader, processCount: Int) throws(FormatError) {
        self.init()
        for kind in Defect.Kind.allCases {
            var defects: [Defect] = []
            for _ in 0..<(try reader.count(reader.remaining / 3, "defects")) {
                let defect = try reader.defect()
                guard defect.kind == kind, !defect.events.isEmpty else {
                    throw reader.malformed("defect: expected one of \(kind)")
                }
                defects.append(defect)
            }
            if !defects.isEmpty { listed[kind] = defects }
        }
        for _ in 0..<(try reader.count(reader.remaining / 7, "clocks")) {
            let process = try reader.process(of: processCount, "process")
            var clock = Clock()
            clock.latest = try reader.sequence("latest")
            clock.time = try reader.zigzag("time")
            clock.firstBack = try reader.sequence("first")
            clock.firstFrom = try reader.sequence("first")
            clock.count = try reader.count(Int(Causality.Limits.sequenceMax), "count")
            clock.mostNanoseconds = try reader.zigzag("most")
            clocks[process] = clock
        }
        for _ in 0..<(try reader.count(reader.remaining / 6, "pairs")) {
            let sender = try reader.process(of: processCount, "sender")
            let receiver = try reader.process(of: processCount, "receiver")
            var difference = Difference(
                sent: try reader.sequence("sent"), received: try reader.sequence("received"))
            difference.count = try reader.count(Int(Causality.Limits.sequenceMax), "count")
            difference.mostNanoseconds = try reader.zigzag("most")
            pairs[Pair(sender: sender, receiver: receiver)] = difference
        }
        try reader.expectEnd("tally")
    }
}

extension ByteReader {
    fileprivate mutating func hashPages(
        _ what: String
    ) throws(FormatError) -> [(first: UInt64, place: FilePlace)] {
        var pages: [(first: UInt64, place: FilePlace)] = []
        for _ in 0..<(try count(remaining / 10, what)) {
            let first = try fixed64("hash")
            guard pages.last.map({ $0.first <= first }) ?? true else {
                throw malformed("\(what): a hash is out of order")
            }
            pages.append((first, try place()))
        }
        return pages
    }

    fileprivate mutating func place() throws(FormatError) -> FilePlace {
        FilePlace(
            offset: try count(Limits.fileBytesMax, "offset"),
            byteCount: try count(Limits.blockBytesMax, "block"))
    }

    fileprivate mutating func ranges(
        countMax: Int?, _ what: String
    ) throws(FormatError) -> [ClosedRange<UInt64>] {
        var ranges: [ClosedRange<UInt64>] = []
        var (last, total): (UInt64, UInt64) = (0, 0)
        for _ in 0..<(try count(remaining / 2, what)) {
            let distance = try sequence(what)
            let length = try sequence(what)
            let first = last + distance
            guard distance > 0, first <= Causality.Limits.sequenceMax,
                length <= Causality.Limits.sequenceMax - first
            else { throw malformed("\(what): expected numbers that ascend") }
            total += length + 1
            if let countMax, total > UInt64(countMax) {
                throw malformed("\(what): expected at most \(countMax) events, found \(total)")
            }
            ranges.append(first...(first + length))
            last = first + length
        }
        return ranges
    }

    fileprivate mutating func fork() throws(FormatError) -> Fork {
        Fork(sequence: try sequence("fork"), isOfOneSource: try byte("fork") == 1)
    }

    fileprivate mutating func defect() throws(FormatError) -> Defect {
        let kinds = Defect.Kind.allCases
        let number = Int(try byte("kind"))
        guard number < kinds.count else {
            throw malformed("defect: a kind of \(number) is unknown")
        }
        var events: [EventID] = []
        for _ in 0..<(try count(remaining / 4, "events")) {
            let process = try fullName()
            events.append(EventID(process, try sequence("event")))
        }
        let text = try validString(ofLength: try count(remaining, "text"), "text")
        return Defect(kinds[number], events, text)
    }

    fileprivate mutating func nameAndIncarnation() throws(FormatError) -> ProcessID {
        let name = try validString(
            ofLength: try count(Causality.Limits.nameBytesMax + 16, "name"), "name")
        let incarnation = try count(Int(Causality.Limits.incarnationMax), "incarnation")
        return ProcessID(name: name, incarnation: UInt32(incarnation))
    }

    mutating func fullName() throws(FormatError) -> ProcessID {
        var id = try nameAndIncarnation()
        id.fork = try string(64, "fork")
        return id
    }

    fileprivate mutating func standIn() throws(FormatError) -> StandIn {
        switch try byte("stand-in") {
        case 0: return .name(try fullName())
        case 1:
            let process = try fullName()
            return .fork(process, try fork())
        case 2: return .claim(try fullName())
        case let other: throw malformed("stand-in: \(other) is none")
        }
    }
}
