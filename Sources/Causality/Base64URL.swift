/// Base64 with the alphabet for URLs, without padding (RFC 4648, section 5).
package enum Base64URL {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    /// By character: its value, or 255.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    package static func text(_ bytes: [UInt8]) -> String {
        let count = (bytes.count * 4 + 2) / 3
        return String(unsafeUninitializedCapacity: count) { out in
            digits.withUnsafeBufferPointer { digits in
                bytes.withUnsafeBufferPointer { encode($0, digits, out) }
            }
            return count
        }
    }

    private static func encode(
        _ bytes: UnsafeBufferPointer<UInt8>, _ digits: UnsafeBufferPointer<UInt8>,
        _ out: UnsafeMutableBufferPointer<UInt8>
    ) {
        var (next, index) = (0, 0)
        while index + 3 <= bytes.count {
            let bits =
                Int(bytes[index]) << 16 | Int(bytes[index + 1]) << 8 | Int(bytes[index + 2])
            out[next] = digits[bits >> 18]
            out[next + 1] = digits[bits >> 12 & 63]
            out[next + 2] = digits[bits >> 6 & 63]
            out[next + 3] = digits[bits & 63]
            (next, index) = (next + 4, index + 3)
        }
        guard index < bytes.count else { return }
        let second = index + 1 < bytes.count
        let bits = Int(bytes[index]) << 16 | (second ? Int(bytes[index + 1]) << 8 : 0)
        out[next] = digits[bits >> 18]
        out[next + 1] = digits[bits >> 12 & 63]
        if second { out[next + 2] = digits[bits >> 6 & 63] }
    }

    /// The bytes, or nil where a character is not of the alphabet, the length is not possible, or unused bits are set: no
    /// two texts are of the same bytes.
    package static func bytes(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var isValid = false
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4) { out, count in
            isValid = values.withUnsafeBufferPointer { decode(text, $0, out) }
            count = text.count * 3 / 4
        }
        return isValid ? bytes : nil
    }

    private static func decode(
        _ text: UnsafeBufferPointer<UInt8>, _ values: UnsafeBufferPointer<UInt8>,
        _ out: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        var (next, index) = (0, 0)
        // Values are below 64, and what is none is 255: its high bits stay.
        var all: UInt8 = 0
        func value(_ place: Int) -> Int {
            let value = values[Int(text[place])]
            all |= value
            return Int(value & 63)
        }
        while index + 4 <= text.count {
            let bits =
                value(index) << 18 | value(index + 1) << 12 | value(index + 2) << 6
                | value(index + 3)
            out[next] = UInt8(truncatingIfNeeded: bits >> 16)
            out[next + 1] = UInt8(truncatingIfNeeded: bits >> 8)
            out[next + 2] = UInt8(truncatingIfNeeded: bits)
            (next, index) = (next + 3, index + 4)
        }
        let rest = text.count - index
        if rest >= 2 {
            let bits =
                value(index) << 18 | value(index + 1) << 12
                | (rest == 3 ? value(index + 2) << 6 : 0)
            out[next] = UInt8(truncatingIfNeeded: bits >> 16)
            if rest == 3 { out[next + 1] = UInt8(truncatingIfNeeded: bits >> 8) }
            if bits & (rest == 3 ? 0xff : 0xffff) != 0 { return false }
        }
        return all < 64
    }
}
