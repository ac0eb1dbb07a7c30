/// The limits of what is exported, beside those of a question (`Querying.Limits`).
enum Limits {
    /// Characters of an event's name and text in a diagram's box: more make it unreadable.
    static let labelCharactersMax = 60
}
