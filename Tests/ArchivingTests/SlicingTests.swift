import Causality
import Collector
import Disks
import HappensBefore
import Querying
import SimulatedHistories
import Testing

@testable import Archiving

/// An execution that grows, whose order is written slice by slice.
@Suite struct SlicingTests {
    /// Answers as one archive gives them that has everything in memory.
    @Test(arguments: [(1, nil), (3, 4..<9)] as [(UInt64, Range<Int>?)])
    func slicesAndWhatCameSinceAnswerAsEverythingDoes(seed: UInt64, away: Range<Int>?) throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let archive = try Archive(folder.path, .readWrite)
        let plain = try Archive(plainFolder.path, .readWrite)
        var random = SeededGenerator(seed: seed)
        var store = ArchiveStore(archive)
        var (tails, sliceCount, gone) = (0, 0, 0)
        for piece in GrowingExecution(seed: seed, away: away).pieces {
            try archive.append(piece)
            try plain.append(piece)
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
