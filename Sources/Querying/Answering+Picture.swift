import Causality
import HappensBefore

/// The answer to a question of a picture.
package enum PictureAnswer: Sendable {
    case lanes(Lanes)
    case window(Window)
    case cone(Cone)

    /// What it says of events: the same wherever these are kept, while none comes.
    package var content: PictureAnswer {
        switch self {
        case .lanes(var lanes):
            lanes.version = ""
            return .lanes(lanes)
        case .window(var window):
            (window.version, window.isSettled) = ("", true)
            return .window(window)
        case .cone: return self
        }
    }
}

extension Answering {
    /// Answers what a picture asks. A window costs O(lanes · buckets · log n) look-ups, and what is told of single events where
    /// there are few; on the axis of wall times O(events / 256) too.
    package func answer(_ question: PictureQuestion) throws -> PictureAnswer {
        let name = try execution()
        let version = try store.version(of: name)
        return try asking(of: name) { execution in
            switch question {
            case .lanes: return .lanes(try lanes(execution, version))
            case .window(let question):
                return .window(try window(question, execution, version))
            case .cone(let event, let axis):
                return .cone(try cone(execution.index.event(event), axis, execution))
            }
        }
    }

    private func lanes(_ execution: some IndexedExecution, _ version: String) throws -> Lanes {
        let index = execution.index
        var lanes = Lanes(
            execution: index.execution, version: version, eventCount: execution.eventCount,
            axes: [:], lanes: [])
        let axes = try PictureAxis.allCases.map { axis in
            (axis, try PictureAxes(axis, execution, store, options.cancellation))
        }
        for process in try index.listedProcesses() {
            try options.cancellation.check()
            let facts = try index.facts(of: process)
            guard facts.count > 0 || facts.end > 0 else { continue }
            let dropped = try index.droppedCount(of: process)
            var lane = Lanes.Lane(
                facts: facts, eventCount: facts.count - dropped,
                missing: try index.gaps(of: process).reduce(0) { $0 + $1.last - $1.first + 1 },
                dropped: dropped,
                after: try index.implied(by: process).map {
                    EventID(try index.id(of: $0.process), $0.sequence)
                })
            for (axis, places) in axes {
                guard
                    let range = try places.range(of: process, from: dropped, count: facts.count)
                else { continue }
                lane.axes[axis] = range
                let all = lanes.axes[axis] ?? range
                lanes.axes[axis] =
                    min(all.lowerBound, range.lowerBound)..<max(all.upperBound, range.upperBound)
            }
            lanes.lanes.append(lane)
        }
        return lanes
    }

    private func cone(
        _ event: EventID, _ axis: PictureAxis, _ execution: some IndexedExecution
    ) throws -> Cone {
        let index = execution.index
        try require(event, index)
        let axes = try PictureAxes(axis, execution, store, options.cancellation)
        let (past, future) = (try index.past(of: event)!, try index.future(of: event)!)
        let place = try index.position(of: event)
        let own = try index.index(of: event.process)
        var cone = Cone(
            event: event, place: try place.flatMap { try axes.exactPlace(of: $0) }, past: [],
            future: [], isPastComplete: past.isComplete, isFutureComplete: future.isComplete,
            notes: [])
        for (process, sequence) in try index.seen(by: event)!.enumerated()
        where sequence > 0 && process != own {
            try options.cancellation.check()
            let position = try index.sequences(of: process).position(of: sequence)
            cone.past.append(
                Cone.End(
                    event: EventID(try index.id(of: process), sequence),
                    place: try position.flatMap {
                        try axes.exactPlace(of: EventPosition(process: process, position: $0))
                    }))
        }
        for (process, range) in future.ranges.enumerated() where !range.isEmpty && process != own {
            try options.cancellation.check()
            let first = EventPosition(process: process, position: range.lowerBound)
            cone.future.append(
                Cone.End(event: try index.id(first), place: try axes.exactPlace(of: first)))
        }
        cone.past.sort { listingOrder($0.event.process, $1.event.process) }
        cone.future.sort { listingOrder($0.event.process, $1.event.process) }
        if !past.isComplete {
            cone.notes.append("the past is incomplete, because \(Lack.listed(past.lacks))")
        }
        if !future.isComplete {
            cone.notes.append("the future is incomplete, because \(Lack.listed(future.lacks))")
        }
        if place == nil { cone.notes.append("\(event) is not here") }
        return cone
    }

    private func window<Execution: IndexedExecution>(
        _ question: WindowQuestion, _ execution: Execution, _ version: String
    ) throws -> Window {
        let index = execution.index
        var processes: [Int] = []
        if question.processes.isEmpty {
            processes = try index.listedProcesses().filter {
                let facts = try index.facts(of: $0)
                return facts.count > 0 || facts.end > 0
            }
            guard processes.count <= Limits.windowLanesMax else {
                throw QuestionError(
                    .misuse,
                    "there are \(processes.count) processes: name at most \(Limits.windowLanesMax) of them with process"
                )
            }
        }
        for name in question.processes {
            guard let process = try index.index(of: ProcessID(text: name)) else {
                throw QuestionError(
                    .notFound, "no process “\(printable(name))” in execution “\(index.execution)”")
            }
            guard !processes.contains(process) else {
                throw QuestionError(.misuse, "process: “\(printable(name))” is given twice")
            }
            processes.append(process)
        }
        let bucketsMax = min(
            question.bucketsMax, max(64, Limits.windowCellsMax / max(processes.count, 1)))
        var painting = WindowPainting(
            Window(
                axis: question.axis, range: question.range,
                buckets: WindowBuckets(question.range, countMax: bucketsMax), version: version),
            processes, execution, store,
            try PictureAxes(question.axis, execution, store, options.cancellation),
            try execution.messages(options.cancellation),
            try execution.causalTimes(options.cancellation), options.cancellation)
        try painting.paint()
        return painting.window
    }
}
