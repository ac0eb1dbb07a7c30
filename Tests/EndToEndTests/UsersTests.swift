import Foundation
import Testing

/// Two users of one machine against each other, as programs: root's agent takes of each what is its own.
@Suite(
    .enabled(if: getuid() == 0 && Program.find("setpriv") != nil, "root alone can be two users"))
struct UsersTests {
    let folder: TemporaryFolder
    let collector: RunningCollector
    private let program: String
    private let probe: String

    private static let (one, two) = (1_001, 1_002)

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: folder.path)
        collector = try RunningCollector(folder)
        // Where the users can reach it, wherever it was built.
        program = "\(folder.path)/lightcone"
        probe = "\(folder.path)/probe"
        try FileManager.default.copyItem(atPath: Program.path, toPath: program)
        try FileManager.default.copyItem(atPath: KillTests.probe, toPath: probe)
        for name in ["spool", "other"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o1777])
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o1777], ofItemAtPath: "\(folder.path)/\(name)")
        }
        _ = try folder.write("spool/host", "web-1\n")
        _ = try folder.write("other/host", "db-1\n")
    }

    private func run(as user: Int, _ command: [String]) throws -> Program.Result {
        try Program.run(
            try #require(Program.find("setpriv")),
            ["--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + command)
    }

    private func record(
        as user: Int, _ process: String, in spool: String = "spool"
    ) throws -> Program.Result {
        try run(
            as: user,
            [
                program, "record", "--spool", "\(folder.path)/\(spool)", "--process", process,
                "--name", "of-\(user)",
            ])
    }

    private func agent() throws -> RunningProgram {
        let agent = try RunningProgram(
            [
                "agent", "--collector", collector.url, "--host", "web-1", "--data",
                "\(folder.path)/agent", "--spool", "\(folder.path)/spool",
            ], log: "\(folder.path)/agent.log")
        try waitUntil("it answers") {
            FileManager.default.fileExists(atPath: "\(folder.path)/spool/agent.sock")
        }
        return agent
    }

    private func timeline() throws -> String {
        try Program.lightcone("timeline", "--source", collector.url).output
    }

    @Test func nobodyRecordsAsAnotherUser() throws {
        #expect(try record(as: Self.one, "api").status == 0)
        var agent = try agent()
        try waitUntil("it arrived") { try timeline().contains("of-1001") }
        let names = try Program.lightcone("agent", "names", "--data", "\(folder.path)/agent")
        #expect(names.output == "api  main  user 1001\n", "\(names)")

        // By the socket, which says who asks.
        let refused = try record(as: Self.two, "api")
        #expect(refused.status != 0, "\(refused)")
        #expect(refused.errors.contains("is recorded by user 1001"), "\(refused)")
        #expect(try record(as: Self.one, "api").status == 0)
        #expect(try record(as: Self.two, "mine").status == 0)
        #expect(agent.stop() == 0)

        // By journals: under another's name, of another host, and with another's files.
        let command = try record(as: Self.two, "api")
        #expect(command.status != 0, "its numbers are another user's: \(command)")
        // A program goes on with a number that was drawn.
        let held = try run(as: Self.two, [probe, "hold", "api", "\(folder.path)/spool"])
        #expect(held.status == 0 && held.output.contains("web-1/api"), "\(held)")
        #expect(try record(as: Self.two, "elsewhere", in: "other").status == 0)
        let copied = try run(
            as: Self.two,
            ["sh", "-c", "cp -r \(folder.path)/other/journals/* \(folder.path)/spool/journals/"])
        #expect(copied.status == 0, "\(copied)")
        let planted = "\(folder.path)/spool/journals/\(String(repeating: "a", count: 32))"
        let linked = try run(
            as: Self.two,
            ["sh", "-c", "mkdir \(planted) && ln -s /etc/passwd \(planted)/lock"])
        #expect(linked.status == 0, "\(linked)")
        let numbers = "\(folder.path)/spool/incarnations"
        let damaged = try run(
            as: Self.two,
            [
                "sh", "-c",
                "find \(numbers) -user 1001 -type f | while read f; do echo x > $f || rm -f $f; done",
            ])
        #expect(damaged.errors.contains("ermi"), "the system keeps them apart: \(damaged)")
        agent = try self.agent()
        try waitUntil("both are refused") {
            agent.text.contains("names host")
                && agent.text.components(separatedBy: "a journal is refused").count > 2
        }
        #expect(try record(as: Self.one, "api").status == 0, "its number was not harmed")
        try waitUntil("the rest arrived") {
            try timeline().components(separatedBy: "of-1001").count > 3
        }
        let text = try timeline()
        #expect(text.components(separatedBy: "of-1002").count == 2, "\(text)")
        #expect(
            !text.contains("held") && !text.contains("elsewhere") && !text.contains("db-1"),
            "\(text)")

        // The administrator gives the name away.
        let released = try Program.lightcone(
            "agent", "names", "--release", "api", "--data", "\(folder.path)/agent")
        #expect(released.status == 0, "\(released)")
        let left = try Program.lightcone("agent", "names", "--data", "\(folder.path)/agent")
        #expect(left.output == "mine  main  user 1002\n", "\(left)")
        #expect(agent.stop() == 0)
    }
}
