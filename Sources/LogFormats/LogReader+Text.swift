import Causality

/// Plain lines: each is an event of one process, and nothing is known of messages.
extension LogReader {
    mutating func readTextLine(
        _ bytes: [UInt8], _ range: Range<Int>, _ sink: inout LogSink
    ) throws(RecordDefect) {
        try EventLimits.check(attributeCount: 0, byteCount: range.count)
        let line = textLine()
        let sequence = try processes.sequence(of: line, given: nil)
        let clock = LogClock(own: sequence)
        let predecessor = processes.diff(line, clock, into: &sink.batch)
        sink.batch.appendText(bytes.span.extracting(range))
        sink.batch.endRow(
            slot: processes.slot(line, in: &sink.batch), sequence: sequence, kind: .unsaid,
            time: Timestamp.leading(bytes, range)?.nanoseconds ?? EventBatch.noTime,
            level: LogReader.level(bytes, range)?.rawValue ?? 0, stamp: .silent,
            predecessor: predecessor)
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

    /// The first word in the beginning of a line that is a level in capitals or in brackets, or
    /// nil.
    static func level(_ bytes: [UInt8], _ line: Range<Int>) -> Level? {
        let end = min(line.upperBound, line.lowerBound + Limits.levelBytesMax)
        var index = line.lowerBound
        while index < end {
            var wordEnd = index
            while wordEnd < line.upperBound, wordEnd - index < Limits.levelBytesMax,
                Bytes.isWord(bytes[wordEnd])
            {
                wordEnd += 1
            }
            if wordEnd > index {
                let word = bytes[index..<wordEnd]
                let isCapital = word.allSatisfy { (65...90).contains($0) }
                let isBracketed =
                    index > line.lowerBound && bytes[index - 1] == UInt8(ascii: "[")
                    && wordEnd < line.upperBound && bytes[wordEnd] == UInt8(ascii: "]")
                if isCapital || isBracketed, let level = level(word) { return level }
            }
            index = wordEnd + 1
        }
        return nil
    }

    /// The level that a word names: looked up only where it is as long as one of them, and begins like one.
    private static func level(_ word: ArraySlice<UInt8>) -> Level? {
        guard (3...11).contains(word.count), let first = word.first,
            "tvfdinwesca p".utf8.contains(first | 0x20)
        else { return nil }
        return Level(text: String(decoding: word, as: UTF8.self))
    }
}
