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

    @Flag(help: "A space-time diagram: a lane for each process, an arrow for each message.")
    var lanes = false

    @Flag(help: "The diagram in plain ASCII.")
    var ascii = false

    private var chosen: [TimelineColumn]?

    private enum CodingKeys: CodingKey { case color, wide, utc, columns, lanes, ascii }

    mutating func validate() throws {
        if ascii, !lanes {
            throw ValidationError("--ascii: expected --lanes, whose diagram it draws")
        }
        guard let columns else { return }
        guard !lanes else {
            throw ValidationError("--lanes and --columns: expected one of them, found both")
        }
        do {
            chosen = try TimelineColumn.list(columns)
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

    /// How far the clock that times are shown by is ahead of UTC.
    var zone: @Sendable (WallTime) -> Int {
        let isUTC = utc
        return { isUTC ? 0 : Screen.zone($0) }
    }

    /// What is shown in the place of a listing's lines; nil for the lines themselves.
    var picture: (any ListingPicture)? {
        guard isForPeople else {
            if let chosen { return TimelineTable(chosen) }
            return nil
        }
        return TimelineText(
            TimelineForm(
                columns: chosen ?? TimelineColumn.usual, width: width, isColored: isColored,
                zone: zone))
    }

    /// A space-time diagram in the place of a listing's lines.
    func diagram(_ gaps: [ShownGap]) -> LanesText {
        LanesText(
            LanesForm(width: width, isColored: isColored, isASCII: ascii, zone: zone), gaps: gaps)
    }
}
