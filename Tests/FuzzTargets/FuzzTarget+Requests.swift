import Agent
import Archiving
import Causality
import Collector
import Disks
import Exporting
import FoundationEssentials
import Hummingbird
import Journals
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1
import Querying
import Shipping
import SimulatedHistories

extension FuzzTarget {
    /// What comes through a connection: HTTP, and the questions in it, which are asked.
    static let request = FuzzTarget("request", mutations: 100) {
        [
            "GET /v1/timeline?last=3&where=%7B%20text%20%3D~%20%22x%22%20%7D HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "GET /v1/order?a=p0:1&b=p1:2&execution=main HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n",
            "GET /v1/export?format=dot HTTP/1.0\r\n\r\nGET /v1/past?event=p0%3A3&count=true HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "PATCH /v1/segments/0123 HTTP/1.1\r\nHost: localhost\r\nUpload-Offset: 0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n0\r\n\r\n",
            "GET /v1/cut?at=2026-11-23T10:20:30Z&timeout=1h&limit=%39 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        ].map { Array($0.utf8) }
    } run: { bytes in
        for request in try requests(in: bytes) {
            try ask(request.head.path ?? "", isText: request.head.headerFields[.accept] != nil)
        }
    }

    /// What comes through a connection, as far as it is HTTP.
    private static func requests(
        in bytes: [UInt8]
    ) throws -> [(head: HTTPRequest, body: ByteBuffer)] {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false)
        try channel.pipeline.syncOperations.addHandlers([
            HTTP1ToHTTPServerCodec(secure: false), ContinueHandler(bodyBytesMax: 1_000),
        ])
        // In two pieces, as a network may cut it.
        let half = bytes.count / 2
        for piece in [bytes[..<half], bytes[half...]] where channel.isActive || !piece.isEmpty {
            _ = try? channel.writeInbound(ByteBuffer(bytes: piece))
        }
        var requests: [(head: HTTPRequest, body: ByteBuffer)] = []
        while let part = try? channel.readInbound(as: HTTPRequestPart.self) {
            switch part {
            case .head(let head): requests.append((head, ByteBuffer()))
            case .body(var piece): requests[requests.count - 1].body.writeBuffer(&piece)
            case .end: break
            }
        }
        var told = 0
        while (try? channel.readOutbound(as: ByteBuffer.self)) != nil { told += 1 }
        try promise(
            told <= 2 * requests.count, "\(told) pieces of answers to \(requests.count) requests")
        _ = try? channel.finish()
        return requests
    }

    /// Asks as the routes do.
    private static func ask(_ path: String, isText: Bool) throws {
        let parts = path.split(separator: "?", maxSplits: 1)
        guard let verb = parts.first?.split(separator: "/").last else { return }
        let now = WallTime(nanoseconds: 1_700_000_000_000_000_000)
        let parameters = FormQuery.parameters(parts.count == 2 ? String(parts[1]) : "")
            .resolved(now: now)
        _ = try? parameters.timeout(secondsMax: 60)
        var options = Question.Options(
            execution: (try? parameters.one("execution")) ?? nil,
            limit: (try? parameters.limit()) ?? nil)
        options.bytesMax = 1 << 20
        try KeptArchive.withCopy { disk in
            let store = ArchiveStore(try Archive(KeptArchive.path, .readOnly, disk: disk))
            if verb == "export", let question = try? ExportQuestion(parameters) {
                _ = try? store.answering(options).export(question).text()
            } else if let question = try? Question(String(verb), parameters) {
                let answer = try? store.answering(options).written(
                    question, as: isText ? .text : .json)
                _ = try? answer?.text()
            }
        }
    }

    /// What comes to the agent's own interface, which records it.
    static let localInterface = FuzzTarget("local-interface", mutations: 200) {
        [
            #"{"process":"worker","name":"job","kind":"send","text":"x","level":"info","attributes":{"a":1}}"#,
            #"{"process":"p","execution":"e","kind":"receive","token":"AgAAAA","lost":3}"# + "\n"
                + #"{"process":"q","time":"2026-11-23T10:20:30Z"}"#,
            "", "{\"process\":\"\"}",
        ].map { body in
            Array(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
                    .utf8)
        }
            + [
                "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://x\r\nTransfer-Encoding: chunked\r\n\r\n0f\r\n{\"process\":\"p\"}\r\n0\r\n\r\n",
            ].map { Array($0.utf8) }
    } run: { bytes in
        let requests = try requests(in: bytes)
        guard !requests.isEmpty else { return }
        let loop = RunLoop()
        let disk = SimulatedDisk()
        let answered = loop.run {
            await Result { () async throws in
                try disk.make(folder: "/data")
                var configuration = AgentConfiguration(
                    collector: "http://127.0.0.1:1", host: "h", spool: nil, follow: [])
                configuration.spool = SpoolFolder("/spool", durable: "/data/durable", disk: disk)
                configuration.data = "/data/agent"
                let processes = LocalProcesses(configuration, on: loop)
                let logger = Logger(label: "fuzzing") { _ in SwiftLogNoOpLogHandler() }
                let responder = LocalInterface(
                    configuration, logger: logger, processes: processes
                ).responder()
                for (head, body) in requests {
                    try await answer(head, body, responder, logger, disk)
                }
                await processes.close()
            }
        }
        try answered.get()
    }

    private static func answer(
        _ head: HTTPRequest, _ body: ByteBuffer, _ responder: RouterResponder<LocalContext>,
        _ logger: Logger, _ disk: SimulatedDisk
    ) async throws {
        let channel = EmbeddedChannel()
        // Else channel and pipeline keep each other.
        defer { _ = try? channel.finish() }
        let context = LocalContext(
            source: ApplicationRequestContextSource(channel: channel, logger: logger))
        let before = disk.usedBytes
        let request = Request(head: head, body: RequestBody(buffer: body))
        var status = 0
        do {
            let response = try await responder.respond(to: request, context: context)
            status = response.status.code
            let lines = body.readableBytesView.split(separator: UInt8(ascii: "\n")).count
            try promise(
                status != 200 || head.path != "/v1/events" || (1...1_000).contains(lines),
                "\(lines) lines were recorded")
        } catch let error as HTTPError {
            status = error.status.code
        }
        try promise([200, 400, 403, 404, 405, 413, 503].contains(status), "status \(status)")
        try promise(
            status == 200 || status == 503 || disk.usedBytes == before,
            "status \(status), and something was recorded")
        try promise(
            status != 200 || head.path != "/v1/events" || head.headerFields[.origin] == nil,
            "a page recorded something")
    }

    /// The configuration file of an agent.
    static let agentConfiguration = FuzzTarget("agent-configuration", mutations: 200) {
        [
            """
            collector: http://127.0.0.1:4780
            host: web-1
            follow: [govector:/var/log/a/*.log, access:/var/log/access.log, jobs:/j]
            formats:
              access: {format: regex, pattern: '(?<event>.*)', delimiter: '==', execution: e}
              jobs: {format: jsonl, fields: 'process=host,clock=vc', clocks: complete}
            commitMilliseconds: 100
            segmentBytesMax: 67108864
            """, "host: &a h\ncollector: *a\nspool: /s\ndata: /d\nlisten: 127.0.0.1:1\n",
            "dataBytesMax: 0x10\nlocalIdleSeconds: 1_000\n", "- a\n", "? [a]\n: b\n",
        ].map { Array($0.utf8) }
    } run: { bytes in
        try withFile(bytes) { path in
            var flags = AgentFlags()
            flags.spool = "/spool"
            let flagged = flags
            let loaded = RunLoop().run {
                await Result {
                    () async throws in
                    try await AgentConfiguration.load(
                        file: path, flags: flagged, environment: ["LIGHTCONE_HOST": "h"])
                }
            }
            guard case .success(let configuration) = loaded else { return }
            try configuration.check()
            try promise(configuration.host == "h", "the file goes before the environment")
        }
    }

    /// The configuration file of a collector.
    static let collectorConfiguration = FuzzTarget("collector-configuration", mutations: 200) {
        [
            """
            data: /d
            listen: 127.0.0.1:4780
            mergeSeconds: 10
            retain: 30d
            retainBytes: 500GB
            executions:
              test: {retain: 1d, retainBytes: 2GiB}
            """, "executions: {a: {}, '': {retain: 1h}}\ndata: x\n", "mergeSeconds: '3'\n", "---\n",
        ].map { Array($0.utf8) }
    } run: { bytes in
        try withFile(bytes) { path in
            let loaded = RunLoop().run {
                await Result {
                    () async throws in
                    try await CollectorService.Configuration.load(
                        file: path, flags: CollectorFlags(), environment: ["LIGHTCONE_DATA": "/e"])
                }
            }
            guard case .success(let configuration) = loaded else { return }
            try promise(
                (1...3_600).contains(configuration.mergeSeconds) && configuration.data == "/e",
                "a configuration beyond its limits: \(configuration)")
        }
    }

    /// A file on the real disk: what reads configurations knows no other.
    private static func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lightcone-fuzz-\(UUID().uuidString)")
        try Data(bytes).write(to: url)
        defer { try? FileManager.default.removeItem(at: url) }
        try body(url.path)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
