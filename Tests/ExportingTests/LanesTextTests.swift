import Causality
import Foundation
import Querying
import SimulatedHistories
import Testing

@testable import Exporting

/// Space-time diagrams.
@Suite struct LanesTextTests {
    /// A history that grows event by event, in causal order.
    struct Story {
        var rows: [ShownRow] = []
        var numbers: [String: UInt64] = [:]

        /// The id of the event that was added.
        @discardableResult
        mutating func add(
            _ process: String, _ text: String = "", from causes: [String] = [],
            ghosts: [String] = [], kind: String = "", level: Level? = nil, skipping: UInt64 = 0
        ) -> String {
            numbers[process, default: 0] += 1 + skipping
            let number = numbers[process]!
            rows.append(
                ShownRow(
                    id: "\(process):\(number)", process: process, host: process, sequence: number,
                    kind: kind, name: "", text: text, level: level,
                    time: WallTime(nanoseconds: Int64(rows.count) * 1_500_000_000),
                    attributes: [], causes: causes + ghosts, ghosts: ghosts))
            return "\(process):\(number)"
        }
    }

    /// All that a diagram can show: an arrow at once, one to several, one that is overtaken, both ways, a run, a gap at each
    /// place, a sender that is missing, one that is not asked for, and a warning.
    static let story: (Story, [ShownGap]) = {
        var story = Story()
        for text in ["boots", "reads", "listens"] { story.add("api", text) }
        let order = story.add("web", "POST /orders")
        story.add("api", "POST /orders", from: [order])
        let late = story.add("web", "audit", kind: "send")
        let copies = story.add("web", "replicate", kind: "send")
        story.add("db-1", "replicate", from: [copies])
        story.add("db-2", "replicate", from: [copies])
        story.add("web", "slow", level: .warning)
        let answer = story.add("db-2", "done")
        story.add("api", "audit", from: [late])
        story.add("web", "both", from: [answer], ghosts: ["db-1:3"])
        story.add("db-1", "after the gap", skipping: 3)
        story.add("db-1", "of another", from: ["elsewhere:7"])
        story.add("db-2", "last", from: ["web:2"])
        story.add("api", "nobody takes it", kind: "send")
        let gaps = [
            ShownGap(process: "db-1", first: 2, last: 4),
            ShownGap(process: "web", first: 6, last: 7),
            ShownGap(process: "nobody", first: 1, last: 2),
        ]
        return (story, gaps)
    }()

    /// Twelve that send to one another in a ring, every other message late.
    static let ring: Story = {
        var story = Story()
        var last: String?
        var late: [(String, Int)] = []
        for step in 0..<30 {
            let place = step % 12
            let id = story.add(
                "service-\(place + 1)", "step \(step)", from: last.map { [$0] } ?? [])
            if step % 3 == 0 { late.append((id, (place + 5) % 12)) }
            if step % 7 == 6 {
                let (cause, to) = late.removeFirst()
                story.add("service-\(to + 1)", "late", from: [cause])
            }
            last = id
        }
        return story
    }()

    static func drawn(
        _ rows: [ShownRow], _ gaps: [ShownGap] = [], width: Int?, isASCII: Bool = false,
        isColored: Bool = false
    ) throws -> String {
        var lanes = LanesText(
            LanesForm(width: width, isColored: isColored, isASCII: isASCII), gaps: gaps)
        var text = ""
        for row in rows { text += lanes.add(.event(row)) }
        return try text + lanes.finish()
    }

    @Test(arguments: [
        ("story-80.txt", 80 as Int?, false), ("story-60-ascii.txt", 60, true),
        ("story-wide.txt", nil, false),
    ])
    func storyIsDrawn(file: String, width: Int?, isASCII: Bool) throws {
        let (story, gaps) = Self.story
        try expectGolden(
            try Self.drawn(story.rows, gaps, width: width, isASCII: isASCII), file)
    }

    @Test(arguments: [("ring-80.txt", 80), ("ring-120.txt", 120)])
    func twelveProcessesFitAScreen(file: String, width: Int) throws {
        try expectGolden(try Self.drawn(Self.ring.rows, width: width), file)
    }

    @Test func tooManyProcessesAreRefusedWithAWayOut() throws {
        var story = Story()
        for number in 0..<40 { story.add("p\(number)") }
        story.add("p7")
        let error = #expect(throws: QuestionError.self) {
            try Self.drawn(story.rows, width: 80)
        }
        #expect(error?.kind == .misuse)
        #expect(
            error?.text
                == "40 processes do not fit side by side into 80 columns, 16 do: choose some, such as --process p7 --process p0 --process p1 --process p2, or make the diagram wider with --wide"
        )
        #expect(try Self.drawn(story.rows, width: nil).contains("p39:1"))
    }

    /// Of random histories with gaps and messages that are late: no line is wider than the screen, every event is there once,
    /// each arrow ends at the event that took its message, and the picture says the same with and without colours.
    @Test(arguments: 0..<60)
    func anyHistoryIsDrawnWhole(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let names = (0..<Int.random(in: 1...9, using: &random)).map { "p\($0)" }
        var (story, gaps): (Story, [ShownGap]) = (Story(), [])
        for _ in 0..<80 {
            let name = names.randomElement(using: &random)!
            let isGap = Int.random(in: 0..<12, using: &random) == 0
            let before = story.numbers[name] ?? 0
            var causes: [String] = []
            if Int.random(in: 0..<3, using: &random) == 0,
                let row = story.rows.randomElement(using: &random),
                row.process != name
            {
                causes = [row.id]
            }
            story.add(name, from: causes, skipping: isGap ? 2 : 0)
            if isGap { gaps.append(ShownGap(process: name, first: before + 1, last: before + 2)) }
        }
        let width = Int.random(in: 60...120, using: &random)
        let plain = try Self.drawn(story.rows, gaps, width: width)
        for line in plain.split(separator: "\n") {
            #expect(TextWidth.columns(String(line)) <= width)
        }
        let whole = try Self.drawn(story.rows, gaps, width: nil)
        let arrows = whole.split(separator: "\n").reduce(0) { sum, line in
            sum + line.prefix(14 + names.count * 16).count { $0 == ">" || $0 == "<" }
        }
        let messages = story.rows.reduce(0) { $0 + $1.causes.count }
        // Those for which there is no room are told in words.
        #expect(arrows <= messages && arrows * 10 >= messages * 5)
        let items = LaneItems(story.rows, gaps, isWhole: true)
        #expect(items.items.reduce(0) { $0 + $1.count } == story.rows.count)
        #expect(items.messages.count == messages)
        #expect(items.messages.allSatisfy { $0.fromRow <= $0.toRow })
        for (row, parts) in items.rows.enumerated() where parts.count == 2 {
            #expect(items.messages.contains { $0.fromRow == row && $0.toRow == row })
        }
        let colored = try Self.drawn(story.rows, gaps, width: width, isColored: true)
        #expect(colored.replacing(#/\u{1b}\[[0-9;]*m/#, with: "") == plain)
    }

    /// A send of which one message arrives at once and another late stands in a row by itself: the late one's line would begin
    /// at the wrong end of the arrow.
    @Test func aSendWithALateMessageIsNoPair() throws {
        var story = Story()
        let send = story.add("a", "send")
        story.add("b", "at once", from: [send])
        story.add("a", "goes on", level: .warning)
        story.add("c", "late", from: [send])
        let items = LaneItems(story.rows, [], isWhole: true)
        #expect(items.rows.map(\.count) == [1, 1, 1, 1])
        #expect(
            try Self.drawn(story.rows, width: nil, isASCII: true).split(separator: "\n").dropFirst(
                2
            )
            .map { $0.dropFirst(14).prefix(13) } == [
                "*---------.  ", "+---->*   |  ", "o         |  ", "          '>*",
            ])
    }

    /// Whatever names and texts hold, a terminal has nothing to obey.
    @Test func nothingInADiagramHarmsATerminal() throws {
        var story = Story()
        let bad = "x\u{1b}[2J\u{202e}\n\u{7}"
        let first = story.add(bad, bad)
        story.add("y\(bad)", bad, from: [first], ghosts: ["z\(bad):1"], level: .error)
        for text in [bad, bad, bad] { story.add(bad, text) }
        story.add(bad, bad, skipping: 2)
        let gaps = [ShownGap(process: bad, first: 5, last: 6)]
        var lanes = LanesText(LanesForm(width: 100, isColored: false, isASCII: true), gaps: gaps)
        for row in story.rows { _ = lanes.add(.event(row)) }
        _ = lanes.add(.unreadable(id: bad, text: bad))
        _ = lanes.add(.stopped(bad))
        let text = try lanes.finish()
        #expect(text == printable(text, keeping: .lineBreaks))
        #expect(text.contains("3 events") && text.contains(":5-6") && text.contains("stopped: x"))
    }

    private func expectGolden(_ text: String, _ file: String) throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Golden/\(file)")
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Data(text.utf8).write(to: url)
            Issue.record("\(file) was recorded anew: run again without RECORD_GOLDEN")
        }
        #expect(try String(contentsOf: url, encoding: .utf8) == text)
    }
}
