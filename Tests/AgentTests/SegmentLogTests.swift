import Causality
import Disks
import Foundation
import Glibc
import Journals
import Segments
import Testing

@testable import Agent

final class DataFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lightcone-agent-\(UUID().uuidString)"
    ).path
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var segments: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path + "/segments")) ?? []).filter {
            $0.hasSuffix(".lcseg")
        }
        .sorted().map { "\(path)/segments/\($0)" }
    }
}

extension SegmentLog {
    static func opened(
        _ path: String, disk: any Disk = RealDisk(), warn: (String) -> Void
    ) throws -> SegmentLog {
        try SegmentLog(
            path, host: "h",
            identities: {
                var random = SystemRandomNumberGenerator()
                return Identity128(using: &random)
            }, disk: disk, warn: warn)
    }
}

extension SourceCheckpoint {
    fileprivate var offset: UInt64 {
        if case .file(let file) = progress { file.offset } else { 0 }
    }
}

@Suite struct SegmentLogTests {
    static let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "a"))

    static func event(_ sequence: UInt64) -> Event {
        Event(
            id: EventID(key.process, sequence), text: "event \(sequence)",
            clock: VectorClock([key.process: sequence]))
    }

    static func checkpoint(_ offset: UInt64, number: UInt64 = 1) -> SourceCheckpoint {
        SourceCheckpoint(
            number: number,
            .file(
                FileProgress(
                    path: "/a.log", generation: number, device: 1, inode: number, offset: offset,
                    fingerprint: ContentHash(), readerState: [])), isFinished: false)
    }

    static func events(_ path: String, on disk: any Disk = RealDisk()) throws -> [UInt64] {
        var scanner = try SegmentScanner(disk.open(path, .read))
        var sequences: [UInt64] = []
        while let item = try scanner.next() {
            if case .frame(let frame) = item { sequences += try frame.causality().sequences }
        }
        return sequences
    }

    /// A crash at any byte: the events that are there are exactly those that the checkpoint covers.
    @Test func cutAtEveryByteEventsAndCheckpointAgree() throws {
        let folder = DataFolder()
        do {
            var log = try SegmentLog.opened(folder.path) { _ in }
            for commit in 0..<4 as Range<UInt64> {
                let events = (1...3 as ClosedRange<UInt64>).map { Self.event(3 * commit + $0) }
                try log.commit(
                    EventBatch(events, of: Self.key), [Self.checkpoint(3 * commit + 3)],
                    now: WallTime(nanoseconds: 1))
            }
        }
        let bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: try #require(folder.segments.first))))
        var seen: Set<Int> = []
        for cut in 0...bytes.count {
            let crashed = DataFolder()
            try RealDisk().make(folder: crashed.path + "/segments")
            try RealDisk().open(crashed.path + "/segments/s.lcseg", .write).write(
                Array(bytes[..<cut]), at: 0)
            let log = try SegmentLog.opened(crashed.path) { _ in }
            let offset = log.checkpoints.values.first?.offset ?? 0
            let events = try crashed.segments.flatMap { try Self.events($0) }
            #expect(events.count == Int(offset), "cut at \(cut)")
            #expect(
                events == Array(1...UInt64(max(events.count, 1))).prefix(events.count).map { $0 })
            seen.insert(events.count)
            // What recovery leaves is whole and sealed.
            for path in crashed.segments {
                var scanner = try SegmentScanner(RealDisk().open(path, .read))
                while let item = try scanner.next() {
                    if case .damage(let damage) = item { Issue.record("cut at \(cut): \(damage)") }
                }
                let isSealed = scanner.isSealed
                #expect(isSealed)
            }
        }
        #expect(seen == [0, 3, 6, 9, 12])
    }

    /// An agent that dies of its disk leaves bytes that can be read and are not on the device: what the next one takes for durable
    /// has to be.
    @Test func whatASuccessorFindsSurvivesAPowerFailure() throws {
        var counts: Set<Int> = []
        for call in 1...40 {
            let disk = SimulatedDisk()
            try disk.make(folder: "/data")
            do {
                var log = try SegmentLog.opened("/data", disk: disk) { _ in }
                disk.fail(fromCall: disk.counts.calls + call, with: EIO)
                for number in 1...4 as ClosedRange<UInt64> {
                    try log.commit(
                        EventBatch([Self.event(number)], of: Self.key), [Self.checkpoint(number)],
                        now: WallTime(nanoseconds: 1))
                }
            } catch is DiskError {
                // It dies.
            }
            disk.stopFailing()
            func events() throws -> [UInt64] {
                let log = try SegmentLog.opened("/data", disk: disk) { _ in }
                return try log.index.all.flatMap { try Self.events($0.path, on: disk) }
            }
            let found = try events()
            disk.crashLosingAllUnsynced()
            #expect(try events() == found, "call \(call)")
            counts.insert(found.count)
        }
        #expect(counts == [0, 1, 2, 3, 4])
    }

    /// Whatever is torn when the power fails at any call: what was committed is there, and nothing that is half committed.
    @Test func whateverCallThePowerFailsAtCommitsStay() throws {
        var random = SystemRandomNumberGenerator()
        let seed = UInt64.random(in: 0 ... .max, using: &random)
        var dice = Dice(state: seed)
        var seen: Set<Int> = []
        for call in 1...60 {
            let disk = SimulatedDisk()
            try disk.make(folder: "/data")
            disk.fail(fromCall: disk.counts.calls + call, with: EIO)
            var committed = 0
            do {
                var log = try SegmentLog.opened("/data", disk: disk) { _ in }
                for commit in 0..<4 as Range<UInt64> {
                    let events = (1...3 as ClosedRange<UInt64>).map { Self.event(3 * commit + $0) }
                    try log.commit(
                        EventBatch(events, of: Self.key), [Self.checkpoint(3 * commit + 3)],
                        now: WallTime(nanoseconds: 1))
                    committed += 3
                    try log.seal()
                }
            } catch is DiskError {
                // The power is gone.
            }
            disk.crash(tearing: &dice)
            let log = try SegmentLog.opened("/data", disk: disk) { _ in }
            let events = try log.index.all.flatMap { try Self.events($0.path, on: disk) }
            #expect(events.count >= committed, "call \(call), seed \(seed)")
            #expect(
                events == (0..<events.count).map { UInt64($0 + 1) }, "call \(call), seed \(seed)")
            let offset = Int(log.checkpoints.values.first?.offset ?? 0)
            #expect(events.count == offset, "call \(call), seed \(seed)")
            seen.insert(committed)
        }
        #expect(seen == [0, 3, 6, 9, 12])
    }

    @Test func aNewSegmentRepeatsAllCheckpoints() throws {
        let folder = DataFolder()
        var log = try SegmentLog.opened(folder.path) { _ in }
        try log.commit(
            EventBatch([Self.event(1)], of: Self.key), [Self.checkpoint(1)],
            now: WallTime(nanoseconds: 1))
        try log.seal()
        let other = Self.checkpoint(7, number: 2)
        try log.commit(EventBatch(), [other], now: WallTime(nanoseconds: 3))
        #expect(log.index.all.map(\.isSealed) == [true, false])
        for entry in log.index.all {
            log.index.update(entry.id) { $0.acknowledged = $0.durableByteCount }
        }
        let disposable = SegmentIndex.disposable(log.index.all)
        #expect(disposable.count == 1, "the last segment stays, though it is acknowledged")
        try RealDisk().remove(file: disposable[0].path)
        let copy = DataFolder()
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        let again = try SegmentLog.opened(copy.path) { _ in }
        #expect(again.checkpoints.values.map(\.offset).sorted() == [1, 7])
        withExtendedLifetime(log.index) {}
    }

    @Test func aWallClockThatStepsBackDoesNotBringOldCheckpointsBack() throws {
        let folder = DataFolder()
        do {
            var log = try SegmentLog.opened(folder.path) { _ in }
            try log.commit(
                EventBatch([Self.event(1)], of: Self.key), [Self.checkpoint(1)],
                now: WallTime(nanoseconds: 1_000)
            )
            try log.seal()
            try log.commit(
                EventBatch([Self.event(2)], of: Self.key), [Self.checkpoint(2)],
                now: WallTime(nanoseconds: 10))
        }
        let again = try SegmentLog.opened(folder.path) { _ in }
        #expect(again.checkpoints.values.map(\.offset) == [2])
    }

    @Test func intactCommitsBehindDamageAreKeptAside() throws {
        let folder = DataFolder()
        do {
            var log = try SegmentLog.opened(folder.path) { _ in }
            for commit in 1...3 as ClosedRange<UInt64> {
                try log.commit(
                    EventBatch([Self.event(commit)], of: Self.key), [Self.checkpoint(commit)],
                    now: WallTime(nanoseconds: 1))
            }
        }
        let path = try #require(folder.segments.first)
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 0xff
        try RealDisk().open(path, .write).write(bytes, at: 0)
        var warnings: [String] = []
        let log = try SegmentLog.opened(folder.path) { warnings.append($0) }
        #expect(warnings.contains { $0.contains("damaged") })
        let aside = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + ".damaged")))
        #expect(aside == bytes)
        let kept = try Self.events(path)
        #expect(UInt64(kept.count) == log.checkpoints.values.first?.offset ?? 0)
    }

    private static func identity(_ path: String) throws -> Identity128? {
        var scanner = try SegmentScanner(RealDisk().open(path, .read))
        _ = try scanner.next()
        return scanner.header?.agent
    }

    /// What the collector has stays as it is; all else is shipped anew under the new identity.
    @Test func aNewIdentityLosesNothing() throws {
        let folder = DataFolder()
        var kept: [UInt64] = []
        do {
            var log = try SegmentLog.opened(folder.path) { _ in }
            for number in 1...3 as ClosedRange<UInt64> {
                try log.commit(
                    EventBatch([Self.event(number)], of: Self.key), [Self.checkpoint(number)],
                    now: WallTime(nanoseconds: Int64(number)))
                guard number < 3 else { continue }
                try log.seal()
            }
            try log.seal()
            let before = log.index.all
            let old = try Self.identity(before[0].path)
            log.index.update(before[0].id) { $0.acknowledged = $0.durableByteCount }
            try log.renewIdentity()
            let after = log.index.all
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
            try log.commit(
                EventBatch([Self.event(4)], of: Self.key), [Self.checkpoint(4)],
                now: WallTime(nanoseconds: 11))
            #expect(try Self.identity(#require(log.index.all.last).path) == new)
        }
        #expect(kept == [1, 2, 3])
        for path in folder.segments {
            var scanner = try SegmentScanner(RealDisk().open(path, .read))
            while let item = try scanner.next() {
                if case .damage(let damage) = item, !damage.isTail { Issue.record("\(damage)") }
            }
        }
        var warnings: [String] = []
        let again = try SegmentLog.opened(folder.path) { warnings.append($0) }
        #expect(warnings == [])
        #expect(again.checkpoints.values.map(\.offset) == [4])
        #expect(again.index.all.count == 4)
    }

    @Test func onlyOneAgentASpool() throws {
        let folder = DataFolder()
        let log = try SegmentLog.opened(folder.path) { _ in }
        #expect(throws: AgentError.self) {
            let second = try SegmentLog.opened(folder.path) { _ in }
            _ = second.index
        }
        _ = log.index
    }

    @Test(arguments: [0, 1, 56, 300]) func garbageInTheSpoolIsNoObstacle(count: Int) throws {
        let folder = DataFolder()
        try RealDisk().make(folder: folder.path + "/segments")
        try RealDisk().open(folder.path + "/segments/x.lcseg", .write).write(
            [UInt8](repeating: 7, count: count), at: 0)
        var warnings = 0
        var log = try SegmentLog.opened(folder.path) { _ in warnings += 1 }
        #expect(warnings == 1)
        try log.commit(
            EventBatch([Self.event(1)], of: Self.key), [Self.checkpoint(1)],
            now: WallTime(nanoseconds: 1))
    }

    /// An agent that starts on a full disk: only if it ships what it has, there will be room.
    @Test func anAgentStartsOnAFullDisk() throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/data")
        do {
            var log = try SegmentLog.opened("/data", disk: disk) { Issue.record("\($0)") }
            try log.commit(
                EventBatch([Self.event(1)], of: Self.key), [Self.checkpoint(1)],
                now: WallTime(nanoseconds: 1))
        }
        let spool = SpoolFolder("/spool", disk: disk)
        try spool.own()
        try spool.leave(hostName: "h")
        disk.capacity = disk.usedBytes
        try spool.own()
        try spool.leave(hostName: "h")
        let log = try SegmentLog.opened("/data", disk: disk) { Issue.record("\($0)") }
        #expect(log.index.all.map(\.isSealed) == [true])
        #expect(try log.index.all.flatMap { try Self.events($0.path, on: disk) } == [1])
    }

    /// A disk that is full: what was committed is shipped and deleted, and the agent goes on.
    @Test func aFullDiskIsNoDeadEnd() throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/data")
        var log = try SegmentLog.opened("/data", disk: disk) { Issue.record("\($0)") }
        #expect(try disk.status("/data/reserve")?.byteCount == Limits.reserveBytes)
        var sequence: UInt64 = 0
        func commit() throws(DiskError) {
            let event = Event(
                id: EventID(Self.key.process, sequence + 1),
                text: String(repeating: "\(sequence)", count: 50), clock: VectorClock())
            try log.commit(
                EventBatch([event], of: Self.key), [Self.checkpoint(sequence + 1)],
                now: WallTime(nanoseconds: 1))
            sequence += 1
        }
        try commit()
        for round in 0..<3 {
            disk.capacity =
                Limits.reserveBytes + 1_000 + log.index.all.reduce(0) { $0 + $1.durableByteCount }
            var failure: DiskError?
            while failure == nil {
                do throws(DiskError) { try commit() } catch { failure = error }
            }
            #expect(failure?.isDiskFull == true)
            // Nothing of the failed commit is left, and the segment is sealed by what the reserve gives up.
            try log.seal()
            #expect(log.index.all.allSatisfy { $0.isSealed })
            #expect(
                try log.index.all.flatMap { try Self.events($0.path, on: disk) }.last == sequence)
            // The first commit of the next segment: the collector may then delete the one before.
            try commit()
            for entry in log.index.all {
                log.index.update(entry.id) { $0.acknowledged = $0.durableByteCount }
            }
            for entry in SegmentIndex.disposable(log.index.all) {
                try disk.remove(file: entry.path)
                log.index.remove(entry.id)
            }
            #expect(log.index.all.count == 1, "round \(round)")
            log.keepReserve()
            try commit()
        }
        disk.capacity = nil
        log.keepReserve()
        #expect(try disk.status("/data/reserve")?.byteCount == Limits.reserveBytes)
    }

    @Test(arguments: ["", "\n", "garbage", "\u{0}\u{0}\u{0}", String(repeating: "f", count: 31)])
    func anIdentityThatCannotBeReadIsReplaced(text: String) throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/data")
        try disk.open("/data/agent-id", .write).write(Array(text.utf8), at: 0)
        var warnings: [String] = []
        var log = try SegmentLog.opened("/data", disk: disk) { warnings.append($0) }
        #expect(warnings.count == 1)
        try log.commit(
            EventBatch([Self.event(1)], of: Self.key), [Self.checkpoint(1)],
            now: WallTime(nanoseconds: 1))
        let file = try disk.open("/data/agent-id", .read).read(at: 0, count: 64)
        #expect(
            file.count == 33
                && Identity128(hex: String(decoding: file.prefix(32), as: UTF8.self)) != nil)
    }

    @Test func aWallClockAtItsEndIsNoObstacle() throws {
        let folder = DataFolder()
        for number in 1...3 as ClosedRange<UInt64> {
            var log = try SegmentLog.opened(folder.path) { _ in }
            for part in 0..<2 as Range<UInt64> {
                try log.commit(
                    EventBatch([Self.event(2 * number + part)], of: Self.key),
                    [Self.checkpoint(2 * number + part)], now: WallTime(nanoseconds: .max))
                try log.seal()
            }
        }
        #expect(folder.segments.count == 6)
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
