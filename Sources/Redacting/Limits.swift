/// The limits of redaction.
package enum Limits {
    /// Rules of one policy: each may cost a look at every text.
    package static let rulesMax = 256
    /// Bytes of a policy as programs read it.
    package static let policyBytesMax = 1 << 20
    /// Bytes of the key of hashes: fewer can be guessed, and more are no safer.
    package static let keyBytes = 16...4_096
    /// Bytes by which a text may grow: with 128 attributes an event stays well below what a frame takes.
    static let growthBytesMax = 4_096
    /// Digits of a card's number (ISO/IEC 7812), and of its groups where it is written in several.
    static let cardDigits = 13...19
    static let cardGroupDigitsMin = 3
    /// Bytes of an IPv6 address that ends as an IPv4 address (RFC 4291, section 2.2).
    static let addressBytesMax = 45
    /// Characters of a bearer token; fewer count where there is a digit among them.
    static let bearerCharactersMin = 16
    static let bearerCharactersWithDigitMin = 8
    /// Bytes of what stands between BEGIN and the dashes of a PEM block.
    static let labelBytesMax = 64
    /// Bytes between the name of an AWS secret key and the key.
    static let assignmentBytesMax = 8
    /// Bytes of a line of a PEM block (RFC 7468 has 64).
    static let keyLineBytes = 60...76
}
