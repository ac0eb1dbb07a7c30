/// The limits of one question.
package enum Limits {
    /// Bytes of a selection: what a person types, with room.
    package static let selectionBytesMax = 16 * 1024
    /// Parentheses and negations inside each other in a selection: bounds the parser's stack.
    package static let selectionDepthMax = 100
    /// What the frames take that an answer keeps decoded, by `EventCost`: about what lies side by side in causal order.
    package static let openFramesCostMax = 64 << 20
    /// Events of a Mermaid diagram: browsers give up on larger ones.
    package static let mermaidEventsMax = 200
    /// Processes that an error shows where a name may mean several.
    package static let candidatesShownMax = 10
    /// Processes of a cut that a line for people shows.
    package static let cutShownMax = 8
}
