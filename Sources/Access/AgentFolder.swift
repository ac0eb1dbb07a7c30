import Causality
import Disks

/// The folder `access` of an agent's data, in which the certificate of its host is: the key was made here, and leaves this machine
/// never.
package struct AgentFolder: Sendable {
    package let path: String
    private let disk: any Disk

    /// - Parameter data: The agent's data folder.
    package init(data: String, disk: any Disk = RealDisk()) {
        path = data + "/access"
        self.disk = disk
    }

    private var authorityPath: String { path + "/authority.pem" }
    private var agentPath: String { path + "/agent.pem" }
    private var tokenKeysPath: String { path + "/token-keys" }

    /// What an agent trusts, and shows of itself, as PEM.
    package struct Kept: Hashable, Sendable {
        package var authority: String
        package var own: CertifiedKey

        package init(authority: String, own: CertifiedKey) {
            self.authority = authority
            self.own = own
        }
    }

    /// Nil where the host was not enrolled.
    package func kept() throws -> Kept? {
        guard try disk.status(agentPath) != nil else { return nil }
        return Kept(
            authority: try SecretFile.text(authorityPath, isSecret: false, on: disk),
            own: try CertifiedKey(agentPath, on: disk))
    }

    /// The keys that the collector gave last; nil where it gave none.
    package func tokenKeys() throws -> TokenKeys? {
        guard try disk.status(tokenKeysPath) != nil else { return nil }
        return TokenKeys(text: try SecretFile.text(tokenKeysPath, isSecret: true, on: disk))
    }

    /// Keeps the keys in the place of those that are there, durably.
    package func keep(_ keys: TokenKeys) throws {
        try disk.replace(tokenKeysPath, with: Array(keys.text.utf8), permissions: 0o600)
    }

    /// Puts it in the place of what is there, durably.
    package func keep(_ kept: Kept) throws {
        try disk.make(folder: path)
        try disk.set(permissions: 0o700, of: path)
        try disk.replace(
            authorityPath, with: Array(kept.authority.utf8), permissions: 0o644)
        try kept.own.write(agentPath, on: disk)
    }
}
