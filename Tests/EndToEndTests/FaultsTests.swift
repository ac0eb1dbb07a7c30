import Foundation
import Testing

/// The article on faults says what is promised at each fault, and what shows it.
@Suite struct FaultsTests {
    @Test func eachTestThatItNamesIsThere() throws {
        let tests = Program.root.appendingPathComponent("Tests")
        let article = Program.root.appendingPathComponent(
            "Sources/lightcone/Documentation.docc/Faults.md")
        let page = try String(contentsOf: article, encoding: .utf8)
        let names = page.matches(of: /`(\w+Tests)\.(\w+)`/)
        #expect(names.count > 40)
        var sources: [String: String] = [:]
        let files = try #require(FileManager.default.enumerator(atPath: tests.path))
        for file in files.compactMap({ $0 as? String }) where file.hasSuffix("Tests.swift") {
            let name = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
            sources[name, default: ""] += try String(
                contentsOf: tests.appendingPathComponent(file), encoding: .utf8)
        }
        for name in names {
            let isThere = sources[String(name.1)]?.contains("func \(name.2)(") == true
            #expect(isThere, "\(name.0)")
        }
    }
}
