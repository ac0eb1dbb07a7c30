import Causality
import Glibc

/// To which hosts message tokens may travel: a token tells the names of processes.
///
/// A list with commas between, as `LIGHTCONE_TOKEN_HOSTS` has it: names (`orders.internal`), domains with all names below them
/// (`*.internal`), addresses (`10.0.0.7`, `fd00::7`), networks (`10.0.0.0/8`, `fd00::/8`), or `*`. Names are compared without regard to case,
/// and never looked up: a network allows hosts that are called by their addresses. Where nothing is set, tokens travel to all hosts; where
/// something is that is no such list, to none.
public struct TokenHosts: Sendable, Hashable {
    private enum Entry: Sendable, Hashable {
        case all
        case name(String)
        case below(String)
        case network([UInt8], bits: Int)
    }

    private let entries: [Entry]

    /// Tokens travel to all hosts.
    public static let all = TokenHosts(entries: [.all])

    /// What `LIGHTCONE_TOKEN_HOSTS` says; all where it is not set, or empty.
    public static var environment: TokenHosts {
        guard let list = getenv("LIGHTCONE_TOKEN_HOSTS"), list.pointee != 0 else { return .all }
        return TokenHosts(String(cString: list)) ?? TokenHosts(entries: [])
    }

    private init(entries: [Entry]) { self.entries = entries }

    /// Reads a list; nil where a part of it is none of the above.
    public init?(_ list: String) {
        var entries: [Entry] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            let text = TokenHosts.trimmed(part).lowercased()
            guard let entry = TokenHosts.entry(text) else { return nil }
            entries.append(entry)
        }
        self.entries = entries
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    private static func entry(_ text: String) -> Entry? {
        if text == "*" { return .all }
        if text.hasPrefix("*.") {
            return isName(text.dropFirst(2)) ? .below(String(text.dropFirst())) : nil
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if let address = address(String(parts[0])) {
            guard parts.count == 2 else {
                return parts.count == 1 ? .network(address, bits: address.count * 8) : nil
            }
            guard let bits = Int(parts[1]), (0...address.count * 8).contains(bits) else {
                return nil
            }
            return .network(address, bits: bits)
        }
        return parts.count == 1 && isName(text[...]) ? .name(text) : nil
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                byte >= 0x80 || (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
                    || byte == 0x2d || byte == 0x2e || byte == 0x5f
            }
    }

    /// The bytes of an IPv4 or IPv6 address; nil where the text is none.
    private static func address(_ text: String) -> [UInt8]? {
        var (four, six) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: &six) { Array($0) } }
        return nil
    }

    /// Whether tokens may travel to a host: a name, or an address with or without brackets. Without a port.
    public func allows(_ host: String) -> Bool {
        var host = host.lowercased()
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host.hasSuffix(".") { host.removeLast() }
        let address = TokenHosts.address(host)
        return entries.contains { entry in
            switch entry {
            case .all: return true
            case .name(let name): return name.utf8.elementsEqual(host.utf8)
            case .below(let domain): return address == nil && host.hasSuffix(domain)
            case .network(let network, let bits):
                guard let address, address.count == network.count else { return false }
                return (0..<bits).allSatisfy { bit in
                    (address[bit / 8] ^ network[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
                }
            }
        }
    }

    /// Whether tokens travel to hosts that nobody names: only where they do to all.
    public var allowsUnknown: Bool { entries.contains(.all) }
}

extension Recorder {
    /// Records that a message is sent to a host, and returns the token that travels with it; nil where none may travel there.
    ///
    /// The event is recorded in either case; where no token travels, its attribute `lightcone.withheld` names the host.
    public func send(
        to host: String, as name: EventName, _ text: @autoclosure () -> String = "",
        level: Level = .info, attributes: @autoclosure () -> Attributes = Attributes(),
        hosts: TokenHosts = .environment
    ) -> Token? {
        guard hosts.allows(host) else {
            var attributes = isEnabled(level) ? attributes() : Attributes()
            attributes.add("lightcone.withheld", .text(host))
            let text = isEnabled(level) ? text() : ""
            _ = send(name, text, level: level, attributes: attributes)
            return nil
        }
        return send(name, text(), level: level, attributes: attributes())
    }
}
