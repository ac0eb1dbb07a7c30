import Causality
import Disks
import Foundation
import Testing

@testable import HappensBefore
@testable import Parts

/// What is wrong with an order file is named, wherever it is. That nothing is found wrong with those that are written is checked
/// in the worlds of `Tests/Simulation`.
@Suite struct OrderFileSurveyTests {
    private static func bytes(of file: any DiskFile) throws -> [UInt8] {
        try file.read(at: 0, count: file.byteCount())
    }

    @Test func itTellsWhatThereIs() throws {
        let history = OrderFileTests.history(
            seed: 5, processes: 4, events: 2_000, lostPerMille: 20)
        let file = try OrderFileTests.write(history)
        let survey = try OrderFileSurvey(OrderFile(file))
        #expect(survey.problems == [])
        #expect(survey.sliceEventCount == history.countEvents())
        #expect(try survey.bytes.values.reduce(0, +) == file.byteCount())
        #expect(survey.bytes.count == OrderFileSurvey.Section.allCases.count)
        let messages = MessageEdges(history)
        let arrivals = history.processes.indices.reduce(0) {
            $0 + messages.arrivals(at: $1, in: 0..<history.processes[$1].count).count
        }
        #expect(survey.messageCount == arrivals && survey.messagesOfMissingSends > 0)
        #expect(survey.missingSends == history.learnedFromMissing.count)
        for process in survey.processes {
            let line = history.processes[try #require(history.index(of: process.facts.id))]
            #expect(process.last == line.last && process.gaps == line.gaps)
            let uncertain = (0..<line.count).filter { line.isUncertain(at: $0) }
            #expect(process.uncertainEvents == uncertain.count)
            #expect(process.uncertainRuns <= uncertain.count)
        }
        let defects = history.defects(messages)
        #expect(survey.defects == defects.reduce(into: [:]) { $0[$1.kind, default: 0] += 1 })
        #expect(survey.resumption != nil)
    }

    @Test func everyByteThatIsFlippedIsNamed() throws {
        let history = OrderFileTests.history(seed: 5, processes: 3, events: 300, lostPerMille: 20)
        let bytes = try Self.bytes(of: OrderFileTests.write(history))
        let file = try SimulatedDisk().open("/flipped", .create)
        for offset in bytes.indices {
            var flipped = bytes
            flipped[offset] ^= 0x41
            try file.truncate(to: 0)
            try file.write(flipped, at: 0)
            do {
                let problems = try OrderFileSurvey(OrderFile(file)).problems
                let isNamed = problems.contains { "\($0)".hasPrefix("/flipped, byte ") }
                #expect(isNamed, "byte \(offset)")
            } catch {
                #expect("\(error)".hasPrefix("/flipped, byte "))
            }
        }
    }

    /// Of files whose checksums are right.
    @Test func whatDoesNotFitTogetherIsNamed() throws {
        let history = OrderFileTests.history(seed: 5, processes: 3, events: 300, lostPerMille: 20)
        let whole = try OrderFileContents(whole: history, MessageEdges(history), places: [:]) {}
        func problems(
            settled: Set<Int>? = nil, _ tally: DefectTally? = nil, _ resumption: Resumption? = nil
        ) throws -> String {
            let contents = OrderFileContents(
                history, whole.messages, whole.times, whole.defects, tally: tally ?? whole.tally,
                resumption ?? whole.resumption, settled: settled ?? whole.settled, places: [:])
            let file = try SimulatedDisk().open("/crafted", .create)
            try OrderFileWriter.write(contents, to: file)
            return "\(try OrderFileSurvey(OrderFile(file)).problems)"
        }
        #expect(try problems() == "[]")
        var tally = whole.tally
        tally.clocks[0, default: DefectTally.Clock()].latest = 1 << 40
        #expect(try problems(tally).contains("the clock of process"))
        var resumption = try #require(whole.resumption)
        resumption.processes[0].stamps = [StampRun(position: 1 << 20, stamp: .complete)]
        #expect(try problems(nil, resumption).contains("goes on from what it has not"))
        #expect(try problems(settled: []).contains("processes go on that are not settled"))
    }

    /// The same of single numbers: a third of those that are one too high is seen by somebody who looks at all of them.
    @Test func aNumberThatIsWrongIsOftenNamed() throws {
        let history = OrderFileTests.history(seed: 5, processes: 3, events: 300, lostPerMille: 20)
        let bytes = try Self.bytes(of: OrderFileTests.write(history))
        let file = try SimulatedDisk().open("/crafted", .create)
        try file.write(bytes, at: 0)
        let survey = try OrderFileSurvey(OrderFile(file))
        var (named, count) = (0, 0)
        for place in survey.places {
            for offset in place.offset..<place.offset + place.byteCount {
                var crafted = bytes
                crafted[offset] &+= 1
                var writer = ByteWriter()
                writer.fixed32(crc32(crafted[place.offset..<place.offset + place.byteCount]))
                crafted.replaceSubrange(
                    place.offset + place.byteCount..<place.end, with: writer.bytes)
                try file.write(crafted, at: 0)
                count += 1
                if try !OrderFileSurvey(OrderFile(file)).problems.isEmpty { named += 1 }
            }
        }
        #expect(named * 3 > count, "\(named) of \(count)")
    }
}
