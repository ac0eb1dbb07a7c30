import Glibc
import Synchronization

/// Standard output is the answer, standard error everything else.
enum Terminal {
    private static let pending = Mutex<[UInt8]>([])
    private static let bufferBytes = 64 * 1024

    /// A piece of the answer. It may wait in a buffer until `flush`.
    static func write(_ text: String) {
        let full = pending.withLock { pending -> [UInt8]? in
            pending.append(contentsOf: text.utf8)
            guard pending.count >= bufferBytes else { return nil }
            defer { pending.removeAll(keepingCapacity: true) }
            return pending
        }
        if let full { put(full, 1) }
    }

    /// Returns when the answer is out.
    static func flush() {
        let rest = pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
        put(rest, 1)
    }

    /// The answer goes to a file from now on.
    static func redirect(to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard file >= 0, dup2(file, 1) == 1 else {
            throw CommandFailure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        close(file)
    }

    /// A line that is not the answer.
    static func note(_ text: String) { put(Array((text + "\n").utf8), 2) }

    /// Why a command failed.
    static func complain(_ text: String) { note("lightcone: \(text)") }

    private static func put(_ bytes: [UInt8], _ descriptor: Int32) {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
            }
            if put < 0, errno == EINTR { continue }
            if put <= 0 {
                // Nobody takes the answer, or the disk that it goes to is full.
                if descriptor == 1 {
                    complain("cannot write the answer: \(String(cString: strerror(errno)))")
                }
                exit(Exit.failure.rawValue)
            }
            done += put
        }
    }
}
