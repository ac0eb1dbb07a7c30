import Archiving
import ArgumentParser
import Causality
import Disks
import Exporting
import Querying
import Segments
import Transparency

struct ProveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prove",
        abstract:
            "Writes what proves that an event was recorded, for whoever does not trust the collector.",
        discussion: """
            The proof leads from the event to the signature of its agent and to a checkpoint of the collector's log: `lightcone \
            verify-proof` checks it, offline. It holds up to 4,096 events of the same process, which are needed for that. The \
            event's segment must be sealed: an agent does that after ten minutes, or when it has 64 MiB. Exit codes: 0 written, \
            2 misuse, 3 failure, or there is no proof.

            Example:
              lightcone prove api:7 --data /var/lib/lightcone/data -o proof
              lightcone verify-proof proof
            """)

    @Argument(help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"))
    var event: String

    @Option(
        help: "A collector's data folder, or a folder that import made.", completion: .directory)
    var data: String

    @Option(help: "The execution that it is of. Needed where there are several.")
    var execution: String?

    @Option(
        help:
            "What the log had come to at an earlier time, as verify wrote it: the event is proved to be in that.",
        completion: .file())
    var checkpoint: String?

    @Option(name: .shortAndLong, help: "Where to write the proof.", completion: .file())
    var output: String

    func run() throws {
        guard let id = EventID(text: event) else {
            throw ValidationError("event: expected PROCESS:SEQ, found \(event)")
        }
        let archive = try Archive(data, .readOnly)
        let known = try archive.executions()
        guard let execution = execution ?? (known.count == 1 ? known[0] : nil) else {
            throw ValidationError(
                "--execution: expected one of \(known.map { printable($0) }.joined(separator: ", "))"
            )
        }
        let earlier = try checkpoint.map { try VerifyCommand.read($0) }
        let proof = try archive.proof(of: id, in: execution, at: earlier)
        try RealDisk().replace(output, with: proof.json(), permissions: 0o644)
    }
}

struct VerifyProofCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-proof",
        abstract: "Checks what `lightcone prove` wrote, offline.",
        discussion: """
            It says what was recorded, which agent's key signed it, and which log it is in: whether these are the right ones is for you \
            to compare. Exit codes: 0 proved, 1 not proved, 2 misuse, 3 failure.

            Example:
              lightcone verify-proof proof --checkpoint checkpoint
            """)

    @Argument(help: "The file with the proof.", completion: .file())
    var file: String

    @Option(
        help: "A checkpoint of the log that you trust: the proof must be for that one.",
        completion: .file())
    var checkpoint: String?

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        let bytes = try RealDisk().open(file, .read).read(
            at: 0, count: Transparency.Limits.proofBytesMax + 1)
        let trusted = try checkpoint.map { try VerifyCommand.read($0) }
        do {
            let proof = try EventProof(reading: bytes)
            let proved = try proof.check()
            if let trusted,
                trusted.origin != proof.checkpoint.origin
                    || trusted.count != proof.checkpoint.count
                    || trusted.root != proof.checkpoint.root
            {
                throw TransparencyError(
                    "nothing is proved: it is for \(proof.checkpoint.count) entries of \(proof.checkpoint.origin): the checkpoint is of \(trusted.count) entries of \(trusted.origin)"
                )
            }
            Terminal.write(json ? Self.json(proof, proved) : Self.text(proof, proved))
            Terminal.flush()
        } catch let error as TransparencyError {
            Terminal.complain("\(file): \(error)")
            throw Ended(exit: .no)
        }
    }

    private static func text(_ proof: EventProof, _ proved: EventProof.Proved) -> String {
        let row = proved.row
        var text =
            "proved: \(printable("\(proof.event)")) of execution \(printable(proof.step.run.execution))"
        text += " (run \(proof.step.run.run))\n"
        text += "  time      \(row.time?.description ?? "none")\n"
        text += "  kind      \(row.kind.text)\n"
        if let level = row.level { text += "  level     \(level.text)\n" }
        if !row.name.isEmpty { text += "  name      \(printable(row.name))\n" }
        if !row.text.isEmpty { text += "  text      \(printable(row.text))\n" }
        for attribute in row.attributes {
            text += "  \(printable(attribute.key)) = \(printable(attribute.value.text))\n"
        }
        let signer = proved.signer.map { "signed by its agent's key \(hexadecimal($0))" }
        text += "segment \(proved.head.header.segment) of agent \(proved.head.header.agent), "
        text += "\(signer ?? "which no agent signed: it was imported")\n"
        text +=
            "entry \(proof.index) of the log of \(proof.checkpoint.origin), written at \(proved.logged); "
        text += "checkpoint of \(count(proof.checkpoint.count, "entry", "entries")), "
        text += "signed at \(proof.checkpoint.time)\n"
        return text
    }

    private static func json(_ proof: EventProof, _ proved: EventProof.Proved) -> String {
        let row = proved.row
        return JSONWriter.object { object in
            object.member("event", "\(proof.event)")
            object.member("execution", proof.step.run.execution)
            object.member("run", "\(proof.step.run.run)")
            if let time = row.time { object.member("time", "\(time)") }
            object.member("kind", row.kind.text)
            object.member("name", row.name)
            object.member("text", row.text)
            object.member("segment", "\(proved.head.header.segment)")
            object.member("agent", "\(proved.head.header.agent)")
            if let signer = proved.signer { object.member("signer", hexadecimal(signer)) }
            object.member("logged", "\(proved.logged)")
            object.member("entry", proof.index)
            object.member("checkpoint", proof.checkpoint.text)
        } + "\n"
    }
}
