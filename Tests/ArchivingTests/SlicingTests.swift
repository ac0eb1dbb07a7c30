import Causality
import Collector
import Disks
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

/// An execution that grows, whose order is written slice by slice.
@Suite struct SlicingTests {
    /// Some agents' segments, commit by commit, in the order in which they arrive.
    struct Live {
        var pieces: [(id: Identity128, bytes: [UInt8])] = []

        /// - Parameter away: The commits of the first agent from one on up to another arrive when all else has.
        init(seed: UInt64, away: Range<Int>? = nil) {
            let events = SimulatedHistory(
                .init(processes: 6, events: 900, crashPerMille: 2), seed: seed
            ).events
            var clocks: [ProcessID: VectorClock] = [:]
            var writers: [Int: SegmentWriter] = [:]
            var late: [(id: Identity128, bytes: [UInt8])] = []
            let names = Set(events.map(\.id.process.name)).sorted()
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
        }
    }

    static func append(
        _ piece: (id: Identity128, bytes: [UInt8]), to archive: Archive
    ) throws {
        let offset = try archive.catalogue.segment(piece.id)?.byteCount ?? 0
        try archive.append(piece.bytes, to: piece.id, at: offset)
    }

    /// Answers as one archive gives them that has everything in memory.
    @Test(arguments: [(1, nil), (3, 4..<9)] as [(UInt64, Range<Int>?)])
    func slicesAndWhatCameSinceAnswerAsEverythingDoes(seed: UInt64, away: Range<Int>?) throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let archive = try Archive(folder.path, .readWrite)
        let plain = try Archive(plainFolder.path, .readWrite)
        var random = SeededGenerator(seed: seed)
        var store = ArchiveStore(archive)
        var (tails, sliceCount, gone) = (0, 0, 0)
        for piece in Live(seed: seed, away: away).pieces {
            try Self.append(piece, to: archive)
            try Self.append(piece, to: plain)
            if Int.random(in: 0..<6, using: &random) == 0 {
                let before = try archive.orders(of: "main").slices
                try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
                let (slices, taken) = try archive.orders(of: "main")
                if !slices.isEmpty { #expect(slices.last!.taken == taken) }
                if slices.count < before.count || before.last.map({ !slices.contains($0) }) == true
                {
                    gone += 1
                }
                sliceCount = max(sliceCount, slices.count)
            }
            guard Int.random(in: 0..<4, using: &random) == 0 else { continue }
            // Another program, now and then, with nothing in memory.
            if Bool.random(using: &random) { store = ArchiveStore(archive) }
            if try store.filed("main", .never) is TailedExecution { tails += 1 }
            #expect(
                try MergingWorld.answers(store) == MergingWorld.answers(ArchiveStore(plain)))
        }
        // What comes late takes slices away.
        #expect(tails >= 2 && gone > 0, "\(tails) \(gone)")
        if away == nil { #expect(sliceCount >= 3, "\(sliceCount)") }
        // Whoever writes a collector's files anew comes to the same slices, or others: the answers are the same.
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        #expect(try MergingWorld.answers(store) == MergingWorld.answers(ArchiveStore(plain)))
    }
}
