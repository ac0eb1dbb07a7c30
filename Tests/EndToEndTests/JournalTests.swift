import Foundation
import Testing

/// What the agent makes of journals: good ones, bad ones, and those of cloned machines.
@Suite(.serialized) struct AgentAndJournalsTests {
    private static func probe(_ arguments: String...) throws -> Program.Result {
        try Program.run(KillTests.probe, arguments, environment: ["LIGHTCONE_HOST": "h"])
    }

    /// A host whose agent does not run yet.
    private static func agent(
        _ folder: TemporaryFolder, _ url: String, spool: String, host: String = "h"
    ) throws
        -> RunningProgram
    {
        try RunningProgram(
            ["agent", "--collector", url, "--host", host, "--spool", spool],
            log: "\(folder.path)/agent-\(host).log")
    }

    @Test func whatAProgramLostIsAGapWithAMarker() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let spool = folder.path + "/spool"
        let numbers = try Self.probe("overflow", spool).output.split { " \n".contains($0) }
            .compactMap { Int($0) }
        try #require(numbers.count == 2)
        let (given, lost) = (numbers[0], numbers[1])
        let agent = try Self.agent(folder, collector.url, spool: spool)
        try waitUntil("all arrived") { try collector.eventCount() == given - lost + 1 }
        let gaps = try Program.lightcone("gaps", "--source", collector.url)
        #expect(gaps.output.contains("h/overflow \(given - lost + 1)–\(given) are lost"))
        #expect(gaps.output.contains("could not be recorded"))
        let marker =
            try Program.lightcone(
                "show", "--source", collector.url, "overflow:\(given + 1)", "--json"
            ).object["event"] as? [String: Any]
        #expect(marker?["name"] as? String == "events lost")
        #expect(
            marker?["text"] as? String == "\(lost) events (\(given - lost + 1)–\(given)) could not "
                + "be recorded: the program ended, as its agent saw")
        #expect(agent.stop() == 0)
    }

    @Test func aDamagedJournalHarmsNoOther() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let spool = folder.path + "/spool"
        _ = try Self.probe("hold", "good", spool)
        _ = try Self.probe("hold", "cut", spool)
        _ = try Self.probe("hold", "bad", spool)
        let journals = spool + "/journals"
        for run in try FileManager.default.contentsOfDirectory(atPath: journals) {
            let path = "\(journals)/\(run)/1.chunk"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            if bytes.prefix(200).range(of: Data("bad".utf8)) != nil {
                // The length of the first event's record: the snapshot's is 32 bytes and its names before it.
                let length = Int(bytes[64]) + Int(bytes[65]) * 256
                bytes[64 + length] = 3
                try bytes.write(to: URL(fileURLWithPath: path))
            } else if bytes.prefix(200).range(of: Data("cut".utf8)) != nil {
                try bytes.prefix(70).write(to: URL(fileURLWithPath: path))
            }
        }
        try FileManager.default.createDirectory(
            atPath: journals + "/nonsense", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(
            atPath: journals + "/" + String(repeating: "a", count: 32),
            withIntermediateDirectories: true)
        try Data("x".utf8).write(
            to: URL(fileURLWithPath: journals + "/" + String(repeating: "b", count: 32)))
        let agent = try Self.agent(folder, collector.url, spool: spool)
        try waitUntil("the good one arrived") { try collector.eventCount() == 1 }
        _ = try Self.probe("hold", "later", spool)
        try waitUntil("the later one arrived") { try collector.eventCount() == 2 }
        let defects = try Program.lightcone("defects", "--source", collector.url)
        #expect(defects.output.contains("1.chunk"))
        #expect(defects.output.contains("not possible"))
        let processes = try Program.lightcone("processes", "--source", collector.url, "--json")
            .objects
        #expect(Set(processes.compactMap { $0["process"] as? String }) == ["h/good", "h/later"])
        #expect(agent.stop() == 0)
    }

    @Test func hostileFilesInTheSpoolHarmNobody() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let spool = folder.path + "/spool"
        _ = try Self.probe("hold", "good", spool)
        let journals = spool + "/journals"
        func journal(_ text: String, times: Int = 32) throws -> String {
            let path = journals + "/" + String(repeating: text, count: times)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return path
        }
        let victim = folder.path + "/precious"
        try Data("precious".utf8).write(to: URL(fileURLWithPath: victim))
        // Pipes that nobody writes to, links to what is somebody else's, and to nothing.
        for (letter, name) in [("c", "lock"), ("d", "1.chunk")] {
            #expect(try Program.run("/usr/bin/mkfifo", [journal(letter) + "/" + name]).status == 0)
        }
        for (letter, name, target) in [
            ("d", "lock", "/dev/null"), ("e", "lock", victim), ("f", "1.chunk", victim),
            ("f", "2.chunk", folder.path + "/created"),
        ] {
            try? FileManager.default.createSymbolicLink(
                atPath: journal(letter) + "/" + name, withDestinationPath: target)
        }
        try Data().write(to: URL(fileURLWithPath: journal("f") + "/lock"))
        try FileManager.default.createSymbolicLink(
            atPath: journals + "/" + String(repeating: "0", count: 31) + "a",
            withDestinationPath: "/etc")
        // A thousand journals of nothing, and some that look like one and have a terabyte of holes, more chunks than there can be,
        // or numbers that are none; one of their programs seems to live.
        for number in 0..<1_000 {
            _ = try journal(String(format: "%032x", 0x1000 + number), times: 1)
        }
        for (number, size) in [10, 5_000, 1 << 40].enumerated() {
            let path = try journal(String(format: "%032x", 0x2000 + number), times: 1)
            for name in ["1.chunk", "18446744073709551615.chunk", "99999999999999999999.chunk"] {
                let junk = Data("lightcone".utf8) + Data((0..<200).map { UInt8($0) })
                try junk.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
                truncate("\(path)/\(name)", size)
            }
        }
        let many = try journal(String(format: "%032x", 0x3000), times: 1)
        for number in 0..<5_000 {
            _ = FileManager.default.createFile(atPath: "\(many)/\(number).chunk", contents: nil)
        }
        let held = try journal(String(format: "%032x", 0x4000), times: 1)
        let lock = open(held + "/lock", O_CREAT | O_RDWR, 0o600)
        defer { close(lock) }
        #expect(flock(lock, LOCK_EX) == 0)
        let agent = try Self.agent(folder, collector.url, spool: spool)
        try waitUntil("the good one arrived") { try collector.eventCount() == 1 }
        _ = try Self.probe("hold", "later", spool)
        try waitUntil("the later one arrived") { try collector.eventCount() == 2 }
        #expect(agent.isRunning)
        let status = try String(
            contentsOfFile: "/proc/\(agent.identifier)/status", encoding: .utf8)
        let peak = status.split(separator: "VmHWM:").last.flatMap {
            Int($0.drop { !$0.isNumber }.prefix { $0.isNumber })
        }
        #expect(try #require(peak) < 128 << 10, "kB")
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/created"))
        #expect(agent.stop() == 0, "\(agent.text)")
    }

    @Test func aClonedMachineIsReported() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let (original, clone) = (folder.path + "/original", folder.path + "/clone")
        _ = try Self.probe("hold", "api", original)
        try FileManager.default.copyItem(atPath: original, toPath: clone)
        // Both give number 2 to their next run.
        #expect(try Self.probe("hold", "api", original).output == "h/api#2\n")
        #expect(try Self.probe("hold", "api", clone).output == "h/api#2\n")
        try FileManager.default.createDirectory(
            atPath: clone + "/x", withIntermediateDirectories: true)
        let agents = try [
            Self.agent(folder, collector.url, spool: original, host: "original"),
            Self.agent(folder, collector.url, spool: clone, host: "clone"),
        ]
        try waitUntil("the contradiction shows") {
            try Program.lightcone("defects", "--source", collector.url).output.contains("h/api#2@")
        }
        let defects = try Program.lightcone("defects", "--source", collector.url, "--json").objects
        let kinds = defects.filter { $0["note"] as? Bool != true }.map { $0["kind"] as? String }
        #expect(kinds == ["fork"], "\(defects)")
        let processes = try Program.lightcone("processes", "--source", collector.url, "--json")
            .objects.compactMap { $0["process"] as? String }
        #expect(processes.count == 3 && processes.count { $0.hasPrefix("h/api#2@") } == 2)
        // The one that came later hears of it, and so does who looks after the collector.
        #expect(collector.program.text.contains("two runs have one name and number"))
        #expect(agents.count { $0.text.contains("another run is called h/api#2 too") } == 1)
        for agent in agents { #expect(agent.stop() == 0) }
    }

    @Test func oneSpoolHasOneAgent() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let spool = folder.path + "/spool"
        let agent = try Self.agent(folder, collector.url, spool: spool)
        try waitUntil("the agent runs") { agent.text.contains("local interface") }
        let second = try Program.lightcone(
            "agent", "--collector", collector.url, "--host", "h", "--spool", spool, "--data",
            folder.path + "/elsewhere")
        #expect(second.status == 3)
        #expect(second.errors.contains("in use by another agent"))
        #expect(agent.stop() == 0)
    }

    @Test func whatTheProgramRecordsIsVisibleSoon() throws {
        let host = try LocalInterfaceTests.Host()
        let start = Date()
        #expect(try Self.probe("hold", "api", host.spool).status == 0)
        try host.waitForEvents(1)
        // Not a limit, these machines are noisy: the figure is for people.
        print("from record to the answer of a question: \(Date().timeIntervalSince(start)) s")
        #expect(host.agent.stop() == 0)
    }
}
