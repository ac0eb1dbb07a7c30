/// A kind of secret that is recognised by its form. Each is found in time linear in the text.
package enum SecretKind: String, Sendable, CaseIterable {
    /// `name@domain.tld`, also with `%40`.
    case email
    /// 13 to 19 digits that begin with 2 to 6 and whose check digit is right (Luhn, ISO/IEC 7812), at once or in groups of three and more.
    case card
    /// What follows the word Bearer, and JSON web tokens.
    case bearer
    /// Keys of AWS, Google and GitHub, and private keys in PEM.
    case cloudKey = "cloud-key"
    case ipv4
    case ipv6

    /// What of a match is hashed, so that two spellings of one secret are one.
    func normal(_ match: [UInt8]) -> [UInt8] {
        switch self {
        case .email: match.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        case .card: match.filter(\.isDigit)
        case .bearer, .cloudKey, .ipv4, .ipv6: match
        }
    }
}

/// What a text has that secrets need, found in one pass.
struct TextTraits {
    private(set) var digits = 0
    private(set) var dots = 0
    private(set) var colons = 0
    private(set) var hasAt = false
    private(set) var hasPercent = false

    init(_ text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            if byte.isDigit {
                digits &+= 1
            } else if byte == UInt8(ascii: ".") {
                dots &+= 1
            } else if byte == UInt8(ascii: ":") {
                colons &+= 1
            } else if byte == UInt8(ascii: "@") {
                hasAt = true
            } else if byte == UInt8(ascii: "%") {
                hasPercent = true
            }
        }
    }

    /// Whether a kind may be in the text.
    func mayHave(_ kind: SecretKind) -> Bool {
        switch kind {
        case .email: hasAt || hasPercent
        case .card: digits >= Limits.cardDigits.lowerBound
        case .bearer, .cloudKey: true
        case .ipv4: dots >= 3 && digits >= 4
        case .ipv6: colons >= 2
        }
    }
}

extension SecretKind {
    /// Where it stands in a text: ascending, none within another. O(n).
    func ranges(in text: Span<UInt8>) -> [Range<Int>] {
        switch self {
        case .email: Emails.ranges(in: text)
        case .card: Cards.ranges(in: text)
        case .bearer: Bearers.ranges(in: text)
        case .cloudKey: CloudKeys.ranges(in: text)
        case .ipv4: Addresses.ipv4(in: text)
        case .ipv6: Addresses.ipv6(in: text)
        }
    }
}

extension UInt8 {
    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isUpper: Bool { self &- 0x41 < 26 }
    @inline(__always) var isAlphanumeric: Bool { isDigit || isLetter }
    @inline(__always) var isWord: Bool { isAlphanumeric || self == UInt8(ascii: "_") }
    var isHexadecimal: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
}

extension Span<UInt8> {
    /// Whether ASCII text stands at a place; where `lowercased`, that in lower case, and any case will do.
    func has(_ ascii: StaticString, at place: Int, anyCase: Bool = false) -> Bool {
        guard place + ascii.utf8CodeUnitCount <= count else { return false }
        for offset in 0..<ascii.utf8CodeUnitCount {
            let byte = self[place + offset]
            let wanted = ascii.utf8Start[offset]
            guard byte == wanted || anyCase && byte.isLetter && byte | 0x20 == wanted else {
                return false
            }
        }
        return true
    }

    /// Where what begins at a place and satisfies a condition ends.
    func end(from place: Int, while isMeant: (UInt8) -> Bool) -> Int {
        var end = place
        while end < count, isMeant(self[end]) { end += 1 }
        return end
    }

    /// The byte before a place, or behind it; 0 where there is none.
    func byte(before place: Int) -> UInt8 { place > 0 ? self[place - 1] : 0 }
    func byte(at place: Int) -> UInt8 { place < count ? self[place] : 0 }
}
