import Causality
import Disks
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import HappensBefore
@testable import Parts

/// Segments on a disk in memory, and the parts that are made of them.
final class PartWorld {
    let disk = SimulatedDisk()
    private(set) var inputs: [PartMaking.Input] = []
    private(set) var frames: [(segment: SegmentHeader, frame: StoredFrame)] = []
    var making: PartMaking { PartMaking(on: disk) }

    init() throws { try disk.make(folder: "/parts") }

    /// Adds a sealed segment of these events, `count` of them in a frame.
    func add(
        _ name: String, agent: String, _ events: [KeyedEvent], of count: Int,
        _ commit: (Int) -> Commit = { _ in Commit() }
    ) throws {
        try add(name, agent: agent, Sample.batches(events, of: count), commit)
    }

    func add(
        _ name: String, agent: String, _ batches: [EventBatch],
        _ commit: (Int) -> Commit = { _ in Commit() }
    ) throws {
        let header = SegmentHeader(
            agent: Identity128(naming: Array(agent.utf8)),
            segment: Identity128(naming: Array(name.utf8)),
            created: WallTime(nanoseconds: Int64(inputs.count)))
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        for (index, batch) in batches.enumerated() { bytes += writer.commit(batch, commit(index)) }
        bytes += writer.footer()
        let path = "/parts/\(name).lcseg"
        try disk.open(path, .create).write(bytes, at: 0)
        inputs.append(PartMaking.Input(path: path, segment: header.segment))
        var scanner = SegmentScanner(BytesInMemory(bytes))
        while case .frame(let frame)? = try scanner.next() { frames.append((header, frame)) }
    }

    /// A part of some of the segments.
    @discardableResult
    func make(_ name: String, of range: Range<Int>? = nil) throws -> PartFile {
        let path = "/parts/\(name).lcpart"
        _ = try making.make(path, of: range.map { Array(inputs[$0]) } ?? inputs)
        return try PartFile(path, on: disk)
    }

    /// A part of parts.
    func merge(_ name: String, _ parts: [PartFile]) throws -> PartFile {
        let path = "/parts/\(name).lcpart"
        _ = try making.make(path, ofParts: parts.map(\.path))
        return try PartFile(path, on: disk)
    }

    func bytes(_ part: PartFile) throws -> [UInt8] {
        let file = try disk.open(part.path, .read)
        return try file.read(at: 0, count: file.byteCount())
    }

    /// What follows from the frames of an execution.
    func history(_ execution: String = "main") throws -> [String] {
        try described(FrameStore(frames.map { ($0.0, try $0.1.batch()) }), execution)
    }

    /// What follows from the blocks of parts.
    func history(_ parts: [PartFile], _ execution: String = "main") throws -> [String] {
        var all: [(part: PartFile, frame: PartFrame)] = []
        for part in parts {
            let listing = try part.frames(of: execution)
            #expect(listing.damage == [])
            all += listing.frames.map { (part, $0) }
        }
        all.sort { PartFrame.isBefore($0.frame, $1.frame) }
        return try described(
            FrameStore(
                all.map { ($0.frame.segment, try $0.part.batch(of: $0.frame, hasContent: true)) }),
            execution)
    }
}

/// A store of batches that are in memory.
struct FrameStore: HistoryStore {
    let batches: [(segment: SegmentHeader, batch: EventBatch)]

    init(_ batches: [(segment: SegmentHeader, batch: EventBatch)]) { self.batches = batches }

    func executions() -> [String] { [] }
    func frames(of execution: String) -> [FrameSummary] {
        batches.enumerated().map {
            FrameSummary(id: $0, agent: $1.segment.agent, segment: $1.segment.segment)
        }
    }
    func causality(of frame: Int) -> EventBatch { batches[frame].batch }
    func events(of frame: Int) -> EventBatch { batches[frame].batch }
    func expected(in execution: String) -> [(process: ProcessKey, last: UInt64)] { [] }
    func sourceDefects(of execution: String) -> [Defect] { [] }
    func readUpTo() -> [String: WallTime] { [:] }
}

/// All that a graph holds, in an order that depends on nothing else.
private func described(_ store: FrameStore, _ execution: String) throws -> [String] {
    let graph = try ExecutionGraph.load(execution, from: store)
    let history = graph.history
    var lines = try graph.defects(.never).map { "\($0)" }
    var reader = EventReader(store)
    for (index, line) in history.processes.enumerated() {
        let name = "\(line.id) on \(line.host) \(line.key.map { "\($0)" } ?? "cited")"
        lines.append("\(name): holes \(Set(line.sourceHoles).map { "\($0)" }.sorted())")
        lines.append("\(name): speaks \(line.speaks), cited \(line.citedMax), gaps \(line.gaps)")
        for place in line.known.others.indices {
            let other = history.processes[Int(line.known.others[place])].id
            let steps = line.known.steps(at: place)
            lines.append(
                "\(name) knows of \(other): \(line.known.positions[steps]) "
                    + "\(steps.map { line.known.values[$0] })")
        }
        for run in line.uncertainty {
            var why = "\(run.why.map { "\($0)" } ?? "certain")"
            // Indexes of processes are no answers.
            for (index, process) in history.processes.enumerated() {
                why = why.replacing("process: \(index),", with: "process: \(process.id),")
            }
            lines.append("\(name): from \(run.position) on \(why)")
        }
        for position in 0..<line.count {
            let place = EventPosition(process: index, position: position)
            let causes = line.causes(at: position).map {
                "\(history.processes[$0.process].id):\($0.sequence) \($0.evidence)"
            }
            let event = try reader.event(at: place, of: graph)
            lines.append(
                "\(name) \(history.id(place)): \(line.kinds[position]) \(line.times[position]) "
                    + "\(line.stamp(at: position)) \(causes) \(event.map { "\($0)" } ?? "none")")
        }
    }
    for (run, names) in history.claimedNames {
        lines.append("claimed \(run): \(names.map { "\($0)" }.sorted())")
    }
    return lines.sorted()
}
