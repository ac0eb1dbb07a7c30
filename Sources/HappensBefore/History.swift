import Causality

/// The happens-before graph of one execution: every process's events, and what each had seen of the others.
///
/// There is no list of edges to walk. Along a process knowledge only grows, so "does b know a" is one look-up in
/// the steps of b's knowledge of a's process, and "the first event of q that knows a" one binary search.
/// Memory: about 17 bytes an event, and 8 for each entry by which a clock grew, or a stamp.
///
/// A process is a run. What events cite is kept as they wrote it; `finish` finds out which process each citation means, what
/// runs are called, and what follows from stamps that are not complete.
package struct History: Sendable {
    package let execution: String
    /// The processes that are here, in order of appearance, then those that are only cited.
    package internal(set) var processes: [ProcessHistory] = []
    /// How many processes are here: what follows in `processes` is derived.
    var lineCount = 0
    /// By run, and for a forked one by branch: its index.
    var indexOfLine: [LineIdentity: Int] = [:]
    /// From where on a run is there more than once.
    var forks: [Identity128: Fork] = [:]
    /// What events cite, as they call it.
    var citations: [Citation] = []
    var indexOfCitation: [Citation: Int] = [:]
    /// By run: up to which number its events were dropped: they are passed over, whenever they come.
    var droppedUpTo: [Identity128: UInt64] = [:]
    /// What senders said that their runs are called.
    var claimedNames: [RunKey: Set<ProcessID>] = [:]
    /// The names that other processes bear, too, which are not here.
    var sharedNames: Set<ProcessID> = []

    // Derived.
    /// What each citation means.
    var targets: [Target] = []
    var indexOf: [ProcessID: Int] = [:]
    /// The names that no other process may have.
    var taken: Set<ProcessID> = []
    /// The processes that are cited and not here, by name; what stands for others excepted.
    var indexOfCited: [ProcessID: Int] = [:]
    /// The processes that are cited and not here, and may go on from others.
    var unlinked: [Int] = []
    /// By process: those that stand for it or for another, which cannot be told.
    var standIns: [Int: [Int]] = [:]
    /// True where events name each other in a ring, and what they had seen was concluded all the same.
    var isCyclic = false
    /// Where stamps do not say all that events had seen: what these name themselves, by row behind what is put away. Whatever else they know,
    /// some event knows that they name. Nil where it is not known that what each names comes before it.
    var named: Dependencies?
    /// What is kept of what is put away; nil where nothing is.
    package internal(set) var footing: Footing?
    /// Why what is put away does not hold any more, and everything has to be derived anew from all events; nil where it does.
    package internal(set) var breach: Breach?
    /// By send that is not here: what the receivers of its message learned of others by it, all of which it had seen.
    package internal(set) var learnedFromMissing: [EventKey: [EventKey]] = [:]

    package init(execution: String) { self.execution = execution }

    /// The index of a process that is here or cited, or nil. O(1).
    package func index(of process: ProcessID) -> Int? { indexOf[process] }

    /// The index of the process that a citation means, where it means one; nil where nobody cites it, or it means one of several.
    package func index(of reference: ProcessReference) -> Int? {
        for isClock in [true, false] {
            guard let citation = indexOfCitation[Citation(reference, isClock: isClock)],
                citation < targets.count
            else { continue }
            if case .process(let index) = targets[citation] { return index }
        }
        return processes.firstIndex { $0.key?.reference == reference }
    }

    /// What a process is called here that is referred to; nil where nobody is, or it may be one of several.
    package func name(of reference: ProcessReference) -> ProcessID? {
        index(of: reference).map { processes[$0].id }
    }

    /// What events call the processes that they refer to, where that means one: each once, with its index.
    package func references() -> [(reference: ProcessReference, process: Int)] {
        Set(citations.map(\.process)).compactMap { reference in
            index(of: reference).map { (reference, $0) }
        }
    }

    /// True where some run is there more than once: then a number alone does not tell which event is meant.
    package var hasForks: Bool { !forks.isEmpty }

    /// Where a citation is kept.
    mutating func intern(_ citation: Citation) -> Int {
        if let known = indexOfCitation[citation] { return known }
        indexOfCitation[citation] = citations.count
        citations.append(citation)
        return citations.count - 1
    }

    /// Where the events of a run, or of one branch of it, are kept.
    mutating func line(_ identity: LineIdentity, _ key: ProcessKey) -> Int {
        // What follows from events is found again when they are all here.
        processes.removeLast(processes.count - lineCount)
        if let known = indexOfLine[identity] { return known }
        indexOfLine[identity] = processes.count
        processes.append(ProcessHistory(key: key, identity: identity))
        lineCount = processes.count
        return lineCount - 1
    }
}

/// A run; where it is there more than once, one branch of it.
struct LineIdentity: Hashable, Sendable {
    var run: Identity128
    /// What tells branches apart; nil for what they have in common, and for a run that has none.
    var branch: Identity128?
}

/// A run that is there more than once: a clone, or numbers that were given twice.
package struct Fork: Hashable, Sendable {
    /// The first number that two different events have.
    package var sequence: UInt64
    /// True where its events came from one agent: then it is the source that gave numbers twice.
    package var isOfOneSource: Bool

    package init(sequence: UInt64, isOfOneSource: Bool) {
        self.sequence = sequence
        self.isOfOneSource = isOfOneSource
    }
}

/// A process as events cite it. A log's clock and a cause are told apart: a clock names processes of logs only.
struct Citation: Hashable, Sendable {
    var process: ProcessReference
    var isClock: Bool

    init(_ process: ProcessReference, isClock: Bool) {
        self.process = process
        self.isClock = isClock
    }
}

extension Citation {
    /// Runs first, then names.
    static func isBefore(_ a: Citation, _ b: Citation) -> Bool {
        a.process == b.process
            ? a.isClock && !b.isClock : ProcessReference.isBefore(a.process, b.process)
    }
}

/// What a citation means.
enum Target: Hashable, Sendable {
    case process(Int)
    /// A run that is there more than once from a number on: below it `base` (nil: nothing is), from there `standIn`.
    case forked(base: Int?, sequence: UInt64, standIn: Int)
}

/// The place of an event that is here: index of its process, and position among that process's events.
package struct EventPosition: Hashable, Sendable {
    package var process: Int
    package var position: Int

    package init(process: Int, position: Int) {
        self.process = process
        self.position = position
    }
}

/// An event that may or may not be here: index of its process, and sequence number.
package struct EventKey: Hashable, Sendable {
    package var process: Int
    package var sequence: UInt64

    package init(process: Int, sequence: UInt64) {
        self.process = process
        self.sequence = sequence
    }
}
