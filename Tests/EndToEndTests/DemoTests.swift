import Foundation
import Testing

@Suite struct DemoTests {
    /// The whole of it, with real processes; and the folder that it leaves answers by itself.
    @Test func findsTheTwoLeaders() throws {
        let folder = try TemporaryFolder()
        let demo = try Program.lightcone("demo", "--directory", folder.path)
        #expect(demo.status == 0, "\(demo.output)\n\(demo.errors)")
        #expect(demo.output.contains("\nconcurrent, because neither has seen the other: "))
        let printed = Set(
            (demo.output + "\n" + demo.errors).split(separator: "\n").map {
                ReadmeTests.shape(String($0))
            })
        let shown = ReadmeTests.blocks("demo").joined()
        #expect(shown.count > 10)
        for line in shown {
            #expect(printed.contains(ReadmeTests.shape(line)), "the README shows “\(line)”")
        }
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
    }

    @Test func refusesAFolderThatIsNotThere() throws {
        let demo = try Program.lightcone("demo", "--directory", "/nowhere/at/all")
        #expect(demo.status == 3)
        #expect(demo.errors.contains("cannot make a folder in /nowhere/at/all"))
    }
}
