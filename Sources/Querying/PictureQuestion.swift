import Causality
import HappensBefore

/// What a picture of an execution asks for: its lanes, what lies in a window of an axis, and the causal past and future of an
/// event. Asked again with each move of whoever looks, so the work follows what can be seen, not how long the execution is.
package enum PictureQuestion: Sendable {
    case lanes
    case window(WindowQuestion)
    case cone(of: EventText, PictureAxis)

    package static let verbs = ["lanes", "window", "cone"]

    /// Parameters: `axis`; of a window `from`, `to`, `buckets` and `process` (repeated); of a cone `event`; and for all of them
    /// `execution` and `timeout`.
    package init(_ verb: String, _ parameters: QuestionParameters) throws(QuestionError) {
        let common = ["execution", "timeout"]
        switch verb {
        case "lanes":
            try parameters.expect(only: common)
            self = .lanes
        case "window":
            try parameters.expect(
                only: common + ["axis", "from", "to", "buckets", "process"])
            self = .window(try WindowQuestion(parameters))
        case "cone":
            try parameters.expect(only: common + ["axis", "event"])
            self = .cone(of: try parameters.event("event"), try parameters.axis())
        default:
            throw QuestionError(
                .misuse, "expected one of \(Self.verbs.joined(separator: ", ")), found \(verb)")
        }
    }
}

/// What events are drawn along.
package enum PictureAxis: String, CaseIterable, Sendable {
    /// `CausalTimes`: each message points forward.
    case logical
    /// Nanoseconds since 1970, as each host's clock had it: messages may point backward.
    case wall
    /// The same, but a clock is put forward where a message would point backward: `AdjustedClock`.
    case adjusted
}

/// Which part of a picture is wanted.
package struct WindowQuestion: Sendable {
    package var axis: PictureAxis
    /// On the axis; not empty.
    package var range: Range<Int64>
    /// It is cut into so many buckets at the most.
    package var bucketsMax: Int
    /// The lanes, in this order; all where there are none.
    package var processes: [String]

    init(_ parameters: QuestionParameters) throws(QuestionError) {
        axis = try parameters.axis()
        let (from, to) = (try parameters.place("from"), try parameters.place("to"))
        guard from < to else {
            throw QuestionError(.misuse, "to: expected a number beyond \(from), found \(to)")
        }
        guard !to.subtractingReportingOverflow(from).overflow else {
            throw QuestionError(.misuse, "to: expected a number nearer to \(from), found \(to)")
        }
        range = from..<to
        let text = try parameters.one("buckets") ?? "1024"
        guard let buckets = Int(text), (1...Limits.windowBucketsMax).contains(buckets) else {
            throw QuestionError(
                .misuse,
                "buckets: expected a number from 1 to \(Limits.windowBucketsMax), found “\(text)”")
        }
        bucketsMax = buckets
        processes = parameters["process"]
        guard processes.count <= Limits.windowLanesMax else {
            throw QuestionError(
                .misuse,
                "process: expected at most \(Limits.windowLanesMax), found \(processes.count)")
        }
    }
}

extension QuestionParameters {
    fileprivate func axis() throws(QuestionError) -> PictureAxis {
        let text = try one("axis") ?? PictureAxis.logical.rawValue
        guard let axis = PictureAxis(rawValue: text) else {
            let all = PictureAxis.allCases.map(\.rawValue)
            throw QuestionError(
                .misuse,
                "axis: expected one of \(all.joined(separator: ", "))"
                    + Suggestion.ending(for: text, among: all))
        }
        return axis
    }

    fileprivate func place(_ name: String) throws(QuestionError) -> Int64 {
        let text = try required(name)
        guard let place = Int64(text) else {
            throw QuestionError(
                .misuse, "\(name): expected a place on the axis, a whole number, found “\(text)”")
        }
        return place
    }
}

/// The lanes of a picture.
package struct Lanes: Sendable {
    package var execution: String
    /// Another one where something changed that a lane or a window says.
    package var version: String
    package var eventCount: Int
    /// From the first event on each axis to behind the last one; none for an axis on which nothing lies.
    package var axes: [PictureAxis: Range<Int64>]
    package var lanes: [Lane]

    /// A process that is here, or only cited.
    package struct Lane: Sendable {
        package var facts: ProcessFacts
        /// How many of its events are here, and how many numbers are missing.
        package var eventCount: Int
        package var missing: UInt64
        package var dropped: Int
        /// What it goes on from.
        package var after: [EventID]
        package var axes: [PictureAxis: Range<Int64>] = [:]
    }
}

/// What lies in a window of an axis. Places are numbers on the axis.
package struct Window: Sendable {
    package var axis: PictureAxis
    package var range: Range<Int64>
    package var buckets: WindowBuckets
    package var version: String
    /// False where counts of a wide window of wall or adjusted times are spread over the buckets, so that each is right to some
    /// `TimeSpan.eventsMax` events.
    package var isExact = true
    /// False where events lie in it whose logical times may change when more arrives.
    package var isSettled = true
    package var eventCount = 0
    /// What the numbers of lanes below mean: first those that were asked for, then those that messages lead to.
    package var processes: [ProcessID] = []
    package var lanes: [Lane] = []
    package var messages: [Message] = []
    /// How many more messages there are.
    package var messagesHidden = 0
    package var restarts: [Restart] = []
    package var ghosts: [Ghost] = []
    package var defects: [DefectMark] = []

    package struct Lane: Sendable {
        package var eventCount = 0
        /// By bucket: how many events, and the number of the first of them.
        package var counts: [Int] = []
        package var firsts: [UInt64] = []
        package var severe: [Severe] = []
        package var gaps: [GapMark] = []
        package var uncertain: [Range<Int64>] = []
        /// The single events, where there are few in the window.
        package var points: [Point]?
    }

    /// The most severe event of a bucket, where that is a warning at least.
    package struct Severe: Sendable {
        package var bucket: Int
        package var level: UInt8
        package var sequence: UInt64
    }

    package struct GapMark: Sendable {
        package var range: Range<Int64>
        package var first: UInt64
        package var last: UInt64
        package var isLost: Bool
        /// How many numbers are missing: fewer than there are between the two where several gaps lie close together.
        package var missing: UInt64
    }

    package struct Point: Sendable {
        package var place: Int64
        package var sequence: UInt64
        package var kind: EventKind = .unsaid
        package var level: UInt8 = 0
        /// What the event is called; nil where there are too many for labels, or it cannot be read.
        package var name: String?
    }

    /// A message, or several between the same two processes at about the same time, one of which it shows.
    package struct Message: Sendable {
        package var from: Int
        package var fromPlace: Int64
        package var fromSequence: UInt64
        package var to: Int
        package var toPlace: Int64
        package var toSequence: UInt64
        package var count: Int
    }

    /// The first event of a process, and the one that it goes on from.
    package struct Restart: Sendable {
        package var from: Int
        package var fromPlace: Int64
        package var to: Int
        package var toPlace: Int64
    }

    /// An event that sent a message and is not here: it lies before a place.
    package struct Ghost: Sendable {
        package var lane: Int
        package var place: Int64
        package var sequence: UInt64
    }

    package struct DefectMark: Sendable {
        package var lane: Int
        package var place: Int64
        package var defect: Defect
    }
}

/// How a window is cut: into buckets of a power of two, each of which begins at a multiple of it.
package struct WindowBuckets: Hashable, Sendable {
    /// Where the first bucket begins.
    package let origin: Int64
    /// A bucket is 1 << shift wide.
    package let shift: Int
    package let count: Int

    /// The narrowest buckets of which at most so many cut a range, which is not empty.
    init(_ range: Range<Int64>, countMax: Int) {
        var shift = 0
        func count(_ shift: Int) -> Int64 {
            ((range.upperBound - 1) >> Int64(shift)) - (range.lowerBound >> Int64(shift)) + 1
        }
        while count(shift) > Int64(max(countMax, 2)) { shift += 1 }
        self.shift = shift
        origin = (range.lowerBound >> Int64(shift)) << Int64(shift)
        self.count = Int(count(shift))
    }

    package var width: Int64 { 1 << Int64(shift) }

    /// The bucket of a place, which lies in none where it is below 0 or not below `count`.
    func index(_ place: Int64) -> Int {
        let (distance, overflow) = (place >> Int64(shift))
            .subtractingReportingOverflow(origin >> Int64(shift))
        return overflow ? (place < origin ? .min : .max) : Int(distance)
    }

    /// Where the buckets of a range begin, and where it ends.
    func bounds(within range: Range<Int64>) -> [Int64] {
        var bounds = [range.lowerBound]
        for bucket in 1..<max(count, 1) { bounds.append(origin + Int64(bucket) << Int64(shift)) }
        return bounds + [range.upperBound]
    }
}

/// What could have caused an event, and what it could have affected.
package struct Cone: Sendable {
    package var event: EventID
    /// Nil where it is not here.
    package var place: Int64?
    /// Of each process the last event that it knows, and the first that knows it.
    package var past: [End]
    package var future: [End]
    package var isPastComplete: Bool
    package var isFutureComplete: Bool
    package var notes: [String]

    package struct End: Sendable {
        package var event: EventID
        /// Nil where it is not here.
        package var place: Int64?
    }
}
