import Glibc

/// Looks for the line in a listing that says that it ends early.
struct StoppedLine {
    private(set) var isThere = false
    private let beginning: [UInt8]
    /// What the last line begins with.
    private var line: [UInt8] = []

    init(isJSON: Bool) { beginning = Array((isJSON ? "{\"stopped\":" : "stopped: ").utf8) }

    /// O(bytes): a whole answer goes through here.
    mutating func look(at piece: String) {
        var piece = piece
        piece.withUTF8 { (bytes: UnsafeBufferPointer<UInt8>) in
            var start = 0
            while start < bytes.count {
                let base = UnsafeRawPointer(bytes.baseAddress!)
                let found = memchr(base + start, 0x0a, bytes.count - start)
                let end = found.map { UnsafeRawPointer($0) - base } ?? bytes.count
                let missing = beginning.count - line.count
                if missing > 0 {
                    line += bytes[start..<end].prefix(missing)
                    isThere = isThere || line == beginning
                }
                if found != nil { line.removeAll(keepingCapacity: true) }
                start = end + 1
            }
        }
    }
}
