import Foundation
import Synchronization
import Testing

/// `lightcone top` on a terminal of its own.
@Suite(.serialized) struct TopTests {
    /// A program on a terminal that it is the only one to use.
    private final class Terminal {
        private let process = Process()
        private let controller: FileHandle
        private let descriptor: Int32
        private let user: Int32
        private let seen = Seen()

        private final class Seen: Sendable {
            let bytes = Mutex<[UInt8]>([])
        }

        init(_ arguments: [String], columns: Int, rows: Int) throws {
            descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            // What unlockpt and ptsname do (ioctl_tty(2)): TIOCSPTLCK and TIOCGPTN.
            var (lock, number) = (Int32(0), Int32(0))
            try #require(ioctl(descriptor, 0x4004_5431, &lock) == 0)
            try #require(ioctl(descriptor, 0x8004_5430, &number) == 0)
            user = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
            try #require(user >= 0)
            controller = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            resize(columns: columns, rows: rows, isRunning: false)
            let end = FileHandle(fileDescriptor: user, closeOnDealloc: false)
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging([
                "TERM": "xterm-256color", "NO_COLOR": "1", "TZ": "UTC",
            ]) { $1 }
            (process.standardInput, process.standardOutput, process.standardError) = (end, end, end)
            controller.readabilityHandler = { [seen] handle in
                let bytes = Array(handle.availableData)
                seen.bytes.withLock { $0 += bytes }
            }
            try process.run()
        }

        deinit {
            controller.readabilityHandler = nil
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
            process.waitUntilExit()
            close(user)
        }

        /// Everything that came.
        var text: String { seen.bytes.withLock { String(decoding: $0, as: UTF8.self) } }

        /// The lines of the last screen that was drawn whole.
        var screen: [String] {
            let drawn = text.components(separatedBy: "\u{1b}[H").filter { $0.contains("\u{1b}[J") }
            return (drawn.last ?? "").components(separatedBy: "\r\n").map {
                String($0.prefix { $0 != "\u{1b}" })
            }
        }

        func resize(columns: Int, rows: Int, isRunning: Bool = true) {
            var size = winsize()
            (size.ws_col, size.ws_row) = (UInt16(columns), UInt16(rows))
            _ = ioctl(descriptor, UInt(TIOCSWINSZ), &size)
            if isRunning { kill(process.processIdentifier, SIGWINCH) }
        }

        func type(_ text: String) throws { try controller.write(contentsOf: Data(text.utf8)) }

        func signal(_ number: Int32) { kill(process.processIdentifier, number) }

        /// How it ended: its exit status, or 128 and the number of the signal.
        func status() -> Int32 {
            process.waitUntilExit()
            return process.terminationStatus
                + (process.terminationReason == .uncaughtSignal ? 128 : 0)
        }

        /// Whether it reads lines and shows what is typed.
        var isUsual: Bool {
            var settings = termios()
            tcgetattr(user, &settings)
            let flags = tcflag_t(ICANON | ECHO | ISIG)
            return settings.c_lflag & flags == flags
        }
    }

    private static func collector(_ folder: TemporaryFolder) throws -> RunningCollector {
        let file = try folder.write(
            "log.ndjson",
            #"{"process":"db","seq":1,"cause":"web:3","kind":"receive","host":"h"}"# + "\n")
        try Program.lightcone(
            "import", "--into", "\(folder.path)/data", "--format", "jsonl", file)
        return try RunningCollector(folder)
    }

    @Test func showsTheCollectorUntilItIsEnded() throws {
        let folder = try TemporaryFolder()
        let collector = try Self.collector(folder)
        let top = try Terminal(
            ["top", "--source", collector.url, "--interval", "0.2"], columns: 80, rows: 24)
        try waitUntil("it is shown") { top.screen.contains { $0.hasPrefix("execution ") } }
        #expect(top.text.hasPrefix("\u{1b}[?1049h\u{1b}[?25l") && !top.isUsual)
        #expect(
            top.screen[2...3] == [
                "needs a person:", "  main: 3 events are missing (lightcone gaps)",
            ])
        // It goes with the size of the terminal.
        top.resize(columns: 30, rows: 5)
        try waitUntil("it fits") {
            top.screen.count <= 5 && top.screen.allSatisfy { $0.count <= 30 }
        }
        top.resize(columns: 80, rows: 24)
        try waitUntil("it is whole again") { top.screen.count > 5 }
        // The collector goes and comes back.
        _ = collector.program.stop()
        try waitUntil("it is told") { top.screen[1].hasPrefix("no answer: cannot reach") }
        #expect(top.screen.contains { $0.hasPrefix("main ") }, "what was known stays")
        try collector.start()
        try waitUntil("it is back") { top.screen[1].isEmpty }
        try top.type("x")
        try top.type("q")
        #expect(top.status() == 0 && top.isUsual)
        try waitUntil("all came") { top.text.hasSuffix("\u{1b}[?25h\u{1b}[?1049l") }
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, 0])
    func howeverItEndsTheTerminalIsAsItWas(signal: Int32) throws {
        let folder = try TemporaryFolder()
        let collector = try Self.collector(folder)
        let top = try Terminal(["top", "--source", collector.url], columns: 80, rows: 24)
        try waitUntil("it is shown") { top.screen.contains { $0.hasPrefix("execution ") } }
        if signal > 0 { top.signal(signal) } else { try top.type("\u{3}") }
        #expect(top.status() == (signal > 0 ? 128 + signal : 0) && top.isUsual)
        try waitUntil("all came") { top.text.hasSuffix("\u{1b}[?25h\u{1b}[?1049l") }
    }

    @Test func whatIsNotThereAtFirstIsWaitedFor() throws {
        let top = try Terminal(
            ["top", "--source", "http://127.0.0.1:9", "--interval", "0.2"], columns: 80, rows: 24)
        try waitUntil("it is told") { top.screen.count > 1 && top.screen[1].hasPrefix("no answer") }
        try top.type("q")
        #expect(top.status() == 0)
    }

    @Test func aQuestionThatIsWrongIsToldOnTheUsualScreen() throws {
        let folder = try TemporaryFolder()
        let collector = try Self.collector(folder)
        let top = try Terminal(
            ["top", "--source", collector.url, "--execution", "none"], columns: 80, rows: 24)
        #expect(top.status() == 1 && top.isUsual)
        try waitUntil("it is told") { top.text.contains("\u{1b}[?1049llightcone: no execution") }
    }

    @Test func elsewhereItIsRefused() throws {
        let folder = try TemporaryFolder()
        let piped = try Program.lightcone("top", "--source", folder.path)
        #expect(piped.status == 2 && piped.output.isEmpty)
        #expect(piped.errors.contains("lightcone status"))
        for wrong in [["--json"], ["--limit", "1"], ["--interval", "0"], ["--interval", "1e9"]] {
            let run = try Program.lightcone(["top", "--source", folder.path] + wrong)
            #expect(run.status == 2, "\(wrong)")
        }
    }
}
