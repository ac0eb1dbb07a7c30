import Causality
import Matching

/// Reads a log as events, from whatever pieces of it there are.
///
/// The items do not depend on where the pieces end, nor on a restart between them (`storedState`); but for a pattern that goes on
/// as far as it can over more than 16 lines, which takes as many as there are.
/// A line of more than `eventBytesMax` bytes is reported as unmatched and passed over, so at most
/// twice as many bytes are ever waited for.
package struct LogReader: Sendable {
    /// What a log itself does not say.
    package struct Options: Sendable {
        /// The execution of events whose log names none; 1 to 256 bytes.
        package var execution: String
        /// The host of all events; nil where it is what the log says, or else the process's name.
        package var host: String?
        /// The process of a log of plain lines; 1 to 256 bytes.
        package var textProcess: String
        /// What its times leave unsaid.
        package var times: LogTimes

        package init(
            execution: String = ProcessKey.executionDefault, host: String? = nil,
            textProcess: String = "log", times: LogTimes = LogTimes()
        ) {
            self.execution = execution
            self.host = host
            self.textProcess = textProcess
            self.times = times
        }
    }

    let format: LogFormat
    let options: Options
    /// Lines consumed so far.
    package internal(set) var lineCount: UInt64 = 0
    var executions: Executions
    /// True within a line that was too long, up to its line break.
    var isInsideLongLine = false
    /// The processes that the log's events are of.
    var processes = LogProcesses()
    /// What `regex` matches with; for `shiviz` nil until the header was read.
    var regex: RegexReading?
    /// How `jsonl` names things; nil where the line tells.
    var fields: FieldMap?
    /// Which keys of `fields` were seen, where that is asked. Not part of the stored state.
    var search: FieldSearch?
    /// The header of a `shiviz` file, once it was read.
    var header: ShiVizHeader?
    /// How many of the bytes to come were seen before and hold nothing that can be consumed. Not
    /// part of the stored state: it only saves work.
    var waitingBytes = 0
    /// What the first line of an event matches, where plain lines make events of several.
    var firstLine: Pattern?
    /// What the members of a line are read into, again and again.
    var members: [JSONSpan] = []
    /// The process of plain lines, once there was one.
    var textProcess: Int?
    var innerMembers: [JSONSpan] = []
    var values = LineValues()
    var levels = WordMeanings<Level>()
    /// What the log's times leave unsaid; when it was written to last may change while it grows.
    package var times: LogTimes
    var kinds = WordMeanings<EventKind>()
    /// The bytes by which the process of a line is found.
    var processText: [UInt8] = []

    /// A reader at the beginning of a log.
    ///
    /// Throws where a pattern is not valid or lacks a group, where a field map lacks the process,
    /// names an empty key or has a word that is nearly one of ours, and where an option is empty or too long.
    package init(_ format: LogFormat, _ options: Options) throws(LogFormatError) {
        self.format = format
        self.options = options
        times = options.times
        executions = Executions(name: options.execution)
        do throws(RecordDefect) {
            try EventLimits.checkName(options.execution, "an execution name")
            try EventLimits.checkName(options.textProcess, "a process name")
            if let host = options.host { try EventLimits.checkName(host, "a host name") }
        } catch {
            throw LogFormatError(error.reason)
        }
        switch format {
        case .regex(let pattern, let delimiter):
            regex = try RegexReading(pattern, delimiter: delimiter)
        case .jsonl(let fields?, _): self.fields = try FieldMap(fields)
        case .text(let pattern?):
            do {
                firstLine = try Pattern(pattern)
            } catch {
                throw LogFormatError("multiline: \(error)")
            }
        case .govector, .shiviz, .jsonl, .text: break
        }
    }

    /// True where the lines of `jsonl` tell of every message.
    var declaresMessages: Bool {
        if case .jsonl(_, let declaresMessages) = format { declaresMessages } else { false }
    }

    /// Reads as many whole records as `bytes` holds, and appends their events to the sink's batch, in file order.
    ///
    /// O(n) in the bytes, apart from looking again at those that were not consumed before.
    ///
    /// - Parameters:
    ///   - bytes: The bytes of the log that were not yet consumed, with more after them.
    ///   - isFinal: True where no more will come: then everything is consumed.
    /// - Returns: How many bytes were consumed: the next call passes the others again.
    package mutating func read(
        _ bytes: [UInt8], isFinal: Bool, into sink: inout LogSink
    ) -> Int {
        // A byte order mark at the beginning of a file is no text.
        guard lineCount == 0, bytes.starts(with: [0xef, 0xbb, 0xbf]) else {
            return readText(bytes, isFinal: isFinal, &sink)
        }
        let consumed = readText(Array(bytes[3...]), isFinal: isFinal, &sink)
        return consumed > 0 || isFinal ? consumed + 3 : 0
    }

    private mutating func readText(
        _ bytes: [UInt8], isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        let seen = waitingBytes <= bytes.count ? waitingBytes : 0
        waitingBytes = 0
        if seen > 0, !isFinal, bytes.count <= Causality.Limits.eventBytesMax,
            Bytes.newline(bytes, in: seen..<bytes.count) == nil
        {
            waitingBytes = bytes.count
            return 0
        }
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count - position, Limits.windowBytesMax) + position
            let isLast = end == bytes.count
            let next = readWindow(bytes, position..<end, isFinal: isFinal && isLast, &sink)
            defer { position = next }
            if isLast || next == position { break }
        }
        if !isFinal { waitingBytes = bytes.count - position }
        return position
    }

    /// Reads what can be read of `window`, and returns where the bytes begin that are to be passed
    /// again.
    private mutating func readWindow(
        _ bytes: [UInt8], _ window: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        var position = window.lowerBound
        while position < window.upperBound {
            if isInsideLongLine {
                guard let end = Bytes.newline(bytes, in: position..<window.upperBound)
                else { return window.upperBound }
                isInsideLongLine = false
                position = end + 1
                continue
            }
            let (end, isLongNext) = LogReader.ordinaryLines(
                bytes, position..<window.upperBound, isFinal: isFinal)
            let isLast = isLongNext || (isFinal && end == window.upperBound)
            let next = readLines(bytes, position..<end, isFinal: isLast, &sink)
            guard isLongNext else { return next }
            lineCount += 1
            emit(
                "a line of more than \(Causality.Limits.eventBytesMax) bytes: expected at most that",
                bytes,
                end..<window.upperBound, line: lineCount, &sink)
            isInsideLongLine = true
            position = end
        }
        return position
    }

    /// Where the whole lines from the beginning of `range` end, and whether a line follows that is
    /// too long.
    private static func ordinaryLines(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool
    ) -> (end: Int, isLongNext: Bool) {
        if range.count <= Causality.Limits.eventBytesMax {
            // No line can be too long.
            if isFinal { return (range.upperBound, false) }
            let newline = bytes[range].lastIndex(of: Bytes.newline)
            return (newline.map { $0 + 1 } ?? range.lowerBound, false)
        }
        var start = range.lowerBound
        while let end = Bytes.newline(bytes, in: start..<range.upperBound) {
            if end - start > Causality.Limits.eventBytesMax { return (start, true) }
            start = end + 1
        }
        if range.upperBound - start > Causality.Limits.eventBytesMax { return (start, true) }
        return (isFinal ? range.upperBound : start, false)
    }

    /// Reads whole lines. With `isFinal`, no record goes on behind them.
    private mutating func readLines(
        _ bytes: [UInt8], _ range: Range<Int>, isFinal: Bool, _ sink: inout LogSink
    ) -> Int {
        switch format {
        case .govector: return readGoVector(bytes, range, isFinal: isFinal, &sink)
        case .regex: return readRegex(bytes, range, isFinal: isFinal, &sink)
        case .shiviz: return readShiViz(bytes, range, isFinal: isFinal, &sink)
        case .text(multiline: .some): return readTextRecords(bytes, range, isFinal: isFinal, &sink)
        case .jsonl, .text:
            // Checked at once: nearly always all of it is UTF-8.
            let isUTF8 = Bytes.isUTF8(bytes, range)
            return forEachLine(bytes, range) { reader, line in
                reader.lineCount += 1
                if Bytes.isBlank(bytes, line) { return }
                do throws(RecordDefect) {
                    if isUTF8 {
                        try reader.readLine(bytes, line, &sink)
                    } else {
                        let repaired = Array(Bytes.string(bytes, line).utf8)
                        try reader.readLine(repaired, repaired.indices, &sink)
                    }
                } catch {
                    sink.batch.abandonRow()
                    reader.report(error.reason, bytes, line, line: reader.lineCount, &sink)
                }
            }
        }
    }

    /// Reads a line that is valid UTF-8.
    private mutating func readLine(
        _ bytes: [UInt8], _ line: Range<Int>, _ sink: inout LogSink
    ) throws(RecordDefect) {
        if case .text = format { return try readTextLine(bytes, line, &sink) }
        try readJSONLine(bytes, line, &sink)
    }

    /// Calls `body` with each line of `range`, without its line break; returns the end of `range`.
    mutating func forEachLine(
        _ bytes: [UInt8], _ range: Range<Int>, _ body: (inout LogReader, Range<Int>) -> Void
    ) -> Int {
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                Bytes.newline(bytes, in: start..<range.upperBound).map { $0 + 1 }
                ?? range.upperBound
            body(&self, Bytes.withoutLineBreak(bytes, start..<end))
            start = end
        }
        return range.upperBound
    }

    /// Hands over a line that is no event; nothing where it is blank.
    mutating func report(
        _ reason: String, _ bytes: [UInt8], _ range: Range<Int>, line: UInt64,
        _ sink: inout LogSink
    ) {
        if !Bytes.isBlank(bytes, range) { emit(reason, bytes, range, line: line, &sink) }
    }

    private mutating func emit(
        _ reason: String, _ bytes: [UInt8], _ range: Range<Int>, line: UInt64,
        _ sink: inout LogSink
    ) {
        let execution = executions.use()
        sink.addUnmatched {
            UnmatchedLine(
                line: line, execution: execution, reason: reason,
                text: Bytes.lineStart(bytes, range))
        }
    }

    /// Begins the execution that a separating line names, or the one that is meant where none is
    /// named.
    mutating func enterExecution(
        _ name: String, _ bytes: [UInt8], _ range: Range<Int>, line: UInt64,
        _ sink: inout LogSink
    ) {
        let name = name.isEmpty ? options.execution : name
        // Leaves room for a number behind the name.
        let kept = Bytes.cut(name, Causality.Limits.nameBytesMax - 21)
        executions.enter(kept)
        guard kept != name else { return }
        report(
            "an execution name of \(name.utf8.count) bytes, which is cut: expected at most "
                + "\(Causality.Limits.nameBytesMax - 21)", bytes, range, line: line, &sink)
    }
}

extension LogReader {
    /// Appends an event whose record carries a clock, in the current execution.
    mutating func appendTraced(
        process name: String, clock members: ClockMembers, text: String, level: Level?,
        time: WallTime?, attributes: [Attribute] = [], _ sink: inout LogSink
    ) throws(RecordDefect) {
        try executions.check()
        let process = ProcessID(name: name)
        try EventLimits.checkName(name, "a process name")
        let clock = try ClockText.clock(members, of: process, &processes)
        let key = ProcessKey(
            execution: executions.current, host: options.host ?? name, process: process)
        try EventLimits.check(key)
        var size = text.utf8.count
        for attribute in attributes {
            try EventLimits.checkName(attribute.key, "an attribute key")
            size += attribute.key.utf8.count + attribute.value.text.utf8.count
        }
        try EventLimits.check(attributeCount: attributes.count, byteCount: size)
        _ = executions.use()
        let line = processes.index(of: key)
        let predecessor = processes.diff(line, clock, into: &sink.batch)
        sink.batch.appendText(Array(text.utf8).span)
        for attribute in attributes {
            var isJSON = false
            if case .json = attribute.value { isJSON = true }
            sink.batch.appendAttribute(
                key: Array(attribute.key.utf8).span, isJSON: isJSON,
                value: Array(attribute.value.text.utf8).span)
        }
        sink.batch.endRow(
            slot: processes.slot(line, in: &sink.batch), sequence: clock.own, kind: .unsaid,
            time: time?.nanoseconds ?? EventBatch.noTime, level: level?.rawValue ?? 0,
            stamp: .complete, predecessor: predecessor)
        processes.note(line, clock.own, clock)
    }
}
