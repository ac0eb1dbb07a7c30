import Glibc

/// One thread for everything that happens in a simulation, and its time, which passes only where all have nothing to do.
///
/// What is to be done is done in the order in which it was asked for, and what is due at one instant in the order in which that was
/// asked for: the same calls have the same outcome.
///
/// Unchecked because it is not locked: only the thread that made it comes to it, and `enqueue` traps where another one does.
package final class RunLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// Nanoseconds since the simulation began.
    package private(set) var now: Int64 = 0
    private let thread = pthread_self()
    private var jobs: [UnownedJob] = []
    private var jobsDone = 0
    private var timers: [Timer] = []
    private var timersMade = 0

    package init() {}

    private struct Timer {
        var time: Int64
        var order: Int
        var body: () -> Void

        func isBefore(_ other: Timer) -> Bool { (time, order) < (other.time, other.order) }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        precondition(pthread_equal(thread, pthread_self()) != 0, "something runs elsewhere")
        jobs.append(UnownedJob(job))
    }

    /// Lives until `body` has ended. Its result.
    package func run<Result: Sendable>(_ body: @escaping @Sendable () async -> Result) -> Result {
        let box = Box<Result>()
        let task = Task(executorPreference: self) { box.result = await body() }
        while true {
            finishJobs()
            if let result = box.result { return withExtendedLifetime(task) { result } }
            guard !timers.isEmpty else { preconditionFailure("everybody waits for nothing") }
            let timer = timers.removeFirst()
            now = timer.time
            timer.body()
        }
    }

    /// Unchecked because it is not locked: what sets it and who reads it run on the loop's thread.
    private final class Box<Result>: @unchecked Sendable { var result: Result? }

    private func finishJobs() {
        while jobsDone < jobs.count {
            let job = jobs[jobsDone]
            jobsDone += 1
            job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            if jobsDone == jobs.count {
                jobs.removeAll(keepingCapacity: true)
                jobsDone = 0
            }
        }
    }

    /// Has something done after so many nanoseconds.
    package func after(_ nanoseconds: Int64, _ body: @escaping () -> Void) {
        timersMade += 1
        let timer = Timer(time: now + max(nanoseconds, 0), order: timersMade, body: body)
        var (low, high) = (0, timers.count)
        while low < high {
            let middle = (low + high) / 2
            if timer.isBefore(timers[middle]) { high = middle } else { low = middle + 1 }
        }
        timers.insert(timer, at: low)
    }

    /// Others go on meanwhile. With 0 they do what they can at once.
    package func sleep(_ nanoseconds: Int64) async {
        await withCheckedContinuation { continuation in after(nanoseconds) { continuation.resume() }
        }
    }
}
