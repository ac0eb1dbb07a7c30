import Causality
import Collector
import Disks
import Exporting
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

/// What a picture asks, against what events say one by one. That files and memory answer alike is part of `MergingWorld.answers`.
@Suite struct PictureTests {
    /// An execution some of whose events are in slices, some in parts, some above both.
    private static func store(
        seed: UInt64, _ folder: ArchiveFolder, skewSeconds: Int64 = 0
    ) throws -> ArchiveStore {
        let archive = try Archive(folder.path, .readWrite)
        let pieces = GrowingExecution(seed: seed, skewSeconds: skewSeconds).pieces
        let store = ArchiveStore(archive)
        for (index, piece) in pieces.enumerated() {
            try archive.append(piece)
            if index == pieces.count / 2 {
                try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
            }
        }
        return store
    }

    private static func window(
        _ store: ArchiveStore, _ parameters: [String: [String]]
    ) throws -> Window {
        let answering = store.answering(Question.Options(execution: "main"))
        let question = try PictureQuestion("window", QuestionParameters(parameters))
        guard case .window(let window) = try answering.answer(question) else {
            preconditionFailure("another answer")
        }
        return window
    }

    /// By process, its events with their logical times, found one by one.
    private static func events(
        _ store: ArchiveStore
    ) throws -> (history: History, times: HistoryTimes) {
        let graph = try store.graph(of: "main")
        return (graph.history, try HistoryTimes(graph.history, graph.edges()) {})
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func aWindowHasWhatLiesInIt(seed: UInt64) throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: seed, folder)
        let (history, times) = try Self.events(store)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<40 {
            let from = Int.random(in: -5...200, using: &random)
            let to = from + Int.random(in: 1...400, using: &random)
            let buckets = Int.random(in: 1...300, using: &random)
            let window = try Self.window(
                store,
                ["from": ["\(from)"], "to": ["\(to)"], "buckets": ["\(buckets)"]])
            #expect(window.buckets.count <= max(buckets, 2))
            #expect(window.buckets.origin % window.buckets.width == 0)
            var total = 0
            for (lane, id) in window.processes.prefix(window.lanes.count).enumerated() {
                let process = try #require(history.index(of: id))
                let line = history.processes[process]
                let here = (0..<line.count).filter {
                    (from..<to).contains(
                        times.logicalTime(at: EventPosition(process: process, position: $0)))
                }
                total += here.count
                var counts = [Int](repeating: 0, count: window.buckets.count)
                var firsts = [UInt64](repeating: 0, count: window.buckets.count)
                for position in here {
                    let time = times.logicalTime(
                        at: EventPosition(process: process, position: position))
                    let bucket = (Int64(time) - window.buckets.origin) / window.buckets.width
                    if counts[Int(bucket)] == 0 {
                        firsts[Int(bucket)] = line.sequence(at: position)
                    }
                    counts[Int(bucket)] += 1
                }
                #expect(window.lanes[lane].counts == counts)
                #expect(window.lanes[lane].firsts == firsts)
                let points = try #require(window.lanes[lane].points)
                #expect(points.map(\.sequence) == here.map { line.sequence(at: $0) })
                #expect(points.allSatisfy { $0.name != nil })
            }
            #expect(window.eventCount == total)
            // Each message that has an end in it, once, and forward.
            var expected: Set<String> = []
            let edges = try store.graph(of: "main").edges()
            edges.forEach(in: history) { edge in
                let ends = [edge.from, edge.to].compactMap { history.position(of: $0) }
                let isIn = ends.contains { (from..<to).contains(times.logicalTime(at: $0)) }
                let isMessage = !ExactText.isSame(edge.from.process.name, edge.to.process.name)
                // What is not here has no place, so its message is in where it arrived.
                if isIn, isMessage { expected.insert("\(edge.from) \(edge.to)") }
            }
            let found = window.messages.map {
                "\(EventID(window.processes[$0.from], $0.fromSequence)) "
                    + "\(EventID(window.processes[$0.to], $0.toSequence))"
            }
            #expect(Set(found) == expected && found.count == expected.count)
            #expect(window.messages.allSatisfy { $0.fromPlace < $0.toPlace && $0.count == 1 })
        }
    }

    /// On the axis of wall times an event lies where its host's clock had it.
    @Test func wallTimesAreThoseThatWereRecorded() throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: 2, folder)
        let (history, _) = try Self.events(store)
        let all = history.processes.flatMap { line in
            (0..<line.count).compactMap { line.time(at: $0)?.nanoseconds }
        }
        let (least, most) = (try #require(all.min()), try #require(all.max()))
        let window = try Self.window(
            store,
            ["axis": ["wall"], "from": ["\(least)"], "to": ["\(most)"], "buckets": ["50"]])
        #expect(window.isExact && window.eventCount == all.filter { $0 < most }.count)
        for (lane, id) in window.processes.prefix(window.lanes.count).enumerated() {
            let line = history.processes[try #require(history.index(of: id))]
            let points = try #require(window.lanes[lane].points)
            let expected = (0..<line.count).filter {
                (line.time(at: $0)?.nanoseconds).map { $0 < most } ?? false
            }
            #expect(points.map(\.sequence) == expected.map { line.sequence(at: $0) })
            #expect(points.map(\.place) == expected.map { line.time(at: $0)!.nanoseconds })
        }
    }

    /// On the axis of adjusted times each message points forward, in an archive of several slices and what came since, though
    /// hosts' clocks disagree by a minute; and where a clock is right, events lie where that had them.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func adjustedTimesPointForward(seed: UInt64) throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: seed, folder, skewSeconds: 60)
        let (history, times) = try Self.events(store)
        let question = try PictureQuestion("lanes", QuestionParameters([:]))
        let answering = store.answering(Question.Options(execution: "main"))
        guard case .lanes(let lanes) = try answering.answer(question) else { return }
        let range = try #require(lanes.axes[.adjusted])
        let window = try Self.window(
            store,
            [
                "axis": ["adjusted"], "from": ["\(range.lowerBound)"],
                "to": ["\(range.upperBound)"],
            ])
        #expect(window.isExact && window.eventCount == history.countEvents())
        #expect(window.messages.count > 50)
        #expect(window.messages.allSatisfy { $0.fromPlace < $0.toPlace })
        var later = 0
        for (lane, id) in window.processes.prefix(window.lanes.count).enumerated() {
            let process = try #require(history.index(of: id))
            let line = history.processes[process]
            let wall = (0..<line.count).map { line.time(at: $0)!.nanoseconds }
            let expected = times.adjustedSpans(of: process, in: 0..<line.count).flatMap {
                $0.times(wall: wall[$0.positions])
            }
            #expect(window.lanes[lane].points?.map(\.place) == expected)
            #expect(lanes.lanes.contains { $0.axes[.adjusted] == expected[0]..<expected.last! + 1 })
            later += zip(expected, wall).count { $0 > $1 }
            #expect(zip(expected, wall).allSatisfy { $0 >= $1 })
            // Some of them alone: from frames that are read for them.
            let middle = line.count / 2
            let near = try Self.window(
                store,
                [
                    "axis": ["adjusted"], "from": ["\(expected[middle])"],
                    "to": ["\(expected[middle] + 1)"], "process": ["\(id)"],
                ])
            #expect(near.lanes[0].points?.map(\.sequence) == [line.sequence(at: middle)])
        }
        #expect(later > 20)
    }

    /// The ends of a cone are what `past` and `future` say.
    @Test func aConeIsThePastAndTheFuture() throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: 3, folder)
        let (history, times) = try Self.events(store)
        let answering = store.answering(Question.Options(execution: "main"))
        for line in history.processes where line.count > 2 {
            let event = EventID(line.id, line.sequence(at: line.count / 2))
            let question = try PictureQuestion(
                "cone", QuestionParameters(["event": ["\(event)"]]))
            guard case .cone(let cone) = try answering.answer(question) else { return }
            let (past, future) = (
                try #require(history.past(of: event)), try #require(history.future(of: event))
            )
            var (lasts, firsts): ([String], [String]) = ([], [])
            for process in history.listedProcesses() where history.id(of: process) != line.id {
                let other = history.processes[process]
                if let last = past.ranges[process].last {
                    lasts.append("\(EventID(other.id, other.sequence(at: last)))")
                }
                if let first = future.ranges[process].first {
                    firsts.append("\(EventID(other.id, other.sequence(at: first)))")
                }
            }
            #expect(cone.past.filter { $0.place != nil }.map { "\($0.event)" } == lasts)
            #expect(cone.future.map { "\($0.event)" } == firsts)
            let own = times.logicalTime(at: try #require(history.position(of: event)))
            #expect(cone.place == Int64(own))
            #expect(cone.past.allSatisfy { $0.place.map { $0 < own } ?? true })
            #expect(cone.future.allSatisfy { $0.place! > own })
        }
    }

    @Test(arguments: [
        (["from": "5", "to": "5"], "to: expected a number beyond 5"),
        (["from": "a", "to": "5"], "from: expected a place on the axis"),
        (["to": "5"], "from is missing"),
        (["from": "1", "to": "5", "axis": "wal"], "wall"),
        (["from": "1", "to": "5", "buckets": "0"], "buckets: expected a number from 1 to 4096"),
        (["from": "1", "to": "5", "process": "nobody"], "no process “nobody”"),
        (["from": "1", "to": "5", "colour": "red"], "colour: expected one of"),
        (
            ["from": "-9223372036854775808", "to": "9223372036854775807"],
            "to: expected a number nearer"
        ),
    ])
    func whatCannotBeAskedIsRefused(parameters: [String: String], text: String) throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: 1, folder)
        let error = #expect(throws: QuestionError.self) {
            _ = try Self.window(store, parameters.mapValues { [$0] })
        }
        #expect(error?.text.contains(text) == true, "\(error?.text ?? "")")
    }

    /// The ends of what numbers there are.
    @Test func windowsAtTheEndsOfTheAxisAreEmpty() throws {
        let folder = ArchiveFolder()
        let store = try Self.store(seed: 1, folder)
        for axis in PictureAxis.allCases {
            for (from, to) in [
                (Int64.min, Int64.min + 5), (Int64.max - 5, Int64.max), (Int64.min + 1, -1),
            ] {
                let window = try Self.window(
                    store,
                    [
                        "axis": [axis.rawValue], "from": ["\(from)"], "to": ["\(to)"],
                        "buckets": ["4096"],
                    ])
                #expect(window.eventCount == 0)
            }
        }
    }

    /// Clocks that go from one end of what there is to the other.
    @Test func clocksFromHellAreDrawn() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let process = ProcessID(name: "p")
        let times: [Int64] = [.min + 1, 0, .max, -5, .max - 1, .min + 2, 7]
        // Before them and between them, numbers are missing.
        let events = times.enumerated().map { index, time in
            Event(
                id: EventID(process, UInt64(2 * index + 3)), time: WallTime(nanoseconds: time),
                clock: VectorClock([.named(process): UInt64(2 * index + 3)]))
        }
        let header = SegmentHeader(
            agent: Identity128(naming: [1]), segment: Identity128(naming: [2]),
            created: WallTime(nanoseconds: 0))
        var writer = SegmentWriter(header)
        let key = ProcessKey(execution: "main", host: "h", process: process)
        let bytes =
            header.encoded() + writer.commit(EventBatch(events, of: key), Commit())
            + writer.footer()
        try archive.append(bytes, to: header.segment, at: 0)
        let store = ArchiveStore(archive)
        for (from, to) in [(-10, 10), (Int64.min, -1), (0, .max), (.max - 2, .max), (7, 8)] {
            for buckets in ["1", "4096"] {
                let window = try Self.window(
                    store,
                    [
                        "axis": ["wall"], "from": ["\(from)"], "to": ["\(to)"],
                        "buckets": [buckets],
                    ])
                #expect(window.eventCount == times.count { $0 >= from && $0 < to })
            }
        }
        let question = try PictureQuestion("lanes", QuestionParameters())
        _ = try store.answering(Question.Options(execution: "main")).written(question)
    }
}
