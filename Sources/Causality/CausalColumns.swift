/// What ordering needs to know of a run of events of one process, in columns: no names, texts or attributes.
///
/// Sequence numbers ascend strictly. A stamp is kept as what changed since the stamp of the row before
/// (the first row's stamp is whole), without the process's own entry, which is the sequence number.
package struct CausalColumns: Sendable {
    package var sequences: [UInt64] = []
    package var kinds: [EventKind] = []
    /// Nanoseconds of wall time; `CausalColumns.noTime` where there is none.
    package var times: [Int64] = []
    package var stamps: [Stamp] = []
    /// The processes that the stamps and causes below refer to by index.
    package var processes: [ProcessReference] = []
    /// What causes say that these are called; nil where none does. As many as `processes`.
    package var names: [ProcessID?] = []
    /// The changes of row r are `changes[changeStarts[r]..<changeStarts[r + 1]]`. One longer than the rows.
    package var changeStarts: [Int] = [0]
    package var changes: [ClockChange] = []
    /// The rows that name a cause, ascending.
    package var causes: [RowCause] = []
    /// The rows that are an operator's word that no message came at an event, ascending, and that event.
    package var rulings: [RowCause] = []

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

/// An event that a row names: its cause, or what it rules out.
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
    ///
    /// Processes are numbered in the order in which the rows refer to them, within a row by their reference: the columns
    /// follow from the events alone.
    ///
    /// - Parameter own: What the process is called in its own clocks.
    package init(_ events: [Event], of own: ProcessReference) {
        self.init()
        var indexOf: [ProcessReference: Int] = [:]
        var current: [ProcessReference: UInt64] = [:]
        for (row, event) in events.enumerated() {
            sequences.append(event.id.sequence)
            kinds.append(event.kind)
            times.append(event.time?.nanoseconds ?? CausalColumns.noTime)
            stamps.append(event.stamp)
            if let cause = event.cause { causes.append(self.row(row, cause, &indexOf)) }
            if let ruling = event.rulesOut { rulings.append(self.row(row, ruling, &indexOf)) }
            var next = event.clock.entries
            next[own] = nil
            var changed: [(ProcessReference, UInt64)] = []
            for (process, value) in next where current[process] != value {
                changed.append((process, value))
            }
            for process in current.keys where next[process] == nil { changed.append((process, 0)) }
            changed.sort { ProcessReference.isBefore($0.0, $1.0) }
            for (process, value) in changed {
                changes.append(ClockChange(process: index(of: process, &indexOf), value: value))
            }
            changes[changeStarts[row]...].sort { $0.process < $1.process }
            changeStarts.append(changes.count)
            current = next
        }
    }

    private mutating func row(
        _ row: Int, _ event: EventReference, _ indexOf: inout [ProcessReference: Int]
    ) -> RowCause {
        let process = index(of: event.process, &indexOf)
        if let name = event.name { names[process] = name }
        return RowCause(row: row, process: process, sequence: event.sequence)
    }

    private mutating func index(
        of process: ProcessReference, _ indexOf: inout [ProcessReference: Int]
    ) -> Int {
        if let known = indexOf[process] { return known }
        indexOf[process] = processes.count
        processes.append(process)
        names.append(nil)
        return processes.count - 1
    }

    /// The event that a row names, as the row refers to it.
    package func reference(_ named: RowCause) -> EventReference {
        EventReference(
            processes[named.process], named.sequence, name: names[named.process])
    }
}

extension ProcessReference {
    /// An order for tables: runs by key, then names. It says nothing about time.
    package static func isBefore(_ a: ProcessReference, _ b: ProcessReference) -> Bool {
        switch (a, b) {
        case (.run(let a), .run(let b)): a.bits < b.bits
        case (.named(let a), .named(let b)): listingOrder(a, b)
        case (.run, .named): true
        case (.named, .run): false
        }
    }
}
