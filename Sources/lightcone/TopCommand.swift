import ArgumentParser
import Causality
import Exporting
import Querying
import Synchronization

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Shows how agents, executions and the disk are doing, live.",
        discussion: """
            What `status` says, drawn anew every two seconds. What needs a person comes first, then hosts, the longest silent one \
            first, with what they ship in a second, then executions. A collector that is away is asked again. q or Ctrl-C ends it.

            Example:
              lightcone top --source http://127.0.0.1:4780
              lightcone top --source http://127.0.0.1:4780 --interval 0.5
            """)

    @Option(help: ArgumentHelp("Seconds from one answer to the next.", valueName: "seconds"))
    var interval = 2.0

    @OptionGroup var options: AskOptions

    func validate() throws {
        guard (0.2...3_600).contains(interval) else {
            throw ValidationError(
                "--interval: expected 0.2 to 3600 seconds, found \(interval)")
        }
        guard !options.json, options.limit == nil else {
            throw ValidationError("top draws a screen: lightcone status has --json")
        }
    }

    func run() async throws {
        guard FullScreen.isPossible else {
            throw QuestionError(
                .misuse, "top draws on a terminal: elsewhere, lightcone status says the same once")
        }
        let source = try options.place()
        let answers = TopAnswers(source)
        let screen = try FullScreen()
        defer { screen.leave() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ask(answers, screen) }
            group.addTask {
                await screen.run { answers.lines() }
            }
            // The screen is left, or there is nothing that can be asked.
            do {
                try await group.next()
            } catch {
                screen.end()
                throw error
            }
            group.cancelAll()
        }
    }

    /// Asks until it is cancelled. Throws where the question itself is refused at first.
    private func ask(_ answers: TopAnswers, _ screen: FullScreen) async throws {
        var hasAnswer = false
        while !Task.isCancelled {
            answers.change { $0.asked = .now }
            do {
                let text = try await options.text("status", QuestionParameters())
                let status = try StatusAnswer(json: text)
                answers.change { $0.text.add(status) }
                hasAnswer = true
            } catch is CancellationError {
                return
            } catch let error as QuestionError where !hasAnswer {
                throw error
            } catch {
                answers.change { $0.text.trouble = "\(error)" }
            }
            answers.change { $0.asked = nil }
            screen.redraw()
            try? await Task.sleep(for: .milliseconds(Int(interval * 1_000)))
        }
    }
}

/// What is known of the answers so far.
private final class TopAnswers: Sendable {
    struct State {
        var text: TopText
        /// Since when an answer is waited for; nil where none is.
        var asked: WallTime?
    }

    private let state: Mutex<State>

    init(_ source: String) { state = Mutex(State(text: TopText(source: source))) }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    /// The screen, as large as it is now.
    func lines() -> [String] {
        let (size, now) = (Screen.size, WallTime.now)
        return state.withLock { state in
            let waited = state.asked.map { now.nanoseconds - $0.nanoseconds } ?? 0
            return state.text.lines(
                columns: size.columns, rows: size.rows, isColored: Screen.hasColor, now: now,
                zone: Screen.zone, waitedSeconds: Int(max(0, waited) / 1_000_000_000))
        }
    }
}
