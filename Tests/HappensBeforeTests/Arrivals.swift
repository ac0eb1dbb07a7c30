import Causality
import SimulatedHistories

@testable import HappensBefore

/// A small system of recorded runs and logs, whose frames arrive piece by piece. Whatever happens follows from the seed.
struct Arrivals {
    /// Which misfortunes it may have besides what is usual: messages, restarts, several causes, short stamps, losses that are
    /// counted, agents of different speed.
    struct Misfortunes {
        /// Single frames arrive long after later ones.
        var lateFrames = false
        /// An operator's words come at any time.
        var rulings = false
        /// Programs that have nothing to do with each other bear one name.
        var twins = false
        /// Somebody makes up messages.
        var forgeries = false
        /// Logs begin to speak of messages when they have been silent.
        var lateSpeakers = false
        /// All stamps say all that was known: nothing has to be concluded.
        var completeStamps = false

        static let none = Misfortunes()
    }

    /// In the order of their arrival.
    private(set) var frames: [HistoryFrame] = []
    /// The events that nobody will ever get.
    private(set) var lost: Set<EventReference> = []
    private let misfortunes: Misfortunes
    private var random: SeededGenerator
    private var programs: [Program] = []
    private var messages: [(from: EventReference, known: [ProcessReference: UInt64])] = []
    private var arrivals: [(time: Int, frame: HistoryFrame)] = []
    private var unreadable: [EventReference] = []
    private var runs: UInt64 = 0

    private enum Mode: CaseIterable { case generating, complete, chained }

    private struct Program {
        var key: ProcessKey
        var mode: Mode
        var sequence: UInt64 = 0
        /// All that it knows, by what it is called.
        var known: [ProcessReference: UInt64] = [:]
        /// What its stamps show of that.
        var shown: [ProcessReference: UInt64] = [:]
        var loss: Loss?
        var lag: Int
        var waiting: [Event] = []
        var clock: VectorClock?
        var isSilent = false
    }

    init(steps: Int, _ misfortunes: Misfortunes, seed: UInt64) {
        self.misfortunes = misfortunes
        random = SeededGenerator(seed: seed ^ 0xA441)
        for _ in 0..<Int.random(in: 2...4, using: &random) { start(name: "p\(programs.count)") }
        for step in 0..<steps { act(step) }
        for index in programs.indices { flush(index, steps) }
        // A run's frames keep their order, but for those that come late.
        frames = arrivals.enumerated().sorted { ($0.1.time, $0.0) < ($1.1.time, $1.0) }
            .map(\.element.frame)
    }

    private mutating func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    private mutating func start(name: String, incarnation: UInt32 = 1, after: Program? = nil) {
        runs += 1
        var mode = Mode.generating
        if let after {
            mode = after.mode
        } else if misfortunes.completeStamps {
            mode = .complete
        } else if chance(40) {
            mode = Mode.allCases.randomElement(using: &random)!
        }
        let run = Identity128(naming: Array("run \(runs)".utf8))
        var origin = Origin.nothing
        var program = Program(
            key: makeKey(ProcessID(name: name, incarnation: incarnation)), mode: mode,
            lag: after?.lag ?? Int.random(in: 0..<4, using: &random) * 5)
        if let after, case .run(let key) = after.key.reference, after.sequence > 0 {
            origin = chance(80) ? .event(key, after.sequence) : .unknown
            // What it goes on from is left out of clocks.
            program.known = after.known
            if origin == .unknown { program.loss = Loss(since: 1, .originUnknown) }
        }
        if mode == .generating {
            program.key = ProcessKey(
                execution: "main", host: "h", process: program.key.process, run: run,
                origin: origin)
        }
        program.isSilent = misfortunes.lateSpeakers && mode == .chained
        programs.append(program)
    }

    private mutating func act(_ step: Int) {
        let index = Int.random(in: 0..<programs.count, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<3 where programs[index].mode == .generating:
            flush(index, step)
            let old = programs[index]
            start(
                name: old.key.process.name, incarnation: old.key.process.incarnation + 1, after: old
            )
            programs.remove(at: index)
        case 3 where misfortunes.twins && programs[index].mode == .generating:
            start(name: programs[index].key.process.name)
        case 4: start(name: "q\(runs)")
        case 5..<8: lose(index, step)
        case 8..<45 where !messages.isEmpty: receive(index, step)
        case 45..<75: send(index, step)
        default: record(index, step, .local)
        }
        if chance(40), programs.indices.contains(index) { flush(index, step) }
    }

    private mutating func send(_ index: Int, _ step: Int) {
        record(index, step, .send)
        let program = programs[index]
        messages.append((EventReference(program.key.reference, program.sequence), program.known))
        if messages.count > 12 { messages.removeFirst() }
    }

    private mutating func receive(_ index: Int, _ step: Int) {
        var causes: [Cause] = []
        let count = chance(15) ? 2 : 1
        while causes.count < count, let place = messages.indices.randomElement(using: &random) {
            var message = messages[place]
            if chance(70) { messages.remove(at: place) }
            guard message.from.process != programs[index].key.reference else { break }
            if misfortunes.forgeries, chance(10) {
                let sequence = UInt64.random(in: 1...20, using: &random)
                message = (EventReference(message.from.process, sequence), [:])
            }
            causes.append(Cause(message.from, .token))
            take(message.from.process, message.from.sequence, index, isShown: true)
            for (process, sequence) in message.known.sorted(by: {
                ProcessReference.isBefore($0.key, $1.key)
            }) {
                let isShown = chance(20) || programs[index].mode == .complete
                take(process, sequence, index, isShown: isShown)
            }
        }
        if programs[index].mode == .generating, chance(6) {
            let number = (programs[index].loss?.number ?? 0) + 1
            let sequence = programs[index].sequence + 1
            programs[index].loss = Loss(since: sequence, .unreadableToken, number: number)
            unreadable.append(EventReference(programs[index].key.reference, sequence))
        }
        record(index, step, causes.isEmpty ? .local : .receive, causes)
    }

    private mutating func take(
        _ process: ProcessReference, _ sequence: UInt64, _ index: Int, isShown: Bool
    ) {
        guard process != programs[index].key.reference else { return }
        programs[index].known[process] = max(programs[index].known[process] ?? 0, sequence)
        guard isShown else { return }
        programs[index].shown[process] = max(programs[index].shown[process] ?? 0, sequence)
    }

    /// Events that are lost, which their process counts or not.
    private mutating func lose(_ index: Int, _ step: Int) {
        flush(index, step)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            programs[index].sequence += 1
            let program = programs[index]
            let event = EventReference(program.key.reference, program.sequence)
            lost.insert(event)
            if chance(40) { messages.append((event, program.known)) }
        }
        // What goes on from an event that is lost is not known.
        programs[index].clock = nil
        if programs[index].mode == .generating, chance(50) {
            let number = (programs[index].loss?.number ?? 0) + 1
            programs[index].loss = Loss(
                since: programs[index].sequence + 1, .eventsLost, number: number)
        }
    }

    private mutating func record(
        _ index: Int, _ step: Int, _ kind: EventKind, _ causes: [Cause] = []
    ) {
        programs[index].sequence += 1
        if programs[index].isSilent, chance(5) { programs[index].isSilent = false }
        let program = programs[index]
        var clock = VectorClock()
        if program.mode != .chained {
            let shown = program.mode == .complete ? program.known : program.shown
            for (process, sequence) in shown { clock[process] = sequence }
        }
        clock[program.key.reference] = program.sequence
        let stamp: Stamp =
            switch program.mode {
            case .generating: program.loss.map { .lossy($0) } ?? .generating
            case .complete: .complete
            case .chained: program.isSilent || chance(20) ? .silent : .chained
            }
        var rulesOut: EventReference?
        if misfortunes.rulings, program.mode == .generating, chance(8) {
            rulesOut = unreadable.randomElement(using: &random)
        }
        let event = Event(
            id: EventID(program.key.process, program.sequence),
            kind: program.isSilent ? .unsaid : kind,
            time: chance(80) ? WallTime(nanoseconds: Int64(step) * 1_000) : nil,
            text: "step \(step)", causes: program.isSilent ? [] : causes, clock: clock,
            stamp: stamp, rulesOut: rulesOut)
        programs[index].waiting.append(event)
    }

    private mutating func flush(_ index: Int, _ step: Int) {
        guard !programs[index].waiting.isEmpty else { return }
        // Frames go on from each other, but for a whole clock now and then.
        if chance(30) { programs[index].clock = nil }
        var batch = EventBatch()
        for event in programs[index].waiting {
            batch.append(event, of: programs[index].key, after: &programs[index].clock)
        }
        programs[index].waiting = []
        let isLate = misfortunes.lateFrames && chance(8)
        let source = Identity128(naming: Array("\(programs[index].key.identity)".utf8))
        arrivals.append(
            (
                step + programs[index].lag + (isLate ? 25 : 0),
                HistoryFrame(id: arrivals.count, source: source, batch: batch)
            ))
    }
}
