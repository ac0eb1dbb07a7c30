import Causality
import Segments
import Transparency

/// What must be here, by what a log says from its first entry on.
struct LogFold {
    /// By segment: what it was when it was sealed.
    private(set) var heads: [Identity128: LoggedHead] = [:]
    /// By segment that was not sealed: how far it was acknowledged, each time that was told.
    private(set) var openHeads: [Identity128: [SegmentHead]] = [:]
    /// By name: the file that was put in place last.
    private(set) var parts: [Identity128: LoggedFile] = [:]
    private(set) var tombstones: [ExactText: LoggedFile] = [:]
    /// By execution: its order files, by their place.
    private(set) var orders: [ExactText: [Int: LoggedFile]] = [:]
    /// By execution that was dropped: the segments that had events of it.
    private(set) var drops: [ExactText: Set<Identity128>] = [:]
    /// The keys with which agents of hosts sign that were admitted; none where anybody may be any host.
    private(set) var signers: Set<[UInt8]> = []
    /// What the log itself contradicts.
    private(set) var problems: [String] = []

    mutating func take(_ entry: LogEntry) {
        switch entry.content {
        case .head(let head): take(head)
        case .file(let file): take(file)
        case .drop(let drop):
            let execution = ExactText(drop.execution)
            drops[execution, default: []].formUnion(drop.segments.map(\.segment))
            orders[execution] = nil
            tombstones[execution] = nil
        case .host(let host): signers.formUnion(host.publicKeys)
        }
    }

    private mutating func take(_ logged: LoggedHead) {
        let segment = logged.head.header.segment
        guard logged.isSealed else {
            if heads[segment] == nil { openHeads[segment, default: []].append(logged.head) }
            return
        }
        openHeads[segment] = nil
        if let known = heads[segment], known.head != logged.head {
            problems.append(
                "segment \(segment): the log has two heads of it that contradict each other: it was acknowledged as one, and then as another"
            )
        }
        heads[segment] = heads[segment] ?? logged
    }

    private mutating func take(_ file: LoggedFile) {
        let execution = ExactText(file.execution)
        switch file.kind {
        case .part: parts[file.name] = file
        case .order:
            orders[execution, default: [:]][file.slice] = file
            orders[execution] = orders[execution]?.filter { $0.key <= file.slice }
        case .tombstone:
            // A crash may have had it told twice.
            guard tombstones[execution]?.name != file.name else { return }
            tombstones[execution] = file
            var kept: [Int: LoggedFile] = [:]
            for (slice, order) in orders[execution] ?? [:] where slice >= file.slice {
                kept[slice - file.slice + 1] = order
            }
            orders[execution] = kept
        }
    }
}
