import AsyncHTTPClient
import Causality
import Foundation
import LogFormats
import NIOCore
import NIOHTTP1
import Segments
import Testing

/// The HTTP interface, with requests that no agent of ours would send.
@Suite(.serialized) struct CollectorInterfaceTests {
    private func send(
        _ method: HTTPMethod, _ url: String, _ headers: [(String, String)] = [],
        _ body: [UInt8]? = nil
    ) async throws -> (status: Int, headers: HTTPHeaders, text: String) {
        var request = HTTPClientRequest(url: url)
        request.method = method
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return (Int(response.status.code), response.headers, text)
    }

    /// A sealed segment with what a process did, and its id. Another `agent` says it was there at another time, and what it likes.
    private func segment(
        _ range: ClosedRange<Int>, agent: String = "an agent", created: Int64? = nil,
        of lines: (String, ClosedRange<Int>) -> String = JourneyTests.lines
    ) throws -> (id: String, bytes: [UInt8]) {
        var reader = try LogReader(.govector, LogReader.Options())
        var sink = LogSink()
        _ = reader.read(Array(lines("a", range).utf8), isFinal: true, into: &sink)
        let header = SegmentHeader(
            agent: Identity128(naming: Array(agent.utf8)),
            segment: Identity128(naming: Array("\(agent) \(range)".utf8)),
            created: WallTime(nanoseconds: created ?? Int64(range.lowerBound)))
        var writer = SegmentWriter(header)
        let bytes = header.encoded() + writer.commit(sink.batch, Commit()) + writer.footer()
        return ("\(header.segment)", bytes)
    }

    @Test func uploads() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let (id, bytes) = try segment(1...50)
        let url = "\(collector.url)/v1/segments/\(id)"
        var answer = try await send(.HEAD, url)
        #expect(answer.status == 200 && answer.headers.first(name: "Upload-Offset") == "0")

        // Damaged bytes are refused by name, and nothing of them is kept.
        var damaged = bytes
        damaged[200] ^= 1
        answer = try await send(.PATCH, url, [("Upload-Offset", "0")], damaged)
        #expect(
            answer.status == 422
                && answer.headers.first(name: "Content-Type") == "application/problem+json")
        #expect(answer.text.contains(id) && answer.text.contains("byte 56"))
        answer = try await send(.PATCH, url, [("Upload-Offset", "0")], Array(bytes[..<300]))
        #expect(answer.status == 422, "half a block is no block")
        answer = try await send(
            .PATCH, "\(collector.url)/v1/segments/\(String(repeating: "0", count: 32))",
            [("Upload-Offset", "0")], bytes)
        #expect(answer.status == 422, "another segment's bytes")

        answer = try await send(.PATCH, url, [("Upload-Offset", "10")], bytes)
        #expect(answer.status == 409 && answer.headers.first(name: "Upload-Offset") == "0")
        answer = try await send(.PATCH, url, [("Upload-Offset", "0")], bytes)
        #expect(
            answer.status == 204 && answer.headers.first(name: "Upload-Offset") == "\(bytes.count)")
        answer = try await send(.PATCH, url, [("Upload-Offset", "0")], bytes)
        #expect(
            answer.status == 409 && answer.headers.first(name: "Upload-Offset") == "\(bytes.count)",
            "twice")
        answer = try await send(.HEAD, url)
        #expect(answer.headers.first(name: "Upload-Complete") == "?1")
        #expect(try collector.eventCount() == 50)

        for (path, headers) in [
            ("xyz", [("Upload-Offset", "0")]), (id, []), (id, [("Upload-Offset", "-1")]),
        ] {
            #expect(
                try await send(.PATCH, "\(collector.url)/v1/segments/\(path)", headers, [1]).status
                    == 400)
        }
        answer = try await send(
            .PATCH, "\(collector.url)/v1/segments/\(String(repeating: "1", count: 32))",
            [("Upload-Offset", "0")],
            [UInt8](repeating: 0, count: 9 << 20))
        #expect(answer.status == 413)
        // It lives on.
        #expect(try await send(.GET, "\(collector.url)/readyz").status == 200)
        #expect(try await send(.GET, "\(collector.url)/healthz").text == "ok\n")
    }

    /// Whoever asks whether it is ready means: for uploads.
    @Test func aCollectorThatCannotStoreIsNotReady() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        #expect(try await send(.GET, "\(collector.url)/readyz").status == 200)
        let (segments, away) = (collector.data + "/segments", collector.data + "/away")
        #expect(try FileManager.default.contentsOfDirectory(atPath: segments) == [])
        try FileManager.default.moveItem(atPath: segments, toPath: away)
        _ = try folder.write("data/segments", "no folder")
        var answer = try await send(.GET, "\(collector.url)/readyz")
        for _ in 0..<100 where answer.status == 200 {
            try await Task.sleep(for: .milliseconds(200))
            answer = try await send(.GET, "\(collector.url)/readyz")
        }
        #expect(answer.status == 503 && answer.text.contains("segments"), "\(answer.text)")
        #expect(answer.headers.first(name: "Content-Type") == "application/problem+json")
        #expect(try await send(.GET, "\(collector.url)/healthz").status == 200)
        try FileManager.default.removeItem(atPath: segments)
        try FileManager.default.moveItem(atPath: away, toPath: segments)
        for _ in 0..<100 where answer.status != 200 {
            try await Task.sleep(for: .milliseconds(200))
            answer = try await send(.GET, "\(collector.url)/readyz")
        }
        #expect(answer.status == 200)
    }

    @Test func questions() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let (id, bytes) = try segment(1...50)
        _ = try await send(
            .PATCH, "\(collector.url)/v1/segments/\(id)", [("Upload-Offset", "0")], bytes)
        var answer = try await send(.GET, "\(collector.url)/v1/order?a=a:1&b=a:2")
        #expect(
            answer.text
                == #"{"a":"a:1","b":"a:2","order":"before","because":"both are of a, where 1 comes first"}"#
                + "\n")
        answer = try await send(.GET, "\(collector.url)/v1/timeline?limit=2")
        #expect(answer.headers.first(name: "Content-Type") == "application/x-ndjson")
        #expect(answer.text.split(separator: "\n").count == 2)
        for (path, status) in [
            ("/v1/timeline?where=%7B%20text%20%7D", 400), ("/v1/nothing", 404),
            ("/v1/timeline?execution=other", 404),
        ] {
            let answer = try await send(.GET, collector.url + path)
            #expect(answer.status == status, "\(path): \(answer.text)")
            #expect(answer.headers.first(name: "Content-Type") == "application/problem+json")
            let problem =
                try JSONSerialization.jsonObject(with: Data(answer.text.utf8)) as? [String: Any]
            #expect(problem?["status"] as? Int == status && problem?["detail"] is String)
        }
    }

    @Test func aReaderThatLeavesDisturbsNobody() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        collector.kill()
        let log = try folder.write("a.log", JourneyTests.lines("a", 1...20_000))
        _ = try Program.lightcone("import", "--into", collector.data, "--format", "govector", log)
        try collector.start()
        for _ in 0..<5 {
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: "\(collector.url)/v1/export?format=json"),
                timeout: .seconds(30))
            for try await piece in response.body where piece.readableBytes > 0 { break }
        }
        try await Task.sleep(for: .milliseconds(500))
        #expect(try await send(.GET, "\(collector.url)/healthz").status == 200)
        #expect(try collector.eventCount() == 20_000)
        #expect(collector.program.isRunning)
    }

    @Test func segmentsInAnyOrderGiveTheSameAnswers() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        var segments: [(id: String, bytes: [UInt8])] = []
        for range in [1...20, 21...40, 41...60] {
            segments.append(try segment(range))
            let log = try folder.write(
                "\(range.lowerBound).log", JourneyTests.lines("a", range))
            _ = try Program.lightcone(
                "import", "--into", folder.path + "/source", "--format", "govector", log)
        }
        for (id, bytes) in segments.reversed() {
            _ = try await send(
                .PATCH, "\(collector.url)/v1/segments/\(id)", [("Upload-Offset", "0")], bytes)
            _ = try collector.eventCount()  // The graph is kept, and grows at its beginning.
        }
        let expected = try Program.lightcone(
            "timeline", "--source", folder.path + "/source", "--json"
        ).output
        #expect(
            try Program.lightcone("timeline", "--source", collector.url, "--json").output
                == expected)
        #expect(expected.split(separator: "\n").count == 60)
    }

    /// To HEAD an answer has no body: what follows on the connection would be read as one.
    @Test func anErrorToHeadHasNoBody() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        for path in ["/v1/segments/no-id", "/nothing", "/v1/executions"] {
            let connection = try RawConnection(collector.port)
            connection.send("HEAD \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.get("/healthz")
            let text = connection.read(seconds: 10) { $0.hasSuffix("ok\n") }.text
            let answers = text.components(separatedBy: "\r\n\r\n")
            #expect(answers.count == 3 && answers[0].hasPrefix("HTTP/1.1 4"), "\(text)")
            #expect(answers[1].hasPrefix("HTTP/1.1 200 ") && answers[2] == "ok\n", "\(text)")
        }
    }

    @Test func whoAsksBeforeItSendsABodyIsToldToGoOn() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        func head(_ length: Int) -> String {
            "PATCH /v1/segments/\(String(repeating: "1", count: 32)) HTTP/1.1\r\nHost: localhost\r\n"
                + "Upload-Offset: 0\r\nContent-Length: \(length)\r\nExpect: 100-continue\r\n\r\n"
        }
        let asking = try RawConnection(collector.port)
        asking.send(head(5))
        let go = asking.read(seconds: 10) { $0.hasSuffix("\r\n\r\n") }.text
        #expect(go == "HTTP/1.1 100 Continue\r\n\r\n")
        asking.send("hello")
        #expect(asking.answer().hasPrefix("HTTP/1.1 422 "))
        // Who announces too much is refused before it has sent it.
        let large = try RawConnection(collector.port)
        large.send(head(9 << 20))
        #expect(large.answer().hasPrefix("HTTP/1.1 413 "))
        // Behind another request nothing stands in the middle of its answer.
        let second = try RawConnection(collector.port)
        second.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" + head(5) + "hello")
        let both = second.read(seconds: 10) { $0.contains("HTTP/1.1 422 ") }.text
        #expect(both.hasPrefix("HTTP/1.1 200 ") && both.contains("ready\n"), "\(both)")
        #expect(!collector.program.text.contains("request failed"))
    }

    /// Forty agents at once: each is taken, or asked to come again, and in the end all are here, once.
    @Test func fortyUploadsAtOnce() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
            for number in 0..<40 {
                // Every second one is another copy of the same bytes.
                let first = number / 2 * 50 + 1
                let (id, bytes) = try segment(first...first + 49)
                let url = "\(collector.url)/v1/segments/\(id)"
                group.addTask {
                    var statuses: [Int] = []
                    while statuses.last != 204 && statuses.last != 409 && statuses.count < 200 {
                        if !statuses.isEmpty { try await Task.sleep(for: .milliseconds(200)) }
                        let answer = try await send(.PATCH, url, [("Upload-Offset", "0")], bytes)
                        statuses.append(answer.status)
                        let isToComeAgain = [429, 503].contains(answer.status)
                        #expect(isToComeAgain == answer.headers.contains(name: "Retry-After"))
                    }
                    return statuses
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0.last == 204 } == 20, "\(statuses)")
        #expect(statuses.count { $0.last == 409 } == 20, "\(statuses)")
        #expect(try collector.eventCount() == 1_000)
        #expect(collector.program.stop() == 0)
        try JourneyTests.expectExactly(1_000, of: "a", in: collector.data)
    }

    /// A segment that says it is older than all others, with other events of a process that reported: both stay, apart, whichever
    /// came first, and no order is made of what they contradict each other in.
    @Test(arguments: [true, false]) func anEarlierSegmentReplacesNothing(isForgedFirst: Bool)
        async throws
    {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let own = try segment(1...50, created: 1_000)
        let forged = try segment(1...50, agent: "a forger", created: 0) { process, range in
            range.map {
                "\(process) {\"\(process)\":\($0)}\nINFO \($0 < 26 ? "event \($0) of a" : "forged")\n"
            }.joined()
        }
        for (id, bytes) in isForgedFirst ? [forged, own] : [own, forged] {
            let url = "\(collector.url)/v1/segments/\(id)"
            #expect(try await send(.PATCH, url, [("Upload-Offset", "0")], bytes).status == 204)
        }
        let texts = try Program.lightcone("timeline", "--source", collector.url, "--json").objects
            .compactMap { $0["text"] as? String }
        let expected = (1...50).map { "event \($0) of a" } + Array(repeating: "forged", count: 25)
        #expect(texts.sorted() == expected.sorted())
        let defects = try Program.lightcone("defects", "--source", collector.url, "--json").objects
        #expect(defects.contains { $0["kind"] as? String == "fork" }, "\(defects)")
        let order = try Program.lightcone("order", "--source", collector.url, "a:1", "a:25")
        #expect(order.output.hasPrefix("before"), "\(order.errors)")
        let vague = try Program.lightcone("order", "--source", collector.url, "a:1", "a:50")
        #expect(vague.status == 1 && vague.output.hasPrefix("unknown"), "\(vague)")
    }
}
