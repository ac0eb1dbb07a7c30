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
        let arrivalCount = try reader.count(8 * reader.remaining, "arrivals")
        let departureCount = try reader.count(8 * reader.remaining, "departures")
        let (form, kindCount) = try Self.kindsForm(&reader, eventCount - start)
        var bits = BitReader(reader)
        try readArrivals(arrivalCount, &bits, processCount, eventCount)
        try readDepartures(departureCount, &bits, processCount)
        if let kindCount {
            for distance in try bits.column(kindCount, "kinds") {
                guard distance < 4 else { throw bits.malformed("kind: \(distance) is none") }
                kinds.append(EventKind(rawValue: (form + UInt8(distance)) & 3)!)
            }
        } else {
            kinds = [EventKind(rawValue: form)!]
        }
        try bits.expectEnd("events")
    }

    private static func kindsForm(
        _ reader: inout ByteReader, _ most: Int
    ) throws(FormatError) -> (form: UInt8, count: Int?) {
        let form = try reader.byte("kinds")
        guard form < 8 else { throw reader.malformed("kinds: a form of \(form) is unknown") }
        return (form, form < 4 ? nil : try reader.count(most, "kinds"))
    }

    private mutating func readArrivals(
        _ count: Int, _ bits: inout BitReader, _ processCount: Int, _ eventCount: Int
    ) throws(FormatError) {
        guard count > 0 else { return }
        let positions = try bits.column(count, "position")
        let senders = try bits.column(count, "sender")
        let differences = try bits.column(count, "number")
        var position = start
        var lasts: [UInt64: UInt64] = [:]
        arrivals.reserveCapacity(count)
        for index in 0..<count {
            let (distance, sender) = (positions[index], senders[index])
            guard distance < UInt64(eventCount - position) else {
                throw bits.malformed("position: expected below \(eventCount)")
            }
            position += Int(distance)
            guard sender < processCount else {
                throw bits.malformed("sender: expected below \(processCount), found \(sender)")
            }
            let number = lasts[sender, default: 0] &+ UInt64(bitPattern: signed(differences[index]))
            guard number <= Causality.Limits.sequenceMax else {
                throw bits.malformed("number: \(number) is no sequence number")
            }
            lasts[sender] = number
            arrivals.append(
                Arrival(
                    position: position, event: EventKey(process: Int(sender), sequence: number)))
        }
    }

    private mutating func readDepartures(
        _ count: Int, _ bits: inout BitReader, _ processCount: Int
    ) throws(FormatError) {
        guard count > 0 else { return }
        let numbers = try bits.column(count, "number")
        let receivers = try bits.column(count, "receiver")
        let differences = try bits.column(count, "position")
        var sequence: UInt64 = 0
        var lasts: [UInt64: Int64] = [:]
        departures.reserveCapacity(count)
        for index in 0..<count {
            let receiver = receivers[index]
            guard numbers[index] <= Causality.Limits.sequenceMax - sequence else {
                throw bits.malformed("number: \(numbers[index]) more is no sequence number")
            }
            sequence += numbers[index]
            guard receiver < processCount else {
                throw bits.malformed(
                    "receiver: expected below \(processCount), found \(receiver)")
            }
            let position = lasts[receiver, default: 0] &+ signed(differences[index])
            guard (0...Int64(UInt32.max)).contains(position) else {
                throw bits.malformed("position: \(position) is none")
            }
            lasts[receiver] = position
            departures.append(
                Departure(
                    sequence: sequence,
                    receipt: EventPosition(process: Int(receiver), position: Int(position))))
        }
    }
}

/// A number whose lowest bit is its sign.
private func signed(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}
