import Foundation
import Testing

/// A collector that merges every second, while three agents ship, is killed again and again: what it had acknowledged is there,
/// once, and it answers as one that nobody disturbed. `LIGHTCONE_STORM_KILLS` says how often (8, unless told otherwise).
@Suite(.serialized) struct MergingStormTests {
    private static let kills =
        ProcessInfo.processInfo.environment["LIGHTCONE_STORM_KILLS"].flatMap { Int($0) } ?? 8
    /// Bytes of the smallest segments that there are: some are sealed each second.
    private static let segmentBytes = 4096

    /// A program on each host, whose log an agent follows. Each fifth event is a message to the next one.
    private final class Crowd {
        static let hosts = ["h1", "h2", "h3"]
        private let folder: TemporaryFolder
        private(set) var written = 0

        init(_ folder: TemporaryFolder) { self.folder = folder }

        static func text(_ process: String, _ number: Int) -> String {
            "step \(number) of \(process) took \(number &* 7919 % 1000) ms"
        }

        /// Lets each program do a little more.
        func act(_ count: Int) throws {
            for (index, host) in Self.hosts.enumerated() {
                var lines = ""
                for number in written + 1...written + count {
                    lines += #"{"process":"\#(host)","seq":\#(number),"time":"2026-01-01T00:"#
                    lines += String(format: "%02d:%02d", number / 600 % 60, number / 10 % 60)
                    lines += #".\#(number % 10)0\#(index)Z","text":"\#(Self.text(host, number))""#
                    let sender = Self.hosts[(index + 2) % 3]
                    switch number % 5 {
                    case 0: lines += #","kind":"send"}"#
                    case 3 where number > 5:
                        lines += #","kind":"receive","cause":"\#(sender):\#(number - 3)"}"#
                    default: lines += #","kind":"local"}"#
                    }
                    lines += "\n"
                }
                try folder.append("\(host).jsonl", lines)
            }
            written += count
        }

        /// The agents of all hosts. Each spool has a name of its own, so that they ship to a second collector too.
        func agents(_ spool: String, _ url: String) throws -> [RunningProgram] {
            try Self.hosts.map { host in
                let config = try folder.write(
                    "\(spool)-\(host).yaml",
                    """
                    collector: \(url)
                    host: \(host)
                    spool: \(folder.path)/\(spool)-\(host)
                    follow: [jsonl:\(folder.path)/\(host).jsonl]
                    segmentBytesMax: \(MergingStormTests.segmentBytes)
                    """)
                return try RunningProgram(
                    ["agent", "--config", config], log: "\(folder.path)/\(spool)-\(host).log")
            }
        }
    }

    /// How many events of each process are there, by a question. Others may cite later ones, which are on their way.
    private func counts(_ source: String) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in try Program.lightcone("processes", "--source", source, "--json").objects {
            guard let process = line["process"] as? String else { continue }
            counts[process] = line["events"] as? Int
        }
        return counts
    }

    /// Fails unless a folder has the events of each process from 1 on, each once and unchanged, up to `least` or further.
    private func expectAll(_ source: String, least: [String: Int], _ when: String) throws {
        var last: [String: Int] = [:]
        var wrong = 0
        let events = try Program.lightcone("export", "--format", "ndjson", "--source", source)
        #expect(events.status == 0 || events.output.isEmpty, "\(when): \(events.errors)")
        for line in events.output.split(separator: "\n") {
            let event = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let process = try #require(event["process"] as? String)
            let number = (last[process] ?? 0) + 1
            let isRight =
                event["seq"] as? Int == number
                && event["text"] as? String == Crowd.text(process, number)
            if !isRight { wrong += 1 }
            last[process] = number
        }
        #expect(wrong == 0, "\(when)")
        for (process, least) in least {
            #expect(last[process] ?? 0 >= least, "\(when): \(process) was acknowledged")
        }
    }

    /// Fails where something lies about that is not of use, or twice: a part that was begun, a segment that is in a part too.
    /// Returns how many events the files hold.
    private func expectTidy(_ source: String, _ when: String) throws -> Int {
        let names = try FileManager.default.contentsOfDirectory(atPath: source + "/parts").sorted()
        #expect(names.allSatisfy { $0.hasSuffix(".lcpart") }, "\(when): \(names)")
        var rows = 0
        var seen: Set<String> = []
        for name in names where name.hasSuffix(".lcpart") {
            let path = "\(source)/parts/\(name)"
            let lines = try Program.lightcone("part", "inspect", path, "--json").objects
            for segment in lines.compactMap({ $0["segment"] as? String }) {
                #expect(seen.insert(segment).inserted, "\(when): \(segment) is in two parts")
            }
            let verified = try Program.lightcone("part", "verify", path, "--json").objects
            rows += verified.first?["events"] as? Int ?? 0
            #expect(verified.first?["intact"] as? Bool == true, "\(when): \(verified)")
        }
        for path in try JourneyTests.segments(source + "/segments") {
            let id = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
            #expect(!seen.contains(id), "\(when): \(id) is in a part, and beside it")
            for line in try Program.lightcone("segment", "inspect", path, "--json").objects
            where line["process"] != nil {
                rows += line["events"] as? Int ?? 0
            }
        }
        return rows
    }

    private func parts(_ source: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: source + "/parts")) ?? []
    }

    /// Lets the programs go on for a while: a random one, or until a merge is under way.
    private func storm(_ crowd: Crowd, _ source: String, isAimed: Bool) throws {
        let deadline = Date().addingTimeInterval(isAimed ? 4 : .random(in: 0.3...2))
        var next = Date()
        while Date() < deadline {
            if isAimed, parts(source).contains(where: { $0.hasSuffix(".new") }) { return }
            if Date() >= next {
                try crowd.act(60)
                next = Date().addingTimeInterval(0.05)
            }
            RunLoop.current.run(until: Date().addingTimeInterval(0.001))
        }
    }

    private static func questions(_ last: Int) -> [[String]] {
        let (early, middle) = ("h1:\(last / 10)", "h2:\(last / 2)")
        return [
            ["executions"], ["processes"], ["gaps"], ["defects"], ["order", early, middle],
            ["order", middle, "h3:\(last / 2)"], ["past", middle, "--count"],
            ["future", early, "--count"], ["concurrent", middle, "--count"], ["cut", middle],
            ["show", middle], ["path", early, middle], ["view", "h3", "--at", middle],
            ["timeline", "--last", "100"], ["timeline", #"{ text =~ "took 77. ms" }"#],
        ]
    }

    @Test func whatWasAcknowledgedIsThereOnce() throws {
        let folder = try TemporaryFolder()
        let crowd = Crowd(folder)
        let collector = try RunningCollector(folder, "--merge-seconds", "1")
        var agents = try crowd.agents("spool", collector.url)
        var merges = 0
        for kill in 0..<Self.kills {
            let before = parts(collector.data)
            try storm(crowd, collector.data, isAimed: kill % 2 == 1)
            let seen = kill % 2 == 0 ? try counts(collector.url) : [:]
            collector.kill()
            merges += parts(collector.data) == before ? 0 : 1
            try expectAll(collector.data, least: seen, "kill \(kill)")
            if kill % 3 == 0 {
                // Whoever opens it to write clears up: here one that has nothing else to do.
                #expect(
                    try Program.lightcone("drop", "nothing", "--data", collector.data).status == 1)
                _ = try expectTidy(collector.data, "kill \(kill)")
            }
            if kill % 4 == 2 { agents.removeLast().kill() }
            try collector.start()
            if agents.count < Crowd.hosts.count {
                for agent in agents { agent.kill() }
                agents = try crowd.agents("spool", collector.url)
            }
        }
        #expect(merges >= Self.kills / 2, "it merges while it is killed")
        let count = crowd.written * Crowd.hosts.count
        try waitUntil("all events arrived") { try collector.eventCount() == count }
        for agent in agents { #expect(agent.stop() == 0, "\(agent.text)") }

        let calm = try RunningCollector(folder, data: "calm")
        agents = try crowd.agents("calm-spool", calm.url)
        try waitUntil("all events arrived") { try calm.eventCount() == count }
        for agent in agents { #expect(agent.stop() == 0, "\(agent.text)") }
        for question in Self.questions(crowd.written) {
            let (disturbed, expected) = try (
                Program.lightcone(question + ["--json", "--source", collector.url]),
                Program.lightcone(question + ["--json", "--source", calm.url])
            )
            // When the agents last looked is their own.
            let readUpTo = /,"readUpTo":"[^"]*"/
            #expect(
                disturbed.output.replacing(readUpTo, with: "")
                    == expected.output.replacing(readUpTo, with: ""), "\(question)")
            #expect(disturbed.status == expected.status, "\(question)")
        }
        #expect(calm.program.stop() == 0)
        #expect(collector.program.stop() == 0)
        _ = try Program.lightcone("drop", "nothing", "--data", collector.data)
        let least = Dictionary(uniqueKeysWithValues: Crowd.hosts.map { ($0, crowd.written) })
        try expectAll(collector.data, least: least, "at the end")
        #expect(try expectTidy(collector.data, "at the end") == count)
        #expect(!parts(collector.data).isEmpty)
    }
}
