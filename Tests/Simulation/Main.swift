import ArgumentParser
import Glibc

@main
struct Main: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lightcone-simulate",
        abstract:
            "Live small distributed systems, with all that may befall them, and check what Lightcone promises.",
        subcommands: [Worlds.self, Points.self, Histories.self, Hour.self],
        defaultSubcommand: Worlds.self)

    static func main() async {
        // The order of sets and dictionaries is another one in each process, unless it is told not to be.
        if getenv("SWIFT_DETERMINISTIC_HASHING") == nil {
            setenv("SWIFT_DETERMINISTIC_HASHING", "1", 1)
            execv("/proc/self/exe", CommandLine.unsafeArgv)
        }
        await main(nil)
    }
}

/// Lives simulations, one after the other.
struct Worlds: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Live simulations: programs, agents, a network and a collector, on disks that fail.",
        discussion: """
            The same seed has the same outcome, on every machine and in every build: the trace that is printed is the same number. Where a \
            promise is broken, the smallest script that is found is printed: its misfortunes and steps.

            Example:
              lightcone-simulate --seed 42                 one world, and what happened in it
              lightcone-simulate --seed 1 --worlds 10000
            """)

    @Option(help: "Of the first world.") var seed: UInt64
    @Option(help: "How many worlds.") var worlds: UInt64 = 1
    @Option(help: "Steps of each, at most; without it as many as its seed draws.") var steps: Int?
    @Option(
        name: .customLong("fault"),
        help: "Only these of its misfortunes, each as the step in which it comes; 0: none.")
    var faults: [Int] = []
    @Option(help: "Seconds after which none is begun.") var seconds: Int64 = .max
    @Flag(help: "End with the first promise that is broken, and look for no smaller script.")
    var first = false

    func validate() throws {
        guard worlds > 0, steps ?? 1 > 0 else {
            throw ValidationError("expected one world and one step at least")
        }
    }

    func run() throws {
        let simulating = Simulating(
            worlds: worlds, seed: seed, steps: steps, faults: faults, secondsMax: seconds,
            isTold: worlds == 1,
            isFirstEnough: first)
        guard simulating.run() else { throw ExitCode.failure }
    }
}

/// Visits crash points.
struct Points: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let a machine die at every place at which it can leave something half done.",
        discussion: """
            Lives some worlds to see which places there are: before each call of a disk that changes something, by what is going on and \
            the kind of file. Then lives them again and again, and each time a machine dies at one of them: killed, or without power.

            Example:
              lightcone-simulate points
            """)

    @Option(help: "Of the first world.") var seed: UInt64 = 1
    @Option(help: "In how many worlds places are looked for.") var worlds: UInt64 = 6

    @Flag(
        help:
            "Die in each way at each place: killed, without power, and with nothing kept that was not synced."
    )
    var thorough = false
    @Flag(help: "End with the first promise that is broken.") var first = false

    func run() throws {
        guard Visiting(seed: seed, worlds: worlds, isFirstEnough: first, isThorough: thorough).run()
        else {
            throw ExitCode.failure
        }
    }
}

/// Lives one large world.
struct Hour: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Live an hour of 50 machines in a minute, one of them away for 20 minutes.",
        discussion: """
            Example:
              lightcone-simulate hour --seed 1
            """)

    @Option(help: "Of the hour.") var seed: UInt64 = 1

    func run() async throws {
        guard await LiveHour.isSound(seed: seed) else { throw ExitCode.failure }
    }
}
