import Foundation
import LogFormats
import Testing

/// The inputs of `Scripts/bench` are what they claim to be: the same for each run, and events to the last line.
@Suite struct GenerateTests {
    private static let events = 2_000

    /// `lightcone-bench`: LIGHTCONE_BENCH, or the one that was built with the tests.
    private static let program: URL = {
        if let path = ProcessInfo.processInfo.environment["LIGHTCONE_BENCH"] {
            return URL(fileURLWithPath: path)
        }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return root.appendingPathComponent(".build/debug/lightcone-bench")
    }()

    private static func generate(
        _ kind: String, processes: Int, serviceSize: Int? = nil, seed: Int
    ) throws -> [UInt8] {
        let process = Process()
        process.executableURL = program
        process.arguments = [
            "generate", "--kind", kind, "--events", "\(events)", "--processes", "\(processes)",
            "--service-size", "\(serviceSize ?? processes)", "--seed", "\(seed)",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return Array(bytes)
    }

    /// How many events a reader finds in a log; a line that is none is an issue.
    private static func eventCount(_ bytes: [UInt8], _ format: LogFormat) throws -> Int {
        var reader = try LogReader(format, LogReader.Options())
        var sink = LogSink()
        let consumed = reader.read(bytes, isFinal: true, into: &sink)
        for line in sink.takeUnmatched().lines {
            Issue.record("\(line.line): \(line.reason): \(line.text)")
        }
        #expect(consumed == bytes.count)
        return sink.batch.count
    }

    private static func objects(_ bytes: [UInt8]) throws -> [[String: Any]] {
        try bytes.split(separator: UInt8(ascii: "\n")).map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line))
            return try #require(object as? [String: Any])
        }
    }

    @Test(arguments: ["text", "jsonl", "jsonl-clocks"], [1, 16])
    func theSameSeedGivesTheSameBytes(_ kind: String, _ processes: Int) throws {
        let first = try Self.generate(kind, processes: processes, seed: 7)
        #expect(try Self.generate(kind, processes: processes, seed: 7) == first)
        #expect(try Self.generate(kind, processes: processes, seed: 8) != first)
        let lines = first.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == Self.events)
    }

    @Test(arguments: ["text", "jsonl", "jsonl-clocks"])
    func everyLineIsAnEvent(_ kind: String) throws {
        let bytes = try Self.generate(kind, processes: 16, seed: 1)
        let format = kind == "text" ? LogFormat.text() : .jsonl(fields: nil)
        #expect(try Self.eventCount(bytes, format) == Self.events)
    }

    /// Each receive names a send that came before it, of another process; about half of all are messages.
    @Test func causesAreSends() throws {
        var sends: Set<String> = []
        var receives = 0
        for object in try Self.objects(Self.generate("jsonl", processes: 16, seed: 1)) {
            let process = try #require(object["process"] as? String)
            let sequence = try #require(object["seq"] as? Int)
            switch object["kind"] as? String {
            case "send": sends.insert("\(process):\(sequence)")
            case "receive":
                let cause = try #require(object["cause"] as? String)
                #expect(sends.contains(cause))
                #expect(!cause.hasPrefix(process + ":"))
                receives += 1
            default: #expect(object["cause"] == nil)
            }
        }
        #expect((Self.events * 2 / 5...Self.events * 3 / 5).contains(sends.count + receives))
    }

    /// Nearly all messages stay in their service; those of a node's eight processes, in twos, are of that node.
    @Test func servicesTalkAmongThemselves() throws {
        let bytes = try Self.generate("jsonl", processes: 16, serviceSize: 2, seed: 1)
        var staying = 0
        var leaving = 0
        for object in try Self.objects(bytes) {
            guard let cause = object["cause"] as? String else { continue }
            let process = try #require(object["process"] as? String)
            let stays = cause.prefix { $0 != "/" } == process.prefix { $0 != "/" }
            if stays { staying += 1 } else { leaving += 1 }
        }
        #expect(leaving > 0)
        #expect(staying > 9 * leaving)
    }

    /// Clocks never go back, and say of their own process which event this is.
    @Test func clocksGrow() throws {
        var clocks: [String: [String: Int]] = [:]
        for object in try Self.objects(Self.generate("jsonl-clocks", processes: 16, seed: 1)) {
            let process = try #require(object["process"] as? String)
            let clock = try #require(object["clock"] as? [String: Int])
            let before = clocks[process] ?? [:]
            #expect(clock[process] == (before[process] ?? 0) + 1)
            for (other, sequence) in before { #expect(clock[other] ?? 0 >= sequence) }
            clocks[process] = clock
        }
        #expect(clocks.count == 16)
    }
}
