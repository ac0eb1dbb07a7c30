import Disks
import Glibc
import LogFormats

/// The zone of this machine's clock on the wall.
package enum LocalZone {
    /// How far local time is ahead of UTC at so many seconds since 1970, in seconds.
    package static func offset(atSeconds seconds: Int) -> Int {
        var seconds = seconds
        var parts = tm()
        guard localtime_r(&seconds, &parts) != nil else { return 0 }
        return parts.tm_gmtoff
    }

    /// What times of logs mean that say no zone: local time where TZ is set, else UTC.
    ///
    /// Throws where TZ means no zone that is known here: the system would take it for UTC without a word.
    ///
    /// - Parameter variable: The value of TZ, which is that of this process; nil where it is not set.
    package static func times(
        _ variable: String?, disk: any Disk = RealDisk()
    ) throws(AgentError) -> LogTimes {
        guard let variable, !variable.isEmpty else { return LogTimes() }
        let name = variable.hasPrefix(":") ? String(variable.dropFirst()) : variable
        if name == "UTC" || name == "GMT" { return LogTimes() }
        let isFile = name.hasPrefix("/") || !name.contains("..")
        let path = name.hasPrefix("/") ? name : "/usr/share/zoneinfo/\(name)"
        let head = try? disk.open(path, .read).read(at: 0, count: 4)
        guard (isFile && head == Array("TZif".utf8)) || isRule(name) else {
            throw AgentError(
                "TZ: no time zone “\(variable)” here: expected UTC, a name such as Europe/Berlin, or a rule such as CET-1CEST"
            )
        }
        return LogTimes(zone: { offset(atSeconds: $0) })
    }

    /// Whether it begins as a rule of POSIX does: `CET-1…` or `<+03>-3…`.
    private static func isRule(_ text: String) -> Bool {
        var rest = Substring(text)
        if rest.first == "<" {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
        } else {
            let letters = rest.prefix { $0.isASCII && $0.isLetter }
            guard letters.count >= 3 else { return false }
            rest = rest.dropFirst(letters.count)
        }
        if rest.first == "+" || rest.first == "-" { rest = rest.dropFirst() }
        let hours = rest.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(hours), number <= 24 else { return false }
        return rest.utf8.allSatisfy { (33...126).contains($0) }
    }
}
