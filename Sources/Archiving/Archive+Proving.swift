import Causality
import Disks
import Parts
import Segments
import Transparency

extension Archive {
    /// What proves that an event was recorded, and is in the log: nobody has to be asked to check it. Throws where there is none: it
    /// is not here, its segment is not sealed yet, or the log does not tell of it yet. O(events of its run in its segment, and bytes
    /// of the log).
    ///
    /// - Parameter checkpoint: What the log had come to at an earlier time: it is proved to be in that; nil: as it is now.
    package func proof(
        of event: EventID, in execution: String, at checkpoint: Checkpoint? = nil
    ) throws(ArchiveError) -> EventProof {
        do {
            let log = try LogFile(logFolder, on: disk)
            guard let checkpoint = checkpoint ?? log.checkpoint else {
                throw ArchiveError.failed("\(path): its log has no entries yet")
            }
            guard checkpoint.origin == log.checkpoint?.origin, checkpoint.count <= log.tree.count
            else {
                throw ArchiveError.failed(
                    "the checkpoint is not of the log of \(path), or of a later state of it")
            }
            let steps = try steps(of: event, in: execution)
            guard !steps.isEmpty else {
                throw ArchiveError.failed(
                    "\(event) is in no sealed segment here: it can be proved once its agent has sealed it"
                )
            }
            for (segment, step) in steps {
                guard step.rows.count <= Transparency.Limits.rowBytesMax else { continue }
                guard
                    let (entry, index) = try entry(of: segment, step, log, before: checkpoint.count)
                else { continue }
                var path = InclusionPath(of: index, in: checkpoint.count)
                try log.forEach { path.append(entry: $0) }
                let proof = EventProof(
                    event: event, step: step, entry: entry, index: index, path: path.hashes,
                    checkpoint: checkpoint)
                // Also that the log and the files agree.
                _ = try proof.check()
                return proof
            }
            throw ArchiveError.failed(
                "\(event) is in no segment that the log of \(checkpoint.count) entries tells of: it does within seconds of the seal, unless retention has cut its run"
            )
        } catch let error as TransparencyError {
            throw .failed(error.text)
        } catch {
            throw Archive.failure(error)
        }
    }

    /// The entry that tells of a segment as it is here, and its place.
    private func entry(
        of segment: SegmentHeader, _ step: ChainStep, _ log: LogFile, before end: Int
    ) throws -> (entry: [UInt8], index: Int)? {
        var found: (entry: [UInt8], index: Int)?
        var index = 0
        try log.forEach { bytes in
            defer { index += 1 }
            guard found == nil, index < end,
                case .head(let logged) = try LogEntry(decoding: bytes).content, logged.isSealed,
                logged.head.header == segment, logged.head.runs.contains(step.headRun)
            else { return }
            found = (bytes, index)
        }
        return found
    }

    /// The sealed segments that have an event, each with the step of its run's chain.
    private func steps(
        of event: EventID, in execution: String
    ) throws -> [(segment: SegmentHeader, step: ChainStep)] {
        let keys = try processes(of: execution).map(\.process).filter {
            $0.process == event.process
        }
        var steps: [(segment: SegmentHeader, step: ChainStep)] = []
        for part in try parts(of: execution) {
            let file = try PartFile(partPath(part), on: disk)
            for key in keys {
                steps += try PartVerification(file).steps(of: key, at: event.sequence)
            }
        }
        for source in try segments(of: execution) {
            for key in keys {
                let path = segmentPath(
                    agent: source.header.agent, segment: source.header.segment)
                if let step = try step(of: key, at: event.sequence, inSegment: path) {
                    steps.append(step)
                }
            }
        }
        return steps
    }

    /// The step of a run's chain that an event is in; nil where the segment does not have it.
    private func step(
        of key: ProcessKey, at sequence: UInt64, inSegment path: String
    ) throws -> (segment: SegmentHeader, step: ChainStep)? {
        let run = ChainedRun(execution: key.execution, run: key.identity)
        /// Hands over each batch of the segment; nil where it is not sealed.
        func read(_ take: (EventBatch) -> Void) throws -> SegmentHeader? {
            var scanner = try SegmentScanner(disk.open(path, .read))
            while let item = try scanner.next() {
                guard case .frame(let frame) = item else { continue }
                take(try frame.batch())
            }
            return scanner.isSealed ? scanner.header : nil
        }
        var (ordinal, found): (Int, Int?) = (0, nil)
        let header = try read { batch in
            for (slot, number) in zip(batch.slots, batch.sequences) {
                let other = batch.processes[Int(slot)]
                guard other.identity == key.identity,
                    ExactText.isSame(other.execution, key.execution)
                else { continue }
                if number == sequence, found == nil { found = ordinal }
                ordinal += 1
            }
        }
        guard let header, let found else { return nil }
        let index = found / Segments.Limits.chainStepEvents
        var chains = RunChains(segment: header.segment, keeping: (run, index))
        _ = try read { chains.append($0) }
        return chains.sealed[run].map { (header, ChainStep(run, $0, index)) }
    }
}
