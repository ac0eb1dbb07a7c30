import Causality
import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A collector's own certificate authority: it vouches for the collector toward agents and readers, and for agents toward the
/// collector, and for nobody else.
package struct Authority: Sendable {
    package let certificate: Certificate
    private let key: Certificate.PrivateKey

    private static let authorityDays = 3_650
    /// How long the certificate of a collector or an agent is good. It is renewed when two thirds are over.
    package static let certificateDays = 30

    /// What a certificate of a host says of it, before the name of the host with percent signs.
    private static let hostScheme = "lightcone://host/"

    package static func make(now: WallTime) throws(AccessError) -> (Authority, keyPEM: String) {
        let key = P256.Signing.PrivateKey()
        let id = String(UInt64.random(in: .min ... .max), radix: 36)
        let made = try making("an authority") {
            let name = try DistinguishedName { CommonName("Lightcone authority \(id)") }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: .init(key.publicKey),
                notValidBefore: date(now, days: 0), notValidAfter: date(now, days: authorityDays),
                issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                }, issuerPrivateKey: .init(key))
            return Authority(certificate: certificate, key: .init(key))
        }
        return (made, key.pemRepresentation)
    }

    private init(certificate: Certificate, key: Certificate.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    package init(certificatePEM: String, keyPEM: String) throws(AccessError) {
        self = try Self.making("the authority") {
            Authority(
                certificate: try Certificate(pemEncoded: certificatePEM),
                key: .init(try P256.Signing.PrivateKey(pemRepresentation: keyPEM)))
        }
        guard certificate.publicKey == key.publicKey else {
            throw AccessError("the authority's key is not that of its certificate")
        }
    }

    package func pem() throws(AccessError) -> String {
        try Self.making("the authority") { try certificate.serializeAsPEM().pemString }
    }

    /// The SHA-256 of its certificate: what an enrolment token carries, so that an agent knows whom it speaks to.
    package func fingerprint() throws(AccessError) -> String {
        try Self.fingerprint(of: certificate)
    }

    package static func fingerprint(ofPEM pem: String) throws(AccessError) -> String {
        try fingerprint(of: making("a certificate") { try Certificate(pemEncoded: pem) })
    }

    private static func fingerprint(of certificate: Certificate) throws(AccessError) -> String {
        try making("a certificate") {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return hexadecimal(Array(SHA256.hash(data: serializer.serializedBytes)))
        }
    }

    /// A certificate for the collector, with a new key.
    ///
    /// - Parameter names: Under which it is reached: names and addresses.
    package func issue(
        collector names: [String], now: WallTime
    ) throws(AccessError) -> CertifiedKey {
        let key = P256.Signing.PrivateKey()
        let alternatives = try names.map { name throws(AccessError) -> GeneralName in
            if let address = AddressBytes.of(name) {
                return .ipAddress(ASN1OctetString(contentBytes: address[...]))
            }
            guard Self.isHostName(name) else {
                throw AccessError("expected a name or an address of the collector, found “\(name)”")
            }
            return .dnsName(name)
        }
        let issued = try issue(
            .init(key.publicKey), "Lightcone collector", alternatives, for: .serverAuth, now: now)
        return CertifiedKey(certificates: issued.pem, key: key.pemRepresentation)
    }

    /// A certificate for the agent of a host, with the key of its request.
    ///
    /// - Parameter request: A certificate signing request, PEM. Nothing that it says counts but its key, whose owner it proves.
    package func issue(
        host: String, request: String, now: WallTime
    ) throws(AccessError) -> (pem: String, serial: String, expires: WallTime) {
        let key: Certificate.PublicKey
        do {
            let request = try CertificateSigningRequest(pemEncoded: request)
            guard request.publicKey.isValidSignature(request.signature, for: request) else {
                throw AccessError("its signature is not that of its key")
            }
            key = request.publicKey
        } catch {
            throw AccessError("expected a certificate signing request as PEM: \(error)")
        }
        let name = GeneralName.uniformResourceIdentifier(
            Self.hostScheme + PercentEscaping.escape(host) { !Self.isPlain($0) })
        return try issue(key, "Lightcone agent", [name], for: .clientAuth, now: now)
    }

    private func issue(
        _ publicKey: Certificate.PublicKey, _ what: String, _ names: [GeneralName],
        for usage: ExtendedKeyUsage.Usage, now: WallTime
    ) throws(AccessError) -> (pem: String, serial: String, expires: WallTime) {
        let end = Self.date(now, days: Self.certificateDays)
        return try Self.making("a certificate") {
            let serial = Certificate.SerialNumber()
            let issued = try Certificate(
                version: .v3, serialNumber: serial, publicKey: publicKey,
                // Clocks differ.
                notValidBefore: Self.date(now, days: 0).addingTimeInterval(-3_600),
                notValidAfter: end, issuer: certificate.subject,
                subject: try DistinguishedName { CommonName(what) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([usage])
                    SubjectAlternativeNames(names)
                }, issuerPrivateKey: key)
            let pem =
                try issued.serializeAsPEM().pemString + "\n"
                + certificate.serializeAsPEM().pemString
            return (
                pem + "\n", hexadecimal(Array(serial.bytes)),
                WallTime(nanoseconds: Int64(end.timeIntervalSince1970) * 1_000_000_000)
            )
        }
    }

    /// What a certificate says that this authority, or another, has issued: whose it is, nil where that is no host; and its number.
    package static func host(
        ofDER bytes: [UInt8]
    ) throws(AccessError) -> (host: String?, serial: String) {
        try making("a certificate") {
            let certificate = try Certificate(derEncoded: bytes)
            let serial = hexadecimal(Array(certificate.serialNumber.bytes))
            for case .uniformResourceIdentifier(let name)
                in try certificate.extensions.subjectAlternativeNames ?? SubjectAlternativeNames()
            where name.hasPrefix(hostScheme) {
                return (PercentEscaping.unescape(name.dropFirst(hostScheme.count)), serial)
            }
            return (nil, serial)
        }
    }

    /// The host whose certificate is the first of some, PEM; nil where it is none of a host.
    package static func host(ofPEM pem: String) throws(AccessError) -> String? {
        let bytes = try making("a certificate") {
            try PEMDocument(pemString: firstPEM(pem)).derBytes
        }
        return try host(ofDER: bytes).host
    }

    /// Whether two thirds of the life of a certificate, PEM, are over.
    package static func isDue(pem: String, now: WallTime) throws(AccessError) -> Bool {
        let certificate = try making("a certificate") { try Certificate(pemEncoded: firstPEM(pem)) }
        let left = certificate.notValidAfter.timeIntervalSince(date(now, days: 0))
        return left < Double(certificateDays) * 86_400 / 3
    }

    /// A key, and the request for a certificate of it.
    package static func request() throws(AccessError) -> (pem: String, keyPEM: String) {
        let key = P256.Signing.PrivateKey()
        let pem = try making("a request") {
            try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName { CommonName("Lightcone agent") },
                privateKey: .init(key), attributes: .init(), signatureAlgorithm: .ecdsaWithSHA256
            ).serializeAsPEM().pemString
        }
        return (pem, key.pemRepresentation)
    }

    /// Of several certificates the first.
    private static func firstPEM(_ pem: String) -> String {
        let end = "-----END CERTIFICATE-----"
        return pem.split(separator: end, omittingEmptySubsequences: true).first.map { $0 + end }
            ?? pem
    }

    private static func isHostName(_ name: String) -> Bool {
        (1...253).contains(name.utf8.count) && name.utf8.allSatisfy(isPlain)
    }

    /// Letters, digits, - and .
    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20) || byte == 0x2d
            || byte == 0x2e
    }

    private static func date(_ time: WallTime, days: Int) -> Date {
        Date(timeIntervalSince1970: Double(time.nanoseconds / 1_000_000_000 + Int64(days) * 86_400))
    }

    private static func making<Value>(
        _ what: String, _ body: () throws -> Value
    ) throws(AccessError) -> Value {
        do {
            return try body()
        } catch {
            throw AccessError("\(what): \(error)")
        }
    }
}
