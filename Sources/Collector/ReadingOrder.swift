import Archiving
import Causality
import HappensBefore
import Parts

/// The order in which slicing reads the frames of an execution, so that little of it has to be in memory at once: about that in
/// which the events happened, as far as wall times and segments tell, but first what events cite that were read. Frames of one
/// run come in their order. So logs of processes that were read one after the other, or have no wall times, are read side by
/// side all the same.
struct ReadingOrder {
    private let frames: [ArchiveStore.Listed]
    private var isRead: [Bool]
    private var start = 0
    /// The runs of which parts hold events: a frame of a segment has events of several, and nobody knows yet of which.
    private var runs: [Run] = []
    private var indexOf: [ProcessReference: Int] = [:]
    /// By frame: the run whose next frame is read after it.
    private var runOf: [Int: Int] = [:]
    /// The runs of which more is cited than was read, each once, those first that are so longest.
    private var wanted: [Int] = []

    private struct Run {
        /// What parts have of it, in its order, with the first number of the block that it lies in.
        var frames: [(index: Int, first: UInt64)] = []
        var readCount = 0
        /// The last number that was read, and the highest one that is cited.
        var last: UInt64
        var cited: UInt64 = 0
        var isWanted = false

        /// The frame that is to be read now, since something in it, or behind it, is cited. None where numbers are missing before
        /// it: they may lie in a segment.
        var due: Int? {
            guard cited > last, readCount < frames.count, frames[readCount].first <= last + 1
            else { return nil }
            return frames[readCount].index
        }
    }

    /// - Parameter below: What is put away is not read.
    init(_ listed: [ArchiveStore.Listed], above below: PutAway?, in store: ArchiveStore) {
        frames = ReadingOrder.byTime(
            listed.filter { below?.contains(store.place(of: $0.id)) != true }, store)
        isRead = Array(repeating: false, count: frames.count)
        for (index, frame) in frames.enumerated() {
            guard case .rows(_, let rows) = store.place(of: frame.id) else { continue }
            let reference = rows.run.key.reference
            let run = indexOf[reference] ?? runs.count
            if run == runs.count {
                indexOf[reference] = run
                runs.append(Run(last: below?.last(of: rows.run.identity) ?? 0))
            }
            runs[run].frames.append((index, rows.pieces[0].block.first))
            runOf[index] = run
        }
    }

    /// The next frame to read; nil where all were. Whoever reads it notes what is in it.
    mutating func next() -> ArchiveStore.Listed? {
        while !wanted.isEmpty {
            let run = wanted.removeFirst()
            runs[run].isWanted = false
            if let index = runs[run].due { return read(index) }
        }
        while start < frames.count, isRead[start] { start += 1 }
        return start < frames.count ? read(start) : nil
    }

    private mutating func read(_ index: Int) -> ArchiveStore.Listed {
        isRead[index] = true
        if let run = runOf[index] { runs[run].readCount += 1 }
        return frames[index]
    }

    /// Takes note of what was read, and of what it cites. O(rows + changed clock entries).
    mutating func note(_ batch: EventBatch) {
        var lasts = Array(repeating: UInt64(0), count: batch.processes.count)
        for (slot, sequence) in zip(batch.slots, batch.sequences) { lasts[Int(slot)] = sequence }
        for (key, last) in zip(batch.processes, lasts) {
            want(key.reference) { $0.last = max($0.last, last) }
        }
        var cited = Array(repeating: UInt64(0), count: batch.references.count)
        for change in batch.changes {
            cited[change.process] = max(cited[change.process], change.value)
        }
        for cause in batch.causes {
            cited[cause.process] = max(cited[cause.process], cause.sequence)
        }
        for (reference, sequence) in zip(batch.references, cited) {
            want(reference) { $0.cited = max($0.cited, sequence) }
        }
    }

    private mutating func want(_ reference: ProcessReference, _ change: (inout Run) -> Void) {
        guard let run = indexOf[reference] else { return }
        change(&runs[run])
        guard !runs[run].isWanted, runs[run].due != nil else { return }
        runs[run].isWanted = true
        wanted.append(run)
    }

    /// The frames in about the order in which their events happened, as far as segments tell that: those of one run as they
    /// are. A segment's lie evenly between its creation and that of the next one of its agent; of those in parts the wall times
    /// tell, as far as they ascend.
    private static func byTime(
        _ frames: [ArchiveStore.Listed], _ store: ArchiveStore
    ) -> [ArchiveStore.Listed] {
        var created: [Identity128: [Int64]] = [:]
        for frame in frames {
            created[frame.segment.agent, default: []].append(frame.segment.created.nanoseconds)
        }
        created = created.mapValues { Set($0).sorted() }
        var ends: [Place: Int] = [:]
        let places = frames.map { Place($0, store.place(of: $0.id)) }
        for place in places { ends[place.group] = max(ends[place.group] ?? 1, place.offset) }
        var latest: [Identity128: Double] = [:]
        let times = zip(frames, places).map { frame, place in
            if let run = place.run, case .rows(_, let rows) = store.place(of: frame.id) {
                let first = rows.pieces[0].block
                var time = latest[run] ?? -.infinity
                if first.timeMin <= first.timeMax { time = max(time, Double(first.timeMin)) }
                latest[run] = time
                return time
            }
            let start = frame.segment.created.nanoseconds
            let next = created[frame.segment.agent]!.first { $0 > start }
            let share = Double(place.offset) / Double(ends[place.group]! + 1)
            return Double(start) + share * Double((next ?? start &+ 1_000_000_000) &- start)
        }
        return frames.indices.sorted { (times[$0], $0) < (times[$1], $1) }.map { frames[$0] }
    }

    /// How far a frame lies behind the beginning of what is in one order: a segment, or a run of it.
    private struct Place: Hashable {
        var segment: Identity128
        var run: Identity128?
        var offset = 0

        init(_ frame: ArchiveStore.Listed, _ place: EventPlace) {
            segment = frame.segment.segment
            switch place {
            case .frame(let frame): offset = frame.offset
            case .rows(_, let rows):
                run = rows.run.identity
                offset = rows.ordinal
            case .block, .damage: break
            }
        }

        var group: Place {
            var group = self
            group.offset = 0
            return group
        }
    }
}
