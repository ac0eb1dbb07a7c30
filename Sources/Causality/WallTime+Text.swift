extension WallTime {
    /// Reads RFC 3339, as `description` writes it, and its short forms: `2026-11-23`, `2026-11-23T10:20`,
    /// `2026-11-23 10:20:30.5+01:00`. Without a zone it is UTC. nil for anything else.
    package init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        var scanner = TimeScanner(bytes, bytes.indices)
        guard let time = scanner.dateTime(short: true), scanner.isAtEnd else { return nil }
        self = time
    }
}
