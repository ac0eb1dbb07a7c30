import Foundation
import Testing

/// Who is who, with real programs: equal names on several hosts, copied machines, and sources that say nothing.
@Suite(.serialized) struct IdentityTests {
    /// A host with an agent of its own.
    private final class Machine {
        let name: String
        let agent: RunningProgram
        let spool: String

        init(
            _ name: String, _ folder: TemporaryFolder, _ url: String, data: String? = nil,
            follow: String? = nil
        ) throws {
            self.name = name
            spool = "\(folder.path)/spool-\(name)"
            let agent = try RunningProgram(
                ["agent", "--collector", url, "--host", name, "--spool", spool]
                    + (data.map { ["--data", $0] } ?? [])
                    + (follow.map { ["--follow", $0] } ?? []),
                log: "\(folder.path)/agent-\(name).log")
            self.agent = agent
            try waitUntil("the agent of \(name) listens") { agent.text.contains("local interface") }
        }

        /// What `lightcone record` prints.
        func record(_ arguments: String...) throws -> String {
            let result = try Program.lightcone(["record", "--spool", spool] + arguments)
            #expect(result.status == 0, "\(result.errors)")
            return result.output.trimmingCharacters(in: .newlines)
        }
    }

    /// Every service with replicas: h1's api never spoke to db.
    @Test func twoHostsAndOneProcessName() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let (h1, h2) = (
            try Machine("h1", folder, collector.url), try Machine("h2", folder, collector.url)
        )
        #expect(try h1.record("--process", "api", "quiet") == "h1/api:1")
        let token = try h2.record("--process", "api", "--send", "ask")
        #expect(try h1.record("--process", "db", "--receive", token) == "h1/db:1")
        try waitUntil("all arrived") { try collector.eventCount() == 3 }
        for source in [collector.url, collector.data] {
            func ask(_ question: String...) throws -> Program.Result {
                try Program.lightcone(question + ["--source", source])
            }
            #expect(try ask("order", "h1/api:1", "db:1").output.hasPrefix("concurrent"))
            #expect(try ask("order", "h2/api:1", "db:1").output.hasPrefix("before"))
            #expect(try ask("order", "h1/api:1", "h2/api:1").output.hasPrefix("concurrent"))
            let past = try ask("past", "db:1", "--json").objects
            #expect(past.map { $0["id"] as? String } == ["h2/api:1"])
            let count = try ask("past", "db:1", "--count", "--json").object
            #expect(count["count"] as? Int == 1 && count["complete"] as? Bool == true)
            let processes = try ask("processes", "--json").objects
            #expect(
                processes.map { $0["process"] as? String } == ["h1/api", "h1/db", "h2/api"])
            #expect(processes.map { $0["host"] as? String } == ["h1", "h1", "h2"])
            #expect(
                Set(try ask("timeline", "--json").objects.compactMap { $0["id"] as? String })
                    == ["h1/api:1", "h2/api:1", "h1/db:1"])
            #expect(try ask("view", "h2").output.contains("h2/api:1"))
            for question in [
                ["show", "api:1"], ["order", "api:1", "db:1"], ["past", "api:1"],
                ["cut", "api:1"], ["path", "api:1", "db:1"], ["timeline", "--process", "api"],
                ["export", "--format", "dot", "--past-of", "api:1"],
            ] {
                let ambiguous = try Program.lightcone(question + ["--source", source])
                #expect(ambiguous.status == 2 && ambiguous.output.isEmpty, "\(question)")
                #expect(
                    ambiguous.errors.contains("h1/api, h2/api"), "\(question): \(ambiguous.errors)")
            }
            let mistyped = try ask("show", "h1/dbb:1")
            #expect(mistyped.status == 1 && mistyped.errors.contains("perhaps “h1/db”"))
            #expect(try ask("defects").output.isEmpty)
            #expect(try ask("gaps").output.isEmpty)
        }
        for machine in [h1, h2] { #expect(machine.agent.stop() == 0, "\(machine.agent.text)") }
    }

    /// A machine that was copied while it ran: the copy's agent writes other bytes of the same segment.
    @Test func aCopiedAgentShipsAnewAndLosesNothing() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let log = folder.path + "/a.log"
        try folder.append("a.log", JourneyTests.lines("a", 1...100))
        let original = try Machine(
            "h1", folder, collector.url, data: folder.path + "/data-h1", follow: "govector:\(log)")
        try waitUntil("the first part arrived") { try collector.eventCount() == 100 }
        try FileManager.default.copyItem(
            atPath: folder.path + "/data-h1", toPath: folder.path + "/data-h2")
        try folder.append("a.log", JourneyTests.lines("a", 101...300))
        try waitUntil("the second part arrived") { try collector.eventCount() == 300 }
        let copy = try Machine(
            "h2", folder, collector.url, data: folder.path + "/data-h2",
            follow: "govector:\(folder.path)/b.log")
        try folder.append("b.log", JourneyTests.lines("b", 1...50))
        try waitUntil("the copy's events arrived") { try collector.eventCount() == 350 }
        #expect(copy.agent.text.contains("this one takes a new one"), "\(copy.agent.text)")
        try folder.append("a.log", JourneyTests.lines("a", 301...320))
        try waitUntil("the original goes on") { try collector.eventCount() == 370 }
        for machine in [original, copy] {
            #expect(machine.agent.stop() == 0, "\(machine.agent.text)")
        }
        #expect(!original.agent.text.contains("takes a new one"))
        for (process, count) in [("a", 320), ("b", 50)] {
            let events = try Program.lightcone(
                "timeline", "--source", collector.data, "--process", process, "--json"
            ).objects
            #expect(events.map { $0["seq"] as? Int } == Array(1...count))
        }
        #expect(try Program.lightcone("defects", "--source", collector.data).output.isEmpty)
    }

    /// Lines that say nothing of messages are ordered among themselves only.
    @Test func aLogThatSaysNothingOfMessages() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write(
            "a.jsonl",
            #"""
            {"service":"web","msg":"asks","ts":"2026-01-01T00:00:01Z"}
            {"service":"db","msg":"answers","ts":"2026-01-01T00:00:02Z"}
            {"service":"web","msg":"is glad","ts":"2026-01-01T00:00:03Z"}

            """#)
        let source = folder.path + "/db"
        let imported = try Program.lightcone(
            "import", "--into", source, "--format", "jsonl", "--fields",
            "process=service,text=msg,time=ts", log)
        #expect(imported.status == 0, "\(imported.errors)")
        func ask(_ question: String...) throws -> Program.Result {
            try Program.lightcone(question + ["--source", source, "--json"])
        }
        #expect(try ask("order", "web:1", "web:2").object["order"] as? String == "before")
        let order = try ask("order", "web:1", "db:1")
        #expect(order.status == 1 && order.object["order"] as? String == "unknown")
        #expect((order.object["because"] as? String)?.contains("say nothing of messages") == true)
        for event in try ask("timeline").objects {
            #expect(event["stamp"] as? String == "silent" && event["exact"] as? Bool == false)
        }
        #expect(try ask("past", "web:2", "--count").object["complete"] as? Bool == false)
        let cut = try ask("cut", "--at", "2026-01-01T00:00:02Z").object
        #expect(cut["consistent"] as? String == "unknown")
        #expect(cut["cut"] as? [String: Int] == ["web": 1, "db": 1])
        #expect(try ask("defects").output.isEmpty)
    }
}
