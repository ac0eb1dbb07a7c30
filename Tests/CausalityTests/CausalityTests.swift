import Causality
import SimulatedHistories
import Testing

@Suite struct VectorClockTests {
    static func random(_ random: inout SeededGenerator) -> VectorClock {
        var clock = VectorClock()
        for name in ["a", "b", "c", "d"] where Bool.random(using: &random) {
            clock[ProcessID(name: name)] = UInt64.random(in: 0...3, using: &random)
        }
        return clock
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func mergeIsALeastUpperBound(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (a, b, c) = (Self.random(&random), Self.random(&random), Self.random(&random))
        func join(_ x: VectorClock, _ y: VectorClock) -> VectorClock {
            var x = x
            x.merge(y)
            return x
        }
        #expect(join(a, b) == join(b, a))
        #expect(join(join(a, b), c) == join(a, join(b, c)))
        #expect(join(a, a) == a)
        #expect(join(a, b).covers(a) && join(a, b).covers(b))
        #expect(!(c.covers(a) && c.covers(b)) || c.covers(join(a, b)))
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func orderIsAPartialOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (a, b, c) = (Self.random(&random), Self.random(&random), Self.random(&random))
        #expect(a.order(relativeTo: a) == .equal)
        #expect(a.order(relativeTo: b) == b.order(relativeTo: a).reversed)
        #expect((a.order(relativeTo: b) == .equal) == (a == b))
        if a.order(relativeTo: b) == .before, b.order(relativeTo: c) == .before {
            #expect(a.order(relativeTo: c) == .before)
        }
    }

    @Test func aMissingEntryIsZero() {
        let a = ProcessID(name: "A")
        let b = ProcessID(name: "B")
        #expect(VectorClock([a: 1]).order(relativeTo: VectorClock([a: 1, b: 1])) == .before)
        #expect(VectorClock([a: 1, b: 0]) == VectorClock([a: 1]))
    }
}

@Suite struct NamesTests {
    @Test(arguments: ["Miner1", "web-1/api", "10.0.0.1:80", "a#2", "50%", "%3A", "ü x", "#", ":"])
    func namesSurviveText(name: String) {
        for incarnation: UInt32 in [1, 2, 77] {
            let process = ProcessID(name: name, incarnation: incarnation)
            #expect(ProcessID(text: process.description) == process)
            let event = EventID(process, 1047)
            #expect(EventID(text: event.description) == event)
        }
    }

    @Test func spelling() {
        #expect(
            EventID(ProcessID(name: "web-1/api", incarnation: 2), 7).description == "web-1/api#2:7")
        #expect(ProcessID(name: "10.0.0.1:80").description == "10.0.0.1%3A80")
        #expect(EventID(text: "10.0.0.1:80:7") == EventID(ProcessID(name: "10.0.0.1:80"), 7))
    }

    @Test(arguments: ["", ":", "a", "a:", "a:0", "a:-1", ":5", "a:x", "a:99999999999999999999"])
    func noEvent(text: String) { #expect(EventID(text: text) == nil) }
}

@Suite struct NameTests {
    @Test(arguments: ["", "a\0b", String(repeating: "x", count: 257)])
    func noName(text: String) { #expect(throws: NameError.self) { try Name(text) } }

    @Test(arguments: ["x", "a b", "ü", String(repeating: "x", count: 256)])
    func names(text: String) throws { #expect(try Name(text).text == text) }

    @Test func recordedNamesKeepTheirLimits() {
        let long = String(repeating: "é", count: 300)
        #expect(Name.recorded("api", on: "web-1") == "web-1/api")
        #expect(Name.recorded("n1", on: "n1") == "n1")
        #expect(Name.withoutHost("web-1/api", on: "web-1") == "api")
        #expect(Name.withoutHost("n1", on: "n1") == "n1")
        let cut = Name.recorded(long, on: long)
        #expect(cut.utf8.count <= 255 && (try? Name(cut)) != nil)
        #expect(cut.wholeMatch(of: /é+~[0-9a-f]{8}\/é+~[0-9a-f]{8}/) != nil, "\(cut)")
        #expect(Name.process(long + "1") != Name.process(long + "2"))
        #expect(Name.process("a\0b") != Name.process("a\u{fffd}b"))
    }
}

@Suite struct IdentityTests {
    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func bytesAndDigitsGiveItBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let run = Identity128(using: &random)
        #expect(Identity128(bytes: run.bytes) == run)
        #expect(Identity128(hex: run.description) == run)
        #expect(run.description.hasPrefix(RunKey(run).description))
    }

    @Test(arguments: [
        "", "0", String(repeating: "G", count: 32), String(repeating: "A", count: 32),
    ])
    func noIdentity(text: String) { #expect(Identity128(hex: text) == nil) }

    @Test func aLogsProcessIsToldByWhereItStands() {
        func key(_ execution: String, _ host: String, _ name: String, run: Identity128? = nil)
            -> ProcessKey
        {
            ProcessKey(
                execution: execution, host: host, process: ProcessID(name: name), run: run)
        }
        let identities = [
            key("main", "h", "a"), key("main", "g", "a"), key("x", "h", "a"), key("main", "h", "b"),
            key("main", "ha", ""), key("main", "h", "a", run: Identity128(high: 1, low: 2)),
        ].map(\.identity)
        #expect(Set(identities).count == 6)
        #expect(key("main", "h", "a").identity == key("main", "h", "a").identity)
        #expect(key("main", "h", "a").reference == .named(ProcessID(name: "a")))
        #expect(
            key("main", "h", "a", run: Identity128(high: 1, low: 2)).reference
                == .run(RunKey(bits: 1)))
    }
}

@Suite struct PrintableTests {
    static let harmful: [Unicode.Scalar] = [
        "\u{0}", "\u{7}", "\u{1b}", "\u{7f}", "\u{80}", "\u{85}", "\u{9b}", "\u{ad}", "\u{34f}",
        "\u{61c}", "\u{115f}", "\u{180e}", "\u{200b}", "\u{200d}", "\u{200e}", "\u{200f}",
        "\u{2028}", "\u{2029}", "\u{202a}", "\u{202e}", "\u{2060}", "\u{2066}", "\u{2069}",
        "\u{3164}", "\u{fe0f}", "\u{feff}", "\u{fff9}", "\u{e0001}", "\u{e0041}", "\u{e0100}",
    ]

    private static func first(
        _ text: String, _ find: (UnsafeRawBufferPointer) -> Int?
    ) -> Int? {
        var text = text
        return text.withUTF8 { find(UnsafeRawBufferPointer($0)) }
    }

    /// Each ASCII character at each place, before and behind the eight bytes that are looked at together.
    @Test func whatIsHarmfulIsNotOverlooked() {
        for length in 1...20 {
            for place in 0..<length {
                for byte in 0..<UInt8(128) {
                    var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    bytes[place] = byte
                    let text = String(decoding: bytes, as: UTF8.self)
                    let isPlain = (0x20..<0x7f).contains(byte)
                    #expect(
                        Self.first(text) { $0.firstHarmful() } == (isPlain ? nil : place),
                        "\(byte) at \(place) of \(length)")
                    #expect(
                        text.isHarmful(but: [.lineBreaks, .tabs])
                            == !(isPlain || byte == 10 || byte == 9))
                    #expect(
                        Self.first(text) { $0.firstToEscape() }
                            == (isPlain && byte != 34 && byte != 92 ? nil : place))
                }
            }
        }
    }

    /// Behind characters of one to four bytes, at each place among eight bytes.
    @Test(arguments: harmful)
    func isFoundBehindOthers(scalar: Unicode.Scalar) {
        for before in ["", "a", "ü", "漢", "😀", "ü→漢😀", "\u{a0}b\u{fffd}"] {
            for count in 0..<9 {
                let start = before + String(repeating: "a", count: count)
                let text = start + String(scalar) + "ü\u{1b}"
                #expect(Self.first(text) { $0.firstHarmful() } == start.utf8.count)
                #expect(Self.first(text) { $0.firstToEscape() } == start.utf8.count)
                #expect(!start.isHarmful())
            }
        }
    }

    /// Those that are told apart at a glance are as the others are.
    @Test func isHarmlessAtAGlance() {
        for value in [0xa0...0xac, 0xae...0x34e, 0x350...0x5ff, 0x2190...0x21ff].joined()
            + Array([0x3041...0x30ff, 0x4e00...0x9fff, 0xac00...0xd7a3].joined())
        {
            let properties = Unicode.Scalar(UInt32(value))!.properties
            #expect(!properties.isDefaultIgnorableCodePoint)
            let isHarmful = [
                .control, .format, .lineSeparator, .paragraphSeparator,
            ].contains(properties.generalCategory)
            #expect(!isHarmful, "\(value)")
        }
    }

    @Test(arguments: harmful)
    func isShownByItsNumber(scalar: Unicode.Scalar) {
        let text = "a\(scalar)b"
        let shown = printable(text)
        #expect(shown == "a\\u{\(String(scalar.value, radix: 16))}b")
        #expect(printable(shown) == shown)
        let json = printableJSON("[\"\(text)\"]")
        #expect(!json.unicodeScalars.contains { $0.isHarmful })
        if scalar.value >= 0x20 {
            #expect(JSONScanner.isValue(json))
            #expect(JSONScanner.unescaped(Array(json.utf8.dropFirst(2).dropLast(2))) == text)
        }
    }

    @Test(arguments: ["", "plain ~", "ü → 漢字 e\u{301}", "😀 \u{a0} € \u{fffd}"])
    func everythingElseStays(text: String) {
        #expect(printable(text) == text && printableJSON(text) == text)
    }

    @Test func lineBreaksStayWhereTheyAreMeant() {
        #expect(printable("a\tb\r\nc") == "a\\tb\\r\\nc")
        #expect(printable("a\tb\r\nc", keeping: [.lineBreaks, .tabs]) == "a\tb\\r\nc")
        #expect(printableJSON("{\r\n\t\"a\": 1}") == "{   \"a\": 1}")
    }
}

@Suite struct DecimalTests {
    @Test func areTheDigitsOfTheNumber() {
        var random = SystemRandomNumberGenerator()
        var values: [UInt64] = [0, .max]
        for power in sequence(first: UInt64(1), next: { $0 < 1 << 60 ? $0 * 10 : nil }) {
            values += [power - 1, power, power + 1]
            values += (0..<200).map { _ in UInt64.random(in: 0...power, using: &random) }
        }
        for value in values {
            for room in [20, "\(value)".utf8.count] {
                var text = ByteWriter()
                text.append(atMost: room) { $0.decimal(value) }
                #expect(String(decoding: text.bytes, as: UTF8.self) == "\(value)")
            }
            for digits in 0...8 {
                var text = ByteWriter()
                text.append(atMost: digits) { $0.decimal(value, digits: digits) }
                let padded = "00000000\(value)".suffix(digits)
                #expect(String(decoding: text.bytes, as: UTF8.self) == padded)
            }
        }
    }
}

@Suite struct WallTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (1_368_784_419_000_000_000, "2013-05-17T09:53:39Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"), (1_000_000, "1970-01-01T00:00:00.001Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
        (Int64.max, "2262-04-11T23:47:16.854775807Z"),
        (Int64.min, "1677-09-21T00:12:43.145224192Z"),
    ])
    func text(nanoseconds: Int64, text: String) {
        #expect(WallTime(nanoseconds: nanoseconds).description == text)
    }

    /// A clock that was set beyond the years that nanoseconds reach is read as their end; nothing traps.
    @Test func secondsBeyondTheRangeAreItsEnd() {
        let (least, greatest) = (WallTime.earliest, WallTime(nanoseconds: .max))
        for seconds in [1e10, 1e300, .infinity] {
            #expect(WallTime(saturatingSeconds: seconds) == greatest)
            #expect(WallTime(saturatingSeconds: -seconds) == least)
        }
        #expect(WallTime(saturatingSeconds: .nan).nanoseconds == 0)
        #expect(WallTime(saturatingSeconds: -1.5).nanoseconds == -1_500_000_000)
        #expect(WallTime(saturatingSeconds: .max, nanoseconds: 999_999_999) == greatest)
        #expect(WallTime(saturatingSeconds: 9_223_372_036, nanoseconds: 999_999_999) == greatest)
        #expect(WallTime(saturatingSeconds: .min, nanoseconds: 0) == least)
        #expect(WallTime(saturatingSeconds: 1, nanoseconds: 5).nanoseconds == 1_000_000_005)
    }

    @Test func fieldsAreChecked() {
        #expect(WallTime(year: 2000, month: 2, day: 29)?.description == "2000-02-29T00:00:00Z")
        #expect(WallTime(year: 1900, month: 2, day: 29) == nil)
        #expect(WallTime(year: 2300, month: 1, day: 1) == nil)
        #expect(WallTime(year: 2000, month: 13, day: 1) == nil)
        #expect(WallTime(year: 2000, month: 1, day: 1, hour: 24) == nil)
    }

    @Test(arguments: [
        ("2013-05-24T23:28:00Z", "2013-05-24T23:28:00Z"),
        ("2013-05-24t23:28:00.5z", "2013-05-24T23:28:00.500Z"),
        ("2013-05-24 23:28:00,637", "2013-05-24T23:28:00.637Z"),
        ("2013-05-24T23:28:00.123456789+02:00", "2013-05-24T21:28:00.123456789Z"),
        ("2013-05-24T23:28:00-0730", "2013-05-25T06:58:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2013-05-24", "2013-05-24T00:00:00Z"),
        ("2013-05-24T23:28", "2013-05-24T23:28:00Z"),
        ("2013-05-24 23:28+02:00", "2013-05-24T21:28:00Z"),
    ]) func readsText(text: String, expected: String) {
        #expect(WallTime(text: text)?.description == expected)
    }

    @Test(arguments: [
        "", "yesterday", "2013", "2013-05", "2013-5-24", "13-05-24", "2013/05/24", "2013-05-24T",
        "2013-05-24Z", "2013-05-24T23", "2013-05-24T3:28:00", "2013-05-24T23:8:00",
        "2013-05-24T23:28:0", "2013-05-24T23:28:00.", "2013-05-24T23:28:00.1234567890",
        "2013-05-24T23:28.5", "2013-05-24T23:28:00+2:00", "2013-05-24T23:28:00+24:00",
        "2013-05-24T23:28:00+02:60", "2013-05-24T23:28:00+02", "2013-05-24T23:28:00Zulu",
        "2013-05-24T23:28:00 Z", " 2013-05-24", "2013-02-29", "9999-01-01T00:00:00Z", "1545000000",
    ]) func refusesText(text: String) {
        #expect(WallTime(text: text) == nil)
    }
}

@Suite struct LossMarkerTests {
    @Test func saysHowManyAndWhich() {
        let one = LossMarker(lost: 7...7, reason: "disk full")
        #expect(one.text == "1 event (7) could not be recorded: disk full")
        let many = LossMarker(lost: 7...12, reason: "disk full")
        #expect(many.text == "6 events (7–12) could not be recorded: disk full")
        #expect(
            many.attributes == [Attribute("lost", .json("6")), Attribute("first", .json("7"))])
    }
}

@Suite struct SuggestionTests {
    private static let words = ["govector", "regex", "text", "timeline"]

    @Test(
        arguments: [
            ("timelin", "timeline"), ("TIMELINE", "timeline"), ("tmieline", "timeline"),
            ("regx", "regex"), ("tetx", "text"), ("govctr", "govector"), ("nothing", nil),
            ("timeli", "timeline"), ("", nil),
        ] as [(String, String?)])
    func nearest(word: String, expected: String?) {
        #expect(Suggestion.nearest(to: word, among: Self.words) == expected)
    }

    @Test func howNearCanBeSaid() {
        #expect(Suggestion.nearest(to: "txt", among: Self.words, distanceMax: 1) == "text")
        #expect(Suggestion.nearest(to: "tet2x", among: Self.words, distanceMax: 0) == nil)
        #expect(Suggestion.nearest(to: "x", among: [], distanceMax: 9) == nil)
        #expect(Suggestion.ending(for: "regx", among: Self.words) == ", perhaps “regex”")
    }
}
