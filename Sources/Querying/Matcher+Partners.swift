import Causality
import HappensBefore

// Which events are related to which, as links say.
extension Matcher {
    /// The elements that are surely related to one of the term on the other side of a link.
    func ranges(_ link: Int, _ side: Side, of element: Int) throws -> [Range<Int>] {
        let related = side.related
        let relation = query.links[link].relation
        let ranges =
            switch side.isForth ? relation.reversed : relation {
            case .before: try related.before(element)
            case .after: try related.after(element)
            case .concurrent: try related.concurrent(element)
            case .nearest:
                side.isForth ? try related.nearestAfter(element) : try related.nearest(element)
            case .sameProcess: related.ofSameProcess(element)
            case .message:
                side.isForth ? try receipts(link, of: element) : try messages(link, to: element)
            case .any:
                try distance.near(
                    related.own.elements[element], side.neighbours!, seconds: query.together!)
            }
        return joined(ranges, side, element)
    }

    /// The elements whose message arrived at another.
    private func messages(_ link: Int, to element: Int) throws -> [Range<Int>] {
        let receive = candidates[link + 1].elements[element]
        var ranges: [Range<Int>] = []
        for sender in try finder.senders(at: receive.place)
        where try index.isMessage(from: sender.process, to: Int(receive.process)) {
            guard let place = candidates[link].element(of: sender) else { continue }
            ranges.append(place..<place + 1)
        }
        return ranges
    }

    /// The elements at which the message of another arrived.
    private func receipts(_ link: Int, of element: Int) throws -> [Range<Int>] {
        let sent = candidates[link].elements[element]
        return try finder.messages.receipts(of: sent.key).compactMap { place in
            guard try index.isMessage(from: Int(sent.process), to: place.process),
                let element = candidates[link + 1].element(at: place)
            else { return nil }
            return element..<element + 1
        }
    }

    /// The same one by one, those that are near enough, in causal order.
    func partners(_ link: Int, _ side: Side, of element: Int) throws -> [Partner] {
        let other = side.isForth ? link + 1 : link
        var partners: [Partner] = []
        for range in try ranges(link, side, of: element) {
            for partner in range {
                try options.cancellation.check()
                let (first, second) = side.isForth ? (element, partner) : (partner, element)
                var doubt = try doubt(link, first, second)
                switch try holdsBetween(link, first, second) {
                case .yes: break
                case .no: continue
                case .unknown(let why): doubt = doubt ?? why
                }
                if let span = query.links[link].within {
                    switch try verdict(
                        candidates[link].elements[first], candidates[link + 1].elements[second],
                        span, query.links[link].relation)
                    {
                    case .within: break
                    case .beyond: continue
                    case .unknown(let why): doubt = doubt ?? why
                    }
                }
                partners.append(Partner(element: partner, doubt: doubt))
            }
        }
        return partners.sorted {
            candidates[other].elements[$0.element].rank
                < candidates[other].elements[$1.element].rank
        }
    }

    /// - Parameters:
    ///   - first: Of the term before the link.
    ///   - second: Of the term behind it.
    private func verdict(
        _ first: Candidates.Element, _ second: Candidates.Element, _ span: Query.Span,
        _ relation: Query.Relation
    ) throws -> Distance<Execution>.Verdict {
        switch relation {
        case .before, .nearest, .message:
            try distance.verdict(first, second, span, areOrdered: true)
        case .after: try distance.verdict(second, first, span, areOrdered: true)
        case .concurrent, .any: try distance.verdict(first, second, span, areOrdered: false)
        case .sameProcess:
            first.position < second.position
                ? try distance.verdict(first, second, span, areOrdered: true)
                : try distance.verdict(second, first, span, areOrdered: true)
        }
    }

    /// Why events that look so may not be so related.
    private func doubt(_ link: Int, _ partner: Int, _ element: Int) throws -> String? {
        switch query.links[link].relation {
        case .nearest: try doubtOfNearest(link, partner, element)
        case .message:
            try doubtOfMessage(
                from: candidates[link].elements[partner],
                to: candidates[link + 1].elements[element])
        case .before, .after, .concurrent, .sameProcess, .any: nil
        }
    }

    /// The message may have arrived before, at an event that is missing: of what came there the next event that is here has seen.
    func doubtOfMessage(
        from: Candidates.Element, to: Candidates.Element
    ) throws -> String? {
        let process = Int(to.process)
        guard to.sequence > 1, try !rows.isCause(index.id(from.place), of: to.place) else {
            return nil
        }
        let before = EventPosition(process: process, position: Int(to.position) - 1)
        let isHere = try finder.processes[process].sequences.position(of: to.sequence - 1) != nil
        if isHere, try index.uncertainty(at: before) == nil { return nil }
        let previous = EventID(try index.id(of: process), to.sequence - 1)
        return try index.inexactness(of: previous).first.map { "\($0)" }
    }

    /// One that is missing, or of which is not known what it had seen, may be nearer.
    private func doubtOfNearest(_ link: Int, _ partner: Int, _ element: Int) throws -> String? {
        let (from, to) = (
            candidates[link].elements[partner], candidates[link + 1].elements[element]
        )
        let process = Int(to.process)
        let sequences = try finder.processes[process].sequences
        // Up to which number it is certain that the process had not seen it.
        var unaware: UInt64 = from.process == to.process ? from.sequence : 0
        if from.process != to.process {
            let first =
                try index.firstPosition(knowing: from.key, in: process) ?? Int(to.position)
            if first > 0 {
                let last = EventPosition(process: process, position: first - 1)
                let order = try index.order(index.id(from.place), index.id(last))
                if order == .known(.concurrent) || order == .known(.after) {
                    unaware = sequences[first - 1]
                }
            }
        }
        for gap in try index.gaps(of: process)
        where gap.last > unaware && gap.first < to.sequence {
            return "\(Lack.events(gap))"
        }
        let range = candidates[link + 1].elements(of: process)
        for other in range where other < element {
            let other = candidates[link + 1].elements[other]
            if other.sequence > unaware, !other.isCertain {
                return try index.inexactness(of: index.id(other.place)).first.map { "\($0)" }
            }
        }
        return nil
    }

    /// Whether the time between the events of a match is as the query says, as far as that is known now.
    ///
    /// - Parameters:
    ///   - terms: Of which an event was chosen, the last of them that of `newest`.
    func elapsedHolds(
        _ chosen: [Int], of terms: Range<Int>, newest: Int
    ) throws -> Verdict {
        var doubt: String?
        if let seconds = query.together {
            for other in terms where other != newest {
                switch try areTogether(
                    chosen, min(newest, other), max(newest, other), seconds)
                {
                case .yes: break
                case .no: return .no
                case .unknown(let why): doubt = doubt ?? why
                }
            }
        }
        for elapsed in query.elapsed
        where [elapsed.from, elapsed.to].contains(newest)
            && terms.contains(elapsed.from) && terms.contains(elapsed.to)
        {
            let bounds = try self.elapsed(chosen, elapsed.from, elapsed.to)
            let (least, most) = (
                elapsed.comparison.holds(.duration(bounds.lowerBound), .duration(elapsed.seconds)),
                elapsed.comparison.holds(.duration(bounds.upperBound), .duration(elapsed.seconds))
            )
            let isDecided: Bool
            switch elapsed.comparison {
            case .equal, .notEqual:
                isDecided =
                    bounds.lowerBound == bounds.upperBound || !bounds.contains(elapsed.seconds)
            default: isDecided = least == most
            }
            if !isDecided {
                doubt = doubt ?? doubtOfTime(elapsed.from, elapsed.to, bounds)
            } else if !least {
                return .no
            }
        }
        return doubt.map { .unknown($0) } ?? .yes
    }

    private func doubtOfTime(_ from: Int, _ to: Int, _ bounds: ClosedRange<Double>) -> String {
        "\(query.terms[from].name) and \(query.terms[to].name) are "
            + "\(Distance<Execution>.text(bounds)) apart, as far as messages tell"
    }

    /// Whether the events of two terms of a match are two, and no more than so many seconds apart.
    private func areTogether(
        _ chosen: [Int], _ one: Int, _ other: Int, _ seconds: Double
    ) throws -> Verdict {
        let (a, b) = (
            candidates[one].elements[chosen[one]], candidates[other].elements[chosen[other]]
        )
        guard a.place != b.place else { return .no }
        let bounds = try elapsed(chosen, one, other)
        return switch Distance<Execution>.verdict(bounds, seconds) {
        case .within: .yes
        case .beyond: .no
        case .unknown: .unknown(doubtOfTime(one, other, bounds))
        }
    }

    /// The seconds from the event of one term of a match to that of another.
    func elapsed(_ chosen: [Int], _ from: Int, _ to: Int) throws -> ClosedRange<Double> {
        let (a, b) = (
            candidates[from].elements[chosen[from]], candidates[to].elements[chosen[to]]
        )
        switch try index.order(index.id(a.place), index.id(b.place)) {
        case .known(.before): return try distance.elapsed(from: a, to: b, areOrdered: true)
        case .known(.after):
            let bounds = try distance.elapsed(from: b, to: a, areOrdered: true)
            return -bounds.upperBound ... -bounds.lowerBound
        default: return try distance.elapsed(from: a, to: b, areOrdered: false)
        }
    }
}
