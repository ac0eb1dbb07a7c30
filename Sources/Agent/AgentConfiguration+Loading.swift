import Causality
import Configuration
import Disks
import LogFormats
import Redacting
import Yams

/// What the command line says of an agent: each value that is given goes before the environment and the file.
package struct AgentFlags: Sendable {
    package var collector: String?
    package var host: String?
    package var spool: String?
    package var data: String?
    package var listen: String?
    package var execution: String?
    /// `FORMAT:PATH`
    package var follow: [String] = []

    package init() {}
}

extension AgentConfiguration {
    /// The keys of a configuration file, and what they mean.
    ///
    ///     collector: http://127.0.0.1:4780     # where to ship to
    ///     host: web-1                          # the name of this machine
    ///     spool: /dev/shm/lightcone            # shared with the programs of this host
    ///     data: /var/lib/lightcone/data        # what the collector does not have yet
    ///     listen: 127.0.0.1:4781               # the local interface, beside its socket in the spool
    ///     listenUser: nobody                   # as whom programs record that come by that port
    ///     users: [api:www-data, job-*:1002]    # names that are kept for users; others are of who comes first
    ///     execution: main                      # of what names none
    ///     follow: [govector:/var/log/a/*.log, access:/var/log/access.log]
    ///     formats:                             # formats with settings, by a name of your own
    ///       access: {format: regex, pattern: '…', delimiter: '…', execution: …}
    ///       events: {format: jsonl, fields: 'process=host,clock=vc,text=msg'}
    ///       jobs: {format: jsonl, clocks: complete}   # its lines tell of every message
    ///       app: {format: text, multiline: '^\d{4}-'}  # an event begins at a line that matches
    ///     redaction:                           # what is not recorded: attribute KEY, kind KIND or pattern RE2
    ///       redact: [attribute password, 'attribute auth*', kind card]
    ///       hash: [kind email, 'pattern cust-\d+']
    ///       key: /etc/lightcone/redaction.key  # of the hashes: a file for its owner alone
    ///     commitMilliseconds: 100
    ///     localIdleSeconds: 600
    ///     segmentBytesMax: 67108864
    ///     segmentSecondsMax: 600
    ///     dataBytesMax: 10737418240
    private static let keys = [
        "collector", "host", "spool", "data", "listen", "listenUser", "users", "execution",
        "follow", "formats", "redaction",
        "commitMilliseconds", "localIdleSeconds", "segmentBytesMax", "segmentSecondsMax",
        "dataBytesMax",
    ]
    private static let numberKeys = [
        "commitMilliseconds", "localIdleSeconds", "segmentBytesMax", "segmentSecondsMax",
        "dataBytesMax",
    ]
    private static let formatKeys = [
        "format", "pattern", "delimiter", "fields", "clocks", "multiline", "execution",
    ]

    private static let redactionKeys = ["redact", "hash", "key"]

    /// Reads a configuration: flags, then the environment (`LIGHTCONE_HOST` and so on; empty is not set), then the file, then defaults.
    package static func load(
        file: String?, flags: AgentFlags, environment: [String: String],
        disk: any Disk = RealDisk()
    ) async throws -> AgentConfiguration {
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(
                environmentVariables: environment.filter { !$0.value.isEmpty }
            )
            .mapKeys { key in
                AbsoluteConfigKey(["lightcone"] + key.components, context: key.context)
            }
        ]
        var formatNames: [String] = []
        var policy: RedactionPolicy?
        if let file {
            (formatNames, policy) = try checkKeys(file, disk)
            do {
                providers.append(try await FileProvider<YAMLSnapshot>(filePath: .init(file)))
            } catch {
                throw AgentError("\(file): \(error)")
            }
        }
        let reader = ConfigReader(providers: providers)
        func required(_ flag: String?, _ key: ConfigKey, _ hint: String) throws -> String {
            guard let value = flag ?? reader.string(forKey: key) else {
                throw AgentError(
                    "\(key) is missing: give \(hint), LIGHTCONE_\(key.description.uppercased()), or \(key): in the file"
                )
            }
            return value
        }
        let execution = flags.execution ?? reader.string(forKey: "execution") ?? "main"
        let specifications =
            flags.follow.isEmpty ? reader.stringArray(forKey: "follow") ?? [] : flags.follow
        let followed = try specifications.map { text in
            try follow(text, reader, formatNames: formatNames, execution: execution)
        }
        var configuration = AgentConfiguration(
            collector: try required(flags.collector, "collector", "--collector URL"),
            host: try required(flags.host, "host", "--host NAME"),
            spool: flags.spool ?? reader.string(forKey: "spool"),
            follow: followed, disk: disk)
        configuration.data = flags.data ?? reader.string(forKey: "data")
        configuration.listen = flags.listen ?? reader.string(forKey: "listen")
        let listenUser =
            reader.string(forKey: "listenUser")
            ?? reader.int(forKey: "listenUser").map(String.init)
        if let user = listenUser {
            configuration.listenUser = try self.user(user, "listenUser")
        }
        configuration.users = try (reader.stringArray(forKey: "users") ?? []).map(NameRule.init)
        configuration.execution = execution
        configuration.redaction = try policy.map { try Redaction($0, disk: disk) }
        configuration.times = try LocalZone.times(environment["TZ"], disk: disk)
        func number(_ key: ConfigKey, _ value: inout Int) throws {
            guard let text = reader.string(forKey: key) ?? reader.int(forKey: key).map(String.init)
            else { return }
            guard let number = Int(text) else {
                throw AgentError("\(key): expected a whole number, found “\(text)”")
            }
            value = number
        }
        try number("commitMilliseconds", &configuration.commitMilliseconds)
        try number("localIdleSeconds", &configuration.localIdleSeconds)
        try number("segmentBytesMax", &configuration.segmentBytesMax)
        try number("segmentSecondsMax", &configuration.segmentSecondsMax)
        try number("dataBytesMax", &configuration.dataBytesMax)
        try configuration.check()
        return configuration
    }

    private static func follow(
        _ text: String, _ reader: ConfigReader, formatNames: [String], execution: String
    ) throws -> Follow {
        guard let colon = text.firstIndex(of: ":"), text.index(after: colon) != text.endIndex else {
            throw AgentError(
                "follow: expected FORMAT:PATH such as govector:/var/log/a.log, found “\(text)”")
        }
        let name = String(text[..<colon])
        let path = String(text[text.index(after: colon)...])
        guard formatNames.contains(name) else {
            return Follow(
                format: try format(name, nil, nil, nil, known: formatNames), path: path,
                execution: execution)
        }
        func setting(_ key: String) -> String? {
            reader.string(forKey: ConfigKey(["formats", name, key]))
        }
        guard let kind = setting("format") else {
            throw AgentError("formats.\(name): format is missing")
        }
        return Follow(
            format: try format(
                kind, setting("pattern"), setting("delimiter"), setting("fields"),
                clocks: setting("clocks"), multiline: setting("multiline"), known: []),
            path: path, execution: setting("execution") ?? execution)
    }

    /// A format by its name and settings.
    package static func format(
        _ name: String, _ pattern: String?, _ delimiter: String?, _ fields: String?,
        clocks: String? = nil, multiline: String? = nil, known: [String]
    ) throws(AgentError) -> LogFormat {
        let format: LogFormat
        switch name {
        case "govector": format = .govector
        case "shiviz": format = .shiviz
        case "text": format = .text(multiline: multiline)
        case "jsonl":
            guard clocks == nil || clocks == "complete" else {
                throw AgentError(
                    "clocks: expected complete (the lines tell of every message), found “\(clocks ?? "")”"
                )
            }
            format = .jsonl(
                fields: try fields.map(parseFields), declaresMessages: clocks == "complete")
        case "regex":
            guard let pattern else { throw AgentError("the format regex needs a pattern") }
            format = .regex(pattern: pattern, delimiter: delimiter)
        default:
            let all = ["govector", "regex", "shiviz", "jsonl", "text"] + known
            throw AgentError(
                "no format “\(name)”: expected one of \(all.joined(separator: ", "))"
                    + Suggestion.ending(for: name, among: all))
        }
        if name != "regex", pattern != nil || delimiter != nil {
            throw AgentError("pattern and delimiter belong to the format regex, not to \(name)")
        }
        if name != "jsonl", fields != nil || clocks != nil {
            throw AgentError("fields and clocks belong to the format jsonl, not to \(name)")
        }
        if name != "text", multiline != nil {
            throw AgentError("multiline belongs to the format text, not to \(name)")
        }
        return format
    }

    /// `process=host,clock=vc` as a map from our names to theirs.
    private static func parseFields(_ text: String) throws(AgentError) -> [String: String] {
        var fields: [String: String] = [:]
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty else {
                throw AgentError(
                    "fields: expected OURS=THEIRS,… such as process=host,clock=vc, found “\(part)”")
            }
            fields[sides[0]] = sides[1]
        }
        return fields
    }

    /// Checks the keys of a file, and returns the names under `formats` and what stands under `redaction`. Errors name the line.
    private static func checkKeys(
        _ path: String, _ disk: any Disk
    ) throws -> ([String], RedactionPolicy?) {
        let text: String
        do {
            let file = try disk.open(path, .read)
            text = String(
                decoding: try file.read(at: 0, count: min(file.byteCount(), 1 << 20)), as: UTF8.self
            )
        } catch {
            throw AgentError("\(error)")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw AgentError("\(path): \(error)")
        }
        guard let root else { throw AgentError("\(path) is empty") }
        guard let mapping = root.mapping else {
            throw AgentError("\(path), line \(root.mark?.line ?? 1): expected keys and values")
        }
        var names: [String] = []
        var policy: RedactionPolicy?
        for (key, value) in mapping {
            try check(key, among: keys, path)
            if key.string == "redaction" {
                policy = try redaction(value, path)
                continue
            }
            if key.string == "formats" {
                guard let formats = value.mapping else {
                    throw AgentError(
                        "\(path), line \(value.mark?.line ?? 1): formats: expected names, and keys below each"
                    )
                }
                for (name, settings) in formats {
                    names.append(name.string ?? "")
                    guard let settings = settings.mapping else {
                        throw AgentError(
                            "\(path), line \(name.mark?.line ?? 1): expected keys such as format and pattern"
                        )
                    }
                    for (key, _) in settings { try check(key, among: formatKeys, path) }
                }
            } else if let name = key.string, name == "follow" || name == "users" {
                guard value.sequence != nil else {
                    let what = name == "follow" ? "FORMAT:PATH" : "NAME:USER"
                    throw AgentError(
                        "\(path), line \(key.mark?.line ?? 1): \(name): expected a list of \(what)"
                    )
                }
            } else if numberKeys.contains(key.string ?? "") {
                guard value.int != nil else {
                    throw AgentError(
                        "\(path), line \(value.mark?.line ?? 1): \(key.string ?? ""): expected a whole number, found "
                            + "“\(value.string ?? "")”")
                }
            } else if value.scalar == nil {
                throw AgentError(
                    "\(path), line \(value.mark?.line ?? 1): \(key.string ?? ""): expected one value"
                )
            }
        }
        return (names, policy)
    }

    private static func redaction(_ node: Node, _ path: String) throws -> RedactionPolicy {
        func fail(_ node: Node, _ message: String) -> AgentError {
            AgentError("\(path), line \(node.mark?.line ?? 1): redaction: \(message)")
        }
        guard let settings = node.mapping else { throw fail(node, "expected redact, hash and key") }
        var policy = RedactionPolicy([])
        for (key, value) in settings {
            try check(key, among: redactionKeys, path)
            let word = key.string ?? ""
            guard word != "key" else {
                guard let path = value.scalar?.string, !path.isEmpty else {
                    throw fail(value, "key: expected the path of a file")
                }
                policy.keyPath = path
                continue
            }
            guard let rules = value.sequence else {
                throw fail(key, "\(word): expected a list such as [attribute password, kind card]")
            }
            for rule in rules {
                let parts = (rule.scalar?.string ?? "").split(separator: " ", maxSplits: 1)
                guard parts.count == 2 else {
                    throw fail(
                        rule,
                        "\(word): expected attribute KEY, kind KIND or pattern RE2, found “\(rule.scalar?.string ?? "")”"
                    )
                }
                do throws(RedactionError) {
                    let read = try RedactionRule(
                        String(parts[0]), String(parts[1]),
                        to: word == "hash" ? "hash" : "redacted")
                    policy.rules.append(read)
                } catch {
                    throw fail(rule, "\(word): \(error)")
                }
            }
        }
        do throws(RedactionError) {
            try policy.check()
        } catch {
            throw fail(node, "\(error)")
        }
        return policy
    }

    private static func check(_ key: Node, among known: [String], _ path: String) throws(AgentError)
    {
        let name = key.string ?? ""
        guard !known.contains(name) else { return }
        throw AgentError(
            "\(path), line \(key.mark?.line ?? 1): no key “\(name)”: expected one of "
                + known.joined(separator: ", ") + Suggestion.ending(for: name, among: known))
    }
}
