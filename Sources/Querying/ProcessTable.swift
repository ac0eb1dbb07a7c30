import Causality
import HappensBefore

/// What an answer needs of processes again and again: each is asked for once. For one answer, and so for one thread at a time.
final class ProcessTable<Index: CausalIndex> {
    private let index: Index
    private var entries: [ProcessEntry?]
    private var ranks: [Int]?
    private var clockNames: ClockNames?

    init(_ index: Index) {
        self.index = index
        entries = Array(repeating: nil, count: index.processCount)
    }

    subscript(_ process: Int) -> ProcessEntry {
        get throws {
            if let known = entries[process] { return known }
            let facts = try index.facts(of: process)
            let entry = ProcessEntry(facts, try index.sequences(of: process))
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

    /// What the event at a place had seen. O(processes that it knows), and O(processes · log processes) the first time.
    func clock(at place: EventPosition) throws -> KnownClock {
        let names = try clockNames ?? ClockNames(index, listingRanks())
        clockNames = names
        let own = EventKey(
            process: place.process, sequence: try self[place.process].sequences[place.position])
        var known = try index.known(at: place)
        // Clocks that contradict themselves may know of their own process what it has not done.
        known.removeAll { $0.process == own.process }
        known.append(own)
        let ranks = names.ranks
        known.sort { ranks[$0.process] < ranks[$1.process] }
        var isPlain = try !self[place.process].isBranch && index.uncertainty(at: place) == nil
        if !names.arePlain {
            isPlain = isPlain && known.allSatisfy { !names.isVague[$0.process] }
            known.removeAll { names.isStandIn[$0.process] }
        }
        // There is no other reason for which what an event has seen is not known exactly.
        let isExact =
            try isPlain || index.isExact(EventID(names.all[own.process].process, own.sequence))
        return KnownClock(known, isExact: isExact, names: names.all)
    }
}

/// What an answer needs of one process.
struct ProcessEntry {
    let id: ProcessID
    let host: String
    let run: Identity128?
    let sequences: SequenceRuns
    let isBranch: Bool

    init(_ facts: ProcessFacts, _ sequences: SequenceRuns) {
        id = facts.id
        host = facts.host
        run = facts.key?.run
        self.sequences = sequences
        isBranch = facts.branch != nil
    }
}

/// How the processes of an execution are shown in clocks.
private struct ClockNames {
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
