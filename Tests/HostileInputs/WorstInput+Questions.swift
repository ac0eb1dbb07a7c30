import Causality
import Querying

/// What anybody may ask.
extension WorstInput {
    static let questions: [WorstInput] = [
        selection("selection", "bytes of a selection", 16_384, "16384") { count in
            let start = String(repeating: "a=1||", count: max(0, count - 3) / 5)
            return start + "a="
                + String(repeating: "1", count: max(1, count - start.utf8.count - 2))
        },
        selection("depth", "parentheses in each other in a selection", 99, "100") { count in
            String(repeating: "(", count: count) + "a=1" + String(repeating: ")", count: count)
        },
        selection("instructions", "repetitions of a pattern's character", 312, "2500") { count in
            // A pattern repeats a thousand times at the most.
            let rest = count - count / 600 * 600
            let parts = (0..<count / 600).map { _ in ".{600}" } + [".{\(rest)}"]
            return "text =~ '\(parts.joined())'"
        },
        selection("groups", "groups of a pattern", 64, "64") { count in
            "text =~ '\(String(repeating: "(a)", count: count))'"
        },
    ]

    private static func selection(
        _ name: String, _ unit: String, _ most: Int, _ refusal: String,
        _ make: @escaping @Sendable (Int) -> String
    ) -> WorstInput {
        WorstInput(name: name, unit: unit, most: most, refusal: refusal) { count in
            Array(make(count).utf8)
        } take: { bytes in
            do throws(QuerySyntaxError) {
                _ = try Selection(String(decoding: bytes, as: UTF8.self))
                return nil
            } catch {
                return "\(error)"
            }
        }
    }
}
