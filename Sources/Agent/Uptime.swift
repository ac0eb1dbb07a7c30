/// The clock that timers run on: it never steps, whatever is done to the wall clock.
enum Uptime {
    private static let start = ContinuousClock.now

    /// Seconds since some moment.
    static var seconds: Double {
        let elapsed = (ContinuousClock.now - start).components
        return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    }
}
