/// A name of a process, host or execution, or of an event or an attribute: the same rules wherever one comes in.
package struct Name: Hashable, Sendable {
    package let text: String

    /// Throws where a text cannot be a name.
    package init(_ text: String) throws(NameError) {
        guard (1...Limits.nameBytesMax).contains(text.utf8.count) else {
            throw NameError(
                "\(text.utf8.count) bytes: expected 1 to \(Limits.nameBytesMax)")
        }
        guard !text.utf8.contains(0) else {
            throw NameError("a NUL byte in it, which no name has")
        }
        self.text = text
    }
}

/// Why a text is no name.
package struct NameError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

extension Name {
    /// The name of a recorded process: HOST/NAME, or the name alone where both are equal. What is too long is cut, and
    /// ends in `~` and 8 hexadecimal digits, so that different names stay different; nothing traps.
    package static func recorded(_ name: String, on host: String) -> String {
        let (name, host) = (self.process(name), self.host(host))
        return ExactText.isSame(name, host) ? name : "\(host)/\(name)"
    }

    /// What a recorded process is called on its host: `recorded` taken back, but for what was cut.
    package static func withoutHost(_ process: String, on host: String) -> String {
        let prefix = "\(host)/"
        return process.hasPrefix(prefix) ? String(process.dropFirst(prefix.count)) : process
    }

    /// What a program calls its process, cut to its limit.
    package static func process(_ text: String) -> String {
        part(text, bytesMax: Limits.processNameBytesMax)
    }

    /// A host's name, cut to its limit.
    package static func host(_ text: String) -> String { part(text, bytesMax: Limits.hostBytesMax) }

    /// An execution's name, cut to its limit; the default one where there is none.
    package static func execution(_ text: String) -> String {
        text.isEmpty ? ProcessKey.executionDefault : part(text, bytesMax: Limits.nameBytesMax)
    }

    private static func part(_ text: String, bytesMax: Int) -> String {
        guard !text.isEmpty else { return "?" }
        let isWhole = text.utf8.count <= bytesMax && !text.utf8.contains(0)
        if isWhole { return text }
        let hash = Array(text.utf8).withUnsafeBytes { mixed($0, seed: 0) }
        let kept = text.withoutNUL.cut(toBytes: bytesMax - 9)
        return "\(kept)~\(hexadecimal(hash).suffix(8))"
    }
}

extension String {
    /// The text with U+FFFD for each NUL, which no name has.
    package var withoutNUL: String {
        split(separator: "\0", omittingEmptySubsequences: false).joined(separator: "\u{fffd}")
    }

    /// The longest beginning of at most so many bytes that ends between characters' scalars.
    package func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit)
        while end > utf8.startIndex, end.samePosition(in: unicodeScalars) == nil {
            end = utf8.index(before: end)
        }
        return String(self[..<end])
    }
}
