import Causality
import HappensBefore

/// What an answer needs of processes again and again: each is asked for once. For one answer, and so for one thread at a time.
final class ProcessTable<Execution: IndexedExecution> {
    let execution: Execution
    let index: Execution.Index
    let messages: Execution.Messages
    let executionName: String
    /// What events call the processes that they name.
    private var references: [ProcessReference: ProcessID?] = [:]
    private var entries: [ProcessEntry?]
    private var ranks: [Int]?
    private var clockNames: ClockNames?
    /// By process: positions whose events' knowledge is not uncertain.
    private var certain: [Range<Int>]

    init(_ execution: Execution, _ messages: Execution.Messages) {
        self.execution = execution
        self.messages = messages
        index = execution.index
        executionName = index.execution
        entries = Array(repeating: nil, count: index.processCount)
        certain = Array(repeating: 0..<0, count: index.processCount)
    }

    subscript(_ process: Int) -> ProcessEntry {
        get throws {
            if let known = entries[process] { return known }
            let facts = try index.facts(of: process)
            let entry = ProcessEntry(
                facts, try index.sequences(of: process),
                droppedCount: try index.droppedCount(of: process))
            entries[process] = entry
            return entry
        }
    }

    /// By process, its place in listing order. O(processes · log processes) the first time.
    func listingRanks() throws -> [Int] {
        if let ranks { return ranks }
        let found = try index.listingRanks()
        ranks = found
        return found
    }

    /// What a process is called here that an event names; nil where nobody is, or it may be one of several.
    func name(of reference: ProcessReference) throws -> ProcessID? {
        if let known = references[reference] { return known }
        let name = try execution.name(of: reference)
        if references.count >= Limits.referencesKeptMax { references = [:] }
        references[reference] = .some(name)
        return name
    }

    /// What the event at a place had seen. O(processes that it knows), and O(processes · log processes) the first time.
    func clock(at place: EventPosition) throws -> KnownClock {
        var clock = WalkedClock()
        return try self.clock(at: place, learning: try index.known(at: place), &clock)
    }

    /// The same by what it learned since an event before it.
    ///
    /// - Parameter clock: What that event had seen: nothing where `learned` is all. Becomes this event's.
    func clock(
        at place: EventPosition, learning learned: [EventKey], _ clock: inout WalkedClock
    ) throws -> KnownClock {
        let names = try clockNames ?? ClockNames(index, listingRanks())
        clockNames = names
        let entry = try self[place.process]
        let own = EventKey(process: place.process, sequence: entry.sequences[place.position])
        // Clocks that contradict themselves may know of their own process what it has not done.
        for key in learned where key.process != own.process { clock.learn(key, names) }
        clock.learn(own, names)
        // There is no other reason for which what an event has seen is not known exactly.
        let isExact =
            try !clock.isVague && !entry.isBranch && isCertain(place)
            || index.isExact(EventID(entry.id, own.sequence))
        return KnownClock(clock.seen, isExact: isExact, names: names.all)
    }

    /// Whether the knowledge of the event at a place is not uncertain.
    private func isCertain(_ place: EventPosition) throws -> Bool {
        if certain[place.process].contains(place.position) { return true }
        certain[place.process] = place.position..<(try index.certainEnd(from: place))
        return !certain[place.process].isEmpty
    }
}

/// What an event had seen, in listing order, as it grows along a process.
struct WalkedClock {
    fileprivate private(set) var seen: [EventKey] = []
    /// True where some of it stands for other processes, or may go on from them.
    fileprivate private(set) var isVague = false

    /// How many processes it has.
    var count: Int { seen.count }

    fileprivate mutating func learn(_ key: EventKey, _ names: ClockNames) {
        if !names.arePlain {
            isVague = isVague || names.isVague[key.process]
            if names.isStandIn[key.process] { return }
        }
        let rank = names.ranks[key.process]
        var (low, high) = (0, seen.count)
        if let last = seen.last, names.ranks[last.process] < rank { low = high }
        while low < high {
            let middle = (low + high) / 2
            if names.ranks[seen[middle].process] < rank { low = middle + 1 } else { high = middle }
        }
        if low < seen.count, seen[low].process == key.process {
            seen[low].sequence = key.sequence
        } else {
            seen.insert(key, at: low)
        }
    }
}

/// What an answer needs of one process.
final class ProcessEntry: Sendable {
    let id: ProcessID
    /// The same as text.
    let text: String
    let host: String
    let run: Identity128?
    let sequences: SequenceRuns
    let isBranch: Bool
    /// How many of its first events were dropped.
    private let droppedCount: Int

    init(_ facts: ProcessFacts, _ sequences: SequenceRuns, droppedCount: Int) {
        self.droppedCount = droppedCount
        id = facts.id
        text = facts.id.description
        host = facts.host
        run = facts.key?.run
        self.sequences = sequences
        isBranch = facts.branch != nil
    }

    /// Whether an event of it is neither missing nor dropped.
    func isHere(_ sequence: UInt64) -> Bool {
        sequences.position(of: sequence).map { $0 >= droppedCount } ?? false
    }
}

/// How the processes of an execution are shown in clocks.
private final class ClockNames {
    let ranks: [Int]
    private(set) var all: [KnownClock.Name] = []
    /// By process: whether it is only cited, and stands for others.
    private(set) var isStandIn: [Bool] = []
    /// By process: whether it stands for others or may go on from them. Who knows of it knows it not exactly.
    private(set) var isVague: [Bool] = []
    /// True where none is vague.
    private(set) var arePlain = true

    init(_ index: some CausalIndex, _ ranks: [Int]) throws {
        self.ranks = ranks
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            all.append(KnownClock.Name(process: facts.id, text: facts.id.description))
            isStandIn.append(facts.standIn != nil)
            isVague.append(facts.standIn != nil || facts.isUnlinked)
            arePlain = arePlain && !isVague[process]
        }
    }
}
