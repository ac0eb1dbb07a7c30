import Causality
import Crypto
import FoundationEssentials
import Segments

/// What proves to anybody, without asking anybody, that an event was recorded, and is in a log: one JSON object.
///
///     {"lightcone event proof": 1, "event": "api:7", "execution": "main",
///      "run": hex 32, "rows": base64 of the packed rows of its step (RunChain.swift), "rowBytes": their size,
///      "steps": [hex 64 …], "step": index, "events": of the run in the segment,
///      "entry": base64 of the log's entry with the segment's head, "index": its place,
///      "path": [hex 64 …] (RFC 6962, section 2.1.1), "checkpoint": text}
package struct EventProof: Sendable {
    package var event: EventID
    package var step: ChainStep
    /// The log's entry that says that the segment was acknowledged, and what its agent signed.
    package var entry: [UInt8]
    package var index: Int
    package var path: [[UInt8]]
    package var checkpoint: Checkpoint

    package init(
        event: EventID, step: ChainStep, entry: [UInt8], index: Int, path: [[UInt8]],
        checkpoint: Checkpoint
    ) {
        self.event = event
        self.step = step
        self.entry = entry
        self.index = index
        self.path = path
        self.checkpoint = checkpoint
    }

    /// What it proves.
    package struct Proved: Sendable {
        package var row: CanonicalRow
        package var head: SegmentHead
        /// When the collector wrote it to its log.
        package var logged: WallTime
        /// The agent's key; nil where no agent signed.
        package var signer: [UInt8]?
    }

    /// Checks all of it. Throws what does not hold.
    package func check() throws(TransparencyError) -> Proved {
        func fails(_ what: String) -> TransparencyError {
            TransparencyError("nothing is proved: \(what)")
        }
        let root = InclusionPath.root(
            ofEntry: entry, at: index, in: checkpoint.count, path: path)
        guard root == checkpoint.root else {
            throw fails("its entry is not in the log that the checkpoint was signed for")
        }
        let logged: LogEntry
        let rows: [CanonicalRow]
        do {
            logged = try LogEntry(decoding: entry)
            rows = try CanonicalRow.all(in: step.rows)
        } catch {
            throw fails("\(error)")
        }
        guard case .head(let head) = logged.content, head.isSealed else {
            throw fails("its entry is not of a sealed segment")
        }
        if let signature = head.signature, !signature.isValid(for: head.head) {
            throw fails("the agent's signature is not that of the segment")
        }
        guard head.head.runs.contains(step.headRun) else {
            throw fails("the segment has no such run")
        }
        guard step.isRight(in: head.head.header.segment) else {
            throw fails("the rows are not those of their step")
        }
        guard let row = rows.first(where: { $0.sequence == event.sequence }) else {
            throw fails("the rows do not have number \(event.sequence)")
        }
        return Proved(
            row: row, head: head.head, logged: logged.time, signer: head.signature?.publicKey)
    }
}

extension EventProof {
    private struct Written: Codable {
        var version: Int
        var event: String
        var execution: String
        var run: String
        var rows: Data
        var rowBytes: Int
        var isPacked: Bool
        var steps: [String]
        var step: Int
        var events: Int
        var entry: Data
        var index: Int
        var path: [String]
        var checkpoint: String

        enum CodingKeys: String, CodingKey {
            case version = "lightcone event proof"
            case event, execution, run, rows, rowBytes, isPacked, steps, step, events, entry, index,
                path, checkpoint
        }
    }

    private static let version = 1

    package func json() throws -> [UInt8] {
        let (codec, packed) = Codec.pack(step.rows, .thorough)
        let written = Written(
            version: Self.version, event: "\(event)", execution: step.run.execution,
            run: "\(step.run.run)", rows: Data(packed), rowBytes: step.rows.count,
            isPacked: codec == .zlib, steps: step.steps.map { hexadecimal($0) }, step: step.index,
            events: step.eventCount, entry: Data(entry), index: index,
            path: path.map { hexadecimal($0) }, checkpoint: checkpoint.text)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(try encoder.encode(written)) + [0x0A]
    }

    /// Reads one; whether it proves anything is another question.
    package init(reading bytes: [UInt8]) throws(TransparencyError) {
        guard bytes.count <= Limits.proofBytesMax else {
            throw TransparencyError(
                "expected the proof of an event, found more than \(Limits.proofBytesMax) bytes")
        }
        let written: Written
        do {
            written = try JSONDecoder().decode(Written.self, from: Data(bytes))
        } catch {
            throw TransparencyError("expected the proof of an event, as lightcone prove writes it")
        }
        guard written.version == Self.version else {
            throw TransparencyError(
                "a proof of version \(written.version): this program reads version \(Self.version)")
        }
        func hashes(_ texts: [String], _ what: String) throws(TransparencyError) -> [[UInt8]] {
            var hashes: [[UInt8]] = []
            for text in texts {
                let halves = [text.prefix(32), text.dropFirst(32)].compactMap {
                    Identity128(hex: $0)
                }
                guard halves.count == 2 else {
                    throw TransparencyError("\(what): expected 64 hexadecimal digits")
                }
                hashes.append(halves.flatMap(\.bytes))
            }
            return hashes
        }
        guard let event = EventID(text: written.event), let run = Identity128(hex: written.run[...])
        else { throw TransparencyError("event: expected PROCESS:SEQ, and a run") }
        guard (0...Limits.rowBytesMax).contains(written.rowBytes) else {
            throw TransparencyError("rowBytes: expected at most \(Limits.rowBytesMax)")
        }
        let rows: [UInt8]
        do {
            rows = try (written.isPacked ? Codec.zlib : .stored).unpack(
                Array(written.rows)[...], rawCount: written.rowBytes, "rows")
        } catch {
            throw TransparencyError("\(error)")
        }
        self.event = event
        step = ChainStep(
            run: ChainedRun(execution: written.execution, run: run),
            steps: try hashes(written.steps, "steps"), eventCount: written.events,
            index: written.step, rows: rows)
        entry = Array(written.entry)
        index = written.index
        path = try hashes(written.path, "path")
        checkpoint = try Checkpoint(reading: written.checkpoint)
    }
}
