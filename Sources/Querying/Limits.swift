/// The limits of one question.
package enum Limits {
    /// Bytes of a selection: what a person types, with room.
    package static let selectionBytesMax = 16 * 1024
    /// Parentheses and negations inside each other in a selection: bounds the parser's stack.
    package static let selectionDepthMax = 100
    /// What the frames take that an answer keeps decoded, by `EventCost`: about what lies side by side in causal order.
    package static let openFramesCostMax = 32 << 20
    /// Instructions of a compiled pattern that is matched with all rows of a frame before the first of them is given: a word or
    /// two, or alternatives of them.
    static let columnInstructionsMax = 100
    /// Frames of which a search keeps in mind what it has found: some bytes, or a byte an event.
    static let framesSearchedMax = 1_024
    /// Events that may be asked for from the end, which are held until the first of them is found.
    package static let lastEventsMax = 10_000
    /// Events of a Mermaid diagram: browsers give up on larger ones.
    package static let mermaidEventsMax = 200
    /// Processes that an error shows where a name may mean several.
    package static let candidatesShownMax = 10
    /// Events of one process that a listing has ready, at first, and of all processes together: some megabytes.
    static let eventsFoundMin = 16
    static let eventsFoundMax = 16_384
    /// Positions of a process whose news a listing asks for at once; what is further away is asked for by itself.
    static let rowsOfNews = 256
    /// Positions of a process that are looked through in one step of an answer: well below 10 ms of work.
    static let rowsLookedAt = 1_024
    /// Causes and effects of an event that are shown with their names and texts: each may have to be read from a block of
    /// its own.
    package static let eventsNamedMax = 100
}
