import Foundation
import Testing

/// A collector that merges every second on a disk that is really full: it pushes back, loses nothing, and goes on by itself where
/// there is room again.
@Suite(.serialized) struct FullDiskTests {
    /// A file system in memory of its own; nil where this machine does not let us mount one.
    private final class SmallDisk {
        let path: String

        init?(_ path: String, mebibytes: Int) {
            self.path = path
            try? FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
            guard SmallDisk.mount(["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path])
            else { return nil }
        }

        deinit { _ = try? Program.run("/bin/umount", ["-l", path]) }

        func makeReadOnly() -> Bool { SmallDisk.mount(["-o", "remount,ro", path]) }

        /// Writes until nothing fits any more.
        func fill() throws {
            _ = FileManager.default.createFile(atPath: path + "/fill", contents: nil)
            let file = try #require(FileHandle(forWritingAtPath: path + "/fill"))
            for size in [1 << 20, 4_096, 1] {
                while (try? file.write(contentsOf: Data(repeating: 1, count: size))) != nil {}
            }
            try file.close()
        }

        func grow(mebibytes: Int) -> Bool {
            SmallDisk.mount(["-o", "remount,size=\(mebibytes)m", path])
        }

        private static func mount(_ arguments: [String]) -> Bool {
            (try? Program.run("/bin/mount", arguments).status) == 0
        }

        static let canBeHad: Bool = {
            guard let folder = try? TemporaryFolder() else { return false }
            return SmallDisk(folder.path + "/disk", mebibytes: 1) != nil
        }()
    }

    private static func text(_ number: Int) -> String {
        // Nothing that can be packed, the same each time.
        var state = UInt64(number)
        return (0..<60).map { _ in
            state = (state ^ (state >> 31)) &* 0x9E37_79B9_7F4A_7C15 &+ 0x632B_E59B_D9B4_E019
            return String(state, radix: 36)
        }.joined()
    }

    @Test(.enabled(if: SmallDisk.canBeHad, "this machine lets us mount no file system"))
    func itPushesBackAndGoesOn() throws {
        let folder = try TemporaryFolder()
        let disk = try #require(SmallDisk(folder.path + "/disk", mebibytes: 6))
        let collector = try RunningCollector(folder, data: "disk/data", "--merge-seconds", "1")
        let config = try folder.write(
            "agent.yaml",
            """
            collector: \(collector.url)
            host: h
            spool: \(folder.path)/spool
            follow: [jsonl:\(folder.path)/a.jsonl]
            segmentBytesMax: 100000
            """)
        let agent = try RunningProgram(
            ["agent", "--config", config], log: folder.path + "/agent.log")
        defer { agent.kill() }
        // 12 MB, of which half fits.
        let count = 16_000
        var written = 0
        func write(_ more: Int) throws {
            let lines = (written + 1...written + more).map {
                #"{"process":"a","seq":\#($0),"text":"\#(Self.text($0))"}"# + "\n"
            }
            written += more
            try folder.append("a.jsonl", lines.joined())
        }
        while written < count {
            try write(400)
            RunLoop.current.run(until: Date().addingTimeInterval(0.05))
        }
        try waitUntil("it says that its disk is full") {
            collector.program.text.contains("the disk is full")
        }
        try waitUntil("a merge found no room", seconds: 20) {
            collector.program.text.contains("cannot merge")
        }
        #expect(agent.isRunning && collector.program.isRunning)
        let here = try collector.eventCount()
        #expect((1..<count).contains(here))
        // It answers, and what it has is whole.
        try expectPrefix(here, collector.url)
        #expect(disk.grow(mebibytes: 64))
        try waitUntil("all events arrived") { try collector.eventCount() == count }
        // A merge that failed is tried again after a minute, and by one that starts.
        collector.kill()
        try collector.start()
        try waitUntil("it merges again") {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: collector.data + "/parts")
            return names.contains { $0.hasSuffix(".lcpart") }
        }
        #expect(agent.stop() == 0, "\(agent.text)")
        #expect(collector.program.stop() == 0)
        try expectPrefix(count, collector.data)
    }

    /// Where nothing at all fits it starts, answers, and drops what makes room; and the folder is read, also where nobody may write.
    @Test(.enabled(if: SmallDisk.canBeHad, "this machine lets us mount no file system"))
    func itStartsWhereNothingFits() throws {
        let folder = try TemporaryFolder()
        let disk = try #require(SmallDisk(folder.path + "/disk", mebibytes: 40))
        let data = folder.path + "/disk/data"
        for (execution, count) in [("kept", 300), ("other", 3_000)] {
            let lines = (1...count).map {
                #"{"process":"a","seq":\#($0),"text":"\#(Self.text($0))"}"# + "\n"
            }
            let log = try folder.write("\(execution).jsonl", lines.joined())
            let imported = try Program.lightcone(
                "import", "--into", data, "--format", "jsonl", "--execution", execution, log)
            #expect(imported.status == 0, "\(imported.errors)")
        }
        func listing(_ source: String) throws -> String {
            let found = try Program.lightcone([
                "timeline", "--execution", "kept", "--json", "--source", source,
            ])
            #expect(found.status == 0, "\(found.errors)")
            return found.output
        }
        let expected = try listing(data)
        #expect(expected.split(separator: "\n").count == 300)
        let collector = try RunningCollector(folder, data: "disk/data", "--merge-seconds", "1")
        let reserve = data + "/reserve"
        func reserveByteCount() -> Int {
            (try? FileManager.default.attributesOfItem(atPath: reserve)[.size] as? Int) ?? 0
        }
        #expect(reserveByteCount() == 8 << 20)
        try disk.fill()
        // While it runs, and killed at any moment, whatever it leaves.
        #expect(try listing(data) == expected && listing(collector.url) == expected)
        collector.kill()
        #expect(try listing(data) == expected)
        for name in ["-shm", "-wal"] {
            try? FileManager.default.removeItem(atPath: "\(data)/catalogue.sqlite\(name)")
            try disk.fill()
            #expect(try listing(data) == expected, "without \(name)")
        }
        try collector.start()
        #expect(try listing(collector.url) == expected)
        #expect(reserveByteCount() == 0)
        let dropped = try Program.lightcone(["drop", "other", "--collector", collector.url])
        #expect(dropped.status == 0, "\(dropped.errors)")
        #expect(try listing(collector.url) == expected)
        try FileManager.default.removeItem(atPath: folder.path + "/disk/fill")
        try waitUntil("there is a reserve again") { reserveByteCount() == 8 << 20 }
        collector.kill()
        #expect(disk.makeReadOnly())
        #expect(try listing(data) == expected)
    }

    /// Fails unless the events are 1, 2, 3 … up to `least` at least, unchanged.
    private func expectPrefix(_ least: Int, _ source: String) throws {
        let events = try Program.lightcone("timeline", "--source", source, "--json").objects
        #expect(events.count >= least)
        #expect(events.map { $0["seq"] as? Int } == Array(1...max(events.count, 1)))
        let isUnchanged = events.allSatisfy {
            $0["text"] as? String == Self.text($0["seq"] as? Int ?? 0)
        }
        #expect(isUnchanged)
        let defects = try Program.lightcone("defects", "--source", source)
        #expect(defects.output == "", "\(defects.output)")
    }
}
