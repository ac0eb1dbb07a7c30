import Causality

/// The members of a vector clock as a log writes it: a JSON object of process names and counts.
struct ClockMembers {
    let bytes: [UInt8]
    let spans: [JSONSpan]

    /// Reads a clock's text: white space around it and escaped quotes are allowed. Throws where it is no JSON object.
    init(_ text: [UInt8], _ range: Range<Int>) throws(RecordDefect) {
        let trimmed = Bytes.trim(text, range)
        var spans: [JSONSpan] = []
        do throws(JSONDefect) {
            try JSONScanner.scan(text, trimmed, into: &spans)
            (bytes, self.spans) = (text, spans)
        } catch {
            guard let inside = JSONScanner.unescaped(Array(text[trimmed])) else {
                let shown = Bytes.quoted(Bytes.string(text, trimmed))
                throw RecordDefect("the clock \(shown) is \(error.reason)")
            }
            let unescaped = Array(inside.utf8)
            guard (try? JSONScanner.scan(unescaped, unescaped.indices, into: &spans)) != nil else {
                let shown = Bytes.quoted(Bytes.string(text, trimmed))
                throw RecordDefect("the clock \(shown) is \(error.reason)")
            }
            (bytes, self.spans) = (unescaped, spans)
        }
    }

    func key(_ span: JSONSpan) -> String {
        JSONScanner.text(bytes, span.key, hasEscapes: span.keyHasEscapes)
    }

    func valueText(_ span: JSONSpan) -> String {
        JSONScanner.text(bytes, span.value, hasEscapes: span.hasEscapes)
    }

    func has(_ name: String) -> Bool { spans.contains { key($0) == name } }

    /// True where every value is an integer as text goes, whether or not it fits.
    var areIntegers: Bool { spans.allSatisfy { ClockText.isInteger(bytes, $0) } }

    /// The beginning of it, for a person.
    var shown: String {
        var text = "{"
        for span in spans where text.utf8.count <= Limits.quotedBytesMax {
            text +=
                (text == "{" ? "" : ", ")
                + "\"\(Bytes.quoted(key(span)))\":\(Bytes.quoted(valueText(span)))"
        }
        return Bytes.quoted(text + "}")
    }
}

/// A clock as a log's line says it.
struct LogClock: Sendable {
    var own: UInt64
    /// The others' entries above 0, by the number of their name in `LogProcesses`, ascending as the line has them.
    var entries: [Entry] = []

    struct Entry: Hashable, Sendable {
        var name: Int
        var value: UInt64
    }
}

enum ClockText {
    /// True where a value is a number or a string of digits, whether or not it fits.
    static func isInteger(_ bytes: [UInt8], _ span: JSONSpan) -> Bool {
        let text = bytes[span.value]
        switch span.kind {
        case .number:
            let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
            return digits.allSatisfy(Bytes.isDigit)
        case .string: return !text.isEmpty && text.allSatisfy(Bytes.isDigit)
        default: return false
        }
    }

    /// A count from 0 to `Limits.sequenceMax`, as a number or a string of digits; nil where it is none.
    static func count(_ bytes: [UInt8], _ span: JSONSpan) -> UInt64? {
        guard span.kind == .number || span.kind == .string else { return nil }
        return count(bytes, span.value)
    }

    /// A count of digits only.
    static func count(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64? {
        guard !range.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in range {
            let byte = bytes[index]
            guard Bytes.isDigit(byte) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = tens.addingReportingOverflow(UInt64(byte - 48))
            guard !overflow, !overflowToo else { return nil }
            value = sum
        }
        return value <= Causality.Limits.sequenceMax ? value : nil
    }

    /// The clock of an event of `process`. Entries of 0 are dropped. O(entries).
    ///
    /// - Parameters:
    ///   - sequence: The own entry, where the record says it outside of the clock.
    ///   - isRaw: Whether names stand as they are, or in Lightcone's text form.
    static func clock(
        _ members: ClockMembers, of process: ProcessID, sequence: UInt64? = nil, isRaw: Bool = true,
        _ processes: inout LogProcesses
    ) throws(RecordDefect) -> LogClock {
        guard members.spans.count <= Causality.Limits.clockEntriesMax else {
            throw RecordDefect(
                "a clock of \(members.spans.count) entries: expected at most \(Causality.Limits.clockEntriesMax)"
            )
        }
        var own: UInt64?
        var clock = LogClock(own: 0)
        clock.entries.reserveCapacity(members.spans.count)
        for span in members.spans {
            let name = try processes.name(members, span, isRaw: isRaw)
            guard let count = count(members.bytes, span) else {
                throw RecordDefect(
                    "the clock's entry for \(processes.id(name)) is \(Bytes.quoted(members.valueText(span))): expected an integer "
                        + "from 0 to \(Causality.Limits.sequenceMax)")
            }
            if processes.id(name) == process {
                own = count
            } else if count > 0 {
                clock.entries.append(LogClock.Entry(name: name, value: count))
            }
        }
        clock.own = try self.own(own, members, process, sequence)
        return clock
    }

    private static func own(
        _ found: UInt64?, _ members: ClockMembers, _ process: ProcessID, _ sequence: UInt64?
    ) throws(RecordDefect) -> UInt64 {
        guard let own = found ?? sequence else {
            throw RecordDefect(
                "the clock \(members.shown) has no entry for its own process \(process)")
        }
        guard own > 0 else {
            throw RecordDefect(
                "the clock's entry for its own process \(process) is 0: expected at least 1")
        }
        if let sequence, own != sequence {
            throw RecordDefect(
                "the clock's entry for its own process \(process) is \(own): expected its seq \(sequence)"
            )
        }
        return own
    }
}
