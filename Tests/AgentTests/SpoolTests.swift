import Causality
import Disks
import Foundation
import Glibc
import Segments
import Testing

@testable import Agent

final class SpoolFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lightcone-spool-\(UUID().uuidString)"
    ).path
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var segments: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/segments")) ?? []).filter {
            $0.hasSuffix(".lcseg")
        }
        .sorted().map { "\(path)/segments/\($0)" }
    }
}

extension Spool {
    static func opened(
        _ path: String, disk: any Disk = RealDisk(), warn: (String) -> Void
    ) throws -> Spool {
        try Spool(
            path, host: "h",
            identities: {
                var random = SystemRandomNumberGenerator()
                return Identity128(using: &random)
            }, disk: disk, warn: warn)
    }
}

@Suite struct SpoolTests {
    static let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "a"))

    static func event(_ sequence: UInt64) -> Event {
        Event(
            id: EventID(key.process, sequence), text: "event \(sequence)",
            clock: VectorClock([key.process: sequence]))
    }

    static func checkpoint(_ offset: UInt64) -> SourceCheckpoint {
        SourceCheckpoint(
            path: "/a.log", device: 1, inode: 2, offset: offset, line: offset, isFinished: false)
    }

    static func events(_ path: String, on disk: any Disk = RealDisk()) throws -> [UInt64] {
        var scanner = SegmentScanner(try disk.open(path, .read))
        var sequences: [UInt64] = []
        while let item = try scanner.next() {
            if case .block(let block) = item { sequences += try block.events().map(\.id.sequence) }
        }
        return sequences
    }

    /// A crash at any byte: the events that are there are exactly those that the checkpoint covers.
    @Test func cutAtEveryByteEventsAndCheckpointAgree() throws {
        let folder = SpoolFolder()
        do {
            var spool = try Spool.opened(folder.path) { _ in }
            for commit in 0..<4 as Range<UInt64> {
                let events = (1...3 as ClosedRange<UInt64>).map { Self.event(3 * commit + $0) }
                try spool.commit(
                    [Self.key: events], [Self.checkpoint(3 * commit + 3)],
                    now: WallTime(nanoseconds: 1))
            }
        }
        let bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: try #require(folder.segments.first))))
        var seen: Set<Int> = []
        for cut in 0...bytes.count {
            let crashed = SpoolFolder()
            try RealDisk().make(folder: crashed.path + "/segments")
            try RealDisk().open(crashed.path + "/segments/s.lcseg", .write).write(
                Array(bytes[..<cut]), at: 0)
            let spool = try Spool.opened(crashed.path) { _ in }
            let offset = spool.checkpoints.values.first?.offset ?? 0
            let events = try crashed.segments.flatMap { try Self.events($0) }
            #expect(events.count == Int(offset), "cut at \(cut)")
            #expect(
                events == Array(1...UInt64(max(events.count, 1))).prefix(events.count).map { $0 })
            seen.insert(events.count)
            // What recovery leaves is whole and sealed.
            for path in crashed.segments {
                var scanner = SegmentScanner(try RealDisk().open(path, .read))
                while let item = try scanner.next() {
                    if case .damage(let damage) = item { Issue.record("cut at \(cut): \(damage)") }
                }
                let isSealed = scanner.isSealed
                #expect(isSealed)
            }
        }
        #expect(seen == [0, 3, 6, 9, 12])
    }

    /// Whatever is torn when the power fails at any call: what was committed is there, and nothing that is half committed.
    @Test func whateverCallThePowerFailsAtCommitsStay() throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0 ... .max, using: &random)
        var dice = Dice(state: seed)
        var seen: Set<Int> = []
        for call in 1...60 {
            let disk = SimulatedDisk()
            try disk.make(folder: "/spool")
            disk.fail(fromCall: disk.counts.calls + call, with: EIO)
            var committed = 0
            do {
                var spool = try Spool.opened("/spool", disk: disk) { _ in }
                for commit in 0..<4 as Range<UInt64> {
                    let events = (1...3 as ClosedRange<UInt64>).map { Self.event(3 * commit + $0) }
                    try spool.commit(
                        [Self.key: events], [Self.checkpoint(3 * commit + 3)],
                        now: WallTime(nanoseconds: 1))
                    committed += 3
                    try spool.seal(now: WallTime(nanoseconds: 2), bytesMax: 2000, secondsMax: 9)
                }
            } catch is DiskError {
                // The power is gone.
            }
            disk.crash(tearing: &dice)
            let spool = try Spool.opened("/spool", disk: disk) { _ in }
            let events = try spool.index.all.flatMap { try Self.events($0.path, on: disk) }
            #expect(events.count >= committed, "call \(call), seed \(seed)")
            #expect(
                events == (0..<events.count).map { UInt64($0 + 1) }, "call \(call), seed \(seed)")
            let offset = Int(spool.checkpoints.values.first?.offset ?? 0)
            #expect(events.count == offset, "call \(call), seed \(seed)")
            seen.insert(committed)
        }
        #expect(seen == [0, 3, 6, 9, 12])
    }

    @Test func aNewSegmentRepeatsAllCheckpoints() throws {
        let folder = SpoolFolder()
        var spool = try Spool.opened(folder.path) { _ in }
        try spool.commit(
            [Self.key: [Self.event(1)]], [Self.checkpoint(1)], now: WallTime(nanoseconds: 1))
        try spool.seal(now: WallTime(nanoseconds: 2), bytesMax: 1, secondsMax: 1)
        var other = Self.checkpoint(7)
        other.inode = 3
        try spool.commit([:], [other], now: WallTime(nanoseconds: 3))
        #expect(spool.index.all.map(\.isSealed) == [true, false])
        for entry in spool.index.all {
            spool.index.update(entry.id) { $0.acknowledged = $0.durableByteCount }
        }
        let disposable = spool.index.disposable
        #expect(disposable.count == 1, "the last segment stays, though it is acknowledged")
        try RealDisk().remove(file: disposable[0].path)
        let copy = SpoolFolder()
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        let again = try Spool.opened(copy.path) { _ in }
        #expect(again.checkpoints.values.map(\.offset).sorted() == [1, 7])
        withExtendedLifetime(spool.index) {}
    }

    @Test func aWallClockThatStepsBackDoesNotBringOldCheckpointsBack() throws {
        let folder = SpoolFolder()
        do {
            var spool = try Spool.opened(folder.path) { _ in }
            try spool.commit(
                [Self.key: [Self.event(1)]], [Self.checkpoint(1)], now: WallTime(nanoseconds: 1_000)
            )
            try spool.seal(
                now: WallTime(nanoseconds: 1_000), bytesMax: 1, secondsMax: 1, always: true)
            try spool.commit(
                [Self.key: [Self.event(2)]], [Self.checkpoint(2)], now: WallTime(nanoseconds: 10))
        }
        let again = try Spool.opened(folder.path) { _ in }
        #expect(again.checkpoints.values.map(\.offset) == [2])
    }

    @Test func intactCommitsBehindDamageAreKeptAside() throws {
        let folder = SpoolFolder()
        do {
            var spool = try Spool.opened(folder.path) { _ in }
            for commit in 1...3 as ClosedRange<UInt64> {
                try spool.commit(
                    [Self.key: [Self.event(commit)]], [Self.checkpoint(commit)],
                    now: WallTime(nanoseconds: 1))
            }
        }
        let path = try #require(folder.segments.first)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 0xff
        try RealDisk().open(path, .write).write(bytes, at: 0)
        var warnings: [String] = []
        let spool = try Spool.opened(folder.path) { warnings.append($0) }
        #expect(warnings.contains { $0.contains("damaged") })
        let aside = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + ".damaged")))
        #expect(aside == bytes)
        let kept = try Self.events(path)
        #expect(UInt64(kept.count) == spool.checkpoints.values.first?.offset ?? 0)
    }

    private static func identity(_ path: String) throws -> Identity128? {
        var scanner = SegmentScanner(try RealDisk().open(path, .read))
        _ = try scanner.next()
        return scanner.header?.host
    }

    /// What the collector has stays as it is; all else is shipped anew under the new identity.
    @Test func aNewIdentityLosesNothing() throws {
        let folder = SpoolFolder()
        var kept: [UInt64] = []
        do {
            var spool = try Spool.opened(folder.path) { _ in }
            for number in 1...3 as ClosedRange<UInt64> {
                try spool.commit(
                    [Self.key: [Self.event(number)]], [Self.checkpoint(number)],
                    now: WallTime(nanoseconds: Int64(number)))
                guard number < 3 else { continue }
                try spool.seal(
                    now: WallTime(nanoseconds: 9), bytesMax: 1, secondsMax: 1, always: true)
            }
            let before = spool.index.all
            let old = try Self.identity(before[0].path)
            spool.index.update(before[0].id) { $0.acknowledged = $0.durableByteCount }
            try spool.renewIdentity(now: WallTime(nanoseconds: 10))
            let after = spool.index.all
            try #require(after.count == 3)
            #expect(after[0].id == before[0].id)
            #expect(try Self.identity(after[0].path) == old)
            #expect(Set(after.map(\.id)).count == 3 && after[1].id != before[1].id)
            #expect(after.allSatisfy { $0.isSealed })
            #expect(after.dropFirst().allSatisfy { $0.acknowledged == nil })
            let new = try Self.identity(after[1].path)
            #expect(new != old)
            #expect(try Self.identity(after[2].path) == new)
            kept = try after.flatMap { try Self.events($0.path) }
            // It goes on under it.
            try spool.commit(
                [Self.key: [Self.event(4)]], [Self.checkpoint(4)], now: WallTime(nanoseconds: 11))
            #expect(try Self.identity(#require(spool.index.all.last).path) == new)
        }
        #expect(kept == [1, 2, 3])
        for path in folder.segments {
            var scanner = SegmentScanner(try RealDisk().open(path, .read))
            while let item = try scanner.next() {
                if case .damage(let damage) = item, !damage.isTail { Issue.record("\(damage)") }
            }
        }
        var warnings: [String] = []
        let again = try Spool.opened(folder.path) { warnings.append($0) }
        #expect(warnings == [])
        #expect(again.checkpoints.values.map(\.offset) == [4])
        #expect(again.index.all.count == 4)
    }

    @Test func onlyOneAgentASpool() throws {
        let folder = SpoolFolder()
        let spool = try Spool.opened(folder.path) { _ in }
        #expect(throws: AgentError.self) {
            let second = try Spool.opened(folder.path) { _ in }
            _ = second.index
        }
        _ = spool.index
    }

    @Test(arguments: [0, 1, 56, 300]) func garbageInTheSpoolIsNoObstacle(count: Int) throws {
        let folder = SpoolFolder()
        try RealDisk().make(folder: folder.path + "/segments")
        try RealDisk().open(folder.path + "/segments/x.lcseg", .write).write(
            [UInt8](repeating: 7, count: count), at: 0)
        var warnings = 0
        var spool = try Spool.opened(folder.path) { _ in warnings += 1 }
        #expect(warnings == 1)
        try spool.commit(
            [Self.key: [Self.event(1)]], [Self.checkpoint(1)], now: WallTime(nanoseconds: 1))
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
