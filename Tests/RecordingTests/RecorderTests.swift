import Causality
import Glibc
import Recording
import Segments
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
        _ process: String, execution: String = "main", chunkByteCount: Int = 64 << 10,
        chunksMax: Int = 1000
    ) -> Recorder {
        Recorder(
            process: process, host: "host", execution: execution, spool: folder,
            chunkByteCount: chunkByteCount, chunksMax: chunksMax)
    }

    /// Everything that is in the journals now, by process, and what could not be read.
    func read() throws -> (events: [ProcessID: [Event]], defects: [String]) {
        var events: [ProcessID: [Event]] = [:]
        var defects: [String] = []
        for journal in try JournalFolder.all(in: folder.journals) {
            var reader = JournalReader(journal)
            while try reader.read(
                bytesMax: 1 << 20,
                {
                    switch $0 {
                    case .event(let key, let event): events[key.process, default: []].append(event)
                    case .defect(let text): defects.append(text)
                    }
                })
            {}
        }
        return (events, defects)
    }

    func events(of process: String, _ incarnation: UInt32 = 1) throws -> [Event] {
        let (events, defects) = try read()
        #expect(defects == [])
        return events[ProcessID(name: process, incarnation: incarnation)] ?? []
    }
}

@Suite struct RecorderTests {
    @Test func eventsComeBackAsTheyWereRecorded() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("web-1/api")
        let first = recorder.record("started")
        recorder.record(
            "order placed", "4711 for Ünïcode 🚀", level: .warning,
            attributes: [
                "total": 12.5, "user": "x", "retry": true, "count": 3, "list": .json("[1]"),
            ])
        #expect("\(try #require(first))" == "web-1/api:1")
        let events = try spool.events(of: "web-1/api")
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
        #expect("\(first.event)" == "a:2")
        b.receive(try Token(first.text), "asked")
        let second = b.send("ask", "c")
        c.receive(try Token(second.text), "asked")
        let event = try spool.events(of: "c")[0]
        #expect(event.kind == .receive)
        #expect(event.cause == second.event)
        #expect(
            event.clock
                == VectorClock([
                    ProcessID(name: "a"): 2, ProcessID(name: "b"): 2, ProcessID(name: "c"): 1,
                ]))
        #expect(event.stamp == .complete)
    }
}
