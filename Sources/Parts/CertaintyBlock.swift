import Causality
import HappensBefore

/// How the events of one process, from one position up to another, came by their knowledge: their stamps; where it is a lower
/// bound, and why.
///
///     block = start, stamps, uncertainty
///     stamps = count, (position, stamp u8, [since, reason u8, number])*
///     uncertainty = count, (position, why u8, …)*
///
/// All numbers are varints. Positions rise, and are written as the distances, the first from the block's start: of stamps and of
/// uncertainty the first is that of the block's first event. Why: 0 exact; 1 an event (process, number), 2 a loss, 3 silence,
/// 4 origin, 5 an event that does not name its sender, 6 it was dropped.
struct CertaintyBlock: Sendable {
    /// The position of its first event.
    let start: Int
    private(set) var stamps: [StampRun] = []
    private(set) var uncertainty: [UncertainRun] = []

    func stamp(at position: Int) -> Stamp {
        stamps[partitionPoint(count: stamps.count) { stamps[$0].position <= position } - 1].stamp
    }

    func uncertainty(at position: Int) -> Uncertainty? {
        uncertainty[
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        ].why
    }

    /// The first position from `position` on, in the block, at which knowledge is exact.
    func firstCertain(from position: Int) -> Int? {
        let index =
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        guard uncertainty[index].why != nil else { return position }
        return uncertainty[index...].first { $0.why == nil }?.position
    }
}

extension CertaintyBlock {
    /// Reads a block of a process of `eventCount` events.
    init(
        _ reader: inout ByteReader, processCount: Int, eventCount: Int
    ) throws(FormatError) {
        start = try reader.count(eventCount, "start")
        try readStamps(&reader, eventCount)
        try readUncertainty(&reader, processCount, eventCount)
        try reader.expectEnd("certainty")
    }

    private mutating func readStamps(
        _ reader: inout ByteReader, _ eventCount: Int
    ) throws(FormatError) {
        try reader.runs(from: start, below: eventCount, "stamps") {
            (reader, position) throws(FormatError) in
            stamps.append(StampRun(position: position, stamp: try reader.stamp()))
        }
    }

    private mutating func readUncertainty(
        _ reader: inout ByteReader, _ processCount: Int, _ eventCount: Int
    ) throws(FormatError) {
        try reader.runs(from: start, below: eventCount, "uncertainty") {
            (reader, position) throws(FormatError) in
            let why: Uncertainty? =
                switch try reader.byte("why") {
                case 0: nil
                case 1: .event(try reader.event(processCount))
                case 2: .loss(try reader.loss())
                case 3: .silence
                case 4: .origin
                case 5: .sender(try reader.event(processCount))
                case 6: .dropped
                case let other: throw reader.malformed("why: \(other) is none")
                }
            uncertainty.append(UncertainRun(position: position, why: why))
        }
    }
}

extension ByteReader {
    /// A number of at most the highest sequence number.
    mutating func sequence(_ what: String) throws(FormatError) -> UInt64 {
        let value = try varint(what)
        guard value <= Causality.Limits.sequenceMax else {
            throw malformed("\(what): \(value) is no sequence number")
        }
        return value
    }

    /// The number of one of `processCount` processes, of which there may be none.
    mutating func process(of processCount: Int, _ what: String) throws(FormatError) -> Int {
        let process = try count(processCount, what)
        guard process < processCount else {
            throw malformed("\(what): expected below \(processCount), found \(process)")
        }
        return process
    }

    mutating func event(_ processCount: Int) throws(FormatError) -> EventKey {
        let process = try process(of: processCount, "process")
        return EventKey(process: process, sequence: try sequence("event"))
    }

    mutating func stamp() throws(FormatError) -> Stamp {
        let number = try byte("stamp")
        guard
            let stamp = try Stamp(
                rawValue: number, loss: { () throws(FormatError) in try loss() })
        else { throw malformed("stamp: \(number) is none") }
        return stamp
    }

    fileprivate mutating func loss() throws(FormatError) -> Loss {
        let since = try sequence("loss")
        let number = try byte("loss")
        guard let reason = Loss.Reason(rawValue: number) else {
            throw malformed("loss: a reason of \(number) is none")
        }
        return Loss(
            since: since, reason,
            number: UInt32(try count(Int(UInt32.max), "losses")))
    }

    /// One value or more, each from a position on, the first from `start` on.
    fileprivate mutating func runs(
        from start: Int, below end: Int, _ what: String,
        _ value: (inout ByteReader, Int) throws(FormatError) -> Void
    ) throws(FormatError) {
        let count = try count(remaining / 2, what)
        guard count > 0 else { throw malformed("\(what): expected one at least, found none") }
        var position = start
        for index in 0..<count {
            let distance = try self.count(end, what)
            guard index == 0 ? distance == 0 : distance > 0, distance < end - position else {
                throw malformed("\(what): expected a later position below \(end)")
            }
            position += distance
            try value(&self, position)
        }
    }
}
