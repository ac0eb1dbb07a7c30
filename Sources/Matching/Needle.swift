import CRE2

/// Plain text that is looked for in a long one.
package struct Needle: Sendable {
    private let bytes: [UInt8]

    /// - Parameter bytes: One at least.
    init(_ bytes: [UInt8]) {
        precondition(!bytes.isEmpty, "nothing to look for")
        self.bytes = bytes
    }

    /// True where it is nothing but ASCII letters and digits.
    package var isWord: Bool {
        bytes.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
        }
    }

    /// The first place at or after `start` where it lies in `text`, or nil. O(n).
    package func first(in text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard start + bytes.count <= text.count, let base = text.baseAddress else { return nil }
        let found = bytes.withUnsafeBytes { needle in
            cre2_find(
                base.assumingMemoryBound(to: CChar.self), start, text.count,
                needle.baseAddress!.assumingMemoryBound(to: CChar.self), needle.count)
        }
        return found < text.count ? found : nil
    }
}

extension Pattern {
    /// A text that lies in everything which the pattern matches; nil where none is known. It reads the plainest patterns only:
    /// what it does not know of ends a text, and where parts may be left out as a whole it finds none.
    static func needle(of source: String) -> Needle? {
        let bytes = Array(source.utf8)
        // Alternatives, and groups, in which flags may be set.
        guard !bytes.contains(where: { "|()".utf8.contains($0) }) else { return nil }
        var (best, current): ([UInt8], [UInt8]) = ([], [])
        var index = 0
        func end() {
            if current.count > best.count { best = current }
            current = []
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case UInt8(ascii: "?"), UInt8(ascii: "*"), UInt8(ascii: "{"):
                // What stands before it may be left out.
                if !current.isEmpty { removeLastCharacter(&current) }
                end()
                guard byte == UInt8(ascii: "{") else { break }
                // One that begins no count stands for itself: not worth to be read here.
                let count = bytes[index...].prefix { $0 != UInt8(ascii: "}") }
                let isCount = count.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2c }
                guard let first = count.first, first != 0x2c, isCount, count.endIndex < bytes.count,
                    count.count(where: { $0 == 0x2c }) < 2
                else { return nil }
                index = count.endIndex + 1
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "$"): end()
            case UInt8(ascii: "["):
                end()
                // A class; a `]` in front is one of its characters.
                if index < bytes.count, bytes[index] == UInt8(ascii: "^") { index += 1 }
                if index < bytes.count, bytes[index] == UInt8(ascii: "]") { index += 1 }
                while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
                    // A class in a class, or an escape: not worth to be read here.
                    guard !"[\\".utf8.contains(bytes[index]) else { return nil }
                    index += 1
                }
                index += 1
            case UInt8(ascii: "\\"):
                guard index < bytes.count, isPunctuation(bytes[index]) else { return nil }
                current.append(bytes[index])
                index += 1
            default: current.append(byte)
            }
        }
        end()
        return best.isEmpty ? nil : Needle(best)
    }

    private static func removeLastCharacter(_ bytes: inout [UInt8]) {
        while let last = bytes.popLast(), last & 0xc0 == 0x80 {}
    }

    private static func isPunctuation(_ byte: UInt8) -> Bool {
        (0x21...0x2f).contains(byte) || (0x3a...0x40).contains(byte)
            || (0x5b...0x60).contains(byte) || (0x7b...0x7e).contains(byte)
    }
}
