import Causality

/// An event and whose it is.
package typealias KeyedEvent = (key: ProcessKey, event: Event)

/// Random histories of every feature: runs that restart and processes of logs, several executions, causes, stamps, odd texts.
package enum Sample {
    /// Events in the order in which they were read: mostly that of their processes, some twice, some too late.
    package static func events(seed: UInt64, count: Int, crashPerMille: Int = 10) -> [KeyedEvent] {
        var random = SeededGenerator(seed: seed)
        let history = SimulatedHistory(
            .init(processes: 4, events: count, crashPerMille: crashPerMille), seed: seed)
        let unit: Int64 = [1, 1_000, 1_000_000].randomElement(using: &random)!
        var events = history.events.map { event in
            dressed(event, unit, &random)
        }
        for _ in 0..<count / 20 {
            let (from, to) = (
                Int.random(in: 0..<events.count, using: &random),
                Int.random(in: 0..<events.count, using: &random)
            )
            if Bool.random(using: &random) {
                events.insert(events[from], at: to)
            } else {
                events.swapAt(from, to)
            }
        }
        return events
    }

    private static func dressed(
        _ event: Event, _ unit: Int64, _ random: inout SeededGenerator
    ) -> KeyedEvent {
        let key = key(event.id.process)
        var event = event
        let sequence = event.id.sequence
        event.id = EventID(key.process, sequence)
        event.name = ["", "placed", "order placed"].randomElement(using: &random)!
        event.text = [
            "GET /timeline uid=\(sequence) took \(Int.random(in: 0..<900, using: &random)) ms", "",
            "line one\nline two \u{11} \u{0} ü“Breakfast”", "ok",
        ].randomElement(using: &random)!
        event.level = [nil, .trace, .info, .critical].randomElement(using: &random)!
        event.attributes = attributes(&random)
        event.time = event.time.map {
            WallTime(
                nanoseconds: $0.nanoseconds + unit * Int64.random(in: 0..<1000, using: &random))
        }
        if Int.random(in: 0..<4, using: &random) == 0 { event.time = nil }
        if Int.random(in: 0..<3, using: &random) == 0 { event.stamp = stamp(sequence, &random) }
        if Int.random(in: 0..<9, using: &random) == 0 { event.kind = .unsaid }
        event.clock = VectorClock(
            Dictionary(
                uniqueKeysWithValues: event.clock.entries.map { (recorded($0.key), $0.value) }))
        event.causes = event.causes.map { Cause(named($0.event), $0.evidence) }
        while Int.random(in: 0..<4, using: &random) == 0 {
            event.causes.append(
                Cause(
                    [
                        EventReference(.run(RunKey(bits: 9)), sequence, name: ghost),
                        EventReference(.named(ghost), sequence + 3),
                        named(EventReference(.named(ProcessID(name: "p1")), 1)),
                    ].randomElement(using: &random)!,
                    Evidence.allCases.randomElement(using: &random)!))
        }
        if Int.random(in: 0..<20, using: &random) == 0 {
            event.rulesOut = EventReference(.run(RunKey(bits: 7)), 8)
        }
        return (key, event)
    }

    private static let ghost = ProcessID(name: "ghost", incarnation: 3)

    private static func attributes(_ random: inout SeededGenerator) -> [Attribute] {
        let attempt = Attribute("attempt", .json("\(Int.random(in: 0..<50, using: &random))"))
        return [
            [], [], [attempt],
            [attempt, Attribute("user", .text("alice")), Attribute("attempt", .text("again"))],
            [Attribute("empty", .text("")), Attribute("empty", .text("")), attempt],
            [Attribute("list", .json("[1,{\"a\":null}]"))],
        ].randomElement(using: &random)!
    }

    private static func stamp(_ sequence: UInt64, _ random: inout SeededGenerator) -> Stamp {
        [
            .generating, .chained, .silent,
            .lossy(
                Loss(
                    since: max(1, sequence / 2),
                    Loss.Reason.allCases.randomElement(using: &random)!,
                    number: UInt32.random(in: 1...3, using: &random))),
        ].randomElement(using: &random)!
    }

    /// The processes called p1 are recorded, the others are of logs; p2 belongs to another execution.
    package static func key(_ process: ProcessID) -> ProcessKey {
        guard process.name == "p1" else {
            return ProcessKey(
                execution: process.name == "p2" ? "run 2" : "main", host: "web-\(process.name)",
                process: process)
        }
        let origins: [Origin] = [
            .nothing, .event(RunKey(run(process.incarnation - 1)), 9), .unknown,
        ]
        return ProcessKey(
            execution: "main", host: "web-1",
            process: ProcessID(
                name: "web-1/p1", incarnation: process.incarnation), run: run(process.incarnation),
            origin: origins[Int(min(process.incarnation, 3)) - 1])
    }

    /// The run of an incarnation of p1.
    package static func run(_ incarnation: UInt32) -> Identity128 {
        Identity128(naming: [UInt8(truncatingIfNeeded: incarnation)])
    }

    private static func recorded(_ reference: ProcessReference) -> ProcessReference {
        guard case .named(let process) = reference else { return reference }
        return key(process).reference
    }

    /// With what the sender says that it is called: not always what its own events say.
    private static func named(_ event: EventReference) -> EventReference {
        guard case .named(let process) = event.process, process.name == "p1" else { return event }
        let name =
            process.incarnation == 2 ? ProcessID(name: "renamed") : key(process).process
        return EventReference(key(process).reference, event.sequence, name: name)
    }
}

extension Sample {
    /// The events as they should come back: those of each process in the order in which they were read.
    package static func byProcess(_ events: [KeyedEvent]) -> [ProcessKey: [Event]] {
        Dictionary(grouping: events, by: \.key).mapValues { $0.map(\.event) }
    }

    /// The events as batches that go on from one another.
    package static func batches(_ events: [KeyedEvent], of count: Int) -> [EventBatch] {
        var clocks: [ProcessKey: VectorClock] = [:]
        return stride(from: 0, to: events.count, by: max(count, 1)).map { start in
            var batch = EventBatch()
            for (key, event) in events[start..<min(start + count, events.count)] {
                batch.append(event, of: key, after: &clocks[key])
            }
            return batch
        }
    }
}
