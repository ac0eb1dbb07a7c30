import Archiving
import Causality
import HappensBefore
import Parts

/// The order in which slicing reads the frames of an execution, so that little of it has to be in memory at once: about that in
/// which the events happened, as far as wall times and segments tell, but first what events cite that were read. Frames of one
/// run come in their order. So logs of processes that were read one after the other, or have no wall times, are read side by
/// side all the same.
struct ReadingOrder {
    private let execution: String
    private let pieces: [Piece]
    private var isRead: [Bool]
    private var start = 0
    /// The runs of which parts hold events: a frame of a segment has events of several, and nobody knows yet of which.
    private var runs: [Run] = []
    private var indexOf: [ProcessReference: Int] = [:]
    /// By piece: the run that it is of; -1 where it may be of several.
    private var runOf: [Int]
    /// The runs of which more is cited than was read, each once, those first that are so longest.
    private var wanted: [Int] = []

    /// A frame, or rows of it.
    struct Piece {
        var frame: ArchiveStore.Listed
        /// Nil: all, of a segment's frame; else some of those that there may be, since a block may hold rows of other frames.
        var rows: Range<Int>?
    }

    private struct Run {
        /// What parts have of it, in its order, with a number before which none in it lies.
        var pieces: [(index: Int, first: UInt64)] = []
        var readCount = 0
        /// The last number that was read, and the highest one that is cited.
        var last: UInt64
        var cited: UInt64 = 0
        var isWanted = false

        /// The piece that is to be read now, since something in it, or behind it, is cited. None where numbers are missing before
        /// it: they may lie in a segment.
        var due: Int? {
            guard cited > last, readCount < pieces.count, pieces[readCount].first <= last + 1
            else { return nil }
            return pieces[readCount].index
        }
    }

    /// - Parameters:
    ///   - below: What is put away is not read.
    ///   - eventsAtOnce: About as many are to be in memory. Blocks of parts are read in pieces where these, one of each run,
    ///     have as many.
    init(
        _ listed: [ArchiveStore.Listed], of execution: String, above below: PutAway?,
        in store: ArchiveStore, eventsAtOnce: Int
    ) {
        self.execution = execution
        let above = listed.filter { below?.contains(store.place(of: $0.id)) != true }
        var keys: Set<Identity128> = []
        for frame in above {
            if case .rows(_, let rows) = store.place(of: frame.id) {
                keys.insert(rows.run.identity)
            }
        }
        let rowsMax = max(
            Limits.sliceReadRowsMin, eventsAtOnce / Limits.sliceReadShare / max(keys.count, 1))
        pieces = ReadingOrder.byTime(above, rowsMax: rowsMax, store)
        isRead = Array(repeating: false, count: pieces.count)
        runOf = Array(repeating: -1, count: pieces.count)
        for (index, piece) in pieces.enumerated() {
            guard case .rows(_, let rows) = store.place(of: piece.frame.id) else { continue }
            let reference = rows.run.key.reference
            let run = indexOf[reference] ?? runs.count
            if run == runs.count {
                indexOf[reference] = run
                runs.append(Run(last: below?.last(of: rows.run.identity) ?? 0))
            }
            let isFirst = piece.rows!.lowerBound == 0
            runs[run].pieces.append((index, isFirst ? rows.pieces[0].block.first : 0))
            runOf[index] = run
        }
    }

    /// The next piece to read; nil where all were. Whoever reads it notes what is in it.
    mutating func next() -> Piece? {
        while !wanted.isEmpty {
            let run = wanted.removeFirst()
            runs[run].isWanted = false
            if let index = runs[run].due { return read(index) }
        }
        while start < pieces.count, isRead[start] { start += 1 }
        return start < pieces.count ? read(start) : nil
    }

    private mutating func read(_ index: Int) -> Piece {
        isRead[index] = true
        if runOf[index] >= 0 { runs[runOf[index]].readCount += 1 }
        return pieces[index]
    }

    /// Takes note of what was read, and of what it cites. O(rows + changed clock entries).
    mutating func note(_ batch: EventBatch, _ rows: Range<Int>?) {
        let rows = (rows ?? 0..<batch.count).clamped(to: 0..<batch.count)
        var lasts = Array(repeating: UInt64(0), count: batch.processes.count)
        var cited = Array(repeating: UInt64(0), count: batch.references.count)
        let isOurs = batch.processes.map { ExactText.isSame($0.execution, execution) }
        for row in rows where isOurs[Int(batch.slots[row])] {
            lasts[Int(batch.slots[row])] = batch.sequences[row]
            for change in batch.changes(row) {
                cited[change.process] = max(cited[change.process], change.value)
            }
        }
        for cause in batch.causes
        where rows.contains(cause.row) && isOurs[Int(batch.slots[cause.row])] {
            cited[cause.process] = max(cited[cause.process], cause.sequence)
        }
        for (key, last) in zip(batch.processes, lasts) where last > 0 {
            want(key.reference) { $0.last = max($0.last, last) }
        }
        for (reference, sequence) in zip(batch.references, cited) where sequence > 0 {
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

    /// The frames, in pieces of some rows where they are of one run, in about the order in which their events happened: those of
    /// one run as they are. A segment's lie evenly between its creation and that of the next one of its agent; of those in parts
    /// the wall times tell, as far as they ascend, and of what has none all begin together.
    private static func byTime(
        _ frames: [ArchiveStore.Listed], rowsMax: Int, _ store: ArchiveStore
    ) -> [Piece] {
        var created: [Identity128: [Int64]] = [:]
        for frame in frames {
            created[frame.segment.agent, default: []].append(frame.segment.created.nanoseconds)
        }
        created = created.mapValues { Set($0).sorted() }
        var ends: [Place: Int] = [:]
        let places = frames.map { Place($0, store.place(of: $0.id)) }
        for place in places { ends[place.group] = max(ends[place.group] ?? 1, place.offset) }
        /// By run: the time of its last piece, and how many there are.
        var runs: [Identity128: (time: Double, count: Int)] = [:]
        var pieces: [(time: Double, turn: Int, piece: Piece)] = []
        for (frame, place) in zip(frames, places) {
            guard let run = place.run, case .rows(_, let rows) = store.place(of: frame.id) else {
                let start = frame.segment.created.nanoseconds
                let next = created[frame.segment.agent]!.first { $0 > start }
                let share = Double(place.offset) / Double(ends[place.group]! + 1)
                let time = share * Double((next ?? start &+ 1_000_000_000) &- start)
                pieces.append((Double(start) + time, 0, Piece(frame: frame)))
                continue
            }
            let rowCount = rows.pieces.reduce(0) { $0 + $1.block.rowCount }
            let block = rows.pieces[0].block
            var (time, turn) = runs[run] ?? (-.infinity, 0)
            for first in stride(from: 0, to: rowCount, by: rowsMax) {
                if block.timeMin <= block.timeMax {
                    let share = Double(first) / Double(rowCount)
                    let span = Double(block.timeMax) - Double(block.timeMin)
                    time = max(time, Double(block.timeMin) + share * span)
                }
                let end = first + rowsMax < rowCount ? first + rowsMax : .max
                pieces.append((time, turn, Piece(frame: frame, rows: first..<end)))
                turn += 1
            }
            runs[run] = (time, turn)
        }
        return pieces.indices.sorted {
            (pieces[$0].time, pieces[$0].turn, $0) < (pieces[$1].time, pieces[$1].turn, $1)
        }.map { pieces[$0].piece }
    }

    /// The segment that a frame is of, and where it lies there; or which run it is of.
    private struct Place: Hashable {
        var segment: Identity128
        var run: Identity128?
        var offset = 0

        init(_ frame: ArchiveStore.Listed, _ place: EventPlace) {
            segment = frame.segment.segment
            switch place {
            case .frame(let frame): offset = frame.offset
            case .rows(_, let rows): run = rows.run.identity
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
