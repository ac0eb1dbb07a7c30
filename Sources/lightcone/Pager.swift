import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// The program that shows an answer which is longer than the screen: what LIGHTCONE_PAGER or PAGER says, else `less -FRX`.
enum Pager {
    private struct State {
        /// What is started where the answer turns out to be longer than the screen; nil where nothing is.
        var command: String?
        var isRunning = false
        /// Whether the answer is over, or given up.
        var isEnding = false
        /// Its exit code, once it has ended.
        var code: Int32?
    }

    private static let state = Mutex(State())
    private static let hasEnded = DispatchSemaphore(value: 0)

    /// Has the answer shown by a pager, where it goes to a terminal and one is wanted.
    static func expect(isWanted: Bool) {
        guard isWanted, Screen.isThere else { return }
        let command = command()
        state.withLock { $0.command = command }
    }

    /// Whether an answer of so many lines is still to be held back: it may fit the screen.
    static func holdsBack(_ lines: Int) -> Bool {
        let isPossible = state.withLock { $0.command != nil && !$0.isRunning }
        return isPossible && lines < Screen.size.rows
    }

    private static func command() -> String? {
        let environment = ProcessInfo.processInfo.environment
        guard let said = environment["LIGHTCONE_PAGER"] ?? environment["PAGER"] else {
            let folders = (environment["PATH"] ?? "").split(separator: ":")
            return folders.contains { access("\($0)/less", X_OK) == 0 } ? "less -FRX" : nil
        }
        return said.isEmpty || said == "cat" ? nil : said
    }

    /// Standard output goes to the pager, where one is expected and does not run yet.
    static func start() {
        state.withLock { state in
            guard let command = state.command, !state.isRunning else { return }
            guard let pid = try? spawn(command) else {
                state.command = nil
                return
            }
            state.isRunning = true
            // An interrupt is the pager's to take; when it ends, so do we.
            signal(SIGINT, SIG_IGN)
            atexit { Pager.end() }
            DispatchQueue.global().async { wait(for: pid) }
        }
    }

    private static func spawn(_ command: String) throws -> pid_t {
        let pipe = try ChildProcess.pipe()
        defer { for end in pipe { close(end) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe[0], 0)
        // A `less` that is asked for by its name alone shows colours, too.
        setenv("LESS", "FRX", 0)
        let pid = try ChildProcess.spawn("/bin/sh", ["sh", "-c", command], &actions)
        dup2(pipe[1], 1)
        return pid
    }

    private static func wait(for pid: pid_t) {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        let isLeft = state.withLock { state in
            state.code = code
            return !state.isEnding
        }
        hasEnded.signal()
        // Its reader has seen enough, perhaps while we are still searching.
        if isLeft, !isMissing(code) { _exit(Exit.yes.rawValue) }
    }

    /// Whether the shell did not find it.
    private static func isMissing(_ code: Int32) -> Bool { code == 126 || code == 127 }

    /// Returns when its reader has left the pager. False where there is none by that name.
    @discardableResult
    static func end() -> Bool {
        let isRunning = state.withLock { state in
            defer { state.isEnding = true }
            return state.isRunning && !state.isEnding
        }
        guard isRunning else { return true }
        // The end of what it shows.
        let null = Glibc.open("/dev/null", O_WRONLY | O_CLOEXEC)
        if null >= 0 {
            dup2(null, 1)
            close(null)
        } else {
            close(1)
        }
        hasEnded.wait()
        let (command, code) = state.withLock { ($0.command ?? "", $0.code ?? 0) }
        guard isMissing(code) else { return true }
        Terminal.complain("cannot start the pager “\(command)” (--no-pager shows it without one)")
        return false
    }
}
