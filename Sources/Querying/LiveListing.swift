import Causality
import HappensBefore

/// An execution as somebody follows it: its events in causal order, each as soon as all that it has seen has been shown. What
/// has seen events that are not here waits for them, but not for ever: `Limits.awaitedSeconds`, or where their process never
/// reported or its agent is silent, `Limits.agentSilentSeconds`. What comes later still is shown late.
///
/// Of a pattern, its matches come, each with the last of its events (`LiveMatches`).
///
/// It holds a place in the execution and nothing that was not sent, but for the candidates of a pattern: who reads slowly costs no
/// memory.
/// It knows nothing of when something comes: whoever holds it says when to look again.
package struct LiveListing<Store: HistoryStore> {
    /// What a call has brought.
    package enum Turn {
        case message(LiveMessage)
        /// Nothing yet: there is more to look through.
        case working
        /// Nothing, until something comes or `due` is there.
        case idle
    }

    private var request: LiveRequest
    var cursor: LiveCursor?
    var pass: LivePass?
    private var looksAgain = true
    /// What is told before anything else.
    var messages: [LiveMessage] = []
    /// What is waited for, by process.
    private var awaited: [ProcessID: Awaited] = [:]
    /// By process: up to which number nothing is waited for; nil where that is still to be found out from what was shown.
    private var settled: [ProcessID: UInt64]?
    /// Of a pattern.
    private let kept: LiveCandidates?
    private var failures = 0
    /// When something is to be told, though nothing comes.
    package private(set) var due: ContinuousClock.Instant?

    private struct Awaited {
        var first: UInt64
        var since: ContinuousClock.Instant
        var isTold = false
    }

    package init(_ request: LiveRequest) {
        self.init(request, candidatesMax: Limits.liveCandidatesMax)
    }

    /// - Parameter candidatesMax: Events that the terms of a pattern may take.
    init(_ request: LiveRequest, candidatesMax: Int) {
        self.request = request
        kept = request.pattern.map { LiveCandidates($0, max: candidatesMax) }
        if case .cursor(let cursor) = request.start {
            self.cursor = cursor
        }
    }

    /// Where it has come to; nil where nothing is here yet.
    package var position: LiveCursor? { cursor }

    /// Something may have come.
    package mutating func lookAgain() { looksAgain = true }

    /// What comes next. Bounded work, but for finding out the order of what has come since the last time.
    ///
    /// - Parameter now: By the same clock each time.
    package mutating func next(
        _ answering: Answering<Store>, at now: ContinuousClock.Instant
    ) throws -> Turn {
        if !messages.isEmpty { return .message(messages.removeFirst()) }
        do {
            if pass == nil {
                guard looksAgain || due.map({ $0 <= now }) ?? false else { return .idle }
                try look(answering, now)
                if !messages.isEmpty { return .message(messages.removeFirst()) }
                if pass == nil { return looksAgain ? .working : .idle }
            }
            // What a turn has found that fails was sent to nobody: it comes again.
            let before = pass!.isWhole ? nil : cursor
            do {
                let turn = try takeTurn()
                failures = 0
                return turn
            } catch {
                cursor = before
                throw error
            }
        } catch let stopped as QuestionStopped {
            // What was shown stays so: the next look goes on from there, with time of its own.
            goOnFromCursor()
            switch stopped.reason {
            case .askerGone, .shuttingDown: throw stopped
            case .deadline, .events, .bytes, .heldBytes: return .working
            }
        } catch is OutdatedCandidates {
            goOnFromCursor()
            return .working
        } catch let error where !(error is QuestionError) {
            goOnFromCursor()
            failures += 1
            guard failures < Limits.liveFailuresMax else { throw error }
            return .working
        }
    }

    private mutating func goOnFromCursor() {
        (pass, looksAgain, settled) = (nil, true, nil)
        kept?.clear()
    }

    // MARK: What is shown

    private mutating func takeTurn() throws -> Turn {
        // Taken out, since what is held twice is copied.
        switch pass!.source.take()! {
        case .events(var events):
            defer { pass?.source = .events(events) }
            return try takeEvents(&events)
        case .matches(var matches):
            defer { pass?.source = .matches(matches) }
            return try takeMatches(&matches)
        }
    }

    private mutating func takeEvents(_ source: inout any EventSequence) throws -> Turn {
        let clock = ContinuousClock()
        let began = clock.now
        var events: [LiveEvent] = []
        var byteCount = 0
        while pass!.isWhole
            || events.count < Limits.liveEventsMax && byteCount < Limits.liveBytesMax
        {
            guard let step = try source.next() else {
                try pass!.finish(&cursor!)
                let isWhole = pass!.isWhole
                pass = nil
                return events.isEmpty && !isWhole ? .working : .message(.events(events, cursor!))
            }
            switch step {
            case .passed:
                guard !pass!.isWhole, clock.now - began > .milliseconds(Limits.liveMilliseconds)
                else { continue }
                return events.isEmpty ? .working : .message(.events(events, cursor!))
            case .event(let listed):
                byteCount += listed.byteCount
                events.append(pass!.show(step, listed.place, listed.sequence, &cursor!))
            case .unreadable(let id):
                guard let place = try pass!.place(id) else { continue }
                events.append(pass!.show(step, place, id.sequence, &cursor!))
            case .match: preconditionFailure("events are followed one by one")
            }
        }
        return .message(.events(events, cursor!))
    }

    // MARK: What there is

    private mutating func look(
        _ answering: Answering<Store>, _ now: ContinuousClock.Instant
    ) throws {
        looksAgain = false
        guard let name = try executionName(answering) else {
            if cursor == nil { try beginBeforeAll(answering) }
            return
        }
        let look: (any IndexedExecution) throws -> Look = { [self] execution in
            try looked(at: execution, answering, now)
        }
        // Where a file could not be read, what happened is found out from the events.
        let found =
            failures == 0
            ? try answering.asking(of: name, look) : try look(answering.loadGraph(name))
        cursor = found.cursor
        (pass, awaited, settled, due) = (found.pass, found.awaited, found.settled, found.due)
        messages = found.messages
        looksAgain = found.pass?.isLate ?? false
    }

    /// Nothing of the execution is here yet: all that comes is new.
    private mutating func beginBeforeAll(_ answering: Answering<Store>) throws {
        (request.start, settled) = (.all, [:])
        guard let execution = answering.options.execution else { return }
        cursor = LiveCursor(execution: execution)
        let others = try answering.executionNames()
        if !others.isEmpty {
            messages.append(
                .note(
                    "no execution “\(execution)” here yet: there is \(Answering<Store>.listed(others))"
                ))
        }
    }

    /// The execution that is meant; nil where it is not here yet.
    private func executionName(_ answering: Answering<Store>) throws -> String? {
        if let cursor {
            let isHere = try answering.executionNames().contains {
                ExactText.isSame($0, cursor.execution)
            }
            return isHere ? cursor.execution : nil
        }
        do {
            return try answering.execution()
        } catch let error as QuestionError where error.kind == .notFound {
            return nil
        }
    }

    /// What a look has found.
    private struct Look {
        var cursor: LiveCursor
        var pass: LivePass?
        var messages: [LiveMessage] = []
        var awaited: [ProcessID: Awaited] = [:]
        var settled: [ProcessID: UInt64] = [:]
        var due: ContinuousClock.Instant?

        mutating func isDue(_ time: ContinuousClock.Instant) {
            due = due.map { min($0, time) } ?? time
        }
    }

    private func looked(
        at execution: some IndexedExecution, _ answering: Answering<Store>,
        _ now: ContinuousClock.Instant
    ) throws -> Look {
        let index = execution.index
        let runs = try LiveRuns(index, request.selection, meant(index))
        guard !LiveCursor.isTooLong(runs: runs.meantCount, branches: runs.branchCount) else {
            throw QuestionError(
                .misuse,
                "\(runs.meantCount) processes are more than can be followed at once, which are \(Limits.cursorRunsMax): select some, by process or host"
            )
        }
        var look = Look(cursor: cursor ?? LiveCursor(execution: index.execution))
        let isFirst = cursor == nil
        look.settled =
            try settled ?? (isFirst ? ends(index) : seen(by: look.cursor, runs, index))
        if isFirst {
            if case .all = request.start {
                // All is new.
            } else {
                try begin(&look, execution, runs, answering)
                return look
            }
        }
        look.messages = try look.cursor.join(runs, index)
        if !look.messages.isEmpty { kept?.clear() }
        let counts = try wait(for: execution, runs, answering, now, &look)
        let missed = runs.late(look.cursor)
        if missed.contains(where: { !$0.isEmpty }) {
            look.pass = try pass(execution, missed, runs, look.cursor, answering)
            look.pass!.isLate = true
            if request.isEager { look.pass!.waitingFrom = counts }
            return look
        }
        var fresh = runs.fresh(look.cursor)
        if !request.isEager {
            for (process, range) in fresh.enumerated() where !range.isEmpty {
                fresh[process] = range.clamped(to: 0..<counts[process])
            }
        }
        look.pass = try pass(execution, fresh, runs, look.cursor, answering)
        if !isFirst {
            let late = try lateUpTo(look, fresh, runs, index)
            look.pass?.lateUpTo = late
        }
        if request.isEager { look.pass?.waitingFrom = counts }
        return look
    }

    /// By process, the highest number that is known to exist. Of that nothing is waited for: what is missing may be gone for good.
    private func ends(_ index: some CausalIndex) throws -> [ProcessID: UInt64] {
        var ends: [ProcessID: UInt64] = [:]
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            ends[facts.id] = facts.end
        }
        return ends
    }

    /// By process, what was shown has seen of it. Of that nothing is waited for any more. O(processes with gaps · processes ·
    /// log n)
    private func seen(
        by cursor: LiveCursor, _ runs: LiveRuns, _ index: some CausalIndex
    ) throws -> [ProcessID: UInt64] {
        let shown = runs.shown(cursor)
        var seen: [ProcessID: UInt64] = [:]
        for (process, fresh) in runs.fresh(cursor).enumerated() {
            guard try !fresh.isEmpty || !index.gaps(of: process).isEmpty else { continue }
            seen[try index.id(of: process)] = try runs.seen(of: process, by: shown, index)
        }
        return seen
    }

    /// By process: up to which number what comes now has been seen by something that was shown, since it was given up once.
    private func lateUpTo(
        _ look: Look, _ fresh: [Range<Int>], _ runs: LiveRuns, _ index: some CausalIndex
    ) throws -> [UInt64] {
        var late = Array(repeating: UInt64(0), count: fresh.count)
        let shown = runs.shown(look.cursor)
        for (process, range) in fresh.enumerated() where !range.isEmpty {
            let settled = look.settled[try index.id(of: process)] ?? 0
            guard settled >= runs.sequences[process][range.lowerBound] else { continue }
            late[process] = try runs.seen(of: process, by: shown, index)
        }
        return late
    }

    /// What is here is passed by, but for the last of it.
    private func begin(
        _ look: inout Look, _ execution: some IndexedExecution, _ runs: LiveRuns,
        _ answering: Answering<Store>
    ) throws {
        for (process, range) in runs.all.enumerated() {
            guard let run = runs.runs[process], !range.isEmpty else { continue }
            look.cursor.runs[run] = LiveCursor.Shown(runs.sequences[process])
        }
        guard case .last(let count) = request.start else { return }
        if let kept {
            let matches = try LastMatches(
                kept, execution, answering.store, answering.options, runs, shown: look.cursor,
                count: count)
            look.pass = LivePass(
                .matches(matches), runs, ranges: [], isWhole: true, execution.index)
            return
        }
        var options = answering.options
        options.limit = count
        let events = LastEvents(
            try EventCursor(
                execution, Slice(ranges: runs.all, lacks: []), request.selection, .backwards,
                answering.store, options))
        look.pass = LivePass(.events(events), runs, ranges: [], isWhole: true, execution.index)
    }

    private func pass(
        _ execution: some IndexedExecution, _ ranges: [Range<Int>], _ runs: LiveRuns,
        _ shown: LiveCursor, _ answering: Answering<Store>
    ) throws -> LivePass? {
        guard ranges.contains(where: { !$0.isEmpty }) else { return nil }
        if let kept {
            let matches = try LiveMatches(
                kept, execution, answering.store, answering.options, runs, shown: shown,
                fresh: ranges)
            return LivePass(
                .matches(matches), runs, ranges: ranges, isWhole: false, execution.index)
        }
        let events = try answering.events(
            Slice(ranges: ranges, lacks: []), request.selection, execution)
        return LivePass(.events(events), runs, ranges: ranges, isWhole: false, execution.index)
    }

    /// The processes that are named; nil where none is.
    private func meant(_ index: some CausalIndex) throws -> Set<Int>? {
        guard !request.processes.isEmpty || !request.hosts.isEmpty else { return nil }
        var meant: Set<Int> = []
        for name in request.processes {
            // Those that are named may come later; what is misspelt is told at first.
            if let process = try? index.process(named: name) {
                meant.insert(process)
            } else if cursor == nil {
                meant.insert(try index.process(named: name))
            }
        }
        for process in 0..<index.processCount {
            let host = try index.facts(of: process).host
            if request.hosts.contains(where: { ExactText.isSame($0, host) }) {
                meant.insert(process)
            }
        }
        return meant
    }

    // MARK: What is waited for

    /// By process, up to where nothing waits. What is told of it, and when to look at it again, is noted.
    private func wait(
        for execution: some IndexedExecution, _ runs: LiveRuns, _ answering: Answering<Store>,
        _ now: ContinuousClock.Instant, _ look: inout Look
    ) throws -> [Int] {
        let index = execution.index
        var missing: [EventKey] = []
        var told: [(gap: Gap, process: Int)] = []
        let readUpTo = try answering.store.readUpTo()
        var reader = EventReader(answering.store, bytesMax: answering.options.bytesMax)
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            guard facts.standIn == nil else { continue }
            for gap in try index.gaps(of: process) where !gap.isLost {
                let settled = look.settled[facts.id] ?? 0
                guard gap.last > settled else { continue }
                let first = max(gap.first, settled + 1)
                let gap = Gap(process: gap.process, first: first, last: gap.last)
                var entry = awaited[facts.id] ?? Awaited(first: first, since: now)
                // Some of it came: the rest may be on its way.
                if entry.first != first { entry = Awaited(first: first, since: now) }
                let seconds = waitSeconds(
                    for: facts, readUpTo[facts.host], answering.options.now)
                guard now - entry.since < .seconds(seconds) else {
                    look.settled[facts.id] = gap.last
                    let reason = try answering.reason(gap, process, execution, &reader)
                    look.messages.append(.givenUp(ExplainedGap(gap: gap, reason: reason)))
                    continue
                }
                // What is shown at once has its reason at once.
                let tellAt =
                    entry.since + .seconds(request.isEager ? 0 : Limits.waitingToldSeconds)
                if !entry.isTold, tellAt <= now {
                    entry.isTold = true
                    told.append((gap, process))
                }
                look.awaited[facts.id] = entry
                look.isDue(entry.isTold ? entry.since + .seconds(seconds) : tellAt)
                missing.append(EventKey(process: process, sequence: first))
                break
            }
        }
        let counts = try index.counts(
            without: missing, check: answering.options.cancellation.check)
        for (gap, process) in told {
            let reason = try answering.reason(gap, process, execution, &reader)
            let wait = try waiting(
                for: ExplainedGap(gap: gap, reason: reason), process, index, runs, look.cursor,
                readUpTo)
            if let wait { look.messages.append(.waiting(wait)) }
        }
        return counts
    }

    /// How long is waited for what a process has not reported.
    private func waitSeconds(
        for facts: ProcessFacts, _ read: WallTime?, _ wall: WallTime?
    ) -> Int {
        guard facts.key != nil, let read, let wall else { return Limits.agentSilentSeconds }
        let silent = wall.nanoseconds.subtractingReportingOverflow(read.nanoseconds).partialValue
        return silent > Int64(Limits.agentSilentSeconds) * 1_000_000_000
            ? Limits.agentSilentSeconds : Limits.awaitedSeconds
    }

    /// Which events wait for a gap; nil where none does that would be shown.
    private func waiting(
        for gap: ExplainedGap, _ process: Int, _ index: some CausalIndex, _ runs: LiveRuns,
        _ cursor: LiveCursor, _ readUpTo: [String: WallTime]
    ) throws -> LiveWait? {
        let event = EventKey(process: process, sequence: gap.gap.first)
        var waiting: [(process: ProcessID, events: Int)] = []
        for (other, range) in runs.fresh(cursor).enumerated() where !range.isEmpty {
            guard let first = try index.firstKnower(of: event, in: other),
                first < range.upperBound
            else { continue }
            waiting.append(
                (try index.id(of: other), range.upperBound - max(first, range.lowerBound)))
        }
        guard !waiting.isEmpty else { return nil }
        waiting.sort {
            $0.events == $1.events
                ? listingOrder($0.process, $1.process) : $0.events > $1.events
        }
        return LiveWait(
            gap: gap, readUpTo: readUpTo[try index.facts(of: process).host],
            waiting: Array(waiting.prefix(Limits.waitingShownMax)),
            others: max(0, waiting.count - Limits.waitingShownMax))
    }
}
