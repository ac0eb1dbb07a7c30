import Causality
import Glibc
import HappensBefore
import SimulatedHistories

/// A history of 1,000,000 events of 16 processes in memory: what it takes, and what questions cost.
enum HistoryBenchmark {
    private static let eventCount = 1_000_000
    private static let processCount = 16
    /// The promise: the whole process, its peak.
    private static let peakMegabytesMax = 300

    static func run() {
        var history = History(execution: "main")
        let loading = seconds {
            var simulation = StreamedSimulation(processes: processCount, seed: 1)
            simulation.run(events: eventCount) { frame in
                precondition(
                    history.append(frame).isEmpty, "frames of one process come in order")
            }
            history.finish()
        }
        let loaded = peakMegabytes()
        var random = SeededGenerator(seed: 2)
        let ids = (0..<200_000).map { _ in randomEvent(history, &random) }
        var known = 0
        let ordering = seconds {
            for index in stride(from: 0, to: ids.count - 1, by: 2) {
                if case .known = history.order(ids[index], ids[index + 1]) { known += 1 }
            }
        }
        var sum = 0
        let slicing = seconds {
            for id in ids.prefix(20_000) {
                sum += history.past(of: id)!.count + history.future(of: id)!.count
            }
        }
        let clocks = textbookClocks(history, ids)
        var textbookKnown = 0
        let textbook = seconds {
            for index in stride(from: 0, to: clocks.count - 1, by: 2) {
                if clocks[index].order(relativeTo: clocks[index + 1]) != .equal {
                    textbookKnown += 1
                }
            }
        }
        var edgeCount = 0
        let edging = seconds { edgeCount = MessageEdges(history).count }
        print(
            "events \(history.countEvents()), processes \(history.processes.count), message edges \(edgeCount)"
        )
        print("simulate and load: \(rounded(loading)) s")
        print("order: \(rounded(ordering * 1e9 / Double(known))) ns each, \(known) known")
        let perTextbook = textbook * 1e9 / Double(max(textbookKnown, 1))
        print(
            "order by comparing two whole clocks (textbook): \(rounded(perTextbook)) ns each, "
                + "\(rounded(perTextbook / (ordering * 1e9 / Double(known)))) times as long")
        print("past and future: \(rounded(slicing * 1e9 / 40_000)) ns each (\(sum) events in all)")
        print("message edges of all: \(rounded(edging)) s")
        print(
            "peak memory: \(loaded) MB loaded (at most \(peakMegabytesMax) promised), \(peakMegabytes()) MB with edges and textbook clocks"
        )
        guard loaded <= peakMegabytesMax else {
            print("FAILED: the history takes more memory than promised")
            exit(1)
        }
    }

    private static func randomEvent(_ history: History, _ random: inout SeededGenerator) -> EventID
    {
        let line = history.processes.randomElement(using: &random)!
        return EventID(line.id, line.sequence(at: Int.random(in: 0..<line.count, using: &random)))
    }

    private static func textbookClocks(_ history: History, _ ids: [EventID]) -> [VectorClock] {
        ids.prefix(20_000).map { id in
            let seen = history.seen(by: id)!
            return VectorClock(
                Dictionary(uniqueKeysWithValues: zip(history.processes.map(\.id), seen)))
        }
    }

    /// The most memory that the process has taken so far, by the kernel's account.
    private static func peakMegabytes() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss / 1024
    }
}

/// A random run whose events become frames as they happen: nothing but the history is kept.
private struct StreamedSimulation {
    private var random: SeededGenerator
    private var clocks: [[UInt64]]
    private var underWay: [(to: Int, from: Int, clock: [UInt64])] = []
    private var batches: [EventBatch]
    private var written: [[UInt64]]
    private var frameCount = 0
    private let keys: [ProcessKey]
    private let source = Identity128(high: 0, low: 1)
    private static let frameRows = 8_192

    init(processes: Int, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        clocks = Array(repeating: Array(repeating: 0, count: processes), count: processes)
        written = clocks
        keys = (0..<processes).map { index in
            ProcessKey(
                execution: "main", host: "host-\(index)",
                process: ProcessID(name: "host-\(index)/service"),
                run: Identity128(high: UInt64(index) + 1, low: seed))
        }
        batches = Array(repeating: EventBatch(), count: processes)
    }

    mutating func run(events: Int, _ emit: (HistoryFrame) -> Void) {
        for step in 0..<events {
            var index = Int.random(in: 0..<keys.count, using: &random)
            let dice = Int.random(in: 0..<100, using: &random)
            var cause: (process: Int, sequence: UInt64)?
            if dice >= 30, dice < 60, !underWay.isEmpty {
                let picked = Int.random(in: 0..<underWay.count, using: &random)
                underWay.swapAt(picked, underWay.count - 1)
                let message = underWay.removeLast()
                index = message.to
                for entry in clocks[index].indices {
                    clocks[index][entry] = max(clocks[index][entry], message.clock[entry])
                }
                cause = (message.from, message.clock[message.from])
            }
            clocks[index][index] += 1
            if dice < 30 {
                let to = Int.random(in: 0..<keys.count, using: &random)
                if to != index { underWay.append((to, index, clocks[index])) }
                if underWay.count > 64 { underWay.removeFirst() }
            }
            record(index, step, dice < 30 ? .send : cause == nil ? .local : .receive, cause)
            if batches[index].count == Self.frameRows { flush(index, emit) }
        }
        for index in keys.indices where !batches[index].isEmpty { flush(index, emit) }
    }

    private mutating func record(
        _ index: Int, _ step: Int, _ kind: EventKind, _ cause: (process: Int, sequence: UInt64)?
    ) {
        for entry in keys.indices
        where entry != index && clocks[index][entry] != written[index][entry] {
            let reference = batches[index].reference(keys[entry].reference)
            batches[index].appendChange(reference, clocks[index][entry])
        }
        if let cause {
            let reference = batches[index].reference(keys[cause.process].reference)
            batches[index].appendCause(reference, cause.sequence, .token)
        }
        let slot = batches[index].slot(of: keys[index])
        batches[index].endRow(
            slot: slot, sequence: clocks[index][index], kind: kind, time: Int64(step) * 1000,
            stamp: .complete, predecessor: written[index][index])
        written[index] = clocks[index]
    }

    private mutating func flush(_ index: Int, _ emit: (HistoryFrame) -> Void) {
        emit(HistoryFrame(id: frameCount, source: source, batch: batches[index]))
        frameCount += 1
        batches[index].removeAll()
    }
}
