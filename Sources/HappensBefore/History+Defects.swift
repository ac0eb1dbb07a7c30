import Causality

extension History {
    /// What contradicts itself in the clocks, sorted by kind and event. Stops where `check` throws.
    /// O(events + clock growth · log n).
    package func defects(
        _ edges: MessageEdges, check: () throws -> Void
    ) throws -> [Defect] {
        defects(try tally(edges, check: check))
    }

    /// What contradicts itself in a history of which nothing is put away, and what of that later events add to. Stops where
    /// `check` throws. O(events + clock growth · log n).
    package func tally(
        _ edges: MessageEdges, check: () throws -> Void
    ) throws -> DefectTally {
        try tally(edges, in: self, after: DefectTally(), check: check)
    }

    /// All defects, once they are tallied.
    package func defects(_ tally: DefectTally) -> [Defect] { defects(tally, in: self) }

    package func defects(_ edges: MessageEdges) -> [Defect] {
        do { return try defects(edges) {} } catch { preconditionFailure("\(error)") }
    }

    /// All that is to be said of a history, once what contradicts itself in its events and messages was tallied.
    func defects<Index: CausalIndex>(
        _ tally: DefectTally, in index: Index
    ) throws(Index.Failure) -> [Defect] {
        var defects = tally.defects(named: id)
        for process in processes.indices {
            defects += regressions(process) + jumps(process)
        }
        defects += try ghosts(in: index)
        defects += forkDefects() + nameDefects() + claims()
        return defects.sorted(by: Defect.listedBefore)
    }

    /// Adds what contradicts itself in the events that are not put away, and in the messages that arrived there.
    func tally<Index: CausalFloor>(
        _ edges: MessageEdges, in index: Index, after below: DefectTally,
        check: () throws -> Void
    ) throws -> DefectTally {
        var tally = below
        for (process, line) in processes.enumerated() {
            try check()
            for (position, time) in zip(line.times.indices, line.times)
            where time != EventBatch.noTime {
                tally.clocks[process, default: .init()].note(line.runs[position], time)
            }
        }
        tally.listed[.cycle, default: []] += try cycles(check: check).map(History.cycleDefect)
        try edges.forEach(in: self) { (from, receive) in
            try check()
            guard let position = processes[from.process].position(of: from.sequence) else {
                return
            }
            let send = EventPosition(process: from.process, position: position)
            try tallyContradiction(send, receive, in: index, &tally)
            let (sent, received) = (try index.time(at: send), time(at: receive))
            if sent != EventBatch.noTime, received != EventBatch.noTime, received < sent {
                let pair = DefectTally.Pair(sender: send.process, receiver: receive.process)
                tally.pairs[
                    pair, default: .init(sent: from.sequence, received: key(receive).sequence)
                ]
                .note(sent.subtractingReportingOverflow(received).partialValue)
            }
        }
        tally.keepFirst()
        return tally
    }

    /// The rings in which events that are not put away name each other.
    private func cycles(check: () throws -> Void) rethrows -> [[CycleClaim]] {
        if named != nil { return [] }
        var all = try LinearExtension(
            self, in: processes.map { $0.base..<$0.count }, check: check)
        var listed = 0
        while all.next() != nil {
            if listed % Limits.rowsBetweenChecks == 0 { try check() }
            listed += 1
        }
        return all.cycles
    }

    private static func cycleDefect(_ claims: [CycleClaim]) -> Defect {
        // Where it is said to begin must not depend on whose events came first.
        let first = claims.indices.min { listingOrder(claims[$0].event, claims[$1].event) } ?? 0
        let claims = claims[first...] + claims[..<first]
        var events: [EventID] = []
        for event in claims.flatMap({ [$0.event, $0.seen] }) where !events.contains(event) {
            events.append(event)
        }
        let text = claims.map { "\($0.event) has seen \($0.seen)" }.joined(separator: ", ")
        return Defect(
            .cycle, events, "\(text): a causal cycle, which no order of events can satisfy")
    }

    private func regressions(_ process: Int) -> [Defect] {
        processes[process].regressions.map { regression in
            let event = id(EventPosition(process: process, position: Int(regression.position)))
            let before = id(EventPosition(process: process, position: Int(regression.position) - 1))
            let now =
                regression.to == 0
                ? "does not know it at all" : "knows it up to \(regression.to) only"
            return Defect(
                .clockBackwards, [event, before],
                "the clock runs backwards: \(before) had seen \(name(of: regression.citation)) up to "
                    + "\(regression.from), its successor \(event) \(now)")
        }
    }

    /// What a citation means, or where it may mean several what stands for them.
    private func name(of citation: Int) -> ProcessID {
        switch targets[citation] {
        case .process(let index), .forked(base: _, sequence: _, standIn: let index):
            processes[index].id
        }
    }

    private func jumps(_ process: Int) -> [Defect] {
        let line = processes[process]
        var jumps: [Defect] = []
        // What a process counted as lost is a gap, and no contradiction.
        let lost = line.gaps.filter(\.isLost).map { $0.first...$0.last }
        let holes = Set(line.sourceHoles).subtracting(lost)
        for hole in holes.sorted(by: { $0.lowerBound < $1.lowerBound })
        where jumps.count < Limits.defectsOfKindMax {
            // Another frame may hold what this one lacks; and one that comes, since lines of a log may be out of order.
            guard line.count(upTo: hole.upperBound) == line.count(upTo: hole.lowerBound - 1),
                let next = line.position(of: hole.upperBound + 1),
                let last = line.position(of: hole.lowerBound - 1)
            else { continue }
            let events = [next, last].map { id(EventPosition(process: process, position: $0)) }
            jumps.append(
                Defect(
                    .clockJump, events,
                    "the log of \(line.id) jumps from \(hole.lowerBound - 1) to \(hole.upperBound + 1): "
                        + "\(Gap(process: line.id, first: hole.lowerBound, last: hole.upperBound)) "
                        + "in the source itself, as far as that has arrived"))
        }
        return jumps
    }

    /// Events that are cited and lie behind the last one of their process: of each the highest.
    /// O(pairs of processes that know each other · log n + causes).
    private func ghosts<Index: CausalIndex>(in index: Index) throws(Index.Failure) -> [Defect] {
        let isGhost = processes.map { $0.standIn == nil && $0.citedMax > $0.last }
        guard isGhost.contains(true) else { return [] }
        var citing = [EventID?](repeating: nil, count: processes.count)
        // By process: the last one that is known to know its ghost.
        var knower = [Int](repeating: -1, count: processes.count)
        for (other, line) in processes.enumerated() {
            func note(_ position: Int, _ process: Int) {
                knower[process] = other
                let event = id(EventPosition(process: other, position: position))
                if citing[process].map({ listingOrder(event, $0) }) ?? true {
                    citing[process] = event
                }
            }
            for process in line.known.others.map(Int.init) where isGhost[process] {
                let cited = EventKey(process: process, sequence: processes[process].citedMax)
                let position = try index.firstKnower(of: cited, in: other)
                if let position { note(position, process) }
            }
            for cause in line.causes
            where isGhost[cause.process] && knower[cause.process] != other
                && cause.sequence == processes[cause.process].citedMax
            {
                note(Int(cause.position), cause.process)
            }
        }
        return processes.indices.filter { isGhost[$0] }.map { ghost($0, citedBy: citing[$0]) }
    }

    private func ghost(_ process: Int, citedBy citing: EventID?) -> Defect {
        let line = processes[process]
        let cited = id(EventKey(process: process, sequence: line.citedMax))
        let known =
            line.count == 0
            ? "no event of \(line.id) is here" : "\(line.id) ends at \(line.last) here"
        return Defect(
            .ghost, [cited] + (citing.map { [$0] } ?? []),
            "\(citing.map(\.description) ?? "a clock") has seen \(cited), but \(known)")
    }

    /// Notes what is wrong between the two ends of a message.
    private func tallyContradiction<Index: CausalIndex>(
        _ send: EventPosition, _ receive: EventPosition, in index: Index,
        _ tally: inout DefectTally
    ) throws(Index.Failure) {
        let (sent, received) = (key(send), key(receive))
        if try index.surelyKnows(sent, received) {
            // Where only clocks say so the cycle already tells it.
            let isRecorded = processes[receive.process].causes(at: receive.position).contains {
                $0.process == sent.process && $0.sequence == sent.sequence
            }
            guard isRecorded, tally.isOpen(.receiveBeforeSend) else { return }
            tally.listed[.receiveBeforeSend, default: []].append(
                Defect(
                    .receiveBeforeSend, [id(received), id(sent)],
                    "\(id(received)) is a receive from \(id(sent)), but \(id(sent)) has already seen it"
                ))
        } else if tally.isOpen(.knowledgeLost),
            let missing = try firstUnknown(of: send, to: receive, in: index)
        {
            tally.listed[.knowledgeLost, default: []].append(
                Defect(
                    .knowledgeLost, [id(received), id(sent)],
                    "\(id(sent)) had seen \(missing.sent), but \(id(received)), which has seen \(id(sent)), "
                        + "knows \(missing.sent.process) up to \(missing.received) only"))
        }
    }

    /// Runs of one name and number, and runs that are there more than once.
    private func forkDefects() -> [Defect] {
        var defects: [Defect] = []
        let present = processes.prefix(lineCount).filter { $0.count > 0 }
        for (name, group) in Dictionary(grouping: present, by: { $0.key!.process }) {
            let sorted = group.sorted { listingOrder($0.id, $1.id) }
            let runs = Set(group.map { $0.identity!.run })
            let events = sorted.prefix(Limits.forksShownMax).map { EventID($0.id, $0.first) }
            let shown = sorted.prefix(Limits.forksShownMax).map {
                "\($0.id) on \($0.host)"
            }.joined(separator: ", ")
            if runs.count > 1 {
                defects.append(
                    Defect(
                        .fork, events,
                        "\(runs.count) runs are called \(name): \(shown); they are kept apart. Give hosts and "
                            + "programs names of their own, if they are not meant to share one"))
            }
            for run in runs {
                guard let fork = forks[run] else { continue }
                let branches = sorted.filter {
                    $0.identity!.run == run && $0.identity!.branch != nil
                }
                let text =
                    fork.isOfOneSource
                    ? "\(name) has two different events of number \(fork.sequence): its source gave numbers twice, "
                        + "and what cites them from there on cannot be told apart"
                    : "one run of \(name) goes on in two ways from \(fork.sequence) on: a machine was cloned while it "
                        + "ran. They are kept apart; what cites them cannot be. Restart the program on one of them"
                defects.append(
                    Defect(
                        fork.isOfOneSource ? .duplicate : .fork,
                        branches.map { EventID($0.id, max($0.first, fork.sequence)) }, text))
            }
        }
        return defects
    }

    /// Names that clocks or causes use and several processes bear.
    private func nameDefects() -> [Defect] {
        processes.dropFirst(lineCount).compactMap { line in
            guard case .name(let name) = line.standIn else { return nil }
            let bearers = processes.prefix(lineCount).filter { $0.key!.process == name }
                .map { EventID($0.id, max($0.first, 1)) }.sorted(by: listingOrder)
            return Defect(
                .ambiguousName, Array(bearers.prefix(Limits.forksShownMax)),
                "a clock or a cause names \(name), and \(bearers.count == 1 ? "a recorded process" : "\(bearers.count) processes") "
                    + "of that name may or may not be meant")
        }
    }

    /// Events that are cited as senders, and whose own source does not call them sends.
    private func claims() -> [Defect] {
        var defects: [Defect] = []
        for (index, line) in processes.enumerated().dropFirst(lineCount) {
            guard case .claim(let process) = line.standIn else { continue }
            for other in 0..<lineCount {
                guard defects.count < Limits.defectsOfKindMax else { continue }
                let known = processes[other].known
                for step in known.steps(of: index) {
                    let place = EventPosition(
                        process: other, position: Int(known.positions[step]))
                    defects.append(claim(EventID(process, known.values[step]), by: place))
                }
            }
            for other in 0..<lineCount {
                for cause in processes[other].causes where cause.process == index {
                    defects.append(
                        claim(
                            EventID(process, cause.sequence),
                            by: EventPosition(process: other, position: Int(cause.position))))
                }
            }
        }
        return Array(Set(defects).sorted(by: Defect.listedBefore).prefix(Limits.defectsOfKindMax))
    }

    private func claim(_ event: EventID, by place: EventPosition) -> Defect {
        let by = id(place)
        let kind = position(of: event).map { recordedKind(at: $0).text } ?? "?"
        return Defect(
            .notASend, [by, event],
            "\(by) has a message of \(event), whose own source calls it \(kind): expected a send; no edge is drawn"
        )
    }

    /// What a sender had seen, and the receiver of its message had not: of several the one that is listed first.
    private func firstUnknown<Index: CausalIndex>(
        of send: EventPosition, to receive: EventPosition, in index: Index
    ) throws(Index.Failure) -> (sent: EventID, received: UInt64)? {
        // Where its stamp does not say all that it had seen, it had seen whatever its sender had.
        if named != nil, stamp(at: receive) != .complete { return nil }
        var first: (sent: EventID, received: UInt64)?
        func note(_ seen: EventKey) {
            guard processes[seen.process].standIn == nil, seen.process != receive.process else {
                return
            }
            let received = known(of: seen.process, at: receive)
            guard received < seen.sequence else { return }
            let sent = id(seen)
            if first.map({ listingOrder(sent, $0.sent) }) ?? true { first = (sent, received) }
        }
        if send.position < processes[send.process].base {
            for seen in try index.known(at: send) { note(seen) }
        } else {
            // Most events are here, and to sort what each knows takes longer than all else.
            for place in processes[send.process].known.others.indices {
                let known = processes[send.process].known
                note(
                    EventKey(
                        process: Int(known.others[place]),
                        sequence: known.value(at: place, at: send.position)))
            }
        }
        return first
    }
}

extension Defect {
    package static func listedBefore(_ a: Defect, _ b: Defect) -> Bool {
        func key(_ defect: Defect) -> (Int, String, UInt64, String) {
            (
                Kind.allCases.firstIndex(of: defect.kind)!,
                defect.events.first?.process.description ?? "",
                defect.events.first?.sequence ?? 0, defect.text
            )
        }
        return key(a) < key(b)
    }
}
