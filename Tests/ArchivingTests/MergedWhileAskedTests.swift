import Causality
import Collector
import Disks
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import Synchronization
import Testing

@testable import Archiving

/// Files that are merged are deleted a while later, and a question may take longer.
@Suite struct MergedWhileAskedTests {
    private static let eventsOfSegment = 5_200

    /// Enough events for an order file, in segments of which each goes on where the one before it ended.
    private static func archive(_ folder: ArchiveFolder, _ disk: ArchiveDisk) throws -> Archive {
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let key = ProcessKey(
            execution: "main", host: "web-1", process: ProcessID(name: "web-1/api"))
        for number in 0..<4 {
            let events = (1...eventsOfSegment).map { index -> KeyedEvent in
                let sequence = UInt64(number * eventsOfSegment + index)
                let event = Event(
                    id: EventID(key.process, sequence), text: "step \(sequence)",
                    clock: VectorClock([key.process: sequence]))
                return (key, event)
            }
            let header = SegmentHeader(
                agent: Identity128(naming: [1]), segment: Identity128(naming: [2, UInt8(number)]),
                created: WallTime(nanoseconds: Int64(number)))
            var writer = SegmentWriter(header)
            var bytes = header.encoded()
            for batch in Sample.batches(events, of: 1_000) {
                bytes += writer.commit(
                    batch, Commit(host: "web-1", readUpTo: WallTime(nanoseconds: 9)))
            }
            bytes += writer.footer()
            try archive.append(bytes, to: header.segment, at: 0)
        }
        return archive
    }

    @Test(arguments: [nil, "{ text =~ \"step [0-9]*7\" }", "{ kind = local && seq > 3 }"])
    func aListingGoesOnInWhatTookTheirPlace(selection: String?) throws {
        let (folder, disk) = (ArchiveFolder(), ArchiveDisk())
        let archive = try Self.archive(folder, disk)
        let store = ArchiveStore(archive)
        try store.keepOrder(of: "main")
        let parameters = QuestionParameters(["where": selection.map { [$0] } ?? []])
        func listed(merging: Bool) throws -> [EventID] {
            let answer = try store.answering(Question.Options()).answer(
                Question("timeline", parameters))
            guard case .events(var listing) = answer else { return [] }
            var events: [EventID] = []
            while let step = try listing.events.next() {
                switch step {
                case .event(let listed): events.append(listed.id)
                case .unreadable(let id): Issue.record("\(id) is not found")
                case .passed, .match: break
                }
                guard merging, events.count == 10 else { continue }
                let segments = try archive.sources(of: "main").segments.map(\.header.segment)
                guard !segments.isEmpty else { continue }
                #expect(try archive.merge(segments: segments, now: 0, { false }) == .merged)
                try archive.removeReplaced(now: .max)
                #expect(try archive.sources(of: "main").segments.isEmpty)
            }
            return events
        }
        #expect(try store.filed("main", .never) != nil)
        let before = try listed(merging: false)
        #expect(before.count > 1_000)
        #expect(try listed(merging: true) == before)
        // And from what is there now.
        #expect(try listed(merging: false) == before)
    }

    /// A history that cannot be cut is derived as a whole, in memory for all of it: not one whose files were merged away.
    @Test func slicesGoOnInWhatTookTheirPlace() throws {
        let (folder, disk) = (ArchiveFolder(), ArchiveDisk())
        let archive = try Self.archive(folder, disk)
        let store = ArchiveStore(archive)
        let looks = Mutex(0)
        let merging = Cancellation {
            let isTime = looks.withLock { looks in
                looks += 1
                return looks == 12
            }
            if isTime { #expect(throws: Never.self) { try archive.mergeAll() } }
            return nil
        }
        try store.keepOrder(of: "main", sliceEventsMax: 4_000, cancellation: merging)
        #expect(try archive.sources(of: "main").segments.isEmpty)
        let (first, taken) = try archive.orders(of: "main")
        #expect((first.last?.taken ?? 0) < taken, "\(first)")
        try store.keepOrder(of: "main", sliceEventsMax: 4_000)
        let slices = try archive.orders(of: "main").slices
        #expect(slices.last?.taken == taken && slices.count > 3, "\(slices)")
    }

    /// Nor where a slice ends within one.
    @Test func noBlockIsOpenedToFindWhereEventsLie() throws {
        let (folder, disk) = (ArchiveFolder(), ArchiveDisk())
        let archive = try Self.archive(folder, disk)
        let store = ArchiveStore(archive)
        try store.keepOrder(of: "main", sliceEventsMax: 4_000)
        try archive.mergeAll()
        #expect(try archive.orders(of: "main").slices.count > 3)
        let execution = try #require(try store.filed("main", .never))
        func found() throws -> [EventRows] {
            try stride(from: 0, to: 4 * Self.eventsOfSegment, by: 97).map { position in
                try #require(
                    try execution.rows(at: EventPosition(process: 0, position: position)))
            }
        }
        let all = try found()
        let calls = disk.counts.calls
        _ = try found()
        #expect(disk.counts.calls == calls)
        for (index, rows) in all.enumerated() {
            #expect(rows.positions.lowerBound == 97 * index)
            let numbers = try store.causality(of: rows.frame).sequences
            let found = numbers[rows.row..<rows.row + rows.positions.count]
            #expect(found.elementsEqual(rows.positions.map { UInt64($0 + 1) }))
        }
    }
}
