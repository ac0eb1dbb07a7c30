import Causality
import LogFormats
import Testing

/// What times mean that do not say all of it, and the lines that have them.
@Suite struct LogTimesTests {
    private static func time(_ text: String) -> WallTime {
        WallTime(text: text) ?? WallTime(nanoseconds: 0)
    }

    /// Central Europe's of 2026.
    private static let berlin: @Sendable (Int) -> Int = { seconds in
        let summer = [time("2026-03-29T01:00:00Z"), time("2026-10-25T01:00:00Z")]
            .map { Int($0.nanoseconds / 1_000_000_000) }
        return seconds >= summer[0] && seconds < summer[1] ? 7_200 : 3_600
    }

    private func events(
        _ text: String, asOf: String? = nil, zone: (@Sendable (Int) -> Int)? = nil,
        _ format: LogFormat = .text()
    ) throws -> [Event] {
        let times = LogTimes(zone: zone, asOf: asOf.map(Self.time))
        var reader = try LogReader(format, LogReader.Options(times: times))
        var sink = LogSink()
        _ = reader.read(Array(text.utf8), isFinal: true, into: &sink)
        return LogItems(&sink).events
    }

    private static let lines: [(String, String?, Level?)] = [
        ("Oct 11 22:14:15 web su: failed", "2026-10-11T22:14:15Z", nil),
        ("Oct  1 02:04:05.250 web su[1]: failed", "2026-10-01T02:04:05.250Z", nil),
        ("Oct 11 2003 22:14:15 router: ERROR", "2003-10-11T22:14:15Z", .error),
        ("<34>Oct 11 22:14:15 web su: failed", "2026-10-11T22:14:15Z", .critical),
        ("<14>Oct 11 22:14:15 web su: ERROR", "2026-10-11T22:14:15Z", .error),
        (
            "<165>1 2003-08-24T05:14:15.000003-07:00 web p 1 - - x", "2003-08-24T12:14:15.000003Z",
            .notice
        ),
        ("<192>Oct 11 22:14:15 web", nil, nil), ("<34>it", nil, .critical),
        ("I1127 10:15:30.123456    1234 file.go:12] text", "2026-11-27T10:15:30.123456Z", .info),
        ("W1127 10:15:30.123456 1234 file.go:12] INFO", "2026-11-27T10:15:30.123456Z", .warning),
        ("E20241231 23:59:59.000001 1 f.cc:1] x", "2024-12-31T23:59:59.000001Z", .error),
        ("F0131 10:15:30.123456 1234 file.go:12] x", "2026-01-31T10:15:30.123456Z", .critical),
        ("I1327 10:15:30.123456 1234 file.go:12] x", nil, .info),
        ("I1127 10:15:30.123456 x", nil, nil), ("X1127 10:15:30.1 1 f] x", nil, nil),
        (
            #"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /ERROR HTTP/1.0" 200 2326"#,
            "2000-10-10T20:55:36Z", nil
        ),
        (
            #"::1 - - [10/Oct/2000:13:55:36 +0000] "TRACE / HTTP/1.0" 500 1"#,
            "2000-10-10T13:55:36Z", nil
        ),
        ("1.2.3.4 - - [10/Oct/2000:13:55:36] x", nil, nil),
        ("1.2.3.4 - - [10/Okt/2000:13:55:36 +0000] x", nil, nil),
        ("1.2.3.4 - - [10/Oct/2000:13:55:36 -9900] x", nil, nil),
        (
            "[Wed Oct 11 14:32:52.123456 2000] [core:error] [pid 1] x",
            "2000-10-11T14:32:52.123456Z", .error
        ),
        ("[Wed Oct 11 14:32:52 2000] [warn] x", "2000-10-11T14:32:52Z", .warning),
        ("2023/11/27 10:15:30 [crit] 1234#0: *1 x", "2023-11-27T10:15:30Z", .critical),
        ("time=\"2026-11-23T10:00:00Z\" level=warn msg=\"x\"", "2026-11-23T10:00:00Z", .warning),
        ("ts=2026-11-23T10:00:00.5Z caller=f.go:1 level=info", "2026-11-23T10:00:00.500Z", .info),
        ("ts=1545000000.25 lvl=eror msg=INFO", "2018-12-16T22:40:00.250Z", .error),
        (#"msg="a \" level=debug" severity="ERROR""#, nil, .error),
        ("t=5 level=loud msg=x", nil, nil), ("level= msg=x", nil, nil),
        ("2026-11-23 10:00:00 level=debug it said INFO", "2026-11-23T10:00:00Z", .debug),
        ("2026-11-23 10:00:00 WARN cannot parse level=info", "2026-11-23T10:00:00Z", .warning),
        ("it says level=info", nil, .info), ("Monday it rained", nil, nil), ("Oct", nil, nil),
        ("Oct 32 22:14:15 x", nil, nil), ("Oct 11 22:14:15x", nil, nil),
        ("level=\"warn", nil, .warning),
    ]

    @Test(arguments: lines)
    func linesTellTheirTimesAndLevels(_ line: String, _ time: String?, _ level: Level?) throws {
        let event = try #require(try events(line, asOf: "2026-11-30T12:00:00Z").first)
        #expect(event.time?.description == time && event.level == level && event.text == line)
    }

    @Test(arguments: [
        // A time is of the newest year in which it is at most a day later than the file.
        ("Dec 31 23:59:59", "2026-01-02T00:00:00Z", "2025-12-31T23:59:59Z"),
        ("Jan  1 00:00:01", "2026-01-02T00:00:00Z", "2026-01-01T00:00:01Z"),
        ("Jan  3 00:00:00", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"),
        ("Jan  3 00:00:01", "2026-01-02T00:00:00Z", "2025-01-03T00:00:01Z"),
        ("Jan  1 00:00:01", "2025-12-31T23:00:00Z", "2026-01-01T00:00:01Z"),
        // A day that not every year has.
        ("Feb 29 12:00:00", "2026-11-30T00:00:00Z", "2024-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2024-02-28T13:00:00Z", "2024-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "2024-02-28T11:00:00Z", "2020-02-29T12:00:00Z"),
        ("Feb 29 12:00:00", "1904-02-01T00:00:00Z", "1896-02-29T12:00:00Z"),
        ("Feb 30 12:00:00", "2026-11-30T00:00:00Z", nil), ("Feb 29 12:00:00", nil, nil),
    ]) func aYearIsFound(_ text: String, _ asOf: String?, _ time: String?) throws {
        let event = try #require(try events("\(text) x", asOf: asOf).first)
        #expect(event.time?.description == time)
        // In the other formats too.
        let json = #"{"process":"a","time":"\#(text)"}"#
        let other = try #require(try events(json, asOf: asOf, .jsonl(fields: nil)).first)
        #expect(other.time?.description == time)
    }

    @Test func aFileMayGoOverNewYear() throws {
        let text = "Dec 30 10:00:00 a\nDec 31 23:59:59 b\nJan  1 00:00:00 c\nJan  2 09:00:00 d\n"
        let times = try events(text, asOf: "2026-01-02T09:00:00Z").map { $0.time?.year }
        #expect(times == [2025, 2025, 2026, 2026])
    }

    @Test(arguments: [
        ("2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
        ("2026-12-01 12:00:00", "2026-12-01T11:00:00Z"),
        ("2026/12/01 12:00:00", "2026-12-01T11:00:00Z"),
        ("12/1/2026 12:00:00 PM", "2026-12-01T11:00:00Z"),
        ("Jul  1 12:00:00", "2026-07-01T10:00:00Z"),
        ("I0701 12:00:00.5 1 f.go:1]", "2026-07-01T10:00:00.500Z"),
        // Not what says its zone, nor a number.
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
        ("2026-07-01 12:00:00+00:00", "2026-07-01T12:00:00Z"),
        ("2026/07/01 12:00:00-01:00", "2026-07-01T13:00:00Z"),
        ("1782907200", "2026-07-01T12:00:00Z"),
        // The hour that clocks show twice is the first one, and that which they leave out goes on from before.
        ("2026-10-25 01:59:59", "2026-10-24T23:59:59Z"),
        ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        ("2026-10-25 03:00:00", "2026-10-25T02:00:00Z"),
        ("2026-03-29 01:59:59", "2026-03-29T00:59:59Z"),
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
        ("2026-03-29 03:00:00", "2026-03-29T01:00:00Z"),
        ("1969-12-31 23:59:59.5", "1969-12-31T22:59:59.500Z"),
    ]) func localTimesAreOfTheirZone(_ text: String, _ time: String) throws {
        let asOf = "2026-11-30T12:00:00Z"
        // Whatever came before.
        let lines = ["", "2026-10-25 02:30:00 x\n", "2026-03-29 02:30:00 x\n", "\(text) x\n"]
        for before in lines {
            let found = try events("\(before)\(text) x", asOf: asOf, zone: Self.berlin)
            #expect(found.last?.time?.description == time)
        }
    }

    /// What a file's last change says belongs to no stored state: the next read says it again.
    @Test func whenAFileChangedMayChange() throws {
        var reader = try LogReader(.text(), LogReader.Options())
        var sink = LogSink()
        reader.times.asOf = Self.time("2025-12-31T23:00:00Z")
        _ = reader.read(Array("Dec 31 22:00:00 a\n".utf8), isFinal: false, into: &sink)
        #expect(reader.times.firstYearFound == 2025)
        reader.times.asOf = Self.time("2026-01-02T00:00:00Z")
        _ = reader.read(Array("Jan  2 00:00:00 a\n".utf8), isFinal: false, into: &sink)
        #expect(LogItems(&sink).events.map { $0.time?.year } == [2025, 2026])
    }
}
