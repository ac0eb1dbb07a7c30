import Glibc
import Synchronization

/// This program, started again with other arguments.
final class ChildProcess {
    private let pid: pid_t
    private var status: Int32?
    /// The end of the pipe that is the child's standard input, -1 where it has none.
    private var input: Int32 = -1

    /// Starts it; standard error goes to the file `errors`, or where ours goes.
    init(
        _ arguments: [String], output: String?, errors: String?, inheritsOutput: Bool = false,
        takesInput: Bool = false
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var pipe: [Int32] = [-1, -1]
        if takesInput {
            pipe = try Self.pipe()
            posix_spawn_file_actions_adddup2(&actions, pipe[0], 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        defer { if pipe[0] >= 0 { close(pipe[0]) } }
        if !inheritsOutput {
            posix_spawn_file_actions_addopen(
                &actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0o640)
        }
        if let errors {
            posix_spawn_file_actions_addopen(
                &actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o640)
        }
        do {
            pid = try Self.running.withLock { running in
                let pid = try Self.spawn("/proc/self/exe", ["lightcone"] + arguments, &actions)
                running.insert(pid)
                return pid
            }
        } catch {
            if pipe[1] >= 0 { close(pipe[1]) }
            throw CommandFailure("cannot start lightcone: \(error)")
        }
        input = pipe[1]
    }

    /// A pipe, its end to read and its end to write. No other child keeps an end open: where we end, however we do, what is
    /// read from it ends.
    static func pipe() throws -> [Int32] {
        var pipe: [Int32] = [-1, -1]
        guard Glibc.pipe(&pipe) == 0 else {
            throw CommandFailure("cannot make a pipe: \(String(cString: strerror(errno)))")
        }
        for end in pipe { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return pipe
    }

    /// Starts a program. What we ignore or catch, it does not.
    static func spawn(
        _ path: String, _ words: [String], _ actions: inout posix_spawn_file_actions_t
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))
        let words = words.map { strdup($0) }
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, path, &actions, &attributes, words + [nil], environ)
        guard result == 0 else { throw CommandFailure(String(cString: strerror(result))) }
        return pid
    }

    /// Has the system's browser open an address; goes on at once.
    static func open(_ address: String) throws {
        let path = "/usr/bin/xdg-open"
        guard access(path, X_OK) == 0 else { throw CommandFailure("there is no \(path)") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for output: Int32 in 1...2 {
            posix_spawn_file_actions_addopen(&actions, output, "/dev/null", O_WRONLY, 0)
        }
        _ = try spawn(path, ["xdg-open", address], &actions)
    }

    deinit { endInput() }

    /// Writes a line to its standard input. It is lost where the child has ended: that shows elsewhere.
    func write(line: String) {
        let bytes = Array((line + "\n").utf8)
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes {
                Glibc.write(input, $0.baseAddress! + done, bytes.count - done)
            }
            if put < 0, errno == EINTR { continue }
            if put <= 0 { return }
            done += put
        }
    }

    func endInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    var isRunning: Bool {
        guard status == nil else { return false }
        var found: Int32 = 0
        Self.running.withLock { running in
            guard waitpid(pid, &found, WNOHANG) == pid else { return }
            status = found
            running.remove(pid)
        }
        return status == nil
    }

    /// All that run.
    private static let running = Mutex<Set<pid_t>>([])

    /// Asks all that run to end.
    static func endAll() {
        running.withLock { running in
            for child in running { _ = Glibc.kill(child, SIGTERM) }
        }
    }

    /// Waits for its end; its exit code, or 128 and the signal.
    func wait() -> Int32 {
        if status == nil {
            // Its number stays its own until it is reaped.
            var information = siginfo_t()
            while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
            _ = isRunning
        }
        let status = status ?? 0
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// Asks it to stop, and waits; kills it where it has not stopped after 15 s.
    func stop() {
        if isRunning { _ = Glibc.kill(pid, SIGTERM) }
        // waitpid(2) has no limit of its own, and the demo must end.
        for _ in 0..<1500 where isRunning { usleep(10_000) }
        kill()
    }

    /// Kills it (SIGKILL), and waits.
    func kill() {
        if isRunning { _ = Glibc.kill(pid, SIGKILL) }
        _ = wait()
    }
}
