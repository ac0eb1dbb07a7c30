import Disks
import Glibc
import Journals
import Recording

/// `lightcone-bench journals`: processes that record into the journals of a spool, as programs do, whether an agent takes
/// their events or not. With `--hold` they then stay, quiet, until standard input ends.
enum JournalLoad {
    private static let usage =
        "lightcone-bench journals --spool DIR [--events N] [--processes P] [--seed S] [--hold]\n"
        + "       lightcone-bench journals --spool DIR --remove"

    static func run(_ arguments: [String]) {
        let arguments = Arguments(
            arguments, values: ["--spool", "--events", "--processes", "--seed"],
            flags: ["--hold", "--remove"], usage: usage)
        guard arguments.others.isEmpty, let spool = arguments.text("--spool") else {
            arguments.refuse("expected a spool, and nothing else")
        }
        if arguments.has("--remove") { return removeSpool(spool) }
        let events = arguments.number("--events", 0...1_000_000_000, otherwise: 2_000_000)
        let processes = arguments.number("--processes", 1...4096, otherwise: 16)
        var generator = LogGenerator(
            .text, processes: processes,
            seed: UInt64(arguments.number("--seed", 0...Int.max, otherwise: 1)))
        let recorders = generator.names.map { name in
            // A recorder puts its own host before the name.
            Recorder(process: name.replacing("/", with: "-"), spool: spool)
        }
        record(events, &generator, recorders)
        let lost = recorders.reduce(0) { $0 + $1.status.lost }
        write(Array("{\"events\":\(events),\"lost\":\(lost)}\n".utf8), to: STDOUT_FILENO)
        if arguments.has("--hold") { while readLine() != nil {} }
        withExtendedLifetime(recorders) {}
    }

    /// Half of the events are messages between the recorders.
    private static func record(
        _ events: Int, _ generator: inout LogGenerator, _ recorders: [Recorder]
    ) {
        // Those of messages under way, by who sent them and the number of the event.
        var tokens: [[UInt64: Token]] = Array(repeating: [:], count: recorders.count)
        for _ in 0..<events {
            let step = generator.step()
            let words = generator.words(step.kind)
            let name = EventName(words.name)
            let level = Level(text: words.level) ?? .info
            let recorder = recorders[step.process]
            switch step.kind {
            case .local:
                recorder.record(name, words.text, level: level)
            case .send:
                tokens[step.process][step.sequence] = recorder.send(name, words.text, level: level)
            case .receive:
                guard let cause = step.cause,
                    let token = tokens[cause.process].removeValue(forKey: cause.sequence)
                else { preconditionFailure("what is received was sent") }
                recorder.receive(token, name, words.text, level: level)
            }
        }
    }
}

/// Removes a spool, and what of it lies elsewhere because it is in memory.
func removeSpool(_ folder: String) {
    let spool = SpoolFolder(folder)
    for journal in (try? JournalFolder.all(in: spool.journals)) ?? [] { try? journal.remove() }
    for durable in spool.durableFolders where durable != spool.path {
        let numbers = durable + "/incarnations"
        for inner in [numbers, durable] {
            for name in (try? RealDisk().names(inner)) ?? [] {
                try? RealDisk().remove(file: "\(inner)/\(name)")
            }
            rmdir(inner)
        }
    }
    rmdir(spool.journals)
    rmdir(folder)
}
