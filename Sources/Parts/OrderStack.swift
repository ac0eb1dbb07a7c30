import Causality
import HappensBefore

/// The order files of an execution, each of which has the events of one slice: as one index of all events up to the last cut.
///
/// Where its processes have events, which are missing, and what they are called, the uppermost file says; what an event knows,
/// the file of its slice. A process has one number in all files that know it. A look-up costs what it does in one file, and
/// the facts of a process once for each file between the uppermost one and that of the event.
package struct OrderStack: CausalFloor {
    package typealias Failure = PartError

    /// From the oldest slice to the newest.
    package let files: [OrderFile]
    /// Reads the wall time of an event in a file: which is in the event itself.
    private let time: @Sendable (OrderFile, EventPosition) throws(PartError) -> Int64

    /// - Parameters:
    ///   - files: From the oldest slice on, one at least, each of which stands on those before it.
    ///   - time: The wall time of an event in a file, in nanoseconds; `EventBatch.noTime` where it has none, or it cannot be
    ///     read any more.
    package init(
        _ files: [OrderFile],
        time: @escaping @Sendable (OrderFile, EventPosition) throws(PartError) -> Int64
    ) {
        precondition(!files.isEmpty, "a stack of no files")
        self.files = files
        self.time = time
    }

    private var top: OrderFile { files[files.count - 1] }

    /// How many processes will not change while what is here holds: the first ones.
    package var settledCount: Int { top.settledCount }

    /// How many events it tells of, dropped ones too.
    package var eventCount: Int { top.eventCount }

    /// True where some of what was asked for could not be read.
    package var isDamaged: Bool { files.contains(where: \.isDamaged) }

    /// What was read so far.
    package var reads: OrderFile.Reads {
        files.reduce(into: OrderFile.Reads()) {
            $0.bytes += $1.reads.bytes
            $0.blocks += $1.reads.blocks
        }
    }

    /// The file of the slice that an event is in. O(log files).
    package func file(of place: EventPosition) throws(PartError) -> OrderFile {
        try files[number(of: place)]
    }

    private func number(of place: EventPosition) throws(PartError) -> Int {
        // The last one whose events of the process begin at or below it.
        let number = try partitionPoint(count: files.count - 1) { (index) throws(PartError) in
            guard place.process < processCount(of: index + 1) else { return true }
            return try files[index + 1].base(of: place.process) <= place.position
        }
        guard place.process < processCount(of: number) else {
            throw files[number].damaged(
                "process \(place.process) is not known below position \(place.position)")
        }
        if number + 1 < files.count { try checkEnd(of: place.process, in: number) }
        return number
    }

    /// Throws unless a file has of a process the events up to where those of the next one begin.
    private func checkEnd(of process: Int, in number: Int) throws(PartError) {
        let (count, base) = (
            try files[number].line(process).facts.count, try files[number + 1].base(of: process)
        )
        guard count == base else {
            throw files[number].damaged(
                "\(count) events of process \(process), of which \(files[number + 1].file.path) "
                    + "says that \(base) are below it")
        }
    }

    /// How many processes a file knows by the numbers that they have here.
    func processCount(of number: Int) -> Int {
        number + 1 == files.count ? files[number].processCount : files[number].settledCount
    }

    /// The files that know some processes, the newest first.
    func filesDownward(
        knowing process: Int, _ other: Int = 0
    ) -> ReversedCollection<ArraySlice<OrderFile>> {
        let first = partitionPoint(count: files.count) {
            processCount(of: $0) <= max(process, other)
        }
        return files[first...].reversed()
    }

    /// The positions of a process that lie in each slice where some of a range do, the oldest first.
    func parts(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [(file: OrderFile, positions: Range<Int>)] {
        var parts: [(file: OrderFile, positions: Range<Int>)] = []
        var end = positions.upperBound
        while end > positions.lowerBound {
            let file = try file(of: EventPosition(process: process, position: end - 1))
            let base = try file.base(of: process)
            // Of those that were dropped the lowest file has the last one of a process alone.
            guard base < end else { break }
            parts.append((file, max(base, positions.lowerBound)..<end))
            end = base
        }
        return parts.reversed()
    }
}

// MARK: Processes

extension OrderStack {
    package var execution: String { top.execution }
    package var processCount: Int { top.processCount }
    package func index(of process: ProcessID) throws(PartError) -> Int? {
        try top.index(of: process)
    }
    package func id(of process: Int) throws(PartError) -> ProcessID { try top.id(of: process) }
    package func facts(of process: Int) throws(PartError) -> ProcessFacts {
        try top.facts(of: process)
    }
    package func gaps(of process: Int) throws(PartError) -> [Gap] { try top.gaps(of: process) }
    package func sequences(of process: Int) throws(PartError) -> SequenceRuns {
        try top.sequences(of: process)
    }
    package func implied(by process: Int) throws(PartError) -> [EventKey] {
        try top.implied(by: process)
    }
    package func unlinkedProcesses() -> [Int] { top.unlinkedProcesses() }
    package func ruledOut() -> [EventKey] { top.ruledOut() }
    package func ruling(on event: EventKey) throws(PartError) -> EventKey? {
        try top.ruling(on: event)
    }

    /// What a process is called that an event refers to; nil where that may be one of several.
    package func name(of reference: ProcessReference) throws(PartError) -> ProcessID? {
        try top.name(of: reference)
    }

    /// True where an event is found by its process and number, and every reference of an event has one meaning.
    package var findsEvents: Bool { top.findsEvents }

    /// What contradicts itself, and notes on wall clocks.
    package func defects() throws(PartError) -> [Defect] { try top.defects() }

    /// What of that later events add to.
    package func tally() throws(PartError) -> DefectTally { try top.tally() }

    /// What a history keeps that goes on from the last cut; nil where none can.
    package func resumption() throws(PartError) -> Resumption? { try top.resumption() }

    package func keepsNames() throws(PartError) -> Bool {
        try tally().listed.contains { !$0.value.isEmpty }
    }
}

// MARK: Events

extension OrderStack {
    package func known(of process: Int, at place: EventPosition) throws(PartError) -> UInt64 {
        if try isBuried(place) {
            if process == place.process { return try sequences(of: process)[place.position] }
            return try implied(by: place.process).first { $0.process == process }?.sequence ?? 0
        }
        let number = try number(of: place)
        // What nothing in the slice or below it knows.
        guard process < processCount(of: number) else { return 0 }
        return try files[number].known(of: process, at: place)
    }

    package func known(at place: EventPosition) throws(PartError) -> [EventKey] {
        try isBuried(place)
            ? implied(by: place.process).sorted { $0.process < $1.process }
            : file(of: place).known(at: place)
    }

    package func learned(
        by process: Int, in positions: Range<Int>
    ) throws(PartError) -> [Arrival] {
        var learned: [Arrival] = []
        for part in try parts(of: process, in: positions) {
            learned += try part.file.learned(by: process, in: part.positions)
        }
        return learned
    }

    package func firstPosition(
        knowing event: EventKey, in process: Int
    ) throws(PartError) -> Int? {
        // What it goes on from its first event knows, though nothing else is known of that.
        if try isBuried(EventPosition(process: process, position: 0)),
            try implied(by: process).contains(where: {
                $0.process == event.process && $0.sequence >= event.sequence
            })
        {
            return 0
        }
        // Along a process knowledge only grows: the first slice at whose end the event is known. Of one that has no event of the
        // process those below it tell.
        let files = Array(filesDownward(knowing: process, event.process).reversed())
        var (first, end) = (0, files.count)
        var found: Int?
        while first < end {
            let middle = (first + end) / 2
            var index = middle
            var known = try files[index].firstKnowing(event, in: process)
            while case .below = known, index > first {
                index -= 1
                known = try files[index].firstKnowing(event, in: process)
            }
            switch known {
            case .nowhere, .below: first = middle + 1
            case .at(let position), .fromStart(let position):
                found = position
                end = index
            }
        }
        if let found { try top.check(EventPosition(process: process, position: found)) }
        return found
    }

    package func uncertainty(at place: EventPosition) throws(PartError) -> Uncertainty? {
        try isBuried(place) ? .dropped : file(of: place).uncertainty(at: place)
    }

    package func certainEnd(from place: EventPosition) throws(PartError) -> Int {
        try file(of: place).certainEnd(from: place)
    }

    package func firstCertain(from place: EventPosition) throws(PartError) -> Int? {
        var place = place
        // The last one that was dropped is the first of which something is known.
        if try isBuried(place) { place.position = try droppedCount(of: place.process) - 1 }
        for number in try number(of: place)..<files.count {
            let count = try files[number].sequences(of: place.process).count
            guard place.position < count else { continue }
            if let position = try files[number].firstCertain(from: place) {
                try top.check(EventPosition(process: place.process, position: position))
                return position
            }
            place.position = count
        }
        return nil
    }

    package func learned(fromMissing send: EventKey) throws(PartError) -> [EventKey] {
        var learned: [EventKey] = []
        for file in filesDownward(knowing: send.process) {
            learned += try file.learned(fromMissing: send)
        }
        return learned
    }

    package func stamp(at place: EventPosition) throws(PartError) -> Stamp {
        try isBuried(place) ? .silent : file(of: place).stamp(at: place)
    }

    package func kind(at place: EventPosition) throws(PartError) -> EventKind {
        try isBuried(place) ? .unsaid : file(of: place).kind(at: place)
    }

    package func contradiction(_ what: String) -> PartError { top.damaged(what) }

    package func time(at place: EventPosition) throws(PartError) -> Int64 {
        if try isBuried(place) { return EventBatch.noTime }
        let file = try file(of: place)
        return try file.tombstone == nil ? time(file, place) : file.timeOfLast(place.process)
    }

    /// Where an event lies that was not dropped, and the positions from it on that follow on it there; no place for what lay in
    /// parts already when its file was written.
    package func rows(
        at place: EventPosition
    ) throws(PartError) -> (place: RowPlace?, positions: Range<Int>) {
        try file(of: place).rows(at: place)
    }

    /// Whether some event of a process has a wall time.
    package func hasTimes(_ process: Int) throws(PartError) -> Bool {
        for file in filesDownward(knowing: process) where try file.hasTimes(process) { return true }
        return false
    }

    /// Positions of a process among which is its last event whose wall time is not later; nil where there is none.
    package func lastPositions(
        in process: Int, by time: WallTime
    ) throws(PartError) -> Range<Int>? {
        for file in filesDownward(knowing: process) {
            if let found = try file.lastPositions(in: process, by: time) {
                try top.check(EventPosition(process: process, position: found.upperBound - 1))
                return found
            }
        }
        return nil
    }

    /// The first of some positions of a process whose event may have a wall time in a span of nanoseconds; nil where none has.
    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) throws(PartError) -> Int? {
        for part in try parts(of: process, in: positions) {
            let found = try part.file.position(of: process, in: part.positions, during: span)
            if let found { return found }
        }
        return nil
    }
}

// MARK: Messages

extension OrderStack: MessageIndex {
    package var areAllKnown: Bool { files.allSatisfy(\.areAllKnown) }

    package func arrivals(
        at process: Int, in positions: Range<Int>
    ) throws(PartError) -> [Arrival] {
        var arrivals: [Arrival] = []
        for part in try parts(of: process, in: positions) {
            arrivals += try part.file.arrivals(at: process, in: part.positions)
        }
        // When an older slice was written, a process may have had another name, or none yet.
        return files.count == 1 ? arrivals : try listed(arrivals)
    }

    package func receipts(of send: EventKey) throws(PartError) -> [EventPosition] {
        var receipts: [EventPosition] = []
        for file in filesDownward(knowing: send.process) {
            receipts += try file.receipts(of: send)
        }
        for receipt in receipts { try top.check(receipt) }
        return receipts
    }

    package func departures(
        from process: Int, since sequence: UInt64
    ) throws(PartError) -> [Departure] {
        var departures: [Departure] = []
        for file in filesDownward(knowing: process) {
            departures = Departure.merged(
                departures, try file.departures(from: process, since: sequence))
        }
        for departure in departures { try top.check(departure.receipt) }
        return departures
    }
}
