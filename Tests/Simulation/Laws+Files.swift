import Causality
import Collector
import Disks
import Exporting
import HappensBefore
import Parts
import Querying

// What follows is the same, wherever it is kept.
extension Laws {
    /// Writes the graph to a file, and asks both about some events.
    mutating func checkOrderFile(_ events: [EventID]) throws {
        let file = try SimulatedDisk().open("/order", .create)
        try OrderFileWriter.write(
            OrderFileContents(whole: history, try graph.edges(), places: evidence.places()) {},
            to: file)
        let stored = try OrderFile(file)
        try checkPieces(of: stored)
        if graph.isUndamaged {
            let filed = FiledEvidence(evidence: evidence, files: [stored])
            try checkFiledAnswers(events, by: filed) { FiledExecution([stored], filed) }
        }
        if Set(try stored.allGaps()) != Set(history.allGaps()) { violate("file: other gaps") }
        for a in events {
            for b in events where try stored.order(a, b) != history.order(a, b) {
                violate("file: order \(a) \(b): \(try stored.order(a, b)), \(history.order(a, b))")
            }
            if try told(a, by: stored) != told(a, by: history) {
                violate("file: \(a): \(try told(a, by: stored)), \(told(a, by: history))")
            }
        }
    }

    /// What is found wrong with a file where somebody looks at all of it.
    mutating func checkPieces(of file: OrderFile) throws {
        for problem in try OrderFileSurvey(file).problems { violate("file: \(problem)") }
    }

    /// Asks questions that read events, as a person would: the words are the same.
    private mutating func checkFiledAnswers(
        _ events: [EventID], by filed: FiledEvidence,
        _ execution: @escaping () throws -> any IndexedExecution
    ) throws {
        let (graph, plain) = (graph, FiledEvidence(evidence: evidence, files: []))
        var filed = filed
        filed.execution = try execution()
        let options = Question.Options(execution: history.execution)
        func answers(_ ask: (Answering<FiledEvidence>) throws -> WrittenAnswer) -> [String] {
            [plain, filed].map { store in
                do {
                    var answer = try ask(Answering(store, options) { _ in graph })
                    var text = answer.notes.joined(separator: "\n")
                    while let piece = try answer.next() { text += piece }
                    return text
                } catch {
                    return "\(error)"
                }
            }
        }
        func check(_ verb: String, _ parameters: [String: String]) throws {
            let parameters = QuestionParameters(parameters.mapValues { [$0] })
            for form in [AnswerForm.text, .json] {
                let question = try Question(verb, parameters)
                let answers = answers { try $0.written(question, as: form) }
                if answers[0] != answers[1] {
                    violate("file: \(verb) \(parameters): \(answers[1])\nwithout: \(answers[0])")
                }
            }
        }
        try check("timeline", [:])
        try check("timeline", ["where": "{ kind = receive }"])
        try check("timeline", ["where": "{ text =~ \"[0-9]\" && name != other }"])
        try check("timeline", ["where": "{ text =~ \"1\" }", "reverse": "true"])
        try check("timeline", ["reverse": "true"])
        try check("timeline", ["last": "7", "where": "{ kind != send }"])
        try check("gaps", [:])
        try check("defects", [:])
        let exporting = try ExportQuestion(QuestionParameters(["format": ["ndjson"]]))
        let exports = answers { try $0.export(exporting) }
        if exports[0] != exports[1] { violate("file: another export") }
        var shown = 0
        for (a, b) in zip(events, events.dropFirst()) {
            try check("show", ["event": "\(a)"])
            try check("path", ["a": "\(a)", "b": "\(b)"])
            guard let place = history.position(of: a) else { continue }
            if let time = history.processes[place.process].time(at: place.position) {
                try check("cut", ["at": "\(time)"])
                try check("timeline", ["since": "\(time)"])
                try check("timeline", ["until": "\(time)"])
            }
            guard shown < 3 else { continue }
            shown += 1
            try check("view", ["of": "\(a.process)", "at": "\(a)"])
            try check("past", ["event": "\(a)"])
        }
    }

    /// All that an index says of an event.
    private func told<Index: CausalIndex>(
        _ event: EventID, by index: Index
    ) throws(Index.Failure) -> [String] {
        var told: [String] = []
        for slice in [
            try index.past(of: event), try index.future(of: event),
            try index.concurrent(with: event),
        ] {
            guard let slice else { continue }
            var ranges: [String] = []
            for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
                ranges.append("\(try index.id(of: process)) \(range)")
            }
            told += [ranges.sorted().joined(separator: ", "), "\(slice.lacks)"]
            if let upTo = slice.upTo { told.append(try named(upTo, by: index)) }
        }
        told.append("\(try index.inexactness(of: event)) \(try index.isContradictory(event))")
        told.append("\(try index.rulings(seenBy: [event]))")
        if let place = try index.position(of: event) {
            var known: [String] = []
            for other in try index.known(at: place) {
                known.append("\(try index.id(of: other.process)) \(other.sequence)")
            }
            told.append(known.sorted().joined(separator: ", "))
            told.append("\(try index.stamp(at: place))")
        }
        guard let seen = try index.seen(by: event) else { return told }
        let cut = Cut(sequences: seen)
        for violation in try index.violations(of: cut) {
            told.append("\(violation.inside) \(violation.outside)")
        }
        told.append("\(Set(try index.doubts(of: cut)).map(\.description).sorted())")
        told.append(try named(try index.greatestConsistent(inside: cut), by: index))
        return told
    }

    private func named<Index: CausalIndex>(
        _ cut: Cut, by index: Index
    ) throws(Index.Failure) -> String {
        var entries: [String] = []
        for (process, sequence) in cut.sequences.enumerated() where sequence > 0 {
            entries.append("\(try index.id(of: process)) \(sequence)")
        }
        return entries.sorted().joined(separator: ", ")
    }
}

// What follows is the same, wherever it was cut.
extension Laws {
    /// Writes the graph to files of slices, cut anywhere, with a tail above them in memory, and asks both.
    mutating func checkSlices(
        _ events: [EventID], _ random: inout some RandomNumberGenerator
    ) throws {
        guard graph.isUndamaged, let sliced = try slices(&random) else { return }
        let filed = FiledEvidence(evidence: evidence, files: sliced.files)
        let below = FiledExecution(sliced.files, filed)
        let tail = sliced.tail
        try checkFiledAnswers(events, by: filed) { try TailedExecution(below, tail) }
        try checkDropped(events, sliced.files, tail, &random)
        for file in sliced.files { try checkPieces(of: file) }
        let chronicle = try Chronicle(below.index, tail)
        for a in events {
            for b in events where try chronicle.order(a, b) != history.order(a, b) {
                violate("slices: order \(a) \(b): \(try chronicle.order(a, b))")
            }
            if try told(a, by: chronicle) != told(a, by: history) {
                violate("slices: \(a): \(try told(a, by: chronicle)), \(told(a, by: history))")
            }
        }
    }

    /// Some slices, and what is above them; nil where the history contradicts itself.
    private func slices(
        _ random: inout some RandomNumberGenerator
    ) throws -> (files: [OrderFile], tail: History)? {
        guard case .cut(let frontier) = history.frontier(awaiting: { _ in nil }) else {
            return nil
        }
        var (files, tail): ([OrderFile], History) = ([], history)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            var cut = frontier
            for (process, line) in tail.processes.enumerated() {
                let base = line.base == 0 ? 0 : line.sequence(at: line.base - 1)
                if cut.sequences[process] > base {
                    cut.sequences[process] = .random(
                        in: base...cut.sequences[process], using: &random)
                }
            }
            cut = history.greatestConsistent(inside: cut)
            let file = try SimulatedDisk().open("/order", .create)
            let contents = try OrderFileContents(
                cutting: &tail, at: cut, on: floor(of: files),
                places: evidence.places()
            ) {}
            try OrderFileWriter.write(contents, to: file)
            files.append(try OrderFile(file))
            guard let floor = floor(of: files), try floor.resumption() != nil else { return nil }
            if Bool.random(using: &random), let resumed = try resume(on: floor) {
                tail = resumed
                // Its processes have other indexes.
                return (files, tail)
            }
            try tail.finish(over: floor)
            guard tail.breach == nil else {
                preconditionFailure("nothing arrived, and what was put away does not hold")
            }
        }
        return (files, tail)
    }

    func floor(of files: [OrderFile]) -> OrderStack? {
        files.isEmpty
            ? nil : FiledExecution(files, FiledEvidence(evidence: evidence, files: files)).index
    }

    /// What goes on from the uppermost file, with all that has arrived; nil where some run was not in order.
    func resume(on floor: OrderStack) throws -> History? {
        guard let resumption = try floor.resumption(),
            var tail = try History(resuming: resumption, on: floor)
        else { return nil }
        for process in 0..<floor.processCount {
            guard let key = try floor.facts(of: process).key,
                let last = try floor.lastDropped(of: process)
            else { continue }
            tail.drop(key, upTo: last.sequence)
        }
        for summary in evidence.frames(of: history.execution) {
            let frame = HistoryFrame(
                id: summary.id, source: summary.segment,
                batch: try evidence.causality(of: summary.id))
            guard tail.append(frame, skipsPutAway: true).isEmpty else { return nil }
        }
        try tail.finish(over: floor)
        return tail.breach == nil && tail.countEvents() == history.countEvents() ? tail : nil
    }
}

/// What has arrived of a world, and the order files that were made of it.
struct FiledEvidence: HistoryStore, FiledRows {
    var evidence: Evidence
    var files: [OrderFile]
    var execution: (any IndexedExecution)?
    var droppedNumbers: [(process: ProcessKey, last: UInt64)] = []

    func dropped(of execution: String) -> [(process: ProcessKey, last: UInt64)] { droppedNumbers }
    func tombstone(of execution: String) -> Tombstone? { files.first?.tombstone }

    func executions() -> [String] { evidence.executions() }
    func frames(of execution: String) -> [FrameSummary] { evidence.frames(of: execution) }
    func causality(of frame: Int) throws -> EventBatch { try evidence.causality(of: frame) }
    func events(of frame: Int) throws -> EventBatch { try evidence.events(of: frame) }
    func expected(in execution: String) -> [(process: ProcessKey, last: UInt64)] {
        evidence.expected(in: execution)
    }
    func sourceDefects(of execution: String) -> [Defect] { [] }
    func readUpTo() -> [String: WallTime] { [:] }

    func filed(_ name: String, _ cancellation: Cancellation) -> (any IndexedExecution)? {
        execution
    }

    /// Only where there is a file: a search by columns is compared with one by events.
    func searchable(_ frame: Int) throws -> SearchableRows? {
        files.isEmpty ? nil : try evidence.searchable(frame)
    }

    func looksAgain() -> Bool { false }

    func rows(at place: EventPosition, of file: OrderFile) throws -> EventRows? {
        let (row, positions) = try file.rows(at: place)
        guard let row, let frame = evidence.frame(of: row) else { return nil }
        return EventRows(frame: frame, row: row.row, positions: positions)
    }
}
