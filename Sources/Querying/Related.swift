import Causality
import HappensBefore

/// How the candidates of one term are ordered to those of another.
struct Related<Index: CausalIndex>: Sendable {
    let others: Candidates
    let own: Candidates
    private let index: Index
    /// How many others each knows; nil where nobody asks, or the index is asked each time.
    private let known: KnownCandidates?
    /// By other: how many of the own ones it knows; nil where nobody asks, or the index is asked each time.
    private let knowers: KnownCandidates?
    /// By process: whether what is known exactly of an event tells whether it has seen one of the process.
    private let isPlain: [Bool]
    private let areSound: Bool

    /// - Parameters:
    ///   - relation: What will be asked.
    ///   - areSound: Whether no two events have seen each other.
    ///   - areFew: Whether few of them are asked about: then nothing is found out for all of them at once.
    init(
        _ own: Candidates, to others: Candidates, _ relation: Query.Relation, areSound: Bool,
        areFew: Bool = false, in index: Index, _ cancellation: Cancellation
    ) throws {
        (self.own, self.others, self.areSound) = (own, others, areSound)
        self.index = index
        let (needsKnown, needsKnowers) =
            switch relation {
            case .before, .nearest: (true, !areSound)
            case .after: (!areSound, true)
            case .concurrent: (true, true)
            case .message, .sameProcess, .any: (false, false)
            }
        known =
            needsKnown && !areFew
            ? try KnownCandidates(others, by: own, in: index, cancellation) : nil
        knowers =
            needsKnowers && !areFew
            ? try KnownCandidates(own, by: others, in: index, cancellation) : nil
        var isPlain = [Bool](repeating: true, count: index.processCount)
        if relation == .concurrent {
            for process in isPlain.indices { isPlain[process] = try index.isPlain(process) }
        }
        self.isPlain = isPlain
    }

    /// How many others of a process, by its place, have happened before an element: the first ones, but for those that
    /// have seen it too.
    private func knownEnd(_ element: Int, _ place: Int) throws -> Int {
        let (process, elements) = others.processes[place]
        if let known { return elements.lowerBound + known.count(element, place) }
        let event = own.elements[element]
        let last =
            process == Int(event.process)
            ? event.sequence - 1 : try index.known(of: process, at: event.place)
        return elements.lowerBound
            + partitionPoint(count: elements.count) {
                others.elements[elements.lowerBound + $0].sequence <= last
            }
    }

    /// The first other of a process, by its place, that has seen an element, or the end of them.
    private func firstKnower(_ element: Int, _ place: Int) throws -> Int {
        guard let knowers else { return try firstThatKnows(own.elements[element], place) }
        let process = Int(own.elements[element].process)
        let ownPlace = own.place(of: process)!
        let number = element - own.processes[ownPlace].elements.lowerBound
        let elements = others.processes[place].elements
        return elements.lowerBound
            + partitionPoint(count: elements.count) {
                knowers.count(elements.lowerBound + $0, ownPlace) <= number
            }
    }

    /// The same, as the index says.
    private func firstThatKnows(_ event: Candidates.Element, _ place: Int) throws -> Int {
        let (process, elements) = others.processes[place]
        let first =
            process == Int(event.process)
            ? Int(event.position) + 1 : try index.firstPosition(knowing: event.key, in: process)
        guard let first else { return elements.upperBound }
        return elements.lowerBound
            + partitionPoint(count: elements.count) {
                Int(others.elements[elements.lowerBound + $0].position) < first
            }
    }

    /// The others that surely happened before an element. O(processes).
    func before(_ element: Int) throws -> [Range<Int>] {
        try others.processes.indices.compactMap { place in
            let start = others.processes[place].elements.lowerBound
            var end = try knownEnd(element, place)
            if !areSound { end = min(end, try firstKnower(element, place)) }
            return start < end ? start..<end : nil
        }
    }

    /// The others that surely happened after an element. O(processes · log others).
    func after(_ element: Int) throws -> [Range<Int>] {
        try others.processes.indices.compactMap { place in
            let end = others.processes[place].elements.upperBound
            var start = try firstKnower(element, place)
            if !areSound { start = max(start, try knownEnd(element, place)) }
            return start < end ? start..<end : nil
        }
    }

    /// Of each process the first other that has seen an element. O(processes · log others).
    func nearestAfter(_ element: Int) throws -> [Range<Int>] {
        try others.processes.indices.compactMap { place in
            let first = try firstKnower(element, place)
            guard first < others.processes[place].elements.upperBound,
                try areSound || first >= knownEnd(element, place)
            else { return nil }
            return first..<first + 1
        }
    }

    /// Whether one of the others surely happened before an element.
    func isBefore(_ other: Int, _ element: Int) throws -> Bool {
        let place = others.place(of: Int(others.elements[other].process))!
        return try other < knownEnd(element, place)
            && (areSound || other < firstKnower(element, place))
    }

    /// Of some elements of one process, how many surely happened after one of the others: the last ones, where no two events
    /// have seen each other. O(log elements), else O(elements).
    func countBehind(_ other: Int, in elements: Range<Int>) throws -> Int {
        guard areSound else { return try elements.count { try isBefore(other, $0) } }
        return elements.count
            - (try partitionPoint(count: elements.count) {
                try !isBefore(other, elements.lowerBound + $0)
            })
    }

    /// Those of which an element is the first of its process among the own ones that has seen them. O(processes).
    func nearest(_ element: Int) throws -> [Range<Int>] {
        let isFirst = own.elements(of: Int(own.elements[element].process)).lowerBound == element
        return try others.processes.indices.compactMap { place in
            let start =
                isFirst
                ? others.processes[place].elements.lowerBound : try knownEnd(element - 1, place)
            let end = try knownEnd(element, place)
            guard start < end else { return nil }
            guard !areSound else { return start..<end }
            let sound = min(end, try firstKnower(element, place))
            return start < sound ? start..<sound : nil
        }
    }

    /// The others of the same process.
    func ofSameProcess(_ element: Int) -> [Range<Int>] {
        let event = own.elements[element]
        let all = others.elements(of: Int(event.process))
        let place =
            all.lowerBound
            + partitionPoint(count: all.count) {
                others.elements[all.lowerBound + $0].sequence < event.sequence
            }
        let isItself = place < all.upperBound && others.elements[place].sequence == event.sequence
        return [all.lowerBound..<place, (isItself ? place + 1 : place)..<all.upperBound].filter {
            !$0.isEmpty
        }
    }

    /// The others that surely neither influenced an element nor were influenced by it. O(processes · log others), and
    /// a question to the index for each that is not certain.
    func concurrent(_ element: Int) throws -> [Range<Int>] {
        let event = own.elements[element]
        var ranges: [Range<Int>] = []
        for (place, (process, _)) in others.processes.enumerated() where process != event.process {
            let (start, end) = (
                try knownEnd(element, place), try firstKnower(element, place)
            )
            let isCertain = event.isCertain && isPlain[Int(event.process)] && isPlain[process]
            guard start < end else { continue }
            if isCertain, others.areCertain(start..<end) {
                ranges.append(start..<end)
                continue
            }
            for other in start..<end {
                guard
                    try isCertain && others.elements[other].isCertain
                        || isConcurrent(event, others.elements[other])
                else { continue }
                if let last = ranges.last, last.upperBound == other {
                    ranges[ranges.count - 1] = last.lowerBound..<other + 1
                } else {
                    ranges.append(other..<other + 1)
                }
            }
        }
        return ranges
    }

    private func isConcurrent(
        _ a: Candidates.Element, _ b: Candidates.Element
    ) throws -> Bool {
        try index.order(index.id(a.place), index.id(b.place)) == .known(.concurrent)
    }
}
