import Causality
import Foundation
import LogFormats
import Testing

func reader(_ format: LogFormat, host: String? = nil) throws -> LogReader {
    try LogReader(format, LogReader.Options(host: host))
}

/// All items of a whole log.
func items(_ bytes: [UInt8], _ format: LogFormat, host: String? = nil) throws -> LogItems {
    var reader = try reader(format, host: host)
    var sink = LogSink(unmatchedMax: .max)
    let consumed = reader.read(bytes, isFinal: true, into: &sink)
    guard consumed == bytes.count else { throw Failure("consumed \(consumed) of \(bytes.count)") }
    return LogItems(&sink)
}

func items(_ text: String, _ format: LogFormat, host: String? = nil) throws -> LogItems {
    try items(Array(text.utf8), format, host: host)
}

/// All items of a log that comes in pieces, with a restart before each piece if asked for.
func items(
    _ bytes: [UInt8], _ format: LogFormat, restarts: Bool, pieces: () -> Int
) throws -> LogItems {
    var current = try reader(format)
    var sink = LogSink(unmatchedMax: .max)
    var consumed = 0
    var end = 0
    while true {
        end = min(bytes.count, end + pieces())
        let isFinal = end == bytes.count
        if restarts {
            let state = current.storedState()
            current = try reader(format)
            try current.restore(state)
            guard current.storedState() == state else {
                throw Failure("the state changed on its way")
            }
        }
        consumed += current.read(Array(bytes[consumed..<end]), isFinal: isFinal, into: &sink)
        if isFinal { break }
    }
    guard consumed == bytes.count else { throw Failure("consumed \(consumed) of \(bytes.count)") }
    return LogItems(&sink)
}

struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What a log says: its events, whose they are, and its lines that are none.
struct LogItems: Equatable {
    var keys: [ProcessKey] = []
    var events: [Event] = []
    var unmatched: [UnmatchedLine] = []

    /// What a sink holds, with whole clocks. The unmatched lines are taken from it.
    init(_ sink: inout LogSink) {
        for (key, event) in sink.batch.events() {
            keys.append(key)
            events.append(event)
        }
        let (lines, count) = sink.takeUnmatched()
        precondition(lines.count == count, "unmatched lines that were counted only")
        unmatched = lines
    }

    var count: Int { events.count + unmatched.count }
    var isEmpty: Bool { count == 0 }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// The folder of the published logs, or nil where there is none: said on standard output.
let sharedLogs: URL? = {
    var candidates: [URL] = []
    if let path = ProcessInfo.processInfo.environment["LIGHTCONE_SHARED_LOGS"] {
        candidates.append(URL(fileURLWithPath: path))
    }
    var folder = URL(fileURLWithPath: #filePath)
    while folder.path != "/" {
        folder.deleteLastPathComponent()
        candidates.append(folder.appendingPathComponent("shared/data"))
    }
    let found = candidates.first {
        FileManager.default.fileExists(atPath: $0.appendingPathComponent("index.json").path)
    }
    if found == nil {
        print("skipped: no shared/data/index.json above \(#filePath), and no LIGHTCONE_SHARED_LOGS")
    }
    return found
}()

/// An entry of index.json or more.json.
struct SharedLog: Decodable, CustomTestStringConvertible {
    struct Execution: Decodable {
        var label: String
        var events: Int
        var hosts: Int
    }

    var file: String
    var format: String
    var header: Bool?
    var regex: String?
    var delimiter: String?
    var fields: [String: String]?
    var executions: [Execution]

    var testDescription: String { file }

    var logFormat: LogFormat {
        if header == true { return .shiviz }
        if format == "jsonl" { return .jsonl(fields: fields?.filter { $0.key != "trace" }) }
        return .regex(pattern: regex ?? "", delimiter: delimiter)
    }

    var bytes: [UInt8] {
        get throws {
            guard let sharedLogs else { throw Failure("no shared logs") }
            return Array(try Data(contentsOf: sharedLogs.appendingPathComponent(file)))
        }
    }

    static let all: [SharedLog] = {
        ["index.json", "more.json"].flatMap { name -> [SharedLog] in
            guard let sharedLogs,
                let data = try? Data(contentsOf: sharedLogs.appendingPathComponent(name))
            else { return [] }
            return (try? JSONDecoder().decode([SharedLog].self, from: data)) ?? []
        }
    }()

    static let goVector = all.filter { $0.regex == "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)" }
}
