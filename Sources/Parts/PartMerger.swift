import Causality
import Disks
import Segments

/// Merges parts into one: run by run, in memory that does not depend on their sizes. Blocks that are at least half full are
/// copied byte for byte; smaller ones that follow on one another are put together.
struct PartMerger {
    private let parts: [PartFile]
    private var next: [Int]
    /// By part: the run that was taken last.
    private var taken: [RunPlace?]
    /// False where small blocks were packed in haste: then none is copied as it is.
    private let copiesSmall: Bool
    /// Of each part, the executions that are left out.
    private let dropped: [Set<ExactText>]
    /// By execution and run: up to which number its events are left out, block by block.
    private let lasts: [ExactText: [Identity128: UInt64]]
    /// By segment: the runs of which something was left out.
    private var shortened: [Identity128: Set<ChainedRun>] = [:]

    init(
        _ parts: [PartFile], copiesSmall: Bool, except dropped: [Set<ExactText>]? = nil,
        after lasts: [ExactText: [Identity128: UInt64]] = [:]
    ) {
        self.lasts = lasts
        self.parts = parts
        self.copiesSmall = copiesSmall
        self.dropped = dropped ?? Array(repeating: [], count: parts.count)
        next = Array(repeating: 0, count: parts.count)
        taken = Array(repeating: nil, count: parts.count)
    }

    /// A block of one of the parts.
    private struct Place {
        var part: Int
        var entry: BlockEntry
    }

    /// Writes all runs and their blocks.
    mutating func writeRuns(
        to writer: inout PartWriter, _ isStopped: () -> Bool
    ) throws(PartError) {
        while true {
            if isStopped() { throw .stopped }
            let runs = try nextRuns()
            guard let first = runs.first else { return }
            let last = lasts[ExactText(first.run.key.execution)]?[first.run.key.identity] ?? 0
            var blocks: [Place] = []
            for (part, run) in runs {
                for index in run.blocks {
                    let place = Place(part: part, entry: try parts[part].block(index))
                    if place.entry.last > last {
                        blocks.append(place)
                    } else {
                        try noteShortening(first.run.key, place)
                    }
                }
            }
            if blocks.isEmpty, last > 0 { continue }
            try writer.begin(RunPlace(first.run.key))
            blocks.sort { a, b in
                (a.entry.first, a.entry.last, a.part, a.entry.offset)
                    < (b.entry.first, b.entry.last, b.part, b.entry.offset)
            }
            try write(blocks, of: first.run.key, to: &writer)
            try writer.endRun(
                last: runs.map(\.run.last).max()!, taken: runs.reduce(0) { $0 + $1.run.taken })
        }
    }

    /// Writes what is kept of the segments.
    func writeSegments(to writer: inout PartWriter) throws(PartError) {
        for (part, dropped) in zip(parts, dropped) {
            for index in 0..<part.footer.segmentCount {
                let entry = try part.segmentEntry(index)
                let shortened = shortened[entry.segment] ?? []
                guard dropped.isEmpty, shortened.isEmpty else {
                    var segment = try part.segment(index)
                    segment.leaveOut(dropped)
                    // What is left of a run is not what its chain was made of.
                    segment.chains = segment.chains.filter { !shortened.contains($0.key) }
                    try writer.add(segment)
                    continue
                }
                try writer.addRecord(
                    try part.segmentRecord(entry), of: entry.segment, agent: entry.agent)
            }
        }
    }

    /// The next run of all, and which parts have it.
    private mutating func nextRuns() throws(PartError) -> [(part: Int, run: PartRun)] {
        var found: [(part: Int, run: PartRun)] = []
        for part in parts.indices {
            guard let run = try nextRun(of: part) else { continue }
            if let least = found.first {
                let (a, b) = (RunPlace(run.key), RunPlace(least.run.key))
                if RunPlace.isBefore(b, a) { continue }
                if RunPlace.isBefore(a, b) { found.removeAll() }
            }
            found.append((part, run))
        }
        for (part, run) in found {
            let place = RunPlace(run.key)
            // Each part's, and so those of all, are written as they are read.
            guard taken[part].map({ RunPlace.isBefore($0, place) }) ?? true else {
                throw .damaged(
                    path: parts[part].path, offset: parts[part].footer.runs.offset,
                    what: "runs that do not ascend")
            }
            taken[part] = place
            next[part] += 1
        }
        return found
    }

    /// The next run of a part that is not left out.
    private mutating func nextRun(of part: Int) throws(PartError) -> PartRun? {
        while next[part] < parts[part].footer.runCount {
            let run = try parts[part].run(next[part])
            if !dropped[part].contains(ExactText(run.key.execution)) { return run }
            next[part] += 1
        }
        return nil
    }

    private func write(
        _ blocks: [Place], of key: ProcessKey, to writer: inout PartWriter
    ) throws(PartError) {
        var start = 0
        while start < blocks.count {
            var end = start
            while end < blocks.count, blocks[end].entry.rowCount < Limits.blockRowsKept { end += 1 }
            switch end - start {
            case 0:
                try copy(blocks[start], to: &writer)
                end += 1
            case 1 where copiesSmall: try copy(blocks[start], to: &writer)
            default: try join(blocks[start..<end], of: key, to: &writer)
            }
            start = end
        }
    }

    /// Notes from which segments events were that are left out with a block.
    private mutating func noteShortening(
        _ key: ProcessKey, _ place: Place
    ) throws(PartError) {
        let part = parts[place.part]
        let sources = try part.decode(try part.read(place.entry, .sources)) {
            block throws(FormatError) in try block.sources()
        }
        let run = ChainedRun(execution: key.execution, run: key.identity)
        for source in sources.all { shortened[source.segment.segment, default: []].insert(run) }
    }

    /// Copies a block, having checked it.
    private func copy(_ place: Place, to writer: inout PartWriter) throws(PartError) {
        let part = parts[place.part]
        let block = try part.read(place.entry, .all)
        try part.decode(block) { block throws(FormatError) in try block.check() }
        try writer.append(place.entry, block.bytes, filter: try part.filterBytes(place.entry))
    }

    /// Puts small blocks together.
    private func join(
        _ blocks: ArraySlice<Place>, of key: ProcessKey, to writer: inout PartWriter
    ) throws(PartError) {
        var assembler = BlockAssembler(key)
        var full: [EncodedBlock] = []
        let emit = { (batch: EventBatch, sources: BlockSources) in
            full.append(EncodedBlock(batch, sources, .thorough))
        }
        for place in blocks {
            let part = parts[place.part]
            let block = try part.read(place.entry, .all)
            let batch = try part.decode(block) { block throws(FormatError) in try block.batch() }
            let sources = try part.decode(block) { block throws(FormatError) in
                try block.sources()
            }
            for owner in sources.owners {
                try assembler.append(RowStretch(owner, sources.repeats), of: batch, emit)
            }
            for block in full { try writer.append(block) }
            full.removeAll()
        }
        try assembler.end(emit)
        for block in full { try writer.append(block) }
    }
}

extension RowStretch {
    /// The rows of a source, of the block's batch, and those of the block's repeats that are of them.
    init(_ source: BlockSource, _ repeats: [BlockSource]) {
        let start: Start =
            switch source.start {
            case .whole: .whole
            case .completed(let before, let changes): .completed(after: before, changes)
            case .unknown(let before): .goesOn(after: before)
            }
        self.init(
            rows: source.rows, segment: source.segment, ordinal: source.ordinal, start: start,
            continuesFrame: source.continuesFrame,
            repeats: repeats.filter { source.rows.contains($0.rows.lowerBound) }.map {
                Repeat(
                    rows: $0.rows, segment: $0.segment, ordinal: $0.ordinal,
                    continuesFrame: $0.continuesFrame)
            })
    }
}
