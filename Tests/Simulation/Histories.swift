import Archiving
import ArgumentParser
import Causality
import Collector
import Disks
import Exporting
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import SimulatedSQLite
import Synchronization

/// Lives worlds without time and without crashes, many a second, and checks in each that what is answered is so.
struct Histories: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check in many small histories that no definite answer is wrong.",
        discussion: """
            Programs, agents and logs live as in a simulation, but nothing takes time: what agents have committed is evidence, of which \
            some is hidden or rotten, in memory, in order files that are cut anywhere, and in an archive. Two worlds at a time.

            Example:
              lightcone-simulate histories --worlds 20000 --seconds 120 --seed 1
            """)

    @Option(help: "How many histories at most.") var worlds: UInt64 = 1000
    @Option(help: "Seconds after which none is begun.") var seconds: UInt64 = .max
    @Option(help: "Of the first one; with --worlds 1 what happens in it is told.") var seed: UInt64?

    @Flag(help: "End with the first promise that is broken.") var first = false

    func run() async throws {
        let isFirstEnough = self.first
        let first = seed ?? UInt64.random(in: 0...(1 << 40))
        print("worlds from seed \(first) on")
        let begin = ContinuousClock.now
        let (worlds, seconds) = (worlds, seconds)
        let work = Work(
            worlds: worlds, secondsMax: seconds, first: first, begin: begin,
            violationsMax: isFirstEnough ? 1 : 10)
        await withTaskGroup { group in
            for _ in 0..<2 {
                group.addTask { @concurrent in
                    while let seed = work.next() {
                        work.note(await Histories.live(seed, isTold: worlds == 1))
                    }
                }
            }
        }
        work.totals.withLock { $0.report(ContinuousClock.now - begin) }
        guard work.totals.withLock({ $0.violations.isEmpty }) else { throw ExitCode.failure }
    }

    /// What the workers share.
    final class Work: Sendable {
        private let worlds: UInt64
        private let secondsMax: UInt64
        private let first: UInt64
        private let begin: ContinuousClock.Instant
        private let violationsMax: Int
        private let count = Mutex<UInt64>(0)
        let totals = Mutex(Totals())

        init(
            worlds: UInt64, secondsMax: UInt64, first: UInt64, begin: ContinuousClock.Instant,
            violationsMax: Int
        ) {
            (self.worlds, self.secondsMax, self.first, self.begin, self.violationsMax) = (
                worlds, secondsMax, first, begin, violationsMax
            )
        }

        /// The seed of the next world; nil where there were enough, or enough was found.
        func next() -> UInt64? {
            let number = count.withLock { count in
                defer { count += 1 }
                return count
            }
            let age = (ContinuousClock.now - begin).components.seconds
            guard number < worlds, UInt64(max(age, 0)) < secondsMax,
                totals.withLock({ $0.violations.count < violationsMax })
            else { return nil }
            return first &+ number
        }

        func note(_ outcome: Outcome) { totals.withLock { $0.add(outcome) } }
    }

    struct Outcome {
        var seed: UInt64
        var violations: [String] = []
        var tally = Laws.Tally()
        var isClean = false
    }

    struct Totals {
        var worlds = 0
        var clean = Laws.Tally()
        var faulty = Laws.Tally()
        var violations: [String] = []

        mutating func add(_ outcome: Outcome) {
            worlds += 1
            if outcome.isClean { clean += outcome.tally } else { faulty += outcome.tally }
            violations += outcome.violations.prefix(3).map { "seed \(outcome.seed): \($0)" }
        }

        func report(_ duration: Duration) {
            for violation in violations { print(violation) }
            print(
                """
                \(worlds) worlds in \(duration.components.seconds) s. Nothing missing: \(clean.pairs) pairs, \
                \(clean.unknown) unknown. With faults: \(faulty.pairs) pairs, \(faulty.unknown) unknown \
                (\(faulty.unknown * 100 / max(faulty.pairs, 1)) %). \(violations.count) promises broken.
                """)
        }
    }

    static func live(_ seed: UInt64, isTold: Bool) async -> Outcome {
        var outcome = Outcome(seed: seed)
        do {
            let world = World(seed: seed)
            try await world.run()
            outcome.isClean = world.isClean
            if isTold {
                print("\(world.faults)")
                for line in world.story { print(line) }
                try tell(try Evidence(world.segments))
            }
            try judge(world, &outcome)
        } catch {
            outcome.violations.append("\(error)")
        }
        return outcome
    }

    /// Prints what was recorded.
    private static func tell(_ evidence: Evidence) throws {
        var clocks: [Identity128: [ProcessKey: VectorClock]] = [:]
        for frame in evidence.frames {
            print("frame \(frame.summary.id) of segment \(frame.summary.segment)")
            let batch = try frame.stored.batch()
            for key in batch.processes {
                print("  \(key.process) \(key.identity) origin \(key.origin)")
            }
            for (_, event) in batch.events(after: &clocks[frame.summary.segment, default: [:]]) {
                let clock = event.clock.entries.sorted { "\($0.key)" < "\($1.key)" }
                    .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
                let causes = event.causes.map { "\($0.event.process):\($0.event.sequence)" }
                    .joined(separator: ",")
                print(
                    "  \(event.id) \(event.text.prefix(20)) \(event.stamp) causes \(causes) \(clock)"
                )
            }
        }
    }

    private static func judge(_ world: World, _ outcome: inout Outcome) throws {
        var random = SeededGenerator(seed: world.seed ^ 0x1A75)
        let all = world.segments
        var orders: [[Truth.Index]: CausalOrder] = [:]
        if world.faults.segmentsMiss {
            let some = all.filter { _ in Int.random(in: 0..<4, using: &random) > 0 }
            var evidence = try Evidence(some)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                if let frame = evidence.frames.randomElement(using: &random) {
                    evidence.rotten.insert(frame.summary.id)
                }
            }
            // Now and then nothing of a run has arrived.
            let runs = evidence.frames.flatMap { $0.lasts.keys.map(\.identity) }
                .sorted { ($0.high, $0.low) < ($1.high, $1.low) }
            if Bool.random(using: &random), let run = runs.randomElement(using: &random) {
                let frames = evidence.frames.filter { frame in
                    frame.lasts.keys.contains { $0.identity == run }
                }.map(\.summary.id)
                evidence.hidden.formUnion(frames)
                evidence.rotten.subtract(frames)
            }
            for execution in evidence.executions() {
                var laws = try Laws(world, evidence, .load(execution, from: evidence))
                let events = laws.sample(14, &random)
                laws.check(events, &random)
                try laws.checkAnswers(of: events)
                try laws.checkOrderFile(events)
                try laws.checkSlices(events, &random)
                orders.merge(laws.orders(events)) { $1 }
                outcome.violations += laws.violations.map { "some arrived: \($0)" }
                outcome.tally += laws.tally
            }
        }
        let evidence = try Evidence(all)
        for execution in evidence.executions() {
            let graph = try ExecutionGraph.load(execution, from: evidence)
            var laws = try Laws(world, evidence, graph)
            let events = laws.sample(14, &random)
            laws.check(events, &random)
            try laws.checkAnswers(of: events)
            try laws.checkOrderFile(events)
            try laws.checkSlices(events, &random)
            laws.checkMonotone(orders)
            outcome.violations += laws.violations
            outcome.tally += laws.tally
            if let difference = try blindness(evidence, execution, graph, &random) {
                outcome.violations.append(difference)
            }
        }
        // An archive takes longer than all else: now and then is enough to see that it gives what it was given.
        if world.seed.isMultiple(of: 8) {
            outcome.violations += try archived(world, evidence, &random)
        }
    }

    /// What a real archive, which gets the segments in another order and some of them twice, answers otherwise; or once it has
    /// merged them.
    private static func archived(
        _ world: World, _ evidence: Evidence, _ random: inout SeededGenerator
    ) throws -> [String] {
        let disk = SimulatedDisk()
        let prefix = "/soundness/\(world.seed)/"
        SimulatedVFS.register(prefix: prefix, disk: disk)
        defer { SimulatedVFS.unregister(prefix: prefix) }
        let archive = try Archive(prefix + "archive", .readWrite, disk: disk)
        let growing = ArchiveStore(archive)
        for bytes in try world.segments.shuffled(using: &random).map({ try sealed($0) }) {
            let id = try SegmentHeader(decoding: Array(bytes.prefix(SegmentHeader.byteCount)))
                .segment
            try archive.append(bytes, to: id, at: 0)
            if Bool.random(using: &random) {
                do {
                    try archive.append(bytes, to: id, at: 0)
                    return ["the archive took a segment twice"]
                } catch {
                    // It knows it already.
                }
            }
            if let difference = try sliced(growing, &random) { return [difference] }
            if Int.random(in: 0..<8, using: &random) == 0 { try archive.mergeAll() }
        }
        let differences = try compared(world, evidence, archive).map { "before merging: \($0)" }
        guard differences.isEmpty else { return differences }
        try archive.mergeAll()
        return try compared(world, evidence, archive).map { "after merging: \($0)" }
    }

    /// Where an archive that writes slices now and then, and has what came since in memory, answers otherwise than one that has
    /// everything in memory; nil where it does not.
    private static func sliced(
        _ store: ArchiveStore, _ random: inout SeededGenerator
    ) throws -> String? {
        for execution in try store.executions() {
            if Bool.random(using: &random) {
                try store.keepOrder(
                    of: execution, eventsMin: 0,
                    sliceEventsMax: .random(in: 4...40, using: &random),
                    Int.random(in: 0..<3, using: &random) == 0
                        ? Patience(
                            now: WallTime(
                                nanoseconds: Int64.random(in: 0...3_600, using: &random)
                                    * 1_000_000_000),
                            readUpTo: [:], eventsMin: .random(in: 2...40, using: &random)) : nil)
            }
            let graph = try store.graph(of: execution)
            let options = Question.Options(execution: execution)
            let events = graph.history.processes.filter { $0.count > 0 }.map {
                "\($0.id):\($0.sequence(at: .random(in: 0..<$0.count, using: &random)))"
            }
            var asked: [(String, [String: [String]])] = [
                ("timeline", [:]), ("defects", [:]), ("gaps", [:]),
            ]
            if let a = events.randomElement(using: &random),
                let b = events.randomElement(using: &random)
            {
                asked += [
                    ("order", ["a": [a], "b": [b]]), ("past", ["event": [a]]),
                    ("future", ["event": [a]]), ("show", ["event": [b]]),
                    ("path", ["a": [a], "b": [b]]),
                ]
            }
            for (verb, parameters) in asked {
                let question = try Question(verb, QuestionParameters(parameters))
                func told(_ answering: Answering<some HistoryStore>) throws -> String {
                    do {
                        let answer = try answering.written(question, as: .json)
                        return answer.notes.joined(separator: "\n") + (try answer.text())
                    } catch let error as QuestionError {
                        return error.text
                    }
                }
                let kept = try told(store.answering(options))
                let plain = try told(Answering(Unfiled(store: store), options) { _ in graph })
                if kept != plain {
                    return
                        "slices: \(verb) \(parameters) of \(execution): \(kept)\nwithout: \(plain)"
                }
            }
        }
        return nil
    }

    /// An archive without its order files.
    private struct Unfiled: HistoryStore {
        let store: ArchiveStore

        func executions() throws -> [String] { try store.executions() }
        func frames(of execution: String) throws -> [FrameSummary] {
            try store.frames(of: execution)
        }
        func causality(of frame: Int) throws -> EventBatch { try store.causality(of: frame) }
        func events(of frame: Int) throws -> EventBatch { try store.events(of: frame) }
        func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
            try store.expected(in: execution)
        }
        func sourceDefects(of execution: String) throws -> [Defect] {
            try store.sourceDefects(of: execution)
        }
        func readUpTo() throws -> [String: WallTime] { try store.readUpTo() }
    }

    /// A segment with its footer: only what is sealed is merged. One whose end is torn stays as it is.
    private static func sealed(_ bytes: [UInt8]) throws -> [UInt8] {
        var scanner = SegmentScanner(BytesInMemory(bytes))
        var writer: SegmentWriter?
        while let item = try scanner.next() {
            guard case .frame(let frame) = item else { return bytes }
            if writer == nil { writer = scanner.header.map { SegmentWriter($0) } }
            try writer?.take(frame)
        }
        guard !scanner.isSealed, var writer else { return bytes }
        return bytes + writer.footer()
    }

    private static func compared(
        _ world: World, _ evidence: Evidence, _ archive: Archive
    ) throws -> [String] {
        let store = ArchiveStore(archive)
        return try evidence.executions().compactMap { execution in
            let options = Question.Options(execution: execution)
            // What agents could not read only an archive keeps.
            for verb in world.faults.journalsRot
                ? ["timeline", "gaps"] : ["timeline", "defects", "gaps"]
            {
                let question = try Question(verb, QuestionParameters())
                let kept = try store.answering(options).written(question, as: .json).text()
                let lived = try Answering(evidence, options).written(question, as: .json).text()
                if kept != lived { return "\(verb): the archive answers otherwise" }
            }
            let kept = try pictures(store.answering(options))
            let lived = try pictures(Answering(evidence, options))
            for (kept, lived) in zip(kept, lived) where kept != lived {
                return "a picture: the archive answers otherwise:\n\(kept)\nreally\n\(lived)"
            }
            return nil
        }
    }

    /// What a picture of an execution is drawn from, but for what says where that was found.
    private static func pictures(_ answering: Answering<some HistoryStore>) throws -> [String] {
        func text(_ question: PictureQuestion) throws -> String {
            try answering.answer(question).content.written.text()
        }
        var texts = [try text(.lanes)]
        guard case .lanes(let lanes) = try answering.answer(PictureQuestion.lanes) else {
            return texts
        }
        for (axis, range) in lanes.axes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for buckets in ["8", "4096"] {
                let parameters = [
                    "axis": [axis.rawValue], "from": ["\(range.lowerBound)"],
                    "to": ["\(range.upperBound)"], "buckets": [buckets],
                ]
                texts.append(
                    try text(PictureQuestion("window", QuestionParameters(parameters))))
            }
        }
        return texts
    }

    /// The same events in another order of arrival give the same answers, byte for byte; nil where they do.
    private static func blindness(
        _ evidence: Evidence, _ execution: String, _ graph: ExecutionGraph,
        _ random: inout SeededGenerator
    ) throws -> String? {
        var arrived = evidence
        arrived.hidden = Set(
            evidence.frames.map(\.summary.id).filter { _ in Bool.random(using: &random) })
        var grown = try ExecutionGraph.load(execution, from: arrived)
        while let id = arrived.hidden.min() {
            arrived.hidden.remove(id)
            if Bool.random(using: &random) {
                grown = try ExecutionGraph.load(execution, from: arrived, after: grown)
            }
        }
        grown = try ExecutionGraph.load(execution, from: arrived, after: grown)
        let options = Question.Options(execution: execution)
        let events = graph.history.processes.filter { $0.count > 0 }.map { "\($0.id):\($0.last)" }
        var asked: [(String, [String: [String]])] = [
            ("timeline", [:]), ("processes", [:]), ("gaps", [:]), ("defects", [:]),
        ]
        if let a = events.randomElement(using: &random),
            let b = events.randomElement(using: &random)
        {
            asked += [
                ("order", ["a": [a], "b": [b]]), ("past", ["event": [a], "count": ["true"]]),
                ("future", ["event": [a], "count": ["true"]]),
                ("concurrent", ["event": [b], "count": ["true"]]), ("cut", ["event": [a]]),
                ("show", ["event": [b]]), ("view", ["of": [String(a.prefix { $0 != ":" })]]),
            ]
        }
        for (verb, parameters) in asked {
            let question = try Question(verb, QuestionParameters(parameters))
            var texts: [String] = []
            for graph in [graph, grown] {
                var text = ""
                do {
                    let answer = try Answering(evidence, options) { _ in graph }
                        .written(question, as: .json)
                    text = answer.notes.joined(separator: "\n") + (try answer.text())
                } catch let error as QuestionError {
                    text = error.text
                }
                texts.append(text)
            }
            guard texts[0] == texts[1] else {
                return
                    "\(verb) \(parameters): depends on the order of arrival:\n\(texts[0])\n\(texts[1])"
            }
        }
        return nil
    }
}
