import SimulatedHistories

/// A misfortune of a simulation, and when it comes.
struct Fault: Hashable, CustomStringConvertible {
    enum Kind: String, CaseIterable, Hashable {
        /// An agent is killed, between two calls of its disk.
        case agentDies
        /// An agent is killed at some call, or its machine's power fails there.
        case agentDiesWorking
        /// The power of a machine fails.
        case powerFails
        /// A call of a machine's disk fails once; or the oldest segment that its agent has to ship cannot be read for a while, and
        /// later ones arrive before it.
        case diskFails
        /// A sync of a machine's disk fails, and the agent may die of it; before anything is shipped, the power fails, too.
        case syncFails
        /// A machine's disk is full for a while.
        case diskFull
        case collectorDies
        case collectorDiesWorking
        case collectorDiskFails
        case collectorDiskFull
        /// Requests and answers are lost, or come again, or late, for a while.
        case networkIsBad
        /// A machine reaches nobody for a while, or no answer reaches it.
        case networkIsCut
        /// A machine's clock jumps.
        case clockJumps
        /// A machine is set back to an earlier image of its disk, or such an image is made.
        case restored
        /// A copy of a machine goes on beside it.
        case cloned
        /// Somebody makes the catalogue anew, removes it, or puts an earlier copy of it in its place.
        case rebuilt
        /// An execution is dropped.
        case dropped
        /// What is old is dropped.
        case retained
        /// A bit of a file of the collector flips at rest; or a file is cut or removed while no collector runs.
        case damaged
    }

    var step: Int
    var kind: Kind
    /// From which all that it draws follows.
    var salt: UInt64

    var description: String { "step \(step): \(kind.rawValue) \(String(salt, radix: 16))" }
}

/// What a simulation is: the same script has the same outcome.
struct Script: Hashable {
    var seed: UInt64
    var steps: Int
    var faults: [Fault]
    /// The call of a disk at which its machine dies, and how: for whoever visits one crash point after the other.
    var crash: Crash?
    /// The call that fails, once: for the same.
    var failure: Failure?
    /// Whether tokens are damaged on their way, and clocks have room for a few entries only.
    var breaksTokens = false
    var fillsClocks = false
    /// How long agents gather what they read before they commit it.
    var commitMilliseconds = 1
    /// Seconds for which it goes on at least when nothing is recorded any more.
    var restSeconds = 12

    struct Failure: Hashable {
        var call: CrashPoints.Call
        var code: Int32
    }

    struct Crash: Hashable {
        var call: CrashPoints.Call
        var how: SimulatedCollector.Death
    }

    /// Draws a script: in each, some kinds of misfortune do not happen at all, and others often.
    init(seed: UInt64, steps: Int?) {
        var random = SeededGenerator(seed: seed ^ 0x5C81)
        self.seed = seed
        // Most faults show in a short life.
        let isLong = Int.random(in: 0..<4, using: &random) == 0
        self.steps = steps ?? Int.random(in: isLong ? 60...220 : 10...60, using: &random)
        faults = []
        breaksTokens = Int.random(in: 0..<5, using: &random) == 0
        fillsClocks = Int.random(in: 0..<8, using: &random) == 0
        // Drawn apart: a world is what it was where this is not so.
        var others = SeededGenerator(seed: seed ^ 0xC0117)
        if Int.random(in: 0..<4, using: &others) == 0 {
            commitMilliseconds = Int.random(in: 300...1_000, using: &others)
        }
        // A quarter of all worlds have none.
        guard Int.random(in: 0..<4, using: &random) > 0 else { return }
        let kinds = Fault.Kind.allCases.filter { kind in
            Int.random(in: 0..<100, using: &random) < kind.percent
        }
        for kind in kinds {
            let count = Int.random(in: 1...kind.timesMax, using: &random)
            for _ in 0..<count {
                faults.append(
                    Fault(
                        step: Int.random(in: 0..<self.steps, using: &random), kind: kind,
                        salt: random.next()))
            }
        }
        // A copy shows only where everything else is here.
        if kinds.contains(.cloned) {
            faults.removeAll {
                [.powerFails, .syncFails, .restored, .damaged, .retained].contains($0.kind)
            }
        }
        faults.sort { $0.step < $1.step }
    }

    /// One in which a collector does everything that it can, and nothing fails.
    ///
    /// - Parameter drops: Also what leaves less to be compared.
    init(surveying seed: UInt64, drops: Bool) {
        self.init(seed: seed, steps: 90)
        (faults, breaksTokens, fillsClocks, commitMilliseconds) = ([], false, false, 1)
        // Until what parts have replaced is removed.
        restSeconds = 75
        for (step, kind): (Int, Fault.Kind) in [
            (30, .collectorDies), (40, .rebuilt), (50, .agentDies), (60, .retained),
            (70, .collectorDies), (75, .dropped), (85, .rebuilt),
        ] {
            faults.append(Fault(step: step, kind: kind, salt: seed &+ UInt64(step)))
        }
        if !drops { faults.removeAll { [.dropped, .retained].contains($0.kind) } }
    }

    func contains(_ kind: Fault.Kind) -> Bool { faults.contains { $0.kind == kind } }
}

extension Fault.Kind {
    /// In how many of a hundred worlds it may happen.
    fileprivate var percent: Int {
        switch self {
        case .agentDies, .agentDiesWorking, .collectorDies, .collectorDiesWorking, .networkIsBad: 40
        case .powerFails, .diskFails, .collectorDiskFails, .networkIsCut: 25
        case .syncFails, .diskFull, .collectorDiskFull, .clockJumps, .rebuilt: 15
        case .restored, .dropped, .retained: 12
        case .cloned, .damaged: 8
        }
    }

    fileprivate var timesMax: Int {
        switch self {
        case .cloned, .dropped: 1
        case .restored, .damaged, .retained: 3
        default: 6
        }
    }
}
