import Causality
import Exporting
import SimulatedHistories
import Testing

/// What events say becomes JSON eight bytes at a time where it can stand there as it is.
@Suite struct JSONStringTests {
    /// The same a character at a time.
    private static func quoted(_ text: String) -> String {
        "\""
            + text.unicodeScalars.map { scalar in
                switch scalar {
                case "\"": "\\\""
                case "\\": "\\\\"
                case "\n": "\\n"
                case "\r": "\\r"
                case "\t": "\\t"
                case _ where scalar.isHarmful: scalar.jsonEscape
                default: String(scalar)
                }
            }.joined() + "\""
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func isWhatItIsACharacterAtATime(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let rare: [Unicode.Scalar] = [
            "\"", "\\", "\n", "\r", "\t", "\u{0}", "\u{1b}", "\u{7f}", "\u{9b}", "\u{ad}", "ü", "→",
            "漢", "한", "\u{202e}", "\u{3164}", "😀", "\u{e0041}", "\u{10ffff}",
        ]
        for _ in 0..<300 {
            let share = [0, 3, 50].randomElement(using: &random)!
            var text = ""
            for _ in 0..<Int.random(in: 0...90, using: &random) {
                let isRare = Int.random(in: 0..<100, using: &random) < share
                text.unicodeScalars.append(
                    isRare
                        ? rare.randomElement(using: &random)!
                        : Unicode.Scalar(UInt8.random(in: 0x20..<0x7f, using: &random)))
            }
            var writer = JSONWriter()
            writer.value(text)
            #expect(writer.text == Self.quoted(text))
            #expect(JSONScanner.isValue(writer.text))
        }
    }
}
