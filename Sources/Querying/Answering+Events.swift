import Causality
import HappensBefore

extension Answering {
    /// A listing of a slice.
    ///
    /// - Parameter namesCut: Whether the cut up to which it is all is of interest though nothing is missing.
    package func listing(
        _ slice: Slice, _ choice: EventChoice, _ execution: some IndexedExecution,
        _ restsOn: [Ruling] = [], namesCut: Bool
    ) throws -> Listing {
        let slice = try kept(slice, in: choice.range, execution.index)
        let completeness = try completeness(slice, execution.index, restsOn, namesCut: namesCut)
        return Listing(completeness: completeness, events: try events(slice, choice, execution))
    }

    private func events(
        _ slice: Slice, _ choice: EventChoice, _ execution: some IndexedExecution
    ) throws -> any EventSequence {
        guard choice.isReversed || choice.last != nil else {
            return try events(slice, choice.selection, execution)
        }
        var options = options
        if let last = choice.last { options.limit = last }
        let reversed = try EventCursor(
            execution, slice, choice.selection, .backwards, store, options)
        return choice.isReversed ? reversed : LastEvents(reversed)
    }

    /// The events of a slice that a selection takes, in causal order.
    package func events(
        _ slice: Slice, _ selection: Selection, _ execution: some IndexedExecution
    ) throws -> any EventSequence {
        try EventCursor(execution, slice, selection, .forwards, store, options)
    }

    /// What of a slice was not dropped, and is in a range where one is meant.
    private func kept(
        _ slice: Slice, in range: EventRange?, _ index: some CausalIndex
    ) throws -> Slice {
        guard let range else { return try kept(slice, index) }
        return try kept(index.part(of: slice, in: range), index)
    }

    /// What of a slice was not dropped.
    func kept(_ slice: Slice, _ index: some CausalIndex) throws -> Slice {
        var ranges = slice.ranges
        var lacks = slice.lacks
        for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
            let first = try index.droppedCount(of: process)
            guard range.lowerBound < first, let last = try index.lastDropped(of: process) else {
                continue
            }
            ranges[process] = first..<max(first, range.upperBound)
            lacks.append(.dropped(last))
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: slice.upTo)
    }

    func completeness(
        _ slice: Slice, _ index: some CausalIndex, _ restsOn: [Ruling], namesCut: Bool
    ) throws -> Completeness {
        let cut = namesCut || !slice.isComplete ? slice.upTo : nil
        return Completeness(
            lacks: slice.lacks, upTo: try cut.map { try named($0, index) }, restsOn: restsOn)
    }

    /// A cut by the names of its processes; what stands for others left out.
    func named(_ cut: Cut, _ index: some CausalIndex) throws -> [ProcessID: UInt64] {
        var named: [ProcessID: UInt64] = [:]
        for (process, sequence) in cut.sequences.enumerated() where sequence > 0 {
            let facts = try index.facts(of: process)
            if facts.standIn == nil { named[facts.id] = sequence }
        }
        return named
    }

    func timeline(
        _ execution: some IndexedExecution, _ choice: EventChoice, _ processes: [String],
        _ hosts: [String]
    ) throws -> Listing {
        let index = execution.index
        let meant = Set(try processes.map { try index.process(named: $0) })
        var listed: [Int] = []
        var known: Set<String> = []
        for process in 0..<index.processCount {
            let host = try index.facts(of: process).host
            known.insert(host)
            if meant.isEmpty && hosts.isEmpty || meant.contains(process) || hosts.contains(host) {
                listed.append(process)
            }
        }
        for host in hosts where !known.contains(host) {
            let hint = Suggestion.ending(for: host, among: known.sorted())
            throw QuestionError(
                .notFound, "no host “\(host)” in execution “\(index.execution)”\(hint)")
        }
        return try listing(index.listing(listed), choice, execution, namesCut: false)
    }

    func show<Execution: IndexedExecution>(
        _ id: EventID, _ execution: Execution
    ) throws -> Answer {
        let index = execution.index
        guard let place = try index.position(of: id), try tombstone(of: id, index) == nil else {
            return try missing(id, execution)
        }
        let finder = try EventFinder(execution, .everything, store, options)
        var reader = EventReader(store, bytesMax: options.bytesMax)
        guard let (batch, row) = try reader.row(at: place, of: execution) else {
            let why = reader.lastDamage.map { ": \($0)" } ?? ""
            throw QuestionError(.notFound, "\(id) was taken, and cannot be read\(why)")
        }
        let listed = try ListedEvent(
            batch, row, at: place, finder.processes, senders: finder.senders(at: place), nil)
        let causes = try listed.arriving.enumerated().map { number, edge in
            try end(
                edge.from, isHere: edge.fromIsHere, listed.evidence(of: edge), number, execution,
                &reader)
        }
        return .event(
            ShownEvent(
                listed: listed, clock: try finder.processes.clock(at: place),
                lacks: try index.inexactness(of: id),
                restsOn: try index.rulings(seenBy: [id]), causes: causes,
                effects: try effects(of: id, finder, &reader)))
    }

    /// What can be said of an event that is not here.
    private func missing(_ id: EventID, _ execution: some IndexedExecution) throws -> Answer {
        let unheard = try unheardOf(id, execution.index)
        guard try execution.index.index(of: id.process) != nil else {
            throw QuestionError(.notFound, unheard ?? "\(id) is not here")
        }
        let finder = try EventFinder(execution, .everything, store, options)
        var reader = EventReader(store, bytesMax: options.bytesMax)
        return .missing(
            MissingEvent(
                event: id, unheard: unheard, dropped: try tombstone(of: id, execution.index),
                effects: try effects(of: id, finder, &reader)))
    }

    /// Where the messages of an event arrived, in listing order.
    private func effects<Execution: IndexedExecution>(
        of id: EventID, _ finder: EventFinder<Execution>, _ reader: inout EventReader
    ) throws -> [MessageEnd] {
        let index = finder.index
        guard let process = try index.index(of: id.process) else { return [] }
        let send = EventKey(process: process, sequence: id.sequence)
        let receipts = try finder.messages.receipts(of: send)
            .map { (event: try index.id($0), place: $0) }
            .sorted { listingOrder($0.event, $1.event) }
        return try receipts.enumerated().map { number, receipt in
            var effect = try end(
                receipt.event, isHere: true, .clock, number, finder.execution, &reader)
            guard effect.content != nil,
                let event = try reader.event(at: receipt.place, of: finder.execution)
            else { return effect }
            for cause in event.causes
            where try finder.execution.name(of: cause.event.process) == id.process
                && cause.event.sequence == id.sequence
            {
                effect.evidence = cause.evidence
            }
            return effect
        }
    }

    /// One end of a message; with what the event says, unless it is one of very many.
    func end(
        _ id: EventID, isHere: Bool, _ evidence: Evidence, _ number: Int,
        _ execution: some IndexedExecution, _ reader: inout EventReader
    ) throws -> MessageEnd {
        var end = MessageEnd(event: id, isHere: isHere, evidence: evidence)
        if !isHere { end.isDropped = try tombstone(of: id, execution.index) != nil }
        try options.cancellation.check()
        if isHere, number < Limits.eventsNamedMax,
            let place = try execution.index.position(of: id),
            let event = try reader.event(at: place, of: execution)
        {
            end.content = MessageEnd.Content(name: event.name, text: event.text)
        }
        return end
    }

    func listing(
        _ kind: Question.SliceKind, _ event: EventID, _ choice: EventChoice,
        _ execution: some IndexedExecution
    ) throws -> Listing {
        let slice = try slice(kind, event, execution.index)
        return try listing(
            slice, choice, execution, execution.index.rulings(seenBy: [event]),
            namesCut: kind != .past)
    }

    /// How many of the events that are in some order to an event a selection takes.
    func count(
        _ kind: Question.SliceKind, _ event: EventID, _ choice: EventChoice,
        _ execution: some IndexedExecution
    ) throws -> EventCount {
        let slice = try kept(
            slice(kind, event, execution.index), in: choice.range, execution.index)
        let (count, unreadable) = try countEvents(slice, choice.selection, execution)
        return try counted(
            count,
            of: Slice(
                ranges: slice.ranges, lacks: slice.lacks + unreadable.map { .unreadable($0) },
                upTo: slice.upTo), kind, event, execution.index)
    }

    /// How many events are in some order to an event.
    func count(
        _ kind: Question.SliceKind, _ event: EventID, _ index: some CausalIndex
    ) throws -> EventCount {
        let slice = try slice(kind, event, index)
        return try counted(slice.count, of: slice, kind, event, index)
    }

    private func counted(
        _ count: Int, of slice: Slice, _ kind: Question.SliceKind, _ event: EventID,
        _ index: some CausalIndex
    ) throws -> EventCount {
        EventCount(
            event: event, count: count,
            completeness: try completeness(
                slice, index, index.rulings(seenBy: [event]), namesCut: kind != .past))
    }

    /// The events that are in some order to an event, by what an index knows of it.
    private func slice(
        _ kind: Question.SliceKind, _ event: EventID, _ index: some CausalIndex
    ) throws -> Slice {
        try require(event, index)
        let slice =
            switch kind {
            case .past: try index.past(of: event)!
            case .future: try index.future(of: event)!
            case .concurrent: try index.concurrent(with: event)!
            }
        guard try index.isContradictory(event) else { return slice }
        return Slice(
            ranges: slice.ranges, lacks: slice.lacks + [.consistency(event)], upTo: slice.upTo)
    }

    /// How many events of a slice a selection takes, up to the limit, and which cannot be read.
    package func countEvents(
        _ slice: Slice, _ selection: Selection, _ execution: some IndexedExecution
    ) throws -> (events: Int, unreadable: [EventID]) {
        guard !selection.isEverything else { return (slice.count, []) }
        let finder = try EventFinder(execution, selection, store, options)
        var counted = 0
        var unreadable: [EventID] = []
        try finder.forEach(of: slice, eventsMax: options.limit ?? .max) { place, _, row in
            if row == nil {
                unreadable.append(try finder.index.id(place))
            } else {
                counted += 1
            }
        }
        return (counted, unreadable)
    }
}
