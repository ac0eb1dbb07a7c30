import Causality
import Collector
import Exporting
import FoundationEssentials
import HappensBefore
import Querying
import SimulatedHistories

// What is promised, whatever died.
extension Simulation {
    /// Holds what the collector has against what came, and that against what really happened.
    ///
    /// - Parameter isAllHere: Whether all that will arrive has.
    func check(_ when: String, isAllHere: Bool = true) {
        collector.untroubled { look(when, isAllHere) }
    }

    /// What has arrived, and what follows from it.
    struct Judged {
        var arrived: [Identity128: [UInt8]]
        var evidence: Evidence
        var laws: [String: Laws] = [:]
    }

    private func look(_ when: String, _ isAllHere: Bool) {
        do {
            let evidence: Evidence
            if let judged, judged.arrived == collector.arrived {
                evidence = judged.evidence
            } else {
                evidence = try Evidence(Array(collector.arrived.values))
                judged = Judged(arrived: collector.arrived, evidence: evidence)
                try checkOnce(evidence, when)
            }
            for execution in evidence.executions() {
                try check(execution, evidence, when, isAllHere)
            }
            checkDropped(when)
        } catch {
            violate("\(when): \(error)")
        }
    }

    private func check(
        _ execution: String, _ evidence: Evidence, _ when: String, _ isAllHere: Bool
    ) throws {
        guard let store = collector.store else { return }
        let known = judged?.laws[execution]
        var laws = try known ?? Laws(world, evidence, .load(execution, from: evidence))
        let events = laws.sample(4, &checking)
        if !hasDropped {
            if known == nil, areCopiesTold(by: laws, isAllHere) {
                laws.check(events, &checking)
                // Of two branches of one run either may be meant by what is not here.
                if !world.hasClones { laws.checkMonotone(orders) }
                orders.merge(laws.orders(events)) { $1 }
                for violation in laws.violations.prefix(3) { violate("\(when): \(violation)") }
                judged?.laws[execution] = laws
            }
            var asked = Comparison.questions(events).shuffled(using: &checking)
            if !isThorough { asked.removeLast(max(0, asked.count - Comparison.questionsMax)) }
            let differences = try Comparison.differences(asked, store, evidence, laws.graph)
            for difference in differences.prefix(2) { violate("\(when): \(difference)") }
            let broken = try store.archive.brokenChains(of: execution)
            if !broken.isEmpty { violate("\(when): broken chains \(broken)") }
        } else {
            try checkSound(execution, events, laws, when)
        }
        note("\(when): \(events) of \(execution)")
    }

    /// A copy shows only where of both something has arrived that the other does not have: until then a message of one may be taken
    /// for one of the other.
    private func areCopiesTold(by laws: Laws, _ isAllHere: Bool) -> Bool {
        guard world.hasClones else { return true }
        let arrived = laws.arrived
        return isAllHere
            && world.copies.allSatisfy { copy in
                let (one, other) = (
                    world.truth.lines[copy.original].dropFirst(copy.shared),
                    world.truth.lines[copy.copy]
                )
                return [Array(one), other].allSatisfy { own in
                    let real = own.filter { !laws.isMarker($0) }
                    return real.isEmpty || real.contains(where: arrived.contains)
                }
            }
    }

    /// What was dropped does not come back: neither by what is repaired or made anew, nor by what is sent again.
    func checkDropped(_ when: String) {
        guard hasDropped else { return }
        // A machine that was set back may send what it has as something new, and so may one whose bytes rotted at the collector.
        let isSentAnew =
            script.contains(.cloned) || script.contains(.restored) || collector.isDamaged
        for execution in collector.executions() {
            let numbers = collector.droppedNumbers[execution] ?? [:]
            for (process, sequence, text) in collector.listed(execution)
            where sequence <= numbers[process.identity] ?? 0
                || !isSentAnew && collector.droppedTexts.contains(text)
            {
                return violate("\(when): \(process.process):\(sequence) was dropped, and is there")
            }
        }
    }

    /// Where something was dropped or damaged, a definite order is right all the same.
    private func checkSound(
        _ execution: String, _ events: [EventID], _ laws: Laws, _ when: String
    ) throws {
        struct Shown: Decodable {
            var a: String
            var b: String
            var order: String?
            var excluded: [String]?
        }
        guard let store = collector.store, try store.executions().contains(execution) else {
            return
        }
        let answering = store.answering(Question.Options(execution: execution))
        for a in events {
            for b in events {
                guard let x = laws.happened[a], let y = laws.happened[b], !laws.isMarker(x),
                    !laws.isMarker(y)
                else { continue }
                let question = try Question(
                    "order", QuestionParameters(["a": ["\(a)"], "b": ["\(b)"]]))
                guard let text = try? answering.written(question, as: .json).text() else {
                    continue
                }
                let shown = try JSONDecoder().decode(Shown.self, from: Data(text.utf8))
                note("order \(a) \(b): \(shown)")
                // Where the process of a name was dropped, that may be short for another one.
                guard shown.a == "\(a)", shown.b == "\(b)" else { continue }
                let real = world.truth.order(x, y).rawValue
                if let order = shown.order, order != "unknown", order != real {
                    violate("\(when): order \(a) \(b): \(order), really \(real)")
                }
                if shown.excluded?.contains(real) == true {
                    violate("\(when): order \(a) \(b): not \(real), which it is")
                }
            }
        }
    }

    /// Each event is there once, but for a copy that goes on beside the original, and what an agent sends anew under another name
    /// since the collector's bytes are not its own.
    private func checkOnce(_ evidence: Evidence, _ when: String) throws {
        guard !script.contains(.cloned), !script.contains(.restored), !collector.isDamaged else {
            return
        }
        var seen: Set<String> = []
        for text in try texts(evidence) where world.byText[text] != nil {
            if !seen.insert(text).inserted { violate("\(when): “\(text)” is there twice") }
        }
    }

    private func texts(_ evidence: Evidence) throws -> [String] {
        try evidence.frames.flatMap { frame in
            let batch = try frame.stored.batch()
            return (0..<batch.count).map { batch.event($0).text }
        }
    }

    /// What was recorded arrived, but for what was lost in a way that everybody is told of.
    func checkArrived() throws {
        guard !collector.isDamaged else { return }
        let arrived = Set(try texts(try Evidence(Array(collector.arrived.values))))
        let missing = world.byText.keys.filter {
            !arrived.contains($0) && !excused.contains($0) && !world.lost.contains($0)
        }
        for text in missing.sorted().prefix(3) {
            let place = world.recordedOn[text] ?? "nowhere"
            violate("“\(text.prefix(20))” was recorded on \(place), and has not arrived")
        }
    }

    /// Everything is as the log says.
    func checkLog() {
        // What was damaged is not, and what a machine sends again that was set back is something else than what was acknowledged.
        guard !collector.isDamaged, !world.hasClones, !script.contains(.restored) else { return }
        collector.untroubled {
            for when in ["before the log tells all", "when the log has told all"] {
                let problems = collector.verified()
                if !problems.isEmpty {
                    violate("verify, \(when): \(problems.prefix(3).joined(separator: "; "))")
                }
                collector.extendLog(now: Int(world.seconds))
            }
        }
    }

    /// Once all has arrived and nothing is waited for any more, what was written holds: nobody has to find it out anew.
    ///
    /// - Parameter isAllWritten: Whether it must be of all that there is; and there once, since all is merged.
    func checkConvergence(_ when: String, isAllWritten: Bool = false) {
        // What contradicts itself cannot be cut, and what was damaged may not be readable.
        guard !collector.isDamaged, !world.hasClones, !script.contains(.restored) else { return }
        collector.untroubled {
            do {
                for execution in collector.executions() {
                    try checkConvergence(of: execution, when, isAllWritten)
                }
            } catch {
                violate("\(when): \(error)")
            }
        }
    }

    private func checkConvergence(
        of execution: String, _ when: String, _ isAllWritten: Bool
    ) throws {
        guard let store = collector.store else { return }
        let history = try store.graph(of: execution).history
        let (slices, taken) = try store.archive.orders(of: execution)
        var count = history.countEvents()
        if slices.first?.isTombstone == true {
            count += try store.tombstone(of: execution)?.eventCount ?? 0
        }
        if taken != count {
            violate("\(when): \(taken) events of \(execution) were taken, \(count) are here")
        }
        guard case .cut = history.frontier(awaiting: { _ in nil }),
            try isInOrder(execution, store)
        else { return }
        if !slices.isEmpty, try store.filed(execution, .never) == nil {
            violate("\(when): what is written of \(execution) does not hold")
        }
        let written = slices.last?.taken ?? 0
        if isAllWritten, written != taken {
            violate("\(when): \(written) of \(taken) events of \(execution) are written")
        }
    }

    /// Whether the frames of an execution can be read one after the other: not where what a frame goes on from was dropped.
    private func isInOrder(_ execution: String, _ store: ArchiveStore) throws -> Bool {
        var history = History(execution: execution)
        for (process, last) in try store.dropped(of: execution) {
            history.drop(process, upTo: last)
        }
        return try store.frames(of: execution).allSatisfy { summary in
            let frame = HistoryFrame(
                id: summary.id, source: summary.segment, batch: try store.causality(of: summary.id))
            return history.append(frame).isEmpty
        }
    }

    /// A folder has nothing that nobody needs.
    func checkFiles() {
        let known = [
            "catalogue.sqlite", "catalogue.sqlite-wal", "dropped.lcdrops", "lock", "reserve",
            "log/entries", "log/key", "log/state",
        ]
        for path in collector.disk.files(under: collector.path) {
            let name = path.dropFirst(collector.path.count + 1)
            let isKnown =
                known.contains(String(name))
                || name.hasPrefix("segments/") && name.hasSuffix(".lcseg")
                || name.hasPrefix("parts/") && name.hasSuffix(".lcpart")
                || ["order/", "tombstones/"].contains(where: name.hasPrefix)
                    && name.hasSuffix(".lcorder")
            if !isKnown { violate("a file is left: \(name)") }
        }
    }
}

/// What an archive answers otherwise than what has arrived does.
enum Comparison {
    typealias Asked = (verb: String, parameters: [String: [String]])

    /// How many questions are asked at a time: most of the time of a world would go by in answering all, and other worlds ask
    /// the others.
    static let questionsMax = 6

    static func questions(_ events: [EventID]) -> [Asked] {
        var asked: [Asked] = [
            ("timeline", [:]), ("timeline", ["last": ["20"]]), ("gaps", [:]), ("defects", [:]),
        ]
        for (a, b) in zip(events, events.dropFirst()) {
            let (a, b) = ("\(a)", "\(b)")
            asked += [("order", ["a": [a], "b": [b]]), ("cut", ["event": [a]])]
        }
        for event in events.prefix(2) {
            asked += ["past", "future", "concurrent"].map { verb in
                (verb, ["event": ["\(event)"], "count": ["true"]])
            }
            asked += [("show", ["event": ["\(event)"]]), ("past", ["event": ["\(event)"]])]
        }
        return asked
    }

    static func differences(
        _ asked: [Asked], _ store: ArchiveStore, _ evidence: Evidence, _ graph: ExecutionGraph
    ) throws -> [String] {
        let options = Question.Options(execution: graph.history.execution)
        return try asked.compactMap { verb, parameters in
            let question = try Question(verb, QuestionParameters(parameters))
            let kept = text { try store.answering(options).written(question, as: .json) }
            let lived = text {
                try Answering(evidence, options) { _ in graph }.written(question, as: .json)
            }
            guard kept != lived else { return nil }
            let same = zip(kept, lived).prefix { $0 == $1 }.count
            let start = max(0, same - 60)
            return
                "\(verb) \(parameters): …\(kept.dropFirst(start).prefix(200)), really …\(lived.dropFirst(start).prefix(200))"
        }
    }

    private static func text(_ answer: () throws -> WrittenAnswer) -> String {
        do {
            let answer = try answer()
            return answer.notes.joined(separator: "\n") + (try answer.text())
        } catch {
            return "\(error)"
        }
    }
}
