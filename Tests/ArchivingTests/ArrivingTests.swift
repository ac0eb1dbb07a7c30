import Causality
import Collector
import Disks
import SimulatedHistories
import Testing

@testable import Archiving

/// However frames arrive, and whatever is merged, written down or full meanwhile: nothing that was acknowledged is lost, and the
/// answers are those of an archive that got everything at once.
@Suite struct ArrivingTests {
    /// An empty archive, to which the agents of a world ship what it has.
    private final class Shipping {
        let world: MergingWorld
        let folder = ArchiveFolder()
        let disk = ArchiveDisk()
        private(set) var archive: Archive
        /// One that has been asked from the beginning.
        private var store: ArchiveStore
        private var random: SeededGenerator
        private let pieces: [[[UInt8]]]
        /// The segments in the order in which their agents come: two at a time.
        private let order: [Int]
        private var sent: [Int]
        private var acknowledged: [Int]
        private var now = 0

        init(_ world: MergingWorld, seed: UInt64) throws {
            self.world = world
            random = SeededGenerator(seed: seed)
            try RealDisk().make(folder: folder.path)
            try disk.make(folder: folder.path)
            archive = try Archive(folder.path, .readWrite, disk: disk)
            store = ArchiveStore(archive)
            pieces = try world.segments.indices.map { try world.pieces(of: $0) }
            order = Array(pieces.indices.shuffled(using: &random))
            sent = pieces.map { _ in 0 }
            acknowledged = sent
        }

        var isDone: Bool { zip(pieces, sent).allSatisfy { $0.count == $1 } }

        /// Sends the next piece of some segment.
        func send() throws(ArchiveError) {
            let open = order.filter { sent[$0] < pieces[$0].count }.prefix(2)
            guard let segment = open.randomElement(using: &random) else { return }
            let id = world.segments[segment].id
            acknowledged[segment] = try archive.append(
                pieces[segment][sent[segment]], to: id, at: acknowledged[segment]
            ).end
            sent[segment] += 1
        }

        /// Merges whatever is sealed, though it be little.
        func merge() throws(ArchiveError) {
            var schedule = MergeSchedule(isFinal: true)
            // Failures are an hour ago, files that were replaced a minute.
            now += 3_600
            while try archive.merge(&schedule, now: now, isStopped: { false }) == 0 {}
            try archive.removeReplaced(now: now + 60)
        }

        func keepOrder() throws {
            for execution in try archive.executions() {
                try store.keepOrder(of: execution, eventsMin: 1)
            }
        }

        /// Fails where less is here than was acknowledged.
        func expectAcknowledged(_ when: String) throws {
            for (segment, end) in zip(world.segments, acknowledged) {
                let state = try archive.state(of: segment.id)
                #expect(state?.byteCount ?? 0 == end, "\(when): segment \(segment.id)")
            }
        }

        /// What the store that was asked all the time answers, and one that knows nothing: they must agree.
        func answers() throws -> [String] {
            let answers = try MergingWorld.answers(store)
            expectSame(answers, try MergingWorld.answers(ArchiveStore(archive)))
            return answers
        }

        /// The same without those that name an event.
        func briefAnswers() throws -> [String] { try MergingWorld.answers(store, isBrief: true) }

        /// Something happens: mostly a frame arrives. True where it may have changed the answers.
        func step() throws -> Bool {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: try merge()
            case 2: try keepOrder()
            default:
                try send()
                return true
            }
            return false
        }

        func expectTidy() throws {
            let parts = try disk.names(folder.path + "/parts")
            #expect(parts.allSatisfy { $0.hasSuffix(".lcpart") }, "\(parts)")
            #expect(try disk.names(folder.path + "/order").count <= archive.executions().count)
        }
    }

    /// Frames of all segments in any order, also of processes that parts have had for long.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func framesComeBeforeAndAfterMerges(seed: UInt64) throws {
        let world = try MergingWorld(seed: seed)
        let expected = try world.answers(try world.open())
        let shipping = try Shipping(world, seed: seed)
        var merged = 0
        var before: [String]?
        while !shipping.isDone {
            if try shipping.step() {
                before = nil
                continue
            }
            merged += try shipping.disk.names(shipping.folder.path + "/parts").count
            let answers = try shipping.briefAnswers()
            if let before { expectSame(answers, before) }
            before = answers
            try shipping.expectAcknowledged("seed \(seed)")
        }
        #expect(merged > 0, "frames came after a merge")
        expectSame(try shipping.answers(), expected)
        try shipping.merge()
        try shipping.keepOrder()
        expectSame(try shipping.answers(), expected)
        try shipping.expectTidy()

        // Agents that still have their segments ship them to a collector that lost everything.
        let again = try Shipping(world, seed: seed + 100)
        while !again.isDone { try again.send() }
        try again.merge()
        expectSame(try again.answers(), expected)
    }

    /// The disk is full from some byte on, for as long as frames come and merges are tried: uploads are taken or pushed back, a merge
    /// that does not fit leaves nothing, and all goes on where there is room again.
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func aDiskThatIsFullLosesNothing(seed: UInt64) throws {
        let world = try MergingWorld(seed: seed)
        let expected = try world.answers(try world.open())
        let byteCount = world.segments.reduce(0) { $0 + $1.bytes.count }
        var (pushedBack, notMerged) = (0, 0)
        for percent in stride(from: 20, through: 200, by: 45) {
            let shipping = try Shipping(world, seed: seed + UInt64(percent))
            let when = "seed \(seed), room for \(percent) %"
            shipping.disk.capacity = byteCount * percent / 100
            for step in 0..<60 where !shipping.isDone || step % 20 == 0 {
                do throws(ArchiveError) {
                    try shipping.send()
                } catch {
                    guard case .full = error else { throw error }
                    pushedBack += 1
                }
                try shipping.expectAcknowledged(when)
                guard step % 10 == 9 else { continue }
                let before = try shipping.briefAnswers()
                do throws(ArchiveError) {
                    try shipping.merge()
                } catch {
                    guard case .full = error else { throw error }
                    notMerged += 1
                }
                expectSame(try shipping.briefAnswers(), before)
                try shipping.expectTidy()
            }
            shipping.disk.capacity = nil
            while !shipping.isDone { try shipping.send() }
            try shipping.merge()
            expectSame(try shipping.answers(), expected)
            try shipping.expectTidy()
        }
        #expect(pushedBack > 0 && notMerged > 0)
    }
}
