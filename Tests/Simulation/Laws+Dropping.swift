import Causality
import Collector
import Disks
import HappensBefore
import Parts
import Querying

// What was dropped makes answers less definite, and none wrong.
extension Laws {
    /// Puts a tombstone in the place of some of the lowest files, and asks about events that are here and that were dropped.
    mutating func checkDropped(
        _ events: [EventID], _ files: [OrderFile], _ tail: History,
        _ random: inout some RandomNumberGenerator
    ) throws {
        let count = Int.random(in: 1...files.count, using: &random)
        guard var rest = try bury(Array(files[..<count]), "first") else { return }
        try checkPieces(of: rest[0])
        rest += files[count...]
        if count < files.count, Bool.random(using: &random) {
            // Once more, with what lies on it.
            guard let again = try bury(Array(rest[..<2]), "second") else {
                return violate("dropped: once, and not a second time")
            }
            rest = again + rest[2...]
        }
        var filed = FiledEvidence(evidence: evidence, files: rest)
        let below = FiledExecution(rest, filed)
        let kept = try Chronicle(below.index, tail)
        for a in events {
            for b in events { try checkOrder(a, b, in: kept, "dropped") }
            try checkSlices(of: a, in: kept)
        }
        try checkListing(try TailedExecution(below, tail), filed)
        for process in 0..<kept.processCount {
            guard let key = kept.facts(of: process).key,
                let last = try kept.lastDropped(of: process)
            else { continue }
            filed.droppedNumbers.append((key, last.sequence))
        }
        if let resumed = try resume(on: below.index) {
            let kept = try Chronicle(below.index, resumed)
            for a in events {
                for b in events { try checkOrder(a, b, in: kept, "resumed on dropped") }
            }
        }
        // Where the tombstone cannot be read, or does not hold, what was dropped is missing.
        let graph = try ExecutionGraph.load(history.execution, from: filed)
        for a in events {
            for b in events { checkOrder(a, b, in: graph.history, "dropped and missing") }
        }
    }

    private func bury(_ files: [OrderFile], _ rule: String) throws -> [OrderFile]? {
        let floor = floor(of: files)!
        let tombstone = Tombstone(
            time: WallTime(nanoseconds: 7), eventCount: floor.eventCount,
            newest: WallTime(nanoseconds: 5), rule: rule)
        guard let contents = try OrderFileContents(tombstone, of: floor, check: {}) else {
            return nil
        }
        let file = try SimulatedDisk().open("/tombstone", .create)
        try OrderFileWriter.write(contents, to: file)
        return [try OrderFile(file)]
    }

    /// A definite answer is right, and what is excluded is not so. Of two events that are here it is as it was.
    private mutating func checkOrder<Index: CausalIndex>(
        _ a: EventID, _ b: EventID, in kept: Index, _ what: String
    ) throws(Index.Failure) {
        let (order, before) = (try kept.order(a, b), history.order(a, b))
        switch (order, before) {
        case (.known(let now), .known(let then)) where now != then:
            violate("\(what): order \(a) \(b): \(now), before \(then)")
        case (.unknown(_, let excluded), .known(let then)) where excluded.contains(then):
            violate("\(what): order \(a) \(b): not \(then), which it was")
        default: break
        }
        guard let x = happened[a], let y = happened[b], !isMarker(x), !isMarker(y) else { return }
        let real = truth.order(x, y)
        switch order {
        case .known(let now) where now != real:
            violate("\(what): order \(a) \(b): \(now), really \(real)")
        case .unknown(_, let excluded) where excluded.contains(real):
            violate("\(what): order \(a) \(b): not \(real), which it is")
        default: break
        }
    }

    /// What a slice has it had before; where it is told to be all, it was. What an event that is here had seen is known as it was.
    private mutating func checkSlices(
        of event: EventID, in kept: Chronicle<OrderStack>
    ) throws {
        let isHere =
            try kept.index(of: event.process).map {
                try kept.isHere(EventKey(process: $0, sequence: event.sequence))
            } ?? false
        for (verb, now, then) in [
            ("past", try kept.past(of: event), history.past(of: event)),
            ("future", try kept.future(of: event), history.future(of: event)),
            ("concurrent", try kept.concurrent(with: event), history.concurrent(with: event)),
        ] {
            guard let now, let then else { continue }
            let (found, real) = (
                try ranges(now, kept), ranges(then, history)
            )
            if now.isComplete || verb == "past" && isHere {
                if now.isComplete, !then.isComplete {
                    violate("dropped: \(verb) \(event) is all, and was not: \(then.lacks)")
                }
                if found != real { violate("dropped: \(verb) \(event): \(found), was \(real)") }
            } else if verb != "concurrent" {
                for (process, range) in found {
                    let before = real[process] ?? 0..<0
                    if range.clamped(to: before) != range {
                        violate("dropped: \(verb) \(event): \(process) \(range), was \(before)")
                    }
                }
            }
        }
        guard isHere else { return }
        if try kept.isExact(event) != history.isExact(event) {
            violate("dropped: \(event) is exact otherwise than before")
        }
    }

    private func ranges<Index: CausalIndex>(
        _ slice: Slice, _ index: Index
    ) throws(Index.Failure) -> [ProcessID: Range<Int>] {
        var ranges: [ProcessID: Range<Int>] = [:]
        for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
            ranges[try index.id(of: process)] = range
        }
        return ranges
    }

    /// What is listed is what was not dropped; and it can be read.
    private mutating func checkListing(
        _ execution: TailedExecution, _ filed: FiledEvidence
    ) throws {
        var filed = filed
        filed.execution = execution
        var listed: Set<EventID> = []
        let answering = Answering(filed, Question.Options(execution: history.execution))
        let timeline = try Question("timeline", QuestionParameters([:]))
        guard case .events(let listing) = try answering.answer(timeline) else {
            return violate("dropped: no timeline")
        }
        var events = listing.events
        while true {
            switch try events.next() {
            case .event(let event): listed.insert(event.event.id)
            case .unreadable(let id): violate("dropped: \(id) cannot be read")
            case .passed, .match: continue
            case nil:
                for process in 0..<execution.index.processCount {
                    let id = execution.index.id(of: process)
                    let sequences = execution.index.sequences(of: process)
                    for position in 0..<sequences.count {
                        let event = EventID(id, sequences[position])
                        let isHere = try position >= execution.index.droppedCount(of: process)
                        if isHere != listed.contains(event) {
                            violate("dropped: \(event) is listed: \(!isHere)")
                        }
                    }
                }
                return
            }
        }
    }
}
