import Causality
import SimulatedHistories
import Testing

@testable import Querying

/// Ready-made patterns against looks at all events and messages that truly happened.
@Suite struct MotifTests {
    /// What truly happened, as messages between positions of processes.
    struct Truth {
        let events: [Event]
        /// By send.
        var receipts: [EventID: [EventID]] = [:]
        var senders: [EventID: [EventID]] = [:]
        let texts: [EventID: String]

        init(_ naive: QueryTests.Naive) {
            events = naive.events
            texts = Dictionary(uniqueKeysWithValues: events.map { ($0.id, $0.text) })
            let named = Dictionary(
                uniqueKeysWithValues: events.map { (EventReference($0.id), $0.id) })
            for event in events {
                for cause in event.causes {
                    guard let from = named[cause.event],
                        from.process.name != event.id.process.name
                    else { continue }
                    receipts[from, default: []].append(event.id)
                    senders[event.id, default: []].append(from)
                }
            }
        }

        func isAny(_ event: EventID, _ texts: [String]) -> Bool {
            texts.contains(self.texts[event]!)
        }

        func responses(_ a: [String], _ b: [String]) -> Set<[EventID]> {
            var rows: Set<[EventID]> = []
            for (request, receivers) in receipts where isAny(request, a) {
                for received in receivers where isAny(received, b) {
                    let later = events.map(\.id).filter {
                        $0.process == received.process && $0.sequence > received.sequence
                    }.sorted { $0.sequence < $1.sequence }
                    for response in later where isAny(response, b) {
                        let answers = (receipts[response] ?? []).filter {
                            $0.process == request.process && isAny($0, a)
                        }
                        for answer in answers {
                            rows.insert([request, received, response, answer])
                        }
                        if !answers.isEmpty { break }
                    }
                }
            }
            return rows
        }

        /// Whether a process got, or sent, a message after one of its numbers and up to, or before, another.
        private func isBroken(
            _ process: ProcessID, _ from: UInt64, _ to: UInt64, isBroadcast: Bool
        ) -> Bool {
            (from...to).contains { number in
                let event = EventID(process, number)
                return isBroadcast
                    ? number > from && !(senders[event] ?? []).isEmpty
                    : number < to && !(receipts[event] ?? []).isEmpty
            }
        }

        func many(
            _ a: [String], _ b: [String], _ least: Int, isBroadcast: Bool
        ) -> Set<[EventID]> {
            var messages: [(sent: EventID, received: EventID)] = []
            for (sent, receivers) in receipts where isAny(sent, a) {
                for received in receivers where isAny(received, b) {
                    messages.append((sent, received))
                }
            }
            func own(_ message: (sent: EventID, received: EventID)) -> EventID {
                isBroadcast ? message.sent : message.received
            }
            var rows: Set<[EventID]> = []
            for message in messages {
                let event = own(message)
                let together = messages.filter { other in
                    let one = own(other)
                    return one.process == event.process
                        && !isBroken(
                            event.process, min(one.sequence, event.sequence),
                            max(one.sequence, event.sequence), isBroadcast: isBroadcast)
                }
                let others = Set(
                    together.map { isBroadcast ? $0.received.process : $0.sent.process })
                guard others.count >= least else { continue }
                rows.insert([message.sent, message.received])
            }
            return rows
        }
    }

    @Test(arguments: [0, 10], 1...15 as ClosedRange<UInt64>)
    func areWhatLooksAtAllMessagesFind(lossPercent: Int, seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: lossPercent)
        let truth = Truth(try QueryTests.Naive(world))
        let here = Set(world.here.map(\.id))
        let all = ["x", "y", "z", "w"]
        func text(_ texts: [String]) -> String {
            "{ text in (\(texts.joined(separator: ", "))) }"
        }
        for (a, b) in [(all, all), (["x", "y"], all), (["x", "y", "z"], ["x", "y", "w"])] {
            for (query, meant) in [
                ("request-response(\(text(a)), \(text(b)))", truth.responses(a, b)),
                (
                    "broadcast(\(text(a)), \(text(b)), 2)",
                    truth.many(a, b, 2, isBroadcast: true)
                ),
                ("gather(\(text(a)), \(text(b)), 2)", truth.many(a, b, 2, isBroadcast: false)),
            ] {
                let (tuples, doubts, isComplete) = try QueryTests.found(query, world.store)
                let comment = "seed \(seed), \(lossPercent) %: \(query)"
                let found = Set(tuples)
                #expect(found.count == tuples.count, "\(comment)")
                if lossPercent == 0 {
                    #expect(isComplete && doubts.allSatisfy { $0 == nil }, "\(comment)")
                }
                for (tuple, doubt) in zip(tuples, doubts) where doubt == nil {
                    #expect(meant.contains(tuple), "\(comment): \(tuple) is none")
                }
                for tuple in meant where tuple.allSatisfy(here.contains) {
                    #expect(
                        found.contains(tuple) || !isComplete, "\(comment): \(tuple) is missing")
                }
                let numbers = try QueryTests.table("\(query) | count()", world.store)
                let sure = doubts.count { $0 == nil }
                #expect(numbers.lines.map(\.number) == [.count(sure)], "\(comment)")
                let (last, _, _) = try QueryTests.found("\(query) | last 2", world.store)
                #expect(last == Array(tuples.suffix(2)), "\(comment)")
            }
        }
    }

    @Test func joinsAndSidesAreThoseOfOtherPatterns() throws {
        let event = AnsweringTests.event
        let store = MemoryStore(events: [
            [
                event("a", 1, "ask", [:]), event("a", 2, "ask", [:]),
                event("a", 3, "got", ["b": 2]), event("a", 4, "got", ["b": 4]),
            ],
            [
                event("b", 1, "take", ["a": 1]), event("b", 2, "give", ["a": 1]),
                event("b", 3, "take", ["a": 2]), event("b", 4, "give", ["a": 2]),
            ],
        ])
        func rows(_ rest: String) throws -> [[String]] {
            try QueryTests.found(
                "request-response({ process = a }, { process = b })\(rest)", store
            ).tuples.map { $0.map(\.description) }
        }
        let both = [["a:1", "b:1", "b:2", "a:3"], ["a:2", "b:3", "b:4", "a:4"]]
        #expect(try rows("") == both)
        #expect(try rows(" where request.seq = 2") == [both[1]])
        #expect(try rows(" where received.seq = request.seq select answered") == [["a:3"]])
        #expect(
            try QueryTests.events(
                "request-response({ process = a }, { process = b }) select response | past", store
            ).events.count == 5)
    }
}
