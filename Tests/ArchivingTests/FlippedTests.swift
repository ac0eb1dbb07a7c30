import Causality
import Collector
import Disks
import Exporting
import Foundation
import HappensBefore
import Querying
import Testing

@testable import Archiving

/// Each byte of a part and of an order file is changed in turn: what is asked of the archive then is never answered wrongly, what
/// is lost is named, and what can be derived is derived anew. One of `LIGHTCONE_FLIPS_STRIDE` bytes (1 takes all of them).
@Suite struct FlippedTests {
    private static let stride =
        ProcessInfo.processInfo.environment["LIGHTCONE_FLIPS_STRIDE"].flatMap { Int($0) }

    private static func ask(
        _ store: ArchiveStore, _ verb: String, _ parameters: [String: [String]] = [:]
    ) throws -> String {
        let options = Question.Options(execution: "main")
        return try store.answering(options).written(
            Question(verb, QuestionParameters(parameters)), as: .json
        ).text()
    }

    private struct Shown: Decodable {
        var process: String?
        var seq: UInt64?
        var text: String?
        var order: String?
        var kind: String?
        var unreadable: String?
    }

    private static func lines(_ text: String) throws -> [Shown] {
        try text.split(separator: "\n").map {
            try JSONDecoder().decode(Shown.self, from: Data($0.utf8))
        }
    }

    /// What is here of each event, and how pairs of them are ordered.
    private struct Answers {
        var events: Set<String>
        /// How many are said to be here, and cannot be read.
        var unreadable: Int
        var orders: [String]

        init(_ store: ArchiveStore, _ pairs: [(String, String)]) throws {
            let timeline = try lines(ask(store, "timeline"))
            unreadable = timeline.count { $0.unreadable != nil }
            events = Set(
                timeline.compactMap { line in
                    // Runs of one name are told apart as far as both are here.
                    line.process.map {
                        "\($0.prefix { $0 != "@" }):\(line.seq ?? 0) \(line.text ?? "")"
                    }
                })
            orders = try pairs.map { a, b in
                do {
                    return try lines(ask(store, "order", ["a": [a], "b": [b]]))[0].order ?? ""
                } catch is QuestionError {
                    // Nothing is known of it any more.
                    return "unknown"
                }
            }
        }
    }

    @Test func aPart() throws {
        let world = try MergingWorld(seed: 3)
        let pairs: [(String, String)]
        let expected: Answers
        let expectedJumps: [String]
        do {
            let archive = try world.open()
            try archive.mergeAll()
            let store = ArchiveStore(archive)
            let lasts = try store.graph(of: "main").history.processes
                .filter { line in
                    line.count > 0 && !line.id.name.isEmpty && !"\(line.id)".contains("@")
                }
                .map { "\($0.id):\(($0.first + $0.last) / 2)" }.sorted()
            pairs = Array(zip(lasts, lasts.dropFirst()))
            expected = try Answers(store, pairs)
            expectedJumps = try lines(Self.ask(store, "defects"))
                .filter { $0.kind == "clock-jump" }.compactMap(\.text)
        }
        let name = try #require(try world.parts().first)
        let path = "\(world.folder.path)/parts/\(name)"
        let whole = try world.disk.open(path, .read).read(at: 0, count: 1 << 20)
        var (lost, unknown) = (0, 0)
        for byte in Swift.stride(from: 0, to: whole.count, by: Self.stride ?? 97) {
            try world.disk.change(path) { $0[byte] ^= 1 << UInt8(byte % 8) }
            do {
                let archive = try Archive(world.folder.path, .readOnly, disk: world.disk)
                let store = ArchiveStore(archive)
                let answers = try Answers(store, pairs)
                let others = answers.events.subtracting(expected.events)
                #expect(others.isEmpty, "byte \(byte)")
                for (order, right) in zip(answers.orders, expected.orders)
                where order != right {
                    #expect(order == "unknown", "byte \(byte)")
                    unknown += 1
                }
                let defects = try lines(Self.ask(store, "defects"))
                let jumps = defects.filter { $0.kind == "clock-jump" }.compactMap(\.text)
                #expect(
                    jumps.allSatisfy { expectedJumps.contains($0) },
                    "byte \(byte): what is lost is not missing in its source: \(jumps)")
                lost += answers.events.count < expected.events.count ? 1 : 0
                // Whose order is known is listed as unreadable; the others are defects.
                if answers.events.count + answers.unreadable < expected.events.count {
                    let named = defects.contains {
                        $0.kind == "damaged-frame" && ($0.text ?? "").contains(name.dropLast(7))
                    }
                    let texts = defects.map { $0.text ?? "" }
                    #expect(named, "byte \(byte) of \(whole.count): lost without a word: \(texts)")
                }
            }
            if byte % 4 == 0 {
                let problems = try world.rebuild().problems
                #expect(problems.count { $0.hasPrefix(path) } == 1, "byte \(byte): \(problems)")
            }
            try world.disk.change(path) { $0 = whole }
        }
        #expect(lost > 0 && unknown > 0)
        let (archive, problems) = try world.rebuild()
        #expect(problems == [])
        let answers = try Answers(ArchiveStore(archive), pairs)
        #expect(answers.events == expected.events && answers.orders == expected.orders)
    }

    private func lines(_ text: String) throws -> [Shown] { try Self.lines(text) }

    @Test func anOrderFile() throws {
        let world = try MergingWorld(seed: 3)
        let archive = try world.open()
        let expected = try world.answers(archive)
        let store = ArchiveStore(archive)
        try store.keepOrder(of: "main", eventsMin: 1)
        // One that is written anew has another name.
        func path() throws -> String {
            let names = try world.disk.names(world.folder.path + "/order")
            #expect(names.count == 1)
            return "\(world.folder.path)/order/\(try #require(names.first))"
        }
        func bytes() throws -> [UInt8] {
            try world.disk.open(path(), .read).read(at: 0, count: 1 << 20)
        }
        let whole = try bytes()
        expectSame(try world.answers(archive), expected)
        var derived = 0
        for byte in Swift.stride(from: 0, to: whole.count, by: Self.stride ?? 97) {
            try world.disk.change(path()) { $0[byte] ^= 1 << UInt8(byte % 8) }
            let store = ArchiveStore(archive)
            expectSame(try MergingWorld.answers(store), expected)
            // Who noticed it writes it anew.
            try store.keepOrder(of: "main", eventsMin: 1)
            if try bytes() == whole {
                derived += 1
            } else {
                try world.disk.change(path()) { $0 = whole }
            }
        }
        // But for what only a history needs that goes on from there.
        #expect(derived > whole.count / (Self.stride ?? 97) * 6 / 10)
    }
}
