import Causality
import LogFormats
import Segments

/// What an agent is to do.
package struct AgentConfiguration: Sendable {
    /// The collector's URL.
    package var collector: String
    /// The name of this machine.
    package var host: String
    /// The folder in which the agent keeps what the collector does not have yet.
    package var spool: String
    package var follow: [Follow]
    package var commitMilliseconds = 100
    package var segmentBytesMax = Segments.Limits.segmentBytesMax
    package var segmentSecondsMax = Segments.Limits.segmentSecondsMax
    /// Bytes that the spool may take: 10 GiB.
    package var spoolBytesMax = 10 << 30

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

    package init(collector: String, host: String, spool: String, follow: [Follow]) {
        self.collector = collector
        self.host = host
        self.spool = spool
        self.follow = follow
    }

    /// Throws where a value cannot be used.
    package func check() throws(AgentError) {
        guard collector.hasPrefix("http://") || collector.hasPrefix("https://") else {
            throw AgentError(
                "collector: expected a URL such as http://127.0.0.1:4780, found “\(collector)”")
        }
        guard !host.isEmpty, host.utf8.count <= Causality.Limits.nameBytesMax else {
            throw AgentError("host: expected a name of 1 to \(Causality.Limits.nameBytesMax) bytes")
        }
        guard !spool.isEmpty else { throw AgentError("spool: expected the path of a folder") }
        guard !follow.isEmpty else { throw AgentError("follow: expected at least one FORMAT:PATH") }
        for (name, value, range) in [
            ("commitMilliseconds", commitMilliseconds, 1...60_000),
            ("segmentBytesMax", segmentBytesMax, 4096...Segments.Limits.segmentBytesMax),
            ("segmentSecondsMax", segmentSecondsMax, 1...86_400),
            ("spoolBytesMax", spoolBytesMax, 1 << 20...1 << 50),
        ] where !range.contains(value) {
            throw AgentError(
                "\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        for follow in follow { _ = try reader(for: follow, path: follow.path) }
    }

    /// A reader for a file at `path`.
    func reader(for follow: Follow, path: String) throws(AgentError) -> LogReader {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        do {
            return try LogReader(
                follow.format,
                LogReader.Options(
                    execution: follow.execution, host: host, textProcess: "\(host)/\(name)"))
        } catch {
            throw AgentError("follow \(follow.path): \(error)")
        }
    }
}
