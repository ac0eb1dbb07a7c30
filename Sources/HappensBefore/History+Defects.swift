import Causality

extension History {
    /// What contradicts itself in the clocks, sorted by kind and event. Duplicates are not among them: whether
    /// an `Overlap` is one must be read from the blocks. O(events + clock growth · log n).
    package func defects(_ edges: MessageEdges) -> [Defect] {
        var defects: [Defect] = []
        for process in processes.indices {
            defects += regressions(process) + jumps(process)
            if let ghost = ghost(process) { defects.append(ghost) }
            if let note = wallClockBackwards(process) { defects.append(note) }
        }
        var all = LinearExtension(self)
        while all.next() != nil {}
        defects += all.cycles.map(History.cycleDefect)
        defects += contradictions(at: edges)
        defects += wallClockDisagreements(at: edges)
        return defects.sorted(by: Defect.listedBefore)
    }

    /// The overlaps of all processes, for comparison.
    package var overlaps: [(process: ProcessID, overlap: Overlap)] {
        processes.flatMap { line in line.overlaps.map { (line.id, $0) } }
    }

    private static func cycleDefect(_ claims: [CycleClaim]) -> Defect {
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
                "the clock runs backwards: \(before) had seen \(processes[regression.process].id) up to "
                    + "\(regression.from), its successor \(event) \(now)")
        }
    }

    private func jumps(_ process: Int) -> [Defect] {
        let line = processes[process]
        var jumps: [Defect] = []
        for hole in Set(line.sourceHoles) where jumps.count < Limits.defectsOfKindMax {
            // Another block may hold what this one lacks.
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
        guard line.citedMax > line.last else { return nil }
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
    private func contradictions(at edges: MessageEdges) -> [Defect] {
        var before: [Defect] = []
        var lost: [Defect] = []
        edges.forEach(in: self) { edge in
            guard let send = position(of: edge.from), let receive = position(of: edge.to) else {
                return
            }
            let isRecorded =
                processes[receive.process].cause(at: receive.position).map {
                    $0.process == send.process && $0.sequence == edge.from.sequence
                } ?? false
            if case .yes = knows(key(send), key(receive)) {
                // Where only clocks say so the cycle already tells it.
                if isRecorded, before.count < Limits.defectsOfKindMax {
                    before.append(
                        Defect(
                            .receiveBeforeSend, [edge.to, edge.from],
                            "\(edge.to) is a receive from \(edge.from), but \(edge.from) has already seen it"
                        ))
                }
            } else if isRecorded, processes[send.process].kinds[send.position] == .receive {
                if before.count < Limits.defectsOfKindMax {
                    before.append(
                        Defect(
                            .receiveBeforeSend, [edge.to, edge.from],
                            "\(edge.to) names \(edge.from) as its cause, which is itself a receive: "
                                + "expected a send"))
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

    private func firstUnknown(of send: EventPosition, to receive: EventPosition) -> (
        sent: EventID, received: UInt64
    )? {
        for other in processes[send.process].known.keys.sorted() {
            let sent = known(of: other, at: send)
            let received = known(of: other, at: receive)
            if received < sent { return (EventID(processes[other].id, sent), received) }
        }
        return nil
    }

    private func wallClockBackwards(_ process: Int) -> Defect? {
        let line = processes[process]
        var latest: (position: Int, time: Int64)?
        var first: (back: Int, from: Int)?
        var count = 0
        var most: Int64 = 0
        for (position, time) in line.times.enumerated() where time != CausalColumns.noTime {
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

    private func wallClockDisagreements(at edges: MessageEdges) -> [Defect] {
        var pairs: [[Int]: (edge: MessageEdge, count: Int, most: Int64)] = [:]
        edges.forEach(in: self) { edge in
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
