import ArgumentParser
import Causality
import Exporting

/// How a listing of events is shown to people.
struct ViewOptions: ParsableArguments {
    enum Color: String, ExpressibleByArgument, CaseIterable {
        case auto, always, never
    }

    @Option(
        help: ArgumentHelp(
            "Colours and columns: auto (on a terminal, without NO_COLOR for the colours), always or never.",
            valueName: "when"))
    var color = Color.auto

    @Flag(help: "On a terminal: lines are not cut where the screen ends.")
    var wide = false

    @Flag(help: "On a terminal: times of the day in UTC.")
    var utc = false

    @Option(
        help: ArgumentHelp(
            "What is shown: id, process, host, seq, time, kind, from, level, name, text, attributes, attr.KEY. Piped, values stand between tabs.",
            valueName: "list"))
    var columns: String?

    func validate() throws {
        guard let columns else { return }
        do {
            _ = try TimelineColumn.list(columns)
        } catch {
            throw ValidationError("--columns: \(error)")
        }
    }

    /// Whether the answer is laid out for a person.
    var isForPeople: Bool { Screen.isThere || color == .always }

    /// Whether the answer has colours.
    var isColored: Bool { color == .always || color == .auto && Screen.hasColor }

    /// Columns of the screen, where lines end.
    var width: Int? { wide || !Screen.isThere ? nil : Screen.size.columns }

    /// What is shown in the place of a listing's lines; nil for the lines themselves.
    func picture() throws -> (any ListingPicture)? {
        let columns = try self.columns.map { try TimelineColumn.list($0) }
        guard isForPeople else {
            if let columns { return TimelineTable(columns) }
            return nil
        }
        let isUTC = utc
        return TimelineText(
            TimelineForm(
                columns: columns ?? TimelineColumn.usual, width: width, isColored: isColored,
                zone: { isUTC ? 0 : Screen.zone($0) }))
    }
}
