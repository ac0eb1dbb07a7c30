/// Finds a smaller script that still breaks a promise: fewer misfortunes, then fewer steps.
///
/// Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input (2002), for the misfortunes: leaves out half of them, then
/// quarters, and so on, as long as something still breaks.
struct Shrinking {
    private(set) var script: Script
    private(set) var tries = 0
    private let triesMax: Int
    private let breaks: (Script) -> Bool

    /// - Parameters:
    ///   - script: One that breaks a promise.
    ///   - triesMax: How many scripts are lived at most.
    ///   - breaks: Whether a script breaks one.
    init(_ script: Script, triesMax: Int = 300, breaks: @escaping (Script) -> Bool) {
        self.script = script
        self.triesMax = triesMax
        self.breaks = breaks
    }

    mutating func run() {
        shrinkFaults()
        shrinkSteps()
        shrinkFaults()
    }

    private mutating func take(_ smaller: Script) -> Bool {
        guard tries < triesMax, smaller != script else { return false }
        tries += 1
        guard breaks(smaller) else { return false }
        script = smaller
        return true
    }

    private mutating func shrinkFaults() {
        var size = (script.faults.count + 1) / 2
        while size > 0, tries < triesMax {
            var start = 0
            var hasShrunk = false
            while start < script.faults.count {
                var smaller = script
                smaller.faults.removeSubrange(start..<min(start + size, script.faults.count))
                if take(smaller) { hasShrunk = true } else { start += size }
            }
            if !hasShrunk || size > 1 { size /= 2 }
        }
    }

    private mutating func shrinkSteps() {
        var cut = script.steps / 2
        while cut > 0, tries < triesMax {
            var smaller = script
            smaller.steps -= cut
            smaller.faults.removeAll { $0.step > smaller.steps }
            if !take(smaller) { cut /= 2 }
            cut = min(cut, script.steps / 2)
        }
    }
}
