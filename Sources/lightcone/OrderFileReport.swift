import Causality
import Disks
import Exporting
import HappensBefore
import Parts
import Querying

/// What `lightcone part` says of an order file: of what follows from the events of a slice of an execution.
struct OrderFileReport {
    private let path: String
    /// Nil where not even its end can be read.
    private let survey: OrderFileSurvey?
    let problems: [String]

    /// Whether a file is one: by how it begins or ends, or where both are damaged, by what it is called.
    static func isMeant(by path: String) throws -> Bool {
        try path.hasSuffix(".lcorder") || OrderFile.isOne(RealDisk().open(path, .read))
    }

    init(_ path: String) throws {
        self.path = path
        do throws(PartError) {
            let survey = try OrderFileSurvey(
                OrderFile(
                    PartError.onDisk { () throws(DiskError) in
                        try RealDisk().open(path, .read)
                    }))
            self.survey = survey
            problems = survey.problems.map { "\($0)" }
        } catch {
            if case .disk = error { throw error }
            survey = nil
            problems = ["\(error)"]
        }
    }

    // MARK: Verifying

    func writeVerdict(isJSON: Bool) {
        if isJSON {
            Terminal.write(
                JSONWriter.object {
                    $0.member("file", path)
                    $0.member("kind", "order")
                    $0.member("intact", problems.isEmpty)
                    if let survey {
                        $0.member("execution", survey.execution)
                        $0.member("processes", survey.processCount)
                        $0.member("events", survey.sliceEventCount)
                        $0.member("messages", survey.messageCount)
                    }
                    $0.member("problems", problems)
                } + "\n")
            return
        }
        var text = "\(path): \(problems.isEmpty ? "intact" : "damaged")"
        if let survey {
            text +=
                ", \(count(survey.processCount, "process", "processes"))"
                + ", \(count(survey.sliceEventCount, "event", "events"))"
                + ", \(count(survey.messageCount, "message", "messages"))"
        }
        Terminal.write(printable(text) + "\n")
        for problem in problems { Terminal.write("  \(printable(problem))\n") }
    }

    // MARK: Inspecting

    func write(isJSON: Bool) {
        if let survey {
            if isJSON { writeJSON(survey) } else { writeText(survey) }
        } else if isJSON {
            Terminal.write(
                JSONWriter.object {
                    $0.member("file", path)
                    $0.member("kind", "order")
                    $0.member("damage", problems)
                } + "\n")
        }
        if !isJSON { for found in problems { Terminal.write("  damaged: \(printable(found))\n") } }
    }

    private func writeText(_ survey: OrderFileSurvey) {
        func line(_ text: String) { Terminal.write(printable(text) + "\n") }
        let below = survey.eventCount - survey.sliceEventCount
        line(
            "order file, version \(OrderFile.version), of execution \(survey.execution): "
                + "\(count(survey.sliceEventCount, "event", "events")) above \(below), "
                + "\(count(survey.processCount, "process", "processes")) "
                + "(\(survey.settledCount) settled), "
                + count(survey.messageCount, "message", "messages"))
        for process in survey.processes { line("  " + text(process)) }
        line(
            "  messages of sends that are not here: \(survey.messagesOfMissingSends); sends that "
                + "are not here, by which something was learned: \(survey.missingSends)")
        let defects = survey.defects.sorted { $0.key.rawValue < $1.key.rawValue }
        line(
            "  defects: "
                + (defects.isEmpty
                    ? "none"
                    : defects.map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", ")))
        line(
            "  clocks: \(survey.tally.clocks.count), of which "
                + "\(survey.clocksBackwards) ran backwards; pairs that disagree: \(survey.tally.pairs.count)"
        )
        line(
            "  goes on: "
                + (survey.resumption.map {
                    "yes, with \(count($0.processes.count, "process", "processes")) and "
                        + count($0.citations.count, "citation", "citations")
                } ?? "no"))
        for section in OrderFileSurvey.Section.allCases {
            let bytes = survey.bytes[section] ?? 0
            line("  \(section.rawValue): \(bytes) bytes\(perEvent(bytes, survey))")
        }
        line("  in all: \(survey.byteCount) bytes\(perEvent(survey.byteCount, survey))")
    }

    private func text(_ process: OrderFileSurvey.Process) -> String {
        let facts = process.facts
        var text = "\(facts.id)"
        if facts.count > process.base {
            text +=
                "  \(process.first)–\(process.last)  "
                + "\(count(facts.count - process.base, "event", "events")) above \(process.base)"
        } else {
            text += facts.count > 0 ? "  no event above \(process.base)" : "  cited only"
        }
        let missing = process.gaps.reduce(0) { $0 + $1.last - $1.first + 1 }
        if missing > 0 {
            text += "  \(missing) missing in \(count(process.gaps.count, "gap", "gaps"))"
            let lost = process.gaps.count(where: \.isLost)
            if lost > 0 { text += " (\(lost) counted as lost)" }
        }
        if facts.citedMax > facts.last { text += "  cited up to \(facts.citedMax)" }
        if process.uncertainRuns > 0 {
            text +=
                "  \(count(process.uncertainRuns, "uncertain run", "uncertain runs")) of "
                + count(process.uncertainEvents, "event", "events")
        }
        return text
    }

    private func perEvent(_ bytes: Int, _ survey: OrderFileSurvey) -> String {
        guard survey.sliceEventCount > 0 else { return "" }
        let hundredths = bytes * 100 / survey.sliceEventCount
        return ", \(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10) an event"
    }

    private func writeJSON(_ survey: OrderFileSurvey) {
        Terminal.write(
            JSONWriter.object {
                $0.member("file", path)
                $0.member("kind", "order")
                $0.member("version", OrderFile.version)
                $0.member("execution", survey.execution)
                $0.member("processes", survey.processCount)
                $0.member("settled", survey.settledCount)
                $0.member("events", survey.sliceEventCount)
                $0.member("eventsBelow", survey.eventCount - survey.sliceEventCount)
                $0.member("messages", survey.messageCount)
                $0.member("messagesOfMissingSends", survey.messagesOfMissingSends)
                $0.member("missingSends", survey.missingSends)
                $0.member("segments", survey.segmentCount)
                $0.member("clocks", survey.tally.clocks.count)
                $0.member("clocksBackwards", survey.clocksBackwards)
                $0.member("clocksThatDisagree", survey.tally.pairs.count)
                $0.member("goesOn", survey.resumption != nil)
                $0.member("bytes", survey.byteCount)
                $0.member("damage", problems)
            } + "\n")
        for process in survey.processes {
            let facts = process.facts
            Terminal.write(
                JSONWriter.object {
                    $0.member("process", facts.id.description)
                    $0.member("first", process.first)
                    $0.member("last", process.last)
                    $0.member("events", facts.count - process.base)
                    $0.member("eventsBelow", process.base)
                    $0.member("gaps", process.gaps.count)
                    $0.member(
                        "missing", process.gaps.reduce(0) { $0 + $1.last - $1.first + 1 })
                    $0.member("citedUpTo", facts.citedMax)
                    $0.member("uncertainRuns", process.uncertainRuns)
                    $0.member("uncertainEvents", process.uncertainEvents)
                } + "\n")
        }
        for (kind, number) in survey.defects.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            Terminal.write(
                JSONWriter.object {
                    $0.member("defect", kind.rawValue)
                    $0.member("count", number)
                } + "\n")
        }
        for section in OrderFileSurvey.Section.allCases {
            Terminal.write(
                JSONWriter.object {
                    $0.member("section", section.rawValue)
                    $0.member("bytes", survey.bytes[section] ?? 0)
                } + "\n")
        }
    }
}

extension OrderFileSurvey {
    fileprivate var clocksBackwards: Int { tally.clocks.values.count { $0.firstBack > 0 } }
}
