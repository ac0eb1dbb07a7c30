import Causality
import Crypto
import FoundationEssentials
import Segments

/// What a log had come to when it was signed: a checkpoint as the transparency community writes it (C2SP tlog-checkpoint, a
/// signed note), so that its tools and witnesses read it.
///
///     lightcone/<public key, base64url>       the origin, which is the log's key itself
///     <entries>
///     <root, base64>
///     <time, ISO 8601>
///
///     — <origin> <base64 of the first 4 bytes of the key's hash, and of the signature (Ed25519)>
///
/// Further signatures may follow, of witnesses: they are kept, and not looked at.
package struct Checkpoint: Hashable, Sendable {
    package let origin: String
    package let count: Int
    package let root: [UInt8]
    package let time: WallTime
    /// The note, with its signatures.
    package let text: String

    private static let scheme = "lightcone/"
    /// An Ed25519 key, as signed notes number algorithms.
    private static let algorithm: UInt8 = 1

    /// Signs a tree.
    package init(
        _ tree: MerkleTree, time: WallTime, signing key: SigningKey
    ) throws {
        origin = Self.origin(of: key.publicKey)
        count = tree.count
        root = tree.root
        self.time = time
        let body = "\(origin)\n\(count)\n\(Data(root).base64EncodedString())\n\(time)\n"
        let signature = try key.signature(for: Array(body.utf8))
        let tag = Self.tag(of: origin, key.publicKey)
        let signed = Data(tag + signature).base64EncodedString()
        text = "\(body)\n— \(origin) \(signed)\n"
    }

    /// Reads one, and checks its signature.
    package init(reading text: String) throws(TransparencyError) {
        func expected(_ what: String) -> TransparencyError {
            TransparencyError("expected a checkpoint of a log: \(what)")
        }
        guard text.utf8.count <= Limits.checkpointBytesMax,
            let end = text.firstRange(of: "\n\n")
        else { throw expected("found no text with signatures") }
        let body = text[..<end.lowerBound] + "\n"
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, lines[0].hasPrefix(Self.scheme),
            let key = lines[0].dropFirst(Self.scheme.count).utf8Span.span
                .withUnsafeBufferPointer(Base64URL.bytes),
            let publicKey = try? Curve25519.Signing.PublicKey(rawRepresentation: key)
        else { throw expected("found “\(printable(String(lines[0].prefix(100))))”") }
        guard let count = Int(lines[1]), count >= 0, "\(count)" == lines[1] else {
            throw expected("its second line is no number of entries")
        }
        guard let root = Data(base64Encoded: String(lines[2])),
            root.count == MerkleTree.hashByteCount
        else { throw expected("its third line is no hash") }
        guard let time = WallTime(text: lines[3]) else {
            throw expected("its fourth line is no time")
        }
        let mark = "— \(lines[0]) "
        let signed = Self.tag(of: String(lines[0]), key)
        let isSigned = text[end.upperBound...].split(separator: "\n").contains { line in
            guard line.hasPrefix(mark),
                let bytes = Data(base64Encoded: String(line.dropFirst(mark.count))),
                bytes.starts(with: signed)
            else { return false }
            return publicKey.isValidSignature(bytes.dropFirst(4), for: Array(body.utf8))
        }
        guard isSigned else { throw expected("its signature is not that of \(lines[0])") }
        origin = String(lines[0])
        self.count = count
        self.root = Array(root)
        self.time = time
        self.text = text
    }

    package static func origin(of publicKey: [UInt8]) -> String {
        scheme + Base64URL.text(publicKey)
    }

    private static func tag(of origin: String, _ publicKey: [UInt8]) -> [UInt8] {
        let named = Array("\(origin)\n".utf8) + [algorithm] + publicKey
        return Array(SHA256.hash(data: named).prefix(4))
    }
}
