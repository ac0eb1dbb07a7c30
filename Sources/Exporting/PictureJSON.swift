import Causality
import HappensBefore
import Querying

// What a picture is drawn from, as the page reads it: flat lists of numbers, which cost little to write and to read. Places of a
// window are numbers from its origin on; those that are not of a window are decimal text, since nanoseconds do not fit a double.

extension Answering {
    /// Answers a question of a picture in JSON.
    package func written(_ question: PictureQuestion) throws -> WrittenAnswer {
        try answer(question).written
    }
}

extension PictureAnswer {
    /// In JSON.
    package var written: WrittenAnswer {
        switch self {
        case .lanes(let lanes): WrittenAnswer([json(lanes)])
        case .window(let window): WrittenAnswer([json(window)])
        case .cone(let cone): WrittenAnswer(notes: cone.notes, [json(cone)])
        }
    }
}

private func json(_ lanes: Lanes) -> String {
    func forEach(
        _ ranges: [PictureAxis: Range<Int64>], _ writer: inout JSONWriter,
        _ body: (Range<Int64>, inout JSONWriter) -> Void
    ) {
        writer.key("axes")
        writer.object { writer in
            for axis in PictureAxis.allCases {
                guard let range = ranges[axis] else { continue }
                writer.key(text: axis.rawValue)
                body(range, &writer)
            }
        }
    }
    return JSONWriter.object { writer in
        writer.member("execution", lanes.execution)
        writer.member("version", lanes.version)
        writer.member("events", lanes.eventCount)
        forEach(lanes.axes, &writer) { range, writer in
            writer.object {
                $0.member("from", "\(range.lowerBound)")
                $0.member("to", "\(range.upperBound)")
            }
        }
        writer.key("lanes")
        writer.array { writer in
            for lane in lanes.lanes {
                writer.object { writer in
                    let id = lane.facts.id
                    writer.member("process", id.description)
                    writer.member("host", lane.facts.host)
                    writer.member("name", id.name)
                    writer.member("incarnation", Int(id.incarnation))
                    if !id.fork.isEmpty { writer.member("fork", id.fork) }
                    writer.member("events", lane.eventCount)
                    writer.member("first", lane.facts.first)
                    writer.member("last", lane.facts.last)
                    writer.member("missing", lane.missing)
                    writer.member("cited", lane.facts.citedMax)
                    writer.member("dropped", lane.dropped)
                    writer.member("after", lane.after.map(\.description))
                    forEach(lane.axes, &writer) { range, writer in
                        writer.array {
                            $0.value("\(range.lowerBound)")
                            $0.value("\(range.upperBound)")
                        }
                    }
                }
            }
        }
    }
}

private func json(_ cone: Cone) -> String {
    func member(
        _ name: StaticString, _ ends: [Cone.End], isExact: Bool, _ writer: inout JSONWriter
    ) {
        writer.key(name)
        writer.array { writer in
            for end in ends {
                writer.object {
                    $0.member("process", end.event.process.description)
                    $0.member("sequence", end.event.sequence)
                    $0.member("x", end.place.map { "\($0)" })
                    $0.member("isExact", isExact)
                }
            }
        }
    }
    return JSONWriter.object { writer in
        writer.member("event", cone.event.description)
        writer.member("process", cone.event.process.description)
        writer.member("sequence", cone.event.sequence)
        writer.member("x", cone.place.map { "\($0)" })
        member("past", cone.past, isExact: cone.isPastComplete, &writer)
        member("future", cone.future, isExact: cone.isFutureComplete, &writer)
        writer.member("notes", cone.notes)
    }
}

private func json(_ window: Window) -> String {
    let origin = window.buckets.origin
    func place(_ place: Int64) -> Int64 {
        let (distance, overflow) = place.subtractingReportingOverflow(origin)
        return overflow ? (place < origin ? .min : .max) : distance
    }
    // Of very many nobody asks for a certain one.
    let hasSevere =
        window.lanes.reduce(0) { $0 + $1.severe.count } <= Limits.severeEventsToldMax
    return JSONWriter.object { writer in
        writer.member("axis", window.axis.rawValue)
        writer.member("from", "\(window.range.lowerBound)")
        writer.member("to", "\(window.range.upperBound)")
        writer.member("origin", "\(origin)")
        writer.member("bucket", "\(window.buckets.width)")
        writer.member("version", window.version)
        writer.member("isExact", window.isExact)
        writer.member("isSettled", window.isSettled)
        writer.member("events", window.eventCount)
        writer.member("processes", window.processes.map(\.description))
        writer.key("lanes")
        writer.array { writer in
            for (number, lane) in window.lanes.enumerated() {
                writer.object { lane.write(number, hasSevere: hasSevere, place, &$0) }
            }
        }
        writer.list("messages") { writer in
            for message in window.messages {
                writer.value(message.from)
                writer.value(place(message.fromPlace))
                writer.value(message.fromSequence)
                writer.value(message.to)
                writer.value(place(message.toPlace))
                writer.value(message.toSequence)
                writer.value(message.count)
            }
        }
        writer.member("messagesHidden", window.messagesHidden)
        writer.list("restarts") { writer in
            for restart in window.restarts {
                writer.value(restart.from)
                writer.value(place(restart.fromPlace))
                writer.value(restart.to)
                writer.value(place(restart.toPlace))
            }
        }
        writer.list("ghosts") { writer in
            for ghost in window.ghosts {
                writer.value(ghost.lane)
                writer.value(place(ghost.place))
                writer.value(ghost.sequence)
            }
        }
        writer.list("defects") { writer in
            for mark in window.defects {
                writer.value(mark.lane)
                writer.value(place(mark.place))
                writer.value(mark.defect.kind.rawValue)
                writer.value(mark.defect.text)
            }
        }
    }
}

extension Window.Lane {
    fileprivate func write(
        _ number: Int, hasSevere: Bool, _ place: (Int64) -> Int64, _ writer: inout JSONWriter
    ) {
        writer.member("process", number)
        writer.member("events", eventCount)
        if let points {
            writer.key("points")
            writer.object { Self.write(points, place, &$0) }
        } else {
            writeCounts(&writer)
            writeLevels(hasEvents: hasSevere, &writer)
        }
        writer.list("gaps") { writer in
            for gap in gaps {
                writer.value(place(gap.range.lowerBound))
                writer.value(place(gap.range.upperBound))
                writer.value(gap.first)
                writer.value(gap.last)
                writer.value(gap.isLost ? 1 : 0)
                writer.value(gap.missing)
            }
        }
        writer.list("uncertain") { writer in
            for range in uncertain {
                writer.value(place(range.lowerBound))
                writer.value(place(range.upperBound))
            }
        }
    }

    /// A digit for each bucket: the level of its most severe event, 0 where that is no warning. And how far that event's number
    /// is from that of the bucket's first one.
    private func writeLevels(hasEvents: Bool, _ writer: inout JSONWriter) {
        var levels = [UInt8](repeating: UInt8(ascii: "0"), count: (severe.last?.bucket ?? -1) + 1)
        for severe in severe { levels[severe.bucket] = UInt8(ascii: "0") + severe.level }
        writer.member("levels", String(decoding: levels, as: UTF8.self))
        guard hasEvents else { return }
        writer.list("severe") { writer in
            for severe in severe {
                writer.value(Int64(bitPattern: severe.sequence &- firsts[severe.bucket]))
            }
        }
    }

    private func writeCounts(_ writer: inout JSONWriter) {
        let end = (counts.lastIndex { $0 > 0 } ?? -1) + 1
        writer.member("first", counts.firstIndex { $0 > 0 }.map { firsts[$0] } ?? 0)
        writer.list("counts") { writer in for count in counts[..<end] { writer.value(count) } }
        writer.list("jumps") { writer in
            var next: UInt64?
            for bucket in 0..<end where counts[bucket] > 0 {
                if let next, next != firsts[bucket] {
                    writer.value(bucket)
                    writer.value(firsts[bucket])
                }
                next = firsts[bucket] &+ UInt64(counts[bucket])
            }
        }
    }

    private static func write(
        _ points: [Window.Point], _ place: (Int64) -> Int64, _ writer: inout JSONWriter
    ) {
        writer.list("x") { writer in for point in points { writer.value(place(point.place)) } }
        writer.list("sequence") { writer in
            for point in points { writer.value(point.sequence) }
        }
        let kinds: [EventKind: Character] = [.send: "s", .receive: "r", .local: "l", .unsaid: "-"]
        writer.member("kind", String(points.map { kinds[$0.kind]! }))
        writer.list("level") { writer in for point in points { writer.value(point.level) } }
        guard points.contains(where: { $0.name != nil }) else { return }
        writer.list("label") { writer in
            for point in points { writer.value(point.name ?? "") }
        }
    }
}

extension JSONWriter {
    /// A list.
    fileprivate mutating func list(
        _ name: StaticString, _ body: (inout JSONWriter) -> Void
    ) {
        key(name)
        array(body)
    }
}
