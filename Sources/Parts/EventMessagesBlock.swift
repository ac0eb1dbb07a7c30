import Causality
import HappensBefore

/// Which messages the events of one process got and sent, from one position up to another, and of which kinds they are: what an
/// `EventFactsBlock` ends with.
struct EventMessagesBlock: Sendable {
    /// The position of the first event.
    private let start: Int
    private(set) var arrivals: [Arrival] = []
    private(set) var departures: [Departure] = []
    /// By event; one alone where all are of one kind.
    private var kinds: [EventKind] = []

    var kindCount: Int { kinds.count }

    /// The kind that was recorded for the event at `position`; nil where the block does not tell.
    func kind(at position: Int) -> EventKind? {
        guard position >= start else { return nil }
        if kinds.count == 1 { return kinds[0] }
        return position - start < kinds.count ? kinds[position - start] : nil
    }

    /// Whether it tells the kind of each of `count` events.
    func tellsKinds(of count: Int) -> Bool { kinds.count == 1 || kinds.count == count }

    func arrivals(in positions: Range<Int>) -> ArraySlice<Arrival> {
        let first = partitionPoint(count: arrivals.count) {
            arrivals[$0].position < positions.lowerBound
        }
        let end = partitionPoint(count: arrivals.count) {
            arrivals[$0].position < positions.upperBound
        }
        return arrivals[first..<max(first, end)]
    }

    func departures(since sequence: UInt64) -> ArraySlice<Departure> {
        departures[
            partitionPoint(count: departures.count) { departures[$0].sequence < sequence }...]
    }
}

// MARK: Bytes

extension EventMessagesBlock {
    /// Reads what follows in a block of a process of `eventCount` events.
    init(
        _ facts: EventFactsBlock, processCount: Int, eventCount: Int
    ) throws(FormatError) {
        start = facts.start
        var reader = facts.rest
        try readArrivals(&reader, processCount, eventCount)
        try readDepartures(&reader, processCount)
        try readKinds(&reader, eventCount)
    }

    private mutating func readArrivals(
        _ reader: inout ByteReader, _ processCount: Int, _ eventCount: Int
    ) throws(FormatError) {
        var position = start
        var numbers: [Int: UInt64] = [:]
        for _ in 0..<(try reader.count(reader.remaining / 3, "arrivals")) {
            position += try reader.count(eventCount, "position")
            guard position < eventCount else {
                throw reader.malformed("position: expected below \(eventCount), found \(position)")
            }
            let sender = try reader.process(of: processCount, "sender")
            let number =
                numbers[sender, default: 0]
                &+ UInt64(
                    bitPattern: try reader.zigzag("number"))
            guard number <= Causality.Limits.sequenceMax else {
                throw reader.malformed("number: \(number) is no sequence number")
            }
            numbers[sender] = number
            arrivals.append(
                Arrival(
                    position: position, event: EventKey(process: sender, sequence: number)))
        }
    }

    private mutating func readDepartures(
        _ reader: inout ByteReader, _ processCount: Int
    ) throws(FormatError) {
        var sequence: UInt64 = 0
        var positions: [Int: Int] = [:]
        for _ in 0..<(try reader.count(reader.remaining / 3, "departures")) {
            sequence += try reader.sequence("number")
            guard sequence <= Causality.Limits.sequenceMax else {
                throw reader.malformed("number: \(sequence) is no sequence number")
            }
            let receiver = try reader.process(of: processCount, "receiver")
            let (position, isTooFar) = positions[receiver, default: 0].addingReportingOverflow(
                Int(try reader.zigzag("position")))
            guard !isTooFar, (0...Int(UInt32.max)).contains(position) else {
                throw reader.malformed("position: \(position) is none")
            }
            positions[receiver] = position
            departures.append(
                Departure(
                    sequence: sequence,
                    receipt: EventPosition(process: receiver, position: position)))
        }
    }

    private mutating func readKinds(
        _ reader: inout ByteReader, _ eventCount: Int
    ) throws(FormatError) {
        let form = try reader.byte("kinds")
        guard form >= 4 else {
            kinds = [EventKind(rawValue: form)!]
            return try reader.expectEnd("events")
        }
        guard form < 8 else { throw reader.malformed("kinds: a form of \(form) is unknown") }
        let count = try reader.count(eventCount - start, "kinds")
        var bits = BitReader(reader)
        for distance in try bits.column(count, "kinds") {
            guard distance < 4 else { throw reader.malformed("kind: \(distance) is none") }
            kinds.append(EventKind(rawValue: (form + UInt8(distance)) & 3)!)
        }
        try bits.expectEnd("events")
    }
}
