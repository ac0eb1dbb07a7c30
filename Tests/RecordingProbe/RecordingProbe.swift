import Causality
import Glibc
import Journals
import Recording

/// A program that records, for tests that kill, fork and watch real programs.
///
///     recording-probe flood PROCESS SPOOL        records without end; after each event its number goes to standard output
///     recording-probe threads SPOOL              8 threads through one recorder, then checks the journal
///     recording-probe fork SPOOL                 a forked child goes on with its parent's recorder
///     recording-probe fork-heap SPOOL            the same, where the kernel wipes no page in a forked child
///     recording-probe hold PROCESS SPOOL         records one event, then waits for the end of standard input
///     recording-probe overflow SPOOL             records more than the spool may hold, and prints how much it lost
@main
enum RecordingProbe {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch (arguments.first, arguments.count) {
        case ("flood", 3): flood(arguments[1], arguments[2])
        case ("threads", 2): threads(arguments[1])
        case ("fork", 2): forked(arguments[1], isLockOnHeap: false)
        case ("fork-heap", 2): forked(arguments[1], isLockOnHeap: true)
        case ("overflow", 2): overflow(arguments[1])
        case ("hold", 3): hold(arguments[1], arguments[2])
        default: fail("usage: see the source")
        }
    }

    static func fail(_ text: String) -> Never {
        print("FAILED: \(text)")
        exit(1)
    }

    private static func flood(_ process: String, _ spool: String) {
        let recorder = Recorder(process: process, spool: spool)
        var number: UInt64 = 0
        while true {
            number += 1
            let id = recorder.record("flood", "event \(number) of a flood")
            var sequence = id!.sequence.littleEndian
            guard write(1, &sequence, 8) == 8 else { return }
        }
    }

    private static func overflow(_ spool: String) {
        let recorder = Recorder(
            process: "overflow", host: nil, execution: "main", spool: SpoolFolder(spool),
            chunkByteCount: 4096, chunksMax: 2)
        while recorder.status.lost < 10 { recorder.record("event") }
        let status = recorder.status
        print(status.events, status.lost)
    }

    private static func hold(_ process: String, _ spool: String) {
        let recorder = Recorder(process: process, spool: spool)
        recorder.record("held")
        print(recorder.process)
        fflush(nil)
        while readLine() != nil { recorder.record("line") }
    }

    // MARK: Threads

    private static let threadCount = 8
    private static let eventsPerThread = 20_000

    private static func threads(_ spool: String) {
        let folder = SpoolFolder(spool)
        let recorder = Recorder(
            process: "threads", host: nil, execution: "main", spool: folder,
            chunkByteCount: 1 << 20, chunksMax: 1000)
        let other = Recorder(
            process: "other", host: nil, execution: "main", spool: folder,
            chunkByteCount: 1 << 20, chunksMax: 1000)
        var threads: [pthread_t] = []
        for number in 0..<threadCount {
            let work = Unmanaged.passRetained(Work(number, recorder, other))
            var thread = pthread_t()
            let result = pthread_create(
                &thread, nil,
                { work in
                    let work = Unmanaged<Work>.fromOpaque(work!).takeRetainedValue()
                    work.run()
                    return nil
                }, work.toOpaque())
            guard result == 0 else { fail("cannot start a thread") }
            threads.append(thread)
        }
        for thread in threads { pthread_join(thread, nil) }
        check(folder, recorder.process)
    }

    /// What one thread does.
    private final class Work {
        let number: Int
        let recorder: Recorder
        let other: Recorder

        init(_ number: Int, _ recorder: Recorder, _ other: Recorder) {
            (self.number, self.recorder, self.other) = (number, recorder, other)
        }

        func run() {
            for step in 0..<eventsPerThread {
                switch step % 4 {
                case 0: recorder.receive(other.send("to", "thread \(number)"), "from", "\(number)")
                case 1: _ = recorder.send("to", "\(number)")
                default:
                    recorder.record(
                        "step", "\(number):\(step)", attributes: ["step": .integer(Int64(step))])
                }
            }
        }
    }

    /// Sequence numbers without a hole, clocks that never run backwards, no torn record, each thread's steps in order.
    private static func check(_ spool: SpoolFolder, _ process: ProcessID) {
        var found = 0
        do {
            for folder in try JournalFolder.all(in: spool.journals) {
                var reader = JournalReader(folder)
                var last = VectorClock()
                var sequence: UInt64 = 0
                var steps = [Int](repeating: -1, count: threadCount)
                var batch = EventBatch()
                while try reader.read(bytesMax: 1 << 20, into: &batch, { fail($0) }) {}
                for (key, event) in batch.events() {
                    guard event.id.sequence == sequence + 1 else {
                        fail("\(event.id) follows \(sequence)")
                    }
                    guard event.clock.covers(last) else {
                        fail("a clock ran backwards at \(event.id)")
                    }
                    (sequence, last) = (event.id.sequence, event.clock)
                    if event.name == "step" {
                        let parts = event.text.split(separator: ":").compactMap { Int($0) }
                        guard parts.count == 2, parts[1] > steps[parts[0]],
                            event.attributes == [Attribute("step", .json("\(parts[1])"))]
                        else { fail("a torn record: \(event)") }
                        steps[parts[0]] = parts[1]
                    }
                    if key.process == process { found += 1 }
                }
            }
        } catch {
            fail("\(error)")
        }
        guard found == threadCount * eventsPerThread else {
            fail("expected \(threadCount * eventsPerThread) events, found \(found)")
        }
        print("\(found) events of \(threadCount) threads are in order")
    }

    // MARK: Fork

    private static func forked(_ spool: String, isLockOnHeap: Bool) {
        let recorder = Recorder(
            process: "family", host: nil, execution: "main", spool: SpoolFolder(spool),
            chunkByteCount: 64 << 10, chunksMax: 100, isLockOnHeap: isLockOnHeap)
        recorder.record("before the fork")
        let parent = recorder.process
        // Swift hides fork, since most of a program does not survive it: a recorder must.
        typealias Fork = @convention(c) () -> pid_t
        let fork = unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)
        let child = fork()
        if child == 0 {
            recorder.record("in the child")
            let isSeparate = recorder.process == ProcessID(name: parent.name, incarnation: 2)
            _exit(isSeparate ? 0 : 1)
        }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        recorder.record("after the fork")
        guard status == 0, recorder.process == parent else {
            fail("the child's process is not its own: \(status)")
        }
        print("forked")
    }
}
