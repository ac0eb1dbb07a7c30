import SimulatedHistories
import Testing

@testable import Causality

@Suite struct EventBatchTests {
    static let keys: [ProcessKey] = (0..<4).map { index in
        ProcessKey(
            execution: index == 3 ? "x" : "main", host: "h\(index % 2)",
            process: ProcessID(name: "p\(index / 2)"),
            run: index == 2 ? Identity128(high: 9, low: 9) : nil)
    }

    /// What a batch is rewritten to is the batch of the events that say so; and what they said before is nowhere in it.
    @Test(arguments: 0..<20 as Range<UInt64>) func rewrittenIsWhatItSays(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let events = Self.random(&random)
        let first = Int.random(in: 0...events.count, using: &random)
        func changed(_ text: String) -> String? {
            text.contains("x") ? text.replacing("x", with: "longer") : nil
        }
        func bytes(_ text: Span<UInt8>) -> [UInt8]? {
            changed(text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) })
                .map { Array($0.utf8) }
        }
        var batch = EventBatch(events)
        batch.rewrite(from: first, word: bytes, text: bytes) { _, isJSON, value in
            bytes(value).map { ($0, isJSON) }
        }
        var expected = events
        for index in events.indices {
            expected[index].event.name =
                changed(events[index].event.name) ?? events[index].event.name
            for place in events[index].event.attributes.indices {
                let key = events[index].event.attributes[place].key
                expected[index].event.attributes[place].key = changed(key) ?? key
            }
            guard index >= first else { continue }
            expected[index].event.text =
                changed(events[index].event.text) ?? events[index].event.text
            for place in events[index].event.attributes.indices {
                switch events[index].event.attributes[place].value {
                case .text(let text):
                    expected[index].event.attributes[place].value = .text(changed(text) ?? text)
                case .json(let text):
                    expected[index].event.attributes[place].value = .json(changed(text) ?? text)
                }
            }
        }
        #expect(batch.events().map(\.event) == expected.map(\.event))
        #expect(batch.content.count == EventBatch(expected).content.count)
        #expect(batch.cost >= EventBatch(expected).cost - 200)
    }

    /// Events of several processes, with everything that an event may have; some go back to a lower number.
    static func random(_ random: inout SeededGenerator, count: Int = 60) -> [(
        key: ProcessKey, event: Event
    )] {
        var clocks = [VectorClock](repeating: VectorClock(), count: keys.count)
        let texts = ["", "x", "naïve 😀", "a longer text\nof two lines", "\u{0}"]
        func reference(_ random: inout SeededGenerator) -> EventReference {
            let key = keys.randomElement(using: &random)!
            let name = Bool.random(using: &random) ? key.process : nil
            return EventReference(
                key.reference, .random(in: 1...9, using: &random),
                name: key.run == nil ? nil : name)
        }
        return (0..<count).map { _ in
            let index = Int.random(in: keys.indices, using: &random)
            let own = keys[index].reference
            if Int.random(in: 0..<20, using: &random) == 0 {
                clocks[index] = VectorClock()
            }
            clocks[index][own] += .random(in: 1...3, using: &random)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                // Entries come, grow, shrink and vanish.
                let other = keys.randomElement(using: &random)!.reference
                if other != own {
                    clocks[index][other] = .random(in: 0...(1 << 62), using: &random)
                }
            }
            var event = Event(
                id: EventID(keys[index].process, clocks[index][own]),
                kind: EventKind.allCases.randomElement(using: &random)!,
                time: Bool.random(using: &random)
                    ? WallTime(nanoseconds: .random(in: -9...9, using: &random)) : nil,
                name: texts.randomElement(using: &random)!,
                text: texts.randomElement(using: &random)!,
                level: ([nil] + Level.allCases).randomElement(using: &random)!,
                clock: clocks[index],
                stamp: [
                    .complete, .generating, .chained, .silent,
                    .lossy(Loss(since: 3, .clockFull, number: 2)),
                ].randomElement(using: &random)!)
            for number in 0..<Int.random(in: 0...3, using: &random) {
                let text = texts.randomElement(using: &random)!
                event.attributes.append(
                    Attribute("k\(number)", number == 1 ? .json("[1]") : .text(text)))
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let evidence = Evidence.allCases.randomElement(using: &random)!
                var cause = Cause(reference(&random), evidence)
                // One process is called one name by all that name it.
                if cause.event.name != nil { cause.event.name = keys[2].process }
                if keys[2].reference == cause.event.process {
                    cause.event.name = keys[2].process
                }
                event.causes.append(cause)
            }
            if Int.random(in: 0..<5, using: &random) == 0 {
                var ruled = reference(&random)
                if ruled.process == keys[2].reference { ruled.name = keys[2].process }
                event.rulesOut = ruled
            }
            return (keys[index], event)
        }
    }

    static func isSame(
        _ a: [(key: ProcessKey, event: Event)], _ b: [(key: ProcessKey, event: Event)]
    ) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.event == $1.event }
    }

    /// Everything but what is unlike any other batch's on purpose.
    static func columns(_ batch: EventBatch) -> [String] {
        func texts(_ table: ByteTable) -> [String] { (0..<table.count).map { table.text($0) } }
        return [
            "\(batch.processes)", "\(batch.predecessors)", "\(batch.references)",
            "\(batch.claimedNames)", "\(texts(batch.names))", "\(texts(batch.keys))",
            "\(batch.slots)", "\(batch.sequences)", "\(batch.kinds)", "\(batch.times)",
            "\(batch.levels)", "\(batch.stamps)", "\(batch.wholes)", "\(batch.changeStarts)",
            "\(batch.changes)", "\(batch.causes)", "\(batch.rulings)", "\(batch.nameNumbers)",
            "\(batch.contentStarts)", "\(batch.textCounts)", "\(batch.content)",
            "\(batch.attributeStarts)", "\(batch.attributes)", "\(batch.cost)",
        ]
    }

    @Test(arguments: 1...100 as ClosedRange<UInt64>)
    func aBatchGivesBackItsEvents(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let events = Self.random(&random)
        #expect(Self.isSame(EventBatch(events).events(), events), "seed \(seed)")
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func theSameEventsGiveTheSameColumns(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let events = Self.random(&random)
        let columns = Self.columns(EventBatch(events))
        #expect(Self.columns(EventBatch(events)) == columns, "seed \(seed)")
        // Also in a batch that was used before.
        var used = EventBatch(Self.random(&random))
        let generation = used.generation
        used.removeAll()
        #expect(used.generation != generation && used.isEmpty)
        var clocks: [ProcessKey: VectorClock] = [:]
        for (key, event) in events { used.append(event, of: key, after: &clocks[key]) }
        #expect(Self.columns(used) == columns, "seed \(seed)")
    }

    /// Cut anywhere, with the clocks carried from one batch to the next, the parts say what the whole says.
    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func clocksGoOnFromBatchToBatch(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let events = Self.random(&random)
        var written: [ProcessKey: VectorClock] = [:]
        var read: [ProcessKey: VectorClock] = [:]
        var result: [(key: ProcessKey, event: Event)] = []
        var rest = events[...]
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...20, using: &random))
            rest = rest.dropFirst(part.count)
            var batch = EventBatch()
            for (key, event) in part { batch.append(event, of: key, after: &written[key]) }
            result += batch.events(after: &read)
        }
        #expect(Self.isSame(result, events), "seed \(seed)")
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func anAbandonedRowLeavesNothing(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let events = Self.random(&random)
        // What is in the tables stays: rows refer to it by number.
        var (plain, marred) = (EventBatch(events), EventBatch(events))
        for batch in [0, 1] {
            var next = batch == 0 ? plain : marred
            let process = next.reference(Self.keys[2].reference)
            _ = next.name(Array("name".utf8).span)
            let key = Array("k0".utf8)
            if batch == 1 {
                next.appendChange(process, 77)
                next.appendCause(process, 7, .token)
                next.appendRuling(process, 7)
                next.appendText(Array("text".utf8).span)
                next.appendAttribute(key: key.span, isJSON: true, value: Array("1".utf8).span)
                next.abandonRow()
            } else {
                // The key of an attribute is one of the tables' as well.
                next.appendAttribute(key: key.span, isJSON: true, value: [UInt8]().span)
                next.abandonRow()
            }
            if batch == 0 { plain = next } else { marred = next }
        }
        #expect(Self.columns(plain) == Self.columns(marred), "seed \(seed)")
        #expect(Self.isSame(marred.events(), events), "seed \(seed)")
        let further = Event(
            id: EventID(Self.keys[0].process, 1 << 40), text: "t",
            clock: VectorClock([Self.keys[0].reference: 1 << 40]))
        var before: VectorClock?
        marred.append(further, of: Self.keys[0], after: &before)
        #expect(marred.events().last?.event == further, "seed \(seed)")
    }

    /// What a batch says of causes and clocks is what the events said, by runs and by names.
    @Test func referencesSurvive() {
        let (run, name) = (ProcessReference.run(RunKey(bits: 7)), ProcessID(name: "web-1/api"))
        let key = ProcessKey(
            execution: "main", host: "h", process: ProcessID(name: "b"),
            run: Identity128(high: 8, low: 0))
        let events = (1...3 as ClosedRange<UInt64>).map { sequence in
            Event(
                id: EventID(key.process, sequence),
                causes: sequence == 2 ? [Cause(EventReference(run, 5, name: name), .token)] : [],
                clock: VectorClock([key.reference: sequence, run: sequence == 1 ? 0 : 5]),
                rulesOut: sequence == 3 ? EventReference(EventID(name, 1)) : nil)
        }
        let batch = EventBatch(events, of: key)
        #expect(batch.reference(batch.causes[0]) == EventReference(run, 5, name: name))
        #expect(batch.reference(batch.rulings[0]) == EventReference(EventID(name, 1)))
        #expect(batch.references == [run, .named(name)])
        #expect(batch.changeStarts == [0, 0, 1, 1], "its own entry is the sequence number")
    }
}

@Suite struct ByteTableTests {
    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func entriesAreNumberedInOrderOfAppearance(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ByteTable()
        for round in 0..<2 {
            var model: [[UInt8]] = []
            #expect(table.count == 0 && table.byteCount == 0, "round \(round)")
            for _ in 0..<400 {
                let entry = (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    UInt8.random(in: 0...4, using: &random)
                }
                #expect(table.find(entry.span) == model.firstIndex(of: entry), "seed \(seed)")
                if !model.contains(entry) { model.append(entry) }
                #expect(table.intern(entry.span) == model.firstIndex(of: entry), "seed \(seed)")
            }
            #expect(table.count == model.count)
            #expect(table.byteCount == model.reduce(0) { $0 + $1.count })
            #expect(model.indices.allSatisfy { Array(table[$0]) == model[$0] }, "seed \(seed)")
            table.removeAll()
        }
    }
}

@Suite struct ContentHashTests {
    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func itIsTheSameHoweverBytesAreCut(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 0...200, using: &random)).map { _ in
            UInt8.random(in: 0...255, using: &random)
        }
        var whole = ContentHash()
        whole.update(bytes)
        var pieces = ContentHash()
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...20, using: &random))
            pieces.update(piece)
            rest = rest.dropFirst(piece.count)
            // As a checkpoint keeps it.
            if Bool.random(using: &random) { pieces = ContentHash(words: pieces.words) }
        }
        #expect(pieces == whole && pieces.identity == whole.identity, "seed \(seed)")
        #expect(pieces.byteCount == UInt64(bytes.count))
    }

    @Test func contentsThatDifferAreTold() {
        func hash(_ bytes: [UInt8]) -> Identity128 {
            var hash = ContentHash()
            hash.update(bytes)
            return hash.identity
        }
        let bytes = [UInt8](0..<40)
        var seen: Set<Identity128> = [hash(bytes)]
        for index in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[index] ^= 1 << bit
                #expect(seen.insert(hash(other)).inserted, "byte \(index), bit \(bit)")
            }
            #expect(seen.insert(hash(Array(bytes[..<index]))).inserted, "\(index) bytes")
        }
        for count in 41...60 {
            let padded = bytes + [UInt8](repeating: 0, count: count - 40)
            #expect(seen.insert(hash(padded)).inserted, "\(count) bytes")
        }
    }
}

@Suite struct JSONScannerTests {
    /// What `object` says of bytes in the middle of others must be what `scan` says; nil where it is no object.
    static func members(_ bytes: [UInt8]) throws -> [JSONMember]? {
        let around = Array("{\"q\":1}".utf8)
        var spans = [
            JSONSpan(key: 0..<1, keyHasEscapes: true, kind: .string, value: 0..<1, hasEscapes: true)
        ]
        let inside = around.count..<around.count + bytes.count
        let all = around + bytes + around
        do {
            try JSONScanner.scan(all, inside, into: &spans)
        } catch {
            let reason = #expect(throws: JSONDefect.self) { try JSONScanner.object(bytes) }?.reason
            // The depth is the one defect that is told by where the bytes lie.
            if !error.reason.contains("nested") { #expect(error.reason == reason) }
            return nil
        }
        let members = spans.map { span in
            JSONMember(
                key: JSONScanner.text(all, span.key, hasEscapes: span.keyHasEscapes),
                value: JSONScanner.value(all, span))
        }
        #expect(try JSONScanner.object(bytes) == members)
        #expect(spans.allSatisfy { inside.contains($0.value) || $0.value.isEmpty })
        return members
    }

    @Test(arguments: [
        #"{"a":1,"\u0061":2,"b":"x","a":[3]}"#, #"{"":1,"":2}"#,
        #"{ "é" : "\u00e9" , "\u00e9":1 }"#,
        #"{"n":-1.5e+3,"t":true,"f":false,"z":null,"o":{"a":[{}]},"s":"\"\\\/\b\f\n\r\t\ud83d\ude00"}"#,
        #"{"\ud800":1,"\udfff":"\ud800x"}"#, "{}", " {\n} \t",
    ])
    func cutAtEveryByte(text: String) throws {
        let bytes = Array(text.utf8)
        #expect(try Self.members(bytes) != nil)
        for count in bytes.indices where bytes[count...].contains(UInt8(ascii: "}")) {
            #expect(try Self.members(Array(bytes[..<count])) == nil, "\(count) bytes")
        }
    }

    @Test func ofEqualKeysTheLastOneCountsInThePlaceOfTheFirst() throws {
        let members = try Self.members(Array(#"{"a":1,"b":2,"\u0061":3,"a":4,"\u0062":5}"#.utf8))
        #expect(
            members == [
                JSONMember(key: "a", value: .number("4")),
                JSONMember(key: "b", value: .number("5")),
            ])
        // Many keys are compared in another way than few.
        let many = (0..<2_000).map { "\"k\($0 % 1_000)\":\($0)" }.joined(separator: ",")
        let kept = try #require(try Self.members(Array("{\(many)}".utf8)))
        #expect(kept.count == 1_000 && kept[7] == JSONMember(key: "k7", value: .number("1007")))
    }

    @Test(arguments: ["[", "{\"a\":", "[[],", "{\"a\":{},\"b\":"])
    func deepNestingIsRefused(open: String) throws {
        let deep = "{\"x\":" + String(repeating: open, count: 100_000)
        #expect(try Self.members(Array(deep.utf8)) == nil)
        let nested = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        #expect(try Self.members(Array("{\"x\":\(nested)}".utf8))?.count == 1)
        #expect(try Self.members(Array("{\"x\":[\(nested)]}".utf8)) == nil)
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func anyBytesAreScanned(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let scraps = [
            "{", "}", "[", "]", ":", ",", "\"", "\\", "\"a\"", "\"\\u0061\"", "1", "-", "0.", "e",
            "true", "nul", " ", "\n", "\u{1}", "é", "\"a\":1,", "{\"a\":1}", "\\ud800",
        ]
        var bytes = Array("{\"a\":".utf8)
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            bytes += Array(scraps.randomElement(using: &random)!.utf8)
            if Int.random(in: 0..<20, using: &random) == 0 { bytes.append(0xff) }
        }
        _ = try Self.members(bytes)
    }
}
