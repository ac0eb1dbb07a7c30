import Causality
import Crypto
import Disks
import FoundationEssentials

/// A key with which an agent signs what it seals, or a collector its log: Ed25519 (RFC 8032). It never leaves its machine.
package struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    private static let secretByteCount = 32

    /// A new one.
    package init() { key = .init() }

    /// Nil where these are not the bytes of a key.
    package init?(secret: [UInt8]) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: secret) else {
            return nil
        }
        self.key = key
    }

    /// The one in a file: 64 hexadecimal digits, for its owner alone; made durably where there is none. One that cannot be read is not
    /// replaced: what was signed with it would be a stranger's.
    package init(
        at path: String, on disk: any Disk, making make: () -> SigningKey? = { SigningKey() }
    ) throws {
        guard let status = try disk.status(path) else {
            guard let made = make() else { throw SigningKeyError("cannot make a key to sign with") }
            let text = hexadecimal(Array(made.key.rawRepresentation)) + "\n"
            try disk.replace(path, with: Array(text.utf8), permissions: 0o600)
            self = made
            return
        }
        guard status.permissions & 0o077 == 0 else {
            throw SigningKeyError("\(path): others can read it: expected the permissions 600")
        }
        let text = String(
            decoding: try disk.open(path, .read).read(at: 0, count: 80), as: UTF8.self
        ).filter { !$0.isWhitespace }
        let halves = [text.prefix(32), text.dropFirst(32)].compactMap { Identity128(hex: $0) }
        guard halves.count == 2, let key = SigningKey(secret: halves.flatMap(\.bytes)) else {
            throw SigningKeyError(
                "\(path): expected a key of 64 hexadecimal digits, found \(text.utf8.count) bytes")
        }
        self = key
    }

    package var publicKey: [UInt8] { Array(key.publicKey.rawRepresentation) }

    /// O(bytes).
    package func signature(for bytes: [UInt8]) throws -> [UInt8] {
        Array(try key.signature(for: bytes))
    }

    /// Nil where the system fails to sign, which it has no reason to.
    package func sign(_ head: SegmentHead) -> HeadSignature? {
        (try? signature(for: head.signedBytes)).map {
            HeadSignature(publicKey: publicKey, bytes: $0)
        }
    }
}

/// Why a key cannot be used.
package struct SigningKeyError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    init(_ text: String) { self.text = text }
}
