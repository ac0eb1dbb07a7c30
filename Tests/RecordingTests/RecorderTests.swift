import Causality
import Disks
import Glibc
import Journals
import Recording
import Testing

/// A spool that goes when the test does.
final class TemporarySpool {
    let folder: SpoolFolder

    init() throws {
        var template = Array("/tmp/lightcone-spool-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = SpoolFolder(
            String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    deinit {
        var pid = pid_t()
        let words: [String] = ["rm", "-rf", folder.path]
        let arguments = words.map { strdup($0) }
        posix_spawnp(&pid, "rm", nil, nil, arguments + [nil], environ)
        waitpid(pid, nil, 0)
        for argument in arguments { free(argument) }
    }

    func recorder(
        _ process: String, host: String? = "host", execution: String = "main",
        chunkByteCount: Int = 64 << 10, chunksMax: Int = 1000
    ) -> Recorder {
        Recorder(
            process: process, host: host, execution: execution, spool: folder,
            chunkByteCount: chunkByteCount, chunksMax: chunksMax)
    }

    /// What the recorders of a spool are called, where nothing else is said.
    static func id(_ process: String, _ incarnation: UInt32 = 1) -> ProcessID {
        ProcessID(name: "host/\(process)", incarnation: incarnation)
    }

    /// Everything that is in the journals now, by process, and what could not be read.
    func read() throws -> (events: [ProcessID: [Event]], defects: [String]) {
        let (events, _, defects) = try readAll()
        return (events, defects)
    }

    /// As `read`, with what the processes are.
    func readAll() throws -> (
        events: [ProcessID: [Event]], keys: [ProcessID: ProcessKey], defects: [String]
    ) {
        var events: [ProcessID: [Event]] = [:]
        var keys: [ProcessID: ProcessKey] = [:]
        var defects: [String] = []
        for journal in try JournalFolder.all(in: folder.journals) {
            var reader = JournalReader(journal)
            for (key, event) in try reader.events({ defects.append($0) }) {
                events[key.process, default: []].append(event)
                keys[key.process] = key
            }
        }
        return (events, keys, defects)
    }

    func events(of process: String, _ incarnation: UInt32 = 1) throws -> [Event] {
        let (events, defects) = try read()
        #expect(defects == [])
        return events[Self.id(process, incarnation)] ?? []
    }

    /// What an incarnation that has recorded something goes on from.
    func origin(of process: String, _ incarnation: UInt32) throws -> Origin {
        try #require(try readAll().keys[Self.id(process, incarnation)]).origin
    }
}

extension Recorder {
    /// What clocks and causes call the process.
    var reference: ProcessReference { .run(RunKey(run)) }
}

@Suite struct RecorderTests {
    @Test func eventsComeBackAsTheyWereRecorded() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        let first = recorder.record("started")
        recorder.record(
            "order placed", "4711 for Ünïcode 🚀", level: .warning,
            attributes: [
                "total": 12.5, "user": "x", "retry": true, "count": 3, "list": .json("[1]"),
            ])
        #expect("\(try #require(first))" == "host/api:1")
        let events = try spool.events(of: "api")
        #expect(events.map(\.id.sequence) == [1, 2])
        #expect(events.map(\.name) == ["started", "order placed"])
        #expect(events[1].text == "4711 for Ünïcode 🚀")
        #expect(events[1].level == .warning)
        #expect(
            events[1].attributes == [
                Attribute("total", .json("12.5")), Attribute("user", .text("x")),
                Attribute("retry", .json("true")), Attribute("count", .json("3")),
                Attribute("list", .json("[1]")),
            ])
        #expect(events.allSatisfy { $0.kind == .local && $0.stamp == .complete && $0.causes == [] })
        #expect(events[0].time! <= events[1].time!)
    }

    @Test func messagesCarryWhatTheirSenderHadSeen() throws {
        let spool = try TemporarySpool()
        let (a, b, c) = (spool.recorder("a"), spool.recorder("b"), spool.recorder("c"))
        a.record("something")
        let first = a.send("ask", "b")
        #expect("\(first.event)" == "host/a:2")
        b.receive(try Token(first.text), "asked")
        let second = b.send("ask", "c")
        c.receive(try Token(second.text), "asked")
        let event = try spool.events(of: "c")[0]
        #expect(event.kind == .receive)
        #expect(event.causes == [Cause(EventReference(b.reference, 2, name: b.process), .token)])
        #expect(
            event.clock == VectorClock([a.reference: 2, b.reference: 2, c.reference: 1]))
        #expect(event.stamp == .complete)
    }

    @Test func replicasOfOneNameAreNotMixed() throws {
        let (spool, elsewhere) = (try TemporarySpool(), try TemporarySpool())
        let (first, second) = (spool.recorder("api"), elsewhere.recorder("api"))
        #expect(first.process == second.process && first.run != second.run)
        let receiver = spool.recorder("db")
        receiver.receive(second.send("ask"), "asked")
        let event = try spool.events(of: "db")[0]
        #expect(event.clock[second.reference] == 1)
        #expect(event.clock[first.reference] == 0)
    }

    @Test(arguments: [
        ("api", "web-1", "web-1/api"), ("web-1", "web-1", "web-1"), ("", "web-1", "web-1/?"),
        ("api", "", "?/api"), ("a/b:c#1", "h", "h/a/b:c#1"),
    ])
    func aProcessIsNamedAfterItsHost(process: String, host: String, name: String) throws {
        let spool = try TemporarySpool()
        #expect(spool.recorder(process, host: host).process.name == name)
    }

    @Test func namesThatAreTooLongOrNoNamesAreCutAndStayDifferent() throws {
        let spool = try TemporarySpool()
        let long = String(repeating: "é", count: 200)
        var names: Set<String> = []
        for process in [long + "1", long + "2", "a\0b", "a\u{fffd}b"] {
            for host in [long + "1", long + "2", "web\0", "web"] {
                let recorder = spool.recorder(process, host: host, execution: long)
                recorder.record("here")
                names.insert(recorder.process.name)
                #expect(recorder.process.name.utf8.count <= 64 + 1 + 190)
                #expect(!recorder.process.name.utf8.contains(0))
            }
        }
        #expect(names.count == 16)
        let (events, keys, defects) = try spool.readAll()
        #expect(defects == [])
        #expect(Set(events.keys.map(\.name)) == names)
        #expect(keys.values.allSatisfy { $0.execution.utf8.count <= 256 })
    }

    /// What a batch consumer, a join and a barrier do.
    @Test func severalMessagesAreReceivedAtOnce() throws {
        let spool = try TemporarySpool()
        let (api, a, b) = (spool.recorder("api"), spool.recorder("a"), spool.recorder("b"))
        let first = a.send("one")
        let tokens = [first, b.send("two"), a.send("three"), first]
        #expect(api.receive(tokens, "joined").sequence == 1)
        api.record("after")
        let (events, keys, defects) = try spool.readAll()
        #expect(defects == [])
        let own = try #require(events[TemporarySpool.id("api")])
        #expect(
            own.map(\.kind) == [.receive, .local] && own.map(\.stamp) == [.complete, .complete])
        for (name, sequence) in [("a", 2), ("b", 1)] {
            let run = try #require(keys[TemporarySpool.id(name)]?.run)
            #expect(own.allSatisfy { $0.clock[.run(RunKey(run))] == sequence })
        }
        // Each sender is named once, and each of its events is a cause: index, number, name, incarnation.
        let run = try #require(keys[TemporarySpool.id("api")]?.run)
        let journal = JournalFolder(in: spool.folder.journals, run: run)
        let bytes = try RealDisk().open(journal.path + "/1.chunk", .read).read(at: 0, count: 4096)
        func cause(_ index: UInt8, _ sequence: UInt8, _ name: String) -> [UInt8] {
            [index, 0, 0, 0, sequence, 0, 0, 0, 0, 0, 0, 0, UInt8(name.utf8.count), 0] + name.utf8
                + [name.isEmpty ? 0 : 1, 0, 0, 0]
        }
        let expected =
            [3, 0, 0, 0] + cause(0, 1, "host/a") + cause(1, 1, "host/b") + cause(0, 2, "")
        #expect(bytes.indices.contains { bytes[$0...].starts(with: expected) })
    }

    @Test func severalMessagesAcrossChunks() throws {
        let spool = try TemporarySpool()
        let api = spool.recorder("api", chunkByteCount: 4096)
        let others = (0..<40).map { spool.recorder("other \($0)", chunkByteCount: 4096) }
        for _ in 0..<20 { api.receive(others.map { $0.send("to") }, "from") }
        let (events, defects) = try spool.read()
        #expect(defects == [])
        let own = try #require(events[TemporarySpool.id("api")])
        #expect(own.map(\.id.sequence) == Array(1...20))
        for (number, event) in own.enumerated() {
            #expect(event.clock.entries.count == 41)
            #expect(event.clock.entries.values.allSatisfy { $0 == UInt64(number + 1) })
            #expect(event.causes.first?.event.name == TemporarySpool.id("other 0"))
        }
    }

    @Test func ofTooManyMessagesTheRestIsUnknown() throws {
        let spool = try TemporarySpool()
        let (api, other) = (spool.recorder("api"), spool.recorder("other"))
        let tokens = (0..<1025).map { _ in other.send("to") }
        api.receive(tokens.dropLast(), "all")
        api.receive(tokens, "too many")
        #expect(api.receive([], "none").sequence == 3)
        let (events, defects) = try spool.read()
        #expect(defects == [])
        let own = try #require(events[TemporarySpool.id("api")])
        #expect(own.map(\.kind) == [.receive, .receive, .local])
        #expect(own[0].stamp == .complete)
        #expect(own[1].stamp == .lossy(Loss(since: 2, .unreadableToken)))
        #expect(own[1].clock.entries.values.contains(1024))
    }

    @Test func foreignMessagesAmongOthersAreNamed() throws {
        let spool = try TemporarySpool()
        let (api, other) = (spool.recorder("api"), spool.recorder("other"))
        let far = spool.recorder("far", execution: "elsewhere")
        let tokens = [far.send("to"), other.send("to"), far.send("to")]
        api.receive(tokens, "mixed")
        let event = try #require(try spool.events(of: "api").first)
        #expect(event.kind == .receive && event.clock.entries.count == 2)
        #expect(
            event.attributes == [Attribute("lightcone.foreign", .text("host/far:1, host/far:2"))])
    }

    /// Whatever the environment and the spool hold, the program goes on.
    @Test(arguments: [
        String(repeating: "h", count: 257), String(repeating: "é", count: 60_000), "/", "#:%",
        "\u{1b}\u{202e}", " ",
    ])
    func noEnvironmentEndsAProgram(text: String) throws {
        let spool = try TemporarySpool()
        let result = try Probe.run(
            environment: ["LIGHTCONE_HOST": text], "hold", "api", spool.folder.path)
        #expect(result.status == 0 && !result.output.isEmpty)
        let (events, defects) = try spool.read()
        #expect(defects == [] && events.values.map(\.count) == [1])
        let elsewhere = try Probe.run(
            environment: ["LIGHTCONE_SPOOL": spool.folder.path + "/" + text], "hold", text,
            "/dev/null/" + text)
        #expect(elsewhere.status == 0 && !elsewhere.output.isEmpty)
    }

    /// A frame that had them could not be read: an agent would ship nothing any more.
    @Test func whatNoNameMayHaveIsReplaced() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        recorder.record(EventName("a\0b"), attributes: ["": 1, "k\0": "v"])
        recorder.record("after")
        let (events, defects) = try spool.read()
        let mine = try #require(events[TemporarySpool.id("api")])
        #expect(defects == [])
        #expect(mine.map(\.name) == ["a\u{fffd}b", "after"])
        #expect(mine[0].attributes.map(\.key) == ["?", "k\u{fffd}"])
    }

    /// What an attribute says of the others that were cut is never more than a reader takes.
    @Test func whatWasCutIsToldInFewBytes() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4 << 20)
        var attributes = Attributes()
        attributes.add("large", .text(String(repeating: "x", count: 1 << 20)))
        for number in 0..<100 {
            // One character of many bytes.
            let key = "k" + String(repeating: "\u{301}", count: 120)
            attributes.add("\(number)" + key, .text("cut"))
        }
        recorder.record("much", attributes: attributes)
        let (events, defects) = try spool.read()
        #expect(defects == [])
        let event = try #require(events[TemporarySpool.id("api")]?.first)
        #expect(event.attributes.last?.key == "lightcone.truncated")
    }

    /// The same to an eye, and other bytes: another host.
    @Test func aHostNameThatOnlyLooksAlikeIsLeftAnew() throws {
        let spool = try TemporarySpool()
        for name in ["caf\u{e9}", "cafe\u{301}"] {
            try spool.folder.leave(hostName: name)
            #expect(spool.folder.hostName.map { Array($0.utf8) } == Array(name.utf8))
        }
    }

    @Test func theHostIsWhatTheAgentLeftElseTheEnvironmentElseTheSystem() throws {
        let spool = try TemporarySpool()
        func name(_ environment: [String: String]) throws -> String {
            try Probe.run(environment: environment, "hold", "api", spool.folder.path).output
                .split(separator: "\n")[0].split(separator: "#").first.map(String.init) ?? ""
        }
        #expect(
            try name([:])
                == ProcessID(
                    name: Name.recorded("api", on: SpoolFolder.systemHostName)
                ).description)
        #expect(try name(["LIGHTCONE_HOST": "from-the-environment"]) == "from-the-environment/api")
        try spool.folder.leave(hostName: "from-the-agent")
        #expect(try name(["LIGHTCONE_HOST": "from-the-environment"]) == "from-the-agent/api")
        #expect(try name([:]) == "from-the-agent/api")
    }
}

extension JournalReader {
    /// All that is there and was not read yet, each process's first event with its whole clock.
    mutating func events(
        bytesMax: Int = 1 << 20, _ defect: (String) -> Void
    ) throws -> [(key: ProcessKey, event: Event)] {
        var batch = EventBatch()
        while try read(bytesMax: bytesMax, into: &batch, defect) {}
        return batch.events()
    }
}

extension Event {
    /// The send that a receive of one message got it from.
    var cause: EventReference? { causes.count == 1 ? causes[0].event : nil }
}
