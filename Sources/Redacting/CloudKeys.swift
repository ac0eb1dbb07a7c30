enum CloudKeys {
    /// | what | form |
    /// |---|---|
    /// | AWS access key | `AKIA` or `ASIA` and 16 of `A-Z0-9` |
    /// | AWS secret key | 40 of `A-Za-z0-9/+=` behind `aws_secret_access_key`, `aws_secret_key` or `SecretAccessKey`, in any case, and up to 8 of spaces, quotes, `\`, `:`, `=` and `>` |
    /// | Google API key | `AIza` and 35 of `A-Za-z0-9_-` |
    /// | GitHub token | `ghp_`, `gho_`, `ghu_`, `ghs_` or `ghr_` and 36 or more of `A-Za-z0-9`; `github_pat_` and 40 or more of `A-Za-z0-9_` |
    /// | private key | from `-----BEGIN … PRIVATE KEY-----` (also `… KEY BLOCK-----`) to its `-----END …-----`; where one of them is in another text, to the end or from the beginning |
    /// | line of a private key | a text of nothing but 60 to 76 of `A-Za-z0-9+/=`, with a large and a small letter and a digit among them |
    ///
    /// No letter or digit stands before one with a beginning of its own, and nothing that could be a part of it behind it.
    static func ranges(in text: Span<UInt8>) -> [Range<Int>] {
        if let line = keyLine(text) { return [line] }
        var found: [Range<Int>] = []
        var (index, before): (Int, UInt8) = (0, 0)
        while index < text.count {
            let byte = text[index]
            var next: Int?
            switch byte {
            case UInt8(ascii: "A") where !before.isAlphanumeric:
                next = token(text, index, &found) ?? secretKey(text, index, &found)
            case UInt8(ascii: "g") where !before.isAlphanumeric: next = token(text, index, &found)
            case UInt8(ascii: "a"): next = secretKey(text, index, &found)
            case UInt8(ascii: "s"), UInt8(ascii: "S"): next = secretKey(text, index, &found)
            case UInt8(ascii: "-") where before != byte: next = block(text, index, &found)
            default: break
            }
            if let next {
                (index, before) = (next, text.byte(before: next))
            } else {
                before = byte
                index += 1
            }
        }
        return found
    }

    private static func token(
        _ text: Span<UInt8>, _ start: Int, _ found: inout [Range<Int>]
    ) -> Int? {
        func take(_ prefix: Int, _ counts: ClosedRange<Int>, _ isMeant: (UInt8) -> Bool) -> Int {
            let end = text.end(from: start + prefix, while: isMeant)
            if counts.contains(end - start - prefix), !text.byte(at: end).isWord {
                found.append(start..<end)
            }
            return end
        }
        if text.has("AKIA", at: start) || text.has("ASIA", at: start) {
            return take(4, 16...16) { $0.isUpper || $0.isDigit }
        }
        if text.has("AIza", at: start) {
            return take(4, 35...35) { $0.isWord || $0 == UInt8(ascii: "-") }
        }
        if text.has("github_pat_", at: start) { return take(11, 40...Int.max, \.isWord) }
        if text.has("gh", at: start), text.byte(at: start + 3) == UInt8(ascii: "_"),
            [0x70, 0x6f, 0x75, 0x73, 0x72].contains(text.byte(at: start + 2))
        {
            return take(4, 36...Int.max, \.isAlphanumeric)
        }
        return nil
    }

    private static func secretKey(
        _ text: Span<UInt8>, _ start: Int, _ found: inout [Range<Int>]
    ) -> Int? {
        let name: Int
        if text.has("aws_secret_access_key", at: start, anyCase: true) {
            name = 21
        } else if text.has("aws_secret_key", at: start, anyCase: true) {
            name = 14
        } else if text.has("secretaccesskey", at: start, anyCase: true) {
            name = 15
        } else {
            return nil
        }
        let key = text.end(from: start + name) { byte in
            switch byte {
            case 0x20, 0x09, UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"),
                UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: ">"):
                true
            default: false
            }
        }
        let end = text.end(from: key, while: isBase64)
        if (1...Limits.assignmentBytesMax).contains(key - start - name), end - key == 40 {
            found.append(key..<end)
        }
        return end
    }

    /// Whether an attribute's key and value are the name of an AWS secret key and such a key.
    static func isSecretKey(_ key: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        let isName =
            key.count == 21 && key.has("aws_secret_access_key", at: 0, anyCase: true)
            || key.count == 14 && key.has("aws_secret_key", at: 0, anyCase: true)
            || key.count == 15 && key.has("secretaccesskey", at: 0, anyCase: true)
        return isName && value.count == 40 && value.end(from: 0, while: isBase64) == 40
    }

    private static func block(
        _ text: Span<UInt8>, _ start: Int, _ found: inout [Range<Int>]
    ) -> Int? {
        if text.has("-----BEGIN ", at: start) {
            guard let body = label(text, start + 11) else { return start + 11 }
            var index = body
            while index < text.count {
                if text[index] == UInt8(ascii: "-"), text.has("-----END ", at: index) {
                    let dashes = text.end(from: index + 9) { $0 != UInt8(ascii: "-") }
                    index = text.end(from: dashes) { $0 == UInt8(ascii: "-") }
                    break
                }
                index += 1
            }
            found.append(start..<index)
            return index
        }
        guard text.has("-----END ", at: start), let end = label(text, start + 9) else { return nil }
        // What came before belongs to the key, or to secrets that were found there.
        found = [0..<end]
        return end
    }

    /// Where `… PRIVATE KEY-----` or `… PRIVATE KEY BLOCK-----` ends; nil where something else stands there.
    private static func label(_ text: Span<UInt8>, _ start: Int) -> Int? {
        let end = text.end(from: start) { $0.isUpper || $0.isDigit || $0 == 0x20 }
        guard end - start <= Limits.labelBytesMax, text.has("-----", at: end) else { return nil }
        for name in ["PRIVATE KEY", "PRIVATE KEY BLOCK"] as [StaticString] {
            let count = name.utf8CodeUnitCount
            if end - start >= count, text.has(name, at: end - count) { return end + 5 }
        }
        return nil
    }

    private static func keyLine(_ text: Span<UInt8>) -> Range<Int>? {
        let start = text.end(from: 0) { $0 <= 0x20 }
        guard text.count - start >= Limits.keyLineBytes.lowerBound else { return nil }
        var (hasLarge, hasSmall, hasDigit) = (false, false, false)
        let end = text.end(from: start) { byte in
            if byte.isUpper { hasLarge = true } else if byte.isLetter { hasSmall = true }
            if byte.isDigit { hasDigit = true }
            return isBase64(byte)
        }
        guard Limits.keyLineBytes.contains(end - start), hasLarge, hasSmall, hasDigit,
            text.end(from: end, while: { $0 <= 0x20 }) == text.count
        else { return nil }
        return start..<end
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        byte.isAlphanumeric || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "+")
            || byte == UInt8(ascii: "=")
    }
}
