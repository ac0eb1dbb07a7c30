import Glibc

/// Lets a machine die at every crash point that some worlds reach, and the call fail that it was about to do, and counts.
struct Visiting {
    let seed: UInt64
    let worlds: UInt64
    let isFirstEnough: Bool
    /// Dies in each way at each point, not in one of them.
    let isThorough: Bool

    private struct Place {
        var script: Script
        var call: CrashPoints.Call
    }

    /// What a collector does that may be cut short; of each there must be points.
    private static let operations =
        ["record", "commit", "ship"] + SimulatedCollector.Operation.allCases.map(\.rawValue)

    /// True where every point was visited, and every promise kept.
    func run() -> Bool {
        let begin = ContinuousClock.now
        var places: [CrashPoints.Point: [Place]] = [:]
        var broken = 0
        for number in 0..<2 * worlds {
            let script = Script(
                surveying: seed &+ number / 2, drops: number.isMultiple(of: 2))
            let outcome = Simulating.live(script)
            for violation in outcome.violations {
                say("seed \(script.seed): \(violation)")
                broken += 1
                if isFirstEnough { return false }
            }
            for (point, calls) in outcome.reached {
                places[point, default: []] += [calls.first!, calls.last!].map {
                    Place(script: script, call: $0)
                }
            }
        }
        var (visited, failed): (Set<CrashPoints.Point>, Set<CrashPoints.Point>) = ([], [])
        var runs = 0
        let deaths = SimulatedCollector.Death.allCases
        for (number, (point, all)) in places.sorted(by: { $0.key < $1.key }).enumerated() {
            for kind in 0..<(isThorough ? deaths.count : 1) {
                // Of all that there are those that lie far apart.
                let place = all[kind * (all.count - 1) / 2]
                var script = place.script
                script.crash = Script.Crash(
                    call: place.call, how: deaths[(number + kind) % deaths.count])
                runs += 1
                let outcome = Simulating.live(script)
                if outcome.died == point { visited.insert(point) }
                guard let violation = outcome.violations.first else { continue }
                broken += 1
                say("seed \(script.seed), \(script.crash!), \(point): \(violation)")
                if isFirstEnough { return false }
            }
            // All is compared where nothing was dropped.
            let whole = all.filter { !$0.script.contains(.dropped) }
            let meant = whole.isEmpty ? all : whole
            for place in isThorough ? meant : [meant[number % meant.count]] {
                var script = place.script
                script.failure = Script.Failure(
                    call: place.call, code: number.isMultiple(of: 2) ? EIO : ENOSPC)
                runs += 1
                let outcome = Simulating.live(script)
                if outcome.failed == point { failed.insert(point) }
                guard let violation = outcome.violations.first else { continue }
                broken += 1
                say("seed \(script.seed), \(script.failure!), \(point): \(violation)")
                if isFirstEnough { return false }
            }
        }
        for point in places.keys.filter({ !failed.contains($0) }).sorted() {
            say("    did not fail: \(point)")
        }
        return report(Set(places.keys), visited, runs, broken, ContinuousClock.now - begin)
            && failed.count == places.count
    }

    private func report(
        _ points: Set<CrashPoints.Point>, _ visited: Set<CrashPoints.Point>, _ runs: Int,
        _ broken: Int, _ duration: Duration
    ) -> Bool {
        var isWhole = true
        for operation in Self.operations {
            let all = points.filter { $0.operation == operation }
            let seen = all.intersection(visited)
            say("\(operation): \(seen.count) of \(all.count) crash points")
            for point in all.subtracting(seen).sorted() { say("    not visited: \(point)") }
            if all.isEmpty || seen != all { isWhole = false }
        }
        say(
            "\(visited.count) of \(points.count) crash points visited in \(runs) worlds, \(duration.components.seconds) s: \(broken) broken"
        )
        return isWhole && broken == 0
    }
}
