import Causality
import Glibc
import Synchronization

/// Standard output is the answer, standard error everything else. Whatever is said here may be from outside: nothing in it is
/// left for the terminal to obey.
enum Terminal {
    private static let pending = Mutex<[UInt8]>([])
    private static let bufferBytes = 64 * 1024

    /// A piece of the answer. It may wait in a buffer until `flush`.
    static func write(_ text: String) {
        write(laidOut: printable(text, keeping: .lineBreaksAndTabs))
    }

    /// The same of a text that has colours in it, and in which nothing else is from outside as it was.
    static func write(laidOut text: String) {
        let full = pending.withLock { pending -> [UInt8]? in
            pending.append(contentsOf: text.utf8)
            let isShort = pending.count < bufferBytes
            guard !isShort || isPaged(pending) else { return nil }
            Pager.start()
            guard !isShort else { return nil }
            defer { pending.removeAll(keepingCapacity: true) }
            return pending
        }
        if let full { put(full, 1) }
    }

    /// Whether a pager is expected, and what waits is longer than the screen.
    private static func isPaged(_ pending: [UInt8]) -> Bool {
        guard Pager.holdsBack(0) else { return false }
        return !Pager.holdsBack(pending.count { $0 == 0x0a })
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
    static func note(_ text: String) { put(Array((printable(text) + "\n").utf8), 2) }

    /// Several lines that are not the answer.
    static func notes(_ text: String) {
        put(Array((printable(text, keeping: .lineBreaks) + "\n").utf8), 2)
    }

    /// Why a command failed.
    static func complain(_ text: String) { note("lightcone: \(text)") }

    private static func put(_ bytes: [UInt8], _ descriptor: Int32) {
        if let code = failure(of: bytes, descriptor) { stop(descriptor, code) }
    }

    /// Writes all of the bytes; the error where that fails.
    private static func failure(of bytes: [UInt8], _ descriptor: Int32) -> Int32? {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
            }
            if put < 0, errno == EINTR { continue }
            if put <= 0 { return errno }
            done += put
        }
        return nil
    }

    /// Ends the program where what it says cannot be written: without a word where a reader such as `head` has had enough.
    private static func stop(_ descriptor: Int32, _ code: Int32) -> Never {
        OutputFile.discard()
        if code == EPIPE {
            let isRead = descriptor == 1 && Pager.end()
            exit((isRead ? Exit.yes : Exit.failure).rawValue)
        }
        // Nobody takes the answer, or the disk that it goes to is full.
        if descriptor == 1 {
            complain("cannot write the answer: \(String(cString: strerror(code)))")
        }
        exit(Exit.failure.rawValue)
    }

    /// Where a log goes: standard error, a line each. A service does not end for want of a reader.
    struct Log: TextOutputStream, Sendable {
        func write(_ line: String) {
            let text = String(line.unicodeScalars.dropLast(line.utf8.last == 0x0a ? 1 : 0))
            _ = Terminal.failure(of: Array((printable(text) + "\n").utf8), 2)
        }
    }
}
