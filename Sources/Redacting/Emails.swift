enum Emails {
    /// The longest run of letters, digits, `._%+'-` and what is not ASCII, then `@` or `%40`, then a domain with a dot in it whose last
    /// label begins with a letter and has two characters, or begins with what is not ASCII.
    static func ranges(in text: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var (index, floor) = (0, 0)
        while index < text.count {
            let sign =
                text[index] == UInt8(ascii: "@") ? 1 : text.has("%40", at: index) ? 3 : 0
            guard sign > 0 else {
                index += 1
                continue
            }
            var start = index
            while start > floor, isLocal(text[start - 1]) { start -= 1 }
            let domain = index + sign
            let end = text.end(from: domain, while: isDomain)
            var stop = end
            while stop > domain, !text[stop - 1].isAlphanumeric, text[stop - 1] < 0x80 { stop -= 1 }
            if start < index, hasTopLevel(text, domain..<stop) {
                found.append(start..<stop)
                floor = stop
            } else {
                floor = domain
            }
            index = max(stop, domain)
        }
        return found
    }

    private static func isLocal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "%"), UInt8(ascii: "+"),
            UInt8(ascii: "'"), UInt8(ascii: "-"):
            true
        default: byte.isAlphanumeric || byte >= 0x80
        }
    }

    private static func isDomain(_ byte: UInt8) -> Bool {
        byte.isAlphanumeric || byte >= 0x80 || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "-")
    }

    private static func hasTopLevel(_ text: Span<UInt8>, _ domain: Range<Int>) -> Bool {
        guard let dot = domain.last(where: { text[$0] == UInt8(ascii: ".") }),
            dot > domain.lowerBound
        else { return false }
        let first = text[dot + 1]
        return first >= 0x80 || first.isLetter && domain.upperBound - dot > 2
    }
}
