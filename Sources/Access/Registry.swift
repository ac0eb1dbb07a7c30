import Causality
import FoundationEssentials

/// Who may come: hosts whose agents ship, those that may become such hosts, and readers.
package struct Registry: Codable, Sendable {
    package var enrolments: [Enrolment] = []
    package var hosts: [Host] = []
    package var readers: [Reader] = []

    package init() {}

    /// A token with which a host gets its certificate.
    package struct Enrolment: Codable, Sendable {
        package var id: String
        package var hash: String
        package var host: String
        /// In seconds since 1970, as all times here.
        package var expires: Int64
        package var usesLeft: Int
    }

    /// A host that was enrolled.
    package struct Host: Codable, Sendable {
        package var name: String
        /// Those of its certificates that are let in.
        package var certificates: [Issued] = []
        /// The keys with which its agents sign what they record: hexadecimal digits.
        package var signers: [String] = []
        /// When it was revoked; nil while it may come.
        package var revoked: Int64?
    }

    package struct Issued: Codable, Sendable {
        package var serial: String
        package var expires: Int64
    }

    /// A token with which somebody asks.
    package struct Reader: Codable, Sendable {
        package var id: String
        package var hash: String
        package var name: String
        package var scopes: [String]
        package var created: Int64
        /// Nil: never.
        package var expires: Int64?
    }
}

/// What a reader may do.
package enum Scope: Hashable, Sendable {
    /// Ask about each execution, or one.
    case read(execution: String?)
    /// Ask about each, and drop.
    case admin

    /// Reads `read`, `read:execution=NAME` or `admin`.
    package init(_ text: String) throws(AccessError) {
        switch text {
        case "read": self = .read(execution: nil)
        case "admin": self = .admin
        default:
            let prefix = "read:execution="
            guard text.hasPrefix(prefix), text.utf8.count > prefix.utf8.count else {
                throw AccessError(
                    "scope: expected read, read:execution=NAME or admin, found “\(printable(text))”"
                )
            }
            self = .read(execution: String(text.dropFirst(prefix.count)))
        }
    }
}

extension Registry {
    package static let enrolmentPrefix = "lce"
    package static let readerPrefix = "lcr"

    private static func seconds(_ time: WallTime) -> Int64 { time.nanoseconds / 1_000_000_000 }

    // MARK: Hosts

    /// A new token for a host.
    package mutating func addEnrolment(
        of host: String, seconds: Int64, uses: Int, now: WallTime
    ) -> Secret {
        let secret = Secret.random()
        enrolments.removeAll { $0.expires <= Self.seconds(now) || $0.usesLeft < 1 }
        enrolments.append(
            Enrolment(
                id: secret.id, hash: secret.hash, host: host,
                expires: Self.seconds(now) + seconds, usesLeft: uses))
        return secret
    }

    /// Whether there is such a token, used up or not.
    package func has(_ secret: Secret) -> Bool {
        enrolments.contains { $0.id == secret.id && secret.matches($0.hash) }
    }

    /// Uses a token up, once. Returns the host that it was for.
    package mutating func enrol(_ secret: Secret, now: WallTime) throws(AccessError) -> String {
        guard let index = enrolments.firstIndex(where: { $0.id == secret.id }),
            secret.matches(enrolments[index].hash)
        else { throw AccessError("there is no such enrolment token") }
        guard enrolments[index].expires > Self.seconds(now) else {
            throw AccessError(
                "the enrolment token has expired: make another with lightcone enroll-token")
        }
        guard enrolments[index].usesLeft > 0 else {
            throw AccessError(
                "the enrolment token was used: make another with lightcone enroll-token")
        }
        enrolments[index].usesLeft -= 1
        return enrolments[index].host
    }

    /// A host may have so many keys to sign with: of an agent each.
    package static let signersMax = 8

    /// Notes a certificate that a host got, by its enrolment or in the place of one that it has, and the key with which its agent
    /// signs.
    package mutating func note(
        serial: String, of host: String, expires: WallTime, signer: String, isEnrolment: Bool,
        now: WallTime
    ) {
        var entry = hosts.first { ExactText.isSame($0.name, host) } ?? Host(name: host)
        if isEnrolment { entry.revoked = nil }
        guard entry.revoked == nil else { return }
        entry.certificates.removeAll { $0.expires <= Self.seconds(now) }
        entry.certificates.append(Issued(serial: serial, expires: Self.seconds(expires)))
        entry.signers.removeAll { $0 == signer }
        entry.signers = entry.signers.suffix(Self.signersMax - 1) + [signer]
        hosts.removeAll { ExactText.isSame($0.name, host) }
        hosts.append(entry)
        hosts.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// Whether a certificate of a host is let in: why not, where it is not.
    package func refusal(host: String, serial: String, now: WallTime) -> String? {
        guard let entry = hosts.first(where: { ExactText.isSame($0.name, host) }) else {
            return "host \(printable(host)) is not enrolled"
        }
        if entry.revoked != nil { return "host \(printable(host)) is revoked" }
        guard let issued = entry.certificates.first(where: { $0.serial == serial }) else {
            return "the certificate of \(printable(host)) is not one that counts: enrol it again"
        }
        return issued.expires > Self.seconds(now)
            ? nil : "the certificate of \(printable(host)) has expired"
    }

    /// The keys of a host's agents.
    package func signers(of host: String) -> [String] {
        hosts.first { ExactText.isSame($0.name, host) }?.signers ?? []
    }

    /// Lets nothing of a host in any more. False where there is no such host.
    package mutating func revoke(host: String, now: WallTime) -> Bool {
        enrolments.removeAll { ExactText.isSame($0.host, host) }
        guard let index = hosts.firstIndex(where: { ExactText.isSame($0.name, host) }) else {
            return false
        }
        (hosts[index].certificates, hosts[index].signers) = ([], [])
        hosts[index].revoked = Self.seconds(now)
        return true
    }

    // MARK: Readers

    /// A new token for a reader; `seconds` nil: it does not expire.
    package mutating func addReader(
        _ name: String, scopes: [String], seconds: Int64?, now: WallTime
    ) throws(AccessError) -> Secret {
        for scope in scopes { _ = try Scope(scope) }
        guard !scopes.isEmpty else { throw AccessError("scope: expected one at least") }
        guard !readers.contains(where: { ExactText.isSame($0.name, name) }) else {
            throw AccessError("there is a token “\(printable(name))” already: revoke it first")
        }
        let secret = Secret.random()
        readers.append(
            Reader(
                id: secret.id, hash: secret.hash, name: name, scopes: scopes,
                created: Self.seconds(now), expires: seconds.map { Self.seconds(now) + $0 }))
        return secret
    }

    /// Whose token it is, and what he may do; nil where it is nobody's, or has expired.
    package func reader(_ text: String, now: WallTime) -> (name: String, scopes: [Scope])? {
        guard let secret = Secret(text, prefix: Self.readerPrefix),
            let reader = readers.first(where: { $0.id == secret.id }), secret.matches(reader.hash),
            reader.expires.map({ $0 > Self.seconds(now) }) ?? true
        else { return nil }
        return (reader.name, reader.scopes.compactMap { try? Scope($0) })
    }
}
