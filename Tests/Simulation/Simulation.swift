import Agent
import Causality
import Collector
import Disks
import Glibc
import HappensBefore
import Logging
import Recording
import Segments
import Shipping
import SimulatedHistories

/// Everything at once, on one thread: programs that record through the real library, the agents of their machines, the network, and a
/// collector that merges, derives and drops; all on simulated disks, at a time of their own, with misfortunes. What happens follows
/// from a script.
///
/// Unchecked because it is not locked: all of it runs on the thread of its loop.
final class Simulation: @unchecked Sendable {
    let script: Script
    let loop: RunLoop
    let world: World
    let network: SimulatedNetwork
    let collector: SimulatedCollector
    let points = CrashPoints()
    private var random: SeededGenerator
    private var agents: [String: AgentLife] = [:]
    private(set) var trace = Trace()
    private(set) var violations: [String] = []
    private var step = 0
    /// What is to be undone, and at which step.
    private var undone: [(step: Int, undo: () async throws -> Void)] = []
    /// The texts of events that a misfortune took, before an agent had them.
    private(set) var excused: Set<String> = []
    /// By segment of an agent: how much of it is durable there.
    private var committed: [Identity128: Int] = [:]
    /// By machine: what its disks' errors are to be taken for.
    private var mayFail: Set<String> = []
    /// True once something was dropped: answers are less then than those of all that came.
    private(set) var hasDropped = false
    /// What is checked is drawn apart from what happens.
    var checking: SeededGenerator
    /// The definite orders that were answered so far.
    var orders: [[Truth.Index]: CausalOrder] = [:]
    /// What was checked last.
    var judged: Judged?
    /// Asks every question that there is.
    let isThorough: Bool
    private var nextMerge: Int64 = 0
    private var nextOrder: Int64 = 0
    private var logger: Logger {
        Logger(label: "simulation") { [self] _ in TraceLog { self.note($0) } }
    }

    /// An agent as long as it lives. Unchecked as the simulation is.
    private final class AgentLife: @unchecked Sendable {
        let recorder: SourceRecorder
        let shipper: Shipper
        var state = Shipper.State()
        var random: SeededGenerator
        var isBusy = false
        var isDead = false
        var nextTick: Double = 0
        var rests: Double = 0
        var seen: [SegmentIndex.Entry] = []

        init(_ recorder: SourceRecorder, _ shipper: Shipper, seed: UInt64) {
            (self.recorder, self.shipper) = (recorder, shipper)
            random = SeededGenerator(seed: seed)
        }
    }

    init(
        _ script: Script, on loop: RunLoop, isTold: Bool = false, isThorough: Bool = false
    ) {
        self.script = script
        self.isThorough = isThorough
        trace.isKept = isTold
        self.loop = loop
        var faults = Faults()
        faults.tokensBreak = script.breaksTokens
        faults.clocksFill = script.fillsClocks
        faults.machinesAreCloned = script.contains(.cloned)
        faults.machinesRestart = script.contains(.powerFails) || script.contains(.syncFails)
        faults.machinesAreRestored = script.contains(.restored)
        faults.agentsDie = script.contains(.agentDies) || script.contains(.agentDiesWorking)
        // Before everything has arrived, and where something is lost on its way, not all can be known.
        faults.segmentsMiss = !script.faults.isEmpty
        world = World(seed: script.seed, faults: faults, on: loop)
        world.commitMilliseconds = script.commitMilliseconds
        network = SimulatedNetwork(loop, seed: script.seed ^ 0x4E7)
        random = SeededGenerator(seed: script.seed ^ 0x51D)
        collector = SimulatedCollector(
            "/simulation/\(script.seed)/", points: points, seed: script.seed
        ) { [loop] in Int(loop.now / 1_000_000_000) + 1_700_000_000 }
        checking = SeededGenerator(seed: script.seed ^ 0xC4EC)
    }

    private func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }

    func note(_ line: String) { trace.note("\(step) \(loop.now) \(line)") }
    func violate(_ text: String) {
        violations.append("step \(step): \(text)")
        note("VIOLATION \(text)")
    }

    // MARK: Life

    /// Lives the script, and checks what is promised.
    func live() async {
        defer { collector.end() }
        network.collector = { [self] request in answer(request) }
        collector.meanwhile = { [self] in if network.deliverNext() { note("meanwhile") } }
        world.onLoss = { [self] machine in await lose(machine) }
        world.onPowerFailure = { [self] machine in failPower(machine) }
        world.logger = logger
        do {
            try await begin()
            while step < script.steps, violations.isEmpty, collector.violations.isEmpty {
                step += 1
                try await liveStep()
            }
            if violations.isEmpty, collector.violations.isEmpty {
                try await end()
            }
        } catch {
            violate("\(error)")
        }
        violations += collector.violations.map { "step \(step): \($0)" }
        world.onLoss = nil
        world.onPowerFailure = nil
        world.logger = Logger(label: "world") { _ in SwiftLogNoOpLogHandler() }
        network.collector = { _ in nil }
        collector.meanwhile = {}
    }

    private func begin() async throws {
        let hosts = chance(30) ? ["h", "h", "i"] : ["h", "i", "j"]
        for index in 0..<Int.random(in: 1...3, using: &random) {
            let machine = try world.addMachine(hosts[index])
            points.watch(machine.disk, ofMachine: index)
            if let crash = script.crash, crash.call.disk == .machine(index) {
                machine.disk.fail(fromCall: crash.call.number, with: EIO)
                mayFail.insert(machine.name)
            }
            if let failure = script.failure, failure.call.disk == .machine(index) {
                machine.disk.fail(call: failure.call.number, with: failure.code)
                mayFail.insert(machine.name)
            }
            if chance(80) {
                do { try world.startAgent(on: machine) } catch {
                    if !mayFail.contains(machine.name) { throw error }
                }
            }
        }
        for _ in 0..<Int.random(in: 2...6, using: &random) { world.startProgram() }
        if let crash = script.crash, crash.call.disk == .collector {
            collector.die(after: crash.call.number, crash.how)
        }
        if let failure = script.failure, failure.call.disk == .collector {
            collector.fail(call: failure.call.number, with: failure.code)
        }
        collector.start()
    }

    /// Where a machine died as the script says.
    var diedAt: CrashPoints.Point? { collector.diedAt ?? machineDiedAt }

    private func isToDie(_ machine: Int) -> Bool {
        machineDiedAt == nil && script.crash?.call.disk == .machine(machine)
    }

    /// The machine dies of which the script says it, once that call was reached: till then it could do nothing more.
    private func dieAsTold() async throws {
        guard machineDiedAt == nil, let crash = script.crash,
            case .machine(let index) = crash.call.disk, index < world.machines.count,
            world.machines[index].disk.counts.calls >= crash.call.number
        else { return }
        machineDiedAt = points.point(of: crash.call)
        let machine = world.machines[index]
        if crash.how == .killed {
            await world.loseAgent(machine)
            machine.disk.stopFailing()
        } else {
            power = crash.how
            try await world.restart(machine)
        }
        mayFail.remove(machine.name)
        note("\(machine.name) died at call \(crash.call.number)")
    }
    private var machineDiedAt: CrashPoints.Point?
    /// What the next power failure leaves.
    private var power = SimulatedCollector.Death.torn

    private func liveStep() async throws {
        let pause = Int64.random(in: 1...400, using: &random) * 1_000_000
        await loop.sleep(pause)
        world.pass(pause)
        for (_, undo) in undone.filter({ $0.step <= step }) { try await undo() }
        undone.removeAll { $0.step <= step }
        for fault in script.faults where fault.step == step {
            do { try await suffer(fault) } catch {
                if mayFail.isEmpty { violate("\(fault): \(error)") }
            }
        }
        do { try await act() } catch { if mayFail.isEmpty { throw error } }
        await tendAgents()
        try await dieAsTold()
        await tendCollector()
    }

    private func act() async throws {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            if let program = world.pick(world.programs) { await world.act(program) }
        }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<4: await world.restartProgram()
        case 4..<8: world.startProgram()
        case 8..<10: world.forkProgram()
        case 10: if let machine = world.pick(world.machines) { try await world.rename(machine) }
        default: break
        }
    }

    // MARK: Agents

    private func tendAgents() async {
        for machine in world.machines {
            if machine.agent == nil, chance(20) {
                do { try world.startAgent(on: machine) } catch {
                    if !mayFail.contains(machine.name) {
                        violate("an agent cannot start: \(error)")
                    }
                }
            }
            guard let recorder = machine.agent else { continue }
            let life = life(of: machine, recorder)
            if world.uptime >= life.nextTick {
                let hasRead = await recorder.tick(world.uptime, wall: world.wall(of: machine))
                let rest = await recorder.restSeconds(world.uptime)
                life.nextTick = world.uptime + (hasRead ? 0 : rest)
                for entry in recorder.index.all { committed[entry.id] = entry.durableByteCount }
                note("\(machine.name) \(recorder.index.all.map(\.durableByteCount))")
            }
            ship(machine, life)
        }
        await loop.sleep(0)
    }

    private func life(of machine: World.Machine, _ recorder: SourceRecorder) -> AgentLife {
        if let life = agents[machine.name], life.recorder === recorder { return life }
        let shipper = Shipper(
            index: recorder.index,
            transport: SimulatedTransport(network: network, machine: machine.name),
            logger: logger, disk: machine.disk,
            renewIdentity: { [loop] in
                try await recorder.renewIdentity(1.7e9 + Double(loop.now) / 1e9)
            },
            onDelete: { await recorder.keepReserve() }, on: loop)
        let life = AgentLife(recorder, shipper, seed: random.next())
        agents[machine.name] = life
        return life
    }

    /// Has the shipper do what is due, beside everything else.
    private func ship(_ machine: World.Machine, _ life: AgentLife) {
        let all = life.recorder.index.all
        guard !life.isBusy, world.uptime >= life.rests || all != life.seen else { return }
        life.isBusy = true
        Task(executorPreference: loop) { await self.takeTurns(life) }
    }

    private func takeTurns(_ life: AgentLife) async {
        var (state, random) = (life.state, life.random)
        for _ in 0..<20 {
            let next = await life.shipper.turn(&state, { world.uptime }, using: &random)
            guard !life.isDead else { break }
            if case .goesOn = next { continue }
            if case .rests(let until) = next { life.rests = until }
            break
        }
        life.seen = life.recorder.index.all
        (life.state, life.random) = (state, random)
        life.isBusy = false
    }

    /// An agent is killed: nothing of it does anything any more.
    private func lose(_ machine: World.Machine) async {
        guard let life = agents.removeValue(forKey: machine.name) else { return }
        life.isDead = true
        network.abandon(machine.name)
        while life.isBusy { await loop.sleep(0) }
    }

    /// Nothing of a machine's memory survives, and of its disk what was synced.
    private func failPower(_ machine: World.Machine) {
        let durable = committed.compactMap { id, count in
            world.segment(id).map { Array($0.prefix(count)) }
        }
        excuse(machine, but: texts(of: durable + Array(collector.arrived.values)))
        if power == .lost {
            machine.disk.crashLosingAllUnsynced()
        } else {
            machine.disk.crash(tearing: &random)
        }
        note("\(machine.name) without power")
    }

    /// What was recorded on a machine and is nowhere else is lost.
    private func excuse(_ machine: World.Machine, but kept: Set<String>) {
        for (text, name) in world.recordedOn where name == machine.name && !kept.contains(text) {
            excused.insert(text)
        }
    }

    /// The texts of all events of some segments.
    private func texts(of segments: [[UInt8]]) -> Set<String> {
        var texts: Set<String> = []
        for bytes in segments {
            guard let evidence = try? Evidence([bytes]) else { continue }
            for frame in evidence.frames {
                guard let batch = try? frame.stored.batch() else { continue }
                for row in 0..<batch.count { texts.insert(batch.event(row).text) }
            }
        }
        return texts
    }

    // MARK: The collector

    private func answer(_ request: SimulatedNetwork.Request) -> SimulatedNetwork.Answer? {
        let answer = collector.answer(request)
        switch request {
        case .state(let id): note("state of \(id): \(String(describing: answer))")
        case .append(let bytes, let id, let offset):
            note("\(bytes.count) bytes at \(offset) of \(id): \(String(describing: answer))")
        }
        return answer
    }

    private func tendCollector() async {
        if !collector.isRunning {
            guard chance(30) else { return }
            collector.start()
            note("collector \(collector.isRunning ? "up" : "down")")
            if collector.isRunning, chance(30), !hasDropped, !collector.isDamaged,
                !collector.readsBehindDamage
            {
                check("after a start", isAllHere: false)
            }
        }
        if loop.now >= nextMerge, collector.isRunning {
            collector.merge(now: Int(loop.now / 1_000_000_000))
            nextMerge = loop.now + 1_000_000_000
            note("merged \(collector.merges)")
        }
        if loop.now >= nextOrder, collector.isRunning {
            nextOrder = loop.now + Int64.random(in: 1...8, using: &random) * 1_000_000_000
            let size = Int.random(in: 8...60, using: &random)
            for execution in collector.executions() where collector.isRunning {
                let readUpTo = (try? collector.store?.readUpTo()) ?? [:]
                collector.keepOrder(
                    of: execution, sliceEventsMax: size,
                    chance(70)
                        ? Patience(
                            now: WallTime(nanoseconds: world.seconds * 1_000_000_000),
                            readUpTo: readUpTo, eventsMin: max(2, size / 2),
                            // A world is over before anybody loses patience: with a full tail nothing is waited for.
                            tail: chance(50)
                                ? Patience.Tail(eventsMax: size, learnedMax: .max)
                                : Patience.Tail()) : nil)
            }
            note("derived")
        }
    }

    // MARK: Misfortunes

    private func suffer(_ fault: Fault) async throws {
        note("\(fault)")
        var dice = SeededGenerator(seed: fault.salt)
        let machine = world.machines.randomElement(using: &dice)!
        let calls = Int.random(in: 1...60, using: &dice)
        let steps = Int.random(in: 2...30, using: &dice)
        switch fault.kind {
        case .agentDies: try await world.killAgent(machine)
        case .agentDiesWorking: try await killWorking(machine, calls, &dice)
        case .powerFails: try await world.restart(machine)
        case .diskFails where Bool.random(using: &dice):
            guard let path = unshippedSegment(of: machine) else { return }
            machine.disk.failReads(of: path, with: EIO)
            mayFail.insert(machine.name)
            undone.append((step + steps, { machine.disk.stopFailing() }))
        case .diskFails:
            machine.disk.fail(
                call: machine.disk.counts.calls + calls,
                with: Bool.random(using: &dice) ? EIO : ENOSPC)
            mayFail.insert(machine.name)
        case .syncFails:
            let isDeadly = Bool.random(using: &dice)
            machine.disk.failNextSync(with: EIO, isLasting: isDeadly)
            mayFail.insert(machine.name)
            if isDeadly {
                // It dies of the first: who tries again writes over what could still be read.
                let syncs = machine.disk.counts.syncs
                for _ in 0..<3 where machine.disk.counts.syncs == syncs {
                    world.pass(1_000_000_000)
                    _ = await machine.agent?.tick(world.uptime, wall: world.wall(of: machine))
                }
                await world.loseAgent(machine)
                machine.disk.stopFailing()
                try world.startAgent(on: machine)
            }
            cut(machine, for: min(steps, 8)) { [world] in try await world.restart(machine) }
        case .diskFull:
            machine.disk.capacity = machine.disk.usedBytes + calls * 200
            mayFail.insert(machine.name)
            undone.append((step + steps, { machine.disk.capacity = nil }))
        case .collectorDies: if collector.isRunning { collector.die(death(&dice)) }
        case .collectorDiesWorking:
            if collector.isRunning { collector.die(after: calls * 3, death(&dice)) }
        case .collectorDiskFails:
            let call = CrashPoints.Call(
                disk: .collector, number: collector.disk.counts.calls + calls)
            collector.troubles += 1
            points.expectFailure(of: call)
            collector.fail(call: call.number, with: Bool.random(using: &dice) ? EIO : ENOSPC)
            undone.append(
                (
                    step + 30,
                    { [self] in
                        collector.stopFailing()
                        collector.troubles -= 1
                        note("failed: \(points.failure(of: call) ?? "nothing")")
                    }
                ))
        case .collectorDiskFull:
            collector.troubles += 1
            collector.disk.capacity = collector.disk.usedBytes + calls * 500
            undone.append(
                (
                    step + steps,
                    { [collector] in
                        collector.disk.capacity = nil
                        collector.troubles -= 1
                    }
                ))
        case .networkIsBad:
            network.lossPercent = Int.random(in: 0...30, using: &dice)
            network.replayPercent = Int.random(in: 0...50, using: &dice)
            network.delayMilliseconds = [5, 100, 2_000].randomElement(using: &dice)!
            undone.append(
                (
                    step + steps,
                    { [network] in
                        (network.lossPercent, network.replayPercent) = (0, 0)
                        network.delayMilliseconds = 5
                    }
                ))
        case .networkIsCut:
            cut(machine, for: steps, isHalf: Bool.random(using: &dice))
        case .clockJumps:
            let seconds = [1, 3_600, 86_400 * 365, 86_400 * 365 * 200].randomElement(using: &dice)!
            let sign: Int64 = Bool.random(using: &dice) ? 1 : -1
            machine.skew.nanoseconds.withLock { $0 = sign * Int64(seconds) * 1_000_000_000 }
        case .restored:
            // What its agent had, and had not shipped, is lost with it.
            excuse(machine, but: texts(of: Array(collector.arrived.values)))
            try await world.restore(machine)
            // It may write more than it had then before it hears what the collector has.
            if Bool.random(using: &dice) { cut(machine, for: steps) }
        case .cloned: if !world.hasClones { try await world.clone(machine) }
        case .rebuilt:
            switch Int.random(in: 0..<4, using: &dice) {
            case 0..<2: rebuild()
            case 2: collector.putBack(nil)
            default:
                let copy = collector.copyCatalogue()
                let isMadeAnew = Bool.random(using: &dice)
                undone.append(
                    (
                        step + steps,
                        { [self] in
                            collector.putBack(copy)
                            note("an earlier catalogue")
                            if isMadeAnew { rebuild() }
                        }
                    ))
            }
        case .dropped:
            hasDropped = true
            collector.drop(Bool.random(using: &dice) ? "main" : "other")
        case .retained:
            hasDropped = true
            let rule = try RetentionRule(
                age: "\(Int.random(in: 1...60, using: &dice))s", bytes: nil)
            collector.retain(
                "main", rule, now: WallTime(nanoseconds: world.seconds * 1_000_000_000))
        case .damaged: damage(&dice)
        }
    }

    private func rebuild() {
        collector.rebuild { [self] in checkDropped("when made anew") }
    }

    /// The oldest that the agent of a machine has still to ship.
    private func unshippedSegment(of machine: World.Machine) -> String? {
        agents[machine.name]?.recorder.index.all.first { !$0.isShipped }?.path
    }

    private func death(_ dice: inout SeededGenerator) -> SimulatedCollector.Death {
        SimulatedCollector.Death.allCases.randomElement(using: &dice)!
    }

    /// An agent looks at its sources, and does not come to an end.
    private func killWorking(
        _ machine: World.Machine, _ calls: Int, _ dice: inout SeededGenerator
    ) async throws {
        guard let recorder = machine.agent else { return }
        let call = machine.disk.counts.calls + calls
        machine.disk.fail(fromCall: call, with: EIO)
        _ = await recorder.tick(world.uptime, wall: world.wall(of: machine))
        note("\(machine.name) dies: \(machine.disk.counts.calls >= call)")
        if Bool.random(using: &dice) {
            await world.loseAgent(machine)
            machine.disk.stopFailing()
        } else {
            try await world.restart(machine)
        }
    }

    /// A machine reaches nobody for some steps, or no answer reaches it.
    private func cut(
        _ machine: World.Machine, for steps: Int, isHalf: Bool = false,
        then: @escaping () async throws -> Void = {}
    ) {
        if isHalf {
            network.halfOpen.insert(machine.name)
        } else {
            network.cut.insert(machine.name)
        }
        undone.append(
            (
                step + steps,
                { [network] in
                    network.halfOpen.remove(machine.name)
                    network.cut.remove(machine.name)
                    try await then()
                }
            ))
    }

    /// What the collector has of some file is not what it wrote.
    private func damage(_ dice: inout SeededGenerator) {
        let folders = ["segments", "parts", "order"].map { "\(collector.path)/\($0)" }
        let files = folders.flatMap { collector.disk.files(under: $0) }.sorted()
        guard let file = files.randomElement(using: &dice),
            let size = try? collector.disk.status(file)?.byteCount, size > 0
        else { return }
        collector.isDamaged = true
        hasDropped = true
        let offset = Int.random(in: 0..<size, using: &dice)
        switch Int.random(in: 0..<6, using: &dice) {
        case 0..<3:
            collector.disk.rot(file, at: offset, mask: 1 << UInt8.random(in: 0..<8, using: &dice))
            note("\(file) rots")
        case 3..<5: collector.lose(file, from: offset)
        default: collector.lose(file, from: 0)
        }
    }

    // MARK: The end

    /// All misfortunes end, and the system comes to rest.
    private func end() async throws {
        for (_, undo) in undone { try await undo() }
        undone = []
        network.cut = []
        network.halfOpen = []
        for (index, machine) in world.machines.enumerated() {
            machine.disk.capacity = nil
            if !isToDie(index), script.failure?.call.disk != .machine(index) {
                machine.disk.stopFailing()
            }
        }
        // But for what is still to come as the script says.
        collector.untroubled {}
        for program in world.programs { world.finish(program) }
        world.programs = []
        var quiet = 0
        for round in 0..<1000 where quiet < 3 {
            if round == 6 {
                // Nothing else is recorded: all is sealed.
                for machine in world.machines { await world.drain(machine) }
            }
            step += 1
            await loop.sleep(1_000_000_000)
            world.pass(1_000_000_000)
            if !collector.isRunning { collector.start() }
            for machine in world.machines where machine.agent == nil {
                do { try world.startAgent(on: machine) } catch {
                    if !mayFail.contains(machine.name) { throw error }
                }
            }
            await tendAgents()
            try await dieAsTold()
            await tendCollector()
            // An agent tells every ten seconds up to when it has read: there may always be something more.
            if round > script.restSeconds,
                agents.values.allSatisfy({ $0.recorder.index.all.allSatisfy(\.isShipped) })
            {
                quiet += 1
            }
        }
        if quiet < 3 { return violate("it does not come to rest: \(unshipped())") }
        for machine in world.machines {
            await machine.local?.close()
            await world.loseAgent(machine)
        }
        try checkArrived()
        check("at the end")
        collector.mergeAll()
        // Both ways in which it is written: while more arrives, and when nothing does.
        for execution in collector.executions() {
            collector.keepOrder(
                of: execution, sliceEventsMax: 60,
                Patience(
                    now: WallTime(nanoseconds: world.seconds * 1_000_000_000), readUpTo: [:],
                    eventsMin: 1, tail: Patience.Tail(eventsMax: 1, learnedMax: .max)))
        }
        checkConvergence("at the end, merged")
        for execution in collector.executions() {
            collector.keepOrder(of: execution, sliceEventsMax: 60, nil)
        }
        checkConvergence("at the end, merged", isAllWritten: true)
        check("at the end, merged")
        checkLog()
        collector.die(.lost)
        collector.start()
        check("at the end, started anew")
        checkFiles()
    }

    /// What agents still have, and whether it can be read.
    private func unshipped() -> String {
        world.machines.flatMap { machine in
            (agents[machine.name]?.recorder.index.all ?? []).filter { !$0.isShipped }.map { entry in
                var what = "\(machine.name): \(entry)"
                do {
                    var scanner = try SegmentScanner(machine.disk.open(entry.path, .read))
                    while let item = try scanner.next() {
                        if case .damage(let damage) = item { what += " \(damage)" }
                    }
                } catch {
                    what += " \(error)"
                }
                return what
            }
        }.joined(separator: "; ")
    }
}

/// What happened, as a number: the same script has the same one.
struct Trace {
    private(set) var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lines: [String] = []
    var isKept = false

    /// FNV-1a (Fowler, Noll, Vo).
    mutating func note(_ line: String) {
        for byte in line.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        if isKept { lines.append(line) }
    }
}
