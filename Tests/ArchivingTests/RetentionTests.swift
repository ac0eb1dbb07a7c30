import Causality
import Collector
import Disks
import Foundation
import Glibc
import HappensBefore
import Parts
import Querying
import Segments
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
        let retained = try store.retain(
            "main", RetentionRule(age: "\(now - second)s", bytes: nil), now: Self.time(now),
            sliceEventsMax: 100)
        return (retained.hasDropped, retained.problem)
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
    ///
    /// - Parameter isExact: Whether what is here is known as it was.
    private func compare(
        _ store: ArchiveStore, with plain: ArchiveStore, isExact: Bool = true,
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
        var random = SeededGenerator(seed: 5)
        var unknown = 0
        for _ in 0..<400 {
            let (a, b) = (
                events.randomElement(using: &random)!, events.randomElement(using: &random)!
            )
            let (now, then) = (try order(store, a, b), try order(plain, a, b))
            if now == then { continue }
            unknown += 1
            #expect(
                now == "unknown" && (!isExact || !here.contains(a) || !here.contains(b)),
                "\(a) \(b): \(now), was \(then)", sourceLocation: location)
        }
        for event in events.shuffled(using: &random).prefix(40) {
            let shown = try answer(store, "show", ["event": "\(event)"])
            if here.contains(event) {
                let plain = try answer(plain, "show", ["event": "\(event)"])
                for line in plain.split(separator: "\n")
                where !line.contains("cause ") && (isExact || !line.hasPrefix("clock")) {
                    #expect(shown.contains(line), "\(event)", sourceLocation: location)
                }
            } else {
                #expect(
                    shown.hasPrefix("\(event) was dropped by 1970-01-01T00:"),
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
        // There is nothing left to do, for a while.
        #expect(try drop(before: 200, in: store) == (false, nil))
        let rule = try RetentionRule(age: "700s", bytes: nil)
        let rest = try store.retain("main", rule, now: Self.time(900), sliceEventsMax: 100)
        #expect(rest.restsFor ?? 0 > 0, "\(rest)")

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

    /// An archive of a growing execution on a disk in memory, of which nothing was dropped yet.
    private func grown(
        _ pieces: [(id: Identity128, bytes: [UInt8])], on disk: ArchiveDisk
    ) throws -> Archive {
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        for piece in pieces { try archive.append(piece) }
        return archive
    }

    /// The execution as it is kept, and how much was dropped.
    private func state(_ archive: Archive) throws -> (answers: [String], dropped: Int) {
        (
            try MergingWorld.answers(ArchiveStore(archive)),
            try archive.tombstone(of: "main")?.eventCount ?? 0
        )
    }

    @Test func whatIsDroppedStaysDroppedWhateverComesAgain() throws {
        let pieces = GrowingExecution(seed: 3, isSealed: true).pieces
        let archive = try grown(pieces, on: ArchiveDisk())
        let plain = try Archive(plainFolder.path, .readWrite)
        for piece in pieces { try plain.append(piece) }
        let store = ArchiveStore(archive)
        try drop(before: 400, in: store)
        let dropped = try #require(try archive.tombstone(of: "main")).eventCount
        #expect(dropped > 200)
        let taken = try archive.taken(of: "main")
        // Others of these numbers, from another agent.
        let header = SegmentHeader(
            agent: Identity128(naming: Array("other".utf8)),
            segment: Identity128(naming: Array("again".utf8)), created: WallTime(nanoseconds: 5))
        var writer = SegmentWriter(header)
        var batch = EventBatch()
        var clock: VectorClock?
        let lasts = try archive.dropped(of: "main")
        let key = try #require(lasts.first { $0.last > 20 }).process
        for sequence in UInt64(1)...20 {
            let event = Event(
                id: EventID(key.process, sequence), text: "again",
                clock: VectorClock([key.reference: sequence]))
            batch.append(event, of: key, after: &clock)
        }
        let bytes = header.encoded() + writer.commit(batch, Commit()) + writer.footer()
        try archive.append(bytes, to: header.segment, at: 0)
        #expect(try archive.taken(of: "main") == taken - dropped)
        // It may be another machine that was restored from an old image: nothing goes on from what was dropped any more.
        #expect(try archive.orders(of: "main").slices.isEmpty)
        _ = try compare(store, with: ArchiveStore(plain), isExact: false)
        try archive.mergeAll()
        _ = try compare(store, with: ArchiveStore(plain), isExact: false)
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        #expect(try store.filed("main", .never) != nil)
        _ = try compare(store, with: ArchiveStore(plain), isExact: false)
        let more = try drop(before: 600, in: store)
        #expect(more == (true, nil), "\(more)")
        _ = try compare(store, with: ArchiveStore(plain), isExact: false)
        #expect(try #require(try archive.tombstone(of: "main")).eventCount > dropped + 100)
    }

    @Test(arguments: [false, true]) func aCatalogueThatIsMadeAnewKnowsWhatWasDropped(
        isMerged: Bool
    ) throws {
        let disk = ArchiveDisk()
        let pieces = GrowingExecution(seed: 4, crashPerMille: 20, isSealed: true).pieces
        var before: (answers: [String], dropped: Int)
        do {
            let archive = try grown(pieces, on: disk)
            let store = ArchiveStore(archive)
            try drop(before: 300, in: store)
            try drop(before: 600, in: store)
            if isMerged { try archive.mergeAll() }
            before = try state(archive)
            #expect(try disk.names(folder.path + "/tombstones").count == 1)
        }
        let (archive, problems) = try Archive.rebuild(folder.path, disk: disk)
        #expect(problems == [])
        let after = try state(archive)
        #expect(after.dropped == before.dropped)
        expectSame(after.answers, before.answers)
        #expect(try ArchiveStore(archive).filed("main", .never) != nil, "what is kept goes on")
        // A tombstone that is damaged says so, and makes nothing wrong.
        let name = try #require(try disk.names(folder.path + "/tombstones").first)
        let file = try disk.open("\(folder.path)/tombstones/\(name)", .write)
        let count = try file.byteCount() * 2 / 3
        try file.write([UInt8](repeating: 1, count: count), at: file.byteCount() / 6)
        _ = try state(archive)
        #expect(try ArchiveStore(archive).filed("main", .never) == nil)
        // The execution goes as a whole, too.
        #expect(try archive.drop("main") != nil)
        #expect(try disk.names(folder.path + "/tombstones").isEmpty)
        #expect(try archive.executions().isEmpty)
    }

    /// An earlier catalogue that is put back brings nothing back: of one tombstone it is just told where that was made of what it
    /// knows, else it is made anew.
    @Test(arguments: [1, 2]) func anEarlierCatalogueBringsNothingBack(tombstones: Int) throws {
        let disk = ArchiveDisk()
        let pieces = GrowingExecution(seed: 4, crashPerMille: 20, isSealed: true).pieces
        let files = ["", "-wal", "-shm"].map { folder.path + "/catalogue.sqlite" + $0 }
        func copy() -> [String: Data] {
            files.reduce(into: [:]) { $0[$1] = FileManager.default.contents(atPath: $1) }
        }
        do {
            let store = ArchiveStore(try grown(pieces, on: disk))
            try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        }
        let earlier = copy()
        let before: (answers: [String], dropped: Int)
        do {
            let archive = try Archive(folder.path, .readWrite, disk: disk)
            for second in [300, 600].prefix(tombstones) {
                #expect(try drop(before: second, in: ArchiveStore(archive)).hasDropped)
            }
            before = try state(archive)
            #expect(before.dropped > 100)
        }
        for file in files { try FileManager.default.removeItem(atPath: file, ifThere: true) }
        for (file, bytes) in earlier { try bytes.write(to: URL(fileURLWithPath: file)) }
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let problems = try archive.recover()
        if tombstones == 1 {
            #expect(problems == [])
        } else {
            #expect(problems.count == 1 && problems[0].contains("is older than"), "\(problems)")
        }
        let after = try state(archive)
        #expect(after.dropped == before.dropped)
        expectSame(after.answers, before.answers)
        #expect(try ArchiveStore(archive).filed("main", .never) != nil, "what is kept goes on")
        #expect(try drop(before: 600 - 1, in: ArchiveStore(archive)).problem == nil)
    }

    /// Whichever call of the disk fails, or the last that is made: all of it is dropped, or nothing.
    @Test(arguments: [false, true]) func droppingIsAllOrNothing(isCrash: Bool) throws {
        let disk = ArchiveDisk()
        func told(_ archive: Archive) throws -> [String] {
            try MergingWorld.answers(ArchiveStore(archive), isBrief: true)
        }
        let full = try told(grown(GrowingExecution(seed: 5, events: 180).pieces, on: disk))
        for call in 1..<200 {
            var isDone = false
            do {
                let archive = try Archive(folder.path, .readWrite, disk: disk)
                let store = ArchiveStore(archive)
                if isCrash {
                    disk.fail(fromCall: disk.counts.calls + call, with: EIO)
                } else {
                    disk.fail(call: disk.counts.calls + call, with: ENOSPC)
                }
                isDone = (try? drop(before: 90, in: store, now: 180))?.hasDropped == true
                disk.stopFailing()
                if isCrash { disk.crashLosingAllUnsynced() }
            }
            let archive = try Archive(folder.path, .readWrite, disk: disk)
            #expect(try archive.recover() == [])
            if try archive.tombstone(of: "main") != nil {
                #expect(call > 10, "\(call)")
                #expect(try ArchiveStore(archive).filed("main", .never) != nil)
                #expect(try told(archive) != full)
                return
            }
            #expect(!isDone)
            expectSame(try told(archive), full)
        }
        Issue.record("nothing was ever dropped")
    }

    @Test func theOldestGoWhereItIsTooMuch() throws {
        let pieces = GrowingExecution(seed: 6, crashPerMille: 20, isSealed: true).pieces
        let archive = try grown(pieces, on: ArchiveDisk())
        try archive.mergeAll()
        let store = ArchiveStore(archive)
        let byteCount = try archive.byteCount(of: "main")
        let rule = try RetentionRule(age: nil, bytes: "\(byteCount * 2 / 3 / 1_000)kB")
        let found = try store.retain("main", rule, now: Self.time(900), sliceEventsMax: 100)
        #expect(found.hasDropped && found.problem == nil, "\(found)")
        let tombstone = try #require(try archive.tombstone(of: "main"))
        #expect(tombstone.eventCount > 150 && tombstone.eventCount < 600, "\(tombstone)")
        #expect(tombstone.rule == "more than \(byteCount * 2 / 3 / 1_000)kB")
        try archive.mergeAll()
        #expect(try archive.byteCount(of: "main") < byteCount)
    }

    /// A file that is derived keeps nothing from being dropped, wherever it is damaged.
    @Test(arguments: [30, 123, 157, 400, 900]) func whatIsOldIsDroppedThoughItsOrderRotted(
        byte: Int
    ) throws {
        let disk = ArchiveDisk()
        let archive = try grown(
            GrowingExecution(seed: 6, crashPerMille: 20, isSealed: true).pieces, on: disk)
        try ArchiveStore(archive).keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        let slices = try archive.orders(of: "main").slices
        #expect(slices.count > 1)
        for slice in slices {
            disk.simulated.rot(archive.orderPath(slice), at: byte, mask: 4)
        }
        #expect(try drop(before: 200, in: ArchiveStore(archive)) == (true, nil))
        #expect(try archive.tombstone(of: "main") != nil)
    }

    /// What the order follows from cannot be read either: then nothing is dropped, and that is told.
    @Test func whatIsOldStaysWhereNeitherItsOrderNorItsEventsCanBeRead() throws {
        let disk = ArchiveDisk()
        let pieces = GrowingExecution(seed: 6, crashPerMille: 20, isSealed: true).pieces
        let archive = try grown(pieces, on: disk)
        try ArchiveStore(archive).keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        let slices = try archive.orders(of: "main").slices
        let segments = disk.simulated.files(under: folder.path + "/segments")
        for segment in segments { disk.simulated.rot(segment, at: 300, mask: 4) }
        var problems: Set<String> = []
        for byte in stride(from: 30, to: 1_000, by: 90) {
            for slice in slices {
                disk.simulated.rot(archive.orderPath(slice), at: byte, mask: 4)
            }
            let (hasDropped, problem) = try drop(before: 200, in: ArchiveStore(archive))
            #expect(!hasDropped && problem != nil, "\(byte)")
            problems.insert(problem ?? "")
            for slice in slices {
                disk.simulated.rot(archive.orderPath(slice), at: byte, mask: 4)
            }
        }
        #expect(problems.contains { $0.contains("do not match their checksum") }, "\(problems)")
    }

    /// What was cited below the tombstone, and was not waited for, comes all the same: then nothing goes on from the tombstone any
    /// more, and what is kept is written as if what was dropped were missing, also while more arrives.
    @Test func whatComesLateBelowATombstoneIsNoReasonToWriteNothing() throws {
        func key(_ name: String) -> ProcessKey {
            ProcessKey(execution: "main", host: "h", process: ProcessID(name: name))
        }
        let (p, q) = (key("p"), key("q"))
        let archive = try grown(
            [
                Self.segment("p", p, 1...40, time: Self.time(10)),
                Self.segment("q", q, 1...40, time: Self.time(10)) {
                    VectorClock([q.reference: $0, p.reference: 45])
                },
            ], on: ArchiveDisk())
        let store = ArchiveStore(archive)
        #expect(try drop(before: 500, in: store) == (true, nil))
        try archive.append(Self.segment("late", p, 41...60, time: Self.time(890)))
        #expect(try archive.orders(of: "main").slices.map(\.isTombstone) == [true])
        #expect(try store.filed("main", .never) == nil)
        let patience = Patience(
            now: Self.time(900), readUpTo: [:], eventsMin: 10,
            tail: .init(eventsMax: 10, learnedMax: .max))
        try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 100, patience)
        #expect(try archive.orders(of: "main").slices.map(\.isTombstone) == [false])
        #expect(try store.filed("main", .never)?.eventCount == 20)
        #expect(try archive.tombstone(of: "main")?.eventCount == 80)
    }

    /// What goes on from dropped events that no file tells of is written while more arrives: they are not still to come.
    @Test func whatWasDroppedIsNotWaitedFor() throws {
        func key(_ name: String) -> ProcessKey {
            ProcessKey(execution: "main", host: "h", process: ProcessID(name: name))
        }
        let (p, q) = (key("p"), key("q"))
        let archive = try grown(
            [
                Self.segment("p", p, 1...40, time: Self.time(10)),
                Self.segment("q", q, 1...40, time: Self.time(10)) {
                    VectorClock([q.reference: $0, p.reference: 45])
                },
            ], on: ArchiveDisk())
        let store = ArchiveStore(archive)
        #expect(try drop(before: 500, in: store) == (true, nil))
        try archive.append(
            Self.segment("late", p, 41...60, time: Self.time(890)) {
                VectorClock([p.reference: $0, q.reference: 40])
            })
        let patience = Patience(
            now: Self.time(900), readUpTo: [:], eventsMin: 10,
            tail: .init(eventsMax: 10, learnedMax: .max))
        try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 100, patience)
        #expect(try archive.orders(of: "main").slices.map(\.taken) == [20])
        #expect(try store.filed("main", .never)?.eventCount == 20)
    }

    /// Where no cut is consistent, what is old is dropped all the same: it counts as missing.
    @Test func whatContradictsItselfIsDroppedToo() throws {
        let disk = ArchiveDisk()
        let pieces = GrowingExecution(seed: 7, isSealed: true).pieces
        let archive = try grown(pieces, on: disk)
        let plainArchive = try Archive(plainFolder.path, .readWrite)
        for piece in pieces { try plainArchive.append(piece) }
        // Another machine says that it is one of them.
        let known = try #require(try archive.processes(of: "main").first { $0.last > 50 })
        for (index, archive) in [archive, plainArchive].enumerated() {
            let header = SegmentHeader(
                agent: Identity128(naming: Array("clone".utf8)),
                segment: Identity128(naming: Array("clone".utf8)),
                created: WallTime(nanoseconds: 5))
            var writer = SegmentWriter(header)
            var batch = EventBatch()
            var clock: VectorClock?
            let key = known.process
            for sequence in UInt64(30)...(known.last + 9) {
                let event = Event(
                    id: EventID(key.process, sequence), time: Self.time(899), text: "clone",
                    clock: VectorClock([key.reference: sequence]))
                batch.append(event, of: key, after: &clock)
            }
            let bytes = header.encoded() + writer.commit(batch, Commit()) + writer.footer()
            try archive.append(bytes, to: header.segment, at: 0)
            #expect(try ArchiveStore(archive).graph(of: "main").history.hasForks, "\(index)")
        }
        let (store, plain) = (ArchiveStore(archive), ArchiveStore(plainArchive))
        let found = try drop(before: 500, in: store)
        #expect(found == (true, nil), "\(found)")
        let tombstone = try #require(try archive.tombstone(of: "main"))
        #expect(tombstone.eventCount > 200 && tombstone.eventCount < 500)
        #expect(try archive.orders(of: "main").slices.isEmpty)
        let listed = try answer(store, "timeline", [:]).split(separator: "\n").count
        #expect(
            listed == (try answer(plain, "timeline", [:]).split(separator: "\n").count)
                - tombstone.eventCount)
        #expect(try answer(store, "gaps", [:]).contains("(dropped 1970-01-01T00:15:00"))
        #expect(try drop(before: 500, in: store) == (false, nil))
        try archive.mergeAll()
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        #expect(try answer(store, "timeline", [:]).split(separator: "\n").count == listed)
        #expect(try drop(before: 700, in: store) == (true, nil))
        #expect(try disk.names(folder.path + "/tombstones").count == 1)
    }

    /// A segment of one process more.
    private static func segment(
        _ name: String, _ key: ProcessKey, _ sequences: ClosedRange<UInt64>, time: WallTime?,
        clock: ((UInt64) -> VectorClock)? = nil, after before: VectorClock? = nil,
        receiving cause: EventReference? = nil
    ) -> (id: Identity128, bytes: [UInt8]) {
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent of \(name)".utf8)),
            segment: Identity128(naming: Array(name.utf8)), created: WallTime(nanoseconds: 5))
        var writer = SegmentWriter(header)
        var batch = EventBatch()
        var last = before
        for sequence in sequences {
            var event = Event(
                id: EventID(key.process, sequence), time: time, text: "\(name) \(sequence)",
                clock: clock?(sequence) ?? VectorClock([key.reference: sequence]))
            if let cause, sequence == sequences.lowerBound {
                (event.kind, event.causes) = (.receive, [Cause(cause, .token)])
            }
            batch.append(event, of: key, after: &last)
        }
        return (header.segment, header.encoded() + writer.commit(batch, Commit()) + writer.footer())
    }

    /// A run that never reported says that it is called like one of which nothing is dropped: it is told apart from that all the
    /// same, also where that is not looked at.
    @Test func whoNeverReportedKeepsTheNameThatTellsItFromOthers() throws {
        func key(_ name: String, _ run: String) -> ProcessKey {
            ProcessKey(
                execution: "main", host: "h", process: ProcessID(name: name),
                run: Identity128(naming: Array(run.utf8)))
        }
        let (p, q, silent) = (key("p", "p"), key("q", "q"), key("q", "silent"))
        let archive = try grown(
            [
                Self.segment(
                    "p", p, 1...40, time: Self.time(10),
                    clock: { VectorClock([p.reference: $0, silent.reference: 3]) },
                    receiving: EventReference(silent.reference, 3, name: silent.process)),
                Self.segment("q", q, 1...40, time: Self.time(890)),
            ], on: ArchiveDisk())
        let store = ArchiveStore(archive)
        let order = try answer(store, "order", ["a": "q:1", "b": "p:40"])
        #expect(try answer(store, "gaps", [:]).contains("q@"))
        #expect(try drop(before: 500, in: store) == (true, nil))
        #expect(try archive.tombstone(of: "main")?.eventCount == 40)
        #expect(try answer(store, "gaps", [:]).contains("q@"))
        #expect(try answer(store, "order", ["a": "q:1", "b": "p:40"]) == order)
        // It is told so where nothing is kept that may be called like it.
        let file = try OrderFile(
            archive.disk.open(
                archive.orderPath(#require(archive.orders(of: "main").slices.first)), .read))
        let names = try (0..<file.processCount).map { "\(try file.id(of: $0))" }
        #expect(names.map { $0.prefix(2) } == ["p", "q@"])
    }

    /// What has no wall time, or one that is nobody's, may be of now.
    @Test(arguments: [nil, 900_000]) func whatHasNoTimeIsNotOld(second: Int?) throws {
        let archive = try grown(
            GrowingExecution(seed: 8, isSealed: true).pieces, on: ArchiveDisk())
        let key = ProcessKey(execution: "main", host: "h9", process: ProcessID(name: "undated"))
        try archive.append(
            Self.segment("undated", key, 1...50, time: second.map { Self.time($0) }))
        let store = ArchiveStore(archive)
        #expect(try drop(before: 500, in: store) == (true, nil))
        #expect(try archive.tombstone(of: "main")?.eventCount ?? 0 > 250)
        #expect(!(try archive.dropped(of: "main")).contains { $0.process == key })
        let listed = try answer(store, "timeline", [:]).split(separator: "\n")
        #expect(listed.count { $0.hasPrefix("undated:") } == 50)
    }

    /// A machine that was restored from an image goes on from numbers that were dropped: it is not what they were.
    @Test func aCloneDoesNotGoOnFromWhatWasDropped() throws {
        let disk = ArchiveDisk()
        let archive = try grown(GrowingExecution(seed: 9, isSealed: true).pieces, on: disk)
        let store = ArchiveStore(archive)
        let known = try #require(try archive.processes(of: "main").first { $0.last > 100 })
        #expect(try drop(before: 890, in: store).hasDropped)
        let last = try #require(
            try archive.dropped(of: "main").first { $0.process == known.process }?.last)
        // What its events had really seen, when the image was made, and at the last one that was dropped.
        let process = known.process.process
        let clocks = SimulatedHistory(
            .init(processes: 6, events: 900, crashPerMille: 2), seed: 9
        ).events.filter { $0.id.process == process }.map(\.clock)
        let (image, end) = (clocks[Int(last) - 22], clocks[Int(last) - 1])
        let seenLater = end.entries.filter {
            $0.value > image[$0.key] && $0.key != known.process.reference
        }
        #expect(!seenLater.isEmpty)
        func clock(_ sequence: UInt64) -> VectorClock {
            var entries = Dictionary(uniqueKeysWithValues: image.entries.map { ($0.key, $0.value) })
            entries[known.process.reference] = sequence
            return VectorClock(entries)
        }
        try archive.append(
            Self.segment(
                "clone", known.process, (last - 20)...(known.last + 20), time: nil, clock: clock,
                after: image))
        // What the original had seen by then, the clone has not.
        let event = EventID(process, known.last + 20)
        for (other, number) in seenLater {
            guard case .named(let name) = other else { continue }
            let text = try order(store, EventID(name, number), event)
            #expect(text != "before", Comment(rawValue: "\(name):\(number)"))
        }
        #expect(try archive.orders(of: "main").slices.isEmpty)
    }

    @Test func rulesAreReadAsTheyAreWritten() throws {
        #expect(try RetentionRule(age: "30d", bytes: "500GB").bytes == 500_000_000_000)
        #expect(try RetentionRule(age: "8w", bytes: "2TiB").seconds == 8 * 7 * 86_400)
        for age in [
            "0d", "-1d", "1.5d", "d", "9000000000d", "1 d",
            String(repeating: "0", count: 99) + "1d",
        ] {
            #expect(throws: CollectorError.self, "\(age)") {
                try RetentionRule(age: age, bytes: nil)
            }
        }
        for bytes in ["0MB", "500", "10EB", "99999999999TB"] {
            #expect(throws: CollectorError.self, "\(bytes)") {
                try RetentionRule(age: nil, bytes: bytes)
            }
        }
    }
}
