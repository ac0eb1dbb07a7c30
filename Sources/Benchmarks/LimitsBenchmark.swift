import Glibc
import HostileInputs

/// What the worst input costs that each limit lets pass: `limits` takes each in a program of its own, `limits --find NAME` looks for
/// how much passes, where a limit was changed.
enum LimitsBenchmark {
    /// The goal of each input.
    private static let secondsMax = 1.0
    private static let megabytesMax = 256

    static func run(_ given: [String]) {
        let arguments = Arguments(
            given, values: ["--take", "--find"], usage: "lightcone-bench limits [--find NAME]")
        if let name = arguments.text("--take") { return take(name, arguments) }
        if let name = arguments.text("--find") { return find(input(name, arguments)) }
        let isReached = WorstInput.all.map(measure).allSatisfy { $0 }
        guard isReached else {
            print("FAILED: an input costs more than \(secondsMax) s and \(megabytesMax) MB")
            exit(1)
        }
    }

    private static func input(_ name: String, _ arguments: Arguments) -> WorstInput {
        guard let input = WorstInput.all.first(where: { $0.name == name }) else {
            arguments.refuse("expected one of \(WorstInput.all.map(\.name))")
        }
        return input
    }

    private static func made(_ input: WorstInput, _ count: Int) -> [UInt8] {
        guard let bytes = try? input.make(count) else {
            complain("\(input.name): cannot be made")
            exit(3)
        }
        return bytes
    }

    /// Gives the input to a child, which has nothing else in memory, and prints what the kernel says that it took.
    private static func measure(_ input: WorstInput) -> Bool {
        let bytes = made(input, input.most)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { exit(3) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addclose(&actions, ends[1])
        let words = ["lightcone-bench", "limits", "--take", input.name]
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var child = pid_t()
        guard posix_spawn(&child, "/proc/self/exe", &actions, nil, &pointers, environ) == 0 else {
            exit(3)
        }
        for pointer in pointers { free(pointer) }
        posix_spawn_file_actions_destroy(&actions)
        close(ends[0])
        fflush(nil)
        write(bytes, to: ends[1])
        close(ends[1])
        var status: Int32 = 0
        waitpid(child, &status, 0)
        return status == 0
    }

    /// Takes what stands on standard input.
    private static func take(_ name: String, _ arguments: Arguments) {
        let input = input(name, arguments)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = read(0, &buffer, buffer.count), count > 0 {
            bytes += buffer[..<count]
        }
        var refusal: String?
        let before = processorSeconds()
        do { refusal = try input.take(bytes) } catch { refusal = "\(error)" }
        let time = processorSeconds() - before
        let megabytes = peakMegabytes()
        let isReached = refusal == nil && time <= secondsMax && megabytes <= megabytesMax
        let verdict = refusal.map { "refused: \($0)" } ?? (isReached ? "reached" : "missed")
        print(
            "\(input.name): \(input.most) \(input.unit), \(bytes.count) bytes: "
                + "\(Int((time * 1000).rounded())) ms of a processor, \(megabytes) MB; "
                + "the goal, 1000 ms and 256 MB: \(verdict)")
        exit(isReached ? 0 : 1)
    }

    private static func find(_ input: WorstInput) {
        func refusal(_ count: Int) -> String? {
            do { return try input.take(made(input, count)) } catch { return "\(error)" }
        }
        var (low, high) = (1, 1)
        while refusal(high) == nil { (low, high) = (high, high * 2) }
        while low + 1 < high {
            let middle = (low + high) / 2
            if refusal(middle) == nil { low = middle } else { high = middle }
        }
        print("\(input.name): \(low) \(input.unit); of \(high): \(refusal(high) ?? "taken")")
    }

    /// Of this program; machines are busy with others.
    private static func processorSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let microseconds = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(microseconds) / 1e6
    }

    /// The most memory that this program has had, which a child does not have of its parent, unlike what `getrusage` says.
    private static func peakMegabytes() -> Int {
        guard let file = fopen("/proc/self/status", "r") else { exit(3) }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
                .split { " \t".contains($0) }
            if words.first == "VmHWM:", let kilobytes = Int(words[1]) { return kilobytes / 1024 }
        }
        exit(3)
    }
}
