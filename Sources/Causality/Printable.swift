/// `text`, which may be from outside, as a person may be shown it: what a terminal obeys, what nobody sees, and what
/// turns the direction of writing is named by its number, as `\u{202e}`, or `\n`, `\t` and `\r`. All but `kept`, which is
/// meant as it is. It is its own fixed point, so two sinks do no more than one. O(n).
package func printable(_ text: String, keeping kept: Kept = []) -> String {
    guard text.isHarmful(but: kept) else { return text }
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
    guard json.isHarmful() else { return json }
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
    /// Whether a character is harmful that is not kept. O(n)
    package func isHarmful(but kept: Kept = []) -> Bool {
        var text = self
        return text.withUTF8 { UnsafeRawBufferPointer($0).firstHarmful(but: kept) != nil }
    }
}

// Of UTF-8.
extension UnsafeRawBufferPointer {
    /// Where the first character from a place on begins that is harmful and not kept; nil where none is. O(n)
    package func firstHarmful(from start: Int = 0, but kept: Kept = []) -> Int? {
        first(from: start, but: kept, isJSON: false)
    }

    /// Where the first character from a place on begins that cannot stand in a JSON string as it is; nil where all can. O(n)
    package func firstToEscape(from start: Int = 0) -> Int? {
        first(from: start, but: [], isJSON: true)
    }

    @inline(__always)
    private func first(from start: Int, but kept: Kept, isJSON: Bool) -> Int? {
        // Every text of every answer comes by here, some twice: eight bytes at a time, for which a high bit is set where one is
        // below 0x20, is one that is named, or is beyond ASCII (Warren, Hacker's Delight, 6-1). The lowest that is set is right.
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        @inline(__always)
        func signs(_ offset: Int) -> UInt64 {
            let some = UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            var signs = ((some &- ones &* 0x20) & ~some) | ((some ^ (ones &* 0x7f)) &- ones) | some
            if isJSON {
                signs |= (some ^ (ones &* UInt64(quote))) &- ones
                signs |= (some ^ (ones &* UInt64(backslash))) &- ones
            }
            return signs & highs
        }
        var place = start
        while place < count {
            // Several at once where these are all plain, as most are.
            while count - place >= 32,
                signs(place) | signs(place + 8) | signs(place + 16) | signs(place + 24) == 0
            {
                place += 32
            }
            if count - place >= 8 {
                let signs = signs(place)
                // Not by as many bytes as `signs` says, which the next eight would wait for.
                if signs == 0 {
                    place += 8
                    continue
                }
                place += signs.trailingZeroBitCount / 8
            }
            guard place < count else { break }
            let byte = self[place]
            if (0x20..<0x7f).contains(byte), !isJSON || byte != quote && byte != backslash {
                place += 1
                continue
            }
            let character = character(at: place)
            let scalar = character.scalar
            if isJSON && character.count == 1 || scalar.isHarmful && !kept.holds(scalar) {
                return place
            }
            place += character.count
        }
        return nil
    }

    /// The character that begins at a place, and its bytes.
    package func character(at place: Int) -> (scalar: Unicode.Scalar, count: Int) {
        let first = UInt32(self[place])
        func rest(_ index: Int) -> UInt32 { UInt32(self[place + index]) & 0x3f }
        let (value, count) =
            switch first {
            case 0..<0x80: (first, 1)
            case 0x80..<0xe0: ((first & 0x1f) << 6 | rest(1), 2)
            case 0xe0..<0xf0: ((first & 0x0f) << 12 | rest(1) << 6 | rest(2), 3)
            default: ((first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
            }
        return (Unicode.Scalar(value) ?? "\u{fffd}", count)
    }
}

extension Unicode.Scalar {
    /// Whether a terminal, or a reader, can be misled by the character as it is: a control (ESC, U+009B), a separator of lines,
    /// a format (direction, zero width, tag), or what Unicode has shown as nothing by default.
    package var isHarmful: Bool {
        switch value {
        // Most letters, and the arrows that are in every listing.
        case 0x20...0x7e, 0xa0...0xac, 0xae...0x34e, 0x350...0x5ff, 0x2190...0x21ff,
            0x3041...0x30ff, 0x4e00...0x9fff, 0xac00...0xd7a3:
            return false
        case 0..<0x20, 0x7f: return true
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
