import SimulatedHistories
import Testing

@testable import HappensBefore

/// What was learned along a process, step by step, in a dictionary for each position.
private struct SlowKnowledge {
    private(set) var log: KnowledgeLog
    /// By position from the start on: all that is known there.
    private(set) var clocks: [[Int: UInt64]] = []
    /// What was known once, after so many steps.
    private(set) var checkpoints: [(clock: IndexedClock, count: Int)] = []
    let start: Int

    /// - Parameter start: The position of the first event; what the one before it knows is known.
    init(start: Int, events: Int, others: Int, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        self.start = start
        var known: [Int: UInt64] = [:]
        if start > 0 {
            for other in 0..<others where Int.random(in: 0..<3, using: &random) == 0 {
                known[3 * other] = UInt64.random(in: 1...50, using: &random)
            }
        }
        let keys = known.map { EventKey(process: $0.key, sequence: $0.value) }
        log = KnowledgeLog(from: IndexedClock(keys), at: start - 1)
        var board = ClockBoard(count: 3 * others)
        for position in start..<start + events {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                // One by one, more than once of the same, and sometimes less than is known.
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    let other = 3 * Int.random(in: 0..<others, using: &random)
                    let before = known[other] ?? 0
                    let isWide = Int.random(in: 0..<20, using: &random) == 0
                    let value =
                        before
                        + UInt64.random(
                            in: 0...(isWide ? 1 << 40 : 9), using: &random)
                    #expect(
                        log.rise(other, to: value, at: position) == (before == 0 && value > 0))
                    if value > 0 { known[other] = value }
                }
            case 1:
                // All that another one knows.
                var seen: [EventKey] = []
                for other in 0..<others where Int.random(in: 0..<2, using: &random) == 0 {
                    let value = UInt64.random(in: 1...UInt64(20 + position), using: &random)
                    seen.append(EventKey(process: 3 * other, sequence: value))
                }
                board.lay(IndexedClock(seen))
                if let first = seen.first {
                    board.remove(first.process)
                    seen.removeFirst()
                }
                var greeted: [Int] = []
                log.rise(to: board, at: position) { greeted.append($0) }
                #expect(
                    greeted.sorted() == seen.map(\.process).filter { known[$0] == nil }.sorted())
                for key in seen { known[key.process] = max(known[key.process] ?? 0, key.sequence) }
            default: break
            }
            clocks.append(known)
            if position % 50 == 0 { checkpoints.append((log.clock, log.count)) }
        }
    }

    var positions: Range<Int> { start..<start + clocks.count }

    func known(at position: Int) -> [Int: UInt64] { clocks[position - start] }
}

extension IndexedClock {
    fileprivate var entries: [Int: UInt64] {
        Dictionary(uniqueKeysWithValues: keys.map { ($0.process, $0.sequence) })
    }
}

@Suite struct KnowledgeTests {
    @Test(arguments: [(1, 0, 12), (2, 7, 12), (3, 100, 60)] as [(UInt64, Int, Int)])
    func aLogTellsWhatWasKnownAnywhere(seed: UInt64, start: Int, others: Int) {
        let slow = SlowKnowledge(start: start, events: 300, others: others, seed: seed)
        var board = ClockBoard(count: 3 * others)
        for position in slow.positions {
            let known = slow.known(at: position)
            let clock = slow.log.clock(at: position)
            #expect(clock.entries == known)
            #expect(zip(clock.others, clock.others.dropFirst()).allSatisfy { $0 < $1 })
            let count = slow.log.count(through: position)
            for later in slow.checkpoints + [(slow.log.clock, slow.log.count)]
            where later.count >= count {
                slow.log.lay(at: position, on: &board, from: later)
                let laid = (0..<3 * others).map { board.value(of: $0) }
                #expect(laid == (0..<3 * others).map { known[$0] ?? 0 })
            }
        }
        #expect(slow.checkpoints.count > 3)
        #expect(slow.log.clock(at: start - 2).count == 0)
    }

    @Test(arguments: [(4, 0, 12), (5, 7, 12), (6, 100, 60)] as [(UInt64, Int, Int)])
    func aTableTellsTheSame(seed: UInt64, start: Int, others: Int) {
        let slow = SlowKnowledge(start: start, events: 300, others: others, seed: seed)
        let table = KnowledgeTable(slow.log)
        for position in slow.positions {
            #expect(table.clock(at: position).entries == slow.known(at: position))
        }
        for other in 0..<3 * others {
            let steps = table.steps(of: other)
            #expect(zip(table.positions[steps], table.positions[steps].dropFirst()).allSatisfy(<))
            #expect(
                zip(steps, steps.dropFirst()).allSatisfy { table.values[$0] < table.values[$1] })
            for value in [1, 2, 17, 60, 200, 1 << 39] as [UInt64] {
                let before = start > 0 && slow.log.floor[other] >= value ? start - 1 : nil
                let first = slow.positions.first { slow.known(at: $0)[other] ?? 0 >= value }
                #expect(table.firstPosition(of: other, reaching: value) == before ?? first)
            }
        }
        // Of what was known at the start it may leave out the steps, and nothing else.
        let rises = KnowledgeTable(slow.log, hasStart: false)
        #expect(rises.positions.count == table.count(from: start))
        #expect(table.positions.count == rises.positions.count + slow.log.floor.count)
        #expect(table.value(of: 1, at: start + 100) == 0)
    }

    @Test(arguments: [(7, 0), (8, 40)] as [(UInt64, Int)])
    func aRangeOfItKnowsWhatWasKnownBefore(seed: UInt64, start: Int) {
        let slow = SlowKnowledge(start: start, events: 300, others: 15, seed: seed)
        let table = KnowledgeTable(slow.log)
        for (first, end) in [(0, 300), (0, 1), (100, 101), (37, 250), (299, 300), (50, 50)] {
            let range = start + first..<start + end
            let log = slow.log.restricted(to: range)
            let restricted = table.restricted(to: range)
            let before = range.lowerBound - 1
            for position in range {
                #expect(log.clock(at: position).entries == slow.known(at: position))
                #expect(restricted.clock(at: position).entries == slow.known(at: position))
            }
            #expect(restricted.clock(at: before).entries == log.floor.entries)
            let rises = KnowledgeTable(log, hasStart: false)
            #expect(restricted.count(from: range.lowerBound) == rises.positions.count)
            #expect(restricted.positions.allSatisfy { $0 >= before && $0 < range.upperBound })
        }
    }
}
