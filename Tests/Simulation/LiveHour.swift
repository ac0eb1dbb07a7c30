import Archiving
import Causality
import Collector
import Disks
import Exporting
import Glibc
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import SimulatedSQLite

/// An hour of 50 machines in a minute: programs record through the real library and restart, the real agents are killed and come
/// back, and what they commit is shipped to a real archive that merges, writes down what follows, and is opened anew now and then.
/// One agent is away for 20 minutes. All the while, and at the end, what has arrived is held against what really happened, and the
/// archive's answers against those of what has arrived.
final class LiveHour {
    private static let machineCount = 50
    private static let programCount = 90
    private static let hourSeconds: Int64 = 3_600
    /// Of programs that do something in a second.
    private static let actsPerSecond = 3
    /// Seconds between two looks of an agent at its programs, each followed by shipping.
    private static let tickSeconds: Int64 = 10
    private static let probeSeconds: Int64 = 720
    private static let away: Range<Int64> = 1_200..<2_400

    private let world: World
    private let start: Int64
    private let collector: HourCollector
    private var random: SeededGenerator
    private var violations: [String] = []
    private var tally = Laws.Tally()
    private var orders: [[Truth.Index]: CausalOrder] = [:]

    /// Lives an hour and prints what was found; false where a promise was broken.
    static func isSound(seed: UInt64) async -> Bool {
        let begin = ContinuousClock.now
        do {
            let hour = try LiveHour(seed: seed)
            try await hour.live()
            for violation in hour.violations.prefix(10) { print("hour \(seed): \(violation)") }
            print(
                """
                hour \(seed) in \((ContinuousClock.now - begin).components.seconds) s: \
                \(hour.world.truth.events.count) events of \(hour.world.truth.lines.count) runs, \
                \(hour.collector.merges) merges, \(hour.tally.pairs) pairs, \(hour.tally.unknown) unknown. \
                \(hour.violations.count) promises broken.
                """)
            return hour.violations.isEmpty
        } catch {
            print("hour \(seed): \(error)")
            return false
        }
    }

    private init(seed: UInt64) throws {
        var faults = Faults()
        faults.agentsDie = true
        world = World(seed: seed, faults: faults, programsMax: Self.programCount)
        start = world.seconds
        random = SeededGenerator(seed: ~seed)
        collector = try HourCollector()
    }

    private var second: Int64 { world.seconds - start }

    private func live() async throws {
        for number in 0..<Self.machineCount {
            let machine = try world.addMachine("h\(number)")
            try world.startAgent(on: machine)
            world.startProgram(on: machine)
        }
        var (tick, probe) = (Self.tickSeconds, Self.probeSeconds)
        while second < Self.hourSeconds {
            world.seconds += 1
            try await act()
            if second >= tick {
                tick += Self.tickSeconds
                try await commitAndShip()
            }
            if second >= probe {
                probe += Self.probeSeconds
                try look("second \(second)")
                // Some look at a collector that was started anew.
                if world.chance(50) { try collector.reopen() }
            }
        }
        try await end()
    }

    /// What happens in a second.
    private func act() async throws {
        for _ in 0..<Self.actsPerSecond {
            if let program = world.pick(world.programs) { await world.act(program) }
        }
        if world.chance(5) { await world.restartProgram() }
        if world.programs.count < Self.programCount { world.startProgram() }
        if world.chance(2), let machine = world.pick(world.machines) {
            try await world.killAgent(machine)
        }
    }

    private func commitAndShip() async throws {
        for (number, machine) in world.machines.enumerated() {
            if machine.agent == nil, world.chance(10) { try world.startAgent(on: machine) }
            guard let agent = machine.agent else { continue }
            _ = await agent.tick(
                world.uptime, wall: world.wall(of: machine))
            if number == 0, Self.away.contains(second) { continue }
            try collector.ship(machine)
        }
        try collector.merge(now: Int(second))
    }

    private func end() async throws {
        for program in world.programs { world.finish(program) }
        for machine in world.machines {
            if machine.agent == nil { try world.startAgent(on: machine) }
            await machine.local?.close()
            for _ in 0..<2 {
                world.seconds += 1
                _ = await machine.agent?.tick(
                    world.uptime, wall: world.wall(of: machine))
            }
            await world.drain(machine)
            machine.agent = nil
            machine.local = nil
            try collector.ship(machine)
        }
        try look("the end")
        try collector.merge(now: Int(second) + 3_600)
        try collector.keepOrder()
        try look("the end, merged")
        if collector.merges < 20 { violations.append("only \(collector.merges) merges") }
    }

    // MARK: What is found

    /// Holds what has arrived against what happened, and the archive against what has arrived.
    private func look(_ when: String) throws {
        let evidence = try Evidence(collector.arrived)
        if world.chance(50) { try collector.keepOrder() }
        for execution in evidence.executions() {
            let graph = try ExecutionGraph.load(execution, from: evidence)
            var laws = try Laws(world, evidence, graph)
            let events = laws.sample(5, &random)
            laws.check(events, &random)
            try laws.checkAnswers(of: events)
            laws.checkMonotone(orders)
            orders.merge(laws.orders(events)) { $1 }
            violations += laws.violations.map { "\(when): \($0)" }
            tally += laws.tally
            violations += try Comparison.differences(
                Comparison.questions(events), collector.store, evidence, graph
            ).map { "\(when): \($0)" }
        }
    }
}

/// A collector without a network: it takes what agents have committed, and merges.
private final class HourCollector {
    private let disk = SimulatedDisk()
    private let path = "/hour/archive"
    private var archive: Archive
    private(set) var store: ArchiveStore
    private var schedule = MergeSchedule()
    private(set) var merges = 0
    /// By segment: what was acknowledged of it.
    private var acknowledged: [Identity128: [UInt8]] = [:]

    init() throws {
        SimulatedVFS.register(prefix: "/hour/", disk: disk)
        archive = try Archive(path, .readWrite, disk: disk)
        store = ArchiveStore(archive)
    }

    var arrived: [[UInt8]] { Array(acknowledged.values) }

    /// Takes what the segments of a machine have more than was acknowledged.
    func ship(_ machine: World.Machine) throws {
        let folder = machine.data + "/agent/segments"
        for name in try machine.disk.names(folder).sorted() where name.hasSuffix(".lcseg") {
            guard let id = Identity128(hex: name.dropLast(6)) else { continue }
            let file = try machine.disk.open("\(folder)/\(name)", .read)
            let end = acknowledged[id]?.count ?? 0
            guard try file.byteCount() > end else { continue }
            let bytes = try file.read(at: end, count: file.byteCount() - end)
            try archive.append(bytes, to: id, at: end)
            acknowledged[id, default: []] += bytes
        }
    }

    func merge(now: Int) throws {
        while true {
            let parts = try disk.names(path + "/parts")
            guard try archive.merge(&schedule, now: now, isStopped: { false }) == 0 else { break }
            if try disk.names(path + "/parts") != parts { merges += 1 }
        }
        try archive.removeReplaced(now: now)
    }

    func keepOrder() throws {
        for execution in try archive.executions() {
            try store.keepOrder(of: execution, eventsMin: 1)
        }
    }

    /// Goes on from its files, as one that was killed and started.
    func reopen() throws {
        // Nobody may hold the lock of the folder, so this one holds another folder meanwhile.
        archive = try Archive(path + "-between", .readWrite, disk: disk)
        store = ArchiveStore(archive)
        archive = try Archive(path, .readWrite, disk: disk)
        store = ArchiveStore(archive)
        schedule = MergeSchedule()
        let problems = try archive.recover()
        guard problems.isEmpty else { throw Damaged(problems: problems) }
    }

    private struct Damaged: Error { var problems: [String] }
}
