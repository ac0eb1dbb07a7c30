import Causality

/// What survives a restart.
///
///     state      = "LR", version 2, format, lines, isInsideLongLine, executions,
///                  sequences, regex, header
///     executions = name, number, isUsed, isFull, count, (name, number)*
///     sequences  = count, (execution, host, process, incarnation, sequence)*
///     regex      = bytes read of the line, use, matches in the line
///     header     = 0 | 1 pattern delimiter | 2 (refused)
///
/// Numbers are LEB128, texts their length and UTF-8. Tables are sorted, so equal readers have equal
/// states.
extension LogReader {
    private static let version: UInt64 = 2

    private var formatNumber: UInt64 {
        switch format {
        case .govector: 1
        case .regex: 2
        case .shiviz: 3
        case .jsonl: 4
        case .text: 5
        }
    }

    /// Everything that a new reader of the same format and options needs to go on behind the bytes
    /// that this one consumed. O(executions + processes).
    package func storedState() -> [UInt8] {
        var writer = StateWriter()
        writer.add(UInt64(UInt8(ascii: "L")))
        writer.add(UInt64(UInt8(ascii: "R")))
        writer.add(LogReader.version)
        writer.add(formatNumber)
        writer.add(lineCount)
        writer.add(isInsideLongLine)
        writer.add(executions.name)
        writer.add(executions.number)
        writer.add(executions.isUsed)
        writer.add(executions.isFull)
        writer.add(UInt64(executions.numbers.count))
        for (name, number) in executions.numbers.sorted(by: { $0.key < $1.key }) {
            writer.add(name)
            writer.add(number)
        }
        // In the order in which they came: the first ones are those whose numbers are remembered.
        let lines = processes.lines.prefix(Limits.processesMax)
        writer.add(UInt64(lines.count))
        for line in lines {
            writer.add(line.key.execution)
            writer.add(line.key.host)
            writer.add(line.key.process.name)
            writer.add(UInt64(line.key.process.incarnation))
            writer.add(line.highest)
        }
        writer.add(UInt64(regex?.readBytes ?? 0))
        writer.add(UInt64(regex?.use.rawValue ?? 0))
        writer.add(UInt64(regex?.matchesInLine ?? 0))
        switch header {
        case nil: writer.add(0)
        case .some(let header) where header.isRefused: writer.add(2)
        case .some(let header):
            writer.add(1)
            writer.add(header.pattern)
            writer.add(header.delimiter)
        }
        return writer.bytes
    }

    /// Goes on where the reader stood whose `storedState` this is. Throws where it is malformed, of
    /// another version or of another format; then nothing changes.
    package mutating func restore(_ state: [UInt8]) throws(LogFormatError) {
        var reader = StateReader(state)
        var restored = self
        for byte in "LR".utf8 {
            guard try reader.number("its magic") == UInt64(byte) else {
                throw reader.malformed("the magic LR")
            }
        }
        let version = try reader.number("its version")
        guard version == LogReader.version else {
            throw reader.malformed("version \(LogReader.version), found \(version)")
        }
        let format = try reader.number("its format")
        guard format == formatNumber else {
            throw reader.malformed("format \(formatNumber), found \(format)")
        }
        restored.lineCount = try reader.number("the line count", max: 1 << 62)
        restored.isInsideLongLine = try reader.flag("a flag")
        restored.executions = try LogReader.executions(&reader)
        restored.processes = try LogReader.processes(&reader)
        restored.textProcess = nil
        let read = try reader.number("the bytes read", max: UInt64(Causality.Limits.eventBytesMax))
        let use = try reader.number("the use of a line", max: 2)
        let matches = try reader.number(
            "the matches in a line", max: UInt64(Limits.recordsPerLineMax))
        switch try reader.number("the kind of header", max: 2) {
        case 1:
            let header = ShiVizHeader(
                pattern: try reader.text("a pattern"), delimiter: try reader.text("a delimiter"),
                isRefused: false)
            restored.regex = try header.compiled()
            restored.header = header
        case 2: restored.header = ShiVizHeader(pattern: "", delimiter: "", isRefused: true)
        default: restored.header = nil
        }
        restored.regex?.readBytes = Int(read)
        restored.regex?.use = RegexReading.LineUse(rawValue: UInt8(use)) ?? .untouched
        restored.regex?.matchesInLine = Int(matches)
        restored.waitingBytes = 0
        guard reader.isAtEnd else { throw reader.malformed("its end") }
        self = restored
    }

    private static func executions(_ reader: inout StateReader) throws(LogFormatError) -> Executions
    {
        var executions = Executions(name: try reader.text("an execution"))
        executions.number = try reader.number("its number", max: 1 << 32)
        executions.isUsed = try reader.flag("a flag")
        executions.isFull = try reader.flag("a flag")
        for _
            in 0..<(try reader.number("the execution count", max: UInt64(2 * Limits.executionsMax)))
        {
            let name = try reader.text("an execution")
            executions.numbers[name] = try reader.number("its number", max: 1 << 32)
        }
        return executions
    }

    private static func processes(
        _ reader: inout StateReader
    ) throws(LogFormatError) -> LogProcesses {
        var processes = LogProcesses()
        for _ in 0..<(try reader.number("the process count", max: UInt64(Limits.processesMax))) {
            let execution = try reader.text("an execution")
            let host = try reader.text("a host")
            let name = try reader.text("a process")
            let incarnation = try reader.number(
                "an incarnation", max: UInt64(Causality.Limits.incarnationMax))
            let process = ProcessID(name: name, incarnation: UInt32(incarnation))
            processes.restore(
                ProcessKey(execution: execution, host: host, process: process),
                highest: try reader.number(
                    "a sequence number", max: Causality.Limits.sequenceMax))
        }
        return processes
    }
}
