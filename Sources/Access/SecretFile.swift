import Disks

/// Small files of text.
package enum SecretFile {
    private static let bytesMax = 16 << 20

    /// Reads one. What is secret must be readable by nobody but its owner.
    package static func text(
        _ path: String, isSecret: Bool, on disk: any Disk = RealDisk()
    ) throws -> String {
        let file = try disk.open(path, .read)
        let status = try file.status()
        guard status.isRegular, status.byteCount <= bytesMax else {
            throw AccessError("\(path): expected a file of text of at most \(bytesMax) bytes")
        }
        guard !isSecret || status.permissions & 0o077 == 0 else {
            let found = String(status.permissions & 0o777, radix: 8)
            throw AccessError(
                "\(path): others can read it: expected the permissions 600, found \(found)")
        }
        return String(decoding: try file.read(at: 0, count: status.byteCount), as: UTF8.self)
    }
}

/// Certificates, the first its owner's, and the key of that one: PEM. They are one file, so that neither is ever without the other.
package struct CertifiedKey: Hashable, Sendable {
    package var certificates: String
    package var key: String

    package init(certificates: String, key: String) {
        self.certificates = certificates
        self.key = key
    }

    init(_ path: String, on disk: any Disk) throws {
        let text = try SecretFile.text(path, isSecret: true, on: disk)
        guard let start = text.firstRange(of: "-----BEGIN PRIVATE KEY-----")?.lowerBound else {
            throw AccessError("\(path): expected certificates and a key as PEM")
        }
        certificates = String(text[..<start])
        key = String(text[start...])
    }

    /// Puts it in the place of what is at a path, durably.
    func write(_ path: String, on disk: any Disk) throws {
        try disk.replace(path, with: Array((certificates + key).utf8), permissions: 0o600)
    }
}
