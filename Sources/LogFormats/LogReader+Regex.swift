import Causality
import Matching

/// Logs that a pattern reads.
///
/// Delimiters split the log into executions; a record lies within one. Records are the successive
/// leftmost matches of the pattern. A line that no match touches is unmatched. A line that a match
/// has begun to read is consumed when the next one is, so that `^` and `\b` see what they would see
/// in the whole file.
extension LogReader {
    mutating func readRegex(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        guard let reading = regex, !range.isEmpty else { return range.upperBound }
        var scan = RegexScan(Bytes.repaired(bytes, range), line: lineCount + 1, reading)
        let end = scan.text.count
        let base = range.lowerBound
        let original = Original(bytes: bytes, base: base)
        var isDone = false
        while !isDone {
            var section = (end: end, isFinal: isFinal)
            var found: (whole: Range<Int>, match: RegexScan.Match)?
            if let delimiter = reading.delimiter {
                switch nextDelimiter(delimiter, scan, to: end, isFinal: isFinal) {
                case .match(let whole, let match):
                    found = (whole, match)
                    section = (whole.lowerBound, true)
                case .waiting(let candidate?): section = (candidate, false)
                case .nothing, .waiting, .tooFar: break
                }
            }
            readSection(&scan, reading, original, to: section.end, isFinal: section.isFinal, &sink)
            guard let (whole, match) = found else {
                isDone = true
                break
            }
            leaveLines(before: whole.lowerBound, &scan, original, &sink)
            let line = scan.lineRange
            let number = scan.line
            let name = reading.trace.flatMap { $0 < match.count ? match[$0] : nil }.map {
                Bytes.trim(original.string($0))
            }
            pass(whole, &scan, original, reason: nil, &sink)
            enterExecution(name ?? "", scan.text, line, line: number, &sink)
        }
        if isFinal {
            leaveLines(before: end + 1, &scan, original, &sink)
            regex?.readBytes = 0
            regex?.use = .untouched
            regex?.matchesInLine = 0
            lineCount = scan.line - 1
            return range.upperBound
        }
        regex?.readBytes = scan.from - scan.lineStart
        regex?.use = scan.use
        regex?.matchesInLine = scan.matchesInLine
        lineCount = scan.line - 1
        return base + scan.lineStart
    }

    /// The bytes as they came, for what the repaired text was found in.
    struct Original {
        let bytes: [UInt8]
        let base: Int

        func string(_ range: Range<Int>) -> String {
            Bytes.string(bytes, base + range.lowerBound..<base + range.upperBound)
        }

        func range(_ range: Range<Int>) -> Range<Int> {
            base + range.lowerBound..<base + range.upperBound
        }
    }

    /// A delimiter that reaches to the end of all there is, and is longer than any, counts as it
    /// is.
    private func nextDelimiter(
        _ delimiter: Pattern, _ scan: RegexScan, to end: Int, isFinal: Bool
    ) -> RegexScan.Finding {
        var ahead = scan
        while true {
            let finding = ahead.search(delimiter, to: end, isFinal: isFinal)
            guard case .tooFar(let limit, let candidate) = finding else { return finding }
            if let candidate, candidate.count > Limits.keptBytesMax {
                return .match(candidate, [candidate])
            }
            if limit == end { return .waiting(candidate: candidate?.lowerBound) }
            let keep = candidate?.lowerBound ?? limit - Limits.keptBytesMax
            let start = ahead.lineStart
            while ahead.lineEnd < keep { ahead.nextLine() }
            if ahead.lineStart == start { ahead.nextLine() }
        }
    }

    /// Reads the records between the scan's place and `end`.
    private mutating func readSection(
        _ scan: inout RegexScan, _ reading: RegexReading, _ original: Original, to end: Int,
        isFinal: Bool,
        _ sink: inout LogSink
    ) {
        while scan.from < end {
            if scan.matchesInLine >= Limits.recordsPerLineMax, scan.from < scan.lineEnd {
                if scan.use != .reported {
                    report(
                        "more than \(Limits.recordsPerLineMax) matches in a line: expected at most that",
                        original.bytes, original.range(scan.lineRange), line: scan.line, &sink)
                }
                scan.nextLine()
                continue
            }
            switch scan.search(reading.pattern, to: end, isFinal: isFinal) {
            case .match(let whole, let match):
                leaveLines(before: whole.lowerBound, &scan, original, &sink)
                do throws(RecordDefect) {
                    try appendMatch(match, reading, original, &sink)
                    pass(whole, &scan, original, reason: nil, &sink)
                } catch {
                    sink.batch.abandonRow()
                    pass(whole, &scan, original, reason: error.reason, &sink)
                }
            case .nothing, .waiting: return
            case .tooFar(let limit, let candidate):
                if let candidate, candidate.lowerBound > scan.lineEnd {
                    leaveLines(before: candidate.lowerBound, &scan, original, &sink)
                } else if candidate != nil {
                    let reason =
                        "in a record of more than \(Causality.Limits.eventBytesMax) bytes: expected at most that"
                    pass(scan.from..<limit, &scan, original, reason: reason, &sink)
                } else {
                    let kept = max(scan.lineEnd + 1, limit - Limits.keptBytesMax)
                    leaveLines(before: kept, &scan, original, &sink)
                }
            }
        }
    }

    /// Moves to the line that holds `offset`, and reports the lines before it that no match
    /// touched.
    private mutating func leaveLines(
        before offset: Int, _ scan: inout RegexScan, _ original: Original, _ sink: inout LogSink
    ) {
        while scan.lineEnd < offset, scan.lineStart < scan.text.count {
            if scan.use == .untouched {
                report(
                    "no match of the pattern", original.bytes, original.range(scan.lineRange),
                    line: scan.line, &sink)
            }
            scan.nextLine()
        }
    }

    /// Moves behind a match that begins in the scan's line; with a reason, reports the lines that
    /// it touches.
    private mutating func pass(
        _ match: Range<Int>, _ scan: inout RegexScan, _ original: Original, reason: String?,
        _ sink: inout LogSink
    ) {
        while true {
            let touches = match.lowerBound < scan.lineEnd && match.upperBound > scan.lineStart
            if touches {
                scan.matchesInLine += 1
                if let reason, scan.use != .reported {
                    report(
                        reason, original.bytes, original.range(scan.lineRange), line: scan.line,
                        &sink)
                    scan.use = .reported
                } else if scan.use == .untouched {
                    scan.use = .matched
                }
            }
            guard scan.lineEnd < match.upperBound, scan.lineStart < scan.text.count else { break }
            scan.nextLine()
        }
        scan.resume(at: match.upperBound)
    }

    private mutating func appendMatch(
        _ match: RegexScan.Match, _ reading: RegexReading, _ original: Original,
        _ sink: inout LogSink
    ) throws(RecordDefect) {
        guard let host = match[reading.host], let clock = match[reading.clock],
            let event = match[reading.event]
        else { throw RecordDefect("a match without a host, clock or event: expected all three") }
        var level: Level?
        var time: WallTime?
        var attributes: [Attribute] = []
        for group in reading.others {
            guard let range = match[group.index] else { continue }
            let text = original.string(range)
            attributes.append(Attribute(group.name, .text(text)))
            switch group.name {
            case "timestamp", "date": time = time ?? Timestamp.parse(text, &times)
            case "level", "priority", "severity": level = level ?? Level(text: Bytes.trim(text))
            default: break
            }
        }
        let members = try ClockMembers(original.bytes, original.range(clock))
        let text = Bytes.withoutLineBreak(original.bytes, original.range(event))
        try appendTraced(
            process: original.string(host), clock: members,
            text: Bytes.string(original.bytes, text),
            level: level, time: time, attributes: attributes, &sink)
    }
}
