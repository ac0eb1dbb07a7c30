import Causality

/// Vector clocks as logs write them: a JSON object of process names and counts.
enum ClockText {
    /// The members of a clock's text: white space around it and escaped quotes are allowed.
    /// Throws where it is no JSON object.
    static func members(_ text: [UInt8]) throws(RecordDefect) -> [JSONMember] {
        let trimmed = Array(text[Bytes.trim(text, text.indices)])
        do throws(JSONDefect) {
            return try JSONScanner.object(trimmed)
        } catch {
            guard let inside = JSONScanner.unescaped(trimmed),
                let members = try? JSONScanner.object(Array(inside.utf8))
            else {
                let shown = Bytes.quoted(Bytes.string(trimmed, trimmed.indices))
                throw RecordDefect("the clock \(shown) is \(error.reason)")
            }
            return members
        }
    }

    /// True where `value` is an integer as text goes, whether or not it fits.
    static func isInteger(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let text):
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            return digits.utf8.allSatisfy(Bytes.isDigit)
        case .string(let text): return !text.isEmpty && text.utf8.allSatisfy(Bytes.isDigit)
        default: return false
        }
    }

    /// A count from 0 to `Limits.sequenceMax`, as a number or a string of digits; nil where it is
    /// none.
    static func count(_ value: JSONValue) -> UInt64? {
        guard isInteger(value), let count = UInt64(value.text),
            count <= Causality.Limits.sequenceMax
        else { return nil }
        return count
    }

    /// The clock of an event of `process`. Entries of 0 are dropped.
    ///
    /// - Parameters:
    ///   - sequence: The own entry, where the record says it outside of the clock.
    ///   - name: What process a key of the clock means.
    static func clock(
        _ members: [JSONMember], of process: ProcessID, sequence: UInt64? = nil,
        name: (String) -> ProcessID = { ProcessID(name: $0) }
    ) throws(RecordDefect) -> VectorClock {
        guard members.count <= Causality.Limits.clockEntriesMax else {
            throw RecordDefect(
                "a clock of \(members.count) entries: expected at most \(Causality.Limits.clockEntriesMax)"
            )
        }
        var entries: [ProcessID: UInt64] = [:]
        entries.reserveCapacity(members.count + 1)
        for member in members {
            let key = name(member.key)
            try EventLimits.checkName(key.name, "in the clock a process name")
            guard let count = count(member.value) else {
                throw RecordDefect(
                    "the clock's entry for \(key) is \(Bytes.quoted(member.value.text)): expected an integer "
                        + "from 0 to \(Causality.Limits.sequenceMax)")
            }
            entries[key] = count
        }
        if let sequence, entries[process] == nil { entries[process] = sequence }
        guard let own = entries[process] else {
            throw RecordDefect(
                "the clock \(shown(members)) has no entry for its own process \(process)")
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
        return VectorClock(entries)
    }

    private static func shown(_ members: [JSONMember]) -> String {
        var text = "{"
        for member in members where text.utf8.count <= Limits.quotedBytesMax {
            text +=
                (text == "{" ? "" : ", ")
                + "\"\(Bytes.quoted(member.key))\":\(Bytes.quoted(member.value.text))"
        }
        return Bytes.quoted(text + "}")
    }
}
