import Causality
import Matching

/// What a log in the `regex` format is matched with, and how far its first line has been read.
struct RegexReading: Sendable {
    /// What became of the part of a line that was read.
    enum LineUse: UInt8, Sendable {
        /// No match touches it so far.
        case untouched = 0
        /// A match touches it.
        case matched = 1
        /// It was reported as unmatched.
        case reported = 2
    }

    /// A named group: its place in a match.
    struct Group: Sendable {
        var index: Int
        var name: String
    }

    let pattern: Pattern
    let delimiter: Pattern?
    let host: Int
    let clock: Int
    let event: Int
    /// The other named groups of the pattern.
    let others: [Group]
    /// The delimiter's group trace.
    let trace: Int?
    /// Bytes at the beginning of the first line to come that were already read.
    var readBytes = 0
    /// What became of those bytes.
    var use = LineUse.untouched
    /// Matches in that line so far.
    var matchesInLine = 0

    /// Throws where a pattern is not valid, or where the groups host, clock and event are not all
    /// there.
    init(_ pattern: String, delimiter: String?) throws(LogFormatError) {
        self.pattern = try RegexReading.compile(pattern, "pattern")
        if let delimiter {
            self.delimiter = try RegexReading.compile(delimiter, "delimiter")
        } else {
            self.delimiter = nil
        }
        let groups = RegexReading.groups(self.pattern)
        let required = ["host", "clock", "event"]
        func index(_ name: String) -> Int? { groups.first { $0.name == name }?.index }
        guard let host = index("host"), let clock = index("clock"), let event = index("event")
        else {
            let missing = required.filter { index($0) == nil }.joined(separator: " and ")
            let found =
                groups.isEmpty ? "no named group" : groups.map(\.name).joined(separator: ", ")
            throw LogFormatError(
                "the pattern has no group \(missing): expected the named groups host, clock and event, "
                    + "found \(found)")
        }
        (self.host, self.clock, self.event) = (host, clock, event)
        others = groups.filter { !required.contains($0.name) }
        trace = self.delimiter.flatMap { delimiter in
            RegexReading.groups(delimiter).first { $0.name == "trace" }?.index
        }
    }

    private static func compile(_ source: String, _ what: String) throws(LogFormatError) -> Pattern
    {
        do throws(PatternError) {
            return try Pattern(source, multiline: true)
        } catch {
            throw LogFormatError("the \(what): \(error)")
        }
    }

    private static func groups(_ pattern: Pattern) -> [Group] {
        pattern.groupNames.enumerated().compactMap { index, name in
            name.map { Group(index: index + 1, name: $0) }
        }
    }
}

/// A stretch of whole lines that a pattern is searched in, and the line that the search has come
/// to.
struct RegexScan {
    /// The bytes of the match and of its groups.
    typealias Match = [Range<Int>?]

    /// What a search came to.
    enum Finding {
        case match(Range<Int>, Match)
        /// Nothing up to the end, and nothing that begins before it can become a match.
        case nothing
        /// Perhaps a match with more text; it would begin at the offset, if that is known.
        case waiting(candidate: Int?)
        /// Nothing in as much text as a record may have, which ends at the offset.
        case tooFar(end: Int, candidate: Range<Int>?)
    }

    /// UTF-8, with a line break at the end unless nothing follows.
    let text: [UInt8]
    private(set) var lineStart = 0
    /// The offset of the line's break, or the end.
    private(set) var lineEnd: Int
    /// 1, 2, 3 … in the file.
    private(set) var line: UInt64
    /// Where the search goes on; within the line.
    private(set) var from: Int
    var use: RegexReading.LineUse
    var matchesInLine: Int

    init(_ text: [UInt8], line: UInt64, _ reading: RegexReading) {
        self.text = text
        self.line = line
        lineEnd = Bytes.newline(text, in: 0..<text.count) ?? text.count
        from = min(reading.readBytes, lineEnd)
        use = reading.use
        matchesInLine = reading.matchesInLine
    }

    /// The line with its break.
    var lineRange: Range<Int> { lineStart..<min(text.count, lineEnd + 1) }

    mutating func nextLine() {
        lineStart = min(text.count, lineEnd + 1)
        lineEnd = Bytes.newline(text, in: lineStart..<text.count) ?? text.count
        line += 1
        from = lineStart
        use = .untouched
        matchesInLine = 0
    }

    /// Goes on behind a match that ends in this line.
    mutating func resume(at offset: Int) { from = max(from, min(offset, lineEnd)) }

    /// The first match between `from` and `end`.
    ///
    /// It is looked for in a little text, then in twice as much, and counts once a line break
    /// follows it, or `end` is the end of all. So a match costs what it spans, whatever the pattern
    /// would look at beyond. Of a pattern that would go on into further lines, the match counts that the fewest lines have,
    /// up to `linesOfShortestMax`: how many lie behind it does not matter.
    func search(_ pattern: Pattern, to end: Int, isFinal: Bool) -> Finding {
        let recordMax = Causality.Limits.eventBytesMax
        var start = from
        var size = Limits.searchBytesMin
        while true {
            let limit = wholeLines(size, to: end, from: start)
            let isLast = limit == end
            let match = match(pattern, from: start, to: limit)
            let whole = match.flatMap { $0[0] }
            if var match, var whole, whole.upperBound < limit || (isLast && isFinal) {
                if let shorter = shortened(whole, pattern, from: start), let bounds = shorter[0] {
                    (match, whole) = (shorter, bounds)
                }
                if !whole.isEmpty { return .match(whole, match) }
                // An empty match is no record: the search goes on in the next line.
                guard let next = Bytes.newline(text, in: whole.lowerBound..<end) else {
                    return isFinal ? .nothing : .waiting(candidate: nil)
                }
                start = next + 1
                if start - from >= recordMax { return .tooFar(end: start, candidate: nil) }
                size = Limits.searchBytesMin
                continue
            }
            if isLast && isFinal { return .nothing }
            if size >= recordMax, !isLast || end - start >= recordMax {
                return .tooFar(end: limit, candidate: whole)
            }
            if isLast, end - start < recordMax { return .waiting(candidate: whole?.lowerBound) }
            size *= 2
        }
    }

    private func match(_ pattern: Pattern, from start: Int, to limit: Int) -> Match? {
        text.withUnsafeBytes { bytes in
            pattern.firstMatch(in: bytes, from: start, to: limit, isUTF8: true)
        }
    }

    /// The match that the fewest whole lines from `start` on have, where one was found that spans several; nil where it is
    /// that one itself, and where that takes more than `linesOfShortestMax`.
    private func shortened(_ whole: Range<Int>, _ pattern: Pattern, from start: Int) -> Match? {
        var index = whole.lowerBound
        for _ in 0..<Limits.linesOfShortestMax {
            guard let newline = Bytes.newline(text, in: index..<whole.upperBound) else { break }
            index = newline + 1
            let match = match(pattern, from: start, to: index)
            if let match, let bounds = match[0], bounds.upperBound < index { return match }
        }
        return nil
    }

    /// The end of the last whole line within `size` bytes of `start`, or of the line that holds
    /// `start`.
    private func wholeLines(_ size: Int, to end: Int, from start: Int) -> Int {
        guard end - start > size else { return end }
        var index = start + size
        while index > start, text[index - 1] != Bytes.newline { index -= 1 }
        if index > start { return index }
        if start <= lineEnd { return min(end, lineEnd + 1) }
        return Bytes.newline(text, in: start..<end).map { $0 + 1 } ?? end
    }
}
