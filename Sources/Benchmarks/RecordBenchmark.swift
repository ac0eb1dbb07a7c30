import CAllocations
import Causality
import Disks
import Glibc
import Journals
import Recording

/// What recording costs the program: nanoseconds of CPU per event with a text of 95 bytes, in bursts that fit the journal,
/// which is drained between them as an agent drains it. `Scripts/bench record` sets LTTng beside it.
enum RecordBenchmark {
    static func run(_ arguments: [String]) {
        let events = number(after: "--events", in: arguments) ?? 200_000
        let bursts = number(after: "--bursts", in: arguments) ?? 10
        guard let folder = temporaryFolder() else {
            print("# cannot make a folder in memory: nothing was measured")
            exit(1)
        }
        defer { removeSpool(folder) }
        let spool = SpoolFolder(folder)
        let recorder = Recorder(process: "bench", spool: folder)
        let drain = Drain(spool)
        let text = String(repeating: "0123456789", count: 9) + "01234"
        for burst in 0...bursts {
            let wall = ContinuousClock.now
            let cpu = threadNanoseconds()
            for _ in 0..<events { recorder.record("bench", text) }
            let used = threadNanoseconds() - cpu
            let elapsed = (ContinuousClock.now - wall) / events
            let name = burst == 0 ? "lightcone-cold" : "lightcone"
            print(name, rounded(used / Double(events)), rounded(nanoseconds(elapsed)))
            drain.run()
        }
        allocations(recorder, text, drain)
        filtered(recorder, text)
        messages(folder, text)
        let status = recorder.status
        print("# events \(status.events), lost \(status.lost)")
        guard status.lost == 0 else { exit(1) }
    }

    /// How often memory is asked for.
    private static func allocations(_ recorder: Recorder, _ text: String, _ drain: Drain) {
        let before = allocation_count()
        for _ in 0..<10_000 { recorder.record("bench", text) }
        let perEvent = Double(allocation_count() - before) / 10_000
        print("# allocations per event: \(perEvent)")
        drain.run()
    }

    /// What is left of an event whose level is filtered out.
    private static func filtered(_ recorder: Recorder, _ text: String) {
        recorder.level = .warning
        let rounds = 10_000_000
        let cpu = threadNanoseconds()
        for number in 0..<rounds { recorder.record("bench", "\(number) \(text)", level: .debug) }
        print(
            "# filtered out: \(hundredths((threadNanoseconds() - cpu) / Double(rounds))) ns per event"
        )
        recorder.level = .trace
    }

    /// A message from one of 16 processes to another, with the token's way to text and back: sealed, as on a host that was enrolled.
    private static func messages(_ folder: String, _ text: String) {
        do throws(DiskError) {
            try SpoolFolder(folder).leave(tokenKeys: TokenKeys([Identity128(high: 1, low: 2)]))
        } catch {
            print("# cannot leave a key: tokens have no seals")
        }
        let recorders = (0..<16).map {
            Recorder(process: "web-\($0)/api", spool: folder)
        }
        let drain = Drain(SpoolFolder(folder))
        // All have heard of all.
        for _ in 0..<2 {
            for (index, sender) in recorders.enumerated() {
                let token = sender.send("gossip")
                for (other, receiver) in recorders.enumerated() where other != index {
                    receiver.receive(token, "gossip")
                }
            }
        }
        drain.run()
        var (sending, receiving, writing, reading) = (0.0, 0.0, 0.0, 0.0)
        var characters = 0
        let rounds = 100_000
        var tokens: [Token] = []
        var texts: [String] = []
        tokens.reserveCapacity(1000)
        texts.reserveCapacity(1000)
        for _ in 0..<rounds / 1000 {
            tokens.removeAll(keepingCapacity: true)
            texts.removeAll(keepingCapacity: true)
            sending += timed {
                for i in 0..<1000 { tokens.append(recorders[i % 16].send("m", text)) }
            }
            writing += timed { for token in tokens { texts.append(token.text) } }
            characters = max(characters, texts[0].utf8.count)
            reading += timed {
                for i in 0..<1000 { tokens[i] = (try? Token(texts[i])) ?? tokens[i] }
            }
            receiving += timed {
                for i in 0..<1000 { recorders[(i + 1) % 16].receive(tokens[i], "m", text) }
            }
            drain.run()
        }
        let count = Double(rounds)
        print("# token of 16 processes: \(characters) characters")
        print(
            "# send \(rounded(sending / count)) ns, receive \(rounded(receiving / count)) ns, "
                + "token to text \(rounded(writing / count)) ns, from text \(rounded(reading / count)) ns; "
                + "both ends with text \(rounded((sending + receiving + writing + reading) / count)) ns"
        )
    }

    private static func timed(_ body: () -> Void) -> Double {
        let before = threadNanoseconds()
        body()
        return threadNanoseconds() - before
    }

    private static func threadNanoseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private static func nanoseconds(_ duration: Duration) -> Double {
        Double(duration.components.attoseconds) / 1e9 + Double(duration.components.seconds) * 1e9
    }

    private static func hundredths(_ value: Double) -> String {
        "\(Double(Int(value * 100)) / 100)"
    }

    private static func number(after name: String, in arguments: [String]) -> Int? {
        arguments.firstIndex(of: name).flatMap {
            $0 + 1 < arguments.count ? Int(arguments[$0 + 1]) : nil
        }
    }

    /// In memory, where a spool belongs.
    private static func temporaryFolder() -> String? {
        for base in ["/dev/shm", "/tmp"] {
            var template = Array("\(base)/lightcone-bench-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { continue }
            return String(
                decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return nil
    }
}

/// Takes events as an agent does, and frees their chunks.
private final class Drain {
    private let spool: SpoolFolder
    private var readers: [Identity128: JournalReader] = [:]
    private var batch = EventBatch()

    init(_ spool: SpoolFolder) { self.spool = spool }

    func run() {
        do {
            for folder in try JournalFolder.all(in: spool.journals) {
                var reader = readers[folder.run] ?? JournalReader(folder)
                while try reader.read(
                    bytesMax: 1 << 20, into: &batch, { print("# \($0)") })
                { batch.removeAll() }
                try folder.free(chunksBelow: reader.chunkNumber)
                readers[folder.run] = reader
            }
        } catch {
            print("# cannot drain the journal: \(error)")
            exit(1)
        }
    }
}
