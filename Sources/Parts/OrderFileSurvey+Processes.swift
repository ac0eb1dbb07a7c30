import Causality
import HappensBefore

// What an order file says of its processes.
extension OrderFileSurvey {
    mutating func readProcess(_ number: Int) throws(PartError) {
        let line = try file.line(number)
        var process = Process(facts: line.facts, base: line.base)
        process.gaps = line.gaps
        if line.facts.count > line.base {
            process.first = line.sequences[line.base]
            process.last = line.facts.last
        }
        defer { processes.append(process) }
        let page = file.footer.processPages.last { $0.first <= number }!.place
        for gap in line.gaps {
            expect(
                line.sequences.count(upTo: gap.last) == line.sequences.count(upTo: gap.first - 1),
                in: page, "process \(number) has events in its gap \(gap.first)–\(gap.last)")
        }
        let found = try file.index(of: line.facts.id)
        expect(
            found != nil, in: page, "process \(number), \(line.facts.id), is not found by its name")
        guard let place = line.directory else {
            return expect(
                line.facts.count == line.base, in: page,
                "process \(number) has events, and no directory")
        }
        note(place, .directories)
        let directory = try file.directory(number)
        let isEmpty = line.facts.count == line.base
        expect(
            directory.entries.isEmpty == isEmpty && (isEmpty || !directory.facts.isEmpty),
            in: place,
            "process \(number) has \(directory.entries.count) blocks of knowledge and "
                + "\(directory.facts.count) of its events")
        missingSends += directory.learned.count
        for index in directory.entries.indices {
            note(directory.entries[index].certainty, .certainty)
            for piece in directory.pieces[directory.entries[index].pieces] {
                note(piece.place, .knowledge)
            }
        }
        for block in directory.facts { note(block.place, .events) }
        for block in directory.times { note(block.place, .times) }
        expect(
            directory.times.isEmpty == isEmpty, in: place,
            "process \(number) has \(directory.times.count) blocks of logical times")
        try read { (survey) throws(PartError) in
            try survey.readKnowledge(number, line, directory)
        }
        try read { (survey) throws(PartError) in
            try survey.readCertainty(number, line, directory, &process)
        }
        for block in directory.times.indices {
            try read { (survey) throws(PartError) in
                try survey.readTimes(number, directory, block)
            }
        }
        for block in directory.facts.indices {
            try read { (survey) throws(PartError) in
                try survey.readEvents(number, line, directory, block)
            }
        }
    }

    private func end(_ index: Int, _ line: ProcessPage.Line, _ directory: Directory) -> Int {
        index + 1 < directory.entries.count
            ? directory.entries[index + 1].start : line.facts.count
    }

    private mutating func readCertainty(
        _ number: Int, _ line: ProcessPage.Line, _ directory: Directory, _ process: inout Process
    ) throws(PartError) {
        var before: Uncertainty?
        for (index, entry) in directory.entries.enumerated() {
            let end = end(index, line, directory)
            let block = try file.certainty(
                at: EventPosition(process: number, position: entry.start), entry)
            let ends = block.uncertainty.dropFirst().map(\.position) + [end]
            expect(
                block.stamps.allSatisfy { $0.position < end }
                    && block.uncertainty.allSatisfy { $0.position < end }, in: entry.certainty,
                "process \(number): positions of the block behind it")
            for (run, end) in zip(block.uncertainty, ends) {
                if run.why != nil {
                    process.uncertainEvents += end - run.position
                    if run.why != before { process.uncertainRuns += 1 }
                }
                before = run.why
            }
            let first = block.uncertainty.first { $0.why == nil }?.position
            let isAll = block.uncertainty.allSatisfy { $0.why == nil }
            expect(
                entry.firstCertain == first && entry.isCertain == isAll
                    && (isAll || !line.isCertain), in: entry.certainty,
                "process \(number): its directory says otherwise what is certain")
        }
    }

    private mutating func readKnowledge(
        _ number: Int, _ line: ProcessPage.Line, _ directory: Directory
    ) throws(PartError) {
        // What is known at the end of the block before.
        var lasts: [Int: UInt64]?
        var known: Set<Int> = []
        for (index, entry) in directory.entries.enumerated() {
            let end = end(index, line, directory)
            var (floors, values): ([Int: UInt64], [Int: UInt64]) = ([:], [:])
            for piece in entry.pieces {
                let (first, place) = directory.pieces[piece]
                let next =
                    piece + 1 < entry.pieces.upperBound
                    ? directory.pieces[piece + 1].first : processCount
                let found = try file.knowledge(number, entry, at: place)
                let others = found.floors.others
                expect(
                    others.first == first && others.last ?? 0 < next && !others.contains(number),
                    in: place, "process \(number): a piece of other processes")
                expect(
                    found.lastPosition ?? 0 < end, in: place,
                    "process \(number): positions of the block behind it")
                for (other, floor) in zip(others, found.floors.floors) where floor > 0 {
                    floors[other] = floor
                }
                for key in found.known(at: end - 1) { values[key.process] = key.sequence }
                known.formUnion(others)
            }
            expect(
                lasts.map { $0 == floors } ?? true, in: entry.certainty,
                "process \(number): a block from position \(entry.start) on that does not go on "
                    + "from the one before")
            lasts = values
        }
        for other in known {
            let place = try file.line(other).directory
            expect(
                try file.directory(other).isKnown(by: number),
                in: place ?? directory.entries[0].certainty,
                "process \(other) is known by process \(number), and does not say so")
        }
    }

    private mutating func readTimes(
        _ number: Int, _ directory: Directory, _ index: Int
    ) throws(PartError) {
        let (_, place, _) = directory.times[index]
        let block = try file.times(number, index)
        let positions = block.positions
        let tally = try file.tally(block)
        let last = block.steps.time(at: positions.upperBound - 1)
        let next = index + 1 < directory.times.count ? directory.times[index + 1].time : .max
        expect(
            next > last, in: place,
            "process \(number): a logical time of \(next) after one of \(last)")
        // The adjusted times are what wall times and messages make of it: those of one block end before those of the next.
        let adjusted = try file.adjusted(block)
        if index + 1 < directory.times.count {
            let next = try file.adjusted(file.times(number, index + 1)).spans[0].first
            expect(
                next > adjusted.clock.last || next == .max || adjusted.clock.last == .min,
                in: place,
                "process \(number): an adjusted time of \(next) after one of \(adjusted.clock.last)"
            )
        }
        // Of a tombstone's last events it is not told what arrived at them.
        guard file.tombstone == nil else { return }
        let counted = MessageTally(
            positions, time: tally.time, counting: try file.arrivals(at: number, in: positions))
        expect(
            counted == tally, in: place,
            "process \(number): counts of other messages than those that arrived")
    }

    private mutating func readEvents(
        _ number: Int, _ line: ProcessPage.Line, _ directory: Directory, _ index: Int
    ) throws(PartError) {
        let (start, place) = directory.facts[index]
        let isLast = index + 1 == directory.facts.count
        let end = isLast ? line.facts.count : directory.facts[index + 1].start
        let block = try file.facts(number, index)
        let messages = try file.messages(number, index)
        expect(
            block.rows.allSatisfy { $0.position < end }
                && messages.arrivals.allSatisfy { $0.position < end }
                && messages.exceptionsEnd <= end, in: place,
            "process \(number): positions of the block behind it, or kinds of other events")
        let summaries = (end - start + Limits.rowsOfSummary - 1) / Limits.rowsOfSummary
        expect(
            block.times.count == summaries
                && (line.hasTimes || block.times.allSatisfy { $0 == nil }),
            in: place, "process \(number): times of other events")
        for arrival in messages.arrivals {
            arrived[arrival.event.process].add(
                arrival.event.sequence,
                EventPosition(process: number, position: arrival.position))
        }
        messageCount += messages.arrivals.count
        let least = index == 0 ? 0 : line.sequences[start]
        let bound = isLast ? UInt64.max : line.sequences[end]
        for departure in messages.departures {
            sent[number].add(departure.sequence, departure.receipt)
            let receiver = try file.line(departure.receipt.process)
            let positions = receiver.base..<receiver.facts.count
            expect(
                positions.contains(departure.receipt.position)
                    && departure.sequence >= least && departure.sequence < bound, in: place,
                "process \(number): a message of its event \(departure.sequence) to event "
                    + "\(departure.receipt.position) of process \(departure.receipt.process)")
            if line.sequences.position(of: departure.sequence) == nil {
                messagesOfMissingSends += 1
            }
        }
    }
}
