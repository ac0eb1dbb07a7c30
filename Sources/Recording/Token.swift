import Causality

/// The clock that travels with a message: which event sent it, and what that event had seen.
///
/// Send its `text`, at most 512 characters of base64url, in the message's header `lightcone`; at the other end make a token of
/// that text again and hand it to `Recorder.receive`. A clock with too many entries is abbreviated: the sender and the entries that
/// changed last travel, and the rest follows from what their events had seen when the histories are joined.
///
///     token     = version u8 = 2, flags u8, check u32, [seal u64], body
///     body      = [execution u64], sender, [origin], (run key u64, entry)*
///     flags     = 1 the clock is not all that was seen, 2 has an execution (other than “main”), 4 has an origin, 8 has a seal
///     check     = a hash of all that follows it, and of the two bytes before it: tells what was damaged
///     seal      = SipHash-2-4 of version, flags, six bytes of 0 and the body, under a key that programs of one collector share
///     execution = a hash of its name
///     sender    = run key u64, name length, name, incarnation, sequence number
///     origin    = run key u64, sequence number: what the sender's run goes on from, which nobody needs an entry for
///
/// Run keys and hashes are little-endian, all other numbers LEB128. Runs are named by their keys: only the sender's name travels.
///
/// Who seals and who refuses what (see `Seals`):
///
/// | receiver | no seal | seal of a key that it has | another seal |
/// |---|---|---|---|
/// | has no keys: its host was not enrolled | taken | | taken |
/// | has keys | refused | taken | refused |
public struct Token: Sendable, Hashable {
    let bytes: [UInt8]

    static let version: UInt8 = 2
    static let abbreviatedFlag: UInt8 = 1
    static let executionFlag: UInt8 = 2
    static let originFlag: UInt8 = 4
    static let sealFlag: UInt8 = 8
    static let checkOffset = 2
    static let headByteCount = 6
    static let sealByteCount = 8

    /// The name of the message header that carries a token.
    public static let headerName = "lightcone"

    init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// A token that no program has given: for tests of what a forger can do.
    package init(forging sender: RunKey, _ process: ProcessID, sequence: UInt64) {
        bytes = [UInt8](unsafeUninitializedCapacity: Limits.tokenBytesMax) { out, count in
            let writer = TokenWriter(
                UnsafeMutableRawBufferPointer(out), executionMark: 0,
                sender: TokenWriter.senderBytes(sender, process), sequence: sequence,
                origin: .nothing, seal: nil)
            count = writer.finish(isAbbreviated: false)
        }
    }

    /// Reads a token's text, from whoever sent it. O(length), which is limited to 512.
    ///
    /// Throws where the text is no token of a version that this program knows, or was changed or cut on its way: then
    /// `Recorder.receiveUnreadable` notes that a message came. Who made it, the recorder finds out that receives it.
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
            return TokenError(.unknownVersion, "expected version \(version), found \(bytes[0])")
        }
        guard
            check(bytes)
                == bytes.loadUnaligned(fromByteOffset: checkOffset, as: UInt32.self).littleEndian,
            bytes[1] & ~(abbreviatedFlag | executionFlag | originFlag | sealFlag) == 0
        else { return TokenError(.damaged, "the check is wrong: it was changed or cut on its way") }
        guard let head = TokenHead(bytes), head.hasName(in: bytes) else {
            return TokenError(.malformed, "no sender")
        }
        var offset = head.entriesOffset
        while offset < bytes.count {
            guard entry(bytes, &offset) != nil else {
                return TokenError(.malformed, "no run and number at byte \(offset)")
            }
        }
        return nil
    }

    /// The run and number at `offset`, which moves behind them; nil where there are none.
    @inline(__always)
    static func entry(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> (RunKey, UInt64)? {
        guard offset + 8 < bytes.count else { return nil }
        let bits = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian
        offset += 8
        guard let value = Varint.number(bytes, &offset, max: Causality.Limits.sequenceMax),
            value > 0
        else { return nil }
        return (RunKey(bits: bits), value)
    }

    /// Where the body begins.
    @inline(__always)
    static func bodyOffset(_ bytes: UnsafeRawBufferPointer) -> Int {
        headByteCount + (bytes[1] & sealFlag == 0 ? 0 : sealByteCount)
    }

    /// The seal that a token has under a key.
    @inline(__always)
    static func seal(_ bytes: UnsafeRawBufferPointer, _ hash: SipHash) -> UInt64 {
        hash.hash(
            UInt64(bytes[0]) | UInt64(bytes[1]) << 8,
            UnsafeRawBufferPointer(rebasing: bytes[bodyOffset(bytes)...]))
    }

    /// Whether the token has the seal of one of these keys. O(length).
    func isSealed(by hashes: [SipHash]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            guard bytes[1] & Token.sealFlag != 0, bytes.count > Token.bodyOffset(bytes) else {
                return false
            }
            let found = bytes.loadUnaligned(
                fromByteOffset: Token.headByteCount, as: UInt64.self)
            return hashes.contains { Token.seal(bytes, $0) == found.littleEndian }
        }
    }

    /// A hash of all but the check itself.
    static func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        let rest = UnsafeRawBufferPointer(rebasing: bytes[headByteCount...])
        return UInt32(
            truncatingIfNeeded: mixed(rest, seed: UInt64(bytes[0]) << 8 | UInt64(bytes[1])))
    }

    /// What a token says of an execution: 0 for the default one.
    static func mark(of execution: String) -> UInt64 {
        guard execution != ProcessKey.executionDefault else { return 0 }
        var text = execution
        let hash = text.withUTF8 { mixed(UnsafeRawBufferPointer($0), seed: 0) }
        return max(hash, 1)
    }

    /// Whether the token is of the execution that a mark stands for.
    func isOf(_ mark: UInt64) -> Bool { bytes.withUnsafeBytes { Token.executionMark($0) == mark } }

    static func executionMark(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        let start = bodyOffset(bytes)
        guard bytes[1] & executionFlag != 0, bytes.count >= start + 8 else { return 0 }
        return bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian
    }

    /// The token as text, for a message header. O(length).
    public var text: String { Base64URL.text(bytes) }

    /// The event that sent the message, by the name that its run has.
    public var event: EventID {
        bytes.withUnsafeBytes { bytes in
            // Only tokens that were checked exist.
            let head = TokenHead(bytes)!
            return EventID(head.process(in: bytes), head.sequence)
        }
    }

    /// The run that sent the message.
    package var sender: RunKey { bytes.withUnsafeBytes { TokenHead($0)!.run } }

    /// True where the sender had seen more than the token tells.
    public var isAbbreviated: Bool { bytes[1] & Token.abbreviatedFlag != 0 }
}

/// Where the parts of a token are that come before its entries.
struct TokenHead {
    let run: RunKey
    let name: Range<Int>
    let incarnation: UInt32
    let sequence: UInt64
    /// What the sender's run goes on from.
    let origin: (run: RunKey, sequence: UInt64)?
    let entriesOffset: Int

    /// nil where the bytes hold no sender.
    init?(_ bytes: UnsafeRawBufferPointer) {
        let start = Token.bodyOffset(bytes) + (bytes[1] & Token.executionFlag == 0 ? 0 : 8)
        guard start + 8 < bytes.count else { return nil }
        run = RunKey(
            bits: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian)
        var offset = start + 8
        guard
            let length = Varint.number(
                bytes, &offset, max: UInt64(Causality.Limits.nameBytesMax)),
            length > 0, offset + Int(length) <= bytes.count
        else { return nil }
        name = offset..<offset + Int(length)
        offset = name.upperBound
        guard
            let incarnation = Varint.number(
                bytes, &offset, max: UInt64(Causality.Limits.incarnationMax)),
            let sequence = Varint.number(bytes, &offset, max: Causality.Limits.sequenceMax),
            incarnation > 0, sequence > 0
        else { return nil }
        self.incarnation = UInt32(incarnation)
        self.sequence = sequence
        if bytes[1] & Token.originFlag == 0 {
            origin = nil
        } else {
            guard let named = Token.entry(bytes, &offset) else { return nil }
            origin = (named.0, named.1)
        }
        entriesOffset = offset
    }

    /// Whether the name is one: a repaired one would be longer than it may be.
    func hasName(in bytes: UnsafeRawBufferPointer) -> Bool {
        let name = bytes[name]
        return !name.contains(0)
            && (name.allSatisfy { $0 < 0x80 } || String(validating: name, as: UTF8.self) != nil)
    }

    func process(in bytes: UnsafeRawBufferPointer) -> ProcessID {
        ProcessID(
            name: String(decoding: bytes[name], as: UTF8.self), incarnation: incarnation)
    }
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
