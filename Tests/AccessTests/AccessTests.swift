import Causality
import Disks
import FoundationEssentials
import Testing

@testable import Access

/// Who is let in, and how that is kept.
@Suite struct AccessTests {
    private static let now = WallTime(nanoseconds: 1_800_000_000_000_000_000)

    private static func later(days: Int64) -> WallTime {
        WallTime(nanoseconds: now.nanoseconds + days * 86_400_000_000_000)
    }

    private static func folder() -> (AccessFolder, TemporaryPath) {
        let path = TemporaryPath()
        return (AccessFolder(data: path.path), path)
    }

    final class TemporaryPath {
        let path = FileManager.default.temporaryDirectory.path + "/access-\(UUID())"
        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    // MARK: Tokens

    @Test func aTokenIsReadAsItWasWritten() throws {
        let secret = Secret.random()
        let text = secret.text("lcr")
        let read = try #require(Secret(text, prefix: "lcr"))
        #expect(read.id == secret.id && read.matches(secret.hash))
        #expect(!Secret.random().matches(secret.hash))
        for wrong in [
            "", "lcr_", text + "a", String(text.dropLast()), "lce" + text.dropFirst(3),
            text.replacing("_", with: "-"), String(repeating: "x", count: 100_000), "lcr_é",
        ] {
            #expect(Secret(wrong, prefix: "lcr") == nil, "\(wrong.prefix(80))")
        }
    }

    @Test func aReaderComesUntilItsTokenEndsOrIsRevoked() throws {
        var registry = Registry()
        let token = try registry.addReader("a", scopes: ["read"], seconds: 100, now: Self.now)
            .text(Registry.readerPrefix)
        let found = try #require(registry.reader(token, now: Self.now))
        #expect(found.name == "a" && found.scopes == [.read(execution: nil)])
        #expect(registry.reader(token, now: Self.later(days: 1)) == nil)
        #expect(registry.reader(Secret.random().text(Registry.readerPrefix), now: Self.now) == nil)
        #expect(throws: AccessError.self) {
            try registry.addReader("a", scopes: ["read"], seconds: nil, now: Self.now)
        }
        for scope in ["", "write", "read:execution=", "READ"] {
            #expect(throws: AccessError.self) {
                try registry.addReader("b", scopes: [scope], seconds: nil, now: Self.now)
            }
        }
        registry.readers.removeAll()
        #expect(registry.reader(token, now: Self.now) == nil)
    }

    @Test func anEnrolmentTokenIsUsedUp() throws {
        var registry = Registry()
        let secret = registry.addEnrolment(of: "web-1", seconds: 60, uses: 2, now: Self.now)
        for _ in 0..<2 {
            let host = try registry.enrol(secret, now: Self.now)
            #expect(host == "web-1")
        }
        #expect(throws: AccessError.self) { try registry.enrol(secret, now: Self.now) }
        let late = registry.addEnrolment(of: "web-2", seconds: 60, uses: 1, now: Self.now)
        #expect(throws: AccessError.self) { try registry.enrol(late, now: Self.later(days: 1)) }
        // Another's secret under a known number.
        let known = registry.addEnrolment(of: "web-3", seconds: 60, uses: 1, now: Self.now)
        let forged = "lce_\(known.id)_" + String(Secret.random().text("lce").suffix(43))
        #expect(throws: AccessError.self) {
            try registry.enrol(#require(Secret(forged, prefix: "lce")), now: Self.now)
        }
    }

    // MARK: Certificates

    @Test func aHostComesWithItsCertificateUntilItIsRevoked() throws {
        let (authority, _) = try Authority.make(now: Self.now)
        var registry = Registry()
        func issue(_ host: String, isEnrolment: Bool) throws -> String {
            let issued = try authority.issue(
                host: host, request: Authority.request().pem, now: Self.now)
            #expect(try Authority.host(ofPEM: issued.pem) == host)
            registry.note(
                serial: issued.serial, of: host, expires: issued.expires, signer: "ab",
                isEnrolment: isEnrolment, now: Self.now)
            return issued.serial
        }
        let host = "wéb 1/%"
        let first = try issue(host, isEnrolment: true)
        let second = try issue(host, isEnrolment: false)
        for serial in [first, second] {
            #expect(registry.refusal(host: host, serial: serial, now: Self.now) == nil)
        }
        #expect(registry.refusal(host: "other", serial: first, now: Self.now) != nil)
        #expect(registry.refusal(host: host, serial: "00", now: Self.now) != nil)
        #expect(registry.refusal(host: host, serial: first, now: Self.later(days: 31)) != nil)
        let isRevoked = registry.revoke(host: host, now: Self.now)
        #expect(isRevoked)
        #expect(registry.refusal(host: host, serial: second, now: Self.now) != nil)
        // A renewal that was under way lets nobody in again; a new token does.
        let stray = try issue(host, isEnrolment: false)
        #expect(registry.refusal(host: host, serial: second, now: Self.now) != nil)
        let third = try issue(host, isEnrolment: true)
        #expect(registry.refusal(host: host, serial: third, now: Self.now) == nil)
        #expect(registry.refusal(host: host, serial: second, now: Self.now) != nil)
        #expect(registry.refusal(host: host, serial: stray, now: Self.now) != nil)
        let isKnown = registry.revoke(host: "nobody", now: Self.now)
        #expect(!isKnown)
    }

    @Test func aRequestMustBeSignedByItsKey() throws {
        let (authority, _) = try Authority.make(now: Self.now)
        let request = try Authority.request().pem
        // One of another key, by its signature.
        var bytes = [UInt8](
            try #require(
                Data(
                    base64Encoded: request.split(separator: "\n").dropFirst().dropLast().joined())))
        bytes[bytes.count - 1] ^= 1
        let forged =
            "-----BEGIN CERTIFICATE REQUEST-----\n\(Data(bytes).base64EncodedString())\n-----END CERTIFICATE REQUEST-----"
        for wrong in ["", "hello", forged, String(request.dropLast(60))] {
            #expect(throws: AccessError.self) {
                try authority.issue(host: "h", request: wrong, now: Self.now)
            }
        }
        for name in ["", "a b", "é", String(repeating: "a", count: 254)] {
            #expect(throws: AccessError.self) {
                try authority.issue(collector: [name], now: Self.now)
            }
        }
        _ = try authority.issue(collector: ["::1", "10.0.0.1", "a.example"], now: Self.now)
    }

    @Test func aCertificateIsDueWhenTwoThirdsOfItsLifeAreOver() throws {
        let (authority, _) = try Authority.make(now: Self.now)
        let pem = try authority.issue(collector: ["localhost"], now: Self.now).certificates
        #expect(try !Authority.isDue(pem: pem, now: Self.later(days: 19)))
        #expect(try Authority.isDue(pem: pem, now: Self.later(days: 21)))
        #expect(try Authority.isDue(pem: pem, now: Self.later(days: 100)))
    }

    // MARK: Folders

    @Test func whatIsSecretIsForItsOwnerAlone() throws {
        let (folder, _path) = Self.folder()
        defer { withExtendedLifetime(_path) {} }
        try folder.make(names: ["localhost"], now: Self.now)
        #expect(throws: AccessError.self) {
            try folder.make(names: ["localhost"], now: Self.now)
        }
        try folder.change {
            _ = try $0.addReader("a", scopes: ["admin"], seconds: nil, now: Self.now)
        }
        let disk = RealDisk()
        #expect(try disk.status(folder.path)?.permissions == 0o700)
        for name in try disk.names(folder.path) where name != "lock" && name != "names" {
            let path = folder.path + "/" + name
            let isPublic = name == "authority.pem"
            #expect(try disk.status(path)?.permissions == (isPublic ? 0o644 : 0o600), "\(name)")
            guard !isPublic else { continue }
            try disk.set(permissions: 0o640, of: path)
            #expect(throws: AccessError.self) {
                _ = try (
                    folder.collector(now: Self.now), folder.registry(), folder.authority(),
                    folder.tokenKeys(now: Self.now)
                )
            }
            try disk.set(permissions: 0o600, of: path)
        }
        let text = String(
            decoding: try disk.open(folder.path + "/registry.json", .read).read(at: 0, count: 4096),
            as: UTF8.self)
        #expect(text.contains("\"hash\"") && !text.contains("lcr_"))
        #expect(try folder.registry().readers.map(\.name) == ["a"])
    }

    /// Where something of it is missing nobody is let in, and it can be made again.
    @Test func aFolderThatWasBegunIsNoReasonToLetAnybodyIn() throws {
        let (folder, _path) = Self.folder()
        defer { withExtendedLifetime(_path) {} }
        try folder.make(names: ["localhost"], now: Self.now)
        try RealDisk().remove(file: folder.path + "/authority.pem")
        #expect(try folder.exists())
        #expect(throws: AccessError.self) { try folder.collector(now: Self.now) }
        try folder.make(names: ["localhost"], now: Self.now)
        _ = try folder.collector(now: Self.now)
    }

    @Test func theCollectorsCertificateIsRenewed() throws {
        let (folder, _path) = Self.folder()
        defer { withExtendedLifetime(_path) {} }
        try folder.make(names: ["localhost"], now: Self.now)
        let first = try folder.collector(now: Self.now)
        #expect(try folder.collector(now: Self.later(days: 10)).certificates == first.certificates)
        let second = try folder.collector(now: Self.later(days: 25))
        #expect(second.certificates != first.certificates && second.key != first.key)
        #expect(try !Authority.isDue(pem: second.certificates, now: Self.later(days: 40)))
    }

    @Test func anAgentKeepsWhatItGot() throws {
        let path = TemporaryPath()
        let folder = AgentFolder(data: path.path)
        #expect(try folder.kept() == nil)
        let kept = AgentFolder.Kept(
            authority: "a",
            own: CertifiedKey(certificates: "c\n", key: "-----BEGIN PRIVATE KEY-----\nk\n"))
        try folder.keep(kept)
        #expect(try folder.kept() == kept)
        try RealDisk().set(permissions: 0o604, of: folder.path + "/agent.pem")
        #expect(throws: AccessError.self) { try folder.kept() }
    }

    // MARK: Keys of message tokens

    @Test func aNewTokenKeySealsAfterAnHour() throws {
        let (folder, path) = Self.folder()
        defer { withExtendedLifetime(path) {} }
        try folder.make(names: ["localhost"], now: Self.now)
        func keys(_ seconds: Int64) throws -> [Identity128] {
            try folder.tokenKeys(
                now: WallTime(nanoseconds: Self.now.nanoseconds + seconds * 1_000_000_000)
            ).keys
        }
        let first = try keys(0)
        #expect(first.count == 1)
        _ = try folder.rotateTokenKey(now: Self.now)
        let both = try keys(3_599)
        #expect(both.count == 2 && both[0] == first[0], "all agents have to know it first")
        #expect(try keys(3_600) == [both[1], first[0]])
        #expect(throws: AccessError.self) { try folder.rotateTokenKey(now: Self.now) }
        _ = try folder.rotateTokenKey(now: Self.later(days: 1))
        let third = try keys(86_400)
        #expect(third[0] == both[1] && !third.contains(first[0]), "the oldest is gone")
        #expect(Set(third + both).count == 3)
        // For the collector's user alone; whoever finds another's text there is told.
        let kept = folder.path + "/token-keys"
        #expect(try RealDisk().status(kept)?.permissions == 0o600)
        try RealDisk().set(permissions: 0o640, of: kept)
        #expect(throws: AccessError.self) { try keys(0) }
        try RealDisk().replace(kept, with: Array("x\n".utf8), permissions: 0o600)
        #expect(throws: AccessError.self) { try keys(0) }
        // A folder of a version without keys gets one.
        try RealDisk().remove(file: kept)
        #expect(try keys(0).count == 1)
    }

    @Test func anAgentKeepsTheKeysOfTokens() throws {
        let path = TemporaryPath()
        let folder = AgentFolder(data: path.path)
        #expect(try folder.tokenKeys() == nil)
        try folder.keep(
            AgentFolder.Kept(
                authority: "a",
                own: CertifiedKey(certificates: "c\n", key: "-----BEGIN PRIVATE KEY-----\nk\n")))
        let keys = try #require(TokenKeys([Identity128(high: 1, low: 2)]))
        try folder.keep(keys)
        #expect(try folder.tokenKeys() == keys)
        try RealDisk().set(permissions: 0o604, of: folder.path + "/token-keys")
        #expect(throws: AccessError.self) { try folder.tokenKeys() }
    }
}
