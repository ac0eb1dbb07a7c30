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
            level: level(bytes, range)?.rawValue ?? 0, stamp: .silent,
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
    private mutating func level(_ bytes: [UInt8], _ line: Range<Int>) -> Level? {
        let end = min(line.upperBound, line.lowerBound + Limits.levelBytesMax)
        var index = line.lowerBound
        while index < end {
            let start = index
            let wordEnd = min(line.upperBound, start + Limits.levelBytesMax)
            while index < wordEnd, Bytes.isWord(bytes[index]) { index += 1 }
            if (3...11).contains(index - start), beginsLikeALevel(bytes[start]) {
                let isCapital = bytes[start..<index].allSatisfy { (65...90).contains($0) }
                let isBracketed =
                    start > line.lowerBound && bytes[start - 1] == UInt8(ascii: "[")
                    && index < line.upperBound && bytes[index] == UInt8(ascii: "]")
                if isCapital || isBracketed,
                    let level = levels.meaning(bytes, start..<index, { Level(text: $0) })
                {
                    return level
                }
            }
            index += 1
        }
        return nil
    }

    private func beginsLikeALevel(_ byte: UInt8) -> Bool {
        switch Unicode.Scalar(byte | 0x20) {
        case "t", "v", "f", "d", "i", "n", "w", "e", "s", "c", "a", "p": true
        default: false
        }
    }
}
