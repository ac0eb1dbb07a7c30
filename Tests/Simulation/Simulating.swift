import Glibc
import SimulatedHistories

/// Prints a line at once, wherever it goes.
func say(_ line: String) {
    print(line)
    fflush(nil)
}

/// Lives simulations one after the other, and shrinks what fails.
struct Simulating {
    var worlds: UInt64
    var seed: UInt64
    var steps: Int?
    /// The steps in which misfortunes come that are not left out; empty: all of the script.
    var faults: [Int] = []
    var secondsMax: Int64
    /// Prints what happens.
    var isTold = false
    var isFirstEnough = false

    struct Outcome: Sendable {
        var violations: [String]
        var hash: UInt64
        var trace: [String]
        var reached: [CrashPoints.Point: [CrashPoints.Call]]
        /// Where a machine died as the script says.
        var died: CrashPoints.Point?
        /// Where a call failed as the script says.
        var failed: CrashPoints.Point?
    }

    static func live(
        _ script: Script, isTold: Bool = false, isThorough: Bool = false
    ) -> Outcome {
        let loop = RunLoop()
        return loop.run {
            let simulation = Simulation(
                script, on: loop, isTold: isTold, isThorough: isThorough)
            await simulation.live()
            return Outcome(
                violations: simulation.violations, hash: simulation.trace.hash,
                trace: simulation.trace.lines + (isTold ? simulation.world.story : []),
                reached: simulation.points.reached,
                died: simulation.diedAt,
                failed: script.failure.flatMap { simulation.points.point(of: $0.call) })
        }
    }

    /// True where every promise was kept.
    func run() -> Bool {
        var hash = Trace()
        var (lived, broken): (UInt64, Int) = (0, 0)
        let begin = ContinuousClock.now
        while lived < worlds, broken < 5,
            (ContinuousClock.now - begin).components.seconds < secondsMax
        {
            var script = Script(seed: seed &+ lived, steps: nil)
            if !faults.isEmpty { script.faults.removeAll { !faults.contains($0.step) } }
            if let steps { script.steps = min(steps, script.steps) }
            lived += 1
            // Whoever looks at one script wants to know all that is wrong.
            let outcome = Self.live(script, isTold: isTold, isThorough: !faults.isEmpty)
            for line in outcome.trace { say(line) }
            hash.note(String(outcome.hash, radix: 16))
            guard let violation = outcome.violations.first else { continue }
            broken += 1
            say("seed \(script.seed): \(violation)")
            if isFirstEnough { break }
            tell(script)
        }
        let seconds = (ContinuousClock.now - begin).components.seconds
        say(
            "\(lived) worlds from seed \(seed) in \(seconds) s, trace \(String(hash.hash, radix: 16)): \(broken) broken"
        )
        return broken == 0
    }

    private func tell(_ script: Script) {
        var shrinking = Shrinking(script) {
            !Self.live($0, isThorough: true).violations.isEmpty
        }
        shrinking.run()
        let smallest = shrinking.script
        let kept = smallest.faults.isEmpty ? [0] : smallest.faults.map(\.step)
        say(
            "    the smallest of \(shrinking.tries) tries: --seed \(script.seed) --steps \(smallest.steps)"
                + kept.map { " --fault \($0)" }.joined())
        for fault in smallest.faults { say("    \(fault)") }
        let outcome = Self.live(smallest, isThorough: true)
        for violation in outcome.violations.prefix(3) { say("    → \(violation)") }
    }
}
