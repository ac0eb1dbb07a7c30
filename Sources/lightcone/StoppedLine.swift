/// Looks for the line in a listing that says that it ends early.
struct StoppedLine {
    private(set) var isThere = false
    private let beginning: String
    /// What the last line begins with.
    private var line = ""

    init(isJSON: Bool) { beginning = isJSON ? "{\"stopped\":" : "stopped: " }

    mutating func look(at piece: String) {
        for (index, part) in piece.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            if index > 0 { line = "" }
            let missing = beginning.utf8.count - line.utf8.count
            if missing > 0 { line += part.prefix(missing) }
            isThere = isThere || line.hasPrefix(beginning)
        }
    }
}
