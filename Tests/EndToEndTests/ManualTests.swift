import Foundation
import Testing

/// The manual pages that Scripts/man makes.
@Suite struct ManualTests {
    @Test func eachCommandHasAPageThatFormats() throws {
        let folder = try TemporaryFolder()
        let bash = try #require(Program.find("bash"))
        let groff = try #require(Program.find("groff"))
        let script = Program.root.appendingPathComponent("Scripts/man").path
        let made = try Program.run(
            bash, [script, folder.path], environment: ["LIGHTCONE_BINARY": Program.path])
        try #require(made.status == 0, "\(made.errors)")

        for command in CommandLineTests.commands + [[]] {
            let name = (["lightcone"] + command).joined(separator: "-")
            let page = "\(folder.path)/\(name).1"
            // A line of any length, so that nothing is broken.
            let shown = try Program.run(
                groff, ["-K", "utf8", "-T", "utf8", "-man", "-ww", "-P-cbou", "-rLL=2000n", page])
            #expect(shown.status == 0 && shown.errors.isEmpty, "\(name): \(shown.errors)")
            #expect(shown.output.contains("\(name) - "), "\(name)")
            let help = try Program.run(
                Program.path, command + ["--help"], environment: ["COLUMNS": "1000"])
            for option in help.output.matches(of: /\n  (?:-\w, )?(--[\w-]+)/) {
                #expect(shown.output.contains(option.1), "\(name): \(option.1)")
            }
            for example in help.output.matches(of: /\n  (lightcone .*)/) {
                #expect(shown.output.contains(example.1), "\(name): \(example.1)")
            }
        }
        let pages = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        // And that of lightcone itself.
        #expect(pages.count == CommandLineTests.commands.count + 1)
    }
}
