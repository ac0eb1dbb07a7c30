import Causality
import Segments
import SimulatedHistories

@testable import Archiving

/// Some agents' segments, commit by commit, in the order in which they arrive.
struct GrowingExecution {
    var pieces: [(id: Identity128, bytes: [UInt8])] = []

    /// - Parameters:
    ///   - away: The commits of the first agent from one on up to another arrive when all else has.
    ///   - isSealed: Whether the segments end.
    ///   - skewSeconds: By how much the clock of the second agent's host is ahead of the first's, and that of the third behind.
    init(
        seed: UInt64, away: Range<Int>? = nil, crashPerMille: Int = 2, isSealed: Bool = false,
        events count: Int = 900, skewSeconds: Int64 = 0
    ) {
        var events = SimulatedHistory(
            .init(processes: 6, events: count, crashPerMille: crashPerMille), seed: seed
        ).events
        // One each second.
        for index in events.indices {
            events[index].time = WallTime(nanoseconds: Int64(index) * 1_000_000_000)
        }
        var clocks: [ProcessID: VectorClock] = [:]
        var writers: [Int: SegmentWriter] = [:]
        var late: [(id: Identity128, bytes: [UInt8])] = []
        let names = Set(events.map(\.id.process.name)).sorted()
        for index in events.indices where skewSeconds != 0 {
            let agent = Int64(names.firstIndex(of: events[index].id.process.name)! % 3)
            let skew = (agent == 2 ? -1 : agent) * skewSeconds * 1_000_000_000
            events[index].time = WallTime(nanoseconds: events[index].time!.nanoseconds + skew)
        }
        for start in stride(from: 0, to: events.count, by: 60) {
            let slice = events[start..<min(start + 60, events.count)]
            for agent in 0..<3 {
                var batch = EventBatch()
                for event in slice
                where names.firstIndex(of: event.id.process.name)! % 3 == agent {
                    let key = ProcessKey(
                        execution: "main", host: "h\(agent)", process: event.id.process)
                    batch.append(event, of: key, after: &clocks[event.id.process])
                }
                let id = Identity128(naming: Array("\(seed) \(agent)".utf8))
                var bytes: [UInt8] = []
                if writers[agent] == nil {
                    let header = SegmentHeader(
                        agent: Identity128(naming: Array("agent \(agent)".utf8)), segment: id,
                        created: WallTime(nanoseconds: Int64(agent)))
                    writers[agent] = SegmentWriter(header)
                    bytes = header.encoded()
                }
                bytes += writers[agent]!.commit(batch, Commit())
                let isLate = agent == 0 && away?.contains(start / 60) == true
                if isLate || agent == 0 && !late.isEmpty {
                    late.append((id, bytes))
                } else {
                    pieces.append((id, bytes))
                }
            }
        }
        pieces += late
        guard isSealed else { return }
        for agent in writers.keys.sorted() {
            let id = Identity128(naming: Array("\(seed) \(agent)".utf8))
            pieces.append((id, writers[agent]!.footer()))
        }
    }
}

extension Archive {
    /// Appends to a segment where it ends.
    func append(_ piece: (id: Identity128, bytes: [UInt8])) throws {
        let offset = try catalogue.segment(piece.id)?.byteCount ?? 0
        try append(piece.bytes, to: piece.id, at: offset)
    }
}
