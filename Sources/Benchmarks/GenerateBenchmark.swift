import Glibc

/// `lightcone-bench generate`: the input of the other measurements, on standard output. The same seed gives the same bytes.
enum GenerateBenchmark {
    private static let usage =
        "lightcone-bench generate --kind text|jsonl|jsonl-clocks [--events N] [--processes P] "
        + "[--service-size N] [--seed S] [--stats]"
    private static let bufferBytes = 1 << 20

    static func run(_ arguments: [String]) {
        let arguments = Arguments(
            arguments, values: ["--kind", "--events", "--processes", "--service-size", "--seed"],
            flags: ["--stats"], usage: usage)
        guard arguments.others.isEmpty, let name = arguments.text("--kind"),
            let kind = LogGenerator.Kind(rawValue: name)
        else { arguments.refuse("expected a kind, and nothing else") }
        let events = arguments.number("--events", 0...1_000_000_000, otherwise: 1_000_000)
        let processes = arguments.number("--processes", 1...10_000, otherwise: 16)
        var generator = LogGenerator(
            kind, processes: processes,
            serviceSize: arguments.number("--service-size", 1...10_000, otherwise: processes),
            seed: UInt64(arguments.number("--seed", 0...Int.max, otherwise: 1)))
        var buffer: [UInt8] = []
        buffer.reserveCapacity(2 * bufferBytes)
        var byteCount = 0
        for _ in 0..<events {
            generator.appendLine(to: &buffer)
            guard buffer.count >= bufferBytes else { continue }
            write(buffer, to: STDOUT_FILENO)
            byteCount += buffer.count
            buffer.removeAll(keepingCapacity: true)
        }
        write(buffer, to: STDOUT_FILENO)
        byteCount += buffer.count
        guard arguments.has("--stats") else { return }
        let count = Double(max(events, 1))
        // `drawn` is a floor for whoever keeps all that the lines say, however well.
        complain(
            "{\"events\":\(events),\"bytes\":\(byteCount),"
                + "\"grownEntries\":\(generator.system.grownEntries),"
                + "\"drawnBytesPerEvent\":\(rounded(generator.dice.bits / 8 / count))}")
    }
}
