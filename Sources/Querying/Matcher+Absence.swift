import Causality
import HappensBefore

// Whether no event of the term behind the last link is so related.
extension Matcher {
    /// Whether a match has no event of the absent term, if there is one.
    func absence(_ chosen: [Int]) throws -> Verdict {
        guard let link = query.links.indices.last, query.links[link].isAbsent else { return .yes }
        let element = chosen[link]
        var doubt: String?
        if query.links[link].within == nil, conditions.isEmpty {
            if try !ranges(link, side(link), of: element).isEmpty { return .no }
        } else {
            for partner in try partners(link, side(link), of: element) {
                guard conditionsOfAbsentHold(chosen + [partner.element]) else { continue }
                guard let why = partner.doubt else { return .no }
                doubt = doubt ?? why
            }
        }
        if let doubt { return .unknown(doubt) }
        return try doubtOfAbsence(chosen, link).map { .unknown($0) } ?? .yes
    }

    private func conditionsOfAbsentHold(_ chosen: [Int]) -> Bool {
        let last = chosen.count - 1
        return conditions.allSatisfy { condition, terms in
            guard terms.contains(last) else { return true }
            return condition.holds { test in
                test.holds(words: { _ in false }) { term, field in
                    self.value(term ?? 0, field, chosen)
                }
            }!
        }
    }

    /// For want of what an event of the absent term may be there all the same; nil where it is not.
    private func doubtOfAbsence(_ chosen: [Int], _ link: Int) throws -> String? {
        let element = candidates[link].elements[chosen[link]]
        let id = try index.id(element.place)
        let isAfter = query.links[link].relation == .before
        if !isAfter {
            if let lack = try index.inexactness(of: id).first { return "\(lack)" }
            for process in absentProcesses {
                if let last = try index.lastDropped(of: process) { return "\(Lack.dropped(last))" }
                let seen = try seenUpTo(process, element)
                for gap in try index.gaps(of: process)
                where try gap.first <= seen && !isBeyond(gap, element, link) {
                    return "\(Lack.events(gap))"
                }
            }
        } else {
            for gap in try index.gaps(thatMayFollow: id, in: absentProcesses)
            where try !isBeyond(gap, element, link) {
                return "\(Lack.events(gap))"
            }
            for process in absentProcesses {
                guard let last = try index.lastDropped(of: process) else { continue }
                let order = try index.order(id, last)
                if order == .known(.concurrent) || order == .known(.after) { continue }
                return "\(Lack.dropped(last))"
            }
            if let lack = try undecided(after: element, id, chosen, link) { return lack }
        }
        for unreadable in candidates[link + 1].unreadable {
            let order = try index.order(id, unreadable)
            if case .known(let known) = order, known != (isAfter ? .before : .after) { continue }
            return "\(Lack.unreadable(unreadable))"
        }
        return nil
    }

    func seenUpTo(_ process: Int, _ element: Candidates.Element) throws -> UInt64 {
        process == Int(element.process)
            ? element.sequence - 1 : try index.known(of: process, at: element.place)
    }

    /// The events of the absent term of which is not known whether they have seen an event.
    private func undecided(
        after element: Candidates.Element, _ id: EventID, _ chosen: [Int], _ link: Int
    ) throws -> String? {
        let others = candidates[link + 1]
        for (process, range) in others.processes where process != Int(element.process) {
            let isPlain = try index.isPlain(Int(element.process))
            if isPlain, others.areCertain(range) { continue }
            for other in range {
                try options.cancellation.check()
                let partner = others.elements[other]
                if isPlain, partner.isCertain { continue }
                guard
                    case .unknown(.lacking(let lacks), let excluded) = try index.order(
                        id, index.id(partner.place)), !excluded.contains(.before),
                    try joined([other..<other + 1], side(link), chosen[link]).count == 1,
                    conditionsOfAbsentHold(chosen + [other])
                else { continue }
                return lacks.first.map { "\($0)" }
            }
        }
        return nil
    }

    /// Whether whatever happened in a gap is surely further from an event than its link allows.
    private func isBeyond(
        _ gap: Gap, _ element: Candidates.Element, _ link: Int
    ) throws -> Bool {
        guard let span = query.links[link].within, case .time = span,
            let process = try index.index(of: gap.process)
        else { return false }
        let sequences = try finder.processes[process].sequences
        // The event before the gap, where what follows is meant, or the one behind it.
        let isAfter = query.links[link].relation == .before
        let position =
            isAfter ? sequences.count(upTo: gap.first) - 1 : sequences.count(upTo: gap.last)
        guard sequences.count > 0, (0..<sequences.count).contains(position) else { return false }
        let place = EventPosition(process: process, position: position)
        var time = EventBatch.noTime
        if let known = try rows.time(at: place) { time = known }
        let edge = Candidates.Element(
            process: Int32(process), position: Int32(position), sequence: sequences[position],
            time: time, rank: 0)
        // Only what is ordered to it tells.
        let order = try index.order(index.id(element.place), index.id(place))
        guard order == .known(isAfter ? .before : .after) else { return false }
        let verdict =
            isAfter
            ? try distance.verdict(element, edge, span, areOrdered: true)
            : try distance.verdict(edge, element, span, areOrdered: true)
        if case .beyond = verdict { return true }
        return false
    }
}
