import Archiving
import ArgumentParser
import Causality
import Disks
import Exporting
import Querying
import Transparency

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Proves that nothing that was acknowledged was changed, removed or reordered since.",
        discussion: """
            A collector keeps a log of what it did: which segments it acknowledged, with the signatures of the agents that sealed \
            them, which files it made of them, and what it dropped. The log is a Merkle tree (RFC 6962), so that no entry can be \
            changed or taken out without changing its root, which is signed. All files are read and compared with it. \
            Who can write the folder can also make a new log: keep what -o writes in another place, and give it with --checkpoint \
            the next time. Nothing is changed. While a collector is at work all but its catalogue's rows is compared. Exit codes: 0 all is as it was, 1 something is not, \
            2 misuse, 3 failure.

            Example:
              lightcone verify /var/lib/lightcone/data -o checkpoint
              lightcone verify /var/lib/lightcone/data --checkpoint checkpoint
            """)

    @Argument(
        help: "A collector's data folder, or a folder that import made.", completion: .directory)
    var data: String

    @Option(
        help: "What the log had come to at an earlier time, as -o wrote it.", completion: .file())
    var checkpoint: String?

    @Option(
        name: .shortAndLong, help: "Where to write what the log has come to, if all is as it was.",
        completion: .file())
    var output: String?

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        let earlier = try checkpoint.map { try Self.read($0) }
        let verified = try Archive(data, .readOnly).verify(since: earlier)
        Terminal.write(json ? Self.json(verified) : Self.text(verified))
        Terminal.flush()
        guard verified.problems.isEmpty else { throw Ended(exit: .no) }
        guard let output else { return }
        guard let checkpoint = verified.checkpoint else {
            throw CommandFailure("\(data): the log has no entries yet, and no checkpoint")
        }
        try RealDisk().replace(output, with: Array(checkpoint.text.utf8), permissions: 0o644)
    }

    static func read(_ path: String) throws -> Checkpoint {
        let bytes = try RealDisk().open(path, .read).read(
            at: 0, count: Transparency.Limits.checkpointBytesMax + 1)
        do {
            return try Checkpoint(reading: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
    }

    private static func text(_ verified: VerifiedArchive) -> String {
        var text = ""
        for problem in verified.problems { text += "\(printable(problem))\n" }
        if verified.problems.isEmpty { text += "all is as it was acknowledged\n" }
        let files = [
            count(verified.partCount, "part", "parts"),
            count(verified.segmentCount, "segment", "segments"),
            count(verified.orderFileCount, "order file", "order files"),
        ]
        text +=
            "\(count(verified.eventCount, "event", "events")) in \(files.joined(separator: ", "))\n"
        text += "\(count(verified.signedCount, "segment", "segments")) signed by agents\n"
        if verified.strangerCount > 0 {
            text += "\(verified.strangerCount) of them by agents of no enrolled host\n"
        }
        if let checkpoint = verified.checkpoint {
            text +=
                "log of \(count(checkpoint.count, "entry", "entries")), signed at \(checkpoint.time) by \(checkpoint.origin)\n"
        }
        if verified.isLive {
            text +=
                "a collector is at work: what its catalogue says of the files was not compared\n"
        }
        if verified.waitingCount > 0 {
            text +=
                "\(count(verified.waitingCount, "entry is", "entries are")) still to be written to it\n"
        }
        return text
    }

    private static func json(_ verified: VerifiedArchive) -> String {
        JSONWriter.object { object in
            object.member("problems", verified.problems)
            object.member("events", verified.eventCount)
            object.member("parts", verified.partCount)
            object.member("segments", verified.segmentCount)
            object.member("orderFiles", verified.orderFileCount)
            object.member("signed", verified.signedCount)
            object.member("signedByStrangers", verified.strangerCount)
            object.member("waiting", verified.waitingCount)
            object.member("isLive", verified.isLive)
            if let checkpoint = verified.checkpoint { object.member("checkpoint", checkpoint.text) }
        } + "\n"
    }
}

extension Archive {
    /// Has the log tell what a command has done. Where that fails, whoever opens the archive next to write does it.
    func tellLog() {
        do {
            if let problem = try extendLog(now: .now).problem { Terminal.note(problem) }
        } catch {
            Terminal.note("the log does not tell it yet: \(error)")
        }
    }
}
