import Foundation
import Testing

/// What the README and the articles show is what a reader gets.
@Suite struct ArticleTests {
    /// RECORD_GOLDEN=1 writes what is printed into the article where it is something else than shown, and fails.
    @Test(arguments: Article.all) func showsWhatItsCommandsPrint(article: Article) throws {
        let steps = try article.steps()
        guard !steps.isEmpty else { return }
        let results = try ArticleShell().run(steps.map { ($0.command, $0.shown != nil) })
        var lines = try article.lines()
        var isRecorded = false
        for (number, step) in steps.enumerated().reversed() {
            guard number < results.count else {
                Issue.record("\(article.path): not reached: \(step.command)")
                continue
            }
            let result = results[number]
            let printed = Article.withoutEnd(result.lines)
            guard let shown = step.shown else {
                #expect(result.status == 0, "\(article.path): \(step.command)\n\(printed)")
                continue
            }
            if Article.isShown(printed, as: Array(lines[shown])) { continue }
            Issue.record(
                """
                \(article.path):\(shown.lowerBound): $ \(step.command)
                shows
                \(lines[shown].joined(separator: "\n"))
                and prints
                \(printed.joined(separator: "\n"))
                """)
            lines.replaceSubrange(shown, with: printed)
            isRecorded = true
        }
        if isRecorded, ProcessInfo.processInfo.environment["RECORD_GOLDEN"] != nil {
            try lines.joined(separator: "\n").write(
                to: article.url, atomically: true, encoding: .utf8)
        }
    }

    @Test(arguments: [
        (["a b", "c"], ["a b", "c", ""], true),
        (["a b"], ["a …"], true),
        (["a b"], ["… a"], false),
        (["a b", "c", "d"], ["…", "d"], true),
        (["a b", "c", "d"], ["a …b", "…"], true),
        (["a b", "c", "d"], ["…", "c"], false),
        (["a b"], ["a b", "c"], false),
        ([], ["…"], true),
    ])
    func anEllipsisStandsForAnything(printed: [String], shown: [String], isShown: Bool) {
        #expect(Article.isShown(printed, as: shown) == isShown)
    }

    @Test func theReadmeIsShortAndShowsTheDemoFirst() throws {
        let lines = try Article(path: "README.md").lines()
        #expect(lines.count <= 200)
        let first = lines.prefix(40).joined(separator: "\n")
        #expect(first.contains("/demo.svg)"))
        #expect(first.contains("\nScripts/run demo\n"))
    }

    /// Code in an article is code that is compiled: its lines stand in one of the repository's files in this order; `…` stands
    /// for lines that are left out.
    @Test(arguments: Article.all) func swiftIsCodeThatIsCompiled(article: Article) throws {
        let lines = try article.lines()
        for block in try article.blocks("swift") {
            let code = lines[block].map { $0.trimmingCharacters(in: .whitespaces) }
                .filter { !$0.isEmpty && $0 != "…" }
            let isThere = Self.sources.contains { source in
                var rest = source[...]
                return code.allSatisfy { line in
                    guard let place = rest.firstIndex(of: line) else { return false }
                    rest = rest[(place + 1)...]
                    return true
                }
            }
            #expect(isThere, "\(article.path):\(block.lowerBound): no file has these lines")
        }
    }

    /// The lines of each Swift file, without the blanks around them.
    private static let sources: [[String]] = ["Sources", "Tests"].flatMap { part in
        let folder = Program.root.appendingPathComponent(part)
        let files = FileManager.default.enumerator(atPath: folder.path)
        return (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }
            .compactMap {
                try? String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)
            }
            .map { text in
                text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    /// Links lead to files that are there, and to headings that they have.
    @Test(arguments: Article.all) func linksLeadSomewhere(article: Article) throws {
        let text = try article.lines().joined(separator: "\n")
        for link in text.matches(of: /\]\(([^)#\s]*)(?:#([^)\s]*))?\)/) {
            guard !link.1.contains("://") else { continue }
            let target =
                link.1.isEmpty
                ? article.url
                : article.url.deletingLastPathComponent().appendingPathComponent(String(link.1))
            let isThere = FileManager.default.fileExists(atPath: target.path)
            #expect(isThere, "\(article.path): \(link.0)")
            guard isThere, let heading = link.2 else { continue }
            let page = try String(contentsOf: target, encoding: .utf8)
            let anchors = page.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
                line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
                    .filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" || $0 == "_" }
                    .replacing(" ", with: "-")
            }
            #expect(anchors.contains(String(heading)), "\(article.path): \(link.0)")
        }
    }

    /// The picture of the README is what the program draws.
    @Test func thePictureIsCurrent() throws {
        let bash = try #require(Program.find("bash"))
        let script = Program.root.appendingPathComponent("Scripts/picture").path
        let check = try Program.run(
            bash, [script, "--check"], environment: ["LIGHTCONE_BINARY": Program.path])
        #expect(check.status == 0, "\(check.errors)")
    }
}
