import Access
import Causality
import Disks
import Foundation
import Segments
import Testing

/// A collector that speaks TLS, agents with certificates, and readers with tokens, as programs.
@Suite struct AccessEndToEndTests {
    let folder: TemporaryFolder
    let collector: RunningCollector

    init() throws {
        folder = try TemporaryFolder()
        let made = try Program.lightcone(
            "collector", "init", "--data", "\(folder.path)/data", "--name", "localhost", "--name",
            "127.0.0.1")
        try #require(made.status == 0, "\(made)")
        collector = try RunningCollector(folder)
    }

    private var authority: String { "\(collector.data)/access/authority.pem" }

    /// A file with what a command printed, for its owner alone.
    private func secret(_ name: String, _ arguments: String...) throws -> String {
        let result = try Program.lightcone(arguments + ["--data", collector.data])
        try #require(result.status == 0, "\(result)")
        let path = try folder.write(name, result.output)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        return path
    }

    private func enrol(_ token: String, as name: String) throws -> Program.Result {
        try Program.lightcone(
            "agent", "enroll", "--collector", collector.url, "--token-file", token, "--data",
            "\(folder.path)/\(name)", "--spool", "\(folder.path)/\(name)-spool")
    }

    private func agent(_ name: String, host: String, follow: String) throws -> RunningProgram {
        try RunningProgram(
            [
                "agent", "--collector", collector.url, "--host", host, "--data",
                "\(folder.path)/\(name)", "--spool", "\(folder.path)/\(name)-spool", "--follow",
                follow,
            ], log: "\(folder.path)/\(name).log")
    }

    private func ask(_ token: String?, _ arguments: String...) throws -> Program.Result {
        try Program.lightcone(
            arguments + ["--source", collector.url, "--authority", authority]
                + (token.map { ["--token-file", $0] } ?? []))
    }

    /// From nothing to a first event; then the host is revoked, and enrolled again.
    @Test func threeCommandsLeadToAnEvent() throws {
        let token = try secret("token", "enroll-token", "--host", "web-1")
        let enrolled = try enrol(token, as: "one")
        #expect(enrolled.status == 0 && enrolled.output.contains("web-1"), "\(enrolled)")
        let again = try enrol(token, as: "two")
        #expect(again.status == 3 && again.errors.contains("was used"), "\(again)")
        let running = try agent("one", host: "web-1", follow: "govector:\(folder.path)/a.txt")
        try folder.append("a.txt", JourneyTests.lines("a", 1...10))
        let reader = try secret("reader", "token", "create", "me", "--scope", "read")
        try waitUntil("the events arrived") {
            try ask(reader, "executions", "--json").objects.first?["events"] as? Int == 10
        }
        let listed = try Program.lightcone("hosts", "--data", collector.data, "--json")
        #expect(listed.objects.first?["host"] as? String == "web-1")
        let revoked = try Program.lightcone("hosts", "revoke", "web-1", "--data", collector.data)
        #expect(revoked.status == 0)
        // It is known within a second.
        RunLoop.current.run(until: Date().addingTimeInterval(1.5))
        try folder.append("a.txt", JourneyTests.lines("a", 11...20))
        try waitUntil("it is refused") { running.text.contains("host web-1 is revoked") }
        #expect(try ask(reader, "executions", "--json").objects.first?["events"] as? Int == 10)
        // Nothing is lost by that: what was refused comes when the host may.
        let second = try secret("second", "enroll-token", "--host", "web-1")
        #expect(try enrol(second, as: "one").status == 0)
        #expect(running.stop() == 0)
        let later = try agent("one", host: "web-1", follow: "govector:\(folder.path)/a.txt")
        try waitUntil("the rest arrived") {
            try ask(reader, "executions", "--json").objects.first?["events"] as? Int == 20
        }
        #expect(later.stop() == 0)
    }

    /// Programs of two enrolled hosts join; who has not the collector's key orders nothing. The key may change.
    @Test func aTokenOrdersOnlyWhereThisCollectorsHostsMadeIt() throws {
        func start(_ host: String) throws -> RunningProgram {
            let token = try secret("\(host)-token", "enroll-token", "--host", host)
            try #require(try enrol(token, as: host).status == 0)
            let keys = "\(folder.path)/\(host)/access/token-keys"
            let mode = try FileManager.default.attributesOfItem(atPath: keys)[.posixPermissions]
            #expect(mode as? Int == 0o600)
            return try agent(host, host: host, follow: "govector:\(folder.path)/none.txt")
        }
        func record(_ host: String, _ arguments: String...) throws -> String {
            let result = try Program.lightcone(
                ["record", "--spool", "\(folder.path)/\(host)-spool", "--process", "p"] + arguments)
            try #require(result.status == 0, "\(result)")
            return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let agents = [try start("web-1"), try start("web-2")]
        for host in ["web-1", "web-2"] {
            try waitUntil("it answers") {
                FileManager.default.fileExists(atPath: "\(folder.path)/\(host)-spool/agent.sock")
            }
        }
        // Nobody's: from a spool without an agent.
        try FileManager.default.createDirectory(
            atPath: "\(folder.path)/x-spool", withIntermediateDirectories: true)
        let forged = try record("x", "--send", "--name", "forged")
        let sent = try record("web-1", "--send", "--name", "sent")
        _ = try record("web-2", "--receive", sent, "--name", "joined")
        _ = try record("web-2", "--receive", forged, "--name", "refused")
        let reader = try secret("reader", "token", "create", "me", "--scope", "read")
        try waitUntil("the events arrived") {
            try ask(reader, "executions", "--json").objects.first?["events"] as? Int == 3
        }
        let joined = try ask(reader, "show", "web-2/p:1")
        #expect(joined.output.contains("web-1/p:1"), "\(joined)")
        let refused = try ask(reader, "show", "web-2/p:2")
        #expect(refused.output.contains("lightcone.refused"), "\(refused)")
        #expect(!refused.output.contains("forged"), "\(refused)")
        let rotated = try Program.lightcone(
            "collector", "rotate-token-key", "--data", collector.data)
        #expect(rotated.status == 0 && rotated.output.contains("it seals from"), "\(rotated)")
        let again = try Program.lightcone("collector", "rotate-token-key", "--data", collector.data)
        #expect(again.status == 3 && again.errors.contains("wait until then"), "\(again)")
        // A stranger asks for the keys, and a reader does.
        let bearer = try String(contentsOfFile: reader, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        for more in [[], ["-H", "Authorization: Bearer \(bearer)"]] {
            let answer = try Program.run(
                try #require(Program.find("curl")),
                ["-sS", "--cacert", authority, "\(collector.url)/v1/token-keys"] + more)
            #expect(answer.output.contains("expected the certificate of an agent"), "\(answer)")
        }
        for agent in agents { #expect(agent.stop() == 0) }
    }

    /// A host says nothing for another.
    @Test func aHostIsItselfAlone() throws {
        let token = try secret("token", "enroll-token", "--host", "web-1")
        try #require(try enrol(token, as: "one").status == 0)
        let wrong = try agent("one", host: "web-2", follow: "govector:\(folder.path)/a.txt")
        try waitUntil("it ends") { !wrong.isRunning }
        #expect(wrong.text.contains("is that of web-1, found web-2"), "\(wrong.text)")
        // What another host's agent would ship, shown with this one's certificate.
        let lone = try RunningProgram(
            [
                "agent", "--collector", "http://127.0.0.1:1", "--host", "db-1", "--data",
                "\(folder.path)/lone", "--spool", "\(folder.path)/lone-spool", "--follow",
                "govector:\(folder.path)/b.txt",
            ], log: "\(folder.path)/lone.log")
        try folder.append("b.txt", JourneyTests.lines("b", 1...10))
        let segments = "\(folder.path)/lone/segments"
        func segment() -> String? {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: segments)) ?? []
            return names.first { $0.hasSuffix(".lcseg") }
        }
        try waitUntil("there is a segment") {
            try segment().map {
                try Data(contentsOf: URL(fileURLWithPath: "\(segments)/\($0)")).count > 200
            }
                ?? false
        }
        lone.kill()
        let name = try #require(segment())
        let access = "\(folder.path)/one/access"
        func upload(_ more: String...) throws -> String {
            try Program.run(
                try #require(Program.find("curl")),
                [
                    "-sS", "-X", "PATCH", "--cacert", authority, "-H", "Upload-Offset: 0",
                    "--data-binary", "@\(segments)/\(name)",
                    "\(collector.url)/v1/segments/\(name.prefix(32))",
                ] + more
            ).output
        }
        let forged = try upload("--cert", "\(access)/agent.pem", "--key", "\(access)/agent.pem")
        #expect(
            forged.contains("expected events of host web-1") && forged.contains("db-1"), "\(forged)"
        )
        #expect(try upload().contains("expected the certificate of an agent"))
        let reader = try secret("reader", "token", "create", "me", "--scope", "read")
        let bearer = try String(contentsOfFile: reader, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(try upload("-H", "Authorization: Bearer \(bearer)").contains("of the scope admin"))
        #expect(try ask(reader, "executions", "--json").objects.isEmpty)
        // Who has a certificate gets another, and nobody else does.
        let key = try SigningKey(at: "\(folder.path)/one/agent-key", on: RealDisk()).publicKey
        func renew(_ more: String..., signer: String? = nil) throws -> String {
            let request = try JSONEncoder().encode([
                "request": Authority.request().pem, "signer": signer ?? hexadecimal(key),
            ])
            return try Program.run(
                try #require(Program.find("curl")),
                [
                    "-sS", "--cacert", authority, "-d",
                    String(decoding: request, as: UTF8.self), "\(collector.url)/v1/renew",
                ] + more
            ).output
        }
        let own = "\(access)/agent.pem"
        let renewed = try renew("--cert", own, "--key", own)
        #expect(try Authority.host(ofPEM: renewed) == "web-1", "\(renewed)")
        #expect(try renew().contains("expected the certificate of an agent"))
        let keyless = try renew("--cert", own, "--key", own, signer: "12")
        #expect(keyless.contains("expected an Ed25519 key"), "\(keyless)")
        // Without a certificate, and without TLS.
        let stranger = try agent("three", host: "web-3", follow: "govector:\(folder.path)/a.txt")
        try waitUntil("it is not believed") { stranger.text.contains("is not trusted") }
        let port = collector.url.split(separator: ":").last!
        let plain = try Program.lightcone("executions", "--source", "http://127.0.0.1:\(port)")
        #expect(plain.status == 3, "\(plain)")
    }

    @Test func readersSeeWhatTheirTokensAllow() throws {
        let token = try secret("token", "enroll-token", "--host", "web-1")
        try #require(try enrol(token, as: "one").status == 0)
        let running = try agent("one", host: "web-1", follow: "jsonl:\(folder.path)/a.jsonl")
        for execution in ["first", "second"] {
            try folder.append(
                "a.jsonl",
                #"{"process":"p","execution":"\#(execution)","name":"n","clock":{"p":1}}"# + "\n")
        }
        let all = try secret("all", "token", "create", "all", "--scope", "read")
        let one = try secret(
            "one-token", "token", "create", "one", "--scope", "read:execution=first")
        let admin = try secret("admin", "token", "create", "root", "--scope", "admin")
        try waitUntil("the events arrived") {
            try ask(all, "executions", "--json").objects.count == 2
        }
        #expect(try ask(nil, "executions").status == 3)
        #expect(
            try ask(one, "executions", "--json").objects.map { $0["name"] as? String } == ["first"])
        #expect(try ask(one, "timeline", "--execution", "first").status == 0)
        let hidden = try ask(one, "timeline", "--execution", "second")
        let missing = try ask(one, "timeline", "--execution", "third")
        #expect(hidden.status == 1 && missing.status == 1)
        #expect(hidden.errors.replacing("second", with: "third") == missing.errors)
        #expect(try ask(one, "status", "--execution", "first").status == 2)
        #expect(try ask(one, "timeline").status == 2)
        // However a path is spelt, it is for those who may come.
        let bearer = try String(contentsOfFile: one, encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        func status(_ path: String, _ more: String...) throws -> String {
            try Program.run(
                try #require(Program.find("curl")),
                [
                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is", "--cacert",
                    authority, collector.url + path,
                ] + more
            ).output
        }
        let segment = String(repeating: "0", count: 32)
        for path in [
            "/v1/executions", "//v1/executions", "/v1//executions", "/./v1/executions",
            "/page/../v1/executions", "/%76%31/executions", "/v1/tail?all=true", "/v1/executions/",
            "//v1/segments/\(segment)", "/v1/segments/\(segment)", "/V1/executions",
        ] {
            #expect(["401", "404"].contains(try status(path)), "\(path)")
        }
        let header = "Authorization: Bearer \(bearer)"
        for path in [
            "/v1/segments/\(segment)", "//v1/segments/\(segment)", "/v1//segments/\(segment)",
        ] {
            let found = try status(
                path, "-X", "PATCH", "-H", "Upload-Offset: 0", "-d", "x", "-H", header)
            #expect(["400", "403"].contains(found), "\(path): \(found)")
            let named = try status(
                path + "?execution=first", "-X", "PATCH", "-H", "Upload-Offset: 0", "-d", "x",
                "-H", header)
            #expect(named == "403", "\(path): \(named)")
        }
        #expect(try status("//v1/status?execution=first", "-H", header) == "400")
        // Whoever follows is told no more when his token is revoked.
        let follower = try RunningProgram(
            [
                "tail", "--all", "--source", collector.url, "--authority", authority,
                "--token-file", all, "--execution", "first",
            ], log: "\(folder.path)/follower.log")
        func drop(_ token: String) throws -> Int32 {
            try Program.lightcone(
                "drop", "second", "--collector", collector.url, "--authority", authority,
                "--token-file", token
            ).status
        }
        #expect(try drop(all) == 3)
        #expect(try drop(admin) == 0)
        let revoked = try Program.lightcone("token", "revoke", "all", "--data", collector.data)
        #expect(revoked.status == 0)
        // Another one of the same name, at once: the file looks as before, and lets other people in.
        let other = try secret("other", "token", "create", "all", "--scope", "read")
        #expect(try ask(other, "executions").status == 0)
        try waitUntil("it is revoked", seconds: 10) {
            try ask(all, "executions").errors.contains("was revoked")
        }
        try waitUntil("the follower is told") {
            !follower.isRunning && follower.text.contains("was revoked")
        }
        // A token that others could read is not used.
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: one)
        #expect(try ask(one, "executions").errors.contains("others can read it"))
        #expect(running.stop() == 0)
        // Nothing secret is told by logs.
        for name in ["collector.log", "one.log"] {
            let text = try String(contentsOfFile: "\(folder.path)/\(name)", encoding: .utf8)
            #expect(!text.contains("lcr_") && !text.contains("lce_") && !text.contains("PRIVATE"))
        }
    }

    /// Who listens to this machine alone is asked by it alone: not by a page of a stranger in its browser.
    @Test func pagesOfStrangersAreRefused() throws {
        let folder = try TemporaryFolder()
        let plain = try RunningCollector(folder)
        let port = try #require(plain.url.split(separator: ":").last.flatMap { Int($0) })
        func answer(_ headers: String, _ target: String = "/v1/executions") throws -> String {
            let connection = try RawConnection(port)
            connection.send("GET \(target) HTTP/1.1\r\nConnection: close\r\n\(headers)\r\n")
            return String(connection.answer().prefix(12))
        }
        let own = "Host: 127.0.0.1:\(port)\r\n"
        #expect(try answer(own) == "HTTP/1.1 200")
        #expect(try answer("Host: localhost:\(port)\r\n") == "HTTP/1.1 200")
        #expect(try answer(own + "Origin: http://127.0.0.1:\(port)\r\n") == "HTTP/1.1 200")
        #expect(try answer(own + "Origin: http://evil.example\r\n") == "HTTP/1.1 403")
        #expect(try answer(own + "Origin: null\r\n") == "HTTP/1.1 403")
        #expect(try answer(own + "Sec-Fetch-Site: cross-site\r\n") == "HTTP/1.1 403")
        #expect(try answer("Host: evil.example\r\n") == "HTTP/1.1 403")
        #expect(try answer("Host: evil.example\r\n", "/") == "HTTP/1.1 403")
    }
}
