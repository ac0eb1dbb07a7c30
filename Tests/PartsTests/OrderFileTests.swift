import Causality
import Disks
import Foundation
import SimulatedHistories
import Testing

@testable import HappensBefore
@testable import Parts

/// That order files answer as the graph does is checked in the worlds of `Tests/Simulation`; here is what a file costs, and what
/// damage does.
@Suite struct OrderFileTests {
    private static let source = Identity128(high: 0, low: 1)

    /// The history of a simulated system, of which some events are missing.
    static func history(
        seed: UInt64, processes: Int, events: Int, lostPerMille: Int = 0
    ) -> History {
        let all = SimulatedHistory(
            .init(processes: processes, events: events, crashPerMille: 1), seed: seed
        ).events
        var random = SeededGenerator(seed: seed)
        let here = all.filter { _ in Int.random(in: 0..<1_000, using: &random) >= lostPerMille }
        var history = History(execution: "main")
        let byProcess = Dictionary(grouping: here, by: \.id.process)
            .sorted { listingOrder($0.key, $1.key) }
        for (frame, (process, rows)) in byProcess.enumerated() {
            let key = ProcessKey(execution: "main", host: "h", process: process)
            let left = history.append(
                HistoryFrame(id: frame, source: source, batch: EventBatch(rows, of: key)))
            precondition(left.isEmpty)
        }
        history.finish()
        return history
    }

    /// A frame lies where its process is called.
    static func write(_ history: History) throws -> any DiskFile {
        let file = try SimulatedDisk().open("/order", .create)
        let messages = MessageEdges(history)
        var places: [Int: OrderFileContents.FrameName] = [:]
        for (process, line) in history.processes.enumerated() where line.count > 0 {
            let rows = history.rows(at: EventPosition(process: process, position: 0))
            places[rows.frame] = OrderFileContents.FrameName(
                agent: source, segment: Identity128(naming: Array("\(line.id)".utf8)), offset: 7,
                byteCount: 9)
        }
        try OrderFileWriter.write(
            OrderFileContents(whole: history, messages, places: places) {}, to: file)
        return file
    }

    private static func events(
        of history: History, _ count: Int, seed: UInt64
    ) -> [EventID] {
        var random = SeededGenerator(seed: seed)
        let lines = history.processes.filter { $0.end > 0 }.map { ($0.id, $0.end) }
            .sorted { listingOrder($0.0, $1.0) }
        return (0..<count).map { _ in
            let (id, end) = lines.randomElement(using: &random)!
            return EventID(id, UInt64.random(in: 1...end, using: &random))
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aFileAnswersAsTheGraph(seed: UInt64) throws {
        let history = Self.history(
            seed: seed, processes: 6, events: 12_000, lostPerMille: seed.isMultiple(of: 2) ? 2 : 0)
        let file = try OrderFile(Self.write(history))
        #expect(file.eventCount == history.countEvents())
        #expect(try Set(file.allGaps()) == Set(history.allGaps()))
        let events = Self.events(of: history, 40, seed: seed)
        for a in events {
            for b in events { #expect(try file.order(a, b) == history.order(a, b), "\(a) \(b)") }
            #expect(try file.past(of: a)?.count == history.past(of: a)?.count)
            #expect(try file.past(of: a)?.lacks == history.past(of: a)?.lacks)
            #expect(try file.future(of: a)?.count == history.future(of: a)?.count)
            #expect(try file.future(of: a)?.lacks == history.future(of: a)?.lacks)
            #expect(try file.concurrent(with: a)?.count == history.concurrent(with: a)?.count)
            #expect(try file.inexactness(of: a) == history.inexactness(of: a))
        }
    }

    /// All that a file says of the events themselves.
    private static func told(_ file: OrderFile) throws -> [String] {
        var told = try file.defects().map { "\($0)" }
        told.append("\(file.areAllKnown) \(file.findsEvents)")
        for process in 0..<file.processCount {
            let count = try file.facts(of: process).count
            let id = try file.id(of: process)
            told.append("\(id) has times: \(try file.hasTimes(process))")
            told.append("\(id): \(try file.name(of: .named(id)).map { "\($0)" } ?? "uncited")")
            for arrival in try file.arrivals(at: process, in: 0..<count) {
                told.append(
                    "\(id): \(arrival.position) \(arrival.event.sequence) "
                        + "of \(try file.id(of: arrival.event.process))")
            }
            var next: UInt64 = 0
            while let last = try file.departures(from: process, since: next).last {
                for departure in try file.departures(from: process, since: next) {
                    told.append(
                        "\(id) \(departure.sequence): \(departure.receipt.position) "
                            + "of \(try file.id(of: departure.receipt.process))")
                }
                next = last.sequence + 1
            }
            var position = 0
            while position < count {
                let (row, positions) = try file.rows(
                    at: EventPosition(process: process, position: position))
                let place = row.map { "\($0.segment) \($0.offset) \($0.row)" } ?? "in parts"
                told.append("\(id) \(positions): \(place)")
                position = positions.upperBound
            }
            if count > 0 {
                for step in try file.steps(of: process, in: 0..<count) {
                    told.append("\(id): at \(step.position) logical time \(step.time)")
                }
                for tally in try file.tallies(at: process, in: 0..<count) {
                    told.append("\(id): \(tally)")
                }
                for span in try file.timeSpans(of: process, in: 0..<count) {
                    told.append("\(id): \(span)")
                }
            }
            for time in [Int64.min, 0, 1_000_000_000, .max] {
                let positions = try file.lastPositions(
                    in: process, by: WallTime(nanoseconds: time))
                told.append("\(id): by \(time) \(positions.map { "\($0)" } ?? "none")")
            }
        }
        return told
    }

    @Test(arguments: [(1, 0), (2, 20), (3, 200)] as [(UInt64, Int)])
    func aFileHasTheMessagesAndPlacesOfItsEvents(seed: UInt64, lostPerMille: Int) throws {
        let history = Self.history(
            seed: seed, processes: 5, events: 9_000, lostPerMille: lostPerMille)
        let file = try OrderFile(Self.write(history))
        let messages = MessageEdges(history)
        #expect(try file.defects() == history.defects(messages))
        #expect(file.areAllKnown == messages.areAllKnown && file.findsEvents)
        for (process, line) in history.processes.enumerated() {
            let stored = try #require(try file.index(of: line.id))
            func named(_ arrivals: [Arrival], by index: some CausalIndex) throws -> [String] {
                try arrivals.map {
                    "\($0.position) \(try index.id(of: $0.event.process)):\($0.event.sequence)"
                }
            }
            let all = 0..<line.count
            for range in [
                all, all.dropFirst(300), all.dropLast(700), all.dropFirst(line.count / 2),
            ] {
                #expect(
                    try named(file.arrivals(at: stored, in: range), by: file)
                        == named(messages.arrivals(at: process, in: range), by: history))
            }
            // Of events that are here and of those that are missing.
            for sequence in stride(from: UInt64(1), through: line.end, by: 7) {
                let found = try file.receipts(of: EventKey(process: stored, sequence: sequence))
                    .map { "\(try file.id($0))" }
                let expected = messages.receipts(
                    of: EventKey(process: process, sequence: sequence)
                ).map { "\(history.id($0))" }
                #expect(found.sorted() == expected.sorted())
            }
            for position in stride(from: 0, to: line.count, by: 13) {
                let place = EventPosition(process: stored, position: position)
                let (row, positions) = try file.rows(at: place)
                #expect(row?.row == position && row?.offset == 7)
                #expect(row?.segment == Identity128(naming: Array("\(line.id)".utf8)))
                #expect(positions.lowerBound == position && positions.upperBound <= line.count)
                guard let time = line.time(at: position) else { continue }
                let last = try #require(try file.lastPositions(in: stored, by: time))
                #expect(last.contains(history.lastPosition(in: process, by: time)!))
            }
        }
    }

    @Test func theBytesDoNotDependOnWhatCameFirst() throws {
        let events = SimulatedHistory(.init(processes: 5, events: 500), seed: 3).events
        var written: [[UInt8]] = []
        for isReversed in [false, true] {
            var history = History(execution: "main")
            let byProcess = Dictionary(grouping: events, by: \.id.process)
                .sorted { listingOrder($0.key, $1.key) != isReversed }
            for (frame, (process, rows)) in byProcess.enumerated() {
                let key = ProcessKey(execution: "main", host: "h", process: process)
                _ = history.append(
                    HistoryFrame(
                        id: frame, source: Self.source, batch: EventBatch(rows, of: key)))
            }
            history.finish()
            let file = try Self.write(history)
            written.append(try file.read(at: 0, count: file.byteCount()))
        }
        #expect(written[0] == written[1])
    }

    /// Exact, since they depend on nothing but the file: the promise is that they do not grow with it.
    @Test func aQuestionReadsFewBlocks() throws {
        var reads: [OrderFile.Reads] = []
        for events in [20_000, 80_000] {
            let history = Self.history(seed: 7, processes: 4, events: events)
            let written = try Self.write(history)
            let pair = Self.events(of: history, 2, seed: 1)
            let file = try OrderFile(written)
            let opened = file.reads
            #expect(opened.blocks == 1)
            _ = try file.order(pair[0], pair[1])
            // Names, facts; and of each of the two a directory and one block of knowledge.
            #expect(file.reads.blocks - opened.blocks <= 2 + 2 * 2)
            reads.append(file.reads)
            let past = try OrderFile(written)
            _ = try past.past(of: pair[0])
            #expect(past.reads.blocks <= 5)
            let future = try OrderFile(written)
            _ = try future.future(of: pair[0])
            // A directory for each process, and of each as many blocks as a binary search looks at, and one.
            let blocks = events / 1_000
            let looks = (Int.bitWidth - blocks.leadingZeroBitCount) + 2
            #expect(future.reads.blocks <= 3 + history.processes.count * (1 + looks))
        }
        #expect(reads[1].bytes < 2 * reads[0].bytes)
    }

    /// Whom a process never told anything, directly or not, none of its events can matter to.
    @Test func aFutureReadsNothingOfProcessesThatKnowNothing() throws {
        var history = History(execution: "main")
        let names = (0..<201).map { ProcessID(name: "p\($0)") }
        for (frame, name) in names.enumerated() {
            let events = (1...20 as ClosedRange<UInt64>).map { number in
                var clock = VectorClock([name: number])
                // Of each three, the second learns of the first, the third of both, and the first at last of the third.
                if frame % 3 > 0 { clock[names[frame - 1]] = number }
                if frame % 3 == 2 { clock[names[frame - 2]] = number }
                if frame % 3 == 0, number == 20 { clock[names[frame + 2]] = 1 }
                return Event(id: EventID(name, number), text: "", clock: clock)
            }
            let key = ProcessKey(execution: "main", host: "h", process: name)
            _ = history.append(
                HistoryFrame(id: frame, source: Self.source, batch: EventBatch(events, of: key)))
        }
        history.finish()
        let written = try Self.write(history)
        let event = EventID(names[51], 7)
        let file = try OrderFile(written)
        let pages = file.footer.processPages.count
        #expect(try file.future(of: event)?.count == 13 + 14 + 14)
        // The footer, the page of names, the facts of all, and of each of three a directory, of two a piece.
        #expect(file.reads.blocks == 1 + 1 + pages + 3 + 2)
        let past = try OrderFile(written)
        #expect(try past.past(of: EventID(names[53], 7))?.count == 7 + 7 + 6)
        #expect(past.reads.blocks <= 1 + 1 + pages + 2)
        for a in [names[51], names[52], names[53], names[60], names[59]] {
            for b in names[48...62] {
                let (a, b) = (EventID(a, 5), EventID(b, 6))
                #expect(try file.order(a, b) == history.order(a, b))
            }
        }
    }

    /// Version 7 as it was first written: its bytes follow from the history alone.
    @Test func version7() throws {
        let history = Self.history(seed: 5, processes: 3, events: 300, lostPerMille: 20)
        let written = try Self.write(history)
        let bytes = try written.read(at: 0, count: written.byteCount())
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/v7.lcorder")
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Data(bytes).write(to: url)
            Issue.record("the golden order file was recorded anew: run again without RECORD_GOLDEN")
        }
        let golden = [UInt8](try Data(contentsOf: url))
        let isSame = golden == bytes
        #expect(isSame, "a writer's bytes follow from its input alone")
        let file = try SimulatedDisk().open("/golden", .create)
        try file.write(golden, at: 0)
        #expect(try Self.told(OrderFile(file)) == Self.told(OrderFile(written)))
    }

    @Test func anEmptyHistoryIsAFile() throws {
        var history = History(execution: "main")
        history.finish()
        let file = try OrderFile(Self.write(history))
        #expect(file.processCount == 0 && file.eventCount == 0)
        #expect(try file.index(of: ProcessID(name: "p")) == nil)
    }

    @Test func everyByteThatIsFlippedIsNamedOrDoesNotMatter() throws {
        let history = Self.history(seed: 5, processes: 3, events: 300, lostPerMille: 20)
        let written = try Self.write(history)
        let bytes = try written.read(at: 0, count: written.byteCount())
        let events = Self.events(of: history, 6, seed: 2)
        let whole = try OrderFile(written)
        let told = try Self.told(whole)
        let disk = SimulatedDisk()
        let file = try disk.open("/flipped", .create)
        var found = 0
        for offset in bytes.indices {
            var flipped = bytes
            flipped[offset] ^= 0x41
            try file.truncate(to: 0)
            try file.write(flipped, at: 0)
            do {
                let damaged = try OrderFile(file)
                for a in events {
                    for b in events where try damaged.order(a, b) != history.order(a, b) {
                        Issue.record("byte \(offset): another answer")
                    }
                    #expect(
                        try damaged.future(of: a)?.count == history.future(of: a)?.count)
                }
                #expect(try Self.told(damaged) == told)
                #expect(try damaged.tally() == whole.tally())
                #expect(try damaged.resumption() == whole.resumption())
            } catch {
                #expect("\(error)".hasPrefix("/flipped, byte "))
                found += 1
            }
        }
        // But for blocks that the questions do not read, such as the magic number in front.
        #expect(found > bytes.count * 9 / 10)
    }

    /// Behind a checksum that is right: somebody made it so.
    @Test(arguments: [[0, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0, 1]] as [[UInt8]])
    func processesThatThereAreNotAreRefused(counts: [UInt8]) {
        var writer = ByteWriter()
        writer.string("main")
        writer.bytes(counts)
        var reader = ByteReader(writer.bytes)
        #expect(throws: FormatError.self) { try Footer(&reader, fileByteCount: 100) }
    }

    /// The same of blocks: more summaries than events, and a message to an event that is not there.
    @Test func factsThatCannotBeAreRefused() throws {
        func block(_ body: (inout ByteWriter) -> Void) throws {
            var writer = ByteWriter()
            writer.bytes([0, 1, 0, 0] as [UInt8])
            body(&writer)
            var reader = ByteReader(writer.bytes)
            let facts = try EventFactsBlock(&reader, eventCount: 10, [])
            _ = try EventMessagesBlock(facts, processCount: 2, eventCount: 10)
        }
        try block { $0.bytes([1, 0, 0, 0, 0, 0] as [UInt8]) }
        #expect(throws: FormatError.self) { try block { $0.bytes([1, 0, 0, 0, 8, 0] as [UInt8]) } }
        #expect(throws: FormatError.self) { try block { $0.bytes([1, 0, 0, 0, 0, 1] as [UInt8]) } }
        #expect(throws: FormatError.self) {
            try block { $0.bytes([2, 0, 0, 0, 0, 0, 0] as [UInt8]) }
        }
        // Messages of a history that has more events than the file tells of.
        func history(_ count: UInt64) -> History {
            let (p, q) = (ProcessID(name: "p"), ProcessID(name: "q"))
            var history = History(execution: "main")
            let send = Event(id: EventID(p, 1), text: "", clock: VectorClock([p: 1]))
            let others = (1...count).map { number in
                Event(
                    id: EventID(q, number), text: "",
                    clock: VectorClock(number < 5 ? [q: number] : [q: number, p: 1]))
            }
            for (frame, (process, events)) in [(p, [send]), (q, others)].enumerated() {
                let key = ProcessKey(execution: "main", host: "h", process: process)
                _ = history.append(
                    HistoryFrame(
                        id: frame, source: Self.source, batch: EventBatch(events, of: key)))
            }
            history.finish()
            return history
        }
        let file = try SimulatedDisk().open("/order", .create)
        try OrderFileWriter.write(
            OrderFileContents(
                history(2), MessageEdges(history(6)),
                try HistoryTimes(history(2), MessageEdges(history(2))) {}, [], tally: DefectTally(),
                nil, places: [:]),
            to: file)
        let read = try OrderFile(file)
        let sender = try #require(try read.index(of: ProcessID(name: "p")))
        #expect(throws: PartError.self) {
            try read.receipts(of: EventKey(process: sender, sequence: 1))
        }
        #expect(throws: PartError.self) { try read.departures(from: sender, since: 1) }
    }

    /// And of directories: whatever one says, it is refused or within bounds.
    @Test func anyBytesAreADirectoryOrAnError() throws {
        let history = Self.history(seed: 5, processes: 6, events: 3_000, lostPerMille: 20)
        let written = try Self.write(history)
        let file = try OrderFile(written)
        let (count, processCount) = (try file.line(0).facts.count, file.processCount)
        let place = try #require(try file.line(0).directory)
        let bytes = try written.read(at: place.offset, count: place.byteCount)
        var refused = 0
        for index in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[index / 8] ^= 1 << UInt8(index % 8)
            var reader = ByteReader(flipped)
            do throws(FormatError) {
                let directory = try Directory(&reader, 0..<count, processCount)
                let places = directory.pieces.map(\.place) + directory.facts.map(\.place)
                #expect(places.allSatisfy { $0.end <= Limits.fileBytesMax })
                #expect(directory.pieces.allSatisfy { $0.first < processCount })
                #expect(directory.entries.allSatisfy { $0.start < count })
                #expect(directory.entries.allSatisfy { ($0.firstCertain ?? 0) < count })
                #expect(directory.knowers.allSatisfy { $0.upperBound <= processCount })
            } catch {
                refused += 1
            }
        }
        #expect(refused > bytes.count)
    }

    @Test func everyCutIsNamed() throws {
        let history = Self.history(seed: 5, processes: 3, events: 60)
        let written = try Self.write(history)
        let bytes = try written.read(at: 0, count: written.byteCount())
        let file = try SimulatedDisk().open("/cut", .create)
        for count in bytes.indices {
            try file.truncate(to: 0)
            try file.write(Array(bytes[..<count]), at: 0)
            #expect(throws: PartError.self) { try OrderFile(file) }
        }
    }
}
