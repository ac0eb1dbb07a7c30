import Causality
import Disks
import Glibc
import Synchronization

/// Which user of this host records under which name: whoever did so first, as the disk and the socket tell, or whom the
/// configuration names. Root may record under any name, and takes none from others.
///
///     DATA/names   a line for each: the user's number, the execution, the process, percent-escaped
package final class NameOwners: Sendable {
    private let path: String
    private let disk: any Disk
    private let rules: [AgentConfiguration.NameRule]
    /// The user that the agent runs as.
    private let agent: UInt32
    private let state: Mutex<State>

    private struct State {
        var owners: [Name: UInt32] = [:]
        /// How many names a user has.
        var counts: [UInt32: Int] = [:]
        /// The file that was read last.
        var inode: UInt64?
    }

    package struct Name: Hashable, Sendable {
        package var execution: ExactText
        package var process: ExactText

        package init(execution: String, process: String) {
            self.execution = ExactText(execution)
            self.process = ExactText(process)
        }
    }

    /// - Parameters:
    ///   - data: The agent's data folder.
    ///   - agent: The user that the agent runs as.
    package init(
        data: String, rules: [AgentConfiguration.NameRule] = [], disk: any Disk = RealDisk(),
        agent: UInt32 = geteuid()
    ) throws {
        path = data + "/names"
        (self.disk, self.rules, self.agent) = (disk, rules, agent)
        state = Mutex(State())
        try reload()
    }

    /// Takes in what a command has changed. Costs a system call where it is nothing.
    package func reload() throws {
        try state.withLock { state in
            let found = try disk.status(path)
            guard found?.inode != state.inode else { return }
            try read(&state)
        }
    }

    /// Why a user may not record under a name; nil where it may. A name that nobody has is the user's from then on.
    ///
    /// - Parameter name: Without the host.
    package func refusal(of user: UInt32, _ name: Name) throws -> String? {
        if user == 0 || user == agent { return nil }
        guard agent == 0 else {
            return "this agent runs as user \(agent), and takes events of that user and root alone"
        }
        if let rule = rules.first(where: { $0.matches(name.process.text) }) {
            let owner = rule.user
            return owner == user
                ? nil : "the configuration gives “\(printable(name.process.text))” to user \(owner)"
        }
        return try state.withLock { state in
            if let owner = state.owners[name] {
                return owner == user
                    ? nil
                    : "“\(printable(name.process.text))” is recorded by user \(owner): release it with lightcone agent names"
            }
            guard state.counts[user, default: 0] < Limits.namesOfUserMax else {
                return "user \(user) has \(Limits.namesOfUserMax) names already"
            }
            try change(&state) { $0[name] = user }
            return nil
        }
    }

    /// The names and their users, sorted.
    package var all: [(name: Name, user: UInt32)] {
        state.withLock { $0.owners }.map { (name: $0.key, user: $0.value) }.sorted {
            let order = ExactText.compare($0.name.process.text, $1.name.process.text)
            return order == 0
                ? ExactText.isBefore($0.name.execution.text, $1.name.execution.text) : order < 0
        }
    }

    /// Lets whoever comes next record under a name, in all executions. False where nobody had it.
    package func release(_ process: String) throws -> Bool {
        try state.withLock { state in
            let names = state.owners.keys.filter { ExactText.isSame($0.process.text, process) }
            guard !names.isEmpty else { return false }
            try change(&state) { owners in for name in names { owners[name] = nil } }
            return true
        }
    }

    private func change(_ state: inout State, _ body: (inout [Name: UInt32]) -> Void) throws {
        _ = try? disk.open(path + ".lock", .create)
        let lock = try disk.open(path + ".lock", .writeUntrusted)
        try lock.lockWaiting()
        defer { withExtendedLifetime(lock) {} }
        try read(&state)
        body(&state.owners)
        let lines = state.owners.map { name, user in
            "\(user) \(Self.escaped(name.execution)) \(Self.escaped(name.process))\n"
        }
        try disk.replace(path, with: Array(lines.sorted().joined().utf8), permissions: 0o600)
        count(&state)
        state.inode = try disk.status(path)?.inode
    }

    private static func escaped(_ text: ExactText) -> String {
        PercentEscaping.escape(text.text) { $0 <= 0x20 || $0 == UInt8(ascii: "%") || $0 == 0x7f }
    }

    private func read(_ state: inout State) throws {
        guard try disk.status(path) != nil else {
            state = State()
            return
        }
        let file = try disk.open(path, .readUntrusted)
        let found = try file.status()
        // The folder may be one that all users add to.
        guard [0, agent].contains(found.owner) else {
            state = State()
            state.inode = found.inode
            return
        }
        let text = String(
            decoding: try file.read(at: 0, count: file.byteCount()), as: UTF8.self)
        state.owners = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, let user = UInt32(words[0]) else {
                let found = printable(String(line))
                throw AgentError("\(path): expected USER EXECUTION PROCESS, found “\(found)”")
            }
            let name = Name(
                execution: PercentEscaping.unescape(words[1]),
                process: PercentEscaping.unescape(words[2]))
            state.owners[name] = user
        }
        count(&state)
        state.inode = found.inode
    }

    private func count(_ state: inout State) {
        state.counts = [:]
        for user in state.owners.values { state.counts[user, default: 0] += 1 }
    }
}

extension AgentConfiguration {
    /// That a name, or all that begin so, are a user's.
    package struct NameRule: Sendable, Hashable {
        /// The name; a `*` at its end stands for whatever follows.
        package var pattern: String
        package var user: UInt32

        package init(pattern: String, user: UInt32) {
            self.pattern = pattern
            self.user = user
        }

        /// Reads `NAME:USER`, the user by name or number.
        package init(_ text: String) throws(AgentError) {
            guard let colon = text.lastIndex(of: ":"), colon != text.startIndex else {
                throw AgentError("users: expected NAME:USER such as api:www-data, found “\(text)”")
            }
            pattern = String(text[..<colon])
            user = try AgentConfiguration.user(String(text[text.index(after: colon)...]), "users")
        }

        func matches(_ name: String) -> Bool {
            guard pattern.hasSuffix("*") else { return ExactText.isSame(pattern, name) }
            return name.utf8.starts(with: pattern.utf8.dropLast())
        }
    }

    /// The number of a user that is given by its name or number.
    static func user(_ text: String, _ key: String) throws(AgentError) -> UInt32 {
        if let number = UInt32(text) { return number }
        guard let entry = getpwnam(text) else {
            throw AgentError("\(key): expected a user of this machine, found “\(text)”")
        }
        return entry.pointee.pw_uid
    }
}
