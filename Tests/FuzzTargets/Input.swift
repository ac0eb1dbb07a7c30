import Causality

/// The numbers and pieces that an input says, whatever its bytes are: behind its end, zeros and nothing. Little-endian.
struct Input {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func number16() -> Int { Int(byte()) | Int(byte()) << 8 }

    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(position + count, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
    }

    /// Its length, 16 bits, and as many bytes as there are of these.
    mutating func piece() -> [UInt8] { take(number16()) }

    mutating func rest() -> [UInt8] { take(.max - position) }
}

extension ByteWriter {
    /// What `Input.piece` reads.
    mutating func piece(_ bytes: [UInt8]) {
        fixed16(UInt16(bytes.count))
        self.bytes(bytes)
    }
}
