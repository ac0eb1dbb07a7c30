/// Names one process: one sequential line of events, one run of a program.
///
/// A restart of the same program is a new incarnation of the same name. In text a process is written
/// `web-1/api`, its second incarnation `web-1/api#2`; `#`, `:` and `%` inside a name are percent-escaped.
public struct ProcessID: Hashable, Sendable {
    /// The name as it is, unescaped: 1 to 256 bytes.
    public var name: String
    /// 1, 2, 3 … Incarnation 1 is left out where the process is written.
    public var incarnation: UInt32
    /// What tells it from other runs of the same name and incarnation, where there are some: a few hexadecimal digits,
    /// written `web-1/api@2c1f`. Empty where there is none.
    package var fork = ""

    /// The incarnation of a process with this name; the first unless told otherwise.
    public init(name: String, incarnation: UInt32 = 1) {
        self.name = name
        self.incarnation = incarnation
    }

    /// The same bytes of name, and the same incarnation: names that only look alike differ.
    public static func == (a: ProcessID, b: ProcessID) -> Bool {
        a.incarnation == b.incarnation && a.fork == b.fork && ExactText.isSame(a.name, b.name)
    }

    /// Hashes what `==` compares.
    public func hash(into hasher: inout Hasher) {
        ExactText.hash(name, into: &hasher)
        hasher.combine(incarnation)
        hasher.combine(fork)
    }
}

extension ProcessID: CustomStringConvertible {
    /// The process as text, unambiguous: `ProcessID(text:)` gives it back, but for forks, which only a graph tells apart.
    public var description: String {
        let plain = !name.utf8.contains {
            $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "#") || $0 == UInt8(ascii: ":")
        }
        let escaped = plain ? name : PercentEscaping.escape(name, where: escapedBytes.contains)
        let numbered = incarnation == 1 ? escaped : "\(escaped)#\(incarnation)"
        return fork.isEmpty ? numbered : "\(numbered)@\(fork)"
    }

    /// Reads what `description` writes. A `:` or a `%` that escapes nothing is taken as it stands, so
    /// that a name like `10.0.0.1:80` can also be typed as it is.
    package init(text: String) {
        if let mark = text.lastIndex(of: "#"),
            let incarnation = UInt32(text[text.index(after: mark)...]),
            incarnation > 1, incarnation <= Limits.incarnationMax
        {
            self.init(
                name: PercentEscaping.unescape(text[..<mark], only: escapedBytes),
                incarnation: incarnation)
        } else {
            self.init(name: PercentEscaping.unescape(text[...], only: escapedBytes))
        }
    }
}

/// The order in which listings show processes where nothing else decides: by name, then incarnation.
/// It says nothing about time.
package func listingOrder(_ a: ProcessID, _ b: ProcessID) -> Bool {
    let names = ExactText.compare(a.name, b.name)
    guard names == 0 else { return names < 0 }
    return a.incarnation == b.incarnation ? a.fork < b.fork : a.incarnation < b.incarnation
}

/// What has a meaning of its own where a process is written.
private let escapedBytes = Array("%#:".utf8)
