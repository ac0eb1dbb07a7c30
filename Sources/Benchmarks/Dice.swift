import Glibc
import SimulatedHistories

/// From how many things one is drawn, and how.
struct Choice {
    let count: UInt64
    let isSkewed: Bool
    /// What telling the outcome takes at the least.
    let bits: Double

    /// Each as likely as any other.
    static func even(_ count: Int) -> Choice {
        Choice(count: UInt64(count), isSkewed: false, bits: log2(Double(count)))
    }

    /// The first ones more often, as the square of an even draw: half are of the first quarter.
    static func skewed(_ count: Int) -> Choice {
        // The entropy of that density on an interval, in bits: 1 - log2(e).
        Choice(count: UInt64(count), isSkewed: true, bits: log2(Double(count)) - 0.443)
    }
}

/// Draws, and adds up how much could not have been foretold: no format can keep what was drawn in less.
struct Dice {
    private var random: SeededGenerator
    private(set) var bits = 0.0

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func draw(_ choice: Choice) -> Int {
        bits += choice.bits
        var value = random.next() >> 32
        if choice.isSkewed { value = (value &* value) >> 32 }
        return Int(truncatingIfNeeded: (value &* choice.count) >> 32)
    }
}
