/// `text`, which may be from outside, as a person may be shown it: what a terminal obeys, what nobody sees, and what
/// turns the direction of writing is named by its number, as `\u{202e}`, or `\n`, `\t` and `\r`. All but `kept`, which is
/// meant as it is. It is its own fixed point, so two sinks do no more than one. O(n).
package func printable(_ text: String, keeping kept: Kept = []) -> String {
    guard text.mayBeHarmful(but: kept),
        text.unicodeScalars.contains(where: { $0.isHarmful && !kept.holds($0) })
    else { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case _ where !scalar.isHarmful || kept.holds(scalar): result.unicodeScalars.append(scalar)
        case "\n": result += "\\n"
        case "\t": result += "\\t"
        case "\r": result += "\\r"
        default: result += "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
    return result
}

/// What stays as it is in a printable text.
package struct Kept: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let lineBreaks = Kept(rawValue: 1)
    package static let tabs = Kept(rawValue: 2)
    package static let lineBreaksAndTabs = Kept(rawValue: 3)

    fileprivate func holds(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" && contains(.lineBreaks) || scalar == "\t" && contains(.tabs)
    }
}

/// `json`, which is valid, with every such character as JSON's own escape: the same value, on one line. O(n).
package func printableJSON(_ json: String) -> String {
    guard json.mayBeHarmful() else { return json }
    var result = ""
    for scalar in json.unicodeScalars {
        switch scalar {
        // Only between values: a string holds none of them as they are.
        case "\n", "\t", "\r": result += " "
        case _ where scalar.isHarmful: result += scalar.jsonEscape
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

extension String {
    /// False where no character is harmful, which most texts show at a glance.
    package func mayBeHarmful(but kept: Kept = []) -> Bool {
        !arePlain(
            and: kept.contains(.lineBreaks) ? 0x0a : 0x20, kept.contains(.tabs) ? 0x09 : 0x20)
    }

    /// False where it can stand in a JSON string as it is, which most texts show at a glance.
    package var mayNeedJSONEscapes: Bool {
        !arePlain(without: UInt8(ascii: "\""), UInt8(ascii: "\\"))
    }

    /// Whether all bytes are plain: those from 0x20 to 0x7e, but for two, and two others.
    private func arePlain(
        without excluded: UInt8 = 0x7f, _ excludedToo: UInt8 = 0x7f, and kept: UInt8 = 0x20,
        _ keptToo: UInt8 = 0x20
    ) -> Bool {
        func isPlain(_ byte: UInt8) -> Bool {
            (0x20..<0x7f).contains(byte) && byte != excluded && byte != excludedToo
                || byte == kept || byte == keptToo
        }
        // Every text of every answer comes by here, some twice: eight bytes at a time, for which a high bit is set where one is
        // below 0x20, is one that is excluded or 0x7f, or is beyond (Warren, Hacker's Delight, 6-1).
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let (first, second) = (ones &* UInt64(excluded), ones &* UInt64(excludedToo))
        func arePlain(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            guard bytes.count >= 8 else { return bytes.allSatisfy(isPlain) }
            let raw = UnsafeRawBufferPointer(bytes)
            var start = 0
            while start < bytes.count {
                // The last eight may overlap those before them.
                start = min(start, bytes.count - 8)
                let some = raw.loadUnaligned(fromByteOffset: start, as: UInt64.self)
                let isLow = (some &- ones &* 0x20) & ~some
                let isNamed =
                    ((some ^ first) &- ones) | ((some ^ second) &- ones)
                    | ((some ^ (ones &* 0x7f)) &- ones)
                let signs = isLow | isNamed | some
                guard signs & highs == 0 || bytes[start..<start + 8].allSatisfy(isPlain) else {
                    return false
                }
                start += 8
            }
            return true
        }
        return utf8.withContiguousStorageIfAvailable(arePlain) ?? utf8.allSatisfy(isPlain)
    }
}

extension Unicode.Scalar {
    /// Whether a terminal, or a reader, can be misled by the character as it is: a control (ESC, U+009B), a separator of lines,
    /// a format (direction, zero width, tag), or what Unicode has shown as nothing by default.
    package var isHarmful: Bool {
        switch value {
        // Arrows are in every listing.
        case 0x20...0x7e, 0xa0...0xac, 0xae...0x34e, 0x2190...0x21ff: return false
        default: break
        }
        if properties.isDefaultIgnorableCodePoint { return true }
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return false
        }
    }

    /// The character as JSON's escapes: `\u202e`, or two of them.
    package var jsonEscape: String {
        UTF16.encode(self)!.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        }.joined()
    }
}
