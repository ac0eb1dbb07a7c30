import Causality
import HappensBefore

// When events happened.
extension OrderFile: CausalTimes {
    package func steps(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [LogicalStep] {
        var steps: [LogicalStep] = []
        try forEachBlock(of: process, in: positions) { (block) throws(PartError) in
            let range = positions.clamped(to: block.positions)
            // Where a block begins there is a step, whether or not the time jumps there.
            steps += block.steps.steps(in: range)
        }
        guard steps.first?.position == positions.lowerBound else {
            throw damaged("process \(process) has no time of position \(positions.lowerBound)")
        }
        return steps
    }

    /// Of the events of the slice alone.
    package func firstPositions(of process: Int, from times: [Int]) throws(PartError) -> [Int] {
        let end = try line(process).facts.count
        let found = try firstPositions(of: process, from: times, below: end)
        return found + Array(repeating: end, count: times.count - found.count)
    }

    /// The same of the first ones, as far as they lie below a position.
    fileprivate func firstPositions(
        of process: Int, from times: some Sequence<Int>, below end: Int
    ) throws(PartError) -> [Int] {
        let blocks = try directory(process).times
        let base = try base(of: process)
        var number = -1
        var block: TimesBlock?
        var found: [Int] = []
        for time in times {
            let next = number + 1
            number += partitionPoint(count: blocks.count - next) { blocks[next + $0].time < time }
            var position = blocks.first?.start ?? base
            if number >= 0 {
                if block?.positions.lowerBound != blocks[number].start {
                    block = try self.times(process, number)
                }
                position = block!.steps.position(from: time, end: block!.positions.upperBound)
            }
            guard position < end else { break }
            found.append(position)
        }
        return found
    }

    func tally(_ block: TimesBlock) throws(PartError) -> MessageTally {
        do {
            return try block.tally(processCount: processCount)
        } catch {
            throw damaged(error.what)
        }
    }

    func adjusted(
        _ block: TimesBlock
    ) throws(PartError) -> (spans: [AdjustedSpan], clock: AdjustedClock) {
        do {
            return try block.adjusted()
        } catch {
            throw damaged(error.what)
        }
    }

    /// Calls `body` with the blocks that have some of a range of positions.
    private func forEachBlock(
        of process: Int, in positions: Range<Int>,
        _ body: (TimesBlock) throws(PartError) -> Void
    ) throws(PartError) {
        let blocks = try directory(process).times
        var number = max(
            0, partitionPoint(count: blocks.count) { blocks[$0].start <= positions.lowerBound } - 1)
        while number < blocks.count, blocks[number].start < positions.upperBound {
            try body(times(process, number))
            number += 1
        }
    }

    package func tallies(
        at process: Int, in positions: Range<Int>
    ) throws(PartError) -> [MessageTally] {
        var tallies: [MessageTally] = []
        try forEachBlock(of: process, in: positions) { (block) throws(PartError) in
            tallies.append(try tally(block))
        }
        return tallies
    }

    package func adjustedSpans(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [AdjustedSpan] {
        var spans: [AdjustedSpan] = []
        try forEachBlock(of: process, in: positions) { (block) throws(PartError) in
            spans += try adjusted(block).spans.filter { $0.positions.overlaps(positions) }
        }
        guard let first = spans.first, first.positions.lowerBound <= positions.lowerBound else {
            throw damaged("process \(process) has no time of position \(positions.lowerBound)")
        }
        return spans
    }

    package func adjustedClock(of process: Int) throws(PartError) -> AdjustedClock {
        let count = try directory(process).times.count
        return count == 0 ? AdjustedClock() : try adjusted(times(process, count - 1)).clock
    }
}

extension OrderStack: CausalTimes {
    package func steps(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [LogicalStep] {
        var positions = positions
        var steps: [LogicalStep] = []
        let dropped = try droppedCount(of: process)
        if positions.lowerBound < dropped {
            // Along a process times ascend.
            let last = try files[0].steps(of: process, in: dropped - 1..<dropped)[0]
            let start = positions.lowerBound
            steps.append(
                LogicalStep(position: start, time: last.time - last.position + start))
            guard positions.upperBound > dropped else { return steps }
            positions = dropped..<positions.upperBound
        }
        for part in try parts(of: process, in: positions) {
            steps += try part.file.steps(of: process, in: part.positions)
        }
        return steps
    }

    package func firstPositions(of process: Int, from times: [Int]) throws(PartError) -> [Int] {
        var found: [Int] = []
        for file in filesDownward(knowing: process).reversed() {
            let (base, count) = try (file.base(of: process), file.sequences(of: process).count)
            guard base < count, found.count < times.count else { continue }
            found += try file.firstPositions(
                of: process, from: times[found.count...], below: count)
        }
        let count = try sequences(of: process).count
        return found + Array(repeating: count, count: times.count - found.count)
    }

    package func tallies(
        at process: Int, in positions: Range<Int>
    ) throws(PartError) -> [MessageTally] {
        var tallies: [MessageTally] = []
        for part in try parts(of: process, in: positions) {
            tallies += try part.file.tallies(at: process, in: part.positions)
        }
        return tallies
    }

    package func adjustedSpans(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [AdjustedSpan] {
        var positions = positions
        var spans: [AdjustedSpan] = []
        let dropped = try droppedCount(of: process)
        if positions.lowerBound < dropped {
            // Along a process times ascend.
            let clock = try files[0].adjustedClock(of: process)
            let offset = AdjustedSpan.Offset(
                position: positions.lowerBound, nanoseconds: clock.offset)
            spans.append(
                AdjustedSpan(
                    positions.lowerBound..<dropped, first: clock.last, last: clock.last, [offset]))
            guard positions.upperBound > dropped else { return spans }
            positions = dropped..<positions.upperBound
        }
        for part in try parts(of: process, in: positions) {
            spans += try part.file.adjustedSpans(of: process, in: part.positions)
        }
        return spans
    }

    package func adjustedClock(of process: Int) throws(PartError) -> AdjustedClock {
        let count = try sequences(of: process).count
        guard count > 0 else { return AdjustedClock() }
        return try file(of: EventPosition(process: process, position: count - 1))
            .adjustedClock(of: process)
    }

    /// The wall times of the events of a process in a range of positions, summary by summary; of those that were dropped nothing.
    package func timeSpans(
        of process: Int, in positions: Range<Int>
    ) throws(PartError) -> [TimeSpan] {
        let first = try max(positions.lowerBound, droppedCount(of: process))
        guard first < positions.upperBound else { return [] }
        var spans: [TimeSpan] = []
        for part in try parts(of: process, in: first..<positions.upperBound) {
            spans += try part.file.timeSpans(of: process, in: part.positions)
        }
        return spans
    }
}
