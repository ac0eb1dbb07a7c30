import Causality
import Configuration
import Disks
import Yams

/// What the command line says of a collector: each value that is given goes before the environment and the file.
package struct CollectorFlags: Sendable {
    package var data: String?
    package var listen: String?
    package var mergeSeconds: Int?
    /// Such as `30d`.
    package var retain: String?
    /// Such as `500GB`.
    package var retainBytes: String?

    package init() {}
}

extension CollectorService.Configuration {
    /// The keys of a configuration file, and what they mean.
    ///
    ///     data: /var/lib/lightcone/data        # the archive
    ///     listen: 127.0.0.1:4780               # where agents and questions come
    ///     mergeSeconds: 10                     # between two looks for what may be merged
    ///     retain: 30d                          # events that are older are dropped: s, m, h, d, w
    ///     retainBytes: 500GB                   # the oldest events of an execution that takes more are dropped
    ///     executions:                          # the same by execution
    ///       prod: {retain: 90d}
    ///       test: {retain: 1d, retainBytes: 2GiB}
    private static let keys = [
        "data", "listen", "mergeSeconds", "retain", "retainBytes", "executions",
    ]
    private static let ruleKeys = ["retain", "retainBytes"]

    /// Reads a configuration: flags, then the environment (`LIGHTCONE_DATA` and so on; empty is not set), then the file, then defaults.
    package static func load(
        file: String?, flags: CollectorFlags, environment: [String: String],
        disk: any Disk = RealDisk()
    ) async throws -> CollectorService.Configuration {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(
                environmentVariables: environment.filter { !$0.value.isEmpty }
            )
            .mapKeys { key in
                AbsoluteConfigKey(["lightcone"] + key.components, context: key.context)
            }
        ]
        var named: [String] = []
        if let file {
            named = try checkKeys(file, disk)
            do {
                providers.append(try await FileProvider<YAMLSnapshot>(filePath: .init(file)))
            } catch {
                throw CollectorError("\(file): \(error)")
            }
        }
        let reader = ConfigReader(providers: providers)
        guard let data = flags.data ?? reader.string(forKey: "data") else {
            throw CollectorError(
                "data is missing: give --data FOLDER, LIGHTCONE_DATA, or data: in the file")
        }
        var configuration = try CollectorService.Configuration(
            data: data,
            listen: flags.listen ?? reader.string(forKey: "listen") ?? "127.0.0.1:4780")
        let seconds =
            flags.mergeSeconds.map(String.init) ?? reader.string(forKey: "mergeSeconds")
            ?? reader.int(forKey: "mergeSeconds").map(String.init)
        if let seconds {
            guard let number = Int(seconds), (1...3_600).contains(number) else {
                throw CollectorError("merge-seconds: expected 1 to 3600, found “\(seconds)”")
            }
            configuration.mergeSeconds = number
        }
        configuration.retention.others = try RetentionRule(
            age: flags.retain ?? reader.string(forKey: "retain"),
            bytes: flags.retainBytes ?? reader.string(forKey: "retainBytes"))
        for name in named {
            func setting(_ key: String) -> String? {
                reader.string(forKey: ConfigKey(["executions", name, key]))
            }
            do throws(CollectorError) {
                configuration.retention.named[ExactText(name)] = try RetentionRule(
                    age: setting("retain"), bytes: setting("retainBytes"))
            } catch {
                throw CollectorError("executions.\(name): \(error)")
            }
        }
        _ = try configuration.accessFolder()
        return configuration
    }

    /// Checks the keys of a file, and returns the names under `executions`. Errors name the line.
    private static func checkKeys(_ path: String, _ disk: any Disk) throws -> [String] {
        let root: Node?
        do {
            let file = try disk.open(path, .read)
            let bytes = try file.read(at: 0, count: min(file.byteCount(), 1 << 20))
            root = try Yams.compose(yaml: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CollectorError("\(path): \(error)")
        }
        guard let root else { throw CollectorError("\(path) is empty") }
        var names: [String] = []
        for (key, value) in try mapping(root, "keys and values", path) {
            try check(key, among: keys, path)
            guard key.string == "executions" else {
                try requireOneValue(value, of: key, path)
                continue
            }
            for (name, settings) in try mapping(value, "executions, and keys below each", path) {
                names.append(name.string ?? "")
                for (key, value) in try mapping(settings, "keys such as retain", path) {
                    try check(key, among: ruleKeys, path)
                    try requireOneValue(value, of: key, path)
                }
            }
        }
        return names
    }

    private static func mapping(
        _ node: Node, _ what: String, _ path: String
    ) throws(CollectorError) -> Node.Mapping {
        guard let mapping = node.mapping else {
            throw CollectorError("\(path), line \(node.mark?.line ?? 1): expected \(what)")
        }
        return mapping
    }

    private static func requireOneValue(
        _ value: Node, of key: Node, _ path: String
    ) throws(CollectorError) {
        guard value.scalar == nil else { return }
        throw CollectorError(
            "\(path), line \(value.mark?.line ?? 1): \(key.string ?? ""): expected one value")
    }

    private static func check(
        _ key: Node, among known: [String], _ path: String
    ) throws(CollectorError) {
        let name = key.string ?? ""
        guard !known.contains(name) else { return }
        throw CollectorError(
            "\(path), line \(key.mark?.line ?? 1): no key “\(name)”: expected one of "
                + known.joined(separator: ", ") + Suggestion.ending(for: name, among: known))
    }
}
