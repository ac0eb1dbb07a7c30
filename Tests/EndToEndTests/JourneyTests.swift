import AsyncHTTPClient
import Causality
import Foundation
import LogFormats
import NIOCore
import NIOHTTP1
import Segments
import Testing

/// Agents, a collector, and what happens to them: every program here is the real one.
@Suite(.serialized) struct JourneyTests {
    /// GoVector lines of a process: event n says `text n`.
    static func lines(_ process: String, _ range: ClosedRange<Int>) -> String {
        range.map { "\(process) {\"\(process)\":\($0)}\nINFO event \($0) of \(process)\n" }.joined()
    }

    static func agent(
        _ folder: TemporaryFolder, _ url: String, host: String = "h", follow: String,
        more: [String] = []
    ) throws -> RunningProgram {
        try RunningProgram(
            [
                "agent", "--collector", url, "--host", host, "--spool",
                "\(folder.path)/spool-\(host)", "--follow", follow,
            ] + more, log: "\(folder.path)/agent-\(host).log")
    }

    /// Fails unless a collector's folder has exactly events 1 to `count` of `process`, each once and unchanged.
    static func expectExactly(_ count: Int, of process: String, in source: String) throws {
        let events = try Program.lightcone(
            "timeline", "--source", source, "--process", process, "--json"
        ).objects
        #expect(
            events.map { $0["seq"] as? Int } == Array(1...count),
            "\(process): \(events.count) events")
        #expect(
            events.allSatisfy {
                $0["text"] as? String == "event \($0["seq"] as? Int ?? 0) of \(process)"
            })
        let processes = try Program.lightcone("processes", "--source", source, "--json").objects
        let mine = processes.first { $0["process"] as? String == process }
        #expect(mine?["gaps"] as? Int == 0)
        // Twice would be an overlap: all that was ever taken is no more than there are events.
        #expect(try taken(of: process, in: source) == count)
    }

    /// How many events of a process were ever taken, those that came twice too: by parts, whose inputs may still lie beside them, and
    /// by segments that are in none.
    private static func taken(of process: String, in source: String) throws -> Int {
        let parts = try files(".lcpart", in: source + "/parts")
            .map { try Program.lightcone("part", "inspect", $0, "--json").objects }
            .map { part in (part, Set(part.compactMap { $0["segment"] as? String })) }
            .sorted { $0.1.count > $1.1.count }
        var (rows, merged): (Int, Set<String>) = (0, [])
        func add(_ objects: [[String: Any]]) {
            for line in objects where line["process"] as? String == process {
                rows += line["events"] as? Int ?? 0
            }
        }
        for (part, segments) in parts where merged.isDisjoint(with: segments) {
            merged.formUnion(segments)
            add(part)
        }
        for path in try segments(source + "/segments") {
            let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            if merged.contains(name) { continue }
            add(try Program.lightcone("segment", "inspect", path, "--json").objects)
        }
        return rows
    }

    static func segments(_ folder: String) throws -> [String] { try files(".lcseg", in: folder) }

    private static func files(_ suffix: String, in folder: String) throws -> [String] {
        (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String] ?? [])
            .filter { $0.hasSuffix(suffix) }.map { "\(folder)/\($0)" }.sorted()
    }

    @Test(.enabled(if: Program.data != nil)) func threeMachinesGiveTheMergedGraph() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let data = try #require(Program.data)
        var agents: [RunningProgram] = []
        for miner in ["Miner1", "Miner2", "Miner3"] {
            let log = data.appendingPathComponent("rfs/\(miner)-Log.txt").path
            agents.append(
                try Self.agent(folder, collector.url, host: miner, follow: "govector:\(log)"))
        }
        try waitUntil("all events arrived") { try collector.eventCount() == 8213 }
        let rows = try String(
            contentsOf: data.appendingPathComponent("edges/rfs-merged.log.tsv"), encoding: .utf8
        )
        .split(separator: "\n").map { $0.split(separator: "\t") }
        #expect(
            try edges(collector.url, "main")
                == Set(rows.map { "\($0[0]):\($0[1]) → \($0[2]):\($0[3])" }))
        #expect(try Program.lightcone("defects", "--source", collector.url).output == "")
        try compareAnswers(collector)
        for agent in agents { #expect(agent.stop() == 0, "\(agent.text)") }
    }

    /// A collector and its folder give the same bytes to the same questions.
    private func compareAnswers(_ collector: RunningCollector) throws {
        for question in [
            ["executions"], ["processes"], ["gaps"], ["defects"],
            ["timeline", "{ text =~ \"block\" && seq < 40 }"],
            ["timeline", "--process", "Miner2", "--limit", "7"], ["show", "Miner2:7"],
            ["order", "Miner1:33", "Miner2:7"],
            ["past", "Miner2:7"], ["future", "Miner1:3600"], ["concurrent", "Miner1:51"],
            ["past", "Miner2:7", "--count"],
            ["path", "Miner1:51", "Miner3:300"], ["cut", "Miner2:7"],
            ["view", "Miner2", "--at", "Miner2:20"],
            ["export", "--format", "dot", "--past-of", "Miner2:7"],
            ["order", "nobody:1", "Miner2:7"],
        ] {
            for json in [[], ["--json"]] {
                let local = try Program.lightcone(question + json + ["--source", collector.data])
                let remote = try Program.lightcone(question + json + ["--source", collector.url])
                #expect(local.output == remote.output, "\(question)")
                #expect(local.errors == remote.errors, "\(question)")
                #expect(local.status == remote.status, "\(question)")
            }
        }
    }

    @Test func whatTheAgentSealedIsWhatTheCollectorStores() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write("a.log", Self.lines("a", 1...500))
        // Nobody listens: everything stays in the spool.
        let offline = try Self.agent(folder, "http://127.0.0.1:1", follow: "govector:\(log)")
        try waitUntil("the events are in the spool") {
            try Self.segments(folder.path + "/spool-h").contains { path in
                try Program.lightcone("segment", "inspect", path, "--json").objects.first?["events"]
                    as? Int == 500
            }
        }
        #expect(offline.stop() == 0, "\(offline.text)")
        let sealed = try Self.segments(folder.path + "/spool-h").map {
            try Data(contentsOf: URL(fileURLWithPath: $0))
        }
        #expect(sealed.count == 1)
        let collector = try RunningCollector(folder)
        let online = try Self.agent(folder, collector.url, follow: "govector:\(log)")
        try waitUntil("all events arrived") { try collector.eventCount() == 500 }
        #expect(online.stop() == 0)
        let stored = try Self.segments(collector.data + "/segments").map {
            try Data(contentsOf: URL(fileURLWithPath: $0))
        }
        #expect(stored.contains(sealed[0]))
        try Self.expectExactly(500, of: "a", in: collector.data)
        #expect(
            try Program.lightcone(
                ["segment", "verify"] + Self.segments(collector.data + "/segments")
            ).status == 0)
    }

    @Test func anAgentThatIsKilledLosesNothingAndRepeatsNothing() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let log = folder.path + "/a.log"
        var written = 0
        for round in 0..<12 {
            let agent = try Self.agent(folder, collector.url, follow: "govector:\(log)")
            for _ in 0..<10 {
                let next = written + 1 + (round * 7) % 23
                try folder.append("a.log", Self.lines("a", (written + 1)...next))
                written = next
                // Half a record at the end, finished in the next round.
                RunLoop.current.run(until: Date().addingTimeInterval(0.01 + 0.003 * Double(round)))
            }
            agent.kill()
            #expect(!agent.isRunning)
        }
        let last = try Self.agent(folder, collector.url, follow: "govector:\(log)")
        try waitUntil("all events arrived") { try collector.eventCount() == written }
        #expect(last.stop() == 0, "\(last.text)")
        try Self.expectExactly(written, of: "a", in: collector.data)
    }

    @Test(arguments: ["rename", "copy and cut"]) func rotation(how: String) throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let log = folder.path + "/a.log"
        // The pattern also matches what rotation leaves behind.
        var agent = try Self.agent(folder, collector.url, follow: "govector:\(folder.path)/a.log*")
        var written = 0
        for round in 1...4 {
            for _ in 0..<5 {
                try folder.append("a.log", Self.lines("a", (written + 1)...(written + 30)))
                written += 30
                RunLoop.current.run(until: Date().addingTimeInterval(0.05))
            }
            if round == 3 {
                // The machine is down while the log is rotated.
                agent.kill()
                try folder.append("a.log", Self.lines("a", (written + 1)...(written + 30)))
                written += 30
            }
            if how == "rename" {
                try FileManager.default.moveItem(atPath: log, toPath: "\(log).\(round)")
            } else {
                try FileManager.default.copyItem(atPath: log, toPath: "\(log).\(round)")
                truncate(log, 0)
            }
            if round == 3 {
                agent = try Self.agent(
                    folder, collector.url, follow: "govector:\(folder.path)/a.log*")
            }
        }
        try folder.append("a.log", Self.lines("a", (written + 1)...(written + 10)))
        written += 10
        try waitUntil("all events arrived") { try collector.eventCount() >= written }
        #expect(agent.stop() == 0, "\(agent.text)")
        try Self.expectExactly(written, of: "a", in: collector.data)
    }

    /// Ten files a second come and go, each renamed along a numbered row before the agent has looked twice: one name after the
    /// other, so that it looks between two of them, too, and when there is no file of the name.
    @Test func rotationFasterThanTheAgentLooksLosesNothing() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let log = folder.path + "/a.log"
        let agent = try Self.agent(folder, collector.url, follow: "text:\(log)")
        var written = 0
        for round in 0..<30 {
            for number in stride(from: round - 1, through: 1, by: -1) {
                try FileManager.default.moveItem(
                    atPath: "\(log).\(number)", toPath: "\(log).\(number + 1)")
                RunLoop.current.run(until: Date().addingTimeInterval(0.002))
            }
            if round > 0 { try FileManager.default.moveItem(atPath: log, toPath: "\(log).1") }
            RunLoop.current.run(until: Date().addingTimeInterval(0.004))
            var text = ""
            for _ in 0..<7 {
                written += 1
                text += "line \(written) of a busy log\n"
            }
            try folder.append("a.log", text)
            // Of what was rotated away before it began an agent knows nothing.
            if round == 0 {
                try waitUntil("the first lines arrived") { try collector.eventCount() == written }
            }
            RunLoop.current.run(until: Date().addingTimeInterval(0.1))
        }
        try waitUntil("all events arrived") { try collector.eventCount() >= written }
        #expect(agent.stop() == 0, "\(agent.text)")
        let events = try Program.lightcone("timeline", "--source", collector.data, "--json").objects
        #expect(
            events.map { $0["text"] as? String }
                == (1...written).map { "line \($0) of a busy log" })
    }

    @Test func partialLinesAndRecordsWait() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        // The file appears later.
        let agent = try Self.agent(folder, collector.url, follow: "govector:\(folder.path)/a.log")
        try waitUntil("the agent runs") { agent.text.contains("recording") }
        try folder.append("a.log", "a {\"a\":1}\nINFO event 1 of a\na {\"a\":2")
        try waitUntil("the first event arrived") { try collector.eventCount() == 1 }
        try folder.append("a.log", "}\nINFO event 2")
        RunLoop.current.run(until: Date().addingTimeInterval(1.5))
        #expect(try collector.eventCount() == 1)
        try folder.append("a.log", " of a\n")
        try waitUntil("the second event arrived") { try collector.eventCount() == 2 }
        #expect(agent.stop() == 0)
        try Self.expectExactly(2, of: "a", in: collector.data)
    }

    @Test func withoutACollectorTheSpoolFillsAndNothingIsLost() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        collector.kill()
        let config = try folder.write(
            "agent.yaml",
            """
            collector: \(collector.url)
            host: h
            spool: \(folder.path)/spool-h
            follow: [noise:\(folder.path)/a.log]
            formats:
              noise: {format: regex, pattern: '(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)'}
            segmentBytesMax: 200000
            dataBytesMax: 1048576
            """)
        #expect(try Program.lightcone("agent", "--config", config, "--check").status == 0)
        // A variable that is empty is not set.
        let unset = try Program.run(
            Program.path, ["agent", "--config", config, "--check"],
            environment: ["LIGHTCONE_SPOOL": "", "LIGHTCONE_HOST": ""])
        #expect(unset.status == 0, "\(unset.errors)")
        // Text that cannot be packed, so that the quota is reached.
        var random = SystemRandomNumberGenerator()
        let count = 2000
        let noise = (1...count).map { sequence in
            let text = (0..<60).map { _ in
                String(UInt64.random(in: 0...UInt64.max, using: &random), radix: 36)
            }.joined()
            return "a {\"a\":\(sequence)}\n\(text)\n"
        }
        _ = try folder.write("a.log", noise.joined())
        let agent = try RunningProgram(
            ["agent", "--config", config], log: folder.path + "/agent.log")
        try waitUntil("its share is used up") {
            agent.text.contains("share of the disk is used up")
        }
        let size = try Self.segments(folder.path + "/spool-h").reduce(0) {
            $0 + (try FileManager.default.attributesOfItem(atPath: $1)[.size] as? Int ?? 0)
        }
        #expect(size < 8 << 20, "the quota and one batch at most")
        try collector.start()
        try waitUntil("all events arrived") { try collector.eventCount() == count }
        try waitUntil("what was shipped is deleted") {
            try Self.segments(folder.path + "/spool-h").count <= 1
        }
        #expect(agent.stop() == 0, "\(agent.text)")
        let events = try Program.lightcone("timeline", "--source", collector.data, "--json").objects
        #expect(
            events.map { $0["text"] as? String }
                == noise.map { String($0.split(separator: "\n")[1]) })
    }

    @Test func aStackTraceThatIsFollowedIsOneEvent() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        func config(_ format: String) throws -> String {
            try folder.write(
                "agent.yaml",
                """
                collector: \(collector.url)
                host: h
                spool: \(folder.path)/spool-h
                follow: ["app:\(folder.path)/app.log"]
                formats:
                  app: {format: \(format), multiline: '^\\d{4}-'}
                """)
        }
        let wrong = try Program.lightcone("agent", "--config", config("jsonl"), "--check")
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("multiline belongs to the format text"), "\(wrong.errors)")
        _ = try folder.write(
            "app.log", "2026-11-23 ERROR it failed\n\tat f\n\tat g\n2026-11-24 it goes on\n")
        let agent = try RunningProgram(
            ["agent", "--config", config("text")], log: folder.path + "/agent.log")
        try waitUntil("both events arrived") { try collector.eventCount() == 2 }
        #expect(agent.stop() == 0, "\(agent.text)")
        let events = try Program.lightcone("timeline", "--source", collector.url, "--json").objects
        #expect(
            events.map { $0["text"] as? String }
                == ["2026-11-23 ERROR it failed\n\tat f\n\tat g", "2026-11-24 it goes on"])
    }

    @Test func configurationErrorsNameTheLine() throws {
        let folder = try TemporaryFolder()
        let config = try folder.write(
            "agent.yaml", "collector: http://127.0.0.1:1\nhost: a\nspol: /tmp/x\n")
        let result = try Program.lightcone("agent", "--config", config, "--check")
        #expect(result.status == 2)
        #expect(result.errors.contains("line 3") && result.errors.contains("perhaps “spool”"))
        let format = try Program.lightcone(
            "agent", "--collector", "http://h", "--host", "a", "--spool", folder.path, "--follow",
            "govectr:/x", "--check")
        #expect(format.status == 2 && format.errors.contains("perhaps “govector”"))
        let first = try Program.lightcone("agent", "--follow", "josnl:/x", "--check")
        #expect(first.status == 2 && first.errors.contains("perhaps “jsonl”"), "\(first.errors)")
    }

    @Test func beyondThisMachineTLSIsNeeded() throws {
        let folder = try TemporaryFolder()
        let result = try Program.lightcone(
            "collector", "--data", folder.path, "--listen", "0.0.0.0:0")
        #expect(result.status == 2 && result.errors.contains("lightcone collector init"))
    }
}
