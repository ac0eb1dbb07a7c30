import Causality
import Disks
import Segments

/// Makes parts: of sealed segments, and of smaller parts. What is there is changed by nothing here; a file that was not
/// finished is for the caller to remove. Calls block on the disk.
package struct PartMaking: Sendable {
    private let disk: any Disk
    private let isStopped: @Sendable () -> Bool

    /// - Parameter isStopped: Asked at each frame and each run: true where what was begun is to be given up.
    package init(on disk: any Disk, isStopped: @escaping @Sendable () -> Bool = { false }) {
        self.disk = disk
        self.isStopped = isStopped
    }

    /// A segment that is to be in a part.
    package struct Input: Hashable, Sendable {
        package var path: String
        package var segment: Identity128
        /// The executions that were dropped, and the byte up to which their rows are left out.
        package var dropped: [ExactText: Int]

        package init(path: String, segment: Identity128, dropped: [ExactText: Int] = [:]) {
            self.path = path
            self.segment = segment
            self.dropped = dropped
        }

        /// Those whose rows are left out in the frame at `offset`.
        fileprivate func dropped(at offset: Int) -> Set<ExactText> {
            Set(dropped.filter { offset < $0.value }.keys)
        }
    }

    /// What was made.
    package struct Made: Hashable, Sendable {
        package var byteCount: Int
        package var eventCount: Int

        package init(byteCount: Int, eventCount: Int) {
            self.byteCount = byteCount
            self.eventCount = eventCount
        }
    }

    /// Makes a part of whole, sealed segments, and checks every chain of theirs on what was written. Throws `.damaged` with the
    /// path of the segment that is not what it was when it was sealed, or `.brokenChain` where its checksums are right.
    ///
    /// Memory: `Limits.sortedCostMax` of events and one block, whatever the size; what does not fit lies in parts of its own
    /// meanwhile, beside the one that is made (`path` and a number).
    ///
    /// - Parameter lasts: By execution and run, up to which number its events were dropped: frames that have no others of a run
    ///   are left out of it.
    package func make(
        _ path: String, of inputs: [Input], after lasts: [ExactText: [Identity128: UInt64]] = [:]
    ) throws(PartError) -> Made {
        var sorter = RowSorter()
        var segments: [MergedSegment] = []
        var sorted: [String] = []
        for input in inputs {
            let merged = try read(input) { frame, header, dropped throws(PartError) in
                sorter.append(frame, of: header, except: dropped, after: lasts)
                if sorter.cost >= Limits.sortedCostMax {
                    sorted.append("\(path).\(sorted.count)")
                    try write(&sorter, to: sorted.last!, before: header.segment)
                }
            }
            sorter.endSegment()
            segments.append(merged)
        }
        for index in segments.indices {
            // What is left of a run is not what its chain was made of.
            let shortened = sorter.shortened[segments[index].header.segment] ?? []
            segments[index].chains = segments[index].chains.filter { !shortened.contains($0.key) }
        }
        let made: Made
        if sorted.isEmpty {
            var writer = PartWriter(try create(path))
            try sorter.write(
                to: &writer, before: Identity128(high: 0, low: 0), .thorough)
            made = try finish(writer, segments)
        } else {
            if !sorter.isEmpty {
                sorted.append("\(path).\(sorted.count)")
                try write(&sorter, to: sorted.last!, before: Identity128(high: 0, low: 0))
            }
            var merger = PartMerger(try open(sorted), copiesSmall: false)
            var writer = PartWriter(try create(path))
            try merger.writeRuns(to: &writer, isStopped)
            made = try finish(writer, segments)
            for path in sorted {
                try PartError.onDisk { () throws(DiskError) in try disk.remove(file: path) }
            }
        }
        try checkChains(of: path, inputs)
        return made
    }

    /// Makes a part of parts.
    ///
    /// - Parameters:
    ///   - dropped: By path, the executions that are left out.
    ///   - lasts: By execution and run, up to which number its events were dropped: blocks that have no others are left out.
    package func make(
        _ path: String, ofParts parts: [String], except dropped: [String: Set<ExactText>] = [:],
        after lasts: [ExactText: [Identity128: UInt64]] = [:]
    ) throws(PartError) -> Made {
        var merger = PartMerger(
            try open(parts), copiesSmall: true, except: parts.map { dropped[$0] ?? [] },
            after: lasts)
        var writer = PartWriter(try create(path))
        try merger.writeRuns(to: &writer, isStopped)
        try merger.writeSegments(to: &writer)
        return try finish(writer, [])
    }

    private func open(_ paths: [String]) throws(PartError) -> [PartFile] {
        var parts: [PartFile] = []
        for path in paths {
            parts.append(try PartFile(path, on: disk))
            if let damage = parts.last!.damage { throw damage }
        }
        return parts
    }

    /// A new file in the place of what an earlier try left there.
    private func create(_ path: String) throws(PartError) -> any DiskFile {
        try PartError.onDisk { () throws(DiskError) in
            try disk.remove(file: path)
            return try disk.open(path, .create)
        }
    }

    private func write(
        _ sorter: inout RowSorter, to path: String, before segment: Identity128
    ) throws(PartError) {
        var writer = PartWriter(try create(path))
        try sorter.write(to: &writer, before: segment, .fast)
        _ = try finish(writer, [])
    }

    private func finish(
        _ writer: consuming PartWriter, _ segments: [MergedSegment]
    ) throws(PartError) -> Made {
        var writer = writer
        for segment in segments { try writer.add(segment) }
        let (bytes, events) = try writer.finish()
        return Made(byteCount: bytes, eventCount: events)
    }

    /// Reads a segment frame by frame.
    private func read(
        _ input: Input,
        _ take: (EventBatch, SegmentHeader, Set<ExactText>) throws(PartError) -> Void
    ) throws(PartError) -> MergedSegment {
        let path = input.path
        func damaged(_ offset: Int, _ what: String) -> PartError {
            .damaged(path: path, offset: offset, what: what)
        }
        let source = try PartError.onDisk { () throws(DiskError) in
            try BytesOnDisk(disk.open(path, .read))
        }
        var scanner = SegmentScanner(source)
        var facts: SegmentFacts?
        while let item = try next(&scanner, path) {
            if isStopped() { throw .stopped }
            switch item {
            case .damage(let damage): throw damaged(damage.offset, damage.text)
            case .frame(let frame):
                if facts == nil { facts = scanner.header.map { SegmentFacts($0) } }
                let dropped = input.dropped(at: frame.offset)
                try PartError.decoding(path, at: frame.offset) { () throws(FormatError) in
                    try facts?.take(frame, except: dropped)
                }
                let batch = try PartError.decoding(path, at: frame.offset) {
                    () throws(FormatError) in try frame.batch()
                }
                if let header = facts?.merged.header { try take(batch, header, dropped) }
            }
        }
        guard let header = scanner.header, header.segment == input.segment else {
            throw damaged(0, "expected the header of segment \(input.segment)")
        }
        guard let footer = scanner.footer, let digest = scanner.digest else {
            throw damaged(scanner.intactEnd, "expected a footer, found the end")
        }
        var merged = facts?.merged ?? SegmentFacts(header).merged
        merged.byteCount = scanner.intactEnd
        merged.digest = digest
        merged.chains = try PartError.decoding(path, at: scanner.intactEnd - footer.count) {
            () throws(FormatError) in try SegmentFooter(decoding: footer).chains
        }
        // What is left of a run of which rows are left out is not what its chain was made of.
        merged.chains = merged.chains.filter {
            input.dropped[ExactText($0.key.execution)] == nil
        }
        return merged
    }

    private func next(
        _ scanner: inout SegmentScanner<BytesOnDisk>, _ path: String
    ) throws(PartError) -> SegmentScanner<BytesOnDisk>.Item? {
        do throws(SegmentError) {
            return try scanner.next()
        } catch {
            switch error {
            case .disk(let error): throw .disk(error)
            case .malformed(let error):
                throw .damaged(path: path, offset: error.offset, what: error.what)
            }
        }
    }

    /// What the chains of the segments say is what is in the part.
    private func checkChains(of path: String, _ inputs: [Input]) throws(PartError) {
        let part = try PartFile(path, on: disk)
        let paths = Dictionary(inputs.map { ($0.segment, $0.path) }) { first, _ in first }
        for defect in try PartVerification(part).brokenChains() {
            throw .brokenChain(path: paths[defect.segment] ?? path, what: defect.what)
        }
    }
}

/// What the commits of a segment say besides events.
private struct SegmentFacts {
    var merged: MergedSegment
    private var named: [UInt64: SourceCheckpoint.Progress] = [:]
    private var room = UnmatchedRoom()

    init(_ header: SegmentHeader) {
        merged = MergedSegment(header: header, byteCount: 0, digest: [])
    }

    mutating func take(
        _ frame: StoredFrame, except dropped: Set<ExactText>
    ) throws(FormatError) {
        guard let commit = try frame.commit(named: &named) else { return }
        if !commit.host.isEmpty { merged.host = commit.host }
        if let time = commit.readUpTo {
            merged.readUpTo = merged.readUpTo.map { max($0, time) } ?? time
        }
        for checkpoint in commit.checkpoints {
            for line in checkpoint.unmatched
            where !dropped.contains(ExactText(line.execution))
                && room.take(line, of: checkpoint.path)
            {
                merged.unmatched.append(MergedSegment.Unmatched(path: checkpoint.path, line: line))
            }
        }
    }
}
