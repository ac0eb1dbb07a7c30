import Causality
import Disks
import Journals
import LogFormats
import Recording
import Segments
import Shipping

/// What an agent is to do.
package struct AgentConfiguration: Sendable {
    /// The collector's URL.
    package var collector: String
    /// The name of this machine.
    package var host: String
    /// The folder that the programs of this host share with the agent.
    package var spool: SpoolFolder
    /// The folder in which the agent keeps what the collector does not have yet; nil: the spool, or where that is in memory
    /// the durable folder that belongs to it.
    package var data: String?
    /// `HOST:PORT` on loopback, where the local interface listens too; nil: on its socket in the spool only.
    package var listen: String?
    /// The user as whom programs record that come by that port, which does not tell who they are.
    package var listenUser = Limits.listenUser
    /// Names that are kept for users; of all others, whoever comes first has it.
    package var users: [NameRule] = []
    package var follow: [Follow]
    /// What the times of followed files leave unsaid.
    package var times = LogTimes()
    /// The execution of what names none.
    package var execution = ProcessKey.executionDefault
    /// What must not be recorded; nil: nothing is taken out.
    package var redaction: Redaction?
    package var commitMilliseconds = 100
    /// Seconds after which a process of the local interface that recorded nothing is closed.
    package var localIdleSeconds = Limits.localIdleSecondsMax
    package var segmentBytesMax = Segments.Limits.segmentBytesMax
    package var segmentSecondsMax = Segments.Limits.segmentSecondsMax
    /// Bytes that what the collector does not have yet may take: 10 GiB.
    package var dataBytesMax = 10 << 30

    /// Where identities of runs, segments and of the agent itself come from, and what its recorders take for the time.
    package var surroundings = Surroundings()

    /// Files to follow.
    package struct Follow: Sendable, Hashable {
        package var format: LogFormat
        /// A path, or a shell pattern of paths.
        package var path: String
        package var execution: String

        package init(format: LogFormat, path: String, execution: String) {
            self.format = format
            self.path = path
            self.execution = execution
        }

        var isPattern: Bool { path.contains { "*?[".contains($0) } }
    }

    package init(
        collector: String, host: String, spool: String?, follow: [Follow],
        disk: any Disk = RealDisk()
    ) {
        self.collector = collector
        self.host = host
        self.spool = SpoolFolder(spool, disk: disk)
        self.follow = follow
    }

    /// Where the spool, the agent's own segments and the followed files are.
    var disk: any Disk { spool.disk }

    /// Throws where a value cannot be used.
    package func check() throws(AgentError) {
        guard collector.hasPrefix("http://") || collector.hasPrefix("https://") else {
            throw AgentError(
                "collector: expected a URL such as http://127.0.0.1:4780, found “\(collector)”")
        }
        guard (try? Name(host)) != nil, host.utf8.count <= Causality.Limits.hostBytesMax else {
            throw AgentError(
                "host: expected a name of 1 to \(Causality.Limits.hostBytesMax) bytes, found “\(host)”"
            )
        }
        guard !spool.path.isEmpty else { throw AgentError("spool: expected the path of a folder") }
        guard spool.socket.utf8.count <= Limits.socketPathBytesMax else {
            throw AgentError(
                "spool: the socket \(spool.socket) has a path of \(spool.socket.utf8.count) bytes: the system allows "
                    + "\(Limits.socketPathBytesMax)")
        }
        if let data, data.isEmpty { throw AgentError("data: expected the path of a folder") }
        if let listen, ListenAddress(listen)?.isLoopback != true {
            throw AgentError(
                "listen: expected HOST:PORT of this machine only, such as 127.0.0.1:4781, found “\(listen)”"
            )
        }
        for (name, value, range) in [
            ("commitMilliseconds", commitMilliseconds, 1...60_000),
            ("localIdleSeconds", localIdleSeconds, 1...86_400),
            ("segmentBytesMax", segmentBytesMax, 4096...Segments.Limits.segmentBytesMax),
            ("segmentSecondsMax", segmentSecondsMax, 1...86_400),
            ("dataBytesMax", dataBytesMax, 1 << 20...1 << 50),
        ] where !range.contains(value) {
            throw AgentError(
                "\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        for follow in follow { _ = try reader(for: follow, path: follow.path) }
    }

    /// Where segments are kept: made, where it is not there.
    package func makeDataFolder() throws -> String {
        if let data { return data }
        try spool.make()
        return try spool.makeDurable()
    }

    /// A reader for a file at `path`.
    func reader(for follow: Follow, path: String) throws(AgentError) -> LogReader {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        do {
            return try LogReader(
                follow.format,
                LogReader.Options(
                    execution: follow.execution, host: host, textProcess: "\(host)/\(name)",
                    times: times))
        } catch {
            throw AgentError("follow \(follow.path): \(error)")
        }
    }
}
