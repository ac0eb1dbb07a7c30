import Causality
import HappensBefore

/// Finds what lies in a window of a picture, piece by piece.
struct WindowPainting<Execution: IndexedExecution> {
    var window: Window
    let execution: Execution
    let index: Execution.Index
    let store: any HistoryStore
    let axes: PictureAxes<Execution>
    let messages: Execution.Messages
    let times: Execution.Times
    let cancellation: Cancellation
    /// By lane: its process. Those that only messages lead to come last.
    var processes: [Int]
    /// By process: its lane.
    var laneOf: [Int: Int] = [:]
    var places: [LanePlaces] = []

    init(
        _ window: Window, _ processes: [Int], _ execution: Execution, _ store: some HistoryStore,
        _ axes: PictureAxes<Execution>, _ messages: Execution.Messages, _ times: Execution.Times,
        _ cancellation: Cancellation
    ) {
        self.window = window
        self.processes = processes
        self.execution = execution
        self.store = store
        self.axes = axes
        self.messages = messages
        self.times = times
        self.cancellation = cancellation
        index = execution.index
        laneOf = Dictionary(uniqueKeysWithValues: processes.enumerated().map { ($1, $0) })
    }

    mutating func paint() throws {
        places = try axes.lanes(of: processes, in: window.range, window.buckets)
        for lane in places.indices {
            window.processes.append(try index.id(of: processes[lane]))
            window.eventCount += places[lane].count
            window.isExact = window.isExact && places[lane].isExact
            window.lanes.append(try self.lane(lane))
        }
        let hasPoints = window.isExact && window.eventCount <= Limits.windowPointsMax
        for lane in places.indices {
            try cancellation.check()
            if hasPoints {
                window.lanes[lane].points = try points(lane)
            } else {
                window.lanes[lane].severe = try severe(lane)
            }
            window.lanes[lane].gaps = try gaps(lane)
            window.lanes[lane].uncertain = try uncertain(lane)
        }
        try paintMessages(isEach: hasPoints)
        try paintRestarts()
        try paintDefects()
    }

    private func lane(_ lane: Int) throws -> Window.Lane {
        let (here, process) = (places[lane], processes[lane])
        let sequences = try index.sequences(of: process)
        var made = Window.Lane()
        made.eventCount = here.count
        made.counts = here.counts
        made.firsts = zip(here.counts, here.firsts).map { $0 > 0 ? sequences[$1] : 0 }
        return made
    }

    /// The lane of a process; one is added for what is not among those that were asked for.
    mutating func lane(of process: Int) throws -> Int {
        if let known = laneOf[process] { return known }
        laneOf[process] = processes.count
        processes.append(process)
        window.processes.append(try index.id(of: process))
        return processes.count - 1
    }

    // MARK: Events

    private mutating func points(_ lane: Int) throws -> [Window.Point] {
        let (process, positions) = (processes[lane], places[lane].positions)
        guard !positions.isEmpty else { return [] }
        let last = EventPosition(process: process, position: positions.upperBound - 1)
        if !execution.isSettled(last) { window.isSettled = false }
        let sequences = try index.sequences(of: process)
        var points: [Window.Point?] = try positions.map { position in
            let place = try axes.place(of: EventPosition(process: process, position: position))
            guard let place, window.range.contains(place) else { return nil }
            return Window.Point(
                place: place, sequence: sequences[position],
                kind: try execution.recordedKind(
                    at: EventPosition(process: process, position: position)))
        }
        let start = positions.lowerBound
        let hasNames = window.eventCount <= Limits.windowLabelsMax
        try execution.forEachRows(
            of: process, in: positions, cancellation, reading: store.headings
        ) { rows, headings in
            for position in rows.positions {
                let row = rows.row + position - rows.positions.lowerBound
                guard let headings, row < headings.levels.count else { continue }
                points[position - start]?.level = headings.levels[row]
                guard hasNames else { continue }
                points[position - start]?.name = headings.names[Int(headings.nameOf[row])]
            }
        }
        return points.compactMap { $0 }
    }

    /// Of each bucket the most severe event, and of several the first.
    private mutating func severe(_ lane: Int) throws -> [Window.Severe] {
        let (process, here) = (processes[lane], places[lane])
        guard !here.positions.isEmpty else { return [] }
        let last = EventPosition(process: process, position: here.positions.upperBound - 1)
        if !execution.isSettled(last) { window.isSettled = false }
        let least = Level.warning.rawValue
        let sequences = try index.sequences(of: process)
        let filled = here.counts.indices.filter { here.counts[$0] > 0 }
            .sorted { here.firsts[$0] < here.firsts[$1] }
        // Along a process positions ascend, and so do buckets but where clocks went back.
        var next = 0
        var found = [Window.Severe?](repeating: nil, count: here.counts.count)
        try execution.forEachRows(
            of: process, in: here.positions, cancellation,
            reading: { try store.levelMax(of: $0) < least ? [] : store.severeRows(of: $0) }
        ) { rows, severe in
            guard let severe, !severe.isEmpty else { return }
            let end = rows.row + rows.positions.count
            let first = partitionPoint(count: severe.count) { severe[$0].row < rows.row }
            for entry in severe[first...] {
                guard entry.row < end else { break }
                let position = rows.positions.lowerBound + entry.row - rows.row
                while next < filled.count, here.firsts[filled[next]] <= position { next += 1 }
                guard next > 0 else { continue }
                let bucket = filled[next - 1]
                if let known = found[bucket], known.level >= entry.level { continue }
                found[bucket] = Window.Severe(
                    bucket: bucket, level: entry.level, sequence: sequences[position])
            }
        }
        return found.compactMap { $0 }
    }

    // MARK: What is not known

    private func gaps(_ lane: Int) throws -> [Window.GapMark] {
        let process = processes[lane]
        let sequences = try index.sequences(of: process)
        let dropped = try index.droppedCount(of: process)
        var marks: [Window.GapMark] = []
        for gap in try index.gaps(of: process) {
            let next = sequences.count(upTo: gap.first)
            func place(_ position: Int) throws -> Int64? {
                guard position >= dropped, position < sequences.count else { return nil }
                return try axes.place(of: EventPosition(process: process, position: position))
            }
            let (before, after) = (try place(next - 1), try place(next))
            guard before ?? after != nil || sequences.count == 0 else { continue }
            let start =
                before ?? after.map { $0.addingSaturating(-window.buckets.width) }
                ?? window.range.lowerBound
            let end =
                after ?? before.map { $0.addingSaturating(window.buckets.width) }
                ?? window.range.upperBound
            guard start < window.range.upperBound, end > window.range.lowerBound else { continue }
            let mark = Window.GapMark(
                range: start..<max(start, end), first: gap.first, last: gap.last,
                isLost: gap.isLost, missing: gap.last - gap.first + 1)
            guard let last = marks.last, window.lanes[lane].points == nil,
                mark.range.upperBound
                    <= last.range.lowerBound.addingSaturating(window.buckets.width)
            else {
                guard marks.count < Limits.windowGapsMax else { break }
                marks.append(mark)
                continue
            }
            // Too close to be told apart.
            marks[marks.count - 1].range =
                last.range.lowerBound..<max(last.range.upperBound, mark.range.upperBound)
            marks[marks.count - 1].last = mark.last
            marks[marks.count - 1].isLost = last.isLost && mark.isLost
            marks[marks.count - 1].missing += mark.missing
        }
        return marks
    }

    /// Where what events knew is a lower bound: event by event where there are few, else as the first of each bucket has it.
    private func uncertain(_ lane: Int) throws -> [Range<Int64>] {
        let (process, here) = (processes[lane], places[lane])
        var samples: [(position: Int, places: Range<Int64>)] = []
        if let points = window.lanes[lane].points {
            let sequences = try index.sequences(of: process)
            for (point, next) in zip(
                points, points.dropFirst().map(\.place) + [points.last?.place ?? 0])
            {
                let position = sequences.position(of: point.sequence)!
                samples.append((position, min(point.place, next)..<max(point.place, next) + 1))
            }
        } else {
            let step = 1 + here.counts.count * places.count / Limits.windowUncertainMax
            let filled = here.counts.indices.filter { here.counts[$0] > 0 }
            for bucket in stride(from: 0, to: filled.count, by: step).map({ filled[$0] }) {
                let start = window.buckets.origin + Int64(bucket) << Int64(window.buckets.shift)
                samples.append(
                    (
                        here.firsts[bucket],
                        start..<start.addingSaturating(Int64(step) << Int64(window.buckets.shift))
                    ))
            }
        }
        var ranges: [Range<Int64>] = []
        var certainEnd = 0
        for (position, range) in samples {
            guard position >= certainEnd else { continue }
            let place = EventPosition(process: process, position: position)
            certainEnd = try index.certainEnd(from: place)
            guard certainEnd <= position else { continue }
            certainEnd = 0
            if let last = ranges.last, last.upperBound >= range.lowerBound {
                ranges[ranges.count - 1] =
                    last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }

    private mutating func paintRestarts() throws {
        for process in processes {
            let dropped = try index.droppedCount(of: process)
            guard dropped == 0, try index.sequences(of: process).count > 0,
                let to = try axes.exactPlace(of: EventPosition(process: process, position: 0))
            else { continue }
            for key in try index.implied(by: process) {
                guard
                    let position = try index.sequences(of: key.process).position(of: key.sequence),
                    let from = try axes.exactPlace(
                        of: EventPosition(process: key.process, position: position)),
                    min(from, to) < window.range.upperBound,
                    max(from, to) >= window.range.lowerBound
                else { continue }
                window.restarts.append(
                    Window.Restart(
                        from: try lane(of: key.process), fromPlace: from,
                        to: try lane(of: process), toPlace: to))
            }
        }
    }

    private mutating func paintDefects() throws {
        for defect in try execution.defects(cancellation) {
            for event in defect.events {
                guard let position = try index.position(of: event),
                    let lane = laneOf[position.process],
                    try position.position >= index.droppedCount(of: position.process),
                    let place = try axes.exactPlace(of: position), window.range.contains(place)
                else { continue }
                guard window.defects.count < Limits.windowDefectsMax else { return }
                window.defects.append(
                    Window.DefectMark(lane: lane, place: place, defect: defect))
                break
            }
        }
    }
}
