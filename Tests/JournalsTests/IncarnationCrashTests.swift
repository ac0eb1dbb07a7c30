import Causality
import Disks
import Glibc
import Journals
import Testing

@Suite("Incarnations: on a disk that crashes")
struct IncarnationCrashTests {
    /// Whatever is torn when the power fails at any call.
    @Test("no number is given twice, and one can always be given")
    func noNumberIsGivenTwice() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var dice = Dice(state: seed)
        var seen: Set<Int> = []
        for call in 1...80 {
            let disk = SimulatedDisk()
            let spool = SpoolFolder("/spool", disk: disk)
            let incarnations = Incarnations(spool, execution: "main", process: "api")
            var last = 0
            for round in 1...3 {
                disk.fail(fromCall: disk.counts.calls + call * round, with: EIO)
                do throws(JournalError) {
                    for _ in 0..<4 {
                        let run = Identity128(using: &dice)
                        let (given, before) = try incarnations.next(
                            for: run, isKeptByName: false, in: spool)
                        #expect(Int(given.incarnation) > last, "call \(call), seed \(seed)")
                        #expect(
                            Int(before?.incarnation ?? 0) >= last, "call \(call), seed \(seed)")
                        last = Int(given.incarnation)
                    }
                } catch {
                    // The power is gone.
                }
                disk.crash(tearing: &dice)
            }
            let run = Identity128(using: &dice)
            let next = try incarnations.next(for: run, isKeptByName: false, in: spool)
            #expect(Int(next.given.incarnation) > last, "call \(call), seed \(seed)")
            seen.insert(last)
        }
        #expect(seen.contains(0) && seen.count > 5)
    }

    /// One call fails: the device does, or the program has no file to spare.
    @Test("whatever fails once, no number is given twice", arguments: [EIO, EMFILE, ENOMEM])
    func noNumberIsGivenTwiceWhereOneCallFails(code: Int32) throws {
        var failures = 0
        for call in 1...40 {
            let disk = SimulatedDisk()
            let spool = SpoolFolder("/spool", disk: disk)
            let incarnations = Incarnations(spool, execution: "main", process: "api")
            for number in 1...2 as ClosedRange<UInt64> {
                let run = Identity128(high: 1, low: number)
                _ = try incarnations.next(for: run, isKeptByName: false, in: spool)
            }
            disk.fail(call: disk.counts.calls + call, with: code)
            do throws(JournalError) {
                let run = Identity128(high: 1, low: 3)
                let next = try incarnations.next(for: run, isKeptByName: false, in: spool)
                #expect(next.given.incarnation == 3, "call \(call)")
            } catch {
                failures += 1
            }
            disk.stopFailing()
            let run = Identity128(high: 1, low: 4)
            let next = try incarnations.next(for: run, isKeptByName: false, in: spool)
            #expect([3, 4].contains(next.given.incarnation), "call \(call)")
        }
        #expect((3..<40).contains(failures))
    }

    @Test("a folder whose name could not be synced is synced before the first number is used")
    func noNumberIsLostWithItsFolder() throws {
        var failures = 0
        for call in 1...40 {
            let disk = SimulatedDisk()
            let spool = SpoolFolder("/spool", disk: disk)
            let incarnations = Incarnations(spool, execution: "main", process: "api")
            func next(_ run: UInt64) throws(JournalError) -> UInt32 {
                try incarnations.next(
                    for: Identity128(high: 1, low: run), isKeptByName: false, in: spool
                ).given.incarnation
            }
            disk.fail(call: disk.counts.calls + call, with: EIO)
            do throws(JournalError) { _ = try next(1) } catch { failures += 1 }
            disk.stopFailing()
            let given = try next(2)
            disk.crashLosingAllUnsynced()
            #expect(try next(3) > given, "call \(call)")
        }
        #expect(failures > 5)
    }

    @Test("where an incarnation ended is noted as a whole, or not at all")
    func lastEvent() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var dice = Dice(state: seed)
        for call in 1...20 {
            let disk = SimulatedDisk()
            let spool = SpoolFolder("/spool", disk: disk)
            let incarnations = Incarnations(spool, execution: "main", process: "api")
            let run = Identity128(high: 1, low: 2)
            let given = try incarnations.next(for: run, isKeptByName: false, in: spool).given
            var last = Incarnations.Last(
                incarnation: given.incarnation, run: run, origin: .nothing, sequence: 7,
                clock: [RunKey(bits: 3): 4], isComplete: true, isEndKnown: true)
            try incarnations.note(last, in: spool)
            #expect(incarnations.last == last)
            let before = last
            last.sequence = 8
            disk.fail(fromCall: disk.counts.calls + call, with: EIO)
            let isNoted = (try? incarnations.note(last, in: spool)) != nil
            disk.crash(tearing: &dice)
            let found = incarnations.last
            #expect(found == last || (!isNoted && found == before), "call \(call), seed \(seed)")
        }
    }
}

/// Random numbers that follow from a seed.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
