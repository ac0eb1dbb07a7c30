import Archiving
import Causality
import HappensBefore
import Parts
import Querying
import Segments
import Synchronization

/// An archive as querying sees it: the same for a collector, and for a folder on the command line.
package final class ArchiveStore: HistoryStore {
    package let archive: Archive
    private let places = Mutex(Places())
    // What pictures asked for, which are painted again and again.
    private let severe = Mutex(KeptRows<[SevereRow]>(rowsMax: Limits.severeRowsKeptMax))
    private let times = Mutex(KeptRows<[Int64]>(rowsMax: Limits.timesKeptMax))
    private let headings = Mutex(KeptRows<RowHeadings>(rowsMax: Limits.headingsKeptMax))
    private let graphs = Mutex<[LoadedGraph]>([])
    /// The order files that were asked last.
    private let orders = Mutex<[(name: Identity128, file: OrderFile)]>([])
    /// What is above the order files, of the executions that were asked last.
    private let tails = Mutex<[LoadedTail]>([])

    /// A graph, and the parts that were there when it was loaded: what they replaced has other frames.
    private struct LoadedGraph {
        var name: String
        var graph: ExecutionGraph
        var parts: [Identity128]
        /// What the archive had come to by then.
        var revision: Int
    }

    /// What is above some order files, and the parts that were there when it was loaded.
    private struct LoadedTail {
        var name: String
        var slices: [OrderSlice]
        var parts: [Identity128]
        var revision: Int
        /// How many events had been taken.
        var taken: Int
        /// Nil where the files do not hold any more: something came that they tell nothing of.
        var tail: Tail?
    }

    /// What was listed so far. A frame's id is its index.
    private struct Places {
        var all: [EventPlace] = []
        /// By segment: up to where its frames were found, and their ids.
        var segments: [Identity128: (end: Int, ids: [Int])] = [:]
        /// By execution and part: what it has of it.
        var parts: [PartOfExecution: [Listed]] = [:]
        /// Of those that order files led to: by segment or part, and where in it.
        var found: [PlaceInFile: Int] = [:]
        /// What the archive had come to by then.
        var revision = 0
    }

    private struct PlaceInFile: Hashable {
        var file: Identity128
        var offset: Int
    }

    private struct PartOfExecution: Hashable {
        var execution: ExactText
        var part: Identity128
    }

    /// A frame, and what it is listed by.
    struct Listed {
        var segment: SegmentHeader
        var id: Int
    }

    package init(_ archive: Archive) { self.archive = archive }

    package func executions() throws -> [String] { try archive.executions() }

    package func frames(of execution: String) throws -> [FrameSummary] {
        try listing(of: execution).frames.map {
            FrameSummary(id: $0.id, agent: $0.segment.agent, segment: $0.segment.segment)
        }
    }

    /// The frames of an execution, and what it has taken in all.
    struct Listing {
        var frames: [Listed]
        var taken: Int
        var parts: [Identity128]
    }

    func listing(of execution: String) throws -> Listing {
        while true {
            if let listing = try listingUnlessOutdated(of: execution) { return listing }
        }
    }

    /// Nil where the archive has come to something else meanwhile.
    private func listingUnlessOutdated(of execution: String) throws -> Listing? {
        let revision = archive.revision
        let (segments, parts, taken) = try archive.sources(of: execution)
        return try places.withLock { places in
            guard places.revision <= revision else { return nil }
            if places.revision < revision {
                (places.segments, places.parts, places.found) = ([:], [:], [:])
                places.revision = revision
            }
            var listed: [Listed] = []
            for part in parts {
                listed += try self.listed(
                    PartOfExecution(execution: ExactText(execution), part: part), &places)
            }
            for source in segments {
                let (header, end) = (source.header, source.byteCount)
                var known = places.segments[header.segment] ?? (0, [])
                if known.end < end {
                    let fresh = archive.frames(
                        agent: header.agent, segment: header.segment, from: known.end, to: end)
                    known.ids += places.all.count..<places.all.count + fresh.count
                    places.all += fresh.map { .frame($0) }
                    known.end = end
                    places.segments[header.segment] = known
                }
                for id in known.ids where places.all[id].isFrom(source.start) {
                    listed.append(Listed(segment: header, id: id))
                }
            }
            // By segment: within one the order is that in which they were listed.
            let sorted = listed.enumerated().sorted { a, b in
                let (one, two) = (a.element.segment, b.element.segment)
                return one == two ? a.offset < b.offset : ArchiveStore.isBefore(one, two)
            }
            return Listing(frames: sorted.map(\.element), taken: taken, parts: parts)
        }
    }

    /// By creation, then id: an order that does not depend on when they arrived.
    private static func isBefore(_ a: SegmentHeader, _ b: SegmentHeader) -> Bool {
        (a.created.nanoseconds, a.segment.high, a.segment.low)
            < (b.created.nanoseconds, b.segment.high, b.segment.low)
    }

    private func listed(
        _ part: PartOfExecution, _ places: inout Places
    ) throws -> [Listed] {
        if let known = places.parts[part] { return known }
        let (frames, damage) = try archive.frames(of: part.execution.text, in: part.part)
        let nobody = SegmentHeader(
            agent: part.part, segment: part.part, created: WallTime(nanoseconds: .min))
        var listed: [Listed] = []
        for text in damage {
            listed.append(Listed(segment: nobody, id: places.all.count))
            places.all.append(.damage(text))
        }
        for frame in frames {
            listed.append(Listed(segment: frame.segment, id: places.all.count))
            places.all.append(.rows(part: part.part, frame))
        }
        places.parts[part] = listed
        return listed
    }

    private func batch(_ frame: Int, hasContent: Bool) throws -> EventBatch {
        try reading(frame) { place throws(ArchiveError) in
            try archive.batch(at: place, hasContent: hasContent)
        }
    }

    package func searchable(_ frame: Int) throws -> SearchableRows? {
        let found = try reading(frame) { place throws(ArchiveError) in
            try archive.columns(at: place)
        }
        return found.map { found in
            SearchableRows(found.columns) { rows in
                try Self.damaged { () throws(ArchiveError) in try found.events(rows) }
            }
        }
    }

    package func times(of frame: Int) throws -> [Int64] {
        if let known = times.withLock({ $0[frame] }) { return known }
        let found =
            try reading(frame) { place throws(ArchiveError) in try archive.times(at: place) }
            ?? causality(of: frame).times
        times.withLock { $0.keep(found, of: frame, cost: found.count) }
        return found
    }

    package func headings(of frame: Int) throws -> RowHeadings {
        if let known = headings.withLock({ $0[frame] }) { return known }
        let columns = try reading(frame) { place throws(ArchiveError) in
            try archive.headings(at: place)
        }
        let found = try columns.map { RowHeadings($0) } ?? RowHeadings(events(of: frame))
        headings.withLock { $0.keep(found, of: frame, cost: found.levels.count) }
        return found
    }

    package func severeRows(of frame: Int) throws -> [SevereRow] {
        if let known = severe.withLock({ $0[frame] }) { return known }
        let columns = try reading(frame) { place throws(ArchiveError) in
            try archive.headings(at: place)
        }
        let rows = try (columns.map { RowHeadings($0) } ?? RowHeadings(events(of: frame)))
            .severeRows()
        severe.withLock { $0.keep(rows, of: frame, cost: rows.count) }
        return rows
    }

    package func levelMax(of frame: Int) throws -> UInt8 {
        try reading(frame) { place throws(ArchiveError) in archive.levelMax(at: place) }
    }

    package func version(of execution: String) throws -> String {
        let (slices, taken) = try archive.orders(of: execution)
        return "\(archive.revision).\(slices.count).\(slices.last?.taken ?? 0).\(taken)"
    }

    package func mayHold(words hashes: [UInt64], in frame: Int) throws -> Bool {
        try reading(frame) { place throws(ArchiveError) in
            try archive.mayHold(words: hashes, at: place)
        }
    }

    private func reading<Value>(
        _ frame: Int, _ read: (EventPlace) throws(ArchiveError) -> Value
    ) throws -> Value {
        let place = places.withLock { $0.all.indices.contains(frame) ? $0.all[frame] : nil }
        guard let place else { throw DamagedFrame("frame \(frame) is not listed") }
        return try Self.damaged { () throws(ArchiveError) in try read(place) }
    }

    /// What is damaged as `DamagedFrame`.
    private static func damaged<Value>(
        _ read: () throws(ArchiveError) -> Value
    ) throws -> Value {
        do throws(ArchiveError) {
            return try read()
        } catch {
            // Not `catch .damaged`: Swift 6.3.1's compiler crashes on a partial pattern here.
            if case .damaged(let text) = error { throw DamagedFrame(text) }
            throw error
        }
    }

    package func causality(of frame: Int) throws -> EventBatch {
        try batch(frame, hasContent: false)
    }

    package func events(of frame: Int) throws -> EventBatch { try batch(frame, hasContent: true) }

    package func expected(
        in execution: String
    ) throws -> [(process: ProcessKey, last: UInt64)] {
        try archive.processes(of: execution).map { ($0.process, $0.last) }
    }

    package func sourceDefects(of execution: String) throws -> [Defect] {
        let lines = try archive.unmatchedLines(of: execution).map { path, line in
            Defect(.unmatchedLine, [], "\(path), line \(line.line): \(line.reason): \(line.text)")
        }
        return try lines
            + archive.brokenChains(of: execution).map {
                Defect(.damagedFrame, [], "what was taken is not what it was: \($0)")
            }
    }

    package func tombstone(of execution: String) throws -> Tombstone? {
        try archive.tombstone(of: execution)
    }

    package func dropped(
        of execution: String
    ) throws -> [(process: ProcessKey, last: UInt64)] { try archive.dropped(of: execution) }

    package func readUpTo() throws -> [String: WallTime] { try archive.readUpTo() }

    package func shippedBytes() throws -> [String: Int] { try archive.shippedBytes() }

    package func storage() throws -> StorageStatus? {
        StorageStatus(
            byteCount: try archive.byteCount(), freeByteCount: archive.freeByteCount,
            isFull: archive.isFull)
    }

    /// The graph of an execution as it is now; what was loaded for an earlier question is not read again.
    package func graph(
        of execution: String, _ cancellation: Cancellation = .never
    ) throws -> ExecutionGraph {
        let revision = archive.revision
        let parts = try archive.parts(of: execution)
        let previous = graphs.withLock { graphs in
            graphs.first {
                ExactText.isSame($0.name, execution) && $0.parts == parts && $0.revision == revision
            }?.graph
        }
        let graph = try ExecutionGraph.load(
            execution, from: self, after: previous, cancellation: cancellation)
        graphs.withLock { graphs in
            graphs.removeAll { ExactText.isSame($0.name, execution) }
            graphs.append(
                LoadedGraph(name: execution, graph: graph, parts: parts, revision: revision))
            if graphs.count > Limits.graphsKeptMax { graphs.removeFirst() }
        }
        return graph
    }

    package func answering(_ options: Question.Options) -> Answering<ArchiveStore> {
        Answering(self, options) { try self.graph(of: $0, options.cancellation) }
    }

    package func filed(
        _ execution: String, _ cancellation: Cancellation
    ) throws -> (any IndexedExecution)? {
        let (slices, taken) = try archive.orders(of: execution)
        guard !slices.isEmpty, let files = open(slices, of: execution) else { return nil }
        let below = FiledExecution(files, try ArchiveRows(execution, self))
        if slices.last?.taken == taken { return below }
        do {
            guard let tail = try tail(of: execution, on: slices, below, cancellation) else {
                return nil
            }
            return try TailedExecution(below, tail)
        } catch is PartError {
            // What cannot be read, or nothing can go on from, is found out from the events.
            return nil
        }
    }

    /// What is above some slices; what was loaded for an earlier question is not read again. Nil where the slices do not hold.
    private func tail(
        of execution: String, on slices: [OrderSlice], _ below: FiledExecution,
        _ cancellation: Cancellation
    ) throws -> Tail? {
        let revision = archive.revision
        let listing = try listing(of: execution)
        let known = tails.withLock { tails in
            tails.first {
                ExactText.isSame($0.name, execution) && $0.slices == slices
                    && $0.revision == revision
                    && $0.parts == listing.parts
            }
        }
        // What does not hold will not hold when more has come.
        if let known, known.tail == nil || known.taken == listing.taken { return known.tail }
        let tail = try Tail.load(
            execution, listing, on: below.index, since: slices.last!.taken, from: self,
            after: known?.tail, cancellation)
        tails.withLock { tails in
            tails.removeAll { ExactText.isSame($0.name, execution) }
            tails.append(
                LoadedTail(
                    name: execution, slices: slices, parts: listing.parts, revision: revision,
                    taken: listing.taken, tail: tail))
            if tails.count > Limits.graphsKeptMax { tails.removeFirst() }
        }
        return tail
    }

    /// Where a frame lies that was listed.
    func place(of frame: Int) -> EventPlace { places.withLock { $0.all[frame] } }

    /// The frame in which a row lies; nil where none begins there.
    func frame(of row: RowPlace) -> Int? {
        frame(at: PlaceInFile(file: row.segment, offset: row.offset)) {
            archive.frame(agent: row.agent, segment: row.segment, at: row.offset)
                .map { .frame($0) }
        }
    }

    /// A block of a part as a frame.
    func frame(of block: BlockEntry, in part: Identity128) -> Int {
        frame(at: PlaceInFile(file: part, offset: block.offset)) {
            .block(part: part, block)
        }!
    }

    private func frame(at place: PlaceInFile, _ find: () -> EventPlace?) -> Int? {
        if let known = places.withLock({ $0.found[place] }) { return known }
        guard let found = find() else { return nil }
        return places.withLock { places in
            if let known = places.found[place] { return known }
            places.found[place] = places.all.count
            places.all.append(found)
            return places.all.count - 1
        }
    }

    /// The order files of some slices of an execution; nil where one cannot be read. A collector keeps them open.
    ///
    /// - Parameter blocks: Where they are opened for one purpose alone: what keeps what is read of them.
    func open(
        _ slices: [OrderSlice], of execution: String, keeping blocks: BlockCache? = nil
    ) -> [OrderFile]? {
        var files: [OrderFile] = []
        for slice in slices {
            let known =
                blocks == nil
                ? orders.withLock { $0.first { $0.name == slice.name }?.file } : nil
            guard let file = known ?? archive.openOrder(slice, keeping: blocks), !file.isDamaged,
                ExactText.isSame(file.execution, execution),
                file.eventCount <= slice.taken
            else { return nil }
            files.append(file)
            guard known == nil, blocks == nil else { continue }
            orders.withLock { orders in
                orders.append((slice.name, file))
                if orders.count > Limits.orderFilesKeptMax { orders.removeFirst() }
            }
        }
        return files
    }

    /// Where frames lie in segments: those that do.
    func frameNames(_ frames: some Sequence<Int>) -> [Int: OrderFileContents.FrameName] {
        places.withLock { places in
            var names: [Int: OrderFileContents.FrameName] = [:]
            for frame in frames {
                guard case .frame(let place) = places.all[frame] else { continue }
                names[frame] = OrderFileContents.FrameName(
                    agent: place.agent, segment: place.segment, offset: place.offset,
                    byteCount: place.byteCount)
            }
            return names
        }
    }

    /// Writes down what follows from the events of an execution, so that nobody has to find it out again: where it is not
    /// written yet, and there is much of it. Slice by slice, in memory for some `Limits.sliceEventsMax` events; all at once where
    /// the execution contradicts itself. O(events of the slices that are written).
    ///
    /// - Parameters:
    ///   - eventsMin: Of fewer nothing is written.
    ///   - sliceEventsMax: A slice has about as many events, or fewer.
    ///   - patience: Where more arrives meanwhile: how long what is cited and not here is waited for.
    ///   - surveysFiles: Whether nothing is believed of the files that there are before all of it was read.
    package func keepOrder(
        of execution: String, eventsMin: Int = Limits.orderFileEventsMin,
        sliceEventsMax: Int = Limits.sliceEventsMax, _ patience: Patience? = nil,
        surveysFiles: Bool = false, cancellation: Cancellation = .never
    ) throws {
        let revision = archive.revision
        let (slices, taken) = try archive.orders(of: execution)
        guard taken >= eventsMin else { return }
        func readable() -> [OrderSlice] {
            var slices = slices
            while !slices.isEmpty, open(slices, of: execution) == nil { slices.removeLast() }
            return slices
        }
        let parts = try archive.parts(of: execution)
        let here = surveysFiles ? intact(readable()) : readable()
        if here.isEmpty, let first = slices.first, first.isTombstone {
            guard archive.isLost(first) else { return }
            // Numbers that were dropped are known all the same.
            try archive.demoteTombstone(first, of: execution)
            return try keepOrder(
                of: execution, eventsMin: eventsMin, sliceEventsMax: sliceEventsMax, patience,
                cancellation: cancellation)
        }
        if here == slices, slices.last?.taken == taken { return }
        let processCount = try archive.processes(of: execution).count
        forgetOrders { (_, file) in file.isDamaged }
        /// Whether nothing can ever go on from the tombstone again.
        var isTombstoneBreached = false
        func run(on below: [OrderSlice]) throws -> Bool {
            guard
                !below.isEmpty || patience != nil
                    || taken > Slicing.firstEventsMax(sliceEventsMax, processes: processCount)
            else { return false }
            var slicing = try Slicing(
                execution, on: below, in: self, revision, eventsMax: sliceEventsMax, patience)
            let isDone = try slicing.run(cancellation)
            isTombstoneBreached =
                !isDone && below.last?.isTombstone == true && slicing.hasBreached(below)
            return isDone
        }
        func slice(on readable: [OrderSlice]) throws -> Bool {
            let files = open(readable, of: execution) ?? []
            guard files.count == readable.count else { return try run(on: readable) }
            let kept = Slicing.kept(readable, files, taken, sliceEventsMax)
            if try run(on: kept) { return true }
            // What a small slice tells of may not be readable any more: then it stays, if it was not replaced.
            return try kept.count < readable.count
                && archive.orders(of: execution).slices.starts(with: readable)
                && run(on: readable)
        }
        /// On as many of them as hold: where one does not, on half as many, and so on.
        func derive(on readable: [OrderSlice]) throws -> Bool {
            let least = readable.first?.isTombstone == true ? 1 : 0
            var base = readable
            while try !slice(on: base) {
                guard base.count > least else { return false }
                base = Array(base.prefix(max(least, base.count / 2)))
            }
            return true
        }
        let isSliced: Bool
        do {
            isSliced = try derive(on: here)
        } catch let error where !(error is QuestionStopped) {
            // One that it stood on says what cannot be: whoever looks at all of each finds it.
            let intact = intact(here)
            guard intact.count < here.count else { throw error }
            isSliced = try derive(on: intact)
        }
        if isSliced { return }
        if isTombstoneBreached, let first = slices.first {
            // What is kept goes on as if what was dropped were missing, also while more arrives.
            try archive.demoteTombstone(first, of: execution)
            return try keepOrder(
                of: execution, eventsMin: eventsMin, sliceEventsMax: sliceEventsMax, patience,
                cancellation: cancellation)
        }
        if patience != nil { return }
        // What was to be read next was merged meanwhile: the next look finds it, and need not have everything in memory.
        if try archive.parts(of: execution) != parts { return }
        let graph = try graph(of: execution, cancellation)
        // What cannot be read today may be mended tomorrow.
        guard graph.isUndamaged else { return }
        if let first = slices.first, first.isTombstone {
            // What is kept contradicts itself or what was dropped: it goes on as if that were missing.
            try archive.demoteTombstone(first, of: execution)
            return try keepOrder(
                of: execution, eventsMin: eventsMin, sliceEventsMax: sliceEventsMax,
                cancellation: cancellation)
        }
        let order = try OrderFileContents(
            whole: graph.history, try graph.edges(cancellation),
            places: frameNames(try frames(of: execution).map(\.id)), check: cancellation.check)
        try keep(order, on: [], taken: taken, isLast: true, revision)
    }

    /// The slices below the first that has a block that cannot be read, or says what cannot be. Forgets the others. O(bytes of
    /// their files).
    private func intact(_ slices: [OrderSlice]) -> [OrderSlice] {
        let intact = slices.prefix { slice in
            guard let file = archive.openOrder(slice, keeping: BlockCache()),
                let survey = try? OrderFileSurvey(file)
            else { return false }
            return survey.problems.isEmpty
        }
        let rest = Set(slices.dropFirst(intact.count).map(\.name))
        forgetOrders { (name, _) in rest.contains(name) }
        return Array(intact)
    }

    /// About how many events of an execution the next slice has.
    func nextSliceEvents(of execution: String, on slices: [OrderSlice]) throws -> Int {
        Slicing.nextEventsMax(
            Limits.sliceEventsMax, on: open(slices, of: execution) ?? [],
            processes: try archive.processes(of: execution).count)
    }

    /// Keeps an order file, in the place of whatever had its name. Nil where the archive has come to something else meanwhile.
    @discardableResult
    func keep(
        _ order: OrderFileContents, on below: [OrderSlice], taken: Int, isLast: Bool,
        _ revision: Int
    ) throws -> OrderSlice? {
        let slice = try archive.keep(
            order: order, on: below, taken: taken, isLast: isLast, revision: revision)
        if let slice { forgetOrders { (name, _) in name == slice.name } }
        return slice
    }

    /// Closes order files, and forgets what stands on them: others may come to have their names.
    private func forgetOrders(where isMeant: (Identity128, OrderFile) -> Bool) {
        let names = orders.withLock { orders in
            let names = Set(orders.filter { isMeant($0.name, $0.file) }.map(\.name))
            orders.removeAll { names.contains($0.name) }
            return names
        }
        guard !names.isEmpty else { return }
        tails.withLock { tails in
            tails.removeAll { $0.slices.contains { names.contains($0.name) } }
        }
    }
}
