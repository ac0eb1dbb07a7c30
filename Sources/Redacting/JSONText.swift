import Causality

enum JSONText {
    /// Writes a string with its quotes.
    static func quote(_ text: [UInt8], into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes += [UInt8(ascii: "\\"), byte]
            } else if byte < 0x20 {
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Where a string that begins with a quote ends, behind its closing one; nil where it does not.
    static func endOfString(_ bytes: [UInt8], _ start: Int) -> Int? {
        var index = start + 1
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\"") { return index + 1 }
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// What a string with its quotes says.
    static func decoded(_ bytes: [UInt8], _ string: Range<Int>) -> [UInt8] {
        let inside = string.lowerBound + 1..<string.upperBound - 1
        guard bytes[inside].contains(UInt8(ascii: "\\")) else { return Array(bytes[inside]) }
        return Array(JSONScanner.text(bytes, inside, hasEscapes: true).utf8)
    }

    /// Where a value of valid JSON ends that begins at a place. O(its bytes).
    static func endOfValue(_ bytes: [UInt8], _ start: Int) -> Int {
        var (index, depth) = (start, 0)
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index = endOfString(bytes, index) ?? bytes.count
                if depth == 0 { return index }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return index }
                depth -= 1
                if depth == 0 { return index + 1 }
            case UInt8(ascii: ","), 0x20, 0x09, 0x0a, 0x0d: if depth == 0 { return index }
            default: break
            }
            index += 1
        }
        return index
    }

    static func endOfSpace(_ bytes: [UInt8], _ start: Int) -> Int {
        var index = start
        while index < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[index]) { index += 1 }
        return index
    }
}
