import Agent
import Archiving
import Causality
import Collector
import Exporting
import FoundationEssentials
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
            "GET /v1/timeline?last=3&where=%7B%20text%20%3D~%20%22x%22%20%7D HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /v1/order?a=p0:1&b=p1:2&execution=main HTTP/1.1\r\nHost: h\r\nAccept: text/plain\r\n\r\n",
            "GET /v1/export?format=dot HTTP/1.0\r\n\r\nGET /v1/past?event=p0%3A3&count=true HTTP/1.1\r\nHost: h\r\n\r\n",
            "PATCH /v1/segments/0123 HTTP/1.1\r\nHost: h\r\nUpload-Offset: 0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
            "POST /v1/events HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"a\"\r\n0\r\n\r\n",
            "GET /v1/cut?at=2026-11-23T10:20:30Z&timeout=1h&limit=%39 HTTP/1.1\r\nHost: h\r\n\r\n",
        ].map { Array($0.utf8) }
    } run: { bytes in
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
        var heads = 0
        while let part = try? channel.readInbound(as: HTTPRequestPart.self) {
            guard case .head(let head) = part else { continue }
            heads += 1
            try ask(head.path ?? "", isText: head.headerFields[.accept] != nil)
        }
        var told = 0
        while (try? channel.readOutbound(as: ByteBuffer.self)) != nil { told += 1 }
        try promise(told <= 2 * heads, "\(told) pieces of answers to \(heads) requests")
        _ = try? channel.finish()
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
