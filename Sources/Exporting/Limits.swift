/// The limits of what is exported, beside those of a question (`Querying.Limits`).
enum Limits {
    /// Characters of an event's name and text in a diagram's box: more make it unreadable.
    static let labelCharactersMax = 60
    /// Bytes of events after which a piece of a text ends: few enough to be in a processor's nearest memory while they are
    /// looked through again.
    static let pieceBytes = 8 * 1024
    /// Processes of a cut that a line for people shows.
    static let cutShownMax = 8
    /// Positions of a process whose messages are asked for at once.
    static let rowsOfMessages = 4_096
    /// Rows of a timeline that are held back on a terminal to see how wide its columns are: some screens full.
    static let rowsHeldMax = 200
    /// Seconds without an answer after which `top` says so.
    static let topPatienceSeconds = 5
    /// Buckets of a window whose most severe event is told by its number: of more only how severe it is.
    static let severeEventsToldMax = 20_000
}
