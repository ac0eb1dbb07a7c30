import Foundation
import Testing

/// A collector among clients that take more than their share. What others wait for here is generous: on a collector that does not
/// share they wait for minutes.
@Suite(.serialized) struct FairServiceTests {
    /// A pattern that is allowed, and takes some 20 ms for each of the texts below; no plain text in it that could be looked for.
    private static let slow = "text =~ '[a-m].{200}[z]'"
    private static let slowQuery = "where=text%20%3D~%20%27[a-m].%7B200%7D[z]%27"
    private static let eventCount = 5_000

    /// Many long events: questions about their texts take minutes, and exports some 20 MB.
    private static let log = {
        var random: UInt64 = 1
        return (1...eventCount).map { number in
            let letters = (0..<4_000).map { _ in
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(ascii: "a") + UInt8((random >> 33) % 25)
            }
            return "a {\"a\":\(number)}\nINFO \(String(decoding: letters, as: UTF8.self))\n"
        }.joined()
    }()

    private func busyCollector(_ folder: TemporaryFolder) throws -> RunningCollector {
        let collector = try RunningCollector(folder)
        collector.kill()
        let log = try folder.write("a.log", Self.log)
        _ = try Program.lightcone("import", "--into", collector.data, "--format", "govector", log)
        try collector.start()
        #expect(try collector.eventCount() == Self.eventCount)
        return collector
    }

    private func expectAnOrder(_ collector: RunningCollector) throws {
        let began = Date()
        let order = try Program.lightcone("order", "--source", collector.url, "a:1", "a:2")
        #expect(order.output.hasPrefix("before"), "\(order.errors)")
        #expect(Date().timeIntervalSince(began) < 10)
    }

    /// Processor seconds that a program has used.
    private func processorSeconds(_ program: RunningProgram) throws -> Double {
        let status = try String(
            contentsOfFile: "/proc/\(program.identifier)/stat", encoding: .utf8)
        let fields = status.split(separator: ")").last!.split(separator: " ")
        return (Double(fields[11])! + Double(fields[12])!) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    @Test func slowPatternsStopNobodyAndEndWithTheirAskers() throws {
        let folder = try TemporaryFolder()
        let collector = try busyCollector(folder)
        var askers: [RawConnection] = []
        for verb in ["timeline", "past", "timeline", "future", "export", "concurrent"] {
            let event =
                switch verb {
                case "timeline": ""
                case "export": "&format=json"
                default: "&count=true&event=a:\(verb == "past" ? Self.eventCount : 1)"
                }
            let asker = try RawConnection(collector.port)
            asker.get("/v1/\(verb)?\(Self.slowQuery)\(event)")
            askers.append(asker)
        }
        for _ in 0..<3 { try expectAnOrder(collector) }
        let before = try processorSeconds(collector.program)
        try waitUntil("the questions take the machine", seconds: 20) {
            try processorSeconds(collector.program) > before + 1
        }
        askers = []
        try waitUntil("nobody works for those who left", seconds: 20) {
            let before = try processorSeconds(collector.program)
            RunLoop.current.run(until: Date().addingTimeInterval(1))
            return try processorSeconds(collector.program) < before + 0.3
        }
        #expect(collector.program.isRunning)
    }

    @Test func patternsThatWouldTakeMinutesAreRefused() throws {
        let folder = try TemporaryFolder()
        let collector = try busyCollector(folder)
        let evil = "{ text =~ '(.?){500}(.?){500}(.?){500}z' || text =~ '((.{0,30}){0,30})y' }"
        let began = Date()
        for source in [collector.url, collector.data] {
            let result = try Program.lightcone("timeline", "--source", source, evil)
            #expect(result.status == 2 && result.errors.contains("instructions"))
        }
        #expect(Date().timeIntervalSince(began) < 10)
    }

    @Test func aDeadlineIsTold() throws {
        let folder = try TemporaryFolder()
        let collector = try busyCollector(folder)
        for source in [collector.url, collector.data] {
            func ask(_ arguments: String...) throws -> Program.Result {
                try Program.lightcone(arguments + ["--source", source, "--timeout", "2s"])
            }
            let listing = try ask("timeline", "--json", "{ seq < 5 || \(Self.slow) }")
            #expect(listing.status == 3)
            #expect(listing.objects.count == 5, "\(listing.output)")
            let last = try #require(listing.objects.last)
            #expect(last["limit"] as? String == "deadline" && last["events"] as? Int == 4)
            #expect(last["last"] as? String == "a:4")
            let text = try ask("timeline", Self.slow)
            #expect(text.status == 3)
            #expect(
                text.output.hasPrefix("stopped: the question has taken its 2 s, after 0 events"))
            let count = try ask("future", "a:1", Self.slow, "--count")
            #expect(count.status == 3 && count.output.isEmpty)
            #expect(
                count.errors.contains("of \(Self.eventCount - 1) events had been looked at"),
                "\(count.errors)")
            let file = folder.path + "/out.dot"
            let export = try ask("export", "--format", "dot", "-o", file, "seq < 5 || \(Self.slow)")
            #expect(export.status == 3, "\(export.errors)")
            #expect(export.errors.contains("2 s") || export.errors.contains("--timeout"))
            #expect(!FileManager.default.fileExists(atPath: file))
        }
        let wrong = try Program.lightcone("timeline", "--timeout", "soon")
        #expect(wrong.status == 2 && wrong.errors.contains("--timeout"))
        let over = RawConnection.get(collector.port, "/v1/timeline?timeout=2h")
        #expect(over.contains(" 400 "))
    }

    @Test func aCollectorStopsInTheMiddleOfSlowQuestions() throws {
        let folder = try TemporaryFolder()
        let collector = try busyCollector(folder)
        let counting = try RawConnection(collector.port)
        counting.get("/v1/future?event=a:1&count=true&\(Self.slowQuery)")
        let listing = try RawConnection(collector.port)
        listing.get("/v1/timeline?\(Self.slowQuery)")
        let stalled = try RawConnection(collector.port, receiveBuffer: 4096)
        stalled.get("/v1/export?format=json")
        RunLoop.current.run(until: Date().addingTimeInterval(1))
        let began = Date()
        #expect(collector.program.stop() == 0, "\(collector.program.text)")
        #expect(Date().timeIntervalSince(began) < 20)
        #expect(counting.answer().contains(" 503 "))
        #expect(listing.read(seconds: 5).text.contains("\"limit\":\"shutdown\""))
    }

    @Test func readersThatTakeNothingOccupyNobody() throws {
        let folder = try TemporaryFolder()
        let collector = try busyCollector(folder)
        // One after the other: of one address only so many questions may begin at the same time.
        var heads: [String] = []
        let readers = try (0..<24).map { _ in
            let reader = try RawConnection(collector.port, receiveBuffer: 4096)
            reader.get("/v1/export?format=json")
            heads.append(reader.read(seconds: 30) { !$0.isEmpty }.text)
            return reader
        }
        #expect(heads.allSatisfy { $0.hasPrefix("HTTP/1.1 200 ") })
        RunLoop.current.run(until: Date().addingTimeInterval(2))
        for _ in 0..<3 { try expectAnOrder(collector) }
        // What such a reader gets in the end is whole.
        let whole = try Program.lightcone(
            "export", "--source", collector.data, "--format", "json"
        ).output
        let rest = readers[0].read(seconds: 60) { $0.hasSuffix("\r\n0\r\n\r\n") }
        let text = heads[0] + rest.text
        #expect(text.utf8.count > whole.utf8.count)
        #expect(text.contains(String(whole.suffix(40).prefix(30))))
    }

    @Test func slowUploadsAreCutAndLeaveRoomForOthers() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let id = String(repeating: "1", count: 32)
        let head =
            "PATCH /v1/segments/\(id) HTTP/1.1\r\nHost: localhost\r\nUpload-Offset: 0\r\nContent-Length: "
        let slow = try (0..<40).map { _ in
            let upload = try RawConnection(collector.port)
            upload.send(head + "1000000\r\n\r\nx")
            return upload
        }
        let heads = try (0..<20).map { _ in
            let head = try RawConnection(collector.port, from: "127.0.0.3")
            head.send("GET /healthz HTTP/1.1\r\nX: ")
            return head
        }
        // Another's upload is looked at, though it is nothing that could be stored.
        let other = try RawConnection(collector.port, from: "127.0.0.2")
        other.send(head + "5\r\n\r\nhello")
        #expect(other.answer().contains(" 422 "))
        #expect(slow[39].answer().contains(" 429 "), "beyond the share of its address")
        try waitUntil("the slow ones are cut", seconds: 40) {
            for upload in slow { upload.send("x") }
            for head in heads { head.send("x") }
            return slow[..<8].allSatisfy { $0.read(seconds: 1).isClosed }
        }
        try waitUntil("so are those that never end a header", seconds: 40) {
            for head in heads { head.send("x") }
            return heads.allSatisfy { $0.read(seconds: 1).isClosed }
        }
    }

    /// Opens connections and says so, waits until all of them are closed, and says that. A program of its own: Foundation's
    /// `Process` crashes in one that has more than 1,024 open files.
    private static let idlers = """
        import resource, socket, sys
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        idle = []
        for _ in range(int(sys.argv[2])):
            idle.append(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30))
        print("open", flush=True)
        for connection in idle:
            connection.settimeout(60)
            try:
                while connection.recv(4096): pass
            except ConnectionError: pass
        print("closed", flush=True)
        """

    @Test(.enabled(if: Program.find("python3") != nil, "there is no python3"))
    func idleConnectionsShutNobodyOut() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let said = try folder.write("said", "")
        let idlers = Process()
        idlers.executableURL = URL(fileURLWithPath: try #require(Program.find("python3")))
        idlers.arguments = ["-c", Self.idlers, String(collector.port), "1400"]
        let output: FileHandle = try #require(FileHandle(forWritingAtPath: said))
        idlers.standardOutput = output
        try idlers.run()
        defer {
            idlers.terminate()
            idlers.waitUntilExit()
        }
        func hasSaid(_ word: String) throws -> Bool {
            try String(contentsOfFile: said, encoding: .utf8).contains(word)
        }
        try waitUntil("they are open") { try hasSaid("open") }
        for path in ["/healthz", "/readyz", "/v1/executions"] {
            let answer = RawConnection.get(collector.port, path, from: "127.0.0.2")
            #expect(answer.contains(" 200 "), "\(path): \(answer)")
        }
        // Of their own address, too, whoever asks gets to know how the collector is; and nothing else.
        try waitUntil("there is room in the reserve", seconds: 10) {
            RawConnection.get(collector.port, "/healthz").contains(" 200 ")
        }
        #expect(RawConnection.get(collector.port, "/v1/executions").contains(" 429 "))
        try waitUntil("they are closed", seconds: 90) { try hasSaid("closed") }
        #expect(try Program.lightcone("executions", "--source", collector.url).status == 1)
    }

    @Test func plusIsASpace() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        collector.kill()
        let log = try folder.write("a.log", "a {\"a\":1}\nINFO a b\na {\"a\":2}\nINFO a+b\n")
        _ = try Program.lightcone("import", "--into", collector.data, "--format", "govector", log)
        try collector.start()
        func ask(_ query: String) -> String {
            RawConnection.get(collector.port, "/v1/timeline?where=\(query)")
        }
        #expect(ask("text+%3D+%22a+b%22").contains("\"id\":\"a:1\""))
        let plus = ask("text+%3D+%22a%2Bb%22")
        #expect(plus.contains("\"id\":\"a:2\"") && !plus.contains("\"id\":\"a:1\""))
        for text in ["a b", "a+b"] {
            let remote = try Program.lightcone(
                "timeline", "--source", collector.url, "text = '\(text)'")
            #expect(remote.output.hasSuffix("\(text)\n") && remote.status == 0)
        }
    }
}

extension RawConnection {
    /// What a request gets; nothing where the connection is closed, or nobody answers.
    static func get(_ port: Int, _ path: String, from address: String = "127.0.0.1") -> String {
        guard let connection = try? RawConnection(port, from: address) else { return "" }
        connection.get(path)
        return connection.answer()
    }
}
