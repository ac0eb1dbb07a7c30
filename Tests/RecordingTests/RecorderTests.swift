import Causality
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
            while try reader.read(
                bytesMax: 1 << 20,
                {
                    switch $0 {
                    case .event(let key, let event):
                        events[key.process, default: []].append(event)
                        keys[key.process] = key
                    case .defect(let text): defects.append(text)
                    }
                })
            {}
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
        #expect(events.allSatisfy { $0.kind == .local && $0.stamp == .complete && $0.cause == nil })
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
        #expect(event.cause == EventReference(b.reference, 2, name: b.process))
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
