import Foundation
import Testing

/// What no simulation shows, with real programs on a real kernel: system calls that fail, and programs that stand still.
/// `LIGHTCONE_FAULT_SECONDS` says how long each lasts, and has all kinds of calls fail, of both (`Scripts/kill-test` takes a minute);
/// else each takes a second, and four kinds do.
@Suite(.serialized) struct RealFaultTests {
    private static let secondsAsked =
        ProcessInfo.processInfo.environment["LIGHTCONE_FAULT_SECONDS"].flatMap { Double($0) }
    private static let seconds = secondsAsked ?? 1

    /// A program whose log an agent follows, and what it has written.
    private final class Host {
        let folder: TemporaryFolder
        let collector: RunningCollector
        private(set) var agent: RunningProgram
        private let agentEnvironment: [String: String]
        private(set) var written = 0

        /// - Parameter environments: What of a folder the collector's environment has besides ours, and the agent's.
        init(
            _ environments: (TemporaryFolder) throws -> (
                collector: [String: String], agent: [String: String]
            ) = { _ in ([:], [:]) }
        ) throws {
            folder = try TemporaryFolder()
            let environments = try environments(folder)
            collector = try RunningCollector(
                folder, "--merge-seconds", "1", environment: environments.collector)
            agentEnvironment = environments.agent
            agent = try Host.agent(folder, collector.url, agentEnvironment)
            try write()
            try waitForAll()
        }

        private static func agent(
            _ folder: TemporaryFolder, _ url: String, _ environment: [String: String]
        ) throws -> RunningProgram {
            let config = try folder.write(
                "agent.yaml",
                """
                collector: \(url)
                host: h
                spool: \(folder.path)/spool
                follow: [govector:\(folder.path)/a.log]
                segmentBytesMax: 4096
                """)
            return try RunningProgram(
                ["agent", "--config", config], log: folder.path + "/agent.log",
                environment: environment)
        }

        func write() throws {
            try folder.append("a.log", JourneyTests.lines("a", written + 1...written + 50))
            written += 50
        }

        /// Writes for a while.
        func write(seconds: Double) throws {
            let deadline = Date().addingTimeInterval(seconds)
            while Date() < deadline {
                try write()
                RunLoop.current.run(until: Date().addingTimeInterval(0.2))
            }
        }

        /// A program that cannot believe its disk any more ends; whoever looks after it starts it again.
        func restart() throws {
            if !collector.program.isRunning { try collector.start() }
            if !agent.isRunning { agent = try Host.agent(folder, collector.url, agentEnvironment) }
        }

        func waitForAll() throws {
            do {
                try waitUntil("all events arrived", seconds: 120) {
                    try restart()
                    return try collector.eventCount() == written
                }
            } catch {
                Issue.record(
                    "of \(written) events: \(agent.text.suffix(4_000))\n\(collector.program.text.suffix(4_000))"
                )
                throw error
            }
        }

        func expectAll() throws {
            try waitForAll()
            #expect(agent.stop() == 0, "\(agent.text)")
            #expect(collector.program.stop() == 0, "\(collector.program.text)")
            try JourneyTests.expectExactly(written, of: "a", in: collector.data)
        }
    }

    /// Whether one program may be attached to another here, and its calls changed.
    private static let canInject: Bool = {
        guard let strace = Program.find("strace") else { return false }
        let tried = try? Program.run(
            strace, ["-qq", "-e", "inject=chdir:error=EIO", "/bin/sh", "-c", "cd /"])
        return tried?.errors.contains("Input/output error") == true
    }()

    /// Each call of a kind fails for a while, of the collector and of the agent: what was acknowledged stays, and all comes, once.
    @Test(.enabled(if: canInject, "there is no strace, or it may attach to nothing"))
    func callsThatFail() throws {
        let host = try Host()
        let strace = try #require(Program.find("strace"))
        // Not `write`, by which threads wake each other: files are written at places.
        let kinds = [
            "pwrite64", "fsync", "openat", "fdatasync", "rename", "ftruncate", "unlink",
            "fallocate",
        ].prefix(Self.secondsAsked == nil ? 3 : .max)
        for (number, kind) in kinds.enumerated() {
            let victims = Self.secondsAsked == nil ? [number % 2 == 0] : [true, false]
            for isCollector in victims {
                // Who is told that a disk is full comes again after 15 s.
                let error = (number % 2 == 0) == isCollector ? "EIO" : "ENOSPC"
                let victim = isCollector ? host.collector.program : host.agent
                let injection = Process()
                injection.executableURL = URL(fileURLWithPath: strace)
                injection.arguments = [
                    "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(kind)", "-e",
                    "inject=\(kind):error=\(error):when=1+3", "-p", "\(victim.identifier)",
                ]
                try injection.run()
                try host.write(seconds: Self.seconds)
                // It has the signals blocked that our threads have; who was traced goes on.
                kill(injection.processIdentifier, SIGKILL)
                injection.waitUntilExit()
                try host.waitForAll()
            }
        }
        let said = host.agent.text + host.collector.program.text
        let wasFelt =
            said.contains("Input/output error") || said.contains("No space left on device")
        #expect(wasFelt, "\(said)")
        try host.expectAll()
    }

    /// A machine that is suspended, a debugger, a cgroup that is frozen: who goes on is not believed dead, and nothing comes twice.
    @Test func programsThatStandStill() throws {
        let host = try Host()
        for isCollector in [true, false] {
            let victim = isCollector ? host.collector.program : host.agent
            kill(victim.identifier, SIGSTOP)
            try host.write(seconds: Self.seconds)
            kill(victim.identifier, SIGCONT)
            try host.waitForAll()
            #expect(victim.isRunning)
        }
        try host.expectAll()
    }

    /// Tells a program another wall-clock time than it is, by as many seconds as a file says, and leaves clocks that never step as
    /// they are. (Debian's faketime moves timers of these too.)
    private static let shiftedClock = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static time_t shift(void) {
            char text[32] = "";
            const char *path = getenv("SHIFTED_CLOCK");
            int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
            if (file < 0) return 0;
            if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
            close(file);
            return atoll(text);
        }

        int clock_gettime(clockid_t id, struct timespec *time) {
            int result = syscall(SYS_clock_gettime, id, time);
            if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) time->tv_sec += shift();
            return result;
        }

        int gettimeofday(struct timeval *restrict time, void *restrict zone) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            time->tv_sec = now.tv_sec;
            time->tv_usec = now.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *place) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (place) *place = now.tv_sec;
            return now.tv_sec;
        }
        """
    private static let compiler = Program.find("cc") ?? Program.find("clang")

    /// Clocks jump by years, forwards and backwards, of both, and of one after the other; the agent is killed after such a jump, too:
    /// all comes, once, and the order is that of the log.
    @Test(.enabled(if: compiler != nil, "there is no C compiler"))
    func clocksThatJump() throws {
        let compiler = try #require(Self.compiler)
        let host = try Host { folder in
            let library = folder.path + "/shifted-clock.so"
            let compiled = try Program.run(
                compiler,
                [
                    "-shared", "-fPIC", "-o", library,
                    try folder.write("shifted-clock.c", Self.shiftedClock),
                ])
            #expect(compiled.status == 0, "\(compiled.errors)")
            func clock(_ name: String) throws -> [String: String] {
                ["LD_PRELOAD": library, "SHIFTED_CLOCK": try folder.write(name, "0")]
            }
            return (try clock("collector.clock"), try clock("agent.clock"))
        }
        let jumps = [(30, 30), (30, -20), (-20, -20), (-20, 150)]
        for (number, years) in jumps.enumerated() {
            _ = try host.folder.write("collector.clock", "\(years.0 * 365 * 86_400)")
            _ = try host.folder.write("agent.clock", "\(years.1 * 365 * 86_400)")
            try host.write(seconds: Self.seconds)
            if number % 2 == 1 { host.agent.kill() }
            try host.write()
            try host.waitForAll()
        }
        // They were told the time that the files say.
        let years = Set(host.agent.text.split(separator: "\n").map { $0.prefix(4) })
        #expect(years.count > 2, "\(years)")
        for (a, b) in [(1, host.written), (host.written / 2, host.written / 2 + 1)] {
            let order = try Program.lightcone(
                "order", "a:\(a)", "a:\(b)", "--source", host.collector.url, "--json")
            #expect(order.object["order"] as? String == "before", "\(order)")
        }
        let gaps = try Program.lightcone("gaps", "--source", host.collector.url)
        #expect(gaps.output == "", "\(gaps)")
        try host.expectAll()
    }
}
