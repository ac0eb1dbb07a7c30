import Causality
import Disks
import FoundationEssentials

/// The folder `access` of a collector's data, in which its certificates are and who may come: what is secret may be read by the
/// collector's user alone, and is refused otherwise.
package struct AccessFolder: Sendable {
    package let path: String
    let disk: any Disk

    /// - Parameter data: The collector's data folder.
    package init(data: String, disk: any Disk = RealDisk()) {
        path = data + "/access"
        self.disk = disk
    }

    private var authorityPath: String { path + "/authority.pem" }
    private var authorityKeyPath: String { path + "/authority-key.pem" }
    private var collectorPath: String { path + "/collector.pem" }
    private var namesPath: String { path + "/names" }
    private var registryPath: String { path + "/registry.json" }
    private var lockPath: String { path + "/lock" }

    /// Whether it was made, or was begun to be.
    package func exists() throws -> Bool { try disk.status(path) != nil }

    /// Makes an authority, and a certificate of the collector. Throws where there is an authority already.
    ///
    /// - Parameter names: Under which the collector is reached.
    package func make(names: [String], now: WallTime) throws {
        guard try disk.status(authorityPath) == nil else {
            throw AccessError("\(path): there is an authority already")
        }
        try disk.make(folder: path)
        try disk.set(permissions: 0o700, of: path)
        let (authority, key) = try Authority.make(now: now)
        try issueCollector(authority, names, now)
        try write(authorityKeyPath, key)
        try makeTokenKey(now)
        // The last one: with it the folder is there.
        try disk.replace(authorityPath, with: Array(try authority.pem().utf8), permissions: 0o644)
    }

    private func issueCollector(
        _ authority: Authority, _ names: [String], _ now: WallTime
    ) throws {
        let issued = try authority.issue(collector: names, now: now)
        try disk.replace(
            namesPath, with: Array(names.joined(separator: "\n").utf8), permissions: 0o644)
        try issued.write(collectorPath, on: disk)
    }

    package func authority() throws -> Authority {
        try Authority(certificatePEM: authorityPEM(), keyPEM: secret(authorityKeyPath))
    }

    package func authorityPEM() throws -> String { try text(authorityPath) }

    /// The collector's certificates and key; made anew where two thirds of their life are over.
    package func collector(now: WallTime) throws -> CertifiedKey {
        try locked {
            let kept = try CertifiedKey(collectorPath, on: disk)
            guard try Authority.isDue(pem: kept.certificates, now: now) else { return kept }
            let names = try text(namesPath).split(separator: "\n").map(String.init)
            try issueCollector(try authority(), names, now)
            return try CertifiedKey(collectorPath, on: disk)
        }
    }

    // MARK: Who may come

    package func registry() throws -> Registry { try registry(from: registryText()) }

    /// What the file of those who may come says now; nil where there is none.
    package func registryText() throws -> String? {
        try disk.status(registryPath) == nil ? nil : secret(registryPath)
    }

    /// Those who may come, as the file says.
    package func registry(from text: String?) throws -> Registry {
        guard let text else { return Registry() }
        do {
            return try JSONDecoder().decode(Registry.self, from: Data(text.utf8))
        } catch let error as DecodingError {
            throw AccessError(
                "\(registryPath): expected who may come, as lightcone wrote it: \(error)")
        }
    }

    /// Changes who may come, durably: nobody else does meanwhile.
    package func change<Value>(_ body: (inout Registry) throws -> Value) throws -> Value {
        try locked {
            var registry = try registry()
            let value = try body(&registry)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try write(registryPath, String(decoding: try encoder.encode(registry), as: UTF8.self))
            return value
        }
    }

    func locked<Value>(_ body: () throws -> Value) throws -> Value {
        guard try disk.status(authorityPath) != nil else {
            throw AccessError(
                "\(path): no authority is here: make it with lightcone collector init")
        }
        let lock = try disk.open(lockPath, .write)
        try lock.lockWaiting()
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }

    // MARK: Files

    func write(_ path: String, _ text: String) throws {
        try disk.replace(path, with: Array(text.utf8), permissions: 0o600)
    }

    private func text(_ path: String) throws -> String {
        try SecretFile.text(path, isSecret: false, on: disk)
    }

    func secret(_ path: String) throws -> String {
        try SecretFile.text(path, isSecret: true, on: disk)
    }
}
