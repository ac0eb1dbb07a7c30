/// What ordering needs to know of a run of events of one process, in columns: no names, texts or attributes.
///
/// Sequence numbers ascend strictly. A stamp is kept as what changed since the stamp of the row before
/// (the first row's stamp is whole), without the process's own entry, which is the sequence number.
package struct CausalColumns: Sendable {
    package var sequences: [UInt64] = []
    package var kinds: [EventKind] = []
    /// Nanoseconds of wall time; `CausalColumns.noTime` where there is none.
    package var times: [Int64] = []
    package var stamps: [StampQuality] = []
    /// The processes that the stamps and causes below refer to by index.
    package var processes: [ProcessID] = []
    /// The changes of row r are `changes[changeStarts[r]..<changeStarts[r + 1]]`. One longer than the rows.
    package var changeStarts: [Int] = [0]
    package var changes: [ClockChange] = []
    /// The rows that name a cause, ascending.
    package var causes: [RowCause] = []

    package static let noTime = Int64.min

    package init() {}

    package var rowCount: Int { sequences.count }
}

/// An entry of a stamp that differs from the row before.
package struct ClockChange: Hashable, Sendable {
    /// Index into `CausalColumns.processes`.
    package var process: Int
    /// The entry now; 0 where it vanished.
    package var value: UInt64

    package init(process: Int, value: UInt64) {
        self.process = process
        self.value = value
    }
}

/// The cause that a row names.
package struct RowCause: Hashable, Sendable {
    package var row: Int
    /// Index into `CausalColumns.processes`.
    package var process: Int
    package var sequence: UInt64

    package init(row: Int, process: Int, sequence: UInt64) {
        self.row = row
        self.process = process
        self.sequence = sequence
    }
}

extension CausalColumns {
    /// The causal columns of `events`: of one process, ascending by sequence number. O(total clock entries).
    package init(_ events: [Event]) {
        self.init()
        var indexOf: [ProcessID: Int] = [:]
        var current: [ProcessID: UInt64] = [:]
        for (row, event) in events.enumerated() {
            sequences.append(event.id.sequence)
            kinds.append(event.kind)
            times.append(event.time?.nanoseconds ?? CausalColumns.noTime)
            stamps.append(event.stamp)
            if let cause = event.cause {
                let process = index(of: cause.process, &indexOf)
                causes.append(RowCause(row: row, process: process, sequence: cause.sequence))
            }
            var next = event.clock.entries
            next[event.id.process] = nil
            for (process, value) in next where current[process] != value {
                changes.append(ClockChange(process: index(of: process, &indexOf), value: value))
            }
            for process in current.keys where next[process] == nil {
                changes.append(ClockChange(process: index(of: process, &indexOf), value: 0))
            }
            changes[changeStarts[row]...].sort { $0.process < $1.process }
            changeStarts.append(changes.count)
            current = next
        }
    }

    private mutating func index(of process: ProcessID, _ indexOf: inout [ProcessID: Int]) -> Int {
        if let known = indexOf[process] { return known }
        indexOf[process] = processes.count
        processes.append(process)
        return processes.count - 1
    }
}
