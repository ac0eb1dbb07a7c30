import Agent
import Causality
import FoundationEssentials
import Glibc

/// The terminal that answers go to, where they go to one.
enum Screen {
    /// Whether standard output is a terminal.
    static let isThere = isatty(1) == 1

    /// Whether standard error is.
    static let hearsNotes = isatty(2) == 1

    /// Its columns and rows; what COLUMNS and LINES say, or 80 and 24, where it does not tell.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        let isKnown = ioctl(1, UInt(TIOCGWINSZ), &size) == 0
        func number(_ known: UInt16, _ name: String, _ usual: Int) -> Int {
            if isKnown, known > 0 { return Int(known) }
            let said = variable(name).flatMap { Int($0) } ?? usual
            return (1...10_000).contains(said) ? said : usual
        }
        return (number(size.ws_col, "COLUMNS", 80), number(size.ws_row, "LINES", 24))
    }

    /// Whether it is one that shows colours, and its user wants any (no-color.org).
    static var hasColor: Bool {
        isThere && variable("NO_COLOR") == nil && variable("TERM") != "dumb"
    }

    /// What a variable of the environment says; nil where it is not set, or empty.
    static func variable(_ name: String) -> String? {
        let value = ProcessInfo.processInfo.environment[name]
        return value?.isEmpty == false ? value : nil
    }

    /// How far this machine's clock on the wall is ahead of UTC at a time, in seconds.
    static func zone(_ time: WallTime) -> Int {
        LocalZone.offset(atSeconds: Int(time.nanoseconds / 1_000_000_000))
    }
}
