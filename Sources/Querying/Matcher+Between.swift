import Causality
import HappensBefore

// How many events lie between two others.
extension Matcher {
    /// Whether something holds, as far as the history tells.
    enum Verdict {
        case yes
        case no
        case unknown(String)
    }

    /// Whether as many events as a link asks for happened after one of the term before it and before one of the term behind it.
    func holdsBetween(_ link: Int, _ partner: Int, _ element: Int) throws -> Verdict {
        var doubt: String?
        for counted in counted[link] {
            switch try holds(counted, between: partner, element, link) {
            case .yes: break
            case .no: return .no
            case .unknown(let why): doubt = doubt ?? why
            }
        }
        return doubt.map { .unknown($0) } ?? .yes
    }

    /// O(processes · log events), and what is missing between the two.
    private func holds(
        _ counted: Counted, between partner: Int, _ element: Int, _ link: Int
    ) throws -> Verdict {
        let (least, most) = (counted.wanted.least, counted.wanted.most ?? .max)
        var sure = 0
        var others: [Range<Int>] = []
        for range in try counted.toLater.before(element) {
            let after = try counted.knowing.countBehind(partner, in: range)
            sure += after
            if after < range.count { others.append(range.lowerBound..<range.upperBound - after) }
        }
        if sure > most { return .no }
        if sure >= least, most == .max { return .yes }
        let possible = try possible(counted, besides: others, partner, element, link)
        guard let doubt = possible.doubt else { return sure >= least ? .yes : .no }
        let (all, isTooMany) = sure.addingReportingOverflow(possible.count)
        if !isTooMany, all < least { return .no }
        if !isTooMany, all <= most, sure >= least { return .yes }
        return .unknown(doubt)
    }

    /// How many more there may be at most, and for want of what.
    ///
    /// - Parameter others: Those that surely happened before the later event, and not surely after the earlier one.
    private func possible(
        _ counted: Counted, besides others: [Range<Int>], _ partner: Int, _ element: Int,
        _ link: Int
    ) throws -> (count: Int, doubt: String?) {
        let from = candidates[link].elements[partner]
        let to = candidates[link + 1].elements[element]
        if !to.isCertain || !counted.arePlain,
            let lack = try index.inexactness(of: index.id(to.place)).first
        {
            return (.max, "\(lack)")
        }
        let start = try index.id(from.place)
        var (count, doubt): (Int, String?) = (0, nil)
        func add(_ some: Int, _ why: String) {
            count = count.addingReportingOverflow(some).overflow ? .max : count + some
            doubt = doubt ?? why
        }
        let isPlain = try index.isPlain(Int(from.process))
        for range in others {
            // Of those of one process, the last one knows most.
            let last = counted.knowing.own.elements[range.upperBound - 1]
            guard last.process != from.process, !(last.isCertain && isPlain) else { continue }
            if case .unknown(.lacking(let lacks), let excluded) = try index.order(
                start, index.id(last.place)), !excluded.contains(.before)
            {
                add(range.count, lacks.first.map { "\($0)" } ?? "")
            }
        }
        for process in counted.processes {
            try options.cancellation.check()
            if let last = try index.lastDropped(of: process) {
                let order = try index.order(start, last)
                if order != .known(.concurrent), order != .known(.after) {
                    add(.max, "\(Lack.dropped(last))")
                }
            }
            let seen = try seenUpTo(process, to)
            guard try index.gaps(of: process).contains(where: { $0.first <= seen }) else {
                continue
            }
            let first = process == Int(from.process) ? from.sequence + 1 : 1
            for gap in try index.gaps(thatMayFollow: start, in: [process])
            where gap.first <= seen && gap.last >= first {
                let missing = min(gap.last, seen) - max(gap.first, first)
                add(missing < UInt64(Int.max) ? Int(missing) + 1 : .max, "\(Lack.events(gap))")
            }
        }
        let end = try index.id(to.place)
        for unreadable in counted.toLater.others.unreadable {
            guard try mayBeBefore(start, unreadable), try mayBeBefore(unreadable, end) else {
                continue
            }
            add(1, "\(Lack.unreadable(unreadable))")
        }
        return (count, doubt)
    }

    private func mayBeBefore(_ a: EventID, _ b: EventID) throws -> Bool {
        switch try index.order(a, b) {
        case .known(let order): order == .before
        case .unknown(_, let excluded): !excluded.contains(.before)
        }
    }
}
