/// Lets a machine die at every crash point that some worlds reach, and counts.
struct Visiting {
    let seed: UInt64
    let worlds: UInt64
    let isFirstEnough: Bool

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
        for number in 0..<worlds {
            let script = Script(surveying: seed &+ number)
            let outcome = Simulating.live(script)
            for violation in outcome.violations {
                print("seed \(script.seed): \(violation)")
                broken += 1
                if isFirstEnough { return false }
            }
            for (point, calls) in outcome.reached {
                places[point, default: []] += [calls.first!, calls.last!].map {
                    Place(script: script, call: $0)
                }
            }
        }
        var visited: Set<CrashPoints.Point> = []
        var runs = 0
        for (point, all) in places.sorted(by: { $0.key < $1.key }) {
            for (number, how) in SimulatedCollector.Death.allCases.enumerated() {
                // Of all that there are those that lie far apart.
                let place = all[number * (all.count - 1) / 2]
                var script = place.script
                script.crash = Script.Crash(call: place.call, how: how)
                runs += 1
                let outcome = Simulating.live(script)
                if outcome.died == point { visited.insert(point) }
                guard let violation = outcome.violations.first else { continue }
                broken += 1
                print(
                    "seed \(script.seed), \(how) at call \(place.call.number), \(point): \(violation)"
                )
                if isFirstEnough { return false }
            }
        }
        return report(Set(places.keys), visited, runs, broken, ContinuousClock.now - begin)
    }

    private func report(
        _ points: Set<CrashPoints.Point>, _ visited: Set<CrashPoints.Point>, _ runs: Int,
        _ broken: Int, _ duration: Duration
    ) -> Bool {
        var isWhole = true
        for operation in Self.operations {
            let all = points.filter { $0.operation == operation }
            let seen = all.intersection(visited)
            print("\(operation): \(seen.count) of \(all.count) crash points")
            for point in all.subtracting(seen).sorted() { print("    not visited: \(point)") }
            if all.isEmpty || seen != all { isWhole = false }
        }
        print(
            "\(visited.count) of \(points.count) crash points visited in \(runs) worlds, \(duration.components.seconds) s: \(broken) broken"
        )
        return isWhole && broken == 0
    }
}
