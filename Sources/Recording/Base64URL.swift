/// Base64 with the alphabet for URLs, without padding (RFC 4648, section 5).
enum Base64URL {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func text(_ bytes: [UInt8]) -> String {
        let count = (bytes.count * 4 + 2) / 3
        return String(unsafeUninitializedCapacity: count) { out in
            digits.withUnsafeBufferPointer { digits in
                var (next, index) = (0, 0)
                while index < bytes.count {
                    let left = min(3, bytes.count - index)
                    var bits = UInt32(bytes[index]) << 16
                    if left > 1 { bits |= UInt32(bytes[index + 1]) << 8 }
                    if left > 2 { bits |= UInt32(bytes[index + 2]) }
                    var shift: UInt32 = 18
                    for _ in 0...left {
                        out[next] = digits[Int(bits >> shift & 63)]
                        next += 1
                        shift &-= 6
                    }
                    index += 3
                }
                return next
            }
        }
    }

    /// The bytes, or nil where a character is not of the alphabet, the length is not possible, or unused bits are set.
    static func bytes(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        var isValid = true
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4) { out, count in
            values.withUnsafeBufferPointer { values in
                var (next, index, wrong) = (0, 0, UInt8(0))
                while index < text.count {
                    let left = min(4, text.count - index)
                    var bits: UInt32 = 0
                    for place in 0..<left {
                        let value = values[Int(text[index + place])]
                        wrong |= value
                        bits |= UInt32(value & 63) << (18 - 6 * UInt32(place))
                    }
                    var shift: UInt32 = 16
                    for _ in 0..<left - 1 {
                        out[next] = UInt8(truncatingIfNeeded: bits >> shift)
                        next += 1
                        shift &-= 8
                    }
                    // Each token has one text.
                    let unused: UInt32 = 1 << (24 - 8 * UInt32(left - 1))
                    if left < 4, bits & (unused - 1) != 0 { wrong = 255 }
                    index += 4
                }
                isValid = wrong < 64
                count = next
            }
        }
        return isValid ? bytes : nil
    }
}
