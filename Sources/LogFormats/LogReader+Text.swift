import Causality

/// Plain lines: each is an event of one process, and nothing is known of messages.
extension LogReader {
    mutating func textItem(_ bytes: [UInt8], _ line: Range<Int>) throws(RecordDefect) -> LogItem {
        let process = ProcessID(name: options.textProcess)
        let key = ProcessKey(
            execution: options.execution, host: options.host ?? process.name, process: process)
        let last = ProcessInExecution(execution: key.execution, process: process)
        var event = Event(
            id: EventID(process, 1), kind: .unsaid, time: Timestamp.leading(bytes, line),
            text: Bytes.string(bytes, line),
            level: LogReader.level(bytes, line), clock: VectorClock(), stamp: .silent)
        try EventLimits.check(key, event)
        event.id.sequence = try sequence(of: last, given: nil)
        event.clock[process] = event.id.sequence
        return .event(key: key, event: event)
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
                if isCapital || isBracketed,
                    let level = Level(text: String(decoding: word, as: UTF8.self))
                {
                    return level
                }
            }
            index = wordEnd + 1
        }
        return nil
    }
}
