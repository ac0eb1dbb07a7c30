import Causality
import HappensBefore

/// How far apart two events are, as far as the evidence tells. For one answer, and so for one thread at a time.
final class Distance<Execution: IndexedExecution> {
    let index: Execution.Index
    let processes: ProcessTable<Execution>
    private let rows: RowReader<Execution>

    init(_ rows: RowReader<Execution>) {
        self.rows = rows
        processes = rows.processes
        index = processes.index
    }

    enum Verdict {
        case within
        case beyond
        case unknown(String)
    }

    /// Whether two events, neither of which happened after `b` where one happened before the other, are no further apart
    /// than a span.
    func verdict(
        _ a: Candidates.Element, _ b: Candidates.Element, _ span: Query.Span, areOrdered: Bool
    ) throws -> Verdict {
        switch span {
        case .time(let seconds):
            return Self.verdict(
                try elapsed(from: a, to: b, areOrdered: areOrdered), seconds)
        case .events(let count):
            let between = try events(after: a, upTo: b)
            if between.count > count { return .beyond }
            return between.lack.map { .unknown($0) } ?? .within
        }
    }

    /// Whether two events between which so much time may lie are no more than so many seconds apart.
    static func verdict(_ bounds: ClosedRange<Double>, _ seconds: Double) -> Verdict {
        if bounds.upperBound <= seconds, bounds.lowerBound >= -seconds { return .within }
        if bounds.lowerBound > seconds || bounds.upperBound < -seconds { return .beyond }
        return .unknown("they are \(text(bounds)) apart, as far as messages tell")
    }

    /// The seconds from one event to another: exact by the clock of one host, else what messages between them allow.
    func elapsed(
        from a: Candidates.Element, to b: Candidates.Element, areOrdered: Bool
    ) throws -> ClosedRange<Double> {
        if a.time != EventBatch.noTime, b.time != EventBatch.noTime, try areOfOneHost(a, b) {
            let seconds = Self.seconds(from: a.time, to: b.time)
            // A clock that was set back between them tells nothing.
            return areOrdered && seconds < 0 ? 0...(.infinity) : seconds...seconds
        }
        let most = try longest(from: a, to: b)
        guard !areOrdered else {
            let least = try shortest(from: a, to: b)
            // Clocks that run apart contradict each other.
            return least <= most ? least...most : 0...(.infinity)
        }
        let back = try longest(from: b, to: a)
        return -back <= most ? -back...most : -Double.infinity...(.infinity)
    }

    func areOfOneHost(_ a: Candidates.Element, _ b: Candidates.Element) throws -> Bool {
        if a.process == b.process { return true }
        let (host, other) = (
            try processes[Int(a.process)].host, try processes[Int(b.process)].host
        )
        return !host.isEmpty && ExactText.isSame(host, other)
    }

    /// No more seconds lie between them than from `a` to the first event of its process that has seen `b`, nor than from the
    /// last event of `b`'s process that `a` has seen to `b`.
    private func longest(
        from a: Candidates.Element, to b: Candidates.Element
    ) throws -> Double {
        var most = Double.infinity
        if let knower = try index.firstPosition(knowing: b.key, in: Int(a.process)),
            let seconds = try seconds(
                from: a, to: time(of: Int(a.process), knower)), seconds >= 0
        {
            most = seconds
        }
        if let known = try lastKnown(of: Int(b.process), at: a.place),
            let seconds = try seconds(from: time(of: Int(b.process), known), to: b), seconds >= 0
        {
            most = min(most, seconds)
        }
        return most
    }

    /// No fewer seconds lie between them than from `a` to the last event of its process that `b` has seen, nor than from the
    /// first event of `b`'s process that has seen `a` to `b`, nor than both together on the way of one message.
    private func shortest(
        from a: Candidates.Element, to b: Candidates.Element
    ) throws -> Double {
        var least = 0.0
        if let sent = try lastKnown(of: Int(a.process), at: b.place),
            let seconds = try seconds(from: a, to: time(of: Int(a.process), sent))
        {
            least = max(least, seconds)
        }
        guard let arrived = try index.firstPosition(knowing: a.key, in: Int(b.process)),
            let rest = try seconds(from: time(of: Int(b.process), arrived), to: b), rest >= 0
        else { return least }
        least = max(least, rest)
        let arrival = EventPosition(process: Int(b.process), position: arrived)
        if let sent = try lastKnown(of: Int(a.process), at: arrival),
            let before = try seconds(from: a, to: time(of: Int(a.process), sent)), before >= 0
        {
            least = max(least, before + rest)
        }
        return least
    }

    /// The position of the last event of a process that is here and that the event at a place has seen.
    func lastKnown(of process: Int, at place: EventPosition) throws -> Int? {
        let known = try index.known(of: process, at: place)
        guard known > 0 else { return nil }
        let position = try processes[process].sequences.count(upTo: known) - 1
        return position >= 0 ? position : nil
    }

    // MARK: Times

    private func seconds(from a: Candidates.Element, to time: Int64?) -> Double? {
        guard a.time != EventBatch.noTime, let time else { return nil }
        return Self.seconds(from: a.time, to: time)
    }

    private func seconds(from time: Int64?, to b: Candidates.Element) -> Double? {
        guard b.time != EventBatch.noTime, let time else { return nil }
        return Self.seconds(from: time, to: b.time)
    }

    private static func seconds(from a: Int64, to b: Int64) -> Double {
        let (difference, isTooLarge) = b.subtractingReportingOverflow(a)
        return isTooLarge ? (Double(b) - Double(a)) / 1e9 : Double(difference) / 1e9
    }

    func time(of process: Int, _ position: Int) throws -> Int64? {
        try rows.time(at: EventPosition(process: process, position: position))
    }

    // MARK: Events

    /// How many events happened after one and not after another, the other among them: those that are here, and for want of
    /// what there may be more.
    private func events(
        after a: Candidates.Element, upTo b: Candidates.Element
    ) throws -> (count: Int, lack: String?) {
        var count = 0
        var lack = b.isCertain ? nil : try index.inexactness(of: index.id(b.place)).first
        for process in 0..<index.processCount {
            let sequences = try processes[process].sequences
            let start =
                process == Int(a.process)
                ? Int(a.position) + 1
                : try index.firstPosition(knowing: a.key, in: process) ?? sequences.count
            let last =
                process == Int(b.process) ? b.sequence : try index.known(of: process, at: b.place)
            let end = sequences.count(upTo: last)
            if start < end { count += end - start }
            guard lack == nil, last > 0 else { continue }
            let before = start == 0 ? 0 : sequences[start - 1]
            lack = try index.gaps(of: process).first {
                $0.first <= last
                    && $0.last > max(before, process == Int(a.process) ? a.sequence : 0)
            }.map { .events($0) }
        }
        return (count, lack.map { "\($0)" })
    }

    static func text(_ bounds: ClosedRange<Double>) -> String {
        func text(_ seconds: Double) -> String { Selection.durationText(seconds) }
        guard bounds.upperBound.isFinite else {
            return bounds.lowerBound.isFinite
                ? "at least \(text(bounds.lowerBound))" : "any time"
        }
        return "between \(text(bounds.lowerBound)) and \(text(bounds.upperBound))"
    }
}

extension Selection {
    /// A number as a person reads it: without digits behind the point where it has none.
    package static func numberText(_ number: Double) -> String {
        number == number.rounded() && number.magnitude < 1e15 ? String(Int(number)) : "\(number)"
    }

    /// A duration as a person reads it, to a thousandth of its unit.
    package static func durationText(_ seconds: Double) -> String {
        let units: [(unit: String, seconds: Double)] = [
            ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1), ("ms", 1e-3), ("µs", 1e-6),
        ]
        let unit = units.first { seconds.magnitude >= $0.seconds } ?? ("ns", 1e-9)
        let thousandths = (seconds / unit.seconds * 1000).rounded() / 1000
        return numberText(thousandths) + unit.unit
    }
}
