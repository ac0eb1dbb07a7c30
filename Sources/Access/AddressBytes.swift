import Glibc

/// Internet addresses as bytes.
enum AddressBytes {
    /// Of `192.0.2.1` or `2001:db8::1`; nil for what is no address.
    static func of(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four, Array.init) }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six, Array.init) }
        return nil
    }
}
