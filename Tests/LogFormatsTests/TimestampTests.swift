import Causality
import LogFormats
import Testing

/// Times, as the JSON format reads them from `time`.
@Suite struct TimestampTests {
    private func time(_ json: String) throws -> String? {
        try items("{\"process\":\"a\",\"time\":\(json)}\n", .jsonl(fields: nil)).events.first?.time?
            .description
    }

    @Test(arguments: [
        ("2013-05-24T23:28:00Z", "2013-05-24T23:28:00Z"),
        ("2013-05-24 23:28:00,637", "2013-05-24T23:28:00.637Z"),
        ("2013-05-24T23:28:00.123456789+02:00", "2013-05-24T21:28:00.123456789Z"),
        ("2013-05-24T23:28:00-0730", "2013-05-25T06:58:00Z"),
        ("5/27/2013 10:53:39 AM", "2013-05-27T10:53:39Z"),
        ("5/27/2013 12:53:39 AM", "2013-05-27T00:53:39Z"),
        ("5/27/2013 1:53:39 PM", "2013-05-27T13:53:39Z"),
        ("10/13/2014 14:37:20.543", "2014-10-13T14:37:20.543Z"),
        ("2014/10/13 14:37:20", "2014-10-13T14:37:20Z"),
        ("2014/1/3 4:37:20.5+02:00", "2014-01-03T02:37:20.500Z"),
        ("10002000", "1970-04-26T18:20:00Z"),
        ("1545000000000000000", "2018-12-16T22:40:00Z"),
    ]) func readsText(_ text: String, _ expected: String) throws {
        #expect(try time("\"\(text)\"") == expected)
    }

    @Test(arguments: [
        ("1545000000", "2018-12-16T22:40:00Z"), ("1545000000.5", "2018-12-16T22:40:00.500Z"),
        ("1545000000250", "2018-12-16T22:40:00.250Z"),
        ("1545000000000001", "2018-12-16T22:40:00.000001Z"),
        ("1545000000000000001", "2018-12-16T22:40:00.000000001Z"),
    ]) func readsNumbers(_ text: String, _ expected: String) throws {
        #expect(try time(text) == expected)
    }

    @Test(arguments: [
        "yesterday", "", "2013-13-24T23:28:00Z", "2013-05-24T23:28:00.1234567890Z",
        "13/40/2013 10:00:00",
        "99999999999999999999999", "99999999999", "2013-05-24T25:00:00Z",
        "2013-05-24T23:28:00+2:00",
        "2013-05-24T23:28:00Zulu", "9223372036854775808", "5/27/2013 13:53:39 PM",
        "9999-01-01T00:00:00Z", "2013-5-24T23:28:00Z", "2013-05-24T3:28:00Z",
        "2013-05-24T23:28:00+24:00", "2013-05-24", "2013-05-24T23:28Z", "005/27/2013 10:53:39",
        "5/27/2013T10:53:39",
    ]) func refuses(_ text: String) throws {
        let event = try #require(
            try items("{\"process\":\"a\",\"time\":\"\(text)\"}", .jsonl(fields: nil)).events.first)
        #expect(event.time == nil)
        #expect(event.attributes == [Attribute("time", .text(text))])
    }
}
