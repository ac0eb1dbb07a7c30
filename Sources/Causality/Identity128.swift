/// 128 bits that name a run, a segment or an agent. Written as 32 hexadecimal digits: the only names that become paths.
package struct Identity128: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random one.
    package init(using random: inout some RandomNumberGenerator) {
        self.init(high: random.next(), low: random.next())
    }

    /// A hash of `content`: the same content has the same name. O(n).
    package init(naming content: [UInt8]) {
        self = content.withUnsafeBytes { bytes in
            Identity128(high: mixed(bytes, seed: 1), low: mixed(bytes, seed: 2))
        }
    }

    /// From 16 bytes, the most significant first.
    package init(bytes: some Collection<UInt8>) {
        precondition(bytes.count == 16, "an identity has 16 bytes")
        func number(_ bytes: some Sequence<UInt8>) -> UInt64 {
            bytes.reduce(0) { $0 << 8 | UInt64($1) }
        }
        self.init(high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8)))
    }

    /// The 16 bytes, the most significant first.
    package var bytes: [UInt8] {
        [high, low].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }
}

extension Identity128: CustomStringConvertible {
    package var description: String { hexadecimal(high) + hexadecimal(low) }

    /// Reads 32 lower-case hexadecimal digits; nil for anything else.
    package init?(hex: some StringProtocol) {
        let digits = hex.utf8
        guard digits.count == 32, !digits.contains(where: { (65...90).contains($0) }),
            let high = UInt64(hexadecimal: String(hex.prefix(16))),
            let low = UInt64(hexadecimal: String(hex.dropFirst(16)))
        else { return nil }
        self.init(high: high, low: low)
    }
}

/// The first 8 bytes of a run: what travels in tokens and stands in stored clocks.
package struct RunKey: Hashable, Sendable, CustomStringConvertible {
    package let bits: UInt64

    package init(bits: UInt64) { self.bits = bits }
    package init(_ run: Identity128) { bits = run.high }

    /// 16 hexadecimal digits.
    package var description: String { hexadecimal(bits) }
}

/// 16 hexadecimal digits.
package func hexadecimal(_ word: UInt64) -> String {
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// Two hexadecimal digits a byte.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { String(UInt16($0) + 256, radix: 16).suffix(2) }.joined()
}

extension UInt64 {
    /// Reads 1 to 16 hexadecimal digits, without a sign.
    fileprivate init?(hexadecimal text: String) {
        guard text.utf8.allSatisfy({ PercentEscaping.hexDigit($0) != nil }) else { return nil }
        self.init(text, radix: 16)
    }
}
