import Causality
import Crypto

/// An event as a chain has it (RunChain.swift): what the digest of a step was computed of.
package struct CanonicalRow: Sendable {
    package var sequence: UInt64
    package var kind: EventKind
    package var time: WallTime?
    package var level: Level?
    package var name: String
    package var text: String
    package var attributes: [Attribute]
    /// The sends that it took, or the events that it follows.
    package var causes: [(process: ProcessReference, sequence: UInt64)]

    /// The rows of a step, one after another. O(bytes).
    package static func all(in bytes: [UInt8]) throws(FormatError) -> [CanonicalRow] {
        var reader = ByteReader(bytes)
        var rows: [CanonicalRow] = []
        while reader.remaining > 0 { rows.append(try CanonicalRow(&reader)) }
        return rows
    }

    private init(_ reader: inout ByteReader) throws(FormatError) {
        sequence = try reader.varint("number")
        let kind = try reader.byte("kind")
        guard let kind = EventKind(rawValue: kind) else {
            throw reader.malformed("kind: \(kind) is unknown to this program")
        }
        self.kind = kind
        try Self.skipStamp(&reader)
        time =
            try reader.byte("has a time") == 0
            ? nil : WallTime(nanoseconds: try reader.zigzag("time"))
        level = Level(rawValue: try reader.byte("level"))
        name = try reader.string(reader.remaining, "name")
        text = try reader.string(reader.remaining, "text")
        attributes = []
        for _ in 0..<(try reader.count(reader.remaining, "attributes")) {
            let isJSON = try reader.byte("kind of value") != 0
            let key = try reader.string(reader.remaining, "key")
            let value = try reader.string(reader.remaining, "value")
            attributes.append(Attribute(key, isJSON ? .json(value) : .text(value)))
        }
        causes = []
        for _ in 0..<(try reader.count(reader.remaining, "causes")) {
            causes.append((try reader.reference("cause"), try reader.varint("number")))
            _ = try reader.byte("evidence")
        }
        if try reader.byte("rules out") != 0 {
            _ = try reader.reference("what it rules out")
            _ = try reader.varint("number")
        }
        _ = try reader.byte("whole clock")
        for _ in 0..<(try reader.count(reader.remaining, "clock")) {
            _ = try reader.reference("clock")
            _ = try reader.varint("clock")
        }
    }

    private static func skipStamp(_ reader: inout ByteReader) throws(FormatError) {
        let number = try reader.byte("stamp")
        let stamp = try Stamp(rawValue: number) { () throws(FormatError) in
            let reason = try reader.byte("reason")
            let (since, count) = (try reader.varint("since"), try reader.varint("loss"))
            guard let reason = Loss.Reason(rawValue: reason) else {
                throw reader.malformed("reason: \(reason) is unknown to this program")
            }
            return Loss(since: since, reason, number: UInt32(truncatingIfNeeded: count))
        }
        guard stamp != nil else {
            throw reader.malformed("stamp: \(number) is unknown to this program")
        }
    }
}

/// One step of a run's chain in a segment, with the rows that it was computed of.
package struct ChainStep: Hashable, Sendable {
    package var run: ChainedRun
    /// Of all steps.
    package var steps: [[UInt8]]
    package var eventCount: Int
    package var index: Int
    package var rows: [UInt8]

    package init(_ run: ChainedRun, _ chain: RunChain, _ index: Int) {
        self.run = run
        steps = chain.steps
        eventCount = chain.eventCount
        self.index = index
        rows = chain.keptRows
    }

    package init(
        run: ChainedRun, steps: [[UInt8]], eventCount: Int, index: Int, rows: [UInt8]
    ) {
        self.run = run
        self.steps = steps
        self.eventCount = eventCount
        self.index = index
        self.rows = rows
    }

    /// Whether the rows are those of the step, in a segment. O(bytes).
    package func isRight(in segment: Identity128) -> Bool {
        guard steps.indices.contains(index) else { return false }
        var hash = SHA256()
        hash.update(data: index == 0 ? segment.bytes : steps[index - 1])
        hash.update(data: rows)
        return Array(hash.finalize()) == steps[index]
    }

    /// What the head of the segment says of the run.
    package var headRun: SegmentHead.Run {
        SegmentHead.Run(
            run: run, eventCount: eventCount, digest: SegmentHead.Run.digest(of: steps))
    }
}
