import Causality

/// The first two lines of a ShiViz file.
struct ShiVizHeader: Sendable, Hashable {
    var pattern: String
    var delimiter: String
    /// True where they could not be used: then every line is unmatched.
    var isRefused: Bool
}

/// Files that bring their own pattern.
extension LogReader {
    static let reasonForRefusedHeader =
        "the file's first two lines are no usable pattern and delimiter"

    mutating func readShiViz(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        var rest = range
        if header == nil {
            guard let first = Bytes.newline(bytes, in: range) ?? (isFinal ? range.upperBound : nil)
            else { return range.lowerBound }
            let secondStart = min(range.upperBound, first + 1)
            guard
                let second = Bytes.newline(bytes, in: secondStart..<range.upperBound)
                    ?? (isFinal ? range.upperBound : nil)
            else { return range.lowerBound }
            let firstLine = Bytes.withoutLineBreak(bytes, range.lowerBound..<first)
            let secondLine = Bytes.withoutLineBreak(bytes, secondStart..<second)
            let hasSecond = secondStart < range.upperBound
            readHeader(bytes, firstLine, secondLine, &sink)
            lineCount += hasSecond ? 2 : 1
            rest = min(range.upperBound, second + 1)..<range.upperBound
        }
        guard header?.isRefused == true else {
            return readRegex(bytes, rest, isFinal: isFinal, &sink)
        }
        return forEachLine(bytes, rest) { reader, line in
            reader.lineCount += 1
            reader.report(
                LogReader.reasonForRefusedHeader, bytes, line, line: reader.lineCount, &sink)
        }
    }

    private mutating func readHeader(
        _ bytes: [UInt8], _ first: Range<Int>, _ second: Range<Int>, _ sink: inout LogSink
    ) {
        // A longer line compiles to nothing anyway, and would be kept in the stored state.
        let longest = 64 * 1024
        var header = ShiVizHeader(
            pattern: Bytes.string(bytes, first.prefix(longest)),
            delimiter: Bytes.trim(Bytes.string(bytes, second.prefix(longest))), isRefused: false)
        do throws(LogFormatError) {
            regex = try header.compiled()
        } catch {
            header = ShiVizHeader(pattern: "", delimiter: "", isRefused: true)
            report(error.description, bytes, first, line: lineCount + 1, &sink)
            report(error.description, bytes, second, line: lineCount + 2, &sink)
        }
        self.header = header
    }
}

extension ShiVizHeader {
    func compiled() throws(LogFormatError) -> RegexReading {
        try RegexReading(pattern, delimiter: delimiter.isEmpty ? nil : delimiter)
    }
}
