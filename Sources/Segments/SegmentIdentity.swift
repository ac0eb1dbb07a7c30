/// 128 bits that name a segment or an agent. Written as 32 hexadecimal digits: the only names that become paths.
package struct Identity128: Hashable, Sendable, CustomStringConvertible {
    package let bytes: [UInt8]

    /// A random one.
    package init(using random: inout some RandomNumberGenerator) {
        bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The first 128 bits of a digest of `content`: the same content has the same name.
    package init(naming content: some Collection<UInt8>) {
        bytes = Array(SHA256.digest(content).prefix(16))
    }

    init(bytes: [UInt8]) {
        precondition(bytes.count == 16, "an identity has 16 bytes")
        self.bytes = bytes
    }

    /// Reads 32 lower-case hexadecimal digits; nil for anything else.
    package init?(hex: some StringProtocol) {
        let digits = Array(hex.utf8)
        guard digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 32, by: 2) {
            guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1])
            else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(
            decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
