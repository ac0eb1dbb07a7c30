import Causality

/// One limit on what comes from outside: the largest input that it lets pass and that costs the most, and the smallest that it
/// refuses. The tests hold both; `lightcone-bench limits` says what the first costs.
package struct WorstInput: Sendable {
    /// As `lightcone-bench limits` calls it.
    package let name: String
    /// What is counted.
    package let unit: String
    /// How much passes: what `make` of one more makes is refused.
    package let most: Int
    /// Words of the refusal.
    package let refusal: String
    /// The bytes with so much in them.
    package let make: @Sendable (Int) throws -> [UInt8]
    /// Does with the bytes what the program does that gets them. Why they are refused; nil where they are taken.
    package let take: @Sendable ([UInt8]) throws -> String?

    package static let all: [WorstInput] = frames + lines + questions
}
