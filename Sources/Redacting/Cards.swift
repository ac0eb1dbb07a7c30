enum Cards {
    /// Runs of digits, or of groups of digits with one space or hyphen between two, hold a number where groups make one; no letter
    /// stands beside it, and it is not what follows the point of a decimal number.
    static func ranges(in text: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < text.count {
            guard text[index].isDigit else {
                index += 1
                continue
            }
            var groups: [Range<Int>] = []
            var start = index
            while true {
                let end = text.end(from: start, while: \.isDigit)
                groups.append(start..<end)
                let next = text.byte(at: end)
                guard next == UInt8(ascii: " ") || next == UInt8(ascii: "-"),
                    text.byte(at: end + 1).isDigit
                else {
                    index = end
                    break
                }
                start = end + 1
            }
            search(text, groups, &found)
        }
        return found
    }

    private static func search(
        _ text: Span<UInt8>, _ groups: [Range<Int>], _ found: inout [Range<Int>]
    ) {
        var first = 0
        while first < groups.count {
            let last = last(text, groups, first)
            if let last { found.append(groups[first].lowerBound..<groups[last].upperBound) }
            first = (last ?? first) + 1
        }
    }

    /// The last group of the longest number that begins with a group. Looks at seven groups at most.
    private static func last(_ text: Span<UInt8>, _ groups: [Range<Int>], _ first: Int) -> Int? {
        let start = groups[first].lowerBound
        let before = text.byte(before: start)
        let isFraction = before == UInt8(ascii: ".") && text.byte(before: start - 1).isDigit
        guard (0x32...0x36).contains(text[start]), !before.isLetter, !isFraction else { return nil }
        var (digits, best): (Int, Int?) = (0, nil)
        for group in first..<groups.count {
            digits += groups[group].count
            guard digits <= Limits.cardDigits.upperBound,
                group == first
                    || min(groups[first].count, groups[group].count) >= Limits.cardGroupDigitsMin
            else { break }
            let end = groups[group].upperBound
            if digits >= Limits.cardDigits.lowerBound, !text.byte(at: end).isLetter,
                isChecked(text, start..<end)
            {
                best = group
            }
        }
        return best
    }

    /// Whether the check digit is right, as H. P. Luhn has it (US patent 2,950,048).
    private static func isChecked(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var (sum, isDoubled) = (0, false)
        for index in range.reversed() where text[index].isDigit {
            var digit = Int(text[index] - 0x30)
            if isDoubled { digit = digit > 4 ? 2 * digit - 9 : 2 * digit }
            sum += digit
            isDoubled.toggle()
        }
        return sum % 10 == 0
    }
}
