import Causality

/// GoVector's logs.
///
///     record    = [digits " "] PID " " clock newline, message
///     message   = every line up to the next record's first line or a separator
///     separator = "===" name "==="
///
/// A line is a record's first where its clock is a JSON object of integers that has an entry for
/// the PID. What stands before the first record is unmatched.
extension LogReader {
    /// The first line of a record.
    private struct Header {
        var process: String
        var clock: ClockMembers
        var time: WallTime?
    }

    private struct Record {
        var header: Header
        var start: Int
        var messageStart: Int
        var line: UInt64
    }

    mutating func readGoVector(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        var open: Record?
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                Bytes.newline(bytes, in: start..<range.upperBound).map { $0 + 1 }
                ?? range.upperBound
            let line = Bytes.withoutLineBreak(bytes, start..<end)
            if let name = LogReader.separatorName(bytes, line) {
                finish(open, bytes, end: start, &sink)
                open = nil
                lineCount += 1
                enterExecution(name, bytes, line, line: lineCount, &sink)
            } else if let header = LogReader.header(bytes, line) {
                finish(open, bytes, end: start, &sink)
                lineCount += 1
                open = Record(header: header, start: start, messageStart: end, line: lineCount)
            } else {
                lineCount += 1
                if let record = open, end - record.start > Causality.Limits.eventBytesMax {
                    let reason =
                        "in a record of more than \(Causality.Limits.eventBytesMax) bytes: expected at most that"
                    reportLines(reason, bytes, record.start..<end, first: record.line, &sink)
                    open = nil
                } else if open == nil {
                    report(
                        LogReader.reasonForNoHeader(bytes, line), bytes, line, line: lineCount,
                        &sink
                    )
                }
            }
            start = end
        }
        if isFinal { finish(open, bytes, end: range.upperBound, &sink) }
        guard !isFinal, let open else { return range.upperBound }
        lineCount = open.line - 1
        return open.start
    }

    private mutating func finish(
        _ record: Record?, _ bytes: [UInt8], end: Int, _ sink: inout LogSink
    ) {
        guard let record else { return }
        let message = Bytes.withoutLineBreak(bytes, record.messageStart..<end)
        let (level, text) = LogReader.levelAndText(Bytes.string(bytes, message))
        do throws(RecordDefect) {
            try appendTraced(
                process: record.header.process, clock: record.header.clock, text: text,
                level: level, time: record.header.time, &sink)
        } catch {
            sink.batch.abandonRow()
            reportLines(error.reason, bytes, record.start..<end, first: record.line, &sink)
        }
    }

    /// Reports each line of `range`, which begins with line number `first`.
    mutating func reportLines(
        _ reason: String, _ bytes: [UInt8], _ range: Range<Int>, first: UInt64,
        _ sink: inout LogSink
    ) {
        var number = first
        _ = forEachLine(bytes, range) { reader, line in
            reader.report(reason, bytes, line, line: number, &sink)
            number += 1
        }
    }

    /// What stands before the first ` {` of a line, and the JSON object behind it.
    private static func headerParts(
        _ bytes: [UInt8], _ line: Range<Int>
    ) -> (process: Range<Int>, clock: ClockMembers)? {
        let trimmed = Bytes.trim(bytes, line)
        guard let last = trimmed.last, bytes[last] == UInt8(ascii: "}") else { return nil }
        for index in trimmed where bytes[index] == UInt8(ascii: "{") {
            guard index > trimmed.lowerBound, bytes[index - 1] == UInt8(ascii: " ") else {
                continue
            }
            let process = Bytes.trim(bytes, trimmed.lowerBound..<index)
            guard !process.isEmpty,
                let clock = try? ClockMembers(bytes, index..<trimmed.upperBound)
            else { return nil }
            return (process, clock)
        }
        return nil
    }

    private static func header(_ bytes: [UInt8], _ line: Range<Int>) -> Header? {
        guard let (range, clock) = headerParts(bytes, line),
            clock.areIntegers
        else { return nil }
        var digits = range.lowerBound
        while digits < range.upperBound, Bytes.isDigit(bytes[digits]) { digits += 1 }
        if digits - range.lowerBound >= Limits.epochDigitsMin, digits < range.upperBound,
            Bytes.isSpace(bytes[digits])
        {
            let process = Bytes.string(bytes, Bytes.trim(bytes, digits..<range.upperBound))
            let time = Timestamp.epoch(bytes, range.lowerBound..<digits)
            if let time, clock.has(process) {
                return Header(process: process, clock: clock, time: time)
            }
        }
        let process = Bytes.string(bytes, range)
        guard clock.has(process) else { return nil }
        return Header(process: process, clock: clock, time: nil)
    }

    private static func reasonForNoHeader(_ bytes: [UInt8], _ line: Range<Int>) -> String {
        let expected = "before a record: expected a line such as `PID {\"PID\":1}`"
        guard let (range, members) = headerParts(bytes, line) else { return expected }
        let process = ProcessID(name: Bytes.string(bytes, range))
        do throws(RecordDefect) {
            var processes = LogProcesses()
            _ = try ClockText.clock(members, of: process, &processes)
            return expected
        } catch {
            return error.reason
        }
    }

    /// The name in a separating line, or nil.
    private static func separatorName(_ bytes: [UInt8], _ line: Range<Int>) -> String? {
        let trimmed = Bytes.trim(bytes, line)
        guard trimmed.lowerBound == line.lowerBound, trimmed.count > 6,
            bytes[trimmed].starts(with: "===".utf8),
            bytes[trimmed].suffix(3).elementsEqual("===".utf8)
        else { return nil }
        let name = Bytes.trim(bytes, trimmed.dropFirst(3).dropLast(3))
        // A ruler of nothing but `=` is part of a message.
        guard let first = name.first, let last = name.last, bytes[first] != UInt8(ascii: "="),
            bytes[last] != UInt8(ascii: "=")
        else { return nil }
        return Bytes.string(bytes, name)
    }

    /// GoVector's level at the beginning of a message, and the message without it.
    private static func levelAndText(_ message: String) -> (Level?, String) {
        for word in ["DEBUG", "INFO", "WARNING", "ERROR", "FATAL"] where message.hasPrefix(word) {
            let rest = message.utf8.dropFirst(word.utf8.count)
            guard let separator = rest.first, "-: ".utf8.contains(separator) else { continue }
            var text = rest.dropFirst()
            if separator == UInt8(ascii: ":") { text = text.drop { $0 == UInt8(ascii: " ") } }
            return (Level(text: word), String(text) ?? message)
        }
        return (nil, message)
    }
}
