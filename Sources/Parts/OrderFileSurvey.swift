import Causality
import Disks
import HappensBefore

/// All that an order file holds, read piece by piece: what it tells of, what takes its bytes, and what is wrong with it. What a
/// reader relies on, and does not look at itself where it reads a few blocks, is compared here: that blocks lie in order and tell
/// of all positions, that knowledge goes on from block to block, that messages left where they arrived, and that counts agree.
package struct OrderFileSurvey: Sendable {
    /// What bytes are for.
    package enum Section: String, CaseIterable, Sendable {
        case knowledge, certainty, events, times, directories, processes, names, references, defects
        case segments, tally, resumption
        /// The footer, and what stands before and behind.
        case ends
    }

    /// What a file has of a process.
    package struct Process: Sendable {
        package var facts: ProcessFacts
        /// How many of its events are below the slice, and up to where it has them.
        package var base: Int
        /// The first and last number in the slice; 0 where it has no event.
        package var first: UInt64 = 0
        package var last: UInt64 = 0
        package var gaps: [Gap] = []
        /// How many runs of its events there are whose knowledge is a lower bound, and how many events these have.
        package var uncertainRuns = 0
        package var uncertainEvents = 0
    }

    package let path: String
    package let execution: String
    package let processCount: Int
    package let settledCount: Int
    /// Of the slice and what is below it, and of the slice alone.
    package let eventCount: Int
    package let sliceEventCount: Int
    package let findsEvents: Bool
    package let byteCount: Int
    /// Those that can be read.
    package internal(set) var processes: [Process] = []
    /// Messages that arrived in the slice, and those of them whose send is not here.
    package internal(set) var messageCount = 0
    package internal(set) var messagesOfMissingSends = 0
    /// Sends that are not here, by whose messages something was learned.
    package internal(set) var missingSends = 0
    package internal(set) var defects: [Defect.Kind: Int] = [:]
    package internal(set) var tally = DefectTally()
    /// What a history goes on from; nil where none can.
    package internal(set) var resumption: Resumption?
    package internal(set) var segmentCount = 0
    package internal(set) var bytes: [Section: Int] = [:]
    /// What is wrong, each with its place.
    package internal(set) var problems: [PartError] = []

    let file: OrderFile
    /// Where the pieces lie, so that no byte is left out.
    var places: [FilePlace] = []
    /// By sender: what left and what arrived there, in no order.
    var sent: [Messages]
    var arrived: [Messages]

    /// Some messages, as one number that does not depend on their order.
    struct Messages: Hashable, Sendable {
        var count = 0
        var sum: UInt64 = 0

        mutating func add(_ sequence: UInt64, _ receipt: EventPosition) {
            count += 1
            var mixed: UInt64 = 0
            for part in [sequence, UInt64(receipt.process), UInt64(receipt.position)] {
                mixed = (mixed ^ part) &* 0xD6E8_FEB8_6659_FD93
                mixed ^= mixed >> 32
            }
            sum &+= mixed
        }
    }

    /// Throws only where reading itself fails. O(bytes), and each block is decoded.
    package init(_ file: OrderFile) throws(PartError) {
        self.file = file
        path = file.file.path
        execution = file.execution
        processCount = file.processCount
        settledCount = file.settledCount
        eventCount = file.eventCount
        sliceEventCount = file.sliceEventCount
        findsEvents = file.findsEvents
        byteCount = try PartError.onDisk { () throws(DiskError) in try file.file.byteCount() }
        sent = Array(repeating: Messages(), count: file.processCount)
        arrived = sent
        try read { (survey) throws(PartError) in try survey.readEnds() }
        let footer = file.footer
        for page in footer.processPages { note(page.place, .processes) }
        for process in 0..<file.processCount {
            try read { (survey) throws(PartError) in try survey.readProcess(process) }
        }
        try readNames()
        for place in footer.defectPages {
            note(place, .defects)
            try read { (survey) throws(PartError) in
                for defect in try file.defects(at: place) {
                    survey.defects[defect.kind, default: 0] += 1
                }
            }
        }
        note(footer.segments, .segments)
        try read { (survey) throws(PartError) in try survey.readSegments() }
        note(footer.tally, .tally)
        try read { (survey) throws(PartError) in try survey.readTally() }
        for place in footer.resumption {
            note(place, .resumption)
            // One that is damaged does not keep the others from being looked at.
            try read { (survey) throws(PartError) in
                try survey.file.load(place) { (_) throws(FormatError) in }
            }
        }
        try read { (survey) throws(PartError) in try survey.readResumption() }
        if problems.isEmpty { compareCounts() }
        if problems.isEmpty { findGaps() }
    }

    mutating func read(
        _ body: (inout OrderFileSurvey) throws(PartError) -> Void
    ) throws(PartError) {
        do throws(PartError) {
            try body(&self)
        } catch {
            if case .disk = error { throw error }
            if !problems.contains(error) { problems.append(error) }
        }
    }

    mutating func note(_ place: FilePlace, _ section: Section) {
        places.append(place)
        bytes[section, default: 0] += place.end - place.offset
    }

    /// Notes that something is wrong that was found without failing to read it.
    mutating func expect(_ holds: Bool, in place: FilePlace, _ what: @autoclosure () -> String) {
        guard !holds else { return }
        problems.append(.damaged(path: path, offset: place.offset, what: what()))
    }
}

// MARK: Around the processes

extension OrderFileSurvey {
    private mutating func readEnds() throws(PartError) {
        let magic = OrderFileWriter.magic
        let place = FilePlace(offset: file.footerOffset, byteCount: 0)
        bytes[.ends] = magic.count + byteCount - place.offset
        let found = try PartError.onDisk { () throws(DiskError) in
            try file.file.read(at: 0, count: magic.count)
        }
        guard found == magic else {
            throw .damaged(path: path, offset: 0, what: "expected the beginning of an order file")
        }
    }

    private mutating func readNames() throws(PartError) {
        for page in file.footer.namePages {
            note(page.place, .names)
            try read { (survey) throws(PartError) in
                let entries = try survey.file.names(page.place).entries
                survey.expect(entries.first?.hash == page.first, in: page.place, "another hash")
                for (hash, process) in entries {
                    let id = try survey.file.id(of: process)
                    survey.expect(
                        NameHash.of(id) == hash, in: page.place,
                        "process \(process), \(id), is not called so")
                }
            }
        }
        for page in file.footer.referencePages {
            note(page.place, .references)
            try read { (survey) throws(PartError) in
                let entries = try survey.file.names(page.place).entries
                survey.expect(entries.first?.hash == page.first, in: page.place, "another hash")
                let isAscending = zip(entries, entries.dropFirst()).allSatisfy { $0.hash < $1.hash }
                survey.expect(
                    isAscending || !survey.findsEvents, in: page.place,
                    "references have one meaning, and two have one hash")
            }
        }
    }

    private mutating func readSegments() throws(PartError) {
        let segments = try file.segments()
        segmentCount = segments.count
        expect(
            zip(segments, segments.dropFirst()).allSatisfy { $0 < $1 }, in: file.footer.segments,
            "segments are not in order")
    }

    private mutating func readTally() throws(PartError) {
        tally = try file.tally()
        for (process, clock) in tally.clocks {
            let sequences = try file.sequences(of: process)
            for number in [clock.latest, clock.firstBack, clock.firstFrom] where number > 0 {
                expect(
                    sequences.position(of: number) != nil, in: file.footer.tally,
                    "the clock of process \(process) at event \(number), which is not here")
            }
        }
    }

    private mutating func readResumption() throws(PartError) {
        resumption = try file.resumption()
        guard let resumption, let place = file.footer.resumption.first else { return }
        expect(
            resumption.processes.map(\.process) == Array(0..<settledCount), in: place,
            "processes go on that are not settled, or others do not")
        let citations = resumption.citations.indices
        for line in resumption.processes where line.process < processCount {
            let count = try file.sequences(of: line.process).count
            let isRight =
                line.stamps.allSatisfy { $0.position < count }
                && (count == 0 ? line.stamp.count == 0 : !line.stamps.isEmpty)
                && line.rulings.allSatisfy {
                    $0.position < count && citations.contains($0.citation)
                } && (line.open + line.covered).allSatisfy { $0.process < settledCount }
            expect(isRight, in: place, "process \(line.process) goes on from what it has not")
        }
        for cited in resumption.citations {
            expect(
                cited.target ?? -1 < settledCount, in: place,
                "what is called \(cited.process) is a process that is not settled")
        }
    }

    private mutating func compareCounts() {
        let footer = FilePlace(offset: file.footerOffset, byteCount: 0)
        let (all, above) = (eventCount, sliceEventCount)
        let found = processes.reduce(0) { $0 + $1.facts.count }
        expect(found == all, in: footer, "expected \(all) events, found \(found)")
        let foundAbove = found - processes.reduce(0) { $0 + $1.base }
        expect(
            foundAbove == above, in: footer,
            "expected \(above) events of the slice, found \(foundAbove)")
        for (process, (left, came)) in zip(sent, arrived).enumerated() {
            expect(
                left == came, in: footer,
                "of process \(process) \(left.count) messages left, and \(came.count), or "
                    + "others, arrived")
        }
    }

    /// Notes bytes to which nothing refers.
    private mutating func findGaps() {
        var end = OrderFileWriter.magic.count
        for place in places.sorted(by: { $0.offset < $1.offset }) {
            guard place.offset == end else {
                return expect(
                    false, in: FilePlace(offset: end, byteCount: 0),
                    "expected what comes next, found it at byte \(place.offset)")
            }
            end = place.end
        }
        let footer = file.footerOffset
        expect(
            end == footer, in: FilePlace(offset: end, byteCount: 0),
            "expected the footer, found it at byte \(footer)")
    }
}
