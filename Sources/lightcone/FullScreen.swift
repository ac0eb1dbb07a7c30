import Dispatch
import Glibc
import Querying

/// The whole terminal, drawn again and again until a person ends it: in the alternate screen, without a cursor, with each key read
/// as it is pressed. However it ends, the terminal is as it was.
final class FullScreen: Sendable {
    /// Whether there is a terminal that a person sees and types at.
    static var isPossible: Bool {
        Screen.isThere && isatty(0) == 1 && Screen.variable("TERM") != "dumb"
    }

    private let before: termios
    /// What wakes the loop: a byte for each signal, and for each `redraw`.
    private let wake: [Int32]

    /// For the handler of signals, and for the program's end: unsafe since no lock may be taken there. The descriptor is set once, before
    /// any handler; the settings are taken back by whoever ends the program, before it ends.
    private nonisolated(unsafe) static var wakeDescriptor: Int32 = -1
    private nonisolated(unsafe) static var settings: termios?

    private static let signals = [SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT]
    /// Bytes that wake the loop and are no signals.
    private static let drawByte: UInt8 = 0
    private static let endByte: UInt8 = 255

    /// Takes the terminal.
    init() throws {
        var settings = termios()
        guard tcgetattr(0, &settings) == 0 else {
            throw CommandFailure(
                "cannot read the terminal's settings: \(String(cString: strerror(errno)))")
        }
        before = settings
        wake = try ChildProcess.pipe()
        for end in wake { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        (Self.settings, Self.wakeDescriptor) = (settings, wake[1])
        for number in Self.signals {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                write(FullScreen.wakeDescriptor, &byte, 1)
            }
        }
        // Whatever else ends the program.
        atexit { FullScreen.restore() }
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        tcsetattr(0, TCSAFLUSH, &settings)
        Self.put("\u{1b}[?1049h\u{1b}[?25l")
    }

    /// Leaves the terminal as it was. Nothing happens the second time.
    func leave() { Self.restore() }

    private static func restore() {
        guard var settings else { return }
        Self.settings = nil
        put("\u{1b}[?25h\u{1b}[?1049l")
        tcsetattr(0, TCSAFLUSH, &settings)
    }

    private static func put(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
    }

    /// Has the loop draw.
    func redraw() { send(Self.drawByte) }

    /// Has the loop end.
    func end() { send(Self.endByte) }

    private func send(_ byte: UInt8) {
        var byte = byte
        write(wake[1], &byte, 1)
    }

    /// Draws until q, Ctrl-C or a signal ends it. A signal that ends programs ends this one, once the terminal is as it was.
    func run(_ lines: @escaping @Sendable () -> [String]) async {
        await withCheckedContinuation { continuation in
            // It waits for keys: no thread that tasks run on may.
            DispatchQueue(label: "lightcone.screen").async {
                self.loop(lines)
                continuation.resume()
            }
        }
    }

    private func loop(_ lines: () -> [String]) {
        while true {
            var text = "\u{1b}[H"
            for (number, line) in lines().enumerated() {
                text += (number > 0 ? "\n" : "") + line + "\u{1b}[K"
            }
            Terminal.write(laidOut: text + "\u{1b}[J")
            Terminal.flush()
            // Once a second also where nothing comes: what is waited for is told with its time.
            var sources = [
                pollfd(fd: 0, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake[0], events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&sources, 2, 1_000) > 0 else { continue }
            if sources[1].revents != 0 {
                for byte in read(wake[0]) {
                    if byte == Self.endByte { return }
                    guard byte != Self.drawByte, Int32(byte) != SIGWINCH else { continue }
                    end(by: Int32(byte))
                }
            }
            guard sources[0].revents != 0 else { continue }
            let keys = read(0)
            // Nobody types any more, q, or Ctrl-C.
            if keys.isEmpty || keys.contains(where: { $0 == 0x71 || $0 == 0x51 || $0 == 0x03 }) {
                return
            }
        }
    }

    /// Ends the program as a signal does that nobody catches: whoever waits for it sees that.
    private func end(by number: Int32) -> Never {
        Self.restore()
        signal(number, SIG_DFL)
        // On threads of Dispatch signals are blocked.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        exit(128 + number)
    }

    private func read(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return Array(buffer.prefix(max(0, count)))
    }
}
