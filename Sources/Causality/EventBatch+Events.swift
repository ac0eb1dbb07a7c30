// Events as values: what an answer shows, and what tests are written in.
extension EventBatch {
    /// A row as an event, but for its clock, which is empty: it follows from rows before it. O(its content).
    package func event(_ row: Int) -> Event {
        let key = processes[Int(slots[row])]
        var event = Event(
            id: EventID(key.process, sequences[row]), kind: kinds[row],
            time: times[row] == EventBatch.noTime ? nil : WallTime(nanoseconds: times[row]),
            name: names.text(Int(nameNumbers[row])),
            text: String(decoding: content[text(row)], as: UTF8.self),
            level: Level(rawValue: levels[row]), clock: VectorClock(), stamp: stamps[row])
        for index in attributeStarts[row]..<attributeStarts[row + 1] {
            let value = String(decoding: content[value(index, ofRow: row)], as: UTF8.self)
            event.attributes.append(
                Attribute(
                    keys.text(Int(attributes[index].key)),
                    attributes[index].isJSON ? .json(value) : .text(value)))
        }
        event.causes = causes(ofRow: row).map { Cause(reference($0), $0.evidence) }
        event.rulesOut = ruling(ofRow: row).map(reference)
        return event
    }

    /// All rows as events with their clocks, and whose they are, in order. O(rows · clock entries): for tests and small batches.
    ///
    /// - Parameter clocks: What the events that first rows go on from had seen, by process; brought up to date.
    package func events(
        after clocks: inout [ProcessKey: VectorClock]
    ) -> [(key: ProcessKey, event: Event)] {
        var seen: Set<UInt32> = []
        var nextWhole = 0
        return (0..<count).map { row in
            let key = processes[Int(slots[row])]
            let isFirst = seen.insert(slots[row]).inserted
            if nextWhole < wholes.count, wholes[nextWhole] == row {
                nextWhole += 1
                clocks[key] = nil
            } else if isFirst, predecessors[Int(slots[row])] == 0 {
                clocks[key] = nil
            }
            var clock = clocks[key] ?? VectorClock()
            for change in changes(row) { clock[references[change.process]] = change.value }
            clock[key.reference] = sequences[row]
            clocks[key] = clock
            var event = event(row)
            event.clock = clock
            return (key, event)
        }
    }

    package func events() -> [(key: ProcessKey, event: Event)] {
        var clocks: [ProcessKey: VectorClock] = [:]
        return events(after: &clocks)
    }

    /// A batch of these events: the first of each process, and any that does not ascend, with its whole clock.
    package init(_ events: [(key: ProcessKey, event: Event)]) {
        self.init()
        var clocks: [ProcessKey: VectorClock] = [:]
        for (key, event) in events { append(event, of: key, after: &clocks[key]) }
    }

    package init(_ events: [Event], of key: ProcessKey) {
        self.init(events.map { (key, $0) })
    }

    /// Appends one event. O(clock entries).
    ///
    /// - Parameter before: The clock of the event of the process that was appended last; nil where the whole clock is to be
    ///   written. Becomes this event's.
    package mutating func append(
        _ event: Event, of key: ProcessKey, after before: inout VectorClock?
    ) {
        let slot = slot(of: key)
        let own = key.reference
        if let last = before?[own], last >= event.id.sequence { before = nil }
        let old = before?.entries ?? [:]
        var changed: [(ProcessReference, UInt64)] = []
        for (process, value) in event.clock.entries where process != own && old[process] != value {
            changed.append((process, value))
        }
        for process in old.keys where process != own && event.clock.entries[process] == nil {
            changed.append((process, 0))
        }
        changed.sort { ProcessReference.isBefore($0.0, $1.0) }
        for (process, value) in changed { appendChange(reference(process), value) }
        for cause in event.causes {
            appendCause(
                reference(cause.event.process, called: cause.event.name), cause.event.sequence,
                cause.evidence)
        }
        if let ruled = event.rulesOut {
            appendRuling(reference(ruled.process, called: ruled.name), ruled.sequence)
        }
        appendText(Array(event.text.utf8).span)
        for attribute in event.attributes {
            var isJSON = false
            if case .json = attribute.value { isJSON = true }
            appendAttribute(
                key: Array(attribute.key.utf8).span, isJSON: isJSON,
                value: Array(attribute.value.text.utf8).span)
        }
        endRow(
            slot: slot, sequence: event.id.sequence, kind: event.kind,
            time: event.time?.nanoseconds ?? EventBatch.noTime, level: event.level?.rawValue ?? 0,
            stamp: event.stamp, name: name(Array(event.name.utf8).span),
            predecessor: before?[own] ?? 0)
        var clock = event.clock
        clock[own] = event.id.sequence
        before = clock
    }
}
