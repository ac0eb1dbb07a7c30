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

    /// An agent is away: what others cite of it is waited for as long as it may come soon.
    @Test func whatIsCitedAndNotHereIsGivenUpInTime() throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let plain = try Archive(plainFolder.path, .readWrite)
        let pieces = GrowingExecution(seed: 3, away: 4..<20).pieces
        let isLate = pieces.indices.filter { pieces[$0].id == pieces[0].id }.dropFirst(4)
        let early = pieces.indices.filter { !isLate.contains($0) }
        for piece in pieces { try plain.append(piece) }
        /// How many events are in slices.
        func written(
            _ archive: Archive, now: Int, h0 readUpTo: Int?, tail: Patience.Tail = .init()
        ) throws -> Int {
            func time(_ second: Int) -> WallTime {
                WallTime(nanoseconds: Int64(second) * 1_000_000_000)
            }
            let patience = Patience(
                now: time(now), readUpTo: readUpTo.map { ["h0": time($0)] } ?? [:], eventsMin: 20,
                tail: tail)
            try ArchiveStore(archive).keepOrder(
                of: "main", eventsMin: 50, sliceEventsMax: 100, patience)
            return try archive.orders(of: "main").slices.last?.taken ?? 0
        }
        func archive(_ name: String) throws -> Archive {
            let archive = try Archive("\(folder.path)/\(name)", .readWrite)
            for index in early { try archive.append(pieces[index]) }
            return archive
        }
        let reporting = try written(archive("reporting"), now: 900, h0: 890)
        let silent = try written(archive("silent"), now: 900, h0: 400)
        // So much is waiting.
        let manyEvents = try written(
            archive("events"), now: 900, h0: 890, tail: .init(eventsMax: 100, learnedMax: .max))
        let wideClocks = try written(
            archive("clocks"), now: 900, h0: 890, tail: .init(eventsMax: .max, learnedMax: 200))
        let gone = try archive("gone")
        let old = try written(gone, now: 2_000, h0: 1_990)
        let all = try gone.taken(of: "main")
        #expect(
            reporting < 400 && min(silent, manyEvents, wideClocks) > 550 && old == all,
            "\(reporting) \(silent) \(manyEvents) \(wideClocks) \(old)")
        // What comes all the same is joined.
        for index in isLate { try gone.append(pieces[index]) }
        let store = ArchiveStore(gone)
        #expect(try MergingWorld.answers(store) == MergingWorld.answers(ArchiveStore(plain)))
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        #expect(try store.filed("main", .never) != nil)
        #expect(try MergingWorld.answers(store) == MergingWorld.answers(ArchiveStore(plain)))
    }

    /// What comes late and is in a part before anybody looks is not taken for what the slices tell of, while more arrives.
    @Test func whatComesLateAndIsMergedIsNoticed() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let store = ArchiveStore(archive)
        let process = ProcessID(name: "p")
        func append(_ sequences: ClosedRange<UInt64>) throws {
            let events = sequences.map { sequence in
                Event(
                    id: EventID(process, sequence), text: "event \(sequence)",
                    clock: VectorClock([.named(process): sequence]))
            }
            let header = SegmentHeader(
                agent: Identity128(naming: [1]),
                segment: Identity128(naming: [UInt8(sequences.lowerBound)]),
                created: WallTime(nanoseconds: Int64(sequences.lowerBound)))
            var writer = SegmentWriter(header)
            let key = ProcessKey(execution: "main", host: "h", process: process)
            let bytes =
                header.encoded() + writer.commit(EventBatch(events, of: key), Commit())
                + writer.footer()
            try archive.append(bytes, to: header.segment, at: 0)
        }
        func write() throws -> Int? {
            let patience = Patience(
                now: WallTime(nanoseconds: 0), readUpTo: [:], eventsMin: 10,
                tail: .init(eventsMax: 10, learnedMax: .max))
            try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 100, patience)
            return try archive.orders(of: "main").slices.last?.taken
        }
        try append(41...80)
        #expect(try write() == 40)
        try append(1...40)
        try archive.mergeAll()
        #expect(try write() == 80)
        #expect(try store.filed("main", .never)?.eventCount == 80)
    }

    /// Another process of a name that is written has come, and another one of a name that is only cited: as when a machine is put in
    /// the place of another one, and counts its processes from the first again. What is written holds, though they are called
    /// otherwise now; unless clocks name them, which may mean either then.
    @Test(arguments: [true, false], [true, false])
    func anotherOneOfItsNameLeavesWhatIsWritten(citesRuns: Bool, isMerged: Bool) throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let archive = try Archive(folder.path, .readWrite)
        let plain = try Archive(plainFolder.path, .readWrite)
        var store = ArchiveStore(archive)
        func key(_ name: String, on host: String) -> ProcessKey {
            let run = citesRuns ? Identity128(naming: Array("\(name) on \(host)".utf8)) : nil
            return ProcessKey(
                execution: "main", host: host, process: ProcessID(name: name), run: run)
        }
        var created: Int64 = 0
        /// Events of a process, each of which has seen the same one of another, the first one by a message of a run that never
        /// reported.
        func append(
            _ key: ProcessKey, _ sequences: ClosedRange<UInt64>, after other: ProcessKey? = nil,
            from silent: ProcessKey? = nil
        ) throws {
            let events = sequences.map { sequence in
                var clock = [key.reference: sequence]
                if let other { clock[other.reference] = sequence }
                if let silent { clock[silent.reference] = 7 }
                var event = Event(
                    id: EventID(key.process, sequence), kind: .send, text: "event \(sequence)",
                    clock: VectorClock(clock))
                if let silent, sequence == sequences.lowerBound {
                    event.kind = .receive
                    event.causes = [
                        Cause(
                            EventReference(silent.reference, 7, name: silent.process), .token)
                    ]
                }
                return event
            }
            created += 1
            let header = SegmentHeader(
                agent: Identity128(naming: [1]), segment: Identity128(naming: [UInt8(created)]),
                created: WallTime(nanoseconds: created))
            var writer = SegmentWriter(header)
            let bytes =
                header.encoded() + writer.commit(EventBatch(events, of: key), Commit())
                + writer.footer()
            for archive in [archive, plain] { try archive.append(bytes, to: header.segment, at: 0) }
        }
        func write() throws -> [OrderSlice] {
            let patience = Patience(
                now: WallTime(nanoseconds: 0), readUpTo: [:], eventsMin: 10,
                tail: .init(eventsMax: 10, learnedMax: .max))
            try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 100, patience)
            return try archive.orders(of: "main").slices
        }
        func expectSameAnswers(_ location: SourceLocation = #_sourceLocation) throws {
            expectSame(
                try MergingWorld.answers(store), try MergingWorld.answers(ArchiveStore(plain)),
                location)
        }
        let p = key("p", on: "h")
        try append(p, 1...40)
        try append(key("q", on: "h"), 1...40, after: p, from: key("g", on: "h"))
        if isMerged { try archive.mergeAll() }
        let slices = try write()
        #expect(slices.last?.taken == 80)
        try append(key("p", on: "i"), 1...5)
        try append(key("r", on: "i"), 1...5, after: p, from: key("g", on: "i"))
        #expect(try (store.filed("main", .never) != nil) == citesRuns)
        try expectSameAnswers()
        // Another program goes on, with nothing in memory.
        store = ArchiveStore(archive)
        try append(key("p", on: "i"), 6...40)
        let more = try write()
        if citesRuns { #expect(more.prefix(slices.count) == slices[...]) }
        #expect(more.last?.taken == 125)
        #expect(try store.filed("main", .never) != nil)
        try expectSameAnswers()
    }

    /// What a run is called that never reported may be told later: from then on the causes of an event are listed by that, whenever they
    /// were written.
    @Test func causesAreListedByTheNamesThatTheyHaveNow() throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let archive = try Archive(folder.path, .readWrite)
        let plain = try Archive(plainFolder.path, .readWrite)
        let store = ArchiveStore(archive)
        func key(_ name: String) -> ProcessKey {
            ProcessKey(
                execution: "main", host: "h", process: ProcessID(name: name),
                run: Identity128(naming: Array(name.utf8)))
        }
        /// Events of a process, of which the first one got messages.
        func append(
            _ name: String, got messages: [ProcessReference: UInt64] = [:],
            from cause: ProcessKey? = nil
        ) throws {
            let key = key(name)
            let events = (1...40).map { (sequence: UInt64) in
                var clock = messages
                clock[key.reference] = sequence
                var event = Event(
                    id: EventID(key.process, sequence), kind: .send, text: "event \(sequence)",
                    clock: VectorClock(clock))
                if sequence == 1, !messages.isEmpty { event.kind = .receive }
                if sequence == 1, let cause {
                    let reference = EventReference(cause.reference, 8, name: cause.process)
                    event.causes = [Cause(reference, .token)]
                }
                return event
            }
            let id = Identity128(naming: Array("segment of \(name)".utf8))
            let header = SegmentHeader(
                agent: Identity128(naming: [1]), segment: id, created: WallTime(nanoseconds: 1))
            var writer = SegmentWriter(header)
            let bytes =
                header.encoded() + writer.commit(EventBatch(events, of: key), Commit())
                + writer.footer()
            for archive in [archive, plain] { try archive.append(bytes, to: id, at: 0) }
        }
        func expectSameAnswers(causes: String, _ location: SourceLocation = #_sourceLocation) throws
        {
            let answers = try MergingWorld.answers(store)
            #expect(answers.contains { $0.contains(causes) }, sourceLocation: location)
            expectSame(answers, try MergingWorld.answers(ArchiveStore(plain)), location)
        }
        // What an earlier incarnation of it did is unknown as it was.
        let silent = ProcessKey(
            execution: "main", host: "h", process: ProcessID(name: "z", incarnation: 2),
            run: key("z").run)
        try append("p")
        try append("q", got: [key("p").reference: 40, silent.reference: 7])
        try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 200)
        guard case .run(let run) = silent.reference else { return }
        try expectSameAnswers(causes: "\"causes\":[\"?\(run):7\",\"p:40\"]")
        // Above what is written, and once that is written above it.
        try append("r", got: [silent.reference: 8], from: silent)
        #expect(try store.filed("main", .never) is TailedExecution)
        try expectSameAnswers(causes: "\"causes\":[\"p:40\",\"z#2:7\"]")
        let patience = Patience(
            now: WallTime(nanoseconds: 0), readUpTo: [:], eventsMin: 10,
            tail: .init(eventsMax: 10, learnedMax: .max))
        try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 100, patience)
        #expect(try archive.orders(of: "main").slices.count == 2)
        try expectSameAnswers(causes: "\"causes\":[\"p:40\",\"z#2:7\"]")
    }

    /// Where a slice ends within a block, as many events of it as the block has rows are not its rows for that.
    @Test func rowsAreFoundWhereASliceEndsWithinTheirBlock() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let store = ArchiveStore(archive)
        let process = ProcessID(name: "p")
        let key = ProcessKey(execution: "main", host: "h", process: process)
        var writers: [SegmentWriter] = []
        var ends = [0, 0]
        for index in 0..<2 {
            let header = SegmentHeader(
                agent: Identity128(naming: [1]), segment: Identity128(naming: [UInt8(index)]),
                created: WallTime(nanoseconds: Int64(index)))
            writers.append(SegmentWriter(header))
        }
        func append(_ sequences: ClosedRange<UInt64>, to segment: Int, seals: Bool = false) throws {
            let events = sequences.map { sequence in
                Event(
                    id: EventID(process, sequence), text: "event \(sequence)",
                    clock: VectorClock([.named(process): sequence]))
            }
            let header = writers[segment].header
            var bytes = ends[segment] == 0 ? header.encoded() : []
            bytes += writers[segment].commit(EventBatch(events, of: key), Commit())
            if seals { bytes += writers[segment].footer() }
            ends[segment] = try archive.append(bytes, to: header.segment, at: ends[segment]).end
        }
        try append(1...2, to: 0)
        try append(3...4, to: 1)
        try store.keepOrder(of: "main", eventsMin: 1)
        #expect(try archive.orders(of: "main").slices.last?.taken == 4)
        // The part has a block of four: those before the third, and those behind the fourth.
        try append(5...6, to: 0, seals: true)
        try archive.mergeAll()
        let timeline = try store.answering(Question.Options(execution: "main"))
            .written(Question("timeline", QuestionParameters([:])), as: .text).text()
        let texts = timeline.split(separator: "\n").map { String($0.suffix(7)) }
        #expect(texts == (1...6).map { "event \($0)" }, "\(timeline)")
    }

    /// Segments rot below the last slice: the order that was written down holds, and goes on above it.
    @Test func goesOnAboveWhatCannotBeReadAnyMore() throws {
        let folder = ArchiveFolder()
        let disk = ArchiveDisk()
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let pieces = GrowingExecution(seed: 1).pieces
        let (early, late) = (pieces[..<(pieces.count / 2)], pieces[(pieces.count / 2)...])
        for piece in early { try archive.append(piece) }
        try ArchiveStore(archive).keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        let before = try archive.orders(of: "main")
        #expect(before.slices.last?.taken == before.taken)
        for piece in late { try archive.append(piece) }
        var ends: [Identity128: Int] = [:]
        for piece in early {
            let header = try SegmentHeader(
                decoding: pieces.first { $0.id == piece.id }!.bytes)
            let end = ends[piece.id, default: 0]
            ends[piece.id] = end + piece.bytes.count
            let path = "\(folder.path)/segments/\(header.agent)/\(piece.id).lcseg"
            try disk.change(path) { $0[end + piece.bytes.count / 2] ^= 1 }
        }
        let store = ArchiveStore(archive)
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
        let (slices, taken) = try archive.orders(of: "main")
        #expect(slices.last?.taken == taken && taken > before.taken)
        #expect(slices.contains { before.slices.contains($0) })
        // Each is found by its order, and said to be unreadable by its content.
        #expect(try store.filed("main", .never)?.eventCount == taken)
        let timeline = try store.answering(.init(execution: "main")).written(
            Question("timeline", QuestionParameters([:])), as: .text
        ).text()
        #expect(timeline.contains("cannot be read"), "\(timeline.prefix(2_000))")
    }

    /// Logs of processes, one after the other and without times, are read side by side: what cites comes soon after what it
    /// cites, and no slice has to wait for the last log.
    @Test(arguments: [1, 2] as [UInt64]) func separateLogsAreSlicedAsOneLogIs(seed: UInt64)
        throws
    {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let events = SimulatedHistory(
            .init(processes: 6, events: 1_200, crashPerMille: 0), seed: seed
        ).events
        var count: Int64 = 0
        for process in Set(events.map(\.id.process)).sorted(by: { $0.name < $1.name }) {
            let log = events.filter { $0.id.process == process }
            let key = ProcessKey(execution: "main", host: "h", process: process)
            for start in stride(from: 0, to: log.count, by: 40) {
                var (batch, clock): (EventBatch, VectorClock?) = (EventBatch(), nil)
                for event in log[start..<min(start + 40, log.count)] {
                    batch.append(event, of: key, after: &clock)
                }
                let header = SegmentHeader(
                    agent: Identity128(naming: Array("import".utf8)),
                    segment: Identity128(naming: Array("\(process) \(start)".utf8)),
                    created: WallTime(nanoseconds: count))
                count += 1
                var writer = SegmentWriter(header)
                let bytes = header.encoded() + writer.commit(batch, Commit()) + writer.footer()
                try archive.append(bytes, to: header.segment, at: 0)
            }
        }
        let store = ArchiveStore(archive)
        let answers = try MergingWorld.answers(store)
        try archive.mergeAll()
        try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 200)
        let slices = try archive.orders(of: "main").slices
        var (below, largest) = (0, 0)
        for slice in slices {
            largest = max(largest, slice.taken - below)
            below = slice.taken
        }
        #expect(slices.count >= 4 && largest <= 400, "\(slices.map(\.taken))")
        #expect(try MergingWorld.answers(store) == answers)
    }
}
