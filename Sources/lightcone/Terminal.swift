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
            if put <= 0 { stop(descriptor, errno) }
            done += put
        }
    }

    /// Ends the program where what it says cannot be written: without a word where a reader such as `head` has had enough.
    private static func stop(_ descriptor: Int32, _ code: Int32) -> Never {
        OutputFile.discard()
        if code == EPIPE { exit((descriptor == 1 ? Exit.yes : Exit.failure).rawValue) }
        // Nobody takes the answer, or the disk that it goes to is full.
        if descriptor == 1 {
            complain("cannot write the answer: \(String(cString: strerror(code)))")
        }
        exit(Exit.failure.rawValue)
    }
}
