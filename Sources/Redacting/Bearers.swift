enum Bearers {
    /// What follows the word Bearer, in any case, and spaces or tabs (RFC 6750): 16 characters of `A-Za-z0-9._~+/=-`, or 8 with a digit
    /// among them. And JSON web tokens (RFC 7519): three parts of base64url with dots between, the first two of which begin with `eyJ`.
    static func ranges(in text: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var (index, before): (Int, UInt8) = (0, 0)
        while index < text.count {
            let byte = text[index]
            if !before.isWord {
                var next: Int?
                if byte | 0x20 == UInt8(ascii: "b") {
                    next = bearer(text, index, &found)
                } else if byte == UInt8(ascii: "e"), before != UInt8(ascii: "-") {
                    next = webToken(text, index, &found)
                }
                if let next {
                    (index, before) = (next, text.byte(before: next))
                    continue
                }
            }
            before = byte
            index += 1
        }
        return found
    }

    private static func bearer(
        _ text: Span<UInt8>, _ start: Int, _ found: inout [Range<Int>]
    ) -> Int? {
        guard text.has("bearer", at: start, anyCase: true) else { return nil }
        let space = start + 6
        let token = text.end(from: space) { $0 == 0x20 || $0 == 0x09 }
        guard token > space else { return nil }
        var hasDigit = false
        let end = text.end(from: token) { byte in
            if byte.isDigit { hasDigit = true }
            switch byte {
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "+"),
                UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "-"):
                return true
            default: return byte.isAlphanumeric
            }
        }
        let least =
            hasDigit ? Limits.bearerCharactersWithDigitMin : Limits.bearerCharactersMin
        guard end - token >= least else { return token }
        found.append(token..<end)
        return end
    }

    private static func webToken(
        _ text: Span<UInt8>, _ start: Int, _ found: inout [Range<Int>]
    ) -> Int? {
        guard text.has("eyJ", at: start) else { return nil }
        let first = text.end(from: start, while: isURLSafe)
        guard text.has(".eyJ", at: first) else { return first }
        let second = text.end(from: first + 1, while: isURLSafe)
        guard text.byte(at: second) == UInt8(ascii: ".") else { return second }
        let end = text.end(from: second + 1, while: isURLSafe)
        found.append(start..<end)
        return end
    }

    private static func isURLSafe(_ byte: UInt8) -> Bool {
        byte.isWord || byte == UInt8(ascii: "-")
    }
}
