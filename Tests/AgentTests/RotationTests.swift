import Causality
import Disks
import LogFormats
import Logging
import Synchronization
import Testing

@testable import Agent

@Suite struct RotationTests {
    private final class Clock: Sendable {
        let seconds = Mutex(1000)
    }

    /// Several files were written and rotated away between two looks: they are read after the one that was followed, one after
    /// the other, as they were written, and as one process.
    ///
    /// - Parameters:
    ///   - step: Seconds between two rotations; where it is 0 the numbers in the names decide.
    ///   - looksBetween: Whether the agent looks when the file has been renamed, and there is no other one of its name yet.
    @Test(arguments: [0, 1], [false, true])
    func unseenSiblingsAreReadInTheOrderInWhichTheyWereWritten(
        step: Int, looksBetween: Bool
    ) async throws {
        let clock = Clock()
        let disk = SimulatedDisk(seconds: { clock.seconds.withLock { $0 } })
        try disk.make(folder: "/logs")
        func write(_ text: String, to path: String = "/logs/a.log") throws {
            let file = try disk.open(path, .create)
            try file.write(Array("\(text) 1\n\(text) 2\n".utf8), at: 0)
        }
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:1", host: "h", spool: "/spool",
            follow: [.init(format: .text(), path: "/logs/a.log", execution: "main")], disk: disk)
        configuration.data = "/data"
        // Nothing is committed: all that was read is in the sink.
        configuration.commitMilliseconds = 60_000
        let agent = try SourceRecorder(configuration, logger: Logger(label: "test"))
        let wall = WallTime(nanoseconds: 1)
        // Rotated away before anybody followed: not read, whatever it is called later.
        try write("older", to: "/logs/a.log.1")
        try write("first")
        for now in [0, 0.1] { _ = await agent.tick(now, wall: wall) }

        for text in ["second", "third", "fourth", "fifth"] {
            for place in (1..<9).reversed() where try disk.status("/logs/a.log.\(place)") != nil {
                try disk.rename("/logs/a.log.\(place)", to: "/logs/a.log.\(place + 1)")
            }
            try disk.rename("/logs/a.log", to: "/logs/a.log.1")
            if looksBetween, text == "second" { _ = await agent.tick(0.2, wall: wall) }
            clock.seconds.withLock { $0 += step }
            try write(text)
        }
        for now in 1...20 { _ = await agent.tick(Double(now), wall: wall) }

        let events = await agent.sink.batch.events().map(\.event)
        let texts = ["first", "second", "third", "fourth", "fifth"]
        #expect(events.map(\.text) == texts.flatMap { ["\($0) 1", "\($0) 2"] })
        #expect(events.map(\.id.sequence) == Array(1...10))
        #expect(Set(events.map(\.id.process)).count == 1)
    }

    /// A stack trace that grows is one event, once nothing was added for a while or the next event begins.
    @Test func aStackTraceThatGrowsIsOneEvent() async throws {
        let disk = SimulatedDisk(seconds: { 1_000 })
        try disk.make(folder: "/logs")
        let file = try disk.open("/logs/a.log", .create)
        var size = 0
        func append(_ text: String) throws {
            try file.write(Array(text.utf8), at: size)
            size += text.utf8.count
        }
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:1", host: "h", spool: "/spool",
            follow: [
                .init(format: .text(multiline: "^[0-9]"), path: "/logs/a.log", execution: "main")
            ], disk: disk)
        configuration.data = "/data"
        configuration.commitMilliseconds = 60_000
        let agent = try SourceRecorder(configuration, logger: Logger(label: "test"))
        func texts(_ now: Double) async -> [String] {
            _ = await agent.tick(now, wall: WallTime(nanoseconds: 1))
            return await agent.sink.batch.events().map(\.event.text)
        }
        try append("1 fails\n at f\n")
        #expect(await texts(0).isEmpty)
        try append(" at g\n2 goes on\n")
        #expect(await texts(0.2) == ["1 fails\n at f\n at g"])
        // One line may be all of it.
        #expect(await texts(2) == ["1 fails\n at f\n at g", "2 goes on"])
        try append("3 ends")
        #expect(await texts(9).count == 2)
    }
}
