import Archiving
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
    private let isGrowing: Bool
    private var slices: [OrderSlice]
    private var history: History
    /// The frames that were read.
    private var frames: [Int] = []

    /// - Parameters:
    ///   - slices: The files that it stands on.
    ///   - revision: What the archive had come to when these were listed.
    ///   - eventsMax: About as many events a slice has.
    ///   - isGrowing: Whether more arrives meanwhile: then what is cited and not here is waited for, until there are
    ///     `Limits.tailEventsMax` events above the last cut; and the end is left to others.
    init(
        _ execution: String, on slices: [OrderSlice], in store: ArchiveStore, _ revision: Int,
        eventsMax: Int, isGrowing: Bool
    ) throws {
        self.eventsMax = eventsMax
        self.isGrowing = isGrowing
        self.execution = execution
        self.slices = slices
        self.store = store
        self.revision = revision
        history = History(execution: execution)
    }

    /// The slices that stay, of those that there are: each is kept while it has at least as many events as come after it, or half
    /// of `eventsMax`. So there are few, and an event is written down a few times in all.
    static func kept(_ slices: [OrderSlice], _ taken: Int, _ eventsMax: Int) -> [OrderSlice] {
        var kept = slices
        while let last = kept.last {
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
        if let stack = floor {
            guard let resumption = try stack.resumption(),
                let resumed = try History(resuming: resumption, on: stack)
            else { return false }
            history = resumed
        }
        let below = try floor.map { try PutAway(history, $0) }
        let listing = try store.listing(of: execution)
        var lasts: [Identity128: UInt64] = [:]
        for process in try store.archive.processes(of: execution) {
            // Known from the start, so that nothing that is called so is something else later.
            history.expect(process.process, upTo: 0)
            lasts[process.process.identity] = max(
                process.last, lasts[process.process.identity] ?? 0)
        }
        var nextCut = eventsMax
        for frame in Slicing.interleaved(listing.frames, store) {
            try cancellation.check()
            if let below, below.contains(store.place(of: frame.id)) { continue }
            guard let batch = try store.batch(of: frame.id) else { return false }
            let next = HistoryFrame(id: frame.id, source: frame.segment.segment, batch: batch)
            guard history.append(next, skipsPutAway: true).isEmpty, history.breach == nil else {
                return false
            }
            frames.append(frame.id)
            guard history.countAbove() >= nextCut else { continue }
            guard try finish(floor, cancellation) else { return false }
            let frontier = history.frontier { [history] gap in
                awaited(gap, lasts, history)
            }
            guard case .cut(let cut) = frontier else { return false }
            // A slice of little is not worth its file yet.
            if history.countAbove(upTo: cut) >= eventsMax / 2 {
                guard try write(cut, floor, taken: nil, cancellation) else { return true }
                floor = try self.floor()
                guard try finish(floor, cancellation) else { return false }
            }
            nextCut = history.countAbove() + eventsMax / 2
        }
        if isGrowing { return true }
        guard try finish(floor, cancellation), history.countEvents() == listing.taken,
            case .cut(let cut) = history.frontier(awaiting: { _ in nil })
        else { return false }
        _ = try write(cut, floor, taken: listing.taken, cancellation)
        return true
    }

    private func floor() throws -> OrderStack? {
        guard !slices.isEmpty else { return nil }
        guard let files = store.open(slices, of: execution) else {
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
        let order = try OrderFileContents(
            cutting: &history, at: cut, on: floor, places: store.frameNames(frames),
            check: cancellation.check)
        let slice = try store.keep(
            order, on: slices, taken: taken ?? order.history.countEvents(),
            isLast: taken != nil, revision)
        guard let slice else { return false }
        slices.append(slice)
        let open = history.framesAbove()
        frames.removeAll { !open.contains($0) }
        return true
    }

    /// Of the numbers that are missing the first that is waited for: those of a run up to its last are still to be read.
    private func awaited(
        _ gap: Gap, _ lasts: [Identity128: UInt64], _ history: History
    ) -> UInt64? {
        if isGrowing, history.countAbove() < Limits.tailEventsMax { return gap.first }
        guard let index = history.index(of: gap.process),
            let run = history.processes[index].key?.identity, let last = lasts[run]
        else { return nil }
        return gap.first <= last ? gap.first : nil
    }

    /// The frames in about the order in which their events happened, as far as segments tell that: those of one run as they
    /// are. A segment's lie evenly between its creation and that of the next one of its agent.
    private static func interleaved(
        _ frames: [ArchiveStore.Listed], _ store: ArchiveStore
    ) -> [ArchiveStore.Listed] {
        var created: [Identity128: [Int64]] = [:]
        for frame in frames {
            created[frame.segment.agent, default: []].append(frame.segment.created.nanoseconds)
        }
        created = created.mapValues { Set($0).sorted() }
        var ends: [Place: Int] = [:]
        let places = frames.map { Place($0, store.place(of: $0.id)) }
        for place in places { ends[place.group] = max(ends[place.group] ?? 1, place.offset) }
        let times = zip(frames, places).map { frame, place in
            let start = frame.segment.created.nanoseconds
            let next = created[frame.segment.agent]!.first { $0 > start }
            let share = Double(place.offset) / Double(ends[place.group]! + 1)
            return Double(start) + share * Double((next ?? start &+ 1_000_000_000) &- start)
        }
        return frames.indices.sorted { (times[$0], $0) < (times[$1], $1) }.map { frames[$0] }
    }

    /// How far a frame lies behind the beginning of what is in one order: a segment, or a run of it.
    private struct Place: Hashable {
        var segment: Identity128
        var run: Identity128?
        var offset = 0

        init(_ frame: ArchiveStore.Listed, _ place: EventPlace) {
            segment = frame.segment.segment
            switch place {
            case .frame(let frame): offset = frame.offset
            case .rows(_, let rows):
                run = rows.run.identity
                offset = rows.ordinal
            case .block, .damage: break
            }
        }

        var group: Place {
            var group = self
            group.offset = 0
            return group
        }
    }
}
