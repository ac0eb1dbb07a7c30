import Causality
import HappensBefore

// The events themselves: where they lie, when they were, and the messages that they sent and got.
extension OrderFile: MessageIndex {
    package var areAllKnown: Bool { footer.form.contains(.areMessagesKnown) }

    /// True where an event is found by its process and number, and every reference of an event has one meaning: then questions
    /// that read events can be answered. False where a run is there more than once.
    package var findsEvents: Bool { footer.form.contains(.findsEvents) }

    package func arrivals(
        at process: Int, in positions: Range<Int>
    ) throws(PartError) -> [Arrival] {
        let blocks = try directory(process).facts
        var number = max(
            0, partitionPoint(count: blocks.count) { blocks[$0].start <= positions.lowerBound } - 1)
        var arrivals: [Arrival] = []
        while number < blocks.count, blocks[number].start < positions.upperBound {
            arrivals += try messages(process, number).arrivals(in: positions)
            number += 1
        }
        return arrivals
    }

    package func receipts(of send: EventKey) throws(PartError) -> [EventPosition] {
        guard let number = try block(of: send) else { return [] }
        let departures = try messages(send.process, number).departures(since: send.sequence)
            .prefix { $0.sequence == send.sequence }
        return try checked(departures).map(\.receipt)
    }

    /// Throws where a message arrived at no event that is here.
    private func checked(
        _ departures: ArraySlice<Departure>
    ) throws(PartError) -> ArraySlice<Departure> {
        for departure in departures { try check(departure.receipt) }
        return departures
    }

    package func departures(
        from process: Int, since sequence: UInt64
    ) throws(PartError) -> [Departure] {
        let first = try block(of: EventKey(process: process, sequence: sequence))
        guard var number = first else { return [] }
        let count = try directory(process).facts.count
        while number < count {
            let departures = try messages(process, number).departures(since: sequence)
            if !departures.isEmpty { return Array(try checked(departures)) }
            number += 1
        }
        return []
    }

    /// The number of the block that has the messages of an event; nil where there are none.
    private func block(of event: EventKey) throws(PartError) -> Int? {
        let blocks = try directory(event.process).facts
        guard !blocks.isEmpty else { return nil }
        let sequences = try sequences(of: event.process)
        let number = partitionPoint(count: blocks.count) {
            $0 == 0 || sequences[blocks[$0].start] <= event.sequence
        }
        return number - 1
    }

    /// Where an event lies, and the positions from it on that follow on it there; no place for what lay in parts already when
    /// the file was written.
    package func rows(
        at place: EventPosition
    ) throws(PartError) -> (place: RowPlace?, positions: Range<Int>) {
        try check(place)
        let blocks = try directory(place.process).facts
        let number = partitionPoint(count: blocks.count) { blocks[$0].start <= place.position } - 1
        guard number >= 0 else {
            throw damaged(
                "process \(place.process) has no facts of position \(place.position)")
        }
        let (row, end) = try facts(place.process, number).rows(at: place.position)
        let blockEnd =
            try number + 1 < blocks.count
            ? blocks[number + 1].start : line(place.process).facts.count
        return (row, place.position..<(end ?? blockEnd))
    }

    /// The kind that was recorded for an event.
    package func kind(at place: EventPosition) throws(PartError) -> EventKind {
        try check(place)
        let sequence = try sequences(of: place.process)[place.position]
        let blocks = try directory(place.process).facts
        let number = partitionPoint(count: blocks.count) { blocks[$0].start <= place.position } - 1
        guard number >= 0,
            let kind = try messages(place.process, number).kind(at: place.position, sequence)
        else {
            throw damaged(
                "process \(place.process) has no kind of position \(place.position)")
        }
        return kind
    }

    /// Whether some event of a process in the slice has a wall time.
    package func hasTimes(_ process: Int) throws(PartError) -> Bool { try line(process).hasTimes }

    /// Positions of a process among which is its last event whose wall time is not later; nil where there is none.
    package func lastPositions(
        in process: Int, by time: WallTime
    ) throws(PartError) -> Range<Int>? {
        let count = try line(process).facts.count
        for number in try directory(process).facts.indices.reversed() {
            let found = try facts(process, number).lastPositions(
                by: time.nanoseconds, eventCount: count)
            if let found { return found }
        }
        return nil
    }

    /// The first of some positions of a process whose event may have a wall time in a span of nanoseconds; nil where none has.
    /// Reads the blocks in between, and no event.
    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) throws(PartError) -> Int? {
        let blocks = try directory(process).facts
        let first = positions.lowerBound
        var number = max(0, partitionPoint(count: blocks.count) { blocks[$0].start <= first } - 1)
        while number < blocks.count, blocks[number].start < positions.upperBound {
            if let found = try facts(process, number).position(from: first, during: span) {
                return found < positions.upperBound ? found : nil
            }
            number += 1
        }
        return nil
    }

    /// The wall times of the events of a process in a range of positions, which lie in the slice, summary by summary. Reads the
    /// blocks that have some, and no event.
    package func timeSpans(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [TimeSpan] {
        let blocks = try directory(process).facts
        let count = try line(process).facts.count
        let first = positions.lowerBound
        var number = max(0, partitionPoint(count: blocks.count) { blocks[$0].start <= first } - 1)
        var spans: [TimeSpan] = []
        while number < blocks.count, blocks[number].start < positions.upperBound {
            let end = number + 1 < blocks.count ? blocks[number + 1].start : count
            spans += try facts(process, number).spans(in: positions, end: end)
            number += 1
        }
        return spans
    }

    /// What contradicts itself in the history, and notes on wall clocks.
    package func defects() throws(PartError) -> [Defect] {
        var defects: [Defect] = []
        for place in footer.defectPages { defects += try self.defects(at: place) }
        return defects
    }

    /// Those of one page.
    func defects(at place: FilePlace) throws(PartError) -> [Defect] {
        try load(place) { (reader) throws(FormatError) in try DefectPage(&reader).defects }
    }

    /// What contradicts itself in the events of the slice and below it, of which later ones may add more.
    package func tally() throws(PartError) -> DefectTally {
        try load(footer.tally) { [footer] (reader) throws(FormatError) in
            try DefectTally(&reader, processCount: footer.processCount)
        }
    }

    /// What a history keeps that goes on from the end of the slice; nil where none can.
    package func resumption() throws(PartError) -> Resumption? {
        guard let head = footer.resumption.first else { return nil }
        var resumption = try load(head) { [footer] (reader) throws(FormatError) in
            try Resumption(head: &reader, processCount: footer.processCount)
        }
        for place in footer.resumption.dropFirst() {
            try load(place) { [footer] (reader) throws(FormatError) in
                try resumption.read(page: &reader, processCount: footer.processCount)
            }
        }
        return resumption
    }
}
