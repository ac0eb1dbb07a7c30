/// The keys by which programs of one collector know each other's message tokens: the first one seals, and both are accepted, so that
/// one can take the place of the other while messages are on their way.
///
/// As text: 32 hexadecimal digits on a line each.
package struct TokenKeys: Hashable, Sendable {
    /// One or two.
    package let keys: [Identity128]

    /// nil without any.
    package init?(_ keys: [Identity128]) {
        guard !keys.isEmpty else { return nil }
        self.keys = Array(keys.prefix(TokenKeys.countMax))
    }

    /// Keys that are accepted at the same time.
    package static let countMax = 2
    /// Bytes of their text.
    package static let textBytesMax = 33 * countMax

    /// Reads what `text` says; nil for anything else.
    package init?(text: some StringProtocol) {
        guard text.utf8.count <= TokenKeys.textBytesMax else { return nil }
        let lines = text.split(separator: "\n")
        let keys = lines.compactMap { Identity128(hex: $0) }
        guard keys.count == lines.count else { return nil }
        self.init(keys)
    }

    package var text: String { keys.map { "\($0)\n" }.joined() }
}
