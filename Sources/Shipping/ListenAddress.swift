/// Where a service listens: `HOST:PORT`.
package struct ListenAddress: Sendable, Hashable {
    package let host: String
    /// 0: the machine chooses.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:4780` or `[::1]:4780`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon != text.startIndex
        else { return nil }
        host = String(text[..<colon].drop { $0 == "[" }.reversed().drop { $0 == "]" }.reversed())
        self.port = port
    }

    /// Whether only programs of this machine get there.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
