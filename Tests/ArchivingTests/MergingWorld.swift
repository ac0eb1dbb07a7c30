import Causality
import Collector
import Disks
import HappensBefore
import Parts
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

/// An archive of several segments: forks, duplicates, gaps, restarts, one of them not sealed. Its files lie on a disk in
/// memory, its catalogue on a real one (SQLite opens it itself).
final class MergingWorld {
    let folder = ArchiveFolder()
    let disk = ArchiveDisk()
    private(set) var segments: [(id: Identity128, bytes: [UInt8], path: String)] = []

    init(seed: UInt64) throws {
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
        let events = Sample.events(seed: seed, count: 160)
        add("1", agent: "a", Array(events[..<50]))
        // Lost on the way: numbers that are missing.
        add("2", agent: "a", Array(events[56..<100]))
        var again = Array(events[30..<80])
        if seed % 2 == 0 {
            for index in stride(from: 3, to: 50, by: 13) { again[index].event.text += "!" }
        }
        add("3", agent: "b", again)
        add("4", agent: "a", Array(events[100..<140]))
        add("5", agent: "a", Array(events[140...]), isSealed: false)
        let archive = try open()
        for segment in segments { try archive.append(segment.bytes, to: segment.id, at: 0) }
    }

    private func add(
        _ name: String, agent: String, _ events: [KeyedEvent], isSealed: Bool = true
    ) {
        let header = SegmentHeader(
            agent: Identity128(naming: Array(agent.utf8)),
            segment: Identity128(naming: Array(name.utf8)),
            created: WallTime(nanoseconds: Int64(segments.count)))
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        let lines = SourceCheckpoint(
            number: 1, .imported(ImportProgress(path: "/\(name)", offset: 1)), isFinished: true,
            unmatchedCount: 1,
            unmatched: [UnmatchedLine(line: 9, execution: "main", reason: "why", text: name)])
        for (index, batch) in Sample.batches(events, of: 17).enumerated() {
            bytes += writer.commit(
                batch,
                Commit(
                    host: "web-1", readUpTo: WallTime(nanoseconds: 9),
                    checkpoints: index == 0 ? [lines] : []))
        }
        if isSealed { bytes += writer.footer() }
        segments.append(
            (
                header.segment, bytes,
                "\(folder.path)/segments/\(header.agent)/\(header.segment).lcseg"
            )
        )
    }

    /// A segment in the pieces in which its agent sends it: the header with the first frame, then frame by frame, the footer last.
    func pieces(of segment: Int) throws -> [[UInt8]] {
        let bytes = segments[segment].bytes
        let source = BytesInMemory(bytes)
        var pieces: [[UInt8]] = []
        var (start, end) = (0, SegmentHeader.byteCount)
        while end < bytes.count {
            let frame = try SegmentLayout.frame(source, at: end, end: bytes.count)
            end = frame.map { end + $0.frameByteCount } ?? bytes.count
            pieces.append(Array(bytes[start..<end]))
            start = end
        }
        return pieces
    }

    func open() throws -> Archive { try Archive(folder.path, .readWrite, disk: disk) }

    func rebuild() throws -> (archive: Archive, problems: [String]) {
        try Archive.rebuild(folder.path, disk: disk)
    }

    /// What all verbs answer; where `isBrief` only those that name no event.
    static func answers(_ store: ArchiveStore, isBrief: Bool = false) throws -> [String] {
        var answers: [String] = []
        func ask(_ verb: String, _ parameters: [String: [String]], _ execution: String) throws {
            for isJSON in [false, true] {
                let options = Question.Options(execution: execution)
                var text = "\(execution) \(verb) \(parameters.sorted { $0.key < $1.key }): "
                do {
                    let answer = try store.answering(options).written(
                        Question(verb, QuestionParameters(parameters)),
                        as: isJSON ? .json : .text)
                    text += answer.notes.joined(separator: "\n")
                    text += try answer.text()
                } catch let error as QuestionError {
                    text += error.text
                }
                answers.append(text)
            }
        }
        for execution in try store.executions() {
            for verb in ["executions", "processes", "gaps", "defects", "timeline"] {
                try ask(verb, [:], execution)
            }
            if isBrief { continue }
            let lines = try store.graph(of: execution).history.processes
                .filter { $0.count > 0 }.map { ("\($0.id)", $0.first, $0.last) }
                .sorted { $0.0 < $1.0 }
            for (line, next) in zip(lines, lines.dropFirst() + lines.prefix(1)).prefix(5) {
                let (a, b) = ("\(line.0):\(line.2)", "\(next.0):\((next.1 + next.2) / 2)")
                try ask("order", ["a": [a], "b": [b]], execution)
                try ask("path", ["a": [b], "b": [a]], execution)
                for verb in ["past", "future", "concurrent", "show", "cut"] {
                    try ask(verb, ["event": [b]], execution)
                }
                try ask("view", ["of": [line.0]], execution)
            }
            answers += try pictures(of: execution, in: store)
        }
        return answers
    }

    /// What a picture asks, but for what says where the answer was found.
    static func pictures(of execution: String, in store: ArchiveStore) throws -> [String] {
        func ask(_ verb: String, _ parameters: [String: [String]] = [:]) throws -> String {
            let answering = store.answering(Question.Options(execution: execution))
            let question = try PictureQuestion(verb, QuestionParameters(parameters))
            return try answering.answer(question).content.written.text()
        }
        var answers = [try ask("lanes")]
        let answering = store.answering(Question.Options(execution: execution))
        guard case .lanes(let lanes) = try answering.answer(PictureQuestion.lanes) else {
            return []
        }
        for (axis, range) in lanes.axes.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            let width = range.upperBound - range.lowerBound
            for (start, part, buckets) in [(0, 1, 16), (3, 4, 64), (1, 3, 4_096), (5, 50, 7)] {
                let from = range.lowerBound + width * Int64(start) / 8
                answers.append(
                    "\(axis) \(start) \(part) \(buckets): "
                        + (try ask(
                            "window",
                            [
                                "axis": [axis.rawValue], "from": ["\(from)"],
                                "to": ["\(from + max(1, width / Int64(part)))"],
                                "buckets": ["\(buckets)"],
                            ])))
            }
            for lane in lanes.lanes.prefix(3) where lane.eventCount > 0 {
                answers.append(
                    try ask(
                        "cone",
                        [
                            "axis": [axis.rawValue],
                            "event": ["\(EventID(lane.facts.id, lane.facts.last))"],
                        ]))
            }
        }
        return answers
    }

    func answers(_ archive: Archive) throws -> [String] {
        try MergingWorld.answers(ArchiveStore(archive))
    }

    var files: [String] {
        get throws {
            try segments.filter { try disk.status($0.path) != nil }.map(\.path)
        }
    }

    func parts() throws -> [String] { try disk.names(folder.path + "/parts") }
}

extension MergingWorld {
    /// Merges one segment alone.
    func merge(
        _ segment: Identity128, in archive: Archive
    ) throws -> MergeSchedule.Outcome {
        let outcome = try archive.merge(segments: [segment], now: 0, { false })
        try archive.removeReplaced(now: .max)
        return outcome
    }
}

/// Expects the same answers, and shows the first that differs.
func expectSame(
    _ found: [String], _ expected: [String], _ location: SourceLocation = #_sourceLocation
) {
    // In one line: the first that differs.
    let differing = zip(found, expected).first { $0.0 != $0.1 }.map {
        ($0.0.replacing("\n", with: " | "), $0.1.replacing("\n", with: " | "))
    }
    #expect(found.count == expected.count, sourceLocation: location)
    #expect(differing?.0 == differing?.1, sourceLocation: location)
}
