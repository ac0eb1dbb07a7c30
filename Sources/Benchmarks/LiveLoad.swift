import Glibc
import SimulatedHistories

/// `lightcone-bench live`: processes that record through an agent's local interface, each over a connection of its own and
/// with one request a turn. Half of the events are messages, whose tokens travel from the answers into later requests.
enum LiveLoad {
    private static let usage =
        "lightcone-bench live --socket PATH [--processes N] [--events-per-commit E] "
        + "[--interval-ms MS] [--seconds S] [--seed S]\n"
        + "       (an interval of 0: as fast as the agent answers)"

    static func run(_ arguments: [String]) {
        let arguments = Arguments(
            arguments,
            values: [
                "--socket", "--processes", "--events-per-commit", "--interval-ms", "--seconds",
                "--seed",
            ], usage: usage)
        guard arguments.others.isEmpty, let socket = arguments.text("--socket") else {
            arguments.refuse("expected a socket, and nothing else")
        }
        let interval = arguments.number("--interval-ms", 0...60_000, otherwise: 100)
        let seconds = arguments.number("--seconds", 1...86_400, otherwise: 10)
        do throws(LocalConnection.Failure) {
            var crowd = try Crowd(
                socket, processes: arguments.number("--processes", 1...1000, otherwise: 100),
                linesPerRequest: arguments.number("--events-per-commit", 1...1000, otherwise: 4),
                seed: UInt64(arguments.number("--seed", 0...Int.max, otherwise: 1)))
            let start = ContinuousClock.now
            let end = start + .seconds(seconds)
            var (turns, lateTurns) = (0, 0)
            while ContinuousClock.now < end {
                try crowd.turn()
                turns += 1
                guard interval > 0 else { continue }
                let due = start + .milliseconds(interval * turns)
                let left = due - ContinuousClock.now
                if left > .zero {
                    // A steady rate is asked for: the turn waits for its time. This thread has nothing else to do.
                    usleep(UInt32(left / .microseconds(1)))
                } else {
                    lateTurns += 1
                }
            }
            print(
                "{\"events\":\(crowd.eventCount),\"requests\":\(crowd.requestCount),"
                    + "\"messages\":\(crowd.messageCount),\"lateTurns\":\(lateTurns)}")
        } catch {
            complain("error: \(error)")
            exit(3)
        }
    }
}

/// The processes of a live load, and the messages between them.
private struct Crowd {
    private var generator: LogGenerator
    private var random: SeededGenerator
    private let connections: [LocalConnection]
    private let linesPerRequest: Int
    /// Of each process: tokens that came for it.
    private var inboxes: [[String]]
    /// Of each process: to whom the sends of its last request go.
    private var receivers: [[Int]]
    private(set) var eventCount = 0
    private(set) var requestCount = 0
    private(set) var messageCount = 0

    /// Messages that wait for one process; further ones are never received.
    private static let inboxMax = 64

    init(
        _ socket: String, processes: Int, linesPerRequest: Int, seed: UInt64
    ) throws(LocalConnection.Failure) {
        generator = LogGenerator(.text, processes: processes, seed: seed)
        random = SeededGenerator(seed: ~seed)
        var connections: [LocalConnection] = []
        for _ in 0..<processes { connections.append(try LocalConnection(socket)) }
        self.connections = connections
        self.linesPerRequest = linesPerRequest
        inboxes = Array(repeating: [], count: processes)
        receivers = Array(repeating: [], count: processes)
    }

    /// One request of each process, all under way at the same time.
    mutating func turn() throws(LocalConnection.Failure) {
        for process in inboxes.indices { connections[process].post(request(of: process)) }
        for process in inboxes.indices {
            let answer = try connections[process].answer()
            deliver(answer, from: process)
        }
        requestCount += inboxes.count
        eventCount += inboxes.count * linesPerRequest
    }

    private mutating func request(of process: Int) -> [UInt8] {
        receivers[process].removeAll(keepingCapacity: true)
        var lines = ""
        for _ in 0..<linesPerRequest {
            let chance = random.next() % 100
            lines += "{\"process\":\"\(generator.names[process])\""
            if chance < 25, inboxes.count > 1 {
                let other = Int(random.next() % UInt64(inboxes.count - 1))
                receivers[process].append((process + 1 + other) % inboxes.count)
                append(generator.words(.send), ",\"kind\":\"send\"", to: &lines)
                messageCount += 1
            } else if chance < 50, !inboxes[process].isEmpty {
                let token = inboxes[process].removeFirst()
                append(
                    generator.words(.receive), ",\"kind\":\"receive\",\"token\":\"\(token)\"",
                    to: &lines)
                messageCount += 1
            } else {
                append(generator.words(.local), "", to: &lines)
            }
        }
        return Array(lines.utf8)
    }

    private func append(
        _ words: (name: String, level: String, text: String), _ kind: String,
        to lines: inout String
    ) {
        lines += kind
        lines += ",\"level\":\"\(words.level)\",\"name\":\"\(words.name)\","
        lines += "\"text\":\"\(words.text)\"}\n"
    }

    /// Hands the tokens of an answer, in the order of the sends, to whom they are for.
    private mutating func deliver(_ answer: [UInt8], from process: Int) {
        var start = 0
        for receiver in receivers[process] {
            guard let found = LocalConnection.find(Self.tokenKey, in: answer, from: start) else {
                return complain("warning: a send without a token")
            }
            let rest = answer[(found + Self.tokenKey.count)...]
            let end = rest.firstIndex(of: UInt8(ascii: "\"")) ?? rest.endIndex
            let token = rest[..<end]
            start = end
            if inboxes[receiver].count < Self.inboxMax {
                inboxes[receiver].append(String(decoding: token, as: UTF8.self))
            }
        }
    }

    private static let tokenKey = Array("\"token\":\"".utf8)
}
