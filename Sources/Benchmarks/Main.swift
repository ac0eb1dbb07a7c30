import Glibc

/// Benchmarks: `lightcone-bench NAME`. Those of the core print what they measured, as ratios to a physical limit or to the
/// textbook's way where they make a claim of speed; only `history-memory` and `limits` can fail: memory is not noisy, and limits have room. The others are the
/// inputs and loads with which `Scripts/bench` measures whole programs.
@main
enum Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst(2))
        switch CommandLine.arguments.dropFirst().first {
        case "history-memory": HistoryBenchmark.run()
        case "segments": SegmentBenchmark.run()
        case "record": RecordBenchmark.run(arguments)
        case "generate": GenerateBenchmark.run(arguments)
        case "deflate": DeflateBenchmark.run(arguments)
        case "journals": JournalLoad.run(arguments)
        case "redact": RedactionBenchmark.run()
        case "live": LiveLoad.run(arguments)
        case "limits": LimitsBenchmark.run(arguments)
        default:
            complain(
                "usage: lightcone-bench history-memory | segments | record | generate | deflate "
                    + "| journals | live | limits | redact")
            exit(2)
        }
    }
}

/// Seconds that `body` takes.
func seconds(_ body: () -> Void) -> Double {
    let start = ContinuousClock.now
    body()
    let elapsed = ContinuousClock.now - start
    return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
}

/// A number with one digit after the point.
func rounded(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}
