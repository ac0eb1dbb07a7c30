/// Benchmarks of the core: `lightcone-bench NAME`. Each prints what it measured, as ratios to a physical limit or to the
/// textbook's way where it makes a claim of speed. Only `history-memory` can fail: memory is not noisy.
@main
enum Main {
    static func main() {
        switch CommandLine.arguments.dropFirst().first {
        case "history-memory": HistoryBenchmark.run()
        case "segments": SegmentBenchmark.run()
        case "record": RecordBenchmark.run(Array(CommandLine.arguments.dropFirst(2)))
        default:
            print(
                "usage: lightcone-bench history-memory | segments | record [--events N] [--bursts N]"
            )
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
