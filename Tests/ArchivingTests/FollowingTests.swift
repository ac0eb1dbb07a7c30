import Archiving
import Causality
import Collector
import Foundation
import HappensBefore
import Querying
import SimulatedHistories
import Testing

/// The matches of a pattern as somebody follows them in an archive, while it writes down what follows from its events, merges them,
/// and drops what is old.
@Suite struct FollowingTests {
    private static func tuples(
        _ query: String, _ store: ArchiveStore
    ) throws -> [(tuple: [EventID], isSure: Bool)] {
        let question = try Question("query", QuestionParameters(["q": [query]]))
        let answering = store.answering(Question.Options(execution: "main"))
        guard case .events(var listing) = try answering.answer(question) else { return [] }
        var tuples: [(tuple: [EventID], isSure: Bool)] = []
        while let step = try listing.events.next() {
            if case .match(let match) = step { tuples.append((ids(match), match.doubt == nil)) }
        }
        return tuples
    }

    private static func ids(_ match: Match) -> [EventID] {
        match.events.map { _, event in
            switch event {
            case .event(let listed): listed.id
            case .unreadable(let id): id
            }
        }
    }

    /// Whoever follows, and what was shown.
    private struct Reader {
        let parameters: QuestionParameters
        var live: LiveListing<ArchiveStore>
        var rows: [(tuple: [EventID], isSure: Bool)] = []
        var cursor: String?
        var now = ContinuousClock.now

        init(_ query: String) throws {
            parameters = QuestionParameters(["q": [query], "execution": ["main"]])
            live = LiveListing(try LiveRequest(parameters))
        }

        mutating func reconnect() throws {
            live = LiveListing(try LiveRequest(parameters, lastCursor: cursor))
        }

        mutating func read(_ store: ArchiveStore) throws {
            live.lookAgain()
            while true {
                let answering = store.answering(Question.Options(execution: "main"))
                switch try live.next(answering, at: now) {
                case .working: continue
                case .idle:
                    cursor = live.position?.text
                    return
                case .message(.events(let events, let cursor)):
                    for case .match(let match) in events.map(\.step) {
                        rows.append((FollowingTests.ids(match), match.doubt == nil))
                    }
                    self.cursor = cursor.text
                case .message(.note(let text)): Issue.record("\(text)")
                case .message(.waiting), .message(.givenUp): break
                }
            }
        }
    }

    @Test(
        arguments: [
            #"{ text =~ "7$" } -> { text =~ "2$" }"#, #"{ text =~ "7$" } ->1 { text =~ "2$" }"#,
            #"{ text =~ "7$" } || { text =~ "2$" } within 20s"#, #"{ text =~ "[1-7]$" } ~> {}"#,
            #"{ text =~ "7$" } !<- { text =~ "[1-3]2$" }"#,
        ], [1, 2] as [UInt64])
    func eachMatchComesOnce(query: String, seed: UInt64) throws {
        let (folder, plainFolder) = (ArchiveFolder(), ArchiveFolder())
        let archive = try Archive(folder.path, .readWrite)
        let plainArchive = try Archive(plainFolder.path, .readWrite)
        var store = ArchiveStore(archive)
        var random = SeededGenerator(seed: seed)
        let pieces = GrowingExecution(
            seed: seed, away: 3..<5, crashPerMille: 5, isSealed: true, events: 600
        ).pieces
        var reader = try Reader(query)
        try reader.read(store)
        for (number, piece) in pieces.enumerated() {
            try archive.append(piece)
            try plainArchive.append(piece)
            reader.now += .seconds(Int.random(in: 0...20, using: &random))
            if number % 5 == 4 {
                try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
            }
            if number == pieces.count / 2 || number == pieces.count - 6 {
                // What was shown before is dropped.
                let old = number == pieces.count / 2 ? 120 : 260
                let rule = try RetentionRule(age: "\(900 - old)s", bytes: nil)
                _ = try store.retain(
                    "main", rule, now: WallTime(nanoseconds: 900_000_000_000), sliceEventsMax: 100)
            }
            if number % 11 == 10 { try archive.mergeAll() }
            if Bool.random(using: &random) { try reader.read(store) }
            if Int.random(in: 0..<6, using: &random) == 0 {
                // As after a restart.
                store = ArchiveStore(archive)
                try reader.reconnect()
            }
        }
        for _ in 0..<8 {
            reader.now += .seconds(30)
            try reader.read(store)
        }
        let truth = try Self.tuples(query, ArchiveStore(plainArchive))
        let sure = Set(truth.filter(\.isSure).map(\.tuple))
        let shown = Set(reader.rows.map(\.tuple))
        #expect(shown.count == reader.rows.count, "a match came twice")
        for row in reader.rows where row.isSure { #expect(sure.contains(row.tuple), "\(row)") }
        let dropped = try store.dropped(of: "main").map {
            (key: $0.process, last: $0.last)
        }
        #expect(try #require(try archive.tombstone(of: "main")).eventCount > 20)
        let history = try store.graph(of: "main").history
        let lasts = Dictionary(
            uniqueKeysWithValues: history.processes.indices.compactMap {
                index -> (ProcessID, UInt64)? in
                guard let key = history.facts(of: index).key else { return nil }
                let last = dropped.first { $0.key.identity == key.identity }?.last ?? 0
                return (history.processes[index].id, last)
            })
        // What was dropped may have been before the last of its events came.
        let left = truth.filter { row in
            !shown.contains(row.tuple)
                && row.tuple.allSatisfy { $0.sequence > lasts[$0.process] ?? 0 }
        }
        #expect(left.isEmpty, "\(left.prefix(3)) of \(left.count)")
        #expect(shown.count > 2, "\(shown.count)")
    }
}
