import Glibc

/// One kept connection to an agent's local interface: HTTP/1.1 over its Unix socket, blocking.
final class LocalConnection {
    private let descriptor: Int32
    /// What was read beyond the last answer.
    private var pending: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    /// Why an agent did not do as it was asked.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(_ path: String) throws(Failure) {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "no socket: errno \(errno)") }
        self.descriptor = descriptor
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let isFitting = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard bytes.count < room.count else { return false }
            room.copyBytes(from: bytes)
            return true
        }
        guard isFitting else { throw Failure(description: "\(path): too long for a socket") }
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else { throw Failure(description: "\(path): errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// Asks for events to be recorded; the answer comes with `answer()`.
    func post(_ body: [UInt8]) {
        var request = Array(
            "POST /v1/events HTTP/1.1\r\nhost: agent\r\ncontent-length: \(body.count)\r\n\r\n".utf8)
        request += body
        write(request, to: descriptor)
    }

    /// The body of the next answer. Throws where it is none of success, or its length is not said.
    func answer() throws(Failure) -> [UInt8] {
        var end = Self.find(Self.blankLine, in: pending)
        while end == nil {
            try receive()
            end = Self.find(Self.blankLine, in: pending)
        }
        let headEnd = end ?? 0
        let head = String(decoding: pending[..<headEnd], as: UTF8.self).lowercased()
        let lines = head.split(separator: "\r\n")
        guard let length = lines.first(where: { $0.hasPrefix("content-length:") }),
            let count = Int(length.dropFirst(15).filter { $0 != " " })
        else { throw Failure(description: "an answer without content-length: \(head)") }
        let bodyStart = headEnd + Self.blankLine.count
        while pending.count < bodyStart + count { try receive() }
        let body = Array(pending[bodyStart..<bodyStart + count])
        pending.removeFirst(bodyStart + count)
        guard lines.first?.contains(" 200") == true else {
            throw Failure(description: "\(head) \(String(decoding: body, as: UTF8.self))")
        }
        return body
    }

    private func receive() throws(Failure) {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { return }
        guard count > 0 else { throw Failure(description: "the agent closed the connection") }
        pending += buffer[..<count]
    }

    private static let blankLine = Array("\r\n\r\n".utf8)

    /// Where `pattern` begins in `bytes`, at `start` or behind it.
    static func find(_ pattern: [UInt8], in bytes: [UInt8], from start: Int = 0) -> Int? {
        var index = start
        while index + pattern.count <= bytes.count {
            if bytes[index] == pattern[0],
                bytes[index..<index + pattern.count].elementsEqual(pattern)
            {
                return index
            }
            index += 1
        }
        return nil
    }
}
