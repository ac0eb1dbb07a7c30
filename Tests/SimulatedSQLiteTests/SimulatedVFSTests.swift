import Disks
import GRDB
import Glibc
import Synchronization
import Testing

@testable import SimulatedSQLite

@Suite struct SimulatedVFSTests {
    enum Mode: String, CaseIterable {
        case log, journal
        /// In journal mode a commit is durable only where the folder is synced too.
        var durable: String {
            self == .log ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = EXTRA"
        }
        func world(_ settings: String? = nil) throws -> DatabaseWorld {
            try DatabaseWorld(isPool: self == .log, settings ?? durable)
        }
    }

    /// Crashes at random calls; how many transactions were lost that had been committed.
    private func losses(
        _ world: DatabaseWorld, crashes: Int, seed: UInt64, tears: Bool = true
    ) throws -> Int {
        var random = Rolled(state: seed)
        var (kept, lost, next) = (Set<Int>(), 0, 1)
        for _ in 0..<crashes {
            let calls = Int.random(in: 1...400, using: &random)
            world.disk.fail(fromCall: world.disk.counts.calls + calls, with: EIO)
            let committed = world.addUntilFailure(from: next)
            if tears {
                world.disk.crash(tearing: &random)
            } else {
                world.disk.crashLosingAllUnsynced()
            }
            let found = Set(try world.found())
            kept.formUnion(committed)
            lost += kept.subtracting(found).count
            // The one that failed may be there all the same.
            #expect(found.subtracting(kept).isSubset(of: [committed.upperBound]))
            kept = found
            next = committed.upperBound + 1
        }
        return lost
    }

    @Test(arguments: Mode.allCases) func whatWasCommittedSurvivesCrashesThatTear(mode: Mode) throws
    {
        #expect(try losses(mode.world(), crashes: 200, seed: 1) == 0)
    }

    @Test(arguments: Mode.allCases) func whatWasCommittedSurvivesWithoutAllElse(mode: Mode) throws {
        #expect(try losses(mode.world(), crashes: 40, seed: 2, tears: false) == 0)
    }

    /// The two tests above can fail.
    @Test func lossesShow() throws {
        let off = "PRAGMA synchronous = OFF"
        #expect(try losses(Mode.log.world(off), crashes: 10, seed: 3, tears: false) > 0)
        // SQLite says so: the folder is not synced when the journal was removed.
        let full = "PRAGMA synchronous = FULL"
        #expect(try losses(Mode.journal.world(full), crashes: 10, seed: 3, tears: false) > 0)
    }

    /// One call after the other fails, and no other does.
    @Test(arguments: Mode.allCases, [ENOSPC, EIO])
    func whicheverCallFailsWhatWasCommittedStays(mode: Mode, code: Int32) throws {
        var failures = 0
        for call in 1...150 {
            let world = try mode.world()
            let database = try world.open()
            for number in 1...3 { try DatabaseWorld.add(number, to: database) }
            world.disk.fail(call: world.disk.counts.calls + call, with: code)
            var kept = [1, 2, 3]
            for number in 4...6 {
                do {
                    try DatabaseWorld.add(number, to: database)
                    kept.append(number)
                } catch let error as DatabaseError {
                    failures += 1
                    let isFull = error.resultCode == .SQLITE_FULL
                    #expect(isFull ? code == ENOSPC : true, "\(error)")
                }
            }
            // Not closed before: that would make durable what is in the log.
            world.disk.crashLosingAllUnsynced()
            let found = try world.found()
            #expect(Set(found).isSuperset(of: kept), "call \(call)")
        }
        #expect((10..<150).contains(failures), "\(failures)")
    }

    @Test(arguments: Mode.allCases) func aFullDiskIsAnErrorAndTheRestStays(mode: Mode) throws {
        let world = try mode.world()
        let database = try world.open()
        try DatabaseWorld.add(1, to: database)
        world.disk.capacity = try usedBytes(world) + 20_000
        var kept = [1]
        let error = #expect(throws: DatabaseError.self) {
            for number in 2...100 {
                try DatabaseWorld.add(number, to: database)
                kept.append(number)
            }
        }
        #expect(error?.resultCode == .SQLITE_FULL)
        #expect(try DatabaseWorld.numbers(database) == kept)
        world.disk.capacity = nil
        try DatabaseWorld.add(200, to: database)
        world.disk.crashLosingAllUnsynced()
        #expect(try world.found() == kept + [200])
    }

    private func usedBytes(_ world: DatabaseWorld) throws -> Int {
        try world.files().values.reduce(0) { $0 + $1.count }
    }

    @Test func prefixesDoNotSeeEachOther() throws {
        let (one, two) = (try Mode.log.world(), try Mode.log.world())
        let calls = two.disk.counts.calls
        let database = try one.open()
        try DatabaseWorld.add(1, to: database)
        #expect(two.disk.counts.calls == calls)
        #expect(try two.found() == [])
        two.disk.crashLosingAllUnsynced()
        try DatabaseWorld.add(2, to: database)
        #expect(try one.found() == [1, 2])
        #expect(throws: DatabaseError.self) {
            try DatabaseQueue(path: "/simulated-sqlite-none/database.sqlite")
        }
    }

    /// Connections from before a crash fail, close, and leave alone what is opened after it, also what they have locked.
    @Test(arguments: Mode.allCases) func whatWasOpenBeforeACrashIsOfNoUse(mode: Mode) throws {
        let world = try mode.world()
        let old = try world.open()
        try DatabaseWorld.add(1, to: old)
        try old.writeWithoutTransaction { (connection: Database) throws -> Void in
            try connection.execute(sql: "BEGIN IMMEDIATE; INSERT INTO a VALUES (5)")
            world.disk.crashLosingAllUnsynced()
            let new = try world.open()
            #expect(try DatabaseWorld.numbers(new) == [1])
            try DatabaseWorld.add(2, to: new)
            #expect(throws: DatabaseError.self) { try connection.execute(sql: "COMMIT") }
            try? connection.execute(sql: "ROLLBACK")
            try DatabaseWorld.add(3, to: new)
        }
        #expect(throws: DatabaseError.self) { try DatabaseWorld.add(4, to: old) }
        try? old.close()
        world.disk.crashLosingAllUnsynced()
        #expect(try world.found() == [1, 2, 3])
    }

    /// Nobody unlocks while a simulation sleeps: a busy connection says so without waiting for ten seconds.
    @Test(arguments: Mode.allCases) func aLockThatIsTakenIsNotWaitedFor(mode: Mode) throws {
        let world = try mode.world()
        var patient = Configuration()
        patient.busyMode = .timeout(3600)
        let second = try DatabaseQueue(path: world.path, configuration: patient)
        let first = try world.open()
        try first.writeWithoutTransaction { (connection: Database) throws -> Void in
            try connection.execute(sql: "BEGIN IMMEDIATE; INSERT INTO a VALUES (1)")
            let error = #expect(throws: DatabaseError.self) {
                try second.write { try $0.execute(sql: "INSERT INTO a VALUES (2)") }
            }
            #expect(error?.resultCode == .SQLITE_BUSY)
            #expect(try second.read { try Int.fetchAll($0, sql: "SELECT n FROM a") } == [])
            try connection.execute(sql: "ROLLBACK")
        }
        try DatabaseWorld.add(2, to: second)
        #expect(try DatabaseWorld.numbers(first) == [2])
    }

    @Test func manyReadWholeTransactionsWhileOneWrites() async throws {
        let world = try Mode.log.world()
        let database = try world.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for number in 1...150 {
                    try DatabaseWorld.add(number, to: database)
                    if number.isMultiple(of: 20) {
                        try database.writeWithoutTransaction { _ = try $0.checkpoint(.passive) }
                    }
                }
            }
            for _ in 0..<3 {
                group.addTask {
                    var last = 0
                    while last < 150 {
                        let found = try DatabaseWorld.numbers(database)
                        try #require(
                            found.count >= last && found == Array(0..<found.count).map { $0 + 1 })
                        last = found.count
                    }
                }
            }
            try await group.waitForAll()
        }
        try database.close()
        #expect(try world.found() == Array(1...150))
    }

    /// In a process of its own: SQLite draws for all databases from one generator.
    @Test func theSameSeedGivesTheSameBytes() async {
        await #expect(processExitsWith: .success) {
            func run(_ seed: UInt64) throws -> (SimulatedDisk.Counts, [String: [UInt8]]) {
                SimulatedVFS.seed(seed)
                let world = try DatabaseWorld(isPool: true, "PRAGMA synchronous = FULL")
                var random = Rolled(state: seed)
                for round in 0..<10 {
                    world.disk.fail(fromCall: world.disk.counts.calls + 60 + 20 * round, with: EIO)
                    _ = world.addUntilFailure(from: 100 * round)
                    world.disk.crash(tearing: &random)
                }
                return (world.disk.counts, try world.files())
            }
            let (first, second, other) = (try run(1), try run(1), try run(2))
            try #require(first.0 == second.0)
            try #require(first.1 == second.1)
            try #require(first.1.keys.contains { $0.hasSuffix("-wal") })
            try #require(first.1 != other.1)
        }
    }
}
