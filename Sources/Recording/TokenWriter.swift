import Causality
import Glibc

/// Puts a token together in as much memory as it may take.
struct TokenWriter {
    private let out: UnsafeMutableRawBufferPointer
    private var count: Int
    private let seal: SipHash?

    /// Begins with the sender; `sender` is its run key, name and incarnation, as `senderBytes` packs them. Without `seal` the token
    /// has none.
    init(
        _ out: UnsafeMutableRawBufferPointer, executionMark: UInt64, sender: [UInt8],
        sequence: UInt64, origin: Origin, seal: SipHash?
    ) {
        self.out = out
        out[0] = Token.version
        out[1] =
            (executionMark == 0 ? 0 : Token.executionFlag) | (seal == nil ? 0 : Token.sealFlag)
        self.seal = seal
        count = Token.headByteCount + (seal == nil ? 0 : Token.sealByteCount)
        if executionMark != 0 { word(executionMark) }
        sender.withUnsafeBytes { _ = memcpy(out.baseAddress! + count, $0.baseAddress!, $0.count) }
        count += sender.count
        varint(sequence)
        if case .event(let run, let sequence) = origin {
            out[1] |= Token.originFlag
            word(run.bits)
            varint(sequence)
        }
    }

    /// What a token says of its sender, but for the sequence number.
    static func senderBytes(_ run: RunKey, _ process: ProcessID) -> [UInt8] {
        var bytes = (0..<8).map { UInt8(truncatingIfNeeded: run.bits >> (8 * UInt64($0))) }
        Varint.append(UInt64(process.name.utf8.count), to: &bytes)
        bytes += process.name.utf8
        Varint.append(UInt64(process.incarnation), to: &bytes)
        return bytes
    }

    /// False where there is no room.
    @inline(__always)
    mutating func append(_ run: RunKey, _ value: UInt64) -> Bool {
        guard count + 8 + Varint.byteCount(value) <= out.count else { return false }
        word(run.bits)
        varint(value)
        return true
    }

    @inline(__always)
    private mutating func word(_ value: UInt64) {
        out.storeBytes(of: value.littleEndian, toByteOffset: count, as: UInt64.self)
        count += 8
    }

    @inline(__always)
    private mutating func varint(_ value: UInt64) {
        Varint.store(value, in: out, at: &count)
    }

    /// The bytes of the whole token.
    func finish(isAbbreviated: Bool) -> Int {
        if isAbbreviated { out[1] |= Token.abbreviatedFlag }
        let bytes = UnsafeRawBufferPointer(rebasing: out[..<count])
        if let seal {
            out.storeBytes(
                of: Token.seal(bytes, seal).littleEndian, toByteOffset: Token.headByteCount,
                as: UInt64.self)
        }
        let check = Token.check(bytes)
        out.storeBytes(of: check.littleEndian, toByteOffset: Token.checkOffset, as: UInt32.self)
        return count
    }
}
