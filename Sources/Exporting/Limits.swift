/// The limits of what is exported, beside those of a question (`Querying.Limits`).
enum Limits {
    /// Characters of an event's name and text in a diagram's box: more make it unreadable.
    static let labelCharactersMax = 60
    /// Processes of a cut that a line for people shows.
    static let cutShownMax = 8
    /// Positions of a process whose messages are asked for at once.
    static let rowsOfMessages = 4_096
}
