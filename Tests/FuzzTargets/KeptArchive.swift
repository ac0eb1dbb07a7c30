import Archiving
import Causality
import Collector
import Disks
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import SimulatedSQLite
import Synchronization

/// A small archive with all that a catalogue lists, on a simulated disk: a part, segments, an order file, an execution that was dropped
/// and one whose first events were.
enum KeptArchive {
    static let path = "/fuzzing/archive"
    static var cataloguePath: String { path + "/catalogue.sqlite" }

    /// SQLite knows one disk at a time by this path.
    private static let isUsed = Mutex(())

    private static let made: Result<SimulatedDisk, any Error> = Result {
        try using(SimulatedDisk()) { disk in
            let archive = try Archive(path, .readWrite, disk: disk)
            let store = ArchiveStore(archive)
            let events = Sample.events(seed: 11, count: 160)
            for (number, seed) in ([1, 2, 3] as [UInt64]).enumerated() {
                let share = Array(events[number * 50..<(number + 1) * 50])
                try append(Sample.batches(share, of: 9), named: "main \(seed)", to: archive)
                if number == 1 {
                    try archive.mergeAll()
                    try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 30)
                }
            }
            for name in ["dropped", "old"] {
                let batches = (0..<4).map { number in
                    let key = ProcessKey(
                        execution: name, host: "h", process: ProcessID(name: "p"))
                    return EventBatch(
                        (1...5 as ClosedRange<UInt64>).map { sequence in
                            let sequence = sequence + 5 * UInt64(number)
                            return Event(
                                id: EventID(key.process, sequence),
                                time: WallTime(nanoseconds: Int64(sequence) * 1_000_000_000),
                                text: "event \(sequence)",
                                clock: VectorClock([key.reference: sequence]))
                        }, of: key)
                }
                try append(batches, named: name, to: archive)
            }
            _ = try archive.drop("dropped")
            let rule = try RetentionRule(age: "10s", bytes: nil)
            _ = try store.retain(
                "old", rule, now: WallTime(nanoseconds: 20_000_000_000), sliceEventsMax: 5)
            return disk.copied()
        }
    }

    private static func append(
        _ batches: [EventBatch], named name: String, to archive: Archive
    ) throws {
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)),
            segment: Identity128(naming: Array(name.utf8)), created: WallTime(nanoseconds: 1))
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        for batch in batches { bytes += writer.commit(batch, Commit(host: "h")) }
        bytes += writer.footer()
        try archive.append(bytes, to: header.segment, at: 0)
    }

    /// What `body` makes of a copy of it.
    static func withCopy<Result>(_ body: (SimulatedDisk) throws -> Result) throws -> Result {
        let disk = try made.get().copied()
        return try using(disk, body)
    }

    /// What `body` makes of an archive in which nothing is.
    static func withEmpty<Result>(_ body: (SimulatedDisk) throws -> Result) throws -> Result {
        try using(SimulatedDisk(), body)
    }

    private static func using<Result>(
        _ disk: SimulatedDisk, _ body: (SimulatedDisk) throws -> Result
    ) throws -> Result {
        try isUsed.withLock { _ in
            SimulatedVFS.register(prefix: "/fuzzing/", disk: disk)
            defer { SimulatedVFS.unregister(prefix: "/fuzzing/") }
            return try body(disk)
        }
    }

    /// What is told of everything in it.
    static func answers(_ archive: Archive) throws -> [String] {
        let store = ArchiveStore(archive)
        return try archive.executions().sorted().flatMap { execution in
            try ["timeline", "gaps"].map { verb in
                let answer = try store.answering(Question.Options(execution: execution)).written(
                    Question(verb, QuestionParameters()), as: .json)
                return try execution + answer.text()
            }
        }
    }
}
