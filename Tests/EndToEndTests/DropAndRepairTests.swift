import Foundation
import Testing

/// Dropping executions, and repairing an archive, by the real programs.
@Suite(.serialized) struct DropAndRepairTests {
    /// A log of an execution, imported into a folder.
    private static func importLog(_ execution: String, _ folder: TemporaryFolder) throws {
        let log = try folder.write("\(execution).log", JourneyTests.lines("a-\(execution)", 1...50))
        let result = try Program.lightcone(
            "import", "--into", folder.path + "/db", "--format", "govector", "--execution",
            execution, log)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func anExecutionIsDroppedFromAFolder() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/db"
        for execution in ["test-1", "test-2"] { try Self.importLog(execution, folder) }
        let json = try Program.lightcone("drop", "test-1", "--data", data, "--json")
        #expect(json.status == 0, "\(json.errors)")
        #expect(json.object["execution"] as? String == "test-1")
        #expect(json.object["events"] as? Int == 50)
        #expect(json.object["freedBytes"] as? Int ?? 0 > 400)
        let names = try Program.lightcone("executions", "--source", data, "--json").objects
        #expect(names.compactMap { $0["name"] as? String } == ["test-2"])
        let again = try Program.lightcone("drop", "test-1", "--data", data)
        #expect(again.status == 1 && again.errors.contains("no execution test-1"), "\(again)")
        #expect(try Program.lightcone("drop", "test-1").status == 2)
        let nowhere = folder.path + "/nowhere"
        #expect(try Program.lightcone("drop", "test-1", "--data", nowhere).status == 3)
        #expect(!FileManager.default.fileExists(atPath: nowhere))
        // The same file is the same segment.
        try? FileManager.default.removeItem(atPath: folder.path + "/test-1.log")
        try Self.importLog("test-1", folder)
        let rebuilt = try Program.lightcone("catalogue", "rebuild", "--data", data, "--json")
        #expect(rebuilt.status == 0 && rebuilt.object["executions"] as? Int == 1)
        let text = try Program.lightcone("drop", "test-2", "--data", data)
        #expect(text.output.hasPrefix("test-2  1 process  50 events  "), "\(text.output)")
    }

    @Test func aCollectorThatRunsDropsToo() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let agent = try JourneyTests.agent(
            folder, collector.url, follow: "govector:\(folder.path)/a.log")
        try folder.append("a.log", JourneyTests.lines("a", 1...100))
        try waitUntil("the events arrived") { try collector.eventCount() == 100 }
        let locked = try Program.lightcone("drop", "main", "--data", collector.data)
        #expect(locked.status == 3 && locked.errors.contains("in use"), "\(locked)")
        let missing = try Program.lightcone("drop", "other", "--collector", collector.url)
        #expect(missing.status == 1, "\(missing)")
        // Somebody else asks, through a proxy of this machine.
        let port = try #require(collector.url.split(separator: ":").last.flatMap { Int($0) })
        let passedOn = try RawConnection(port)
        passedOn.send(
            "DELETE /v1/executions?execution=main HTTP/1.1\r\nHost: localhost\r\nVia: 1.1 proxy\r\n\r\n"
        )
        #expect(passedOn.answer().hasPrefix("HTTP/1.1 403"))
        let dropped = try Program.lightcone("drop", "main", "--collector", collector.url, "--json")
        #expect(dropped.status == 0 && dropped.object["events"] as? Int == 100, "\(dropped)")
        #expect(try collector.eventCount() == 0)
        // The agent goes on in the same segment: what it records now is shown.
        try folder.append("a.log", JourneyTests.lines("a", 101...130))
        try waitUntil("what is new arrived") { try collector.eventCount() == 30 }
        let numbers = try Program.lightcone("timeline", "--source", collector.url, "--json").objects
        #expect(numbers.map { $0["seq"] as? Int } == Array(101...130))
        #expect(agent.stop() == 0, "\(agent.text)")
        collector.kill()
        try collector.start()
        #expect(try collector.eventCount() == 30)
    }

    /// A collector loses the end of a segment, or its catalogue; the agent that still has everything sends it again.
    @Test(arguments: [
        ("cut", false), ("cut", true), ("removed", false), ("header", true), ("catalogue", true),
    ])
    func anAgentMendsWhatWasLost(how: String, isRebuilt: Bool) throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let agent = try JourneyTests.agent(
            folder, collector.url, follow: "govector:\(folder.path)/a.log")
        for round in 0..<5 {
            try folder.append(
                "a.log", JourneyTests.lines("a", (round * 100 + 1)...(round * 100 + 100)))
            try waitUntil("the events arrived") {
                try collector.eventCount() == (round + 1) * 100
            }
        }
        collector.kill()
        let segment = try #require(try JourneyTests.segments(collector.data + "/segments").first)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: segment))
        switch how {
        case "cut": bytes = bytes.prefix(bytes.count / 2)
        case "header": bytes[20] ^= 1
        default: break
        }
        try bytes.write(to: URL(fileURLWithPath: segment))
        if how == "removed" { try FileManager.default.removeItem(atPath: segment) }
        if how == "catalogue" {
            try Data("nonsense".utf8).write(
                to: URL(fileURLWithPath: collector.data + "/catalogue.sqlite"))
            let refused = try Program.lightcone("executions", "--source", collector.data)
            #expect(
                refused.status == 3 && refused.errors.contains("lightcone catalogue rebuild"),
                "\(refused)")
        }
        if isRebuilt {
            let rebuilt = try Program.lightcone("catalogue", "rebuild", "--data", collector.data)
            #expect(rebuilt.status == 1 && !rebuilt.errors.isEmpty, "\(rebuilt)")
            let defects = try Program.lightcone("defects", "--source", collector.data).output
            let isLost = how == "cut" || how == "removed"
            #expect(defects.contains("acknowledged data was lost") == isLost, "\(defects)")
            let gaps = try Program.lightcone("gaps", "--source", collector.data)
            #expect((gaps.status == 0) == isLost, "\(gaps.output)")
        }
        try collector.start()
        try folder.append("a.log", JourneyTests.lines("a", 501...510))
        try waitUntil("everything is here again") { try collector.eventCount() == 510 }
        #expect(agent.stop() == 0, "\(agent.text)")
        try JourneyTests.expectExactly(510, of: "a", in: collector.data)
        #expect(try Program.lightcone("defects", "--source", collector.data).output == "")
    }

    /// What was imported and is cut is named by a rebuild, and here again when the same file is imported again.
    @Test func importingAgainMends() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/db"
        let log = try folder.write("a.log", JourneyTests.lines("a", 1...500))
        func importIt() throws {
            let result = try Program.lightcone(
                "import", "--into", data, "--format", "govector", log)
            #expect(result.status == 0, "\(result.errors)")
        }
        try importIt()
        let before = try Program.lightcone("timeline", "--source", data).output
        let file = try #require(
            try FileManager.default.contentsOfDirectory(atPath: data + "/parts")
                .map { "\(data)/parts/\($0)" }.first)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        try bytes.prefix(120).write(to: URL(fileURLWithPath: file))
        let rebuilt = try Program.lightcone("catalogue", "rebuild", "--data", data)
        #expect(rebuilt.status == 1 && rebuilt.errors.contains(file), "\(rebuilt)")
        #expect(try Program.lightcone("defects", "--source", data).status == 0)
        #expect(try Program.lightcone("gaps", "--source", data).status == 0)
        try importIt()
        #expect(try Program.lightcone("timeline", "--source", data).output == before)
        for verb in ["defects", "gaps"] {
            #expect(try Program.lightcone(verb, "--source", data).status == 1)
        }
    }

    /// Killed at any moment, it leaves a catalogue that answers.
    @Test func aRebuildThatIsKilled() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/db"
        for number in 1...12 { try Self.importLog("run-\(number)", folder) }
        let before = try Program.lightcone("executions", "--source", data).output
        for round in 0..<25 {
            let rebuild = try RunningProgram(
                ["catalogue", "rebuild", "--data", data], log: folder.path + "/rebuild.log")
            RunLoop.current.run(until: Date().addingTimeInterval(0.004 * Double(round)))
            rebuild.kill()
            #expect(try Program.lightcone("executions", "--source", data).output == before)
        }
        #expect(try Program.lightcone("catalogue", "rebuild", "--data", data).status == 0)
        #expect(try Program.lightcone("executions", "--source", data).output == before)
    }
}
