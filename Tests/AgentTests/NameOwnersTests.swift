import Causality
import Disks
import Journals
import Testing

@testable import Agent

/// Who may record under which name.
@Suite struct NameOwnersTests {
    private let disk = SimulatedDisk()

    private func owners(
        _ rules: [AgentConfiguration.NameRule] = [], agent: UInt32 = 0
    ) throws -> NameOwners {
        try disk.make(folder: "/data")
        return try NameOwners(data: "/data", rules: rules, disk: disk, agent: agent)
    }

    private func name(_ process: String, _ execution: String = "main") -> NameOwners.Name {
        NameOwners.Name(execution: execution, process: process)
    }

    @Test func aNameIsOfWhoComesFirst() throws {
        let owners = try owners()
        #expect(try owners.refusal(of: 1, name("api")) == nil)
        #expect(try owners.refusal(of: 1, name("api")) == nil)
        #expect(try owners.refusal(of: 2, name("api"))?.contains("by user 1") == true)
        #expect(try owners.refusal(of: 2, name("api", "test")) == nil, "another execution")
        // Another spelling of one character is another name.
        #expect(try owners.refusal(of: 1, name("caf\u{e9}")) == nil)
        #expect(try owners.refusal(of: 2, name("cafe\u{301}")) == nil)
        // Root takes no name from anybody.
        #expect(try owners.refusal(of: 0, name("api")) == nil)
        #expect(try owners.refusal(of: 0, name("cron")) == nil)
        #expect(try owners.refusal(of: 2, name("cron")) == nil)
    }

    @Test func whatWasGivenOutlivesTheAgent() throws {
        let odd = "a b%\n\u{7f} é"
        #expect(try owners().refusal(of: 1, name(odd, odd)) == nil)
        let later = try owners()
        #expect(later.all.map(\.name) == [name(odd, odd)])
        #expect(try later.refusal(of: 2, name(odd, odd)) != nil)
        // As a command does it while the agent runs.
        #expect(try owners().release(odd))
        #expect(try !owners().release(odd))
        try later.reload()
        #expect(try later.refusal(of: 2, name(odd, odd)) == nil)
    }

    @Test func whatTheConfigurationSaysGoesBefore() throws {
        let rules = try ["api:7", "job-*:8"].map { try AgentConfiguration.NameRule($0) }
        #expect(try owners().refusal(of: 9, name("api")) == nil)
        let owners = try owners(rules)
        #expect(try owners.refusal(of: 9, name("api"))?.contains("to user 7") == true)
        #expect(try owners.refusal(of: 7, name("api")) == nil)
        #expect(try owners.refusal(of: 8, name("job-1")) == nil)
        #expect(try owners.refusal(of: 7, name("job-1")) != nil)
        #expect(try owners.refusal(of: 7, name("job")) == nil)
        #expect(try AgentConfiguration.NameRule("a:b:root").user == 0)
        for wrong in ["", "api", ":1", "api:", "api:no such user"] {
            #expect(throws: AgentError.self) { try AgentConfiguration.NameRule(wrong) }
        }
    }

    @Test func anAgentOfAnOrdinaryUserTakesItsOwn() throws {
        let owners = try owners(agent: 5)
        #expect(try owners.refusal(of: 5, name("api")) == nil)
        #expect(try owners.refusal(of: 0, name("api")) == nil)
        #expect(try owners.refusal(of: 6, name("api")) != nil)
        #expect(owners.all.isEmpty)
    }

    @Test func aUserHasSoManyNamesAndNoMore() throws {
        let owners = try owners()
        for number in 1...Limits.namesOfUserMax {
            try #require(try owners.refusal(of: 1, name("\(number)")) == nil)
        }
        #expect(try owners.refusal(of: 1, name("more")) != nil)
        #expect(try owners.refusal(of: 1, name("1")) == nil)
        #expect(try owners.refusal(of: 2, name("more")) == nil)
    }

    @Test func whatAStrangerHasWrittenIsNothing() throws {
        try disk.make(folder: "/data")
        try disk.replace("/data/names", with: Array("2 main api\n".utf8), permissions: 0o644)
        try disk.set(owner: 2, group: 2, of: "/data/names")
        let owners = try owners()
        #expect(owners.all.isEmpty)
        #expect(try owners.refusal(of: 1, name("api")) == nil)
        #expect(try disk.status("/data/names")?.owner == 0)
    }

    /// Of the local interface: as many processes as one user may have, and others have room.
    @Test func aUserHasSoManyProcessesAndNoMore() async throws {
        let configuration = AgentConfiguration(
            collector: "http://127.0.0.1:9", host: "h", spool: "/spool", follow: [], disk: disk)
        try SpoolFolder("/spool", disk: disk).make()
        let processes = LocalProcesses(configuration, owners: try owners())
        func record(_ number: Int, _ user: UInt32) async throws {
            let line = "{\"process\":\"p\(number)\",\"text\":\"x\"}"
            _ = try await processes.record([Array(line.utf8)], of: user)
        }
        for number in 1...Limits.localProcessesOfUserMax { try await record(number, 1) }
        await #expect {
            try await record(0, 1)
        } throws: {
            if case LocalProcesses.Refusal.tooManyOfUser = $0 { true } else { false }
        }
        try await record(1, 1)
        try await record(0, 2)
        await #expect {
            try await record(1, 2)
        } throws: {
            if case LocalProcesses.Refusal.refused(1, _) = $0 { true } else { false }
        }
        await processes.close()
    }

    /// A stranger was first with a file of another's numbers: root's agent removes it, and that of who has the name stays.
    @Test func numbersOfAStrangerAreNone() throws {
        let spool = SpoolFolder("/spool", durable: "/durable", disk: disk)
        try spool.make()
        let run = Identity128(high: 1, low: 2)
        let own = Incarnations(spool, execution: "main", process: "api")
        _ = try own.next(for: run, isKeptByName: false, in: spool)
        let path = try #require(disk.files(under: "/durable/incarnations").first)
        try disk.set(owner: 2, group: 2, of: path)
        let victim = Incarnations(spool, execution: "main", process: "api", user: 1)
        try victim.removeStrangers()
        #expect(try disk.status(path) == nil)
        _ = try own.next(for: run, isKeptByName: false, in: spool)
        try disk.set(owner: 1, group: 1, of: path)
        try victim.removeStrangers()
        #expect(try disk.status(path) != nil)
    }
}
