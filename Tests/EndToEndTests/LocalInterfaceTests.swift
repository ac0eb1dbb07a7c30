import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// The ways in for programs that do not link the library.
@Suite(.serialized) struct LocalInterfaceTests {
    final class Host {
        let folder: TemporaryFolder
        let collector: RunningCollector
        var agent: RunningProgram

        init(_ more: [String] = []) throws {
            folder = try TemporaryFolder()
            collector = try RunningCollector(folder)
            agent = try Host.start(folder, collector.url, more)
            try waitForSocket()
        }

        static func start(_ folder: TemporaryFolder, _ url: String, _ more: [String]) throws
            -> RunningProgram
        {
            try RunningProgram(
                ["agent", "--collector", url, "--host", "web-1", "--spool", "\(folder.path)/spool"]
                    + more, log: "\(folder.path)/agent.log")
        }

        var spool: String { folder.path + "/spool" }

        func waitForSocket() throws {
            try waitUntil("the agent listens") {
                try Program.run("/bin/ls", [spool + "/agent.sock"]).status == 0
                    && agent.text.contains("local interface")
            }
        }

        func restart() throws {
            agent.kill()
            try Data().write(to: URL(fileURLWithPath: agent.log))
            agent = try Host.start(folder, collector.url, [])
            try waitForSocket()
        }

        func post(_ body: String) async throws -> (
            status: Int, headers: HTTPHeaders, lines: [[String: Any]]
        ) {
            try await post(
                body, to: "http+unix://" + spool.replacing("/", with: "%2F") + "%2Fagent.sock")
        }

        func post(_ body: String, to base: String) async throws -> (
            status: Int, headers: HTTPHeaders, lines: [[String: Any]]
        ) {
            var request = HTTPClientRequest(url: base + "/v1/events")
            request.method = .POST
            request.body = .bytes(ByteBuffer(string: body))
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            let bytes = try await response.body.collect(upTo: 1 << 24)
            let lines = String(buffer: bytes).split(separator: "\n").compactMap {
                (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
            }
            return (Int(response.status.code), response.headers, lines)
        }

        func waitForEvents(_ count: Int) throws {
            try waitUntil("\(count) events arrived") { try collector.eventCount() == count }
        }
    }

    @Test func eventsSendsAndReceives() async throws {
        let host = try Host()
        let sent = try await host.post(
            """
            {"process":"deploy","text":"built","level":"warn","attributes":{"v":42,"who":"me"},"time":"2026-01-02T03:04:05Z"}
            {"process":"deploy","kind":"send","name":"image pushed"}
            """)
        #expect(sent.status == 200)
        #expect(sent.lines.map { $0["id"] as? String } == ["web-1/deploy:1", "web-1/deploy:2"])
        let token = try #require(sent.lines[1]["token"] as? String)
        let received = try await host.post(
            #"{"process":"rollout","kind":"receive","token":"\#(token)","execution":null}"#)
        #expect(received.lines.map { $0["id"] as? String } == ["web-1/rollout:1"])
        try host.waitForEvents(3)
        let order = try Program.lightcone(
            "order", "--source", host.collector.url, "deploy:2", "rollout:1", "--json")
        #expect(order.object["order"] as? String == "before")
        let event =
            try Program.lightcone("show", "--source", host.collector.url, "deploy:1", "--json")
            .object["event"] as? [String: Any]
        #expect(event?["time"] as? String == "2026-01-02T03:04:05Z")
        #expect(event?["level"] as? String == "warning")
        #expect((event?["attributes"] as? [String: Any])?["v"] as? Int == 42)
        #expect(event?["host"] as? String == "web-1")
        // An agent that was killed has lost nothing, and its processes go on as new incarnations.
        try host.restart()
        let again = try await host.post(#"{"process":"deploy","text":"again"}"#)
        #expect(again.lines[0]["id"] as? String == "web-1/deploy#2:1")
        try host.waitForEvents(4)
        let restart = try Program.lightcone(
            "order", "--source", host.collector.url, "deploy:2", "deploy#2:1", "--json")
        #expect(restart.object["order"] as? String == "before")
        #expect(host.agent.stop() == 0, "\(host.agent.text)")
    }

    /// What a client lost on its way to the agent, perhaps the very message that orders two events.
    @Test func whatAClientLostIsAGapAndUnknown() async throws {
        let host = try Host()
        func post(_ line: String) async throws -> [String: Any] {
            try await host.post(line).lines[0]
        }
        _ = try await post(#"{"process":"py-web","kind":"send","name":"ask"}"#)
        _ = try await post(#"{"process":"py-orders","name":"started"}"#)
        // The receive of the message was lost; the next event tells.
        let next = try await post(#"{"process":"py-orders","name":"taken","lost":1}"#)
        #expect(next["id"] as? String == "web-1/py-orders:3")
        try host.waitForEvents(3)
        func ask(_ question: String...) throws -> Program.Result {
            try Program.lightcone(question + ["--source", host.collector.url, "--json"])
        }
        let order = try ask("order", "py-web:1", "py-orders:3")
        #expect(order.status == 1 && order.object["order"] as? String == "unknown")
        #expect(order.object["excluded"] as? [String] == ["after"])
        let because = try #require(order.object["because"] as? String)
        #expect(because.contains("events before web-1/py-orders:3 were lost"), "\(because)")
        #expect(
            try ask("order", "py-web:1", "py-orders:1").object["order"] as? String == "concurrent")
        let gap = try #require(try ask("gaps").objects.first)
        #expect(gap["process"] as? String == "web-1/py-orders")
        #expect(gap["first"] as? Int == 2 && gap["last"] as? Int == 2)
        #expect((gap["reason"] as? String)?.contains("their client counted them") == true)
        #expect(try ask("past", "py-orders:3", "--count").object["complete"] as? Bool == false)
        let shown = try ask("show", "py-orders:3").object
        #expect(shown["exact"] as? Bool == false)
        #expect((shown["event"] as? [String: Any])?["lossyBecause"] as? String == "events-lost")
        // Nor does it go away with a restart of the agent: the count comes with the first event after it.
        try host.restart()
        let again = try await post(#"{"process":"py-orders","name":"again","lost":2}"#)
        #expect(again["id"] as? String == "web-1/py-orders#2:3")
        try host.waitForEvents(4)
        #expect(
            try ask("order", "py-web:1", "py-orders#2:3").object["order"] as? String == "unknown")
        #expect(try ask("gaps").objects.count == 2)
        // Who knows that nothing came says so, and answers rest on that word.
        func ruleOut(_ event: String) throws -> Program.Result {
            try Program.lightcone(
                "rule-out", event, "--because", "a timer", "--source", host.collector.url)
        }
        #expect(try ruleOut("py-web:1").status == 2, "nothing was lost there")
        #expect(try ruleOut("py-orders#2:3").status == 0)
        #expect(
            try ask("order", "py-web:1", "py-orders#2:3").object["order"] as? String == "unknown",
            "the run before it lost events too")
        #expect(try ruleOut("py-orders:3").status == 0)
        #expect(try ruleOut("py-orders:3").status == 1, "once is enough")
        let ruled = try ask("order", "py-web:1", "py-orders#2:3").object
        #expect(ruled["order"] as? String == "concurrent", "\(ruled)")
        #expect((ruled["restsOn"] as? [String])?.count == 2, "\(ruled)")
        #expect((ruled["because"] as? String)?.contains("taking the word of ") == true)
    }

    /// A message arrived, and with it something that is no token.
    @Test func aTokenThatCannotBeReadIsALostMessage() async throws {
        let host = try Host()
        _ = try await host.post(#"{"process":"web","kind":"send"}"#)
        let answer = try await host.post(
            #"{"process":"orders","kind":"receive","unreadable":true,"text":"garbled"}"#)
        #expect(answer.lines.map { $0["id"] as? String } == ["web-1/orders:1"])
        try host.waitForEvents(2)
        let order = try Program.lightcone(
            "order", "web:1", "orders:1", "--source", host.collector.url, "--json"
        ).object
        #expect(order["order"] as? String == "unknown")
        #expect(
            order["because"] as? String
                == "a message came at web-1/orders:1 whose token could not be read")
    }

    @Test func mistakesNameTheLineAndTheFieldAndRecordNothing() async throws {
        let host = try Host()
        let good = #"{"process":"a","text":"good"}"#
        let name = String(repeating: "x", count: 257)
        for (line, field) in [
            (#"{"text":"x"}"#, "process"), (#"{"process":7}"#, "process"),
            (#"{"process":""}"#, "process"), (#"{"process":"\#(name)"}"#, "process"),
            (#"{"process":"a","level":"loud"}"#, "level"),
            (#"{"process":"a","kind":"sent"}"#, "kind"),
            (#"{"process":"a","kind":"receive"}"#, "token"),
            (#"{"process":"a","token":"AA"}"#, "token"),
            (#"{"process":"a","kind":"receive","token":"garbage"}"#, "token"),
            (#"{"process":"a","kind":"receive","token":"AA","unreadable":true}"#, "unreadable"),
            (#"{"process":"a","kind":"receive","tokens":["garbage"]}"#, "tokens"),
            (#"{"process":"a","kind":"receive","tokens":["AA"],"token":"AA"}"#, "tokens"),
            (#"{"process":"a","unreadable":true}"#, "unreadable"),
            (#"{"process":"a","time":"yesterday"}"#, "time"),
            (#"{"process":"a","attributes":[1]}"#, "attributes"),
            (#"{"process":"a","txet":"x"}"#, "txet"), (#"{"process":"a","text":{}}"#, "text"),
            (#"{"process":"a","execution":""}"#, "execution"),
            (#"{"process":"a","name":"\#(name)"}"#, "name"),
            (#"{"process":"a\u0000"}"#, "process"), (#"{"process":"a","lost":-1}"#, "lost"),
            (#"{"process":"a","lost":"1"}"#, "lost"), (#"{"process":"a","lost":1.5}"#, "lost"),
            (#"{"process":"a","lost":99999999999999}"#, "lost"),
        ] {
            let answer = try await host.post(good + "\n" + line + "\n")
            #expect(answer.status == 400, "\(line)")
            #expect(answer.headers.first(name: "content-type") == "application/problem+json")
            #expect(answer.lines.first?["line"] as? Int == 2, "\(line)")
            #expect(answer.lines.first?["field"] as? String == field, "\(line)")
        }
        for line in ["", "[]", "nonsense", "{", "\u{0}"] {
            #expect(try await host.post(line).status == 400, "\(line)")
        }
        #expect(try await host.post(String(repeating: "x", count: (1 << 20) + 1)).status == 413)
        #expect(
            try await host.post(String(repeating: good + "\n", count: 1001)).status == 413)
        let ids = try await host.post(good).lines.map { $0["id"] as? String }
        #expect(ids == ["web-1/a:1"], "nothing was recorded before")
    }

    @Test func anIdleProcessIsClosedAndGoesOnAsTheNextIncarnation() async throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("agent.yaml", "localIdleSeconds: 1\n")
        let host = try Host(["--config", file])
        func post() async throws -> String? {
            try await host.post(#"{"process":"cron"}"#).lines[0]["id"] as? String
        }
        #expect(try await post() == "web-1/cron:1")
        try waitUntil("it is closed") {
            host.agent.text.contains("process=web-1/cron [Agent] ended")
        }
        #expect(try await post() == "web-1/cron#2:1")
        try host.waitForEvents(2)
        let order = try Program.lightcone(
            "order", "--source", host.collector.url, "cron:1", "cron#2:1", "--json")
        #expect(order.object["order"] as? String == "before")
    }

    @Test func aLoopbackPortWhereOneIsConfigured() async throws {
        let host = try Host(["--listen", "127.0.0.1:0"])
        try waitUntil("the port is known") { host.agent.text.contains("listen=http://") }
        let url = try #require(
            host.agent.text.split(separator: "listen=").last?.prefix { !" ]\n".contains($0) })
        let answer = try await host.post(#"{"process":"a"}"#, to: String(url))
        #expect(answer.lines.map { $0["id"] as? String } == ["web-1/a:1"])
        let refused = try Program.lightcone(
            "agent", "--collector", "http://127.0.0.1:1", "--host", "h", "--spool", "/tmp/x",
            "--listen",
            "0.0.0.0:4781", "--check")
        #expect(refused.status == 2)
        #expect(refused.errors.contains("listen: expected HOST:PORT of this machine only"))
    }

    /// A page in somebody's browser may post to this machine's ports: what it says is nobody's history.
    @Test func aPageOfAStrangerRecordsNothing() throws {
        let host = try Host(["--listen", "127.0.0.1:0"])
        try waitUntil("the port is known") { host.agent.text.contains("listen=http://127") }
        let port = try #require(
            host.agent.text.split(separator: "listen=http://127.0.0.1:").last.flatMap {
                Int($0.prefix { $0.isNumber })
            })
        func post(_ headers: String, _ event: String) throws -> String {
            let connection = try RawConnection(port)
            connection.send(
                "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\(headers)"
                    + "Content-Length: \(event.utf8.count)\r\n\r\n\(event)")
            return connection.answer()
        }
        for origin in ["http://evil.example", "null", "http://127.0.0.1:\(port)"] {
            let answer = try post("Origin: \(origin)\r\n", #"{"process":"evil"}"#)
            #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.contains("a page of"), "\(answer)")
        }
        #expect(try post("", #"{"process":"good"}"#).contains("web-1/good:1"))
        try host.waitForEvents(1)
        // Before it sends a body, a client may ask whether to.
        let asking = try RawConnection(port)
        let event = #"{"process":"good"}"#
        asking.send(
            "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(event.utf8.count)\r\nExpect: 100-continue\r\n\r\n"
        )
        let go = asking.read(seconds: 10) { $0.hasSuffix("\r\n\r\n") }.text
        #expect(go == "HTTP/1.1 100 Continue\r\n\r\n")
        asking.send(event)
        #expect(asking.answer().contains("web-1/good:2"))
        #expect(host.agent.stop() == 0)
    }

    @Test func shellScripts() throws {
        let host = try Host()
        func record(_ arguments: String...) throws -> Program.Result {
            try Program.lightcone(["record", "--spool", host.spool] + arguments)
        }
        let sent = try record(
            "--process", "deploy", "--name", "image pushed", "--send", "--attr", "v=42", "--attr",
            "who=me", "--attr",
            "e=a=b", "v42", "to web-1")
        #expect(sent.status == 0, "\(sent.errors)")
        let token = sent.output.trimmingCharacters(in: .newlines)
        let received = try record("--process", "rollout", "--receive", token, "--level", "error")
        #expect(received.output == "web-1/rollout:1\n")
        let other = try record("--process", "tests", "--send").output
            .trimmingCharacters(in: .newlines)
        let joined = try record("--process", "join", "--receive", token, "--receive", other)
        #expect(joined.output == "web-1/join:1\n", "\(joined.errors)")
        try host.waitForEvents(4)
        for cause in ["deploy:1", "tests:1"] {
            let order = try Program.lightcone(
                "order", "--source", host.collector.url, cause, "join:1", "--json")
            #expect(order.object["order"] as? String == "before")
        }
        let event =
            try Program.lightcone("show", "--source", host.collector.url, "deploy:1", "--json")
            .object["event"] as? [String: Any]
        #expect(event?["text"] as? String == "v42 to web-1")
        #expect(event?["name"] as? String == "image pushed")
        let attributes = event?["attributes"] as? [String: Any]
        #expect(attributes?["v"] as? Int == 42)
        #expect(attributes?["who"] as? String == "me")
        #expect(attributes?["e"] as? String == "a=b")
        for wrong in [
            ["--process", ""], ["--process", "p", "--level", "loud"],
            ["--process", "p", "--attr", "x"],
            ["--process", "p", "--receive", "garbage"],
            ["--process", "p", "--receive", token, "--send"],
        ] {
            #expect(
                try Program.lightcone(["record", "--spool", host.spool] + wrong).status == 2,
                "\(wrong)")
        }
        // Without the agent the event waits in the spool, and comes with the next one.
        #expect(host.agent.stop() == 0)
        #expect(try record("--process", "deploy", "alone").output == "web-1/deploy#2:1\n")
        try host.restart()
        try host.waitForEvents(5)
        let order = try Program.lightcone(
            "order", "--source", host.collector.url, "deploy:1", "deploy#2:1", "--json")
        #expect(order.object["order"] as? String == "before")
    }

    @Test func pythonProgramsOfTwoProcesses() throws {
        guard let python = Program.find("python3") else {
            print("skipped: no python3")
            return
        }
        let host = try Host()
        let script = Program.root.appendingPathComponent("Tests/PythonClientTests/two_processes.py")
            .path
        let result = try Program.run(
            "/usr/bin/env", ["LIGHTCONE_SPOOL=\(host.spool)", python, script])
        #expect(result.status == 0, "\(result.errors)")
        let ids = result.object.compactMapValues { $0 as? String }
        #expect(ids.count == 6)
        for id in ids.values {
            try waitUntil("\(id) arrived") {
                try Program.lightcone("show", "--source", host.collector.url, id).status == 0
            }
        }
        for (a, b) in [
            ("send", "receive"), ("receive", "log"), ("log", "answer"),
            ("answer", "answer_received"),
        ] {
            let order = try Program.lightcone(
                "order", "--source", host.collector.url, ids[a] ?? "", ids[b] ?? "", "--json")
            #expect(order.object["order"] as? String == "before", "\(a) \(b): \(order.errors)")
        }
        #expect(try Program.lightcone("defects", "--source", host.collector.url).output == "")
    }

    @Test func plainLinesAreAProcessOfTheHost() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let log = try folder.write(
            "cron.log", "2026-01-02T03:04:05Z ERROR disk is full\nno time here\n")
        let agent = try JourneyTests.agent(
            folder, collector.url, host: "web-1", follow: "text:\(log)")
        try waitUntil("both lines arrived") { try collector.eventCount() == 2 }
        let view = try Program.lightcone("view", "--source", collector.url, "web-1")
        #expect(view.output.contains("disk is full"))
        let events = try Program.lightcone("timeline", "--source", collector.url, "--json").objects
        #expect(events.map { $0["process"] as? String } == ["web-1/cron.log", "web-1/cron.log"])
        #expect(events[0]["time"] as? String == "2026-01-02T03:04:05Z")
        #expect(events[0]["level"] as? String == "error")
        #expect(agent.stop() == 0)
    }
}
