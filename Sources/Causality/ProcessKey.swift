/// Where a process stands: whose clocks it belongs with, and on which machine it ran.
package struct ProcessKey: Hashable, Sendable {
    /// The named set of processes whose clocks belong together.
    package var execution: String
    /// The machine, as its agent (or the person who imported its log) names it.
    package var host: String
    package var process: ProcessID
    /// The run that it is; nil for a process of a log, which is told by host and name.
    package var run: Identity128?
    package var origin: Origin

    package init(
        execution: String, host: String, process: ProcessID, run: Identity128? = nil,
        origin: Origin = .nothing
    ) {
        self.execution = execution
        self.host = host
        self.process = process
        self.run = run
        self.origin = origin
    }

    package static func == (a: ProcessKey, b: ProcessKey) -> Bool {
        a.process == b.process && a.run == b.run && a.origin == b.origin
            && ExactText.isSame(a.execution, b.execution) && ExactText.isSame(a.host, b.host)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(process)
        ExactText.hash(execution, into: &hasher)
        ExactText.hash(host, into: &hasher)
    }

    /// What clocks and causes call the process.
    package var reference: ProcessReference { run.map { .run(RunKey($0)) } ?? .named(process) }

    /// The run; of a log's process derived from where it stands and what it is called.
    package var identity: Identity128 {
        if let run { return run }
        var bytes = Array("log".utf8)
        for part in [execution, host, process.description] { bytes += [0] + part.utf8 }
        return Identity128(naming: bytes)
    }

    /// The order in which batches and listings put processes: names first, then what tells equal names apart.
    package static func listedBefore(_ a: ProcessKey, _ b: ProcessKey) -> Bool {
        if a.process != b.process { return listingOrder(a.process, b.process) }
        let (first, second) = (a.identity, b.identity)
        if first != second { return (first.high, first.low) < (second.high, second.low) }
        if !ExactText.isSame(a.execution, b.execution) {
            return ExactText.isBefore(a.execution, b.execution)
        }
        if !ExactText.isSame(a.host, b.host) { return ExactText.isBefore(a.host, b.host) }
        return rank(a.origin) < rank(b.origin)
    }

    private static func rank(_ origin: Origin) -> (UInt8, UInt64, UInt64) {
        switch origin {
        case .nothing: (0, 0, 0)
        case .event(let run, let sequence): (1, run.bits, sequence)
        case .unknown: (2, 0, 0)
        }
    }

    /// The execution that is meant where none is named.
    package static let executionDefault = "main"
}
