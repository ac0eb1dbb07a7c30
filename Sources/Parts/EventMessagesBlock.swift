import Causality
import HappensBefore

/// Which messages the events of one process got and sent, from one position up to another, and of which kinds they are: what an
/// `EventFactsBlock` ends with.
struct EventMessagesBlock: Sendable {
    /// The position of the first event.
    private let start: Int
    private(set) var arrivals: [Arrival] = []
    private(set) var departures: [Departure] = []
    /// The kind of those events that have no other, and whether messages tell others.
    private var most = EventKind.unsaid
    private var messagesTellKinds = false
    /// Ascending by position.
    private var exceptions: [(position: Int, kind: EventKind)] = []

    /// What it takes, in bytes.
    var byteCount: Int {
        arrivals.count * MemoryLayout<Arrival>.stride
            + departures.count * MemoryLayout<Departure>.stride + exceptions.count * 16
    }

    /// Behind the last position whose kind is told by itself.
    var exceptionsEnd: Int { (exceptions.last?.position ?? start - 1) + 1 }

    /// The kind that was recorded for an event; nil where the block does not tell.
    func kind(at position: Int, _ sequence: UInt64) -> EventKind? {
        guard position >= start else { return nil }
        let place = partitionPoint(count: exceptions.count) { exceptions[$0].position < position }
        if place < exceptions.count, exceptions[place].position == position {
            return exceptions[place].kind
        }
        guard messagesTellKinds else { return most }
        if !arrivals(in: position..<position + 1).isEmpty { return .receive }
        return departures(since: sequence).first?.sequence == sequence ? .send : most
    }

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
        let form = try reader.byte("kinds")
        guard form < 8 else { throw reader.malformed("kinds: a form of \(form) is unknown") }
        (most, messagesTellKinds) = (EventKind(rawValue: form & 3)!, form & 4 != 0)
        let exceptionCount = try reader.count(eventCount - start, "kinds")
        var bits = BitReader(reader)
        try readArrivals(arrivalCount, &bits, processCount, eventCount)
        try readDepartures(departureCount, &bits, processCount)
        try readExceptions(exceptionCount, &bits, eventCount)
        try bits.expectEnd("events")
    }

    private mutating func readExceptions(
        _ count: Int, _ bits: inout BitReader, _ eventCount: Int
    ) throws(FormatError) {
        guard count > 0 else { return }
        let positions = try bits.column(count, "position")
        let kinds = try bits.column(count, "kind")
        var position = start
        exceptions.reserveCapacity(count)
        for (index, (distance, kind)) in zip(positions, kinds).enumerated() {
            guard distance < UInt64(eventCount - position), index == 0 || distance > 0 else {
                throw bits.malformed("position: expected below \(eventCount)")
            }
            position += Int(distance)
            guard kind < 4 else { throw bits.malformed("kind: \(kind) is none") }
            exceptions.append((position, EventKind(rawValue: UInt8(kind))!))
        }
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
            let number =
                lasts[sender, default: 0] &+ UInt64(bitPattern: unzigzag(differences[index]))
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
            let position = lasts[receiver, default: 0] &+ unzigzag(differences[index])
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
