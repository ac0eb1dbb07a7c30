import Foundation
import Testing

/// A client that does with its connection what no library would.
final class RawConnection {
    private let descriptor: Int32

    /// Connects to a port of 127.0.0.1 from an address of this machine. A small `receiveBuffer` fills soon.
    init(_ port: Int, from address: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0, "socket: \(String(cString: strerror(errno)))")
        if var receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, 4)
        }
        var (own, other) = (Self.address(address, 0), Self.address("127.0.0.1", port))
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        func cast(_ pointer: UnsafePointer<sockaddr_in>, _ call: (UnsafePointer<sockaddr>) -> Int32)
            -> Int32
        {
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, call)
        }
        try #require(cast(&own) { bind(descriptor, $0, length) } == 0)
        try #require(cast(&other) { connect(descriptor, $0, length) } == 0)
    }

    deinit { close(descriptor) }

    private static func address(_ host: String, _ port: Int) -> sockaddr_in {
        sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: in_port_t(port).bigEndian,
            sin_addr: in_addr(s_addr: inet_addr(host)), sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
    }

    /// False where the other end has gone.
    @discardableResult
    func send(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes {
            Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                == $0.count
        }
    }

    func get(_ path: String) { send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n") }

    /// What comes until the connection is closed, `enough` holds, or so many seconds have passed without a byte.
    func read(seconds: Int, until enough: (String) -> Bool = { _ in false }) -> (
        text: String, isClosed: Bool
    ) {
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout,
            socklen_t(MemoryLayout<timeval>.size))
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while !enough(text) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || count < 0 && errno == ECONNRESET { return (text, true) }
            if count < 0 { return (text, false) }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return (text, false)
    }

    /// The answer to a request, whose body says how long it is.
    func answer(seconds: Int = 30) -> String {
        read(seconds: seconds) { text in
            guard let end = text.range(of: "\r\n\r\n"),
                let length = text.range(of: "content-length: ", options: .caseInsensitive)
            else { return false }
            let expected = Int(text[length.upperBound...].prefix { $0.isNumber }) ?? 0
            return text[end.upperBound...].utf8.count >= expected
        }.text
    }
}
