import Causality
import Exporting
import HappensBefore
import SimulatedHistories
import Synchronization
import Testing

@testable import Querying

/// An execution as it is followed, while its frames come in any order.
@Suite struct LiveTests {
    /// What truly happened, in frames that come one after the other.
    struct World {
        var truth: [Event]
        var frames: [[Event]]
        var lost: [[Event]] = []

        init(seed: UInt64, lossPercent: Int) {
            var random = SeededGenerator(seed: seed)
            truth =
                SimulatedHistory(
                    .init(processes: 4, events: 150, crashPerMille: 10), seed: seed
                ).events
            var all: [[Event]] = []
            for (_, events) in Dictionary(grouping: truth, by: \.id.process).sorted(by: {
                listingOrder($0.key, $1.key)
            }) {
                var start = 0
                while start < events.count {
                    let end = min(events.count, start + Int.random(in: 1...6, using: &random))
                    all.append(Array(events[start..<end]))
                    start = end
                }
            }
            // In about the order in which they happened, some far away.
            let place = Dictionary(
                uniqueKeysWithValues: truth.enumerated().map { ($1.id, $0) })
            let keyed = all.map { frame in
                (place[frame[0].id]! + Int.random(in: -20...20, using: &random), frame)
            }.sorted { $0.0 < $1.0 }
            frames = keyed.map(\.1)
            if lossPercent > 0 {
                let isLost = frames.map { _ in
                    Int.random(in: 0..<100, using: &random) < lossPercent
                }
                lost = zip(frames, isLost).filter(\.1).map(\.0)
                frames = zip(frames, isLost).filter { !$0.1 }.map(\.0)
            }
        }

        /// By event: all that it has seen.
        var pasts: [EventID: Set<EventID>] {
            var pasts: [EventID: Set<EventID>] = [:]
            for event in truth {
                pasts[event.id] = Set(
                    truth.filter {
                        $0.id != event.id && event.clock[$0.id.process] >= $0.id.sequence
                    }
                    .map(\.id))
            }
            return pasts
        }
    }

    /// Somebody who follows, and whose connection breaks now and then.
    struct Reader {
        var parameters: [String: [String]]
        var live: LiveListing<MemoryStore>
        var shown: [(id: EventID, isLate: Bool, isWaiting: Bool)] = []
        var waiting: [Gap] = []
        var givenUp: [Gap] = []
        var cursor: String?
        var random: SeededGenerator
        let breaks: Bool
        var now = ContinuousClock.now

        init(_ parameters: [String: [String]], seed: UInt64, breaks: Bool) throws {
            self.parameters = parameters
            live = LiveListing(try LiveRequest(QuestionParameters(parameters)))
            random = SeededGenerator(seed: seed)
            self.breaks = breaks
        }

        mutating func reconnect() throws {
            live = LiveListing(
                try LiveRequest(QuestionParameters(parameters), lastCursor: cursor))
        }

        /// Takes all that there is to take.
        mutating func read(_ store: MemoryStore) throws {
            live.lookAgain()
            while true {
                switch try live.next(Answering(store, Question.Options()), at: now) {
                case .working: continue
                case .idle:
                    if cursor == nil { cursor = live.position?.text }
                    return
                case .message(.events(let events, let cursor)):
                    for event in events {
                        guard case .event(let listed) = event.step else { continue }
                        shown.append((listed.id, event.isLate, event.isWaiting))
                    }
                    self.cursor = cursor.text
                    if breaks, Int.random(in: 0..<6, using: &random) == 0 { try reconnect() }
                case .message(.waiting(let wait)): waiting.append(wait.gap.gap)
                case .message(.givenUp(let gap)): givenUp.append(gap.gap)
                case .message(.note(let text)): Issue.record("\(text)")
                }
            }
        }
    }

    /// Nothing is shown before what it has seen, nothing twice, and nothing waits without need: with and without losses, and
    /// with connections that break.
    @Test(arguments: 1...20)
    func eachComesAfterWhatItHasSeen(seed: UInt64) throws {
        for (loss, breaks) in [(0, false), (0, true), (15, false), (15, true)] {
            let world = World(seed: seed, lossPercent: loss)
            var store = MemoryStore(events: [])
            var reader = try Reader(
                ["all": ["true"], "execution": ["main"]], seed: seed, breaks: breaks)
            try reader.read(store)
            for frame in world.frames {
                store.events.append(frame)
                reader.now += .milliseconds(Int.random(in: 0...200, using: &reader.random))
                if Bool.random(using: &reader.random) { try reader.read(store) }
            }
            try reader.read(store)
            let pasts = world.pasts
            var before: Set<EventID> = []
            for (id, isLate, _) in reader.shown {
                #expect(pasts[id]!.isSubset(of: before), "\(id) was shown too early")
                #expect(before.insert(id).inserted, "\(id) was shown twice")
                #expect(!isLate, "\(id)")
            }
            let here = Set(world.frames.joined().map(\.id))
            let due = here.filter { pasts[$0]!.isSubset(of: here) }
            #expect(before == due, "\(loss) % lost, breaks: \(breaks)")
            #expect(reader.givenUp.isEmpty)
        }
    }

    /// What does not come is told, waited for, and given up; and what comes later still is shown late.
    @Test(arguments: 1...10, [false, true])
    func whatComesTooLateIsShownLate(seed: UInt64, breaks: Bool) throws {
        let world = World(seed: seed, lossPercent: 15)
        var store = MemoryStore(events: [])
        var reader = try Reader(
            ["all": ["true"], "execution": ["main"]], seed: seed, breaks: breaks)
        try reader.read(store)
        store.events = world.frames
        try reader.read(store)
        let (waits, here) = (reader.shown.count, Set(world.frames.joined().map(\.id)))
        reader.now += .milliseconds(999)
        try reader.read(store)
        #expect(reader.waiting.isEmpty && reader.shown.count == waits)
        reader.now += .milliseconds(1)
        try reader.read(store)
        #expect(reader.waiting.isEmpty == (waits == here.count))
        // Nobody knows of an agent of theirs.
        for _ in 0..<40 where reader.shown.count < here.count {
            reader.now += .seconds(Limits.agentSilentSeconds)
            try reader.read(store)
        }
        #expect(Set(reader.shown.map(\.id)) == here)
        #expect(reader.shown.count == here.count)
        #expect(reader.shown.allSatisfy { !$0.isLate })
        let given = reader.shown.count
        for frame in world.lost {
            store.events.append(frame)
            try reader.read(store)
        }
        #expect(reader.shown.count == world.truth.count)
        #expect(Set(reader.shown.map(\.id)) == Set(world.truth.map(\.id)))
        // Whatever something shown before has seen is late.
        let pasts = world.pasts
        var before: Set<EventID> = []
        for (index, (id, isLate, _)) in reader.shown.enumerated() {
            let isSeen = before.contains { pasts[$0]!.contains(id) }
            #expect(isLate == (index >= given && isSeen), "\(id)")
            before.insert(id)
        }
    }

    /// Eager: all is shown at once, and what waits is marked.
    @Test(arguments: 1...10)
    func eagerMarksWhatWaits(seed: UInt64) throws {
        let world = World(seed: seed, lossPercent: 10)
        var store = MemoryStore(events: [])
        var reader = try Reader(
            ["all": ["true"], "eager": ["true"], "execution": ["main"]], seed: seed, breaks: false)
        try reader.read(store)
        let pasts = world.pasts
        var here: Set<EventID> = []
        for frame in world.frames {
            store.events.append(frame)
            here.formUnion(frame.map(\.id))
            let before = reader.shown.count
            try reader.read(store)
            #expect(Set(reader.shown.map(\.id)) == here)
            for (id, _, isWaiting) in reader.shown[before...] {
                #expect(isWaiting == !pasts[id]!.isSubset(of: here), "\(id)")
            }
        }
        #expect(reader.shown.count == here.count)
    }

    /// Where nothing is said of what was here before, only what comes is shown; or the last of it, too.
    @Test func itBeginsWhereItIsTold() throws {
        let world = World(seed: 7, lossPercent: 0)
        let half = world.frames.count / 2
        var store = MemoryStore(events: Array(world.frames[..<half]))
        var (now, last) = (
            try Reader([:], seed: 7, breaks: true),
            try Reader(["last": ["5"]], seed: 7, breaks: false)
        )
        try now.read(store)
        try last.read(store)
        #expect(now.shown.isEmpty && last.shown.count == 5)
        let listed = try Answering(store, Question.Options()).written(
            Question("timeline", QuestionParameters(["last": ["5"]])), as: .json
        ).text()
        #expect(listed.split(separator: "\n").count == 5)
        for event in last.shown { #expect(listed.contains("\"id\":\"\(event.id)\"")) }
        store.events += world.frames[half...]
        try now.read(store)
        try last.read(store)
        let rest = world.frames[half...].joined().map(\.id)
        #expect(Set(now.shown.map(\.id)) == Set(rest) && now.shown.count == rest.count)
        #expect(Array(last.shown.dropFirst(5).map(\.id)) == now.shown.map(\.id))
    }

    @Test func selectionsAndProcessesAreFollowed() throws {
        let world = World(seed: 3, lossPercent: 0)
        for (name, values) in [
            ("where", ["{ text =~ \"[05]$\" && process = p1 }"]), ("process", ["p1"]),
            ("host", ["h1"]), ("where", ["{ host = h1 }"]),
        ] {
            let first = world.frames.firstIndex { $0[0].id.process.name == "p1" }!
            var store = MemoryStore(events: [world.frames[first]])
            store.hosts = ["p1": "h1"]
            var reader = try Reader(
                ["all": ["true"], "execution": ["main"], name: values], seed: 3, breaks: true)
            try reader.read(store)
            for (index, frame) in world.frames.enumerated() where index != first {
                store.events.append(frame)
                try reader.read(store)
            }
            let due = world.truth.filter { event in
                guard event.id.process.name == "p1" else { return false }
                if name == "process" { return event.id.process.incarnation == 1 }
                return values[0].contains("host") || name == "host"
                    || event.text.hasSuffix("0") || event.text.hasSuffix("5")
            }
            #expect(reader.shown.map(\.id) == due.map(\.id), "\(name) \(values)")
        }
    }

    /// One read that fails.
    final class Failures: Sendable {
        private let left: Mutex<Int>
        init(_ read: Int) { left = Mutex(read) }
        func fails() -> Bool {
            left.withLock { left in
                left -= 1
                return left == 0
            }
        }
    }

    /// A store that fails once, which is no damage.
    struct FailingStore: HistoryStore {
        struct Failure: Error {}
        let store: MemoryStore
        let reads: Failures

        func executions() throws -> [String] { try store.executions() }
        func frames(of execution: String) throws -> [FrameSummary] {
            try store.frames(of: execution)
        }
        func causality(of frame: Int) throws -> EventBatch { try store.causality(of: frame) }
        func events(of frame: Int) throws -> EventBatch {
            if reads.fails() { throw Failure() }
            return try store.events(of: frame)
        }
        func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
            try store.expected(in: execution)
        }
        func sourceDefects(of execution: String) throws -> [Defect] { [] }
        func readUpTo() throws -> [String: WallTime] { [:] }
    }

    /// What fails in the middle of a message leaves out nothing.
    @Test(arguments: 1...30) func aFailureLeavesOutNothing(read: Int) throws {
        let world = World(seed: 4, lossPercent: 0)
        let store = FailingStore(store: MemoryStore(events: world.frames), reads: Failures(read))
        var live = LiveListing<FailingStore>(
            try LiveRequest(QuestionParameters(["all": ["true"]])))
        var shown: [EventID] = []
        loop: while true {
            switch try live.next(Answering(store, Question.Options()), at: .now) {
            case .working: continue
            case .idle: break loop
            case .message(.events(let events, _)):
                for case .event(let listed) in events.map(\.step) { shown.append(listed.id) }
            case .message(let message): Issue.record("\(message)")
            }
        }
        #expect(shown.count == world.truth.count && Set(shown) == Set(world.truth.map(\.id)))
    }

    // MARK: Cursors

    @Test func aCursorIsReadAsItWasWritten() throws {
        var random = SeededGenerator(seed: 5)
        for count in [0, 1, 3, 200] {
            var cursor = LiveCursor(execution: "main é")
            for _ in 0..<count {
                let run = LiveCursor.Run(
                    identity: Identity128(using: &random),
                    branch: Bool.random(using: &random) ? Identity128(using: &random) : nil)
                var shown = LiveCursor.Shown()
                shown.last = UInt64.random(in: 10...UInt64.max, using: &random)
                shown.missing = Bool.random(using: &random) ? [1...2, 4...4, 9...10] : []
                cursor.runs[run] = shown
            }
            #expect(try LiveCursor(cursor.text) == cursor)
        }
    }

    /// The most runs that are followed, at the highest numbers, still make a cursor that can be read; of what is missing it
    /// keeps as much as there is room for.
    @Test func theLongestCursorIsRead() throws {
        var random = SeededGenerator(seed: 6)
        var cursor = LiveCursor(execution: String(repeating: "x", count: 255))
        for _ in 0..<Limits.cursorRunsMax {
            let run = LiveCursor.Run(identity: Identity128(using: &random), branch: nil)
            cursor.runs[run] = LiveCursor.Shown(last: .max, missing: [1...2, 5...9, 100...200])
        }
        let again = try LiveCursor(cursor.text)
        #expect(again.runs.mapValues(\.last) == cursor.runs.mapValues(\.last))
        #expect(again.runs.allSatisfy { $0.value.hasForgotten })
        #expect(!LiveCursor.isTooLong(runs: Limits.cursorRunsMax, branches: 0))
        #expect(LiveCursor.isTooLong(runs: Limits.cursorRunsMax + 1, branches: 0))
        #expect(LiveCursor.isTooLong(runs: Limits.cursorRunsMax, branches: Limits.cursorRunsMax))
    }

    /// Of very many gaps the cursor keeps the last ones, and says so.
    @Test func manyGapsAreForgotten() throws {
        var cursor = LiveCursor(execution: "main")
        let run = LiveCursor.Run(identity: Identity128(high: 1, low: 2), branch: nil)
        let missing = (1...UInt64(Limits.cursorMissingMax + 1)).map { 3 * $0...3 * $0 + 1 }
        cursor.runs[run] = LiveCursor.Shown(last: 1_000, missing: missing)
        let again = try LiveCursor(cursor.text)
        #expect(again.runs[run]!.missing == Array(missing.dropFirst()))
        #expect(again.runs[run]!.hasForgotten)
        #expect(try LiveCursor(again.text) == again)
    }

    @Test func whatIsNoCursorIsRefused() throws {
        var cursor = LiveCursor(execution: "main")
        cursor.runs[LiveCursor.Run(identity: Identity128(high: 1, low: 2), branch: nil)] =
            LiveCursor.Shown(last: 9, missing: [2...3])
        let text = Array(cursor.text.utf8)
        for index in text.indices {
            var changed = text
            changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
            #expect(throws: QuestionError.self) {
                try LiveCursor(String(decoding: changed, as: UTF8.self))
            }
            #expect(throws: QuestionError.self) {
                try LiveCursor(String(decoding: text[..<index], as: UTF8.self))
            }
        }
        #expect(throws: QuestionError.self) {
            try LiveCursor(String(repeating: "A", count: Limits.cursorBytesMax * 2))
        }
        for (name, value) in [
            ("last", "1001"), ("last", "-1"), ("all", "perhaps"), ("lost", "1"),
            ("where", "{ text = }"), ("cursor", "x"),
        ] {
            #expect(throws: QuestionError.self, "\(name)") {
                try LiveRequest(QuestionParameters([name: [value]]))
            }
        }
        #expect(throws: QuestionError.self) {
            try LiveRequest(QuestionParameters(["last": ["5"], "all": ["true"]]))
        }
    }

    // MARK: Sequences

    @Test func holesInSomeNumbers() {
        let runs = SequenceRuns([3...5, 8...8, 10...12])
        #expect(runs.holes(in: 1...20) == [1...2, 6...7, 9...9, 13...20])
        #expect(runs.holes(in: 4...5) == [])
        #expect(runs.holes(in: 5...9) == [6...7, 9...9])
        #expect(runs.holes(in: 6...6) == [6...6])
        #expect(runs.holes(in: 12...13) == [13...13])
        #expect(runs.holes(in: 13...UInt64.max) == [13...UInt64.max])
        #expect(runs.holes(upTo: 4) == [1...2, 6...7, 9...9])
        #expect(SequenceRuns([]).holes(upTo: 0) == [])
        #expect(SequenceRuns([]).holes(in: 2...3) == [2...3])
    }
}
