import Archiving
import CMalloc
import Causality
import HappensBefore
import Parts
import Querying

/// Writes what follows from the events of an execution to order files, slice by slice: reads frames until there are enough of
/// them, cuts at the frontier, and goes on with what is above.
struct Slicing {
    private let execution: String
    private let store: ArchiveStore
    private let revision: Int
    private let eventsMax: Int
    private let patience: Patience?
    private var slices: [OrderSlice]
    private var history: History
    /// How many more events were taken up to the files' end than they tell of: those that came twice.
    private var repeated = 0
    /// The frames that were read.
    private var frames: [Int] = []
    /// What is looked up below is hardly asked for again, and should not take the place of what questions ask for.
    private let blocks = BlockCache(bytesMax: Limits.sliceCachedBytesMax)

    /// - Parameters:
    ///   - slices: The files that it stands on.
    ///   - revision: What the archive had come to when these were listed.
    ///   - eventsMax: About as many events a slice has.
    ///   - patience: How long what is cited and not here is waited for, where more arrives meanwhile; nil: nothing is, and what
    ///     there is is all.
    init(
        _ execution: String, on slices: [OrderSlice], in store: ArchiveStore, _ revision: Int,
        eventsMax: Int, _ patience: Patience? = nil
    ) throws {
        self.eventsMax = eventsMax
        self.patience = patience
        self.execution = execution
        self.slices = slices
        self.store = store
        self.revision = revision
        history = History(execution: execution)
    }

    /// About how many events a slice has that takes no more memory than one may, if clocks grow in it as they did in some events.
    ///
    /// - Parameters:
    ///   - limit: It has no more.
    ///   - learned: By how many entries the clocks of `events` events grew.
    static func eventsMax(_ limit: Int, events: Int, learned: Int) -> Int {
        guard learned > 0 else { return limit }
        let share = Double(Limits.sliceLearnedMax) / Double(learned)
        return max(1, Int(min(Double(limit), share * Double(events))))
    }

    /// The same of an execution of which nothing is written.
    static func firstEventsMax(_ limit: Int, processes: Int) -> Int {
        min(
            limit,
            max(
                Limits.firstSliceEventsMin,
                Limits.firstSliceEventsTimesProcesses / max(processes, 1)))
    }

    /// The same of the next slice on some files.
    static func nextEventsMax(_ limit: Int, on files: [OrderFile], processes: Int) -> Int {
        guard let last = files.last(where: { $0.sliceEventCount > 0 }) else {
            return firstEventsMax(limit, processes: processes)
        }
        return eventsMax(limit, events: last.sliceEventCount, learned: last.learnedCount)
    }

    /// The slices that stay of those that there are: each is kept while it has at least as many events as come after it, or half
    /// of what one may have. So there are few, and an event is written down a few times in all.
    static func kept(
        _ slices: [OrderSlice], _ files: [OrderFile], _ taken: Int, _ limit: Int
    ) -> [OrderSlice] {
        var kept = slices
        while let last = kept.last, !last.isTombstone {
            let file = files[kept.count - 1]
            let eventsMax = eventsMax(
                limit, events: file.sliceEventCount, learned: file.learnedCount)
            let before = kept.count < 2 ? 0 : kept[kept.count - 2].taken
            let count = last.taken - before
            if count >= min(eventsMax / 2, taken - last.taken) { break }
            kept.removeLast()
        }
        return kept
    }

    /// False where the execution cannot be cut: it contradicts itself, some of it cannot be read, is there twice, or came after
    /// something that it belongs before had been put away.
    mutating func run(_ cancellation: Cancellation) throws -> Bool {
        var floor = try floor()
        guard let below = try begin(floor) else { return false }
        let listing = try store.listing(of: execution)
        let lasts = try expectAll()
        var eventsMax = Slicing.nextEventsMax(
            eventsMax, on: floor?.files ?? [], processes: lasts.count)
        // The more processes have heard of each other, the more the next message tells.
        let lookEvents = Slicing.firstEventsMax(self.eventsMax, processes: lasts.count)
        var nextCut = min(eventsMax, lookEvents)
        var order = ReadingOrder(
            listing.frames, of: execution, above: below, in: store, eventsAtOnce: eventsMax)
        while let piece = order.next() {
            try cancellation.check()
            guard try take(piece, &order) == .taken else { return false }
            guard history.countAbove() >= nextCut else { continue }
            guard try finish(floor, cancellation) else { return false }
            eventsMax = Slicing.eventsMax(
                self.eventsMax, events: history.countAbove(), learned: history.countLearned())
            guard history.countAbove() >= eventsMax / 2 else {
                nextCut = min(eventsMax, history.countAbove() + lookEvents)
                continue
            }
            guard case .cut(let cut) = frontier(awaiting: lasts) else { return false }
            // A slice of little is not worth its file yet.
            if history.countAbove(upTo: cut) >= eventsMax / 2 {
                guard try write(cut, floor, taken: nil, cancellation) else { return true }
                floor = try self.floor()
                guard try finish(floor, cancellation) else { return false }
            }
            nextCut = history.countAbove() + min(eventsMax / 2, lookEvents)
        }
        // What came late may lie in a part, whose frames below are not looked at, and some may be there twice.
        guard try finish(floor, cancellation), history.countEvents() + repeated == listing.taken
        else { return false }
        if let patience {
            guard history.countAbove() >= patience.eventsMin else { return true }
            guard case .cut(let cut) = frontier(awaiting: lasts) else { return false }
            if history.countAbove(upTo: cut) >= min(patience.eventsMin, eventsMax / 2) {
                _ = try write(cut, floor, taken: nil, cancellation)
            }
            return true
        }
        guard case .cut(let cut) = frontier(awaiting: nil) else { return false }
        _ = try write(cut, floor, taken: listing.taken, cancellation)
        return true
    }

    /// Whether nothing will ever go on from some files: what came since is not as they say.
    func hasBreached(_ files: [OrderSlice]) -> Bool {
        slices == files && history.breach?.isLasting == true
    }

    /// What became of a slice that should end at a moment.
    enum Outcome {
        /// There is nothing before it.
        case nothing
        case cannot(String)
        /// The execution contradicts itself, or events of a run are not in one order: there is no cut.
        case contradiction
        /// The files, with that of the slice.
        case cut([OrderSlice])
    }

    /// Writes a slice of the lowest events, as far as they lie before a moment. What is cited and not here is not waited for.
    /// O(events that are read: about twice `eventsMax`, unless they do not come in about the order in which they happened).
    ///
    /// - Parameters:
    ///   - latest: Later wall times, in nanoseconds, are not believed.
    ///   - moment: Of the wall times of the lowest events, ascending, the first that stays; nil where none is to be cut off.
    mutating func cut(
        upTo latest: Int64, at moment: ([Int64]) -> Int64?, _ cancellation: Cancellation
    ) throws -> Outcome {
        let floor = try floor()
        guard let below = try begin(floor) else { return .contradiction }
        let listing = try store.listing(of: execution)
        let lasts = try expectAll()
        /// What is to be cut off of what was read.
        func found(isAll: Bool) throws -> Outcome {
            guard try finish(floor, cancellation) else { return .contradiction }
            guard let moment = moment(history.timesAbove(upTo: latest)) else { return .nothing }
            let times = moment...max(moment, latest)
            guard case .cut(let cut) = frontier(awaiting: isAll ? nil : lasts, without: times)
            else { return .contradiction }
            guard history.countAbove(upTo: cut) > 0 else { return .nothing }
            guard try write(cut, floor, taken: nil, cancellation) else {
                return .cannot("it changed meanwhile")
            }
            return .cut(slices)
        }
        let eventsMax = Slicing.nextEventsMax(
            eventsMax, on: floor?.files ?? [], processes: lasts.count)
        var nextLook = 2 * eventsMax
        var order = ReadingOrder(
            listing.frames, of: execution, above: below, in: store, eventsAtOnce: eventsMax)
        while let piece = order.next() {
            try cancellation.check()
            if history.countAbove() >= nextLook {
                let outcome = try found(isAll: false)
                guard case .nothing = outcome else { return outcome }
                guard !Patience.Tail().isFull(history) else {
                    return .cannot(
                        "its events do not come in about the order in which they happened")
                }
                nextLook *= 2
            }
            switch try take(piece, &order) {
            case .taken: continue
            case .unreadable: return .cannot("some of it cannot be read")
            case .outOfOrder: return .contradiction
            }
        }
        return try found(isAll: true)
    }

    /// Goes on from the files, and gives what they have put away, if anything. Nil where nothing can go on from them.
    private mutating func begin(_ floor: OrderStack?) throws -> PutAway?? {
        giveBackMemory()
        if let floor {
            guard let resumption = try floor.resumption(),
                let resumed = try History(resuming: resumption, on: floor)
            else { return nil }
            history = resumed
            repeated = slices.last!.taken - floor.eventCount
        }
        for (process, last) in try store.dropped(of: execution) {
            history.drop(process, upTo: last)
        }
        return .some(try floor.map { try PutAway(history, $0) })
    }

    /// Has all processes known from the start, so that nothing that is called so is something else later. Returns up to which
    /// number each run was taken.
    private mutating func expectAll() throws -> [Identity128: UInt64] {
        var lasts: [Identity128: UInt64] = [:]
        for process in try store.archive.processes(of: execution) {
            history.expect(process.process, upTo: 0)
            lasts[process.process.identity] = max(
                process.last, lasts[process.process.identity] ?? 0)
        }
        return lasts
    }

    /// What became of a frame.
    private enum Take {
        case taken
        case unreadable
        /// Some of its events lie between others that are here, or are here twice; or what is put away does not hold.
        case outOfOrder
    }

    private mutating func take(
        _ piece: ReadingOrder.Piece, _ order: inout ReadingOrder
    ) throws -> Take {
        let (frame, rows) = (piece.frame, piece.rows)
        guard let batch = try store.batch(of: frame.id) else { return .unreadable }
        order.note(batch, rows)
        var next = HistoryFrame(id: frame.id, source: frame.segment.segment, batch: batch)
        try store.noteLosses(in: &next, after: history, only: rows)
        guard history.append(next, skipsPutAway: true, only: rows).isEmpty, history.breach == nil
        else { return .outOfOrder }
        // Rows of parts are known by their numbers.
        if rows == nil { frames.append(frame.id) }
        return .taken
    }

    private func floor() throws -> OrderStack? {
        guard !slices.isEmpty else { return nil }
        guard let files = store.open(slices, of: execution, keeping: blocks) else {
            throw DamagedFrame("an order file of \(execution) cannot be read")
        }
        return FiledExecution(files, try ArchiveRows(execution, store)).index
    }

    private mutating func finish(
        _ floor: OrderStack?, _ cancellation: Cancellation
    ) throws -> Bool {
        if let floor {
            try history.finish(over: floor, check: cancellation.check)
        } else {
            try history.finish(check: cancellation.check)
        }
        return history.breach == nil
    }

    /// Writes what is below a cut. False where the archive has come to something else meanwhile.
    ///
    /// - Parameter taken: How many events were taken in all, where the cut is of all of them.
    private mutating func write(
        _ cut: Cut, _ floor: OrderStack?, taken: Int?, _ cancellation: Cancellation
    ) throws -> Bool {
        func keep() throws -> OrderSlice? {
            let order = try OrderFileContents(
                cutting: &history, at: cut, on: floor, places: store.frameNames(frames),
                check: cancellation.check)
            return try store.keep(
                order, on: slices, taken: taken ?? order.history.countEvents() + repeated,
                isLast: taken != nil, revision)
        }
        guard let slice = try keep() else { return false }
        giveBackMemory()
        slices.append(slice)
        let open = history.framesAbove()
        frames.removeAll { !open.contains($0) }
        return true
    }

    /// Gives memory that is free to the system: a slice is made of many small arrays, and what was freed between others stays with the
    /// process otherwise, whatever comes next. Some milliseconds.
    private func giveBackMemory() { _ = malloc_trim(0) }

    /// The greatest cut below what is waited for, of a history that is finished.
    ///
    /// - Parameters:
    ///   - lasts: Up to which number each run was taken: what was not read yet is waited for, and as patience has it what is
    ///     missing. Nil where nothing is.
    ///   - times: Wall times, in nanoseconds, that nothing below has; nil where it may have any.
    private func frontier(
        awaiting lasts: [Identity128: UInt64]?, without times: ClosedRange<Int64>? = nil
    ) -> Frontier {
        guard let lasts else { return history.frontier(awaiting: { _ in nil }, without: times) }
        let patience = patience.flatMap { $0.tail.isFull(history) ? nil : $0 }
        return history.frontier(
            awaiting: { awaited($0, lasts, patience) }, without: times)
    }

    /// Of the numbers that are missing the first that is waited for; nil where none is.
    private func awaited(
        _ gap: Gap, _ lasts: [Identity128: UInt64], _ patience: Patience?
    ) -> UInt64? {
        guard let index = history.index(of: gap.process) else { return nil }
        let line = history.processes[index]
        let last = line.key.flatMap { lasts[$0.identity] } ?? 0
        // Those beyond what was read of a run are still to be read; what lies before that is not, since it comes in its order.
        if gap.first > line.last, gap.first <= last { return gap.first }
        guard let patience, patience.waits(for: gap, of: last == 0 ? nil : line.host, in: history)
        else { return nil }
        return gap.first
    }
}
