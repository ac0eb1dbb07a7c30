import Causality
import HappensBefore

/// Where the events of a lane lie in a window.
struct LanePlaces {
    /// The positions among which those are that lie in the window.
    var positions: Range<Int>
    /// By bucket: how many lie there, and the first of them.
    var counts: [Int]
    var firsts: [Int]
    var isExact = true

    var count: Int { counts.reduce(0, +) }
}

/// Places events on the axis of a picture. For one answer, and so for one thread at a time.
final class PictureAxes<Execution: IndexedExecution> {
    let execution: Execution
    private let axis: PictureAxis
    private let times: Execution.Times
    private let store: any HistoryStore
    private let cancellation: Cancellation
    /// By process: the places of events whose wall times were read.
    private var known: [Int: KnownPlaces] = [:]

    private struct KnownPlaces {
        var start: Int
        /// By position; `EventBatch.noTime` for an event that has none.
        var places: [Int64]
    }

    init(
        _ axis: PictureAxis, _ execution: Execution, _ store: some HistoryStore,
        _ cancellation: Cancellation
    ) throws {
        self.axis = axis
        self.execution = execution
        self.store = store
        self.cancellation = cancellation
        times = try execution.causalTimes(cancellation)
    }

    /// Where the event at a place lies; nil where it has no place on the axis. About where, on an axis of nanoseconds, unless the
    /// lane's wall times were read.
    func place(of event: EventPosition) throws -> Int64? {
        if axis == .logical { return Int64(try times.logicalTime(at: event)) }
        if let known = knownPlace(of: event) { return known == EventBatch.noTime ? nil : known }
        let positions = event.position..<event.position + 1
        guard let span = try spans(of: event.process, in: positions).first,
            let times = span.times
        else { return nil }
        return Self.place(of: event.position, in: span.positions, times)
    }

    /// The same, exactly.
    func exactPlace(of event: EventPosition) throws -> Int64? {
        if axis == .logical { return try place(of: event) }
        let positions = event.position..<event.position + 1
        let place = try knownPlace(of: event) ?? places(of: event.process, in: positions)[0]
        return place == EventBatch.noTime ? nil : place
    }

    /// Nil where its wall time was not read.
    private func knownPlace(of event: EventPosition) -> Int64? {
        guard let known = known[event.process],
            known.places.indices.contains(event.position - known.start)
        else { return nil }
        return known.places[event.position - known.start]
    }

    /// Between which places the events of a process lie, none of them dropped, on an axis of nanoseconds.
    private func spans(of process: Int, in positions: Range<Int>) throws -> [TimeSpan] {
        axis == .adjusted
            ? try times.adjustedSpans(of: process, in: positions).map(\.span)
            : try execution.timeSpans(of: process, in: positions)
    }

    /// The places of events of a process, none of them dropped, on an axis of nanoseconds: reads their wall times.
    /// `EventBatch.noTime` for those that have none.
    private func places(of process: Int, in positions: Range<Int>) throws -> [Int64] {
        guard axis == .adjusted else { return try readTimes(of: process, in: positions) }
        var places: [Int64] = []
        for span in try times.adjustedSpans(of: process, in: positions) {
            let here = span.positions.clamped(to: positions)
            if here.count == 1, here.lowerBound == span.positions.lowerBound {
                places.append(span.first)
            } else {
                let range = span.positions.lowerBound..<here.upperBound
                places += span.times(wall: try readTimes(of: process, in: range))
                    .suffix(here.count)
            }
        }
        return places
    }

    private static func place(
        of position: Int, in positions: Range<Int>, _ times: ClosedRange<Int64>
    ) -> Int64 {
        let share = Double(position - positions.lowerBound) / Double(max(positions.count, 1))
        let length = Double(times.upperBound) - Double(times.lowerBound)
        let place = Double(times.lowerBound) + share * length
        return min(times.upperBound, Int64(exactly: place.rounded(.down)) ?? times.lowerBound)
    }

    /// From the first event of a process that is here to behind the last one; nil where none has a place.
    func range(of process: Int, from first: Int, count: Int) throws -> Range<Int64>? {
        guard first < count else { return nil }
        switch axis {
        case .logical:
            let start = try times.logicalTime(at: EventPosition(process: process, position: first))
            let end = try times.logicalTime(
                at: EventPosition(process: process, position: count - 1))
            return Int64(start)..<Int64(end) + 1
        case .adjusted:
            // Along a process they ascend; the first events may have none.
            let end = try times.adjustedClock(of: process).last
            guard end != EventBatch.noTime else { return nil }
            let start =
                try exactPlace(of: EventPosition(process: process, position: first))
                ?? spans(of: process, in: first..<count).first { $0.times != nil }?.times?
                .lowerBound
            return start.map { $0..<end.addingSaturating(1) }
        case .wall:
            var found: ClosedRange<Int64>?
            for case let times? in try execution.timeSpans(of: process, in: first..<count)
                .map(\.times)
            {
                let (least, most) = (found?.lowerBound ?? .max, found?.upperBound ?? .min)
                found = min(least, times.lowerBound)...max(most, times.upperBound)
            }
            return found.map { $0.lowerBound..<$0.upperBound.addingSaturating(1) }
        }
    }

    /// Places what lies in a window of the lanes of some processes, none of it dropped.
    func lanes(
        of processes: [Int], in range: Range<Int64>, _ buckets: WindowBuckets
    ) throws -> [LanePlaces] {
        switch axis {
        case .logical:
            let bounds = buckets.bounds(within: range).map { Int($0) }
            return try processes.map { process in
                try cancellation.check()
                let dropped = try execution.index.droppedCount(of: process)
                let ends = try times.firstPositions(of: process, from: bounds).map {
                    max($0, dropped)
                }
                return LanePlaces(
                    positions: ends[0]..<ends[ends.count - 1],
                    counts: zip(ends, ends.dropFirst()).map { $1 - $0 },
                    firsts: ends.dropLast())
            }
        case .wall, .adjusted:
            var spans: [[TimeSpan]] = []
            var count = 0
            for process in processes {
                try cancellation.check()
                let first = try execution.index.droppedCount(of: process)
                let end = try execution.index.sequences(of: process).count
                let all = first < end ? try self.spans(of: process, in: first..<end) : []
                spans.append(
                    all.filter {
                        $0.times.map {
                            $0.upperBound >= range.lowerBound && $0.lowerBound < range.upperBound
                        } ?? false
                    })
                count += spans[spans.count - 1].reduce(0) { $0 + $1.positions.count }
            }
            let isExact = count <= Limits.windowTimesReadMax
            return try zip(processes, spans).map { process, spans in
                try cancellation.check()
                return isExact
                    ? try read(spans, of: process, in: range, buckets)
                    : spread(spans, in: range, buckets)
            }
        }
    }

    /// Reads the wall times of the events of a lane.
    private func read(
        _ spans: [TimeSpan], of process: Int, in range: Range<Int64>, _ buckets: WindowBuckets
    ) throws -> LanePlaces {
        var places = LanePlaces(
            positions: 0..<0, counts: Array(repeating: 0, count: buckets.count),
            firsts: Array(repeating: 0, count: buckets.count))
        guard let first = spans.first, let last = spans.last else { return places }
        let dropped = try execution.index.droppedCount(of: process)
        let positions = max(dropped, first.positions.lowerBound)..<last.positions.upperBound
        let known = KnownPlaces(
            start: positions.lowerBound, places: try self.places(of: process, in: positions))
        self.known[process] = known
        var (start, end) = (Int.max, 0)
        for (offset, time) in known.places.enumerated()
        where time != EventBatch.noTime && range.contains(time) {
            let position = positions.lowerBound + offset
            (start, end) = (min(start, position), position + 1)
            let bucket = buckets.index(time)
            if places.counts[bucket] == 0 { places.firsts[bucket] = position }
            places.counts[bucket] += 1
        }
        if start < end { places.positions = start..<end }
        return places
    }

    /// Spreads the events of stretches evenly over the buckets that these lie in.
    private func spread(
        _ spans: [TimeSpan], in range: Range<Int64>, _ buckets: WindowBuckets
    ) -> LanePlaces {
        var places = LanePlaces(
            positions: 0..<0, counts: Array(repeating: 0, count: buckets.count),
            firsts: Array(repeating: 0, count: buckets.count), isExact: false)
        guard let first = spans.first, let last = spans.last else { return places }
        places.positions = first.positions.lowerBound..<last.positions.upperBound
        for span in spans {
            // However far a clock went, what follows are numbers.
            let first = max(-1 << 50, buckets.index(span.times!.lowerBound))
            let last = min(1 << 50, buckets.index(span.times!.upperBound))
            let width = last - first + 1
            let count = span.positions.count
            for step in max(0, -first)..<max(max(0, -first), min(width, buckets.count - first)) {
                // As many as lie evenly up to the end of the bucket, less those before it.
                let before = count * step / width
                let here = count * (step + 1) / width - before
                guard here > 0 else { continue }
                if places.counts[first + step] == 0 {
                    places.firsts[first + step] = span.positions.lowerBound + before
                }
                places.counts[first + step] += here
            }
        }
        return places
    }

    /// The wall times of events as they have them; `EventBatch.noTime` where they have none, or cannot be read.
    private func readTimes(of process: Int, in positions: Range<Int>) throws -> [Int64] {
        var times: [Int64] = []
        try execution.forEachRows(
            of: process, in: positions, cancellation, reading: store.times
        ) { rows, wall in
            for row in rows.row..<rows.row + rows.positions.count {
                let isHere = wall.map { row < $0.count } ?? false
                times.append(isHere ? wall![row] : EventBatch.noTime)
            }
        }
        return times
    }
}

extension IndexedExecution {
    /// Calls `body` with the rows of the events of a process in a range of positions, none of which was dropped, and with what
    /// is read of the frame that has them: nil where they are not found, or cannot be read.
    func forEachRows<Value>(
        of process: Int, in positions: Range<Int>, _ cancellation: Cancellation,
        reading read: (Int) throws -> Value, _ body: (EventRows, Value?) throws -> Void
    ) throws {
        var next = positions.lowerBound
        while next < positions.upperBound {
            try cancellation.check()
            let place = EventPosition(process: process, position: next)
            guard var rows = try rows(at: place) else {
                try body(EventRows(frame: -1, row: 0, positions: next..<next + 1), nil)
                next += 1
                continue
            }
            var value: Value?
            do {
                value = try read(rows.frame)
            } catch is DamagedFrame {
                if try looksAgain() { continue }
            }
            // Those before it lie before its row.
            rows.row += next - rows.positions.lowerBound
            rows.positions = next..<min(rows.positions.upperBound, positions.upperBound)
            try body(rows, value)
            next = rows.positions.upperBound
        }
    }
}
