import Glibc

/// This program, started again with other arguments.
final class ChildProcess {
    private let pid: pid_t
    private var status: Int32?

    /// Starts it; standard error goes to the file `errors`, or where ours goes.
    init(_ arguments: [String], output: String?, errors: String?, inheritsOutput: Bool = false)
        throws
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        if !inheritsOutput {
            posix_spawn_file_actions_addopen(
                &actions, 1, output ?? "/dev/null", O_WRONLY | O_CREAT, 0o640)
        }
        if let errors {
            posix_spawn_file_actions_addopen(
                &actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o640)
        }
        let words = (["lightcone"] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, "/proc/self/exe", &actions, nil, words + [nil], environ)
        guard result == 0 else {
            throw CommandFailure("cannot start lightcone: \(String(cString: strerror(result)))")
        }
        self.pid = pid
    }

    var isRunning: Bool {
        guard status == nil else { return false }
        var found: Int32 = 0
        if waitpid(pid, &found, WNOHANG) == pid { status = found }
        return status == nil
    }

    /// Waits for its end; its exit code, or 128 and the signal.
    func wait() -> Int32 {
        if status == nil {
            var found: Int32 = 0
            while waitpid(pid, &found, 0) < 0, errno == EINTR {}
            status = found
        }
        let status = status ?? 0
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    /// Asks it to stop, and waits.
    func stop() {
        if isRunning { kill(pid, SIGTERM) }
        _ = wait()
    }
}
