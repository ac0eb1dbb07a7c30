import Causality
import Crypto
import FoundationEssentials

/// What somebody shows to be let in: `PREFIX_ID_SECRET`. The secret has 256 random bits, so what is kept of it is a plain hash, and
/// nobody finds it by trying.
package struct Secret: Sendable {
    /// What the collector knows it by: 16 hexadecimal digits.
    package let id: String
    private let secret: String

    package static func random() -> Secret {
        var generator = SystemRandomNumberGenerator()
        let id = String(generator.next() as UInt64, radix: 16)
        return Secret(
            id: String(repeating: "0", count: 16 - id.count) + id,
            secret: SymmetricKey(size: .bits256).withUnsafeBytes { base64URL(Array($0)) })
    }

    private init(id: String, secret: String) {
        self.id = id
        self.secret = secret
    }

    /// Reads what `text(_:)` wrote; nil for anything else.
    package init?(_ text: some StringProtocol, prefix: String) {
        guard text.utf8.count <= 256, text.hasPrefix(prefix + "_") else { return nil }
        let rest = text.dropFirst(prefix.count + 1)
        guard rest.count == 16 + 1 + 43, rest.utf8.count == rest.count,
            rest.prefix(16).allSatisfy({ "0123456789abcdef".contains($0) }),
            rest.dropFirst(16).first == "_"
        else { return nil }
        id = String(rest.prefix(16))
        secret = String(rest.suffix(43))
    }

    package func text(_ prefix: String) -> String { "\(prefix)_\(id)_\(secret)" }

    /// What is kept of it, in hexadecimal digits.
    package var hash: String { hexadecimal(Array(SHA256.hash(data: Array(secret.utf8)))) }

    /// Whether it is the one of a hash. Takes as long whether or not it is.
    package func matches(_ hash: String) -> Bool {
        let (own, other) = (Array(self.hash.utf8), Array(hash.utf8))
        guard own.count == other.count else { return false }
        return zip(own, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

func base64URL(_ bytes: [UInt8]) -> String {
    Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        .replacing("=", with: "")
}
