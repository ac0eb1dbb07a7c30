import Causality
import Segments
import Transparency

// What others bring to be believed: entries of a log, and proofs.
extension FuzzTarget {
    private static let key = SigningKey(secret: [UInt8](repeating: 9, count: 32))!
    private static let now = WallTime(nanoseconds: 1_700_000_000_000_000_000)
    private static let header = SegmentHeader(
        agent: Identity128(high: 1, low: 2), segment: Identity128(high: 3, low: 4), created: now)

    /// Entries of each kind; what is read is written again as the same.
    static let logEntry = FuzzTarget("log-entry") {
        try logEntries().map { $0.encoded() }
    } run: { bytes in
        guard let entry = try? LogEntry(decoding: bytes) else { return }
        let again = try? LogEntry(decoding: entry.encoded())
        try promise(again == entry, "an entry is another when it is written again: \(entry)")
    }

    private static func logEntries() throws -> [LogEntry] {
        let id = header.segment
        let digest = [UInt8](repeating: 5, count: 32)
        let head = try provable().head
        let contents: [LogEntry.Content] = [
            .head(LoggedHead(head, isSealed: true, signature: key.sign(head))),
            .head(
                LoggedHead(
                    SegmentHead(header: header, byteCount: 56, digest: Array(digest.prefix(16))),
                    isSealed: false)),
            .file(
                LoggedFile(.order, id, byteCount: 9, digest: digest, execution: "main", slice: 1)),
            .drop(
                LoggedDrop(
                    execution: "main", segments: [.init(segment: id, byteCount: 7)], parts: [id])),
            .host(LoggedHost(host: "web-1", isAdmitted: true, publicKeys: [key.publicKey])),
        ]
        return contents.map { LogEntry($0, at: now) }
    }

    /// Proofs as `lightcone prove` writes them: whatever is changed in one, it proves the true event or nothing.
    static let proof = FuzzTarget("proof", mutations: 200) {
        try [1, 12].map { try proof(of: $0).json() }
    } run: { bytes in
        guard let proof = try? EventProof(reading: bytes), let proved = try? proof.check(),
            // One of another log proves what that says.
            proof.checkpoint.origin == Checkpoint.origin(of: key.publicKey)
        else { return }
        let number = proof.event.sequence
        try promise(
            proved.row.sequence == number && proved.row.text == "text \(number)",
            "number \(number) is proved to be “\(proved.row.text)”")
    }

    /// A segment's head, and the one step of its run.
    private static func provable() throws -> (head: SegmentHead, step: ChainStep) {
        let process = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "p"))
        var batch = EventBatch()
        var clock: VectorClock?
        for number in 1...UInt64(12) {
            let event = Event(
                id: EventID(process.process, number), text: "text \(number)",
                clock: VectorClock([process.reference: number]))
            batch.append(event, of: process, after: &clock)
        }
        let run = ChainedRun(execution: process.execution, run: process.identity)
        var chains = RunChains(segment: header.segment, keeping: (run, 0))
        chains.append(batch)
        let head = SegmentHead(
            header: header, byteCount: 900, digest: [UInt8](repeating: 4, count: 16),
            chains: chains.sealed)
        return (head, ChainStep(run, chains.sealed[run]!, 0))
    }

    private static func proof(of number: UInt64) throws -> EventProof {
        let (head, step) = try provable()
        let entry = LogEntry(
            .head(LoggedHead(head, isSealed: true, signature: key.sign(head))), at: now
        ).encoded()
        let entries = [[1], entry, [2, 3]]
        var (tree, path) = (MerkleTree(), InclusionPath(of: 1, in: entries.count))
        for entry in entries {
            tree.append(entry: entry)
            path.append(entry: entry)
        }
        return EventProof(
            event: EventID(ProcessID(name: "p"), number), step: step, entry: entry, index: 1,
            path: path.hashes, checkpoint: try Checkpoint(tree, time: now, signing: key))
    }
}
