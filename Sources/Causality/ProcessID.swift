/// Names one process: one sequential line of events, one run of a program.
///
/// A restart of the same program is a new incarnation of the same name. In text a process is written
/// `web-1/api`, its second incarnation `web-1/api#2`; `#`, `:` and `%` inside a name are percent-escaped.
package struct ProcessID: Hashable, Sendable {
    package var name: String
    /// 1, 2, 3 … Incarnation 1 is left out where the process is written.
    package var incarnation: UInt32

    package init(name: String, incarnation: UInt32 = 1) {
        self.name = name
        self.incarnation = incarnation
    }
}

extension ProcessID: CustomStringConvertible {
    /// The process as text, unambiguous: `ProcessID(text:)` gives it back.
    package var description: String {
        let plain = !name.utf8.contains {
            $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: ":")
        }
        let escaped = plain ? name : PercentEscaping.escape(name) { "%#:".utf8.contains($0) }
        return incarnation == 1 ? escaped : "\(escaped)#\(incarnation)"
    }

    /// Reads what `description` writes. A `:` or a `%` that escapes nothing is taken as it stands, so
    /// that a name like `10.0.0.1:80` can also be typed as it is.
    package init(text: String) {
        if let mark = text.lastIndex(of: "#"),
            let incarnation = UInt32(text[text.index(after: mark)...]),
            incarnation > 1, incarnation <= Limits.incarnationMax
        {
            self.init(name: PercentEscaping.unescape(text[..<mark]), incarnation: incarnation)
        } else {
            self.init(name: PercentEscaping.unescape(text[...]))
        }
    }
}

/// The order in which listings show processes where nothing else decides: by name, then incarnation.
/// It says nothing about time.
package func listingOrder(_ a: ProcessID, _ b: ProcessID) -> Bool {
    a.name == b.name ? a.incarnation < b.incarnation : a.name < b.name
}
