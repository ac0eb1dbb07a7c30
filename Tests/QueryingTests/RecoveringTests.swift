import Causality
import HappensBefore
import Testing

@testable import Querying

/// A listing whose file fails in the middle goes on from elsewhere, where that is the same for sure.
@Suite struct RecoveringTests {
    private struct Failure: Error {}

    /// The events of a store, of which an error takes the place from one on.
    private struct Failing: EventSequence {
        var events: any EventSequence
        var left: Int

        mutating func next() throws -> EventStep? {
            guard left > 0 else { throw Failure() }
            guard let step = try events.next() else { return nil }
            if case .event = step { left -= 1 }
            return step
        }

        mutating func release() {}
    }

    private static func events(_ first: String = "a") throws -> any EventSequence {
        let store = MemoryStore(
            events: [first, "b"].map { name in
                (1...5).map { AnsweringTests.event(name, UInt64($0)) }
            })
        let answering = Answering(store, Question.Options())
        let answer = try answering.answer(Question("timeline", QuestionParameters()))
        guard case .events(let listing) = answer else { throw Failure() }
        return listing.events
    }

    private static func taken(_ events: some EventSequence) throws -> [String] {
        var events = events
        var taken: [String] = []
        while let step = try events.next() {
            if case .event(let listed) = step { taken.append("\(listed.id)") }
        }
        return taken
    }

    @Test(arguments: 0...10)
    func eachEventIsGivenOnce(left: Int) throws {
        let all = try Self.taken(RecoveringEvents(try Self.events()) { nil })
        #expect(all.count == 10)
        let recovered = RecoveringEvents(Failing(events: try Self.events(), left: left)) {
            try Self.events()
        }
        #expect(try Self.taken(recovered) == all)
    }

    @Test func whatIsNotTheSameIsNotGoneOnWith() throws {
        let unknown = RecoveringEvents(Failing(events: try Self.events(), left: 3)) { nil }
        #expect(throws: Failure.self) { try Self.taken(unknown) }
        // As many events, but others.
        let other = RecoveringEvents(Failing(events: try Self.events(), left: 3)) {
            try Self.events("0")
        }
        #expect(throws: QuestionError.self) { try Self.taken(other) }
        // It fails once more.
        let twice = RecoveringEvents(Failing(events: try Self.events(), left: 3)) {
            Failing(events: try Self.events(), left: 4)
        }
        #expect(throws: Failure.self) { try Self.taken(twice) }
    }
}
