import Causality
import SimulatedHistories
import Testing

@testable import Querying

/// What failures have to do with each other, against looks at all pairs of what truly happened.
@Suite struct FailuresTests {
    private static func numbers(_ table: NumberTable) -> [(groups: [String], count: Int)] {
        table.lines.map { line in
            guard case .count(let count) = line.number else { return (line.groups, -1) }
            return (line.groups, count)
        }
    }

    @Test(arguments: [0, 5], 1...12 as ClosedRange<UInt64>)
    func cascadesBeginWhereNoneIsBefore(lossPercent: Int, seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: lossPercent)
        let naive = try QueryTests.Naive(world)
        for asked in ["x", "w"] {
            for process in ["", " && process != p1"] {
                let failures = naive.events.filter {
                    $0.text == asked && (process.isEmpty || $0.id.process.description != "p1")
                }
                let table = try QueryTests.table(
                    "{ text = \(asked)\(process) } | cascade", world.store)
                let roots = failures.filter { one in
                    !failures.contains { naive.isBefore($0, one) }
                }
                let counts = Dictionary(
                    uniqueKeysWithValues: roots.map { root in
                        (
                            root.id.description,
                            failures.count { naive.isBefore(root, $0) }
                        )
                    })
                let comment = "seed \(seed), \(lossPercent) %: \(asked)\(process)"
                let found = Self.numbers(table)
                for (groups, count) in found {
                    let most = try #require(counts[groups[0]], "\(comment): \(groups) is no root")
                    #expect(count <= most, "\(comment): \(groups)")
                    if lossPercent == 0 { #expect(count == most, "\(comment): \(groups)") }
                }
                guard lossPercent == 0 else { continue }
                #expect(found.count == roots.count && table.doubtful == 0, "\(comment)")
                #expect(found.map(\.count) == found.map(\.count).sorted(by: >), "\(comment)")
            }
        }
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func clustersShareWhatHappenedBefore(seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: 0)
        let naive = try QueryTests.Naive(world)
        for seconds in [0, 2, 5, 9, 30] {
            let failures = naive.events.filter { $0.text == "w" }
            /// What happened shortly before each.
            let pasts = failures.map { failure in
                Set(
                    naive.events.filter {
                        ($0.id == failure.id || naive.isBefore($0, failure))
                            && naive.moments[failure.id]! - naive.moments[$0.id]! <= seconds
                    }.map(\.id))
            }
            var groups = pasts.indices.map { Set([$0]) }
            for (one, past) in pasts.enumerated() {
                for other in 0..<one where !past.isDisjoint(with: pasts[other]) {
                    let (a, b) = (
                        groups.firstIndex { $0.contains(one) }!,
                        groups.firstIndex { $0.contains(other) }!
                    )
                    guard a != b else { continue }
                    groups[a].formUnion(groups[b])
                    groups.remove(at: b)
                }
            }
            let table = try QueryTests.table(
                "{ text = w } | clusters within \(seconds)s", world.store)
            let found = Self.numbers(table).map(\.count)
            let comment = "seed \(seed), \(seconds) s: \(table.completeness.remark ?? "")"
            #expect(found.reduce(0, +) == failures.count, "\(comment)")
            #expect(found.count >= groups.count, "\(comment)")
            guard let remark = table.completeness.remark else {
                #expect(found == groups.map(\.count).sorted(by: >), "\(comment)")
                continue
            }
            let least = remark.split(separator: " ").compactMap { Int($0) }.last!
            #expect(least <= groups.count && found.count > least, "\(comment)")
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func comparisonsAreOfShares(seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: 0)
        for (base, isMeant) in [
            ("{}", { _ in true }), ("{} | { text != z }", { $0.text != "z" }),
            ("{ text != z }", { $0.text != "z" }), ("{ text = x } | past | { text != z }", nil),
        ] as [(String, ((Event) -> Bool)?)] {
            let table = try QueryTests.table("\(base) | compare({ text = x })", world.store)
            guard let isMeant else {
                #expect(!table.lines.isEmpty)
                continue
            }
            let events = world.here.filter(isMeant)
            let (selected, rest) = (
                events.filter { $0.text == "x" }, events.filter { $0.text != "x" }
            )
            var differences: [String: Double] = [:]
            for k in 0..<5 {
                func share(_ events: [Event]) -> Double {
                    Double(events.count { $0.attributes.first?.value.text == "\(k)" })
                        / Double(events.count)
                }
                differences["\(k)"] = share(selected) - share(rest)
            }
            for line in table.lines where line.groups[0] == "k" {
                guard case .number(let number) = line.number else { continue }
                #expect(abs(number - differences[line.groups[1]]!) < 0.001, "seed \(seed): \(line)")
            }
            let sizes = table.lines.map(\.number.size.magnitude)
            #expect(sizes == sizes.sorted(by: >))
            #expect(
                table.completeness.remark
                    == "\(selected.count) events are selected, \(rest.count) the rest")
        }
    }

    @Test func limitsAreWhereTheySay() throws {
        func events(_ count: Int, keys: Int = 0) -> MemoryStore {
            let events = (0..<count).map { number in
                var event = AnsweringTests.event("a", UInt64(number + 1), number == 0 ? "x" : "y")
                event.attributes = (0..<keys).map { Attribute("k\(number)-\($0)", .text("1")) }
                return event
            }
            return MemoryStore(events: [events])
        }
        let clusters = "{} | clusters within 5s"
        let most = try QueryTests.table(clusters, events(Limits.clusteredEventsMax))
        #expect(Self.numbers(most).reduce(0) { $0 + $1.count } == Limits.clusteredEventsMax)
        #expect(throws: QuestionError.self) {
            try QueryTests.table(clusters, events(Limits.clusteredEventsMax + 1))
        }
        let compare = "{} | compare({ text = x })"
        let (count, keys) = (Limits.comparedFieldsMax / 100, 100)
        #expect(throws: Never.self) { try QueryTests.table(compare, events(count, keys: keys)) }
        #expect(throws: QuestionError.self) {
            try QueryTests.table(compare, events(count + 1, keys: keys))
        }
    }

    /// What has a value of its own in each event tells nothing, and is said to be left out.
    @Test func comparisonsLeaveOutWhatHasVeryManyValues() throws {
        func table(_ count: Int) throws -> NumberTable {
            let events = (1...UInt64(count)).map { number in
                var event = AnsweringTests.event("a", number, number % 2 == 0 ? "x" : "y")
                event.attributes = [
                    Attribute("order", .text("\(number)")),
                    Attribute("shard", .text("\(number % 2)")),
                ]
                return event
            }
            return try QueryTests.table("{} | compare({ text = x })", MemoryStore(events: [events]))
        }
        let few = try table(Limits.comparedValuesMax)
        #expect(few.lines.contains { $0.groups[0] == "order" })
        let many = try table(Limits.comparedValuesMax + 1)
        #expect(
            many.lines.map { $0.groups } == [["shard", "0", "1", "0"], ["shard", "1", "0", "1"]])
        #expect(many.completeness.remark?.hasSuffix("values: order") == true)
    }
}
