import Causality

extension History {
    /// What contradicts itself in the clocks, sorted by kind and event. Stops where `check` throws. O(events + clock growth · log n).
    package func defects(
        _ edges: MessageEdges, check: () throws -> Void
    ) rethrows -> [Defect] {
        var defects: [Defect] = []
        for process in processes.indices {
            try check()
            defects += regressions(process) + jumps(process)
            if let ghost = ghost(process) { defects.append(ghost) }
            if let note = wallClockBackwards(process) { defects.append(note) }
        }
        var all = try LinearExtension(self, check: check)
        var listed = 0
        while all.next() != nil {
            if listed % Limits.rowsBetweenChecks == 0 { try check() }
            listed += 1
        }
        defects += all.cycles.map(History.cycleDefect)
        defects += try contradictions(at: edges, check: check)
        defects += try wallClockDisagreements(at: edges, check: check)
        defects += forkDefects() + nameDefects() + claims()
        return defects.sorted(by: Defect.listedBefore)
    }

    package func defects(_ edges: MessageEdges) -> [Defect] { defects(edges) {} }

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
            // Another frame may hold what this one lacks.
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
                        + "in the source itself"))
        }
        return jumps
    }

    private func ghost(_ process: Int) -> Defect? {
        let line = processes[process]
        guard line.standIn == nil, line.citedMax > line.last else { return nil }
        let cited = EventKey(process: process, sequence: line.citedMax)
        let citing = processes.indices.compactMap { other -> EventID? in
            let causes = processes[other].causes
            if other != process, let position = firstKnower(of: cited, in: other) {
                return id(EventPosition(process: other, position: position))
            }
            return causes.first { $0.process == process && $0.sequence == cited.sequence }
                .map { id(EventPosition(process: other, position: Int($0.position))) }
        }.min(by: listingOrder)
        let known =
            line.count == 0
            ? "no event of \(line.id) is here" : "\(line.id) ends at \(line.last) here"
        return Defect(
            .ghost, [id(cited)] + (citing.map { [$0] } ?? []),
            "\(citing.map(\.description) ?? "a clock") has seen \(id(cited)), but \(known)")
    }

    /// What is wrong between the two ends of a message.
    private func contradictions(
        at edges: MessageEdges, check: () throws -> Void
    ) rethrows -> [Defect] {
        var before: [Defect] = []
        var lost: [Defect] = []
        try edges.forEach(in: self) { edge in
            try check()
            guard let send = position(of: edge.from), let receive = position(of: edge.to) else {
                return
            }
            let isRecorded =
                processes[receive.process].causes(at: receive.position).contains {
                    $0.process == send.process && $0.sequence == edge.from.sequence
                }
            if case .yes = knows(key(send), key(receive)) {
                // Where only clocks say so the cycle already tells it.
                if isRecorded, before.count < Limits.defectsOfKindMax {
                    before.append(
                        Defect(
                            .receiveBeforeSend, [edge.to, edge.from],
                            "\(edge.to) is a receive from \(edge.from), but \(edge.from) has already seen it"
                        ))
                }
            } else if lost.count < Limits.defectsOfKindMax,
                let missing = firstUnknown(of: send, to: receive)
            {
                lost.append(
                    Defect(
                        .knowledgeLost, [edge.to, edge.from],
                        "\(edge.from) had seen \(missing.sent), but \(edge.to), which has seen \(edge.from), "
                            + "knows \(missing.sent.process) up to \(missing.received) only"))
            }
        }
        return before + lost
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
                guard let steps = processes[other].known[index],
                    defects.count < Limits.defectsOfKindMax
                else { continue }
                for (position, value) in zip(steps.positions, steps.values) {
                    defects.append(
                        claim(
                            EventID(process, value),
                            by: EventPosition(process: other, position: Int(position))))
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
        let kind = position(of: event).map { processes[$0.process].kinds[$0.position].text } ?? "?"
        return Defect(
            .notASend, [by, event],
            "\(by) has a message of \(event), whose own source calls it \(kind): expected a send; no edge is drawn"
        )
    }

    private func firstUnknown(of send: EventPosition, to receive: EventPosition) -> (
        sent: EventID, received: UInt64
    )? {
        var first: (other: Int, sent: UInt64, received: UInt64)?
        for (other, steps) in processes[send.process].known
        where first.map({ other < $0.other }) ?? true && processes[other].standIn == nil {
            let sent = steps.value(at: send.position)
            let received = known(of: other, at: receive)
            if received < sent { first = (other, sent, received) }
        }
        return first.map { (EventID(processes[$0.other].id, $0.sent), $0.received) }
    }

    private func wallClockBackwards(_ process: Int) -> Defect? {
        let line = processes[process]
        var latest: (position: Int, time: Int64)?
        var first: (back: Int, from: Int)?
        var count = 0
        var most: Int64 = 0
        for (position, time) in line.times.enumerated() where time != EventBatch.noTime {
            if let before = latest, time < before.time {
                count += 1
                most = max(most, before.time.subtractingReportingOverflow(time).partialValue)
                if first == nil { first = (position, before.position) }
            } else {
                latest = (position, time)
            }
        }
        guard let first else { return nil }
        let events = [first.back, first.from].map {
            id(EventPosition(process: process, position: $0))
        }
        return Defect(
            .wallClockBackwards, events,
            "the wall clock of \(line.id) runs backwards at \(count) event\(count == 1 ? "" : "s"), first at "
                + "\(events[0]), by at most \(duration(most)); the causal order does not depend on it"
        )
    }

    private func wallClockDisagreements(
        at edges: MessageEdges, check: () throws -> Void
    ) rethrows -> [Defect] {
        var pairs: [[Int]: (edge: MessageEdge, count: Int, most: Int64)] = [:]
        try edges.forEach(in: self) { edge in
            try check()
            guard let send = position(of: edge.from), let receive = position(of: edge.to),
                let sent = processes[send.process].time(at: send.position),
                let received = processes[receive.process].time(at: receive.position),
                received < sent
            else { return }
            let by = sent.nanoseconds.subtractingReportingOverflow(received.nanoseconds)
                .partialValue
            let pair = [send.process, receive.process]
            if let known = pairs[pair] {
                pairs[pair] = (known.edge, known.count + 1, max(known.most, by))
            } else {
                pairs[pair] = (edge, 1, by)
            }
        }
        return pairs.values.map { edge, count, most in
            Defect(
                .wallClockDisagrees, [edge.to, edge.from],
                "the wall clocks of \(edge.from.process) and \(edge.to.process) disagree: \(count) "
                    + "message\(count == 1 ? "" : "s") arrived earlier than sent, first \(edge.from) → \(edge.to), "
                    + "by at most \(duration(most)); the causal order does not depend on it")
        }
    }

    private func duration(_ nanoseconds: Int64) -> String {
        switch nanoseconds {
        case ..<1_000_000: "\(nanoseconds) ns"
        case ..<10_000_000_000: "\(nanoseconds / 1_000_000) ms"
        default: "\(nanoseconds / 1_000_000_000) s"
        }
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
