import Glibc

/// Puts a token together in memory of `Limits.tokenBytesMax` bytes.
struct TokenWriter {
    private let out: UnsafeMutableRawBufferPointer
    private var count: Int

    init(_ out: UnsafeMutableRawBufferPointer, executionMark: UInt64) {
        self.out = out
        out[0] = Token.version
        out[1] = executionMark == 0 ? 0 : Token.executionFlag
        count = Token.headByteCount
        if executionMark != 0 {
            out.storeBytes(of: executionMark.littleEndian, toByteOffset: count, as: UInt64.self)
            count += 8
        }
    }

    /// False where there is no room.
    @inline(__always)
    mutating func append(_ id: UnsafeRawBufferPointer, _ value: UInt64) -> Bool {
        guard count + id.count + PackedID.byteCount(value) <= Limits.tokenBytesMax else {
            return false
        }
        memcpy(out.baseAddress! + count, id.baseAddress!, id.count)
        count += id.count
        var rest = value
        while rest >= 0x80 {
            out[count] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            count += 1
        }
        out[count] = UInt8(rest)
        count += 1
        return true
    }

    /// The bytes of the whole token.
    func finish(isAbbreviated: Bool) -> Int {
        if isAbbreviated { out[1] |= Token.abbreviatedFlag }
        let check = Token.check(UnsafeRawBufferPointer(rebasing: out[..<count]))
        out.storeBytes(of: check.littleEndian, toByteOffset: Token.checkOffset, as: UInt32.self)
        return count
    }
}
