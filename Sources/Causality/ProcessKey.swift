/// Where a process stands: whose clocks it belongs with, and on which machine it ran.
package struct ProcessKey: Hashable, Sendable {
    /// The named set of processes whose clocks belong together.
    package var execution: String
    /// The machine, as its agent (or the person who imported its log) names it.
    package var host: String
    package var process: ProcessID

    package init(execution: String, host: String, process: ProcessID) {
        self.execution = execution
        self.host = host
        self.process = process
    }

    package static func == (a: ProcessKey, b: ProcessKey) -> Bool {
        a.process == b.process && ExactText.isSame(a.execution, b.execution)
            && ExactText.isSame(a.host, b.host)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(process)
        ExactText.hash(execution, into: &hasher)
        ExactText.hash(host, into: &hasher)
    }

    /// The execution that is meant where none is named.
    package static let executionDefault = "main"
}
