/// Why an agent cannot run.
package struct AgentError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package init(_ text: String) { self.text = text }
}
