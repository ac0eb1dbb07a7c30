/// A system of processes that do things and send each other messages, as a log generator needs it: endless, from a seed, and
/// with nothing kept but what the next event needs.
struct GeneratedSystem {
    /// What happened: all that is certain of an event but its words.
    struct Step {
        enum Kind { case local, send, receive }

        var process: Int
        var kind: Kind
        /// The event's number in its process.
        var sequence: UInt64
        /// Of a receive: the event that sent.
        var cause: (process: Int, sequence: UInt64)?
        var microseconds: UInt64
    }

    private struct Message {
        var from: Int
        var to: Int
        var sequence: UInt64
        /// Where its sender's clock lies in `messageClocks`.
        var slot: Int
    }

    let processCount: Int
    /// Processes of a service, which talk among themselves, and to others now and then.
    private let serviceSize: Int
    private let hasClocks: Bool
    /// The clocks of all processes, one after another; what each has seen of itself is its last number.
    private(set) var clocks: [UInt64]
    private var messageClocks: [UInt64] = []
    private var underWay: [Message] = []
    private var microseconds: UInt64 = 0
    /// Entries of clocks, but a process's own, that were higher than in the event before.
    private(set) var grownEntries = 0

    /// Messages under way at the most: then the next event that may receive one does.
    private static let underWayMax = 64
    private static let hundred = Choice.even(100)
    /// Of so many messages, one leaves its service.
    private static let leaving = Choice.even(20)
    private static let gapKind = Choice.skewed(256)
    private static let shortGap = Choice.skewed(1500)
    private static let middleGap = Choice.skewed(20_000)
    private static let longGap = Choice.even(500_000)
    private let anyProcess: Choice
    private let otherProcess: Choice
    private let otherOfService: Choice
    private let anyMessage: [Choice]

    /// - Parameter serviceSize: at most `processes`, which makes one service of them; those that remain are a smaller one.
    init(processes: Int, serviceSize: Int, hasClocks: Bool) {
        processCount = processes
        self.serviceSize = serviceSize
        self.hasClocks = hasClocks
        clocks = Array(repeating: 0, count: hasClocks ? processes * processes : processes)
        if hasClocks {
            messageClocks = Array(repeating: 0, count: processes * Self.underWayMax)
        }
        anyProcess = .even(processes)
        otherProcess = .even(max(processes - 1, 1))
        otherOfService = .even(max(serviceSize - 1, 1))
        anyMessage = (1...Self.underWayMax).map { .even($0) }
    }

    /// The next event. A quarter of all are sends, and as many receives.
    mutating func next(_ dice: inout Dice) -> Step {
        advance(&dice)
        let chance = dice.draw(Self.hundred)
        if chance < 25, processCount > 1, underWay.count < Self.underWayMax {
            let process = dice.draw(anyProcess)
            let sequence = count(process)
            send(from: process, to: drawReceiver(for: process, &dice), sequence)
            return Step(
                process: process, kind: .send, sequence: sequence, microseconds: microseconds)
        }
        if chance < 50, !underWay.isEmpty {
            let picked = dice.draw(anyMessage[underWay.count - 1])
            underWay.swapAt(picked, underWay.count - 1)
            let message = underWay.removeLast()
            let sequence = count(message.to)
            merge(message)
            return Step(
                process: message.to, kind: .receive, sequence: sequence,
                cause: (message.from, message.sequence), microseconds: microseconds)
        }
        let process = dice.draw(anyProcess)
        return Step(
            process: process, kind: .local, sequence: count(process), microseconds: microseconds)
    }

    /// The clock of a process as of its last event.
    func clock(of process: Int) -> ArraySlice<UInt64> {
        clocks[process * processCount..<(process + 1) * processCount]
    }

    /// Bursts, with pauses between them.
    private mutating func advance(_ dice: inout Dice) {
        switch dice.draw(Self.gapKind) {
        case ..<230: microseconds += UInt64(20 + dice.draw(Self.shortGap))
        case ..<255: microseconds += UInt64(1000 + dice.draw(Self.middleGap))
        default: microseconds += UInt64(10_000 + dice.draw(Self.longGap))
        }
    }

    private mutating func count(_ process: Int) -> UInt64 {
        let place = hasClocks ? process * processCount + process : process
        clocks[place] += 1
        return clocks[place]
    }

    private func drawReceiver(for process: Int, _ dice: inout Dice) -> Int {
        if serviceSize < processCount, dice.draw(Self.leaving) > 0 {
            let first = process / serviceSize * serviceSize
            // The last service may be smaller: what it has too few of, others are in the place of.
            let other = (process - first + 1 + dice.draw(otherOfService)) % serviceSize + first
            if other < processCount, other != process { return other }
        }
        return (process + 1 + dice.draw(otherProcess)) % processCount
    }

    private mutating func send(from process: Int, to other: Int, _ sequence: UInt64) {
        var slot = underWay.count
        if hasClocks {
            slot = freeSlot()
            let source = process * processCount
            let target = slot * processCount
            for entry in 0..<processCount {
                messageClocks[target + entry] = clocks[source + entry]
            }
        }
        underWay.append(Message(from: process, to: other, sequence: sequence, slot: slot))
    }

    private func freeSlot() -> Int {
        var used: UInt64 = 0
        for message in underWay { used |= 1 << UInt64(message.slot) }
        return (~used).trailingZeroBitCount
    }

    private mutating func merge(_ message: Message) {
        guard hasClocks else { return }
        let source = message.slot * processCount
        let target = message.to * processCount
        for entry in 0..<processCount where messageClocks[source + entry] > clocks[target + entry] {
            clocks[target + entry] = messageClocks[source + entry]
            grownEntries += 1
        }
    }
}
