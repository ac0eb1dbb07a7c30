import Causality
import Collector
import Disks
import HappensBefore
import Parts
import Querying
import SimulatedHistories
import Testing

@testable import Archiving

/// What an archive drops since it is old, or too much; beside one that keeps everything.
@Suite struct RetentionTests {
    private let folder = ArchiveFolder()
    private let plainFolder = ArchiveFolder()

    private static func time(_ second: Int) -> WallTime {
        WallTime(nanoseconds: Int64(second) * 1_000_000_000)
    }

    /// Drops what happened before a second.
    @discardableResult
    private func drop(
        before second: Int, in store: ArchiveStore, now: Int = 900
    ) throws -> (hasDropped: Bool, problem: String?) {
        try store.retain(
            "main", RetentionRule(age: "\(now - second)s", bytes: nil), now: Self.time(now),
            sliceEventsMax: 100)
    }

    private func answer(
        _ store: ArchiveStore, _ verb: String, _ parameters: [String: String]
    ) throws -> String {
        let answer = try store.answering(Question.Options(execution: "main")).written(
            Question(verb, QuestionParameters(parameters.mapValues { [$0] })), as: .text)
        return try answer.text()
    }

    /// The first word of an answer.
    private func order(_ store: ArchiveStore, _ a: EventID, _ b: EventID) throws -> String {
        let text = try answer(store, "order", ["a": "\(a)", "b": "\(b)"])
        return String(text.prefix { $0 != "," })
    }

    /// Compares what is told of some events with what one tells that has them all. Returns how many orders are not known any more.
    private func compare(
        _ store: ArchiveStore, with plain: ArchiveStore, seed: UInt64 = 5,
        _ location: SourceLocation = #_sourceLocation
    ) throws -> Int {
        let history = try plain.graph(of: "main").history
        let lasts = Dictionary(
            try store.dropped(of: "main").map { ($0.process.identity, $0.last) },
            uniquingKeysWith: max)
        var here: Set<EventID> = []
        var events: [EventID] = []
        for line in history.processes {
            for position in 0..<line.count {
                let event = EventID(line.id, line.sequence(at: position))
                events.append(event)
                if event.sequence > lasts[line.key!.identity] ?? 0 { here.insert(event) }
            }
        }
        let listed = try answer(store, "timeline", [:]).split(separator: "\n")
            .map { String($0.prefix { $0 != " " }) }
        #expect(Set(listed) == Set(here.map(\.description)), sourceLocation: location)
        #expect(listed.count == here.count, sourceLocation: location)
        var random = SeededGenerator(seed: seed)
        var unknown = 0
        for _ in 0..<400 {
            let (a, b) = (
                events.randomElement(using: &random)!, events.randomElement(using: &random)!
            )
            let (now, then) = (try order(store, a, b), try order(plain, a, b))
            if now == then { continue }
            unknown += 1
            #expect(
                now == "unknown" && (!here.contains(a) || !here.contains(b)),
                "\(a) \(b): \(now), was \(then)", sourceLocation: location)
        }
        for event in events.shuffled(using: &random).prefix(40) {
            let shown = try answer(store, "show", ["event": "\(event)"])
            if here.contains(event) {
                let plain = try answer(plain, "show", ["event": "\(event)"])
                for line in plain.split(separator: "\n") where !line.contains("cause ") {
                    #expect(shown.contains(line), "\(event)", sourceLocation: location)
                }
            } else {
                #expect(
                    shown.hasPrefix("\(event) was dropped 1970-01-01T00:"),
                    "\(shown)", sourceLocation: location)
            }
        }
        return unknown
    }

    @Test(arguments: [1, 2]) func whatIsOldIsDroppedAndItsOrderStaysKnown(seed: UInt64) throws {
        let archive = try Archive(folder.path, .readWrite)
        let plainArchive = try Archive(plainFolder.path, .readWrite)
        let (store, plain) = (ArchiveStore(archive), ArchiveStore(plainArchive))
        let pieces = GrowingExecution(seed: seed, crashPerMille: 20, isSealed: true).pieces
        let half = pieces.count / 2
        for piece in pieces[..<half] {
            try archive.append(piece)
            try plainArchive.append(piece)
        }
        // Slices that are old go as they are.
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        let slices = try archive.orders(of: "main").slices
        #expect(slices.count > 1)
        #expect(try drop(before: 200, in: store) == (true, nil))
        let first = try #require(try archive.tombstone(of: "main"))
        #expect(first.eventCount > 50 && first.eventCount <= 200)
        #expect(first.newest!.nanoseconds < Self.time(200).nanoseconds)
        #expect(try archive.orders(of: "main").slices.first?.isTombstone == true)
        #expect(try compare(store, with: plain) > 0)
        // There is nothing left to do.
        #expect(try drop(before: 200, in: store) == (false, nil))

        // It goes on.
        for piece in pieces[half...] {
            try archive.append(piece)
            try plainArchive.append(piece)
        }
        #expect(try store.filed("main", .never) is TailedExecution)
        _ = try compare(store, with: plain)
        #expect(try drop(before: 500, in: store) == (true, nil))
        let second = try #require(try archive.tombstone(of: "main"))
        #expect(second.eventCount > first.eventCount)
        _ = try compare(store, with: plain)
        let answers = try MergingWorld.answers(store)
        expectSame(try MergingWorld.answers(ArchiveStore(archive)), answers)

        // Its bytes go when parts are made and written anew.
        try archive.mergeAll()
        try plainArchive.mergeAll()
        let (small, large) = (try partBytes(archive), try partBytes(plainArchive))
        #expect(small < large, "\(small) \(large)")
        for part in try archive.parts(of: "main") {
            let file = try PartFile(archive.partPath(part), on: RealDisk())
            #expect(try PartVerification(file).damage().isEmpty)
            #expect(try PartVerification(file).brokenChains().isEmpty)
        }
        expectSame(try MergingWorld.answers(ArchiveStore(archive)), answers)
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        expectSame(try MergingWorld.answers(store), answers)
    }

    private func partBytes(_ archive: Archive) throws -> Int {
        try archive.parts(of: "main").reduce(0) {
            try $0 + PartFile(archive.partPath($1), on: RealDisk()).byteCount
        }
    }
}
