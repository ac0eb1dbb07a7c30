import Causality
import SimulatedHistories
import Testing

@testable import Segments

extension Sample {
    static let header = SegmentHeader(
        agent: Identity128(naming: Array("agent".utf8)),
        segment: Identity128(naming: Array("segment".utf8)),
        created: WallTime(nanoseconds: 1_700_000_000_000_000_000))

    /// A segment of a commit for each batch.
    static func segment(
        _ batches: [EventBatch], commit: (Int) -> Commit = { _ in Commit() }, isSealed: Bool = true
    ) -> [UInt8] {
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        for (index, batch) in batches.enumerated() { bytes += writer.commit(batch, commit(index)) }
        if isSealed { bytes += writer.footer() }
        return bytes
    }
}

/// What a reader gets of a segment.
struct Reading {
    var frames: [StoredFrame] = []
    var damage: [SegmentDamage] = []
    var isSealed = false
    var footer: [UInt8]?

    init(_ bytes: [UInt8]) throws {
        var scanner = SegmentScanner(BytesInMemory(bytes))
        while let item = try scanner.next() {
            switch item {
            case .frame(let frame): frames.append(frame)
            case .damage(let found): damage.append(found)
            }
        }
        isSealed = scanner.isSealed
        footer = scanner.footer
    }

    var frameBytes: [[UInt8]] { frames.map(\.bytes) }

    /// All events with their clocks, frame by frame.
    func events() throws -> [KeyedEvent] {
        var clocks: [ProcessKey: VectorClock] = [:]
        return try frames.flatMap { try $0.batch().events(after: &clocks) }
    }

    /// All commits, with what sources they name.
    func commits() throws -> [Commit] {
        var named: [UInt64: SourceCheckpoint.Progress] = [:]
        return try frames.compactMap { try $0.commit(named: &named) }
    }
}

/// The first event that is not what was expected, for a message; nil where all are.
func difference(_ found: [KeyedEvent], _ expected: [KeyedEvent]) -> String? {
    let (found, expected) = (Sample.byProcess(found), Sample.byProcess(expected))
    if Set(found.keys) != Set(expected.keys) { return "other processes" }
    for (key, events) in expected {
        guard found[key]!.count == events.count else { return "another number of events: \(key)" }
        for (event, other) in zip(events, found[key]!) where event != other {
            return "expected \(event), found \(other)"
        }
    }
    return nil
}
