import Foundation
import Testing

/// Imports end in parts, which can be looked into and checked.
@Suite struct PartCommandTests {
    private static func part(_ source: String) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: source + "/parts")
        return source + "/parts/" + (try #require(names.first))
    }

    @Test func anImportIsOnePartThatIsIntact() throws {
        let folder = try TemporaryFolder()
        let (source, part) = try Self.partOfTwoBlocks(folder)
        #expect(try JourneyTests.segments(source + "/segments") == [])
        let verified = try Program.lightcone("part", "verify", part, "--json")
        let line = try #require(verified.objects.first)
        #expect(line["intact"] as? Bool == true && line["events"] as? Int == 9_000)
        let lines = try Program.lightcone("part", "inspect", part, "--json").objects
        let runs = lines.filter { $0["process"] != nil }
        #expect(runs.map { $0["last"] as? Int } == [9_000])
        #expect(lines.contains { $0["column"] as? String == "texts" })
        #expect(lines.compactMap { $0["segment"] }.count == 1)
        // The same import again adds nothing: the catalogue still knows the segment.
        let again = try Program.lightcone(
            "import", "--into", source, "--format", "govector", folder.path + "/a.log",
            "--json")
        let file = try #require((again.object["files"] as? [[String: Any]])?.first)
        #expect(file["added"] as? Bool == false)
    }

    /// Order files are looked into by the same commands.
    @Test func anOrderFileIsShownAndDamageOfItIsNamed() throws {
        let folder = try TemporaryFolder()
        let source = folder.path + "/source"
        let log = try folder.write("a.log", JourneyTests.lines("a", 1...21_000))
        _ = try Program.lightcone("import", "--into", source, "--format", "govector", log)
        let names = try FileManager.default.contentsOfDirectory(atPath: source + "/order")
        let file = source + "/order/" + (try #require(names.first))
        let verified = try Program.lightcone("part", "verify", file)
        #expect(verified.output == "\(file): intact, 1 process, 21000 events, 0 messages\n")
        let lines = try Program.lightcone("part", "inspect", file, "--json").objects
        #expect(lines[0]["execution"] as? String == "main" && lines[0]["version"] as? Int == 7)
        let process = try #require(lines.first { $0["process"] as? String == "a" })
        #expect(process["first"] as? Int == 1 && process["last"] as? Int == 21_000)
        let sections = lines.filter { $0["section"] != nil }.compactMap { $0["bytes"] as? Int }
        #expect(sections.reduce(0, +) == lines[0]["bytes"] as? Int)
        let text = try Program.lightcone("part", "inspect", file).output
        #expect(text.contains("a  1–21000  21000 events above 0\n"))
        // Damaged in the middle, and where it begins and ends.
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        for offset in [0, 100, whole.count - 1] {
            var bytes = whole
            bytes[offset] ^= 1
            try bytes.write(to: URL(fileURLWithPath: file))
            let verified = try Program.lightcone(["part", "verify", file])
            #expect(verified.status == 1 && verified.output.contains("damaged"))
            #expect(verified.output.contains("  \(file), byte "), "\(verified.output)")
            let inspected = try Program.lightcone(["part", "inspect", file])
            #expect(inspected.status == 1 && inspected.output.contains("damaged: \(file), byte "))
        }
    }

    /// An archive of 9,000 events in one part, and that.
    private static func partOfTwoBlocks(
        _ folder: TemporaryFolder
    ) throws -> (source: String, part: String) {
        let source = folder.path + "/source"
        let log = try folder.write("a.log", JourneyTests.lines("a", 1...9_000))
        _ = try Program.lightcone(
            "import", "--into", source, "--format", "govector", log)
        return (source, try part(source))
    }

    @Test func damageIsNamedAndTheRestIsRead() throws {
        let folder = try TemporaryFolder()
        let (source, part) = try Self.partOfTwoBlocks(folder)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: part))
        // In the header of the first block.
        bytes[100] ^= 1
        try bytes.write(to: URL(fileURLWithPath: part))
        let verified = try Program.lightcone(["part", "verify", part])
        #expect(verified.status == 1)
        #expect(verified.output.contains("the checksum is wrong: expected"))
        let defects = try Program.lightcone(["defects", "--source", source])
        #expect(defects.output.contains("events that were taken cannot be read"))
        #expect(try Program.lightcone("show", "a:9000", "--source", source).output.contains("9000"))
    }

    /// A text that cannot be read: nothing of its order is damaged, so nothing but reading it tells.
    @Test func whatCannotBeReadSaysWhatHelps() throws {
        let folder = try TemporaryFolder()
        let (source, part) = try Self.partOfTwoBlocks(folder)
        let whole = try Data(contentsOf: URL(fileURLWithPath: part))
        let blocks = try Program.lightcone("part", "inspect", part, "--json").objects
            .filter { $0["offset"] != nil }
        let block = try #require(blocks.first)
        let (offset, count) = (block["offset"] as? Int ?? 0, block["bytes"] as? Int ?? 0)
        // From the end of the block to its beginning, where a text is.
        var unreadable: String?
        for place in stride(from: offset + count - 5, to: offset, by: -count / 40) {
            var bytes = whole
            bytes[place] ^= 1
            try bytes.write(to: URL(fileURLWithPath: part))
            let listed = try Program.lightcone("timeline", "--limit", "3", "--source", source)
            unreadable = listed.output.split(separator: "\n").map(String.init)
                .first { $0.contains("cannot be read") }
            if unreadable != nil { break }
        }
        #expect(
            unreadable?.hasSuffix("a:1 is here, and cannot be read (lightcone show a:1 says why)")
                == true)
        let shown = try Program.lightcone(["show", "a:1", "--source", source])
        #expect(shown.errors.contains("a:1 was taken, and cannot be read: \(part), byte "))
        #expect(shown.errors.contains("(lightcone part verify \(part))"), "\(shown.errors)")
        let verified = try Program.lightcone(["part", "verify", part])
        #expect(verified.status == 1 && verified.output.contains("  \(part), byte "))
    }
}
