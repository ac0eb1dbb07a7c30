import Archiving
import Causality
import HappensBefore
import Parts
import Querying
import Synchronization

/// Drops what is older than a rule allows, or more: whole slices of an execution, the oldest first. Where an execution has none
/// that ends there, one is cut that does.
struct Retention {
    private let execution: String
    private let store: ArchiveStore
    private let now: WallTime
    private let cancellation: Cancellation
    /// A slice that is cut has no more events than this, about.
    private let sliceEventsMax: Int
    /// Whether what follows from the events was found out anew.
    fileprivate var isFoundAnew = false
    /// What the execution took before it was dropped from.
    private var lastByteCount = Int.max

    init(
        _ execution: String, in store: ArchiveStore, now: WallTime, sliceEventsMax: Int,
        _ cancellation: Cancellation
    ) {
        self.execution = execution
        self.store = store
        self.now = now
        self.sliceEventsMax = sliceEventsMax
        self.cancellation = cancellation
    }

    /// What became of it.
    enum Outcome: Hashable, Sendable {
        /// Nothing is to be dropped before so many nanoseconds have passed, unless what comes is old; nil: nothing has a time.
        case nothing(for: Int64?)
        case dropped
        /// What follows from the events was found out anew first: it may be possible now.
        case again
        /// Something should be, and cannot be now.
        case cannot(String)
    }

    /// Wall times that are this far in the future, in nanoseconds, are nobody's: a clock was wrong.
    private var latest: Int64 {
        let (latest, isTooMuch) = now.nanoseconds.addingReportingOverflow(
            Limits.skewNanosecondsMax)
        return isTooMuch ? .max : latest
    }

    // MARK: By age

    /// Drops the events whose wall times are before a moment. What has none goes with what comes after it.
    ///
    /// - Parameter slack: Seconds by which an event may be older before a slice is cut for its sake: to cut costs as much as to
    ///   read what is cut.
    mutating func drop(before moment: WallTime, slack: Int64, because rule: String) throws
        -> Outcome
    {
        let slices = try store.archive.orders(of: execution).slices
        guard let files = store.open(slices, of: execution) else { return try findAnew() }
        var old = 0
        var first: ClosedRange<Int64>?
        for (index, slice) in slices.enumerated() where !slice.isTombstone {
            guard let times = try files[index].times(upTo: latest) else { continue }
            guard times.upperBound < moment.nanoseconds else {
                first = times
                break
            }
            old = index + 1
        }
        if old > 0 {
            return try bury(Array(slices[..<old]), because: rule) { times in
                times.first ?? .max < moment.nanoseconds ? moment.nanoseconds : nil
            }
        }
        let tolerated = moment.nanoseconds.subtractingReportingOverflow(
            slack * 1_000_000_000
        ).partialValue
        func distance(_ a: Int64, _ b: Int64) -> Int64 {
            let (difference, isTooMuch) = a.subtractingReportingOverflow(b)
            return isTooMuch ? .max : max(0, difference)
        }
        if let first, first.lowerBound >= tolerated {
            let whole = distance(first.upperBound, moment.nanoseconds)
            return .nothing(for: min(whole, distance(first.lowerBound, tolerated)))
        }
        let below = Array(slices.prefix { $0.isTombstone })
        // To cut takes away all slices above: a few are soon derived again, and many are better waited for.
        // A clock that is far ahead keeps a slice from ever becoming old.
        let isHeldBack = first.map { $0.upperBound >= latest } ?? false
        guard isHeldBack || slices.count - below.count <= Limits.slicesDerivedAgainMax else {
            return .nothing(for: nil)
        }
        var oldest: Int64?
        let outcome = try cut(above: below, because: rule) { times in
            oldest = times.first
            guard let oldest, oldest < tolerated else { return nil }
            return moment.nanoseconds
        }
        guard case .nothing = outcome else { return outcome }
        // What is old and cannot be cut off will not be soon.
        guard let oldest, oldest >= tolerated else { return .nothing(for: nil) }
        return .nothing(for: distance(oldest, tolerated))
    }

    // MARK: By size

    /// Drops the oldest events until the execution takes no more bytes than that, about.
    mutating func drop(toBytes bytesMax: Int, because rule: String) throws -> Outcome {
        let byteCount = try store.archive.byteCount(of: execution)
        // What does not become less by dropping is not dropped.
        guard byteCount > bytesMax, byteCount < lastByteCount else { return .nothing(for: nil) }
        lastByteCount = byteCount
        let (slices, taken) = try store.archive.orders(of: execution)
        let below = slices.prefix { $0.isTombstone }
        let dropped = below.last?.taken ?? 0
        let kept = taken - dropped
        let excess = Int(
            (Double(byteCount - bytesMax) / Double(byteCount) * Double(kept)).rounded(.up))
        let count = slices.dropFirst(below.count).prefix { $0.taken - dropped <= excess }.count
        func moment(_ times: [Int64]) -> Int64? {
            times.isEmpty ? nil : times[min(excess, times.count / 2)]
        }
        if count > 0 {
            return try bury(
                Array(slices[..<(below.count + count)]), because: rule, orAt: moment)
        }
        return try cut(above: Array(below), because: rule, at: moment)
    }

    // MARK: Steps

    /// Cuts a slice of the lowest events above some files, and drops it with these.
    ///
    /// - Parameter moment: Of the wall times of these events, ascending, the first that stays; nil where nothing is to be dropped.
    private mutating func cut(
        above below: [OrderSlice], because rule: String, at moment: ([Int64]) -> Int64?
    ) throws -> Outcome {
        var slicing = try Slicing(
            execution, on: below, in: store, store.archive.revision, eventsMax: sliceEventsMax)
        switch try slicing.cut(upTo: latest, at: moment, cancellation) {
        case .nothing: return .nothing(for: nil)
        case .cannot(let why): return .cannot(why)
        case .contradiction: return try buryUncut(because: rule, at: moment)
        case .cut(let slices): return try bury(slices, because: rule, orAt: moment)
        }
    }

    /// Has what follows from the events found out anew, once: what there is does not hold, or cannot be read.
    fileprivate mutating func findAnew() throws -> Outcome {
        if isFoundAnew {
            return .cannot("what follows from its events has to be found out first")
        }
        isFoundAnew = true
        lastByteCount = .max
        let patience = Patience(
            now: now, readUpTo: try store.readUpTo(), eventsMin: 1)
        try store.keepOrder(
            of: execution, eventsMin: 0, sliceEventsMax: sliceEventsMax, patience,
            surveysFiles: true, cancellation: cancellation)
        return .again
    }

    /// Drops the first events of each process by itself, where no cut is consistent: then nothing of their order stays known, and
    /// what is kept is as if they were missing. In memory for all of the execution.
    private mutating func buryUncut(
        because rule: String, at moment: ([Int64]) -> Int64?
    ) throws -> Outcome {
        let revision = store.archive.revision
        let slices = try store.archive.orders(of: execution).slices
        for _ in 0..<3 {
            let graph = try store.graph(of: execution, cancellation)
            guard graph.isUndamaged else { return .cannot("some of it cannot be read") }
            let history = graph.history
            let times = history.timesAbove(upTo: latest)
            guard let moment = moment(times) else { return .nothing(for: nil) }
            let span = moment...max(moment, latest)
            // What is there twice is merged sooner or later; then it can be cut.
            let taken = try store.archive.taken(of: execution)
            if !isFoundAnew, case .cut = history.frontier(awaiting: { _ in nil }),
                history.countEvents() == taken
            {
                return try findAnew()
            }
            let lasts = history.lasts(before: span)
            guard !lasts.isEmpty else { return .nothing(for: nil) }
            try store.archive.beginBurying(
                execution,
                upTo: Dictionary(
                    lasts.map { ($0.process.identity, $0.last) }, uniquingKeysWith: max))
            defer { store.archive.endBurying() }
            // What came meanwhile would be dropped without having been looked at.
            let now = try store.graph(of: execution, cancellation).history.lasts(before: span)
            guard now.elementsEqual(lasts, by: { $0 == $1 }) else { continue }
            return try bury(
                lasts, newest: times.last { $0 < moment }, because: rule, instead: slices, revision)
        }
        return .cannot("more came meanwhile")
    }

    private func bury(
        _ lasts: [(process: ProcessKey, last: UInt64, count: Int)], newest: Int64?,
        because rule: String, instead slices: [OrderSlice], _ revision: Int
    ) throws -> Outcome {
        let dropped = Set(lasts.map(\.process.identity))
        let before = try store.dropped(of: execution).filter {
            !dropped.contains($0.process.identity)
        }
        let old = try store.archive.tombstone(of: execution)
        let tombstone = Tombstone(
            time: now, eventCount: (old?.eventCount ?? 0) + lasts.reduce(0) { $0 + $1.count },
            newest: Self.later(old?.newest, newest.map { WallTime(nanoseconds: $0) }), rule: rule)
        let contents = OrderFileContents(
            tombstone, of: execution, upTo: lasts.map { ($0.process, $0.last) } + before)
        return try store.archive.bury(
            contents, instead: slices, revision: revision,
            uncounted: lasts.reduce(0) { $0 + $1.count })
            ? .dropped : .cannot("it changed meanwhile")
    }

    private static func later(_ a: WallTime?, _ b: WallTime?) -> WallTime? {
        [a, b].compactMap { $0 }.max { $0.nanoseconds < $1.nanoseconds }
    }

    /// Puts a tombstone in the place of the lowest slices.
    ///
    /// - Parameter moment: Where nothing can go on from them: what `cut` says.
    private mutating func bury(
        _ slices: [OrderSlice], because rule: String, orAt moment: ([Int64]) -> Int64?
    ) throws -> Outcome {
        let revision = store.archive.revision
        guard let files = store.open(slices, of: execution) else { return try findAnew() }
        let floor = FiledExecution(files, try ArchiveRows(execution, store)).index
        var lasts: [Identity128: UInt64] = [:]
        for process in 0..<floor.processCount {
            let facts = try floor.facts(of: process)
            guard let key = facts.key, facts.count > 0 else { continue }
            lasts[key.identity] = facts.last
        }
        try store.archive.beginBurying(execution, upTo: lasts)
        defer { store.archive.endBurying() }
        // All that is here of these numbers must be in the files.
        guard try store.filed(execution, cancellation) != nil else {
            store.archive.endBurying()
            return try isFoundAnew ? buryUncut(because: rule, at: moment) : findAnew()
        }
        var newest: Int64?
        for file in files {
            if let time = try file.times(upTo: latest)?.upperBound {
                newest = max(time, newest ?? time)
            }
        }
        let old = try store.archive.tombstone(of: execution)
        let isOldInFloor = slices.first?.isTombstone == true
        let tombstone = Tombstone(
            time: now,
            eventCount: floor.eventCount + (isOldInFloor ? 0 : old?.eventCount ?? 0),
            newest: Self.later(old?.newest, newest.map { WallTime(nanoseconds: $0) }), rule: rule)
        let contents = try OrderFileContents(tombstone, of: floor, check: cancellation.check)
        guard let contents else { return try buryUncut(because: rule, at: moment) }
        return try store.archive.bury(contents, instead: slices, revision: revision)
            ? .dropped : .cannot("it changed meanwhile")
    }
}

extension ArchiveStore {
    /// What became of looking for what is not to be kept.
    package struct Retained: Hashable, Sendable {
        package var hasDropped = false
        /// What was to be dropped and could not be.
        package var problem: String?
        /// Nanoseconds before which nothing will be old enough that is here now; nil where nothing has a time.
        package var restsFor: Int64?
    }

    /// Drops what a rule does not keep of an execution, a slice or some at a time, until there is nothing more to drop.
    /// O(events that are dropped), at worst, and blocks of the execution.
    package func retain(
        _ execution: String, _ rule: RetentionRule, now: WallTime,
        sliceEventsMax: Int = Limits.sliceEventsMax, _ cancellation: Cancellation = .never
    ) throws -> Retained {
        var retention = Retention(
            execution, in: self, now: now, sliceEventsMax: sliceEventsMax, cancellation)
        var retained = Retained()
        /// What follows from the events may turn out to be damaged where it is read: then it is found out anew, once.
        func mending(_ step: () throws -> Retention.Outcome) throws -> Retention.Outcome {
            do {
                return try step()
            } catch let damage as PartError {
                guard case .damaged = damage else { throw damage }
                // What the events are that it follows from cannot be read either.
                guard !retention.isFoundAnew else { return .cannot("\(damage)") }
                return try retention.findAnew()
            }
        }
        func all(_ step: () throws -> Retention.Outcome) throws {
            for _ in 0..<Limits.dropsAtOnceMax {
                try cancellation.check()
                switch try mending(step) {
                case .nothing(let time):
                    retained.restsFor = time
                    return
                case .cannot(let why):
                    retained.problem = why
                    return
                case .again: continue
                case .dropped: retained.hasDropped = true
                }
            }
            retained.restsFor = 0
        }
        if let bytes = rule.bytes {
            try all { try retention.drop(toBytes: bytes, because: rule.bytesText) }
        }
        guard let seconds = rule.seconds, retained.problem == nil else { return retained }
        let rest = retained.restsFor
        let (moment, isTooEarly) = now.nanoseconds.subtractingReportingOverflow(
            seconds * 1_000_000_000)
        guard !isTooEarly else { return retained }
        try all {
            try retention.drop(
                before: WallTime(nanoseconds: moment), slack: seconds / Limits.slackShare,
                because: rule.ageText)
        }
        if let rest { retained.restsFor = min(rest, retained.restsFor ?? rest) }
        return retained
    }
}
