import Foundation
import Testing

@Suite struct DemoTests {
    /// The whole of it, with real processes; and the folder that it leaves answers by itself.
    @Test func findsTheTwoLeaders() throws {
        let folder = try TemporaryFolder()
        let demo = try Program.lightcone("demo", "--directory", folder.path)
        #expect(demo.status == 0, "\(demo.output)\n\(demo.errors)")
        #expect(demo.output.contains("\nconcurrent, because neither has seen the other: "))
        #expect(demo.output.contains("\n$ lightcone timeline --lanes "))
        let work = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
        let source = "\(folder.path)/\(work)/data"
        let elections = try Program.lightcone(
            "timeline", "--source", source, "--json", "{ name = \"leader elected\" }"
        ).objects
        let terms = elections.map { ($0["attributes"] as? [String: Any])?["term"] as? Int ?? 0 }
        #expect(terms.count == 3)
        #expect(Set(terms).count == 3)
        let processes = try Program.lightcone("processes", "--source", source, "--json").objects
        #expect(processes.count == 4)
        #expect(processes.count { ($0["process"] as? String)?.hasSuffix("#2") == true } == 1)
        #expect(try Program.lightcone("gaps", "--source", source).output == "")
        try expectRecorded(source)
    }

    /// What happens in the demo is what happened in the run that the articles ask about, but for times, numbers, and which
    /// node it was; heartbeats come as often as there is time for.
    private func expectRecorded(_ source: String) throws {
        func shapes(_ lines: [[String: Any]]) -> Set<String> {
            let texts = lines.map { line in
                ["kind", "name", "text"].map { "\(line[$0] ?? "")" }.joined(separator: " ")
            }
            return Set(texts.map { $0.replacing(#/\d+/#, with: "0") })
        }
        let recording = Program.root.appendingPathComponent(
            "Sources/lightcone/Documentation.docc/demo.ndjson")
        let recorded = try String(contentsOf: recording, encoding: .utf8).split(separator: "\n")
            .compactMap { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
            .filter { $0["level"] as? String != "debug" }
        #expect(recorded.count > 40)
        let now = try Program.lightcone(
            "export", "--format", "ndjson", "--source", source, "{ level >= info }")
        #expect(shapes(recorded) == shapes(now.objects))
    }

    @Test func refusesAFolderThatIsNotThere() throws {
        let demo = try Program.lightcone("demo", "--directory", "/nowhere/at/all")
        #expect(demo.status == 3)
        #expect(demo.errors.contains("cannot make a folder in /nowhere/at/all"))
    }
}
