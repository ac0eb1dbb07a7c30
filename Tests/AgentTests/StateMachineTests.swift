import Causality
import Shipping
import SimulatedHistories
import Testing

@testable import Agent

@Suite struct CommitScheduleTests {
    private static let settings = CommitSchedule.Settings(
        commitSeconds: 0.1, segmentBytesMax: 4 << 20, segmentSecondsMax: 600,
        dataBytesMax: 64 << 20)

    private static func schedule() -> CommitSchedule { CommitSchedule(settings, now: 0) }

    @Test func whatWasReadIsCommittedAfterItsTimeOrAtItsCost() {
        var schedule = Self.schedule()
        #expect(schedule.next(now: 0) == .read)
        schedule.handle(.read(cost: 1), now: 1)
        #expect(schedule.next(now: 1.05) == .read)
        schedule.handle(.read(cost: 2), now: 1.05)
        #expect(schedule.next(now: 1.11) == .commit, "the time runs from what was read first")
        schedule.handle(.committed(segmentBytes: 100), now: 1.11)
        #expect(schedule.next(now: 1.12) == .read)
        schedule.handle(.read(cost: Limits.commitCostMax), now: 1.12)
        #expect(schedule.next(now: 1.12) == .commit && !schedule.mayRead)
    }

    @Test func nothingIsWorthTellingEveryTenSeconds() {
        var schedule = Self.schedule()
        #expect(schedule.next(now: 9.9) == .read)
        #expect(schedule.next(now: 10) == .commit)
        schedule.handle(.committed(segmentBytes: 100), now: 10)
        #expect(schedule.next(now: 19.9) == .read && schedule.next(now: 20) == .commit)
    }

    @Test func aSegmentIsSealedBySizeByAgeWithOneMebibyteAndByDay() {
        var schedule = Self.schedule()
        schedule.handle(.read(cost: 1), now: 0)
        schedule.handle(.committed(segmentBytes: Self.settings.segmentBytesMax), now: 0)
        #expect(schedule.next(now: 0) == .seal)
        schedule.handle(.sealed, now: 0)
        #expect(schedule.next(now: 0) == .read)
        for (bytes, due) in [(Limits.segmentBytesMin - 1, 86_400.0), (Limits.segmentBytesMin, 600)]
        {
            var schedule = Self.schedule()
            schedule.handle(.committed(segmentBytes: bytes), now: 0)
            schedule.handle(.committed(segmentBytes: bytes), now: due - 1)
            #expect(schedule.next(now: due - 1) == .read)
            #expect(schedule.next(now: due) == .seal, "\(bytes) bytes")
        }
    }

    @Test func itHoldsWhenItsShareIsUsedUpAndSealsWhenTheDiskIsFull() {
        var schedule = Self.schedule()
        schedule.handle(.kept(bytes: 64 << 20), now: 1)
        #expect(schedule.next(now: 1) == .hold && schedule.isFull)
        schedule.handle(.kept(bytes: 1), now: 2)
        #expect(schedule.next(now: 2) == .read)
        schedule.handle(.committed(segmentBytes: 100), now: 2)
        schedule.handle(.read(cost: 5), now: 2)
        schedule.handle(.failed(isDiskFull: true), now: 3)
        #expect(schedule.next(now: 3) == .seal)
        schedule.handle(.sealFailed, now: 3)
        #expect(schedule.next(now: 3.5) != .seal)
        #expect(schedule.next(now: 4) == .seal)
        // Another failure is tried again, and not sealed.
        var other = Self.schedule()
        other.handle(.committed(segmentBytes: 100), now: 2)
        other.handle(.read(cost: 5), now: 2)
        other.handle(.failed(isDiskFull: false), now: 3)
        #expect(other.next(now: 3.5) == .read && other.next(now: 4) == .commit)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>) func anyOrderOfEvents(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var schedule = Self.schedule()
        var (now, told, cost, kept) = (0.0, 0.0, 0, 0)
        var (isPending, isDiskFull, segment) = (false, false, 0)
        for _ in 0..<400 {
            now += [0, 0.01, 0.2, 5, 400].randomElement(using: &random)!
            switch schedule.next(now: now) {
            case .read:
                #expect(cost < Limits.commitCostMax && kept < Self.settings.dataBytesMax, "\(seed)")
                guard Bool.random(using: &random) else { break }
                cost += Int.random(in: 1...Limits.commitCostMax, using: &random)
                isPending = true
                schedule.handle(.read(cost: cost), now: now)
            case .commit:
                #expect(isPending || now - told >= Limits.quietSecondsMax, "seed \(seed)")
                if Int.random(in: 0..<4, using: &random) == 0 {
                    let isFull = Bool.random(using: &random)
                    schedule.handle(.failed(isDiskFull: isFull), now: now)
                    if isFull, segment > 0 { isDiskFull = true }
                } else {
                    segment += Int.random(in: 1...2 << 20, using: &random)
                    (cost, isPending, told) = (0, false, now)
                    schedule.handle(.committed(segmentBytes: segment), now: now)
                }
            case .seal:
                #expect(segment > 0 && (!isPending || isDiskFull), "seed \(seed)")
                if Int.random(in: 0..<4, using: &random) == 0 {
                    schedule.handle(.sealFailed, now: now)
                } else {
                    if isPending {
                        schedule.forget()
                        (cost, isPending) = (0, false)
                    }
                    (segment, isDiskFull) = (0, false)
                    schedule.handle(.sealed, now: now)
                }
            case .hold:
                #expect(!schedule.mayRead)
                kept = 0
                schedule.handle(.kept(bytes: 0), now: now)
            }
            if Int.random(in: 0..<30, using: &random) == 0 {
                kept = Int.random(in: 0...100 << 20, using: &random)
                schedule.handle(.kept(bytes: kept), now: now)
            }
        }
    }
}

@Suite struct ShippingQueueTests {
    private static func entry(
        _ number: UInt64, bytes: Int = 100, isSealed: Bool = true, acknowledged: Int? = nil
    ) -> SegmentIndex.Entry {
        SegmentIndex.Entry(
            id: Identity128(high: 0, low: number), path: "\(number)", durableByteCount: bytes,
            isSealed: isSealed, acknowledged: acknowledged)
    }

    /// Whatever goes wrong in whatever order: everything is shipped, oldest first, and only what is shipped is deleted.
    @Test(arguments: 1...100 as ClosedRange<UInt64>) func anyOrderOfOutcomes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var queue = ShippingQueue()
        var entries = (1...6 as ClosedRange<UInt64>).map { Self.entry($0, isSealed: $0 < 6) }
        var remote: [Identity128: Int] = [:]
        var now = 0.0
        for step in 0..<2_000 {
            let isCalm = step > 1_000
            let action = queue.next(entries, now: now)
            var (outcome, id): (ShippingQueue.Outcome?, Identity128?) = (nil, nil)
            let fails = !isCalm && Int.random(in: 0..<3, using: &random) == 0
            switch action {
            case .wait(let until):
                #expect(until > now, "seed \(seed)")
                now = isCalm ? max(until, now + 200) : until
            case .ask(let asked):
                id = asked
                outcome = .has(bytes: remote[asked] ?? 0, isOurs: true)
            case .send(let sent, let from, let to):
                let index = entries.firstIndex { $0.id == sent }!
                #expect(
                    entries[..<index].allSatisfy { $0.isShipped || $0.retrySeconds != nil },
                    "seed \(seed): oldest first")
                #expect(
                    from == entries[index].acknowledged && to <= entries[index].durableByteCount)
                id = sent
                if from == remote[sent] ?? 0 {
                    let end = fails ? from : Int.random(in: from + 1...to, using: &random)
                    remote[sent] = end
                    outcome = .has(bytes: end, isOurs: true)
                } else {
                    outcome = .failed(.wrongOffset(expected: remote[sent] ?? 0))
                }
            case .delete(let deleted):
                let index = entries.firstIndex { $0.id == deleted }!
                #expect(
                    entries[index].isSealed && remote[deleted] == 100 && index < entries.count - 1)
                outcome = fails ? .cannotDelete : .deleted
                if !fails { entries.remove(at: index) }
            case .renewIdentity: outcome = fails ? .cannotRenew : .renewed
            case .stop: Issue.record("nobody asked for it")
            }
            if fails, id != nil {
                outcome = [
                    .failed(.unreachable("")), .failed(.busy("", retryAfterSeconds: 3)),
                    .failed(.refused(status: 422, "")), .failed(.notContinuation("")), .unreadable,
                    .has(bytes: 1_000, isOurs: true), .has(bytes: 5, isOurs: false),
                ].randomElement(using: &random)!
            }
            guard let outcome else { continue }
            let index = entries.firstIndex { $0.id == id }
            let changed = queue.handle(
                outcome, of: index.map { entries[$0] }, now: now, using: &random)
            if let changed, let index { entries[index] = changed }
        }
        #expect(entries.count == 1 && entries.allSatisfy { $0.isShipped }, "seed \(seed)")
    }

    /// One that is refused again and again keeps no other one waiting.
    @Test func eachRefusedSegmentIsTriedAgainInItsTime() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        var entries = [
            Self.entry(1, acknowledged: 0), Self.entry(2, acknowledged: 0),
            Self.entry(3, acknowledged: 0),
        ]
        var tries: [Int: [Double]] = [:]
        var now = 0.0
        while now < 2_000 {
            switch queue.next(entries, now: now) {
            case .wait(let until): now = until
            case .send(let id, _, _):
                let number = Int(id.low)
                tries[number, default: []].append(now)
                let outcome: ShippingQueue.Outcome =
                    number == 3 ? .unreadable : .failed(.refused(status: 422, ""))
                entries[number - 1] = queue.handle(
                    outcome, of: entries[number - 1], now: now, using: &random)!
            default: Issue.record("nothing else is to be done")
            }
        }
        #expect(tries[1]!.count == 4 && tries[2]!.count == 4)
        #expect(zip(tries[1]!, tries[1]!.dropFirst()).allSatisfy { (600...610).contains($1 - $0) })
        #expect(tries[3]!.count > 90)
    }

    @Test func whoIsNotReachedIsLeftAloneForAWhileThatGrows() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        let entries = [Self.entry(1)]
        var (now, longest) = (0.0, 0.0)
        for _ in 0..<30 {
            guard case .ask = queue.next(entries, now: now) else {
                Issue.record("not asked at \(now)")
                return
            }
            _ = queue.handle(.failed(.unreachable("")), of: entries[0], now: now, using: &random)
            guard case .wait(let until) = queue.next(entries, now: now) else {
                Issue.record("no wait at \(now)")
                return
            }
            longest = max(longest, until - now)
            now = until
        }
        #expect(!queue.isReachable && longest > 1)
        _ = queue.handle(.has(bytes: 0, isOurs: true), of: entries[0], now: now, using: &random)
        #expect(queue.isReachable)
    }

    @Test func aRefusedOneIsTriedAgainAfterTenMinutesAndKeepsNobodyWaiting() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        var entries = [Self.entry(1, acknowledged: 0), Self.entry(2, acknowledged: 0)]
        entries[0] = queue.handle(
            .failed(.refused(status: 422, "")), of: entries[0], now: 5, using: &random)!
        #expect(queue.next(entries, now: 5) == .send(entries[1].id, from: 0, to: 100))
        entries[1].acknowledged = 100
        guard case .wait = queue.next(entries, now: 604.9) else {
            Issue.record("too early")
            return
        }
        #expect(queue.next(entries, now: 605) == .send(entries[0].id, from: 0, to: 100))
    }

    /// A copy of the machine may have brought it there, with other bytes of as many.
    @Test func howFarTheCollectorIsDoesNotTellWhoseBytesItHas() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        var entries = [Self.entry(1, acknowledged: 50)]
        #expect(queue.next(entries, now: 0) == .send(entries[0].id, from: 50, to: 100))
        entries[0] = queue.handle(
            .failed(.wrongOffset(expected: 100)), of: entries[0], now: 0, using: &random)!
        #expect(!entries[0].isShipped)
        guard case .wait(let until) = queue.next(entries, now: 0) else {
            Issue.record("tried again at once")
            return
        }
        #expect(queue.next(entries, now: until) == .ask(entries[0].id))
        _ = queue.handle(
            .has(bytes: 100, isOurs: false), of: entries[0], now: until, using: &random)
        #expect(queue.next(entries, now: until) == .renewIdentity)
    }

    @Test func whenAskedToStopItShipsWhatItCanAndStops() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        var entries = [Self.entry(1, acknowledged: 0)]
        queue.stop(now: 0)
        #expect(queue.next(entries, now: 1) == .send(entries[0].id, from: 0, to: 100))
        entries[0].acknowledged = 100
        #expect(queue.next(entries, now: 1) == .stop)
        entries[0].acknowledged = 0
        #expect(queue.next(entries, now: Double(Limits.drainSecondsMax)) == .stop)
        var other = ShippingQueue()
        other.stop(now: 0)
        _ = other.handle(.failed(.unreachable("")), of: entries[0], now: 1, using: &random)
        #expect(other.next(entries, now: 1) == .stop)
    }
}

@Suite struct ShippingWaitTests {
    private static func entry(isSealed: Bool = true) -> SegmentIndex.Entry {
        SegmentIndex.Entry(
            id: Identity128(high: 0, low: 1), path: "1", durableByteCount: 100, isSealed: isSealed,
            acknowledged: 100)
    }

    @Test func itWaitsUntilTheFirstThingThatIsDue() {
        var random = SeededGenerator(seed: 1)
        var queue = ShippingQueue()
        let (shipped, last) = (Self.entry(), Self.entry(isSealed: false))
        #expect(queue.next([last], now: 5) == .wait(until: 5 + Limits.shipLookSeconds))
        _ = queue.handle(.cannotDelete, of: shipped, now: 5, using: &random)
        #expect(queue.next([shipped, last], now: 5) == .wait(until: 5 + Limits.retrySeconds))
        #expect(
            queue.next([shipped, last], now: 5 + Limits.retrySeconds) == .delete(shipped.id))
        // Asked to stop while it cannot take a new identity: no longer than it may.
        var other = ShippingQueue()
        var waiting = last
        waiting.acknowledged = 0
        other.stop(now: 0)
        let end = Double(Limits.drainSecondsMax)
        _ = other.handle(.cannotRenew, of: waiting, now: end - 0.001, using: &random)
        #expect(other.next([waiting], now: end - 0.001) == .wait(until: end))
    }

    // The limits of these two are there to end a test that would sleep for an hour, not to time
    // it: tests that wait for programs share its threads, and held it for a minute on a slow machine.
    @Test(.timeLimit(.minutes(15))) func whatRangBeforeTheSleepOrInItEndsIt() async {
        let alarm = Alarm()
        alarm.ring()
        await alarm.sleep(seconds: 3_600)
        let sleeping = Task { await alarm.sleep(seconds: 3_600) }
        alarm.ring()
        await sleeping.value
        let cancelled = Task { await alarm.sleep(seconds: 3_600) }
        cancelled.cancel()
        await cancelled.value
        await alarm.sleep(seconds: 0)
    }

    /// What is made durable is shipped at once, however long the shipper meant to wait.
    @Test(.timeLimit(.minutes(15))) func whatIsCommittedWakesTheShipper() async throws {
        let folder = DataFolder()
        var log = try SegmentLog.opened(folder.path) { _ in }
        let grown = log.index.grown
        for number in 1...3 as ClosedRange<UInt64> {
            try log.commit(
                EventBatch([SegmentLogTests.event(number)], of: SegmentLogTests.key),
                [SegmentLogTests.checkpoint(number)], now: WallTime(nanoseconds: Int64(number)))
            await grown.sleep(seconds: 3_600)
        }
        try log.seal()
        await grown.sleep(seconds: 3_600)
    }
}

@Suite struct FileIdentityTests {
    private static func known(
        _ number: UInt64, _ path: String = "/a.log", inode: UInt64, device: UInt64 = 1,
        generation: UInt64 = 1, offset: UInt64 = 100, isFinished: Bool = false,
        isFollowed: Bool = false
    ) -> FileIdentity.Known {
        FileIdentity.Known(
            number: number, path: path, key: FileKey(device: device, inode: inode),
            generation: generation, offset: offset, isFinished: isFinished, isFollowed: isFollowed)
    }

    private static func verdict(
        _ known: [FileIdentity.Known], _ path: String = "/a.log", inode: UInt64,
        device: UInt64 = 1, bytes: Int = 200, isPattern: Bool = false, like: Set<UInt64> = [],
        isTwin: Bool = false
    ) -> FileIdentity.Verdict {
        var identity = FileIdentity()
        for file in known { identity.known[file.number] = file }
        return identity.verdict(
            FileIdentity.Found(
                path: path, key: FileKey(device: device, inode: inode), byteCount: bytes),
            isPattern: isPattern, beginsLike: { like.contains($0) }, isTwin: { isTwin })
    }

    @Test func aFileIsWhatItsBeginningSays() {
        #expect(Self.verdict([], inode: 5) == .new(generation: 1, after: nil))
        let followed = Self.known(1, inode: 5, isFollowed: true)
        #expect(Self.verdict([followed], inode: 5) == .settled)
        #expect(Self.verdict([followed], "/a.log.1", inode: 5) == .settled, "renamed")
        let left = Self.known(1, inode: 5)
        #expect(Self.verdict([left], inode: 5, like: [1]) == .resume(1, isMoved: false))
        #expect(
            Self.verdict([left], "/a.log.1", inode: 5, like: [1]) == .resume(1, isMoved: false))
        #expect(
            Self.verdict([left], inode: 5, device: 9, like: [1]) == .resume(1, isMoved: true),
            "a device that was renumbered")
        #expect(Self.verdict([left], inode: 5) == .seekRest(1), "an inode that is another file's")
        #expect(Self.verdict([left], inode: 5, bytes: 50, like: [1]) == .seekRest(1), "cut")
        let read = Self.known(1, inode: 5, isFinished: true)
        #expect(Self.verdict([read], inode: 5, bytes: 100, like: [1]) == .settled)
        #expect(Self.verdict([read], inode: 5, like: [1]) == .resume(1, isMoved: false), "grown")
        #expect(Self.verdict([read], inode: 5) == .new(generation: 2, after: 1), "reused")
        #expect(Self.verdict([read], inode: 6) == .new(generation: 2, after: 1))
    }

    @Test func copiesAreNotReadTwice() {
        let followed = Self.known(1, inode: 5, isFollowed: true)
        let found = Self.verdict([followed], "/a.log.1", inode: 6, isPattern: true, like: [1])
        #expect(found == .copy)
        let twin = Self.verdict([followed], "/a.log.1", inode: 6, isPattern: true, isTwin: true)
        #expect(twin == .copy)
        #expect(
            Self.verdict([followed], "/b.log", inode: 6, like: [1], isTwin: true)
                == .new(generation: 1, after: nil), "by its own name it is wanted")
        #expect(
            Self.verdict([followed], "/b.log", inode: 6, bytes: 0, isPattern: true, isTwin: true)
                == .new(generation: 1, after: nil), "an empty one is nobody's copy")
    }

    @Test func placesInANumberedRow() {
        #expect(FileIdentity.place("api.log.3", from: "api.log") == 3)
        #expect(FileIdentity.place("api.log", from: "api.log") == nil)
        #expect(FileIdentity.place("api.log.gz", from: "api.log") == nil)
        #expect(FileIdentity.isRotated("api.log-2024", from: "api.log"))
        #expect(!FileIdentity.isRotated("api.logs", from: "api.log"))
        #expect(FileIdentity.missing(before: 1, present: []) == 0)
        #expect(FileIdentity.missing(before: 4, present: [2, 4]) == 2)
        #expect(FileIdentity.missing(before: 4, present: [1, 2, 3, 4]) == 0)
    }

    @Test func whenARenamedFileIsFinished() {
        func isFinished(_ seconds: Double, _ successors: Int, isReadToEnd: Bool = true) -> Bool {
            FileIdentity.isFinished(
                quietSeconds: seconds, isReadToEnd: isReadToEnd, successors: successors)
        }
        #expect(!isFinished(1, 1) && isFinished(2, 1) && !isFinished(0.1, 2) && isFinished(0.2, 2))
        #expect(!isFinished(100, 5, isReadToEnd: false))
    }
}
