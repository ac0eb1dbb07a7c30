import Causality

/// Plain lines: each is an event of one process, or some of them together are, and nothing is known of messages.
extension LogReader {
    /// Reads events of several lines. One begins at each line that the pattern matches, at the first line that there is, and
    /// where the one before would become too large.
    mutating func readTextRecords(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        let isUTF8 = Bytes.isUTF8(bytes, range)
        // Where the event begins whose lines are being read, and how many lines are before it.
        var open: (start: Int, lines: UInt64)?
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                Bytes.newline(bytes, in: start..<range.upperBound).map { $0 + 1 }
                ?? range.upperBound
            let line = Bytes.withoutLineBreak(bytes, start..<end)
            if let record = open,
                end - record.start > Causality.Limits.eventBytesMax
                    || beginsEvent(bytes, line, isUTF8: isUTF8)
            {
                readTextRecord(
                    bytes, record.start..<start, line: record.lines + 1, isUTF8: isUTF8, &sink)
                open = nil
            }
            if open == nil { open = (start, lineCount) }
            lineCount += 1
            start = end
        }
        guard let open else { return range.upperBound }
        guard isFinal else {
            lineCount = open.lines
            return open.start
        }
        readTextRecord(
            bytes, open.start..<range.upperBound, line: open.lines + 1, isUTF8: isUTF8, &sink)
        return range.upperBound
    }

    private func beginsEvent(_ bytes: [UInt8], _ line: Range<Int>, isUTF8: Bool) -> Bool {
        guard let firstLine else { return true }
        guard isUTF8 else { return firstLine.matches(Bytes.string(bytes, line)) }
        return bytes.withUnsafeBytes {
            firstLine.matches(UnsafeRawBufferPointer(rebasing: $0[line]))
        }
    }

    private mutating func readTextRecord(
        _ bytes: [UInt8], _ range: Range<Int>, line: UInt64, isUTF8: Bool, _ sink: inout LogSink
    ) {
        // Without the empty lines at its end.
        let end = bytes[range].lastIndex { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard let end, !Bytes.isBlank(bytes, range) else { return }
        let record = range.lowerBound..<end + 1
        do throws(RecordDefect) {
            if isUTF8 {
                try readTextLine(bytes, record, &sink)
            } else {
                let repaired = Array(Bytes.string(bytes, record).utf8)
                try readTextLine(repaired, repaired.indices, &sink)
            }
        } catch {
            sink.batch.abandonRow()
            reportLines(error.reason, bytes, record, first: line, &sink)
        }
    }

    /// Reads an event, which is valid UTF-8: its time and level stand in its first line.
    mutating func readTextLine(
        _ bytes: [UInt8], _ range: Range<Int>, _ sink: inout LogSink
    ) throws(RecordDefect) {
        try EventLimits.check(attributeCount: 0, byteCount: range.count)
        let line = textLine()
        let sequence = try processes.sequence(of: line, given: nil)
        let clock = LogClock(own: sequence)
        let predecessor = processes.diff(line, clock, into: &sink.batch)
        let firstEnd = Bytes.newline(bytes, in: range) ?? range.upperBound
        let (time, level) = timeAndLevel(bytes, range.lowerBound..<firstEnd)
        sink.batch.appendText(bytes.span.extracting(range))
        sink.batch.endRow(
            slot: processes.slot(line, in: &sink.batch), sequence: sequence, kind: .unsaid,
            time: time?.nanoseconds ?? EventBatch.noTime, level: level?.rawValue ?? 0,
            stamp: .silent, predecessor: predecessor)
        processes.note(line, sequence, clock)
    }

    /// The one process that lines without any name are of.
    private mutating func textLine() -> Int {
        if let textProcess { return textProcess }
        let process = ProcessID(name: options.textProcess)
        let line = processes.index(
            of: ProcessKey(
                execution: options.execution, host: options.host ?? process.name, process: process))
        textProcess = line
        return line
    }
}
