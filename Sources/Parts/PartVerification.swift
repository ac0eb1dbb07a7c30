import Causality
import Segments

/// Checks a part: every byte of it by its checksum, and the chains of its segments by what its events say.
package struct PartVerification {
    private let part: PartFile

    package init(_ part: PartFile) { self.part = part }

    /// Checks every byte of the file; what is wrong, each with its place. Throws only where reading itself fails. O(bytes), and
    /// each block is decoded.
    package func damage() throws(PartError) -> [PartError] {
        if let damage = part.damage {
            return [damage] + (try contents(of: try part.walk()))
        }
        var found = part.headerDamage.map { [$0] } ?? []
        var blocks: [BlockEntry] = []
        // What lies where, so that no byte is left out.
        var spans: [Range<Int>] = [0..<PartWriter.headerByteCount]
        func note(_ body: () throws(PartError) -> Void) throws(PartError) {
            do throws(PartError) {
                try body()
            } catch {
                if case .disk = error { throw error }
                if !found.contains(error) { found.append(error) }
            }
        }
        for index in 0..<part.footer.runCount {
            try note { () throws(PartError) in
                let entry = try part.runEntry(index)
                spans.append(PartVerification.record(entry.recordOffset, entry.recordByteCount))
                _ = try part.run(index)
            }
        }
        for index in 0..<part.footer.blockCount {
            try note { () throws(PartError) in
                let entry = try part.block(index)
                blocks.append(entry)
                let end = entry.offset + entry.byteCount
                spans.append(entry.offset..<end)
                spans.append(PartVerification.record(end, entry.filterByteCount))
                _ = try part.filter(entry)
            }
        }
        for index in 0..<part.footer.segmentCount {
            try note { () throws(PartError) in
                let entry = try part.segmentEntry(index)
                spans.append(PartVerification.record(entry.recordOffset, entry.recordByteCount))
                _ = try part.segment(index)
            }
        }
        found += try contents(of: blocks)
        guard found.isEmpty else { return found }
        return gaps(in: spans)
    }

    private static func record(_ offset: Int, _ byteCount: Int) -> Range<Int> {
        offset..<offset + byteCount + 4
    }

    private func contents(of blocks: [BlockEntry]) throws(PartError) -> [PartError] {
        var found: [PartError] = []
        for entry in blocks {
            do throws(PartError) {
                _ = try part.events(of: entry)
            } catch {
                if case .disk = error { throw error }
                found.append(error)
            }
        }
        return found
    }

    /// Bytes that nothing refers to.
    private func gaps(in spans: [Range<Int>]) -> [PartError] {
        var end = 0
        for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            guard span.lowerBound == end else {
                return [
                    .damaged(
                        path: part.path, offset: end,
                        what: "expected what comes next, found it at byte \(span.lowerBound)")
                ]
            }
            end = span.upperBound
        }
        guard end == part.footer.tablesOffset else {
            return [
                .damaged(
                    path: part.path, offset: end,
                    what: "expected the tables, found them at byte \(part.footer.tablesOffset)")
            ]
        }
        return []
    }

    /// A chain that is not that of the events which are here.
    package struct BrokenChain: Hashable, Sendable {
        package var segment: Identity128
        package var what: String
    }

    /// Where rows of a run and a segment lie.
    private struct Place {
        var ordinal: Int
        var block: Int
        var source: Int
    }

    /// Recomputes the chains of all segments. O(events): each block is decoded once, where the segments of a run follow on one
    /// another.
    package func brokenChains() throws(PartError) -> [BrokenChain] {
        var expected: [Identity128: [ChainedRun: RunChain]] = [:]
        for index in 0..<part.footer.segmentCount {
            let segment = try part.segment(index)
            expected[segment.header.segment] = segment.chains
        }
        var broken: [BrokenChain] = []
        var index = 0
        while index < part.footer.runCount {
            var runs = [try part.run(index)]
            // A run that bears two names has one chain.
            while index + runs.count < part.footer.runCount {
                let next = try part.run(index + runs.count)
                guard ChainedRun(next.key) == ChainedRun(runs[0].key) else { break }
                runs.append(next)
            }
            index += runs.count
            broken += try check(runs, &expected)
        }
        for (segment, chains) in expected {
            for run in chains.keys {
                broken.append(
                    BrokenChain(
                        segment: segment,
                        what: "the events of run \(run.run) of segment \(segment) are missing"))
            }
        }
        return broken.sorted {
            ($0.segment.description, $0.what) < ($1.segment.description, $1.what)
        }
    }

    private func check(
        _ runs: [PartRun], _ expected: inout [Identity128: [ChainedRun: RunChain]]
    ) throws(PartError) -> [BrokenChain] {
        var places: [Identity128: [Place]] = [:]
        for block in runs.flatMap(\.blocks) {
            let sources = try part.decode(try part.read(try part.block(block), .sources)) {
                block throws(FormatError) in try block.sources()
            }
            for (number, source) in sources.all.enumerated() {
                places[source.segment.segment, default: []].append(
                    Place(ordinal: source.ordinal, block: block, source: number))
            }
        }
        let run = ChainedRun(runs[0].key)
        var broken: [BrokenChain] = []
        var open: (block: Int, events: BlockEvents)?
        // One after the other where they follow on one another: a block that ends one begins the next, and is decoded once.
        let sorted = places.mapValues { all in all.sorted { $0.ordinal < $1.ordinal } }
            .sorted { a, b in
                (a.value[0].block, a.value[0].source) < (b.value[0].block, b.value[0].source)
            }
        for (segment, all) in sorted {
            var chains = RunChains(segment: segment)
            let next = try append(all, to: &chains, &open)
            let found = chains.sealed[run]
            if let chain = expected[segment]?.removeValue(forKey: run), chain != found {
                broken.append(
                    BrokenChain(
                        segment: segment,
                        what: "the chain of run \(run.run) of segment \(segment): expected "
                            + "\(chain.eventCount) events, found \(next) or others"))
            }
        }
        return broken
    }

    /// Takes the rows at some places, which follow on one another, into a chain. Returns how many events these are.
    private func append(
        _ places: [Place], to chains: inout RunChains,
        _ open: inout (block: Int, events: BlockEvents)?
    ) throws(PartError) -> Int {
        var next = 0
        for place in places {
            if open?.block != place.block {
                open = (place.block, try part.events(of: try part.block(place.block)))
            }
            let source = open!.events.sources.all[place.source]
            guard place.ordinal == next else { break }
            next += source.rows.count
            var first: [(ProcessReference, UInt64)]?
            if case .completed(_, let changes) = source.start {
                first = changes.map { ($0.process, $0.value) }
            }
            chains.append(open!.events.batch, rows: source.rows, first: first)
        }
        return next
    }

    /// The segments of which the part has an event of a run, each with the step of its chain that the event is in. O(events that the
    /// run has in these segments).
    package func steps(
        of key: ProcessKey, at sequence: UInt64
    ) throws(PartError) -> [(segment: SegmentHeader, step: ChainStep)] {
        var runs: [PartRun] = []
        for run in try part.runs(of: key.execution, identity: key.identity) { runs.append(run) }
        var places: [Identity128: [Place]] = [:]
        var found: [(segment: SegmentHeader, ordinal: Int)] = []
        for block in runs.flatMap(\.blocks) {
            let entry = try part.block(block)
            let sources = try part.decode(try part.read(entry, .sources)) {
                block throws(FormatError) in try block.sources()
            }
            for (number, source) in sources.all.enumerated() {
                places[source.segment.segment, default: []].append(
                    Place(ordinal: source.ordinal, block: block, source: number))
            }
            guard entry.first <= sequence, sequence <= entry.last else { continue }
            let batch = try part.events(of: entry).batch
            for source in sources.all {
                for row in source.rows where batch.sequences[row] == sequence {
                    found.append((source.segment, source.ordinal + row - source.rows.lowerBound))
                }
            }
        }
        let run = ChainedRun(key)
        var steps: [(segment: SegmentHeader, step: ChainStep)] = []
        for (segment, ordinal) in found {
            let index = ordinal / Segments.Limits.chainStepEvents
            var chains = RunChains(segment: segment.segment, keeping: (run, index))
            var open: (block: Int, events: BlockEvents)?
            let sorted = places[segment.segment]!.sorted { $0.ordinal < $1.ordinal }
            _ = try append(sorted, to: &chains, &open)
            if let chain = chains.sealed[run] {
                steps.append((segment, ChainStep(run, chain, index)))
            }
        }
        return steps
    }
}

extension ChainedRun {
    fileprivate init(_ key: ProcessKey) {
        self.init(execution: key.execution, run: key.identity)
    }
}
