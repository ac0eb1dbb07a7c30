import Causality

/// The clock that travels with a message: which event sent it, and what that event had seen.
///
/// Send its `text`, at most 512 characters of base64url, in the message's header `lightcone`; at the other end make a token of
/// that text again and hand it to `Recorder.receive`. A clock with too many entries is abbreviated: the entries that changed
/// last travel, and the rest follows from the causes when the histories are joined.
///
///     token     = version u8 = 1, flags u8, check u32, [execution u64], sender, sequence number, (process, entry)*
///     flags     = 1 abbreviated (the stamp is a lower bound), 2 has an execution (other than “main”)
///     check     = a hash of all that follows it, and of the two bytes before it
///     execution = a hash of its name
///     sender, process = name length, name, incarnation; all numbers LEB128
public struct Token: Sendable, Hashable {
    let bytes: [UInt8]

    static let version: UInt8 = 1
    static let abbreviatedFlag: UInt8 = 1
    static let executionFlag: UInt8 = 2
    static let checkOffset = 2
    static let headByteCount = 6

    /// The name of the message header that carries a token.
    public static let headerName = "lightcone"

    init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// Reads a token's text, from whoever sent it. O(length), which is limited to 512.
    ///
    /// Throws where the text is no token of a version that this program knows, or was changed or cut on its way. What a
    /// token says is believed, as a message's content is: it can make clocks wrong, never a program.
    public init(_ text: String) throws(TokenError) {
        let count = text.utf8.count
        guard count <= Limits.tokenCharactersMax else {
            throw TokenError(.tooLong, "expected at most 512 characters, found \(count)")
        }
        guard let bytes = text.utf8Span.span.withUnsafeBufferPointer(Base64URL.bytes) else {
            throw TokenError(.malformed, "expected base64url without padding")
        }
        if let failure = bytes.withUnsafeBytes(Token.defect) { throw failure }
        self.bytes = bytes
    }

    /// Reads a token's text that is part of a longer one.
    public init(_ text: Substring) throws(TokenError) { try self.init(String(text)) }

    /// What is wrong with the bytes of a token.
    private static func defect(_ bytes: UnsafeRawBufferPointer) -> TokenError? {
        guard bytes.count > headByteCount else {
            return TokenError(.malformed, "expected more than 6 bytes, found \(bytes.count)")
        }
        guard bytes[0] == version else {
            return TokenError(.unknownVersion, "expected version 1, found \(bytes[0])")
        }
        guard
            check(bytes)
                == bytes.loadUnaligned(fromByteOffset: checkOffset, as: UInt32.self).littleEndian,
            bytes[1] & ~(abbreviatedFlag | executionFlag) == 0
        else { return TokenError(.damaged, "the check is wrong: it was changed or cut on its way") }
        var offset = idOffset(bytes)
        while offset < bytes.count {
            guard let range = PackedID.range(bytes, &offset),
                PackedID.isNamed(UnsafeRawBufferPointer(rebasing: bytes[range])),
                let entry = PackedID.number(bytes, &offset, max: Causality.Limits.sequenceMax),
                entry > 0
            else { return TokenError(.malformed, "no process and number at byte \(offset)") }
        }
        return idOffset(bytes) < bytes.count
            ? nil : TokenError(.malformed, "no sender")
    }

    /// A hash of all but the check itself.
    static func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[headByteCount...])
        return UInt32(
            truncatingIfNeeded: mixed(rest, seed: UInt64(bytes[0]) << 8 | UInt64(bytes[1])))
    }

    static func idOffset(_ bytes: UnsafeRawBufferPointer) -> Int {
        headByteCount + (bytes[1] & executionFlag == 0 ? 0 : 8)
    }

    /// What a token says of an execution: 0 for the default one.
    static func mark(of execution: String) -> UInt64 {
        guard execution != ProcessKey.executionDefault else { return 0 }
        var text = execution
        let hash = text.withUTF8 { mixed(UnsafeRawBufferPointer($0), seed: 0) }
        return max(hash, 1)
    }

    static func executionMark(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard bytes[1] & executionFlag != 0, bytes.count >= headByteCount + 8 else { return 0 }
        return bytes.loadUnaligned(fromByteOffset: headByteCount, as: UInt64.self).littleEndian
    }

    /// The token as text, for a message header. O(length).
    public var text: String { Base64URL.text(bytes) }

    /// The event that sent the message.
    public var event: EventID {
        bytes.withUnsafeBytes { bytes in
            var offset = Token.idOffset(bytes)
            let range = PackedID.range(bytes, &offset)!
            let process = PackedID.process(UnsafeRawBufferPointer(rebasing: bytes[range]))
            return EventID(process, PackedID.number(bytes, &offset, max: .max)!)
        }
    }

    /// True where the sender had seen more than the token tells.
    public var isAbbreviated: Bool { bytes[1] & Token.abbreviatedFlag != 0 }
}

extension Token: CustomStringConvertible {
    /// The token as text.
    public var description: String { text }
}

/// Why a text is no token.
public struct TokenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong.
    public enum Code: Hashable, Sendable {
        /// More than 512 characters.
        case tooLong
        /// Not what the format of tokens says.
        case malformed
        /// A version that this program does not know.
        case unknownVersion
        /// Changed or cut on its way.
        case damaged
    }

    /// What is wrong, for programs.
    public let code: Code
    /// What was expected and what was found.
    public let message: String
    /// The message, for people.
    public var description: String { "no Lightcone token: \(message)" }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
