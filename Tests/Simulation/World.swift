import Agent
import Causality
import Disks
import Glibc
import Journals
import LogFormats
import Logging
import Recording
import Segments
import SimulatedHistories
import Synchronization

/// Which misfortunes a world may have.
struct Faults {
    /// Agents are killed and come back while programs go on.
    var agentsDie = false
    /// Machines restart, which empties their memory spools.
    var machinesRestart = false
    /// Tokens are damaged on their way.
    var tokensBreak = false
    /// Programs write more than their spools hold.
    var spoolsFill = false
    /// Clocks have room for a few entries only.
    var clocksFill = false
    /// Segments never arrive, or late; blocks rot.
    var segmentsMiss = false
    /// Machines are copied while their programs run.
    var machinesAreCloned = false
    /// Logs without clocks lie beside.
    var silentLogs = false
    /// Somebody makes up tokens.
    var tokensAreForged = false
    /// Machines are set back to an earlier image of their disks.
    var machinesAreRestored = false
    /// Bits of journals flip.
    var journalsRot = false

    init() {}

    /// Draws misfortunes: a third of the worlds have none.
    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed ^ 0xF00D)
        guard !Int.random(in: 0..<3, using: &random).isMultiple(of: 3) else { return }
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        agentsDie = chance(50)
        machinesRestart = chance(30)
        tokensBreak = chance(25)
        spoolsFill = chance(10)
        clocksFill = chance(15)
        segmentsMiss = chance(40)
        silentLogs = chance(20)
        machinesAreRestored = chance(10)
        machinesAreCloned = chance(10)
        tokensAreForged = chance(10)
        journalsRot = chance(15)
        // What a forger or a clone does shows only where everything else is here.
        guard machinesAreCloned || tokensAreForged else { return }
        segmentsMiss = false
        spoolsFill = false
        machinesRestart = false
        machinesAreRestored = false
        journalsRot = false
        if machinesAreCloned { tokensAreForged = false }
    }

    /// True where everything that happens can be known.
    var areNone: Bool {
        !(agentsDie || machinesRestart || tokensBreak || spoolsFill || clocksFill || segmentsMiss
            || machinesAreCloned || silentLogs || tokensAreForged || machinesAreRestored
            || journalsRot)
    }
}

/// A small distributed system that runs here, without waiting: programs on hosts record through the real library and the
/// real agents, and their segments arrive, or do not. Whatever happens follows from the seed.
final class World {
    private(set) var truth = Truth()
    let seed: UInt64
    let faults: Faults
    private let programsMax: Int
    /// How long agents gather what they read before they commit it.
    var commitMilliseconds = 1
    var random: SeededGenerator
    private let surroundings: SimulatedSurroundings
    /// Where its agents run; nil: each on a thread of its own.
    private let executor: (any SerialExecutor)?
    var machines: [Machine] = []
    var programs: [Program] = []
    private var logs: [ClockLog] = []
    private var silent: [SilentLog] = []
    private var chained: [ChainedLog] = []
    private var messages: [Message] = []
    /// Seconds since 1970.
    var seconds: Int64 {
        get { surroundings.nanoseconds.withLock { $0 } / 1_000_000_000 }
        set { surroundings.nanoseconds.withLock { $0 = newValue * 1_000_000_000 } }
    }
    /// Seconds of a clock that never steps, and has a fraction.
    var uptime: Double { Double(surroundings.nanoseconds.withLock { $0 }) / 1e9 }
    /// What the clock of a machine shows.
    func wall(of machine: Machine) -> WallTime {
        WallTime(nanoseconds: surroundings.of(machine.skew).now())
    }
    func pass(_ nanoseconds: Int64) { surroundings.nanoseconds.withLock { $0 += nanoseconds } }
    private var texts = 0
    /// By the text of each event that was recorded.
    private(set) var byText: [String: Truth.Index] = [:]
    /// By the text of each event that was recorded: the machine.
    private(set) var recordedOn: [String: String] = [:]
    /// The texts of events of which the recorder said that they are lost.
    private(set) var lost: Set<String> = []
    /// By run and number, also of events that have not arrived; nil where two lines have given it.
    private(set) var byNumber: [Numbered: Truth.Index?] = [:]
    /// Events that nobody made happen: markers of an agent behind the end of a run.
    private(set) var markers: Set<Truth.Index> = []
    /// What an operator may truly rule out.
    private var ruledOut: [Numbered] = []
    /// True once a program and clients of the agent have had one name: where one of them left off, the other does not tell.
    private var mixesNames = false
    /// True where everything that happened can be known.
    var isClean: Bool { faults.areNone && !mixesNames }
    /// True once a running program was copied.
    private(set) var hasClones = false
    /// Programs that went on twice.
    private(set) var copies: [Copy] = []
    private var segmentsByID: [Identity128: [UInt8]] = [:]
    /// Told before an agent is gone, while its machine can still be asked.
    var onLoss: ((Machine) async -> Void)?
    /// Told what has become of a machine when its power fails: its memory is empty then.
    var onPowerFailure: ((Machine) -> Void)?
    /// What happened, line by line, for whoever looks into a world.
    private(set) var story: [String] = []
    var logger = Logger(label: "world") { _ in SwiftLogNoOpLogHandler() }

    /// All segments, as far as agents and imports have written them.
    var segments: [[UInt8]] {
        segmentsByID.sorted { "\($0.key)" < "\($1.key)" }.map(\.value)
    }

    /// What agents have written of a segment, when they were last looked at.
    func segment(_ id: Identity128) -> [UInt8]? { segmentsByID[id] }

    /// A program that went on twice: its line, how many events that had by then, and the line of the copy.
    struct Copy {
        var original: Int
        var shared: Int
        var copy: Int
    }

    struct Numbered: Hashable {
        var process: ProcessReference
        var sequence: UInt64
    }

    private struct Message {
        var from: Truth.Index
        var token: String
        var execution: String
    }

    /// The last run of a name on a machine, as its successor finds it.
    struct Run {
        var isKeptByName: Bool
        var isAlive: Bool
        /// Its last event, or where it has none what it went on from.
        var end: Truth.Index?
    }

    final class Machine {
        /// What it is called in a world's story.
        let name: String
        var host: String
        let disk: SimulatedDisk
        let spool: SpoolFolder
        let data = "/data"
        var agent: SourceRecorder?
        var local: LocalProcesses?
        var runs: [String: Run] = [:]
        /// By name: which run the agent keeps for its clients, and the last event of them that got a number.
        var kept: [String: (run: RunKey?, last: Truth.Index?)] = [:]
        /// Nanoseconds by which its clock is wrong.
        let skew: Skew
        /// An image of the disk: the runs as they were then, and the last events of the agent's clients.
        var image: (disk: SimulatedDisk, runs: [String: Run], last: [String: Truth.Index?])?

        init(_ name: String, host: String, _ disk: SimulatedDisk, _ skew: Skew) throws {
            (self.name, self.host, self.disk, self.skew) = (name, host, disk, skew)
            spool = SpoolFolder("/spool", durable: data + "/durable", disk: disk)
            try disk.make(folder: data)
        }

        /// Its memory is empty.
        func loseSpool() { disk.remove(tree: spool.path) }
    }

    final class Program {
        let name: String
        let execution: String
        let machine: Machine
        /// nil for a client of the local interface.
        var recorder: Recorder?
        let line: Int
        /// A client's events that got no answer: counted, and told with the next one.
        var lost: [(event: Truth.Index, isMessage: Bool)] = []

        init(
            _ name: String, _ execution: String, _ machine: Machine, _ recorder: Recorder?,
            line: Int
        ) {
            (self.name, self.execution, self.machine) = (name, execution, machine)
            (self.recorder, self.line) = (recorder, line)
        }

        var key: String { "\(execution) \(name)" }
    }

    /// A process that writes a log with vector clocks of its own.
    private final class ClockLog {
        let name: String
        let line: Int
        var clock: [String: Int] = [:]
        var text = ""
        init(_ name: String, line: Int) { (self.name, self.line) = (name, line) }
    }

    /// A process whose log has no clocks, and tells of every message: what it sent, and whose it received.
    private final class ChainedLog {
        let name: String
        let line: Int
        var count: UInt64 = 0
        var sends: [(event: Truth.Index, number: UInt64)] = []
        var text = ""
        init(_ name: String, line: Int) { (self.name, self.line) = (name, line) }
    }

    private final class SilentLog {
        let name: String
        let line: Int
        var text = ""
        init(_ name: String, line: Int) { (self.name, self.line) = (name, line) }
    }

    /// - Parameters:
    ///   - faults: nil: drawn.
    ///   - programsMax: Programs that live at the same time.
    ///   - executor: Where its agents run; nil: each on a thread of its own.
    init(
        seed: UInt64, faults: Faults? = nil, programsMax: Int = 10,
        on executor: (any SerialExecutor)? = nil
    ) {
        self.seed = seed
        self.faults = faults ?? Faults(seed: seed)
        self.programsMax = programsMax
        self.executor = executor
        random = SeededGenerator(seed: seed)
        surroundings = SimulatedSurroundings(seed: seed)
    }

    func chance(_ percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &random) < percent
    }
    func pick<T>(_ items: [T]) -> T? { items.randomElement(using: &random) }

    // MARK: Life

    func run() async throws {
        let hosts = chance(30) ? ["h", "h", "i"] : ["h", "i", "j"]
        for index in 0..<Int.random(in: 1...3, using: &random) {
            let machine = try addMachine(hosts[index])
            // Programs may start before the agent that names the machine.
            if chance(80) { try startAgent(on: machine) }
        }
        for _ in 0..<Int.random(in: 2...6, using: &random) { startProgram() }
        if chance(30) { for _ in 0..<2 { startClockLog() } }
        if faults.silentLogs { startSilentLog() }
        if chance(30) {
            for _ in 0..<3 {
                texts += 1
                chained.append(
                    ChainedLog("chain-\(texts)", line: truth.beginLine(execution: "main")))
            }
        }
        for _ in 0..<Int.random(in: 10...70, using: &random) { try await step() }
        try await end()
    }

    private func step() async throws {
        seconds += 1
        // Rare misfortunes are frequent where they are meant.
        if faults.machinesAreRestored, chance(5), let machine = pick(machines) {
            return try await restore(machine)
        }
        if faults.machinesAreCloned, !hasClones, chance(5), let machine = pick(machines) {
            return try await clone(machine)
        }
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<140: if let program = pick(programs) { await act(program) }
        case 140..<150:
            actInClockLogs()
            for _ in 0..<2 { actInChainedLogs() }
        case 150..<158: for machine in machines { await tick(machine) }
        case 158..<168: await restartProgram()
        case 168..<174: startProgram()
        case 174..<178: forkProgram()
        case 178..<182: if let log = pick(silent) { actSilently(log) }
        case 182..<190:
            if faults.agentsDie, let machine = pick(machines) { try await killAgent(machine) }
        case 190..<192: if let machine = pick(machines) { try await rename(machine) }
        case 192..<194:
            if faults.machinesRestart, let machine = pick(machines) { try await restart(machine) }
        case 194..<196:
            if faults.machinesAreCloned, !hasClones, let machine = pick(machines) {
                try await clone(machine)
            }
        case 196..<198:
            if faults.machinesAreRestored, let machine = pick(machines) {
                try await restore(machine)
            }
        case 198: if faults.tokensAreForged { forge() }
        default: if let program = pick(programs) { rot(program) }
        }
    }

    // MARK: Machines and agents

    /// A machine on which nothing runs yet.
    @discardableResult
    func addMachine(_ host: String) throws -> Machine {
        let skew = Skew()
        let surroundings = surroundings.of(skew)
        let disk = SimulatedDisk { Int(surroundings.now() / 1_000_000_000) }
        let machine = try Machine("m\(machines.count)", host: host, disk, skew)
        machines.append(machine)
        return machine
    }

    func startAgent(on machine: Machine) throws {
        story.append("agent starts on \(machine.name)")
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:1", host: machine.host, spool: nil, follow: [])
        configuration.spool = machine.spool
        configuration.data = machine.data + "/agent"
        configuration.segmentBytesMax = 4096
        configuration.commitMilliseconds = commitMilliseconds
        configuration.surroundings = surroundings.of(machine.skew)
        machine.agent = try SourceRecorder(configuration, logger: logger, on: executor)
        machine.local = LocalProcesses(configuration, on: executor)
    }

    func tick(_ machine: Machine) async {
        guard let agent = machine.agent else { return }
        for _ in 0..<3 {
            seconds += 1
            _ = await agent.tick(uptime, wall: wall(of: machine))
        }
    }

    func drain(_ machine: Machine) async {
        seconds += 1
        let now = uptime
        await machine.agent?.drain(now, wall: wall(of: machine)) { now }
    }

    /// All that was recorded is on the disk; mostly in a segment that the agent goes on writing.
    private func commitAll(_ machine: Machine) async {
        if chance(30) { await drain(machine) } else { await tick(machine) }
    }

    /// The agent is gone, and with it the processes that it kept.
    func loseAgent(_ machine: Machine) async {
        story.append("agent ends on \(machine.name)")
        collect(machine)
        await onLoss?(machine)
        machine.agent = nil
        machine.local = nil
        for (key, kept) in machine.kept {
            // Who took a later number than the agent's process is whom a successor finds.
            if var run = machine.runs[key], run.isKeptByName {
                run.isAlive = false
                run.end = kept.last ?? run.end
                machine.runs[key] = run
            }
            machine.kept[key]!.run = nil
        }
    }

    /// SIGKILL: what it had not committed is read again by the next one.
    func killAgent(_ machine: Machine) async throws {
        guard machine.agent != nil else { return try startAgent(on: machine) }
        if chance(50) { await tick(machine) }
        await loseAgent(machine)
        if chance(60) { try startAgent(on: machine) }
    }

    func rename(_ machine: Machine) async throws {
        guard machine.agent != nil else { return }
        await drain(machine)
        // A client whose agent is gone for a moment loses nothing, if it says nothing.
        await loseAgent(machine)
        machine.host += "x"
        try startAgent(on: machine)
    }

    /// A restart of the machine: programs and agent die, the memory spool is empty.
    func restart(_ machine: Machine) async throws {
        story.append("restart of \(machine.name)")
        if chance(70) { await tick(machine) }
        for program in programs where program.machine === machine { finish(program) }
        programs.removeAll { $0.machine === machine }
        await loseAgent(machine)
        onPowerFailure?(machine)
        machine.loseSpool()
        if chance(70) { try startAgent(on: machine) }
    }

    /// A copy of a machine goes on beside it: disk, agent, and its running programs.
    func clone(_ machine: Machine) async throws {
        let running = programs.filter { $0.machine === machine && $0.recorder != nil }
        guard machine.agent != nil, !running.isEmpty else { return }
        await commitAll(machine)
        let copy = try Machine("copy", host: machine.host, machine.disk.copied(), machine.skew)
        copy.loseSpool()
        copy.runs = machine.runs
        for (key, run) in copy.runs where run.isAlive && run.isKeptByName {
            copy.runs[key]!.isAlive = false
            copy.runs[key]!.end = machine.kept[key]?.last ?? run.end
        }
        // Who records through the copy's agent goes on from what the disk says of the name.
        copy.kept = machine.kept.mapValues { (nil, $0.last) }
        machines.append(copy)
        try copy.spool.make()
        for program in running {
            let last = truth.lines[program.line].last ?? begun[program.line]
            let line = truth.beginLine(execution: program.execution, after: last)
            begun[line] = last
            copies.append(
                Copy(
                    original: program.line, shared: truth.lines[program.line].count, copy: line))
            let twin = Program(
                program.name, program.execution, copy,
                Recorder(cloning: program.recorder!, into: copy.spool), line: line)
            programs.append(twin)
            if newest[program.key + machine.name] === program {
                newest[program.key + copy.name] = twin
            }
        }
        hasClones = true
        try startAgent(on: copy)
    }
    /// By line: what it went on from.
    private var begun: [Int: Truth.Index] = [:]

    /// Keeps an image of a disk, or sets a machine back to it: its spool is empty then, and nothing of it runs.
    func restore(_ machine: Machine) async throws {
        story.append("image or restore of \(machine.name)")
        guard let image = machine.image else {
            guard machine.agent != nil else { return }
            await commitAll(machine)
            var runs = machine.runs
            for (key, run) in runs {
                if run.isKeptByName { runs[key]!.end = machine.kept[key]?.last ?? run.end }
                // What still runs then goes on, after the image.
                for program in programs
                where run.isAlive && program.machine === machine && program.key == key {
                    if let last = truth.lines[program.line].last, program.recorder != nil {
                        runs[key]!.end = last
                    }
                }
                runs[key]!.isAlive = false
            }
            machine.image = (machine.disk.copied(), runs, machine.kept.mapValues(\.last))
            return
        }
        for program in programs where program.machine === machine { finish(program) }
        programs.removeAll { $0.machine === machine }
        await loseAgent(machine)
        machine.disk.restore(from: image.disk)
        machine.loseSpool()
        machine.runs = image.runs
        machine.kept = image.last.mapValues { (nil, $0) }
        try startAgent(on: machine)
    }

    // MARK: Programs

    func startProgram(on chosen: Machine? = nil, called: String? = nil) {
        guard let machine = chosen ?? pick(machines), programs.count < programsMax,
            let name = called ?? pick(["api", "db", "web", machine.host])
        else { return }
        let execution = chance(93) ? "main" : "other"
        let key = "\(execution) \(name)"
        if chance(40) {
            // Whoever records under a name through the agent is one process: one program at a time.
            let isTaken = programs.contains {
                $0.machine === machine && $0.key == key && $0.recorder == nil
            }
            guard machine.agent != nil, !isTaken else { return }
            let line = truth.beginLine(execution: execution, after: machine.kept[key]?.last)
            story.append(
                "client \(name): line \(line) after \(String(describing: machine.kept[key]?.last))")
            programs.append(Program(name, execution, machine, nil, line: line))
            return
        }
        var origin: Truth.Index?
        if let before = machine.runs[key], !before.isKeptByName, !before.isAlive {
            origin = before.end
        }
        if machine.runs[key]?.isKeptByName == true { mixesNames = true }
        let recorder = Recorder(
            process: name, host: nil, execution: execution, spool: machine.spool,
            chunkByteCount: 4096, chunksMax: faults.spoolsFill ? 1 : 64,
            tokenBytesMax: chance(50) ? nil : 56 + 6 * Int.random(in: 0...3, using: &random),
            clockEntriesMax: faults.clocksFill && chance(50)
                ? Int.random(in: 1...3, using: &random) : nil,
            surroundings: surroundings.of(machine.skew))
        let line = truth.beginLine(execution: execution, after: origin)
        begun[line] = origin
        let program = Program(name, execution, machine, recorder, line: line)
        story.append(
            "\(recorder.process) \(RunKey(recorder.run)) on \(machine.name): line \(line) after \(String(describing: origin))"
        )
        programs.append(program)
        guard isFound(recorder.process) else { return }
        machine.runs[key] = Run(isKeptByName: false, isAlive: true, end: origin)
        newest[key + machine.name] = program
    }

    /// Whether a successor finds a run: not one whose number could not be made durable, and was drawn.
    private func isFound(_ process: ProcessID) -> Bool {
        process.incarnation < Incarnations.numberMax
    }
    /// By name and machine: the program that took the last number.
    private var newest: [String: Program] = [:]

    func restartProgram() async {
        guard let index = programs.indices.randomElement(using: &random) else { return }
        let program = programs.remove(at: index)
        finish(program)
        // Who comes next learns from the journal where this one ended, or from what the agent noted of it.
        if chance(40) { await tick(program.machine) }
        if chance(80) { startProgram(on: program.machine, called: program.name) }
    }

    /// A program ends. Its successor goes on from where it ended, if it took the last number.
    func finish(_ program: Program) {
        guard let recorder = program.recorder else { return }
        let end = truth.lines[program.line].last ?? begun[program.line]
        if newest[program.key + program.machine.name] === program,
            program.machine.runs[program.key]?.isKeptByName == false
        {
            program.machine.runs[program.key] = Run(
                isKeptByName: false, isAlive: false, end: end)
        }
        story.append("end of \(recorder.process) line \(program.line)")
        // An agent that finds more numbers given than written puts a marker behind them.
        let marker = truth.happen(on: program.line)
        markers.insert(marker)
        note(RunKey(recorder.run), recorder.status.events + 1, marker)
        program.recorder = nil
    }

    func forkProgram() {
        guard let parent = pick(programs.filter { $0.recorder != nil }),
            programs.count < programsMax
        else {
            return
        }
        let child = Recorder(forkedFrom: parent.recorder!)
        let origin = truth.lines[parent.line].last ?? begun[parent.line]
        let line = truth.beginLine(execution: parent.execution, after: origin)
        begun[line] = origin
        story.append(
            "child \(child.process) \(RunKey(child.run)): line \(line) after \(String(describing: origin))"
        )
        let program = Program(parent.name, parent.execution, parent.machine, child, line: line)
        programs.append(program)
        guard isFound(child.process) else { return }
        parent.machine.runs[parent.key] = Run(isKeptByName: false, isAlive: true, end: origin)
        newest[parent.key + parent.machine.name] = program
    }

    private func note(_ run: RunKey, _ sequence: UInt64, _ event: Truth.Index) {
        let number = Numbered(process: .run(run), sequence: sequence)
        byNumber[number] = byNumber[number] == nil ? .some(event) : .some(nil)
    }

    func act(_ program: Program) async {
        let dice = Int.random(in: 0..<100, using: &random)
        var message: Message?
        if chance(4) { rot(program) }
        if dice >= 60, !messages.isEmpty {
            message = messages.remove(at: Int.random(in: 0..<messages.count, using: &random))
            // Some are delivered twice, some never.
            if chance(10) { messages.append(message!) }
        }
        guard let recorder = program.recorder else {
            return await ask(program, isSend: dice < 35, message)
        }
        // Some are so long that their journal's chunks end; more of them where several reads are one commit.
        let isLong = chance(commitMilliseconds > 1 ? 40 : 10)
        record(program, recorder, isSend: dice < 35, message, padding: isLong ? 1500 : 0)
        if faults.spoolsFill, chance(20) {
            for _ in 0..<Int.random(in: 20...60, using: &random) {
                record(program, recorder, isSend: false, nil, padding: 200)
            }
        }
    }

    /// An event through the library. Before it there may be a marker, which says what was lost.
    private func record(
        _ program: Program, _ recorder: Recorder, isSend: Bool, _ message: Message?,
        padding: Int = 0
    ) {
        let run = RunKey(recorder.run)
        let before = recorder.status
        let given = before.events
        texts += 1
        let text = "event \(texts)" + String(repeating: "x", count: padding)
        var id: EventID
        var sent: Token?
        var lossy = false
        if let message {
            let isBroken = faults.tokensBreak && chance(15)
            if let token = try? Token(isBroken ? String(message.token.dropLast(2)) : message.token)
            {
                id = recorder.receive(
                    [token], "got", text, .info, Attributes(),
                    time: wall(of: program.machine).nanoseconds)
            } else {
                id = recorder.receiveUnreadable(
                    "got", text, .info, Attributes(), time: wall(of: program.machine).nanoseconds)
                lossy = true
            }
        } else if isSend {
            sent =
                recorder.send(
                    "sent", text, .info, Attributes(), time: wall(of: program.machine).nanoseconds
                ).token
            id = sent!.event
        } else {
            id = recorder.record(
                "did", text, level: .info, attributes: Attributes(),
                time: wall(of: program.machine).nanoseconds)
        }
        for number in (given + 1)..<max(id.sequence, given + 1) {
            note(run, number, truth.happen(on: program.line))
        }
        let isForeign = message.map { $0.execution != program.execution } ?? false
        let known = truth.lines[program.line].last ?? begun[program.line]
        let event = truth.happen(on: program.line, receiving: isForeign ? nil : message?.from)
        // Whether the message told what was not known anyway.
        let isNews =
            message.map { message in
                known.map { message.from != $0 && !truth.isBefore(message.from, $0) } ?? true
            } ?? false
        note(run, id.sequence, event)
        byText[text] = event
        recordedOn[text] = program.machine.name
        if recorder.status.lost != before.lost { lost.insert(text) }
        story.append(
            "\(id) event \(event) line \(program.line) \(sent == nil ? "" : "send") receives \(String(describing: message?.from))\(lossy ? " broken" : "")\(isForeign ? " foreign" : "")"
        )
        if lossy, isForeign || !isNews, program.execution == "main", chance(50) {
            ruledOut.append(Numbered(process: .run(run), sequence: id.sequence))
        }
        if let sent {
            messages.append(
                Message(from: event, token: sent.text, execution: program.execution))
        }
    }

    /// An event through the agent, as a client that counts what it lost.
    private func ask(_ program: Program, isSend: Bool, _ message: Message?) async {
        let machine = program.machine
        var line = "{\"process\":\"\(program.name)\",\"execution\":\"\(program.execution)\""
        if !program.lost.isEmpty { line += ",\"lost\":\(program.lost.count)" }
        let isForeign = message.map { $0.execution != program.execution } ?? false
        var token = message?.token
        if faults.tokensBreak, token != nil, chance(15) { token = String(token!.dropLast(2)) }
        if let token { line += ",\"kind\":\"receive\",\"token\":\"\(token)\"" }
        if token == nil, isSend { line += ",\"kind\":\"send\"" }
        texts += 1
        let text = "client \(texts)"
        line += ",\"text\":\"\(text)\",\"time\":\"\(wall(of: machine))\"}"
        // What happens, happens, whether or not anybody keeps it.
        let event = truth.happen(on: program.line, receiving: isForeign ? nil : message?.from)
        let isMessage = message != nil && !isForeign
        var reply: LocalProcesses.Reply?
        do throws(LocalProcesses.Refusal) {
            reply = try await machine.local?.record([Array(line.utf8)])[0]
        } catch {
            // It came to the agent, which has no room for it: it has happened there, and is counted.
            if case .lost = error { machine.kept[program.key, default: (nil, nil)].last = event }
        }
        guard let reply, let id = EventID(text: reply.id) else {
            story.append(
                "lost: event \(event) line \(program.line) receives \(String(describing: message?.from))"
            )
            return program.lost.append((event, isMessage))
        }
        byText[text] = event
        recordedOn[text] = machine.name
        var kept = machine.kept[program.key] ?? (nil, nil)
        story.append(
            "\(id) event \(event) line \(program.line) client lost \(program.lost.map(\.event)) receives \(String(describing: message?.from))"
        )
        if let sent = reply.token, let token = try? Token(sent) {
            kept.run = token.sender
            messages.append(Message(from: event, token: sent, execution: program.execution))
        }
        kept.last = event
        machine.kept[program.key] = kept
        if machine.runs[program.key]?.isKeptByName == false { mixesNames = true }
        if machine.runs[program.key]?.isKeptByName != true
            || machine.runs[program.key]?.isAlive != true,
            id.sequence == UInt64(program.lost.count) + 1
        {
            machine.runs[program.key] = Run(isKeptByName: true, isAlive: true, end: nil)
        }
        if let run = kept.run {
            note(run, id.sequence, event)
            for (index, lost) in program.lost.reversed().enumerated() {
                note(run, id.sequence - 1 - UInt64(index), lost.event)
            }
            if program.execution == "main", !program.lost.isEmpty,
                !program.lost.contains(where: \.isMessage), chance(50)
            {
                ruledOut.append(Numbered(process: .run(run), sequence: id.sequence))
            }
        }
        program.lost = []
    }

    /// A token that nobody gave, of an event that is no send.
    func forge() {
        let targets = programs.filter { $0.recorder != nil && $0.execution == "main" }
        guard let victim = pick(targets), let target = pick(targets), victim !== target,
            victim.recorder!.run != target.recorder!.run
        else { return }
        record(victim, victim.recorder!, isSend: false, nil)
        let named = victim.recorder!.process
        let token = Token(
            forging: RunKey(victim.recorder!.run), named,
            sequence: victim.recorder!.status.events)
        texts += 1
        let text = "forged \(texts)"
        let id = target.recorder!.receive(
            [token], "got", text, .info, Attributes(), time: wall(of: target.machine).nanoseconds)
        let event = truth.happen(on: target.line)
        byText[text] = event
        note(RunKey(target.recorder!.run), id.sequence, event)
    }

    /// The length of a record of a journal makes no sense any more.
    func rot(_ program: Program) {
        guard faults.journalsRot, let recorder = program.recorder else { return }
        let folder = JournalFolder(in: program.machine.spool.journals, run: recorder.run)
        let disk = program.machine.disk
        let names = ((try? disk.names(folder.path)) ?? []).filter { $0 != "lock" }.sorted()
        guard let name = chance(70) ? names.last : pick(names),
            let file = try? disk.open("\(folder.path)/\(name)", .writeUntrusted),
            let bytes = try? file.read(at: 0, count: file.byteCount())
        else { return }
        var starts: [Int] = []
        var offset = ChunkHeader.byteCount
        while offset + 4 <= bytes.count {
            let length = bytes[offset..<offset + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            guard length > 0, length < bytes.count else { break }
            starts.append(offset)
            offset += length
        }
        // Mostly one that no agent has read yet.
        guard let start = chance(70) ? starts.last : pick(starts) else { return }
        try? file.write([0xFF, 0xFF, 0xFF, 0x7F], at: start)
        story.append("\(recorder.process): \(name) rots at byte \(start)")
    }

    // MARK: Logs

    private func startClockLog() {
        texts += 1
        // Some are called like recorded processes.
        let name = chance(20) ? "h" : "log-\(texts)"
        guard !logs.contains(where: { $0.name == name }) else { return }
        // Which of the two a clock means that names it cannot be told.
        if name == "h" { mixesNames = true }
        logs.append(ClockLog(name, line: truth.beginLine(execution: "main")))
    }

    private func actInClockLogs() {
        guard let log = pick(logs) else { return }
        var message: (Truth.Index, [String: Int])?
        if chance(50), let other = pick(logs), other !== log,
            let last = truth.lines[other.line].last
        {
            message = (last, other.clock)
        }
        let event = truth.happen(on: log.line, receiving: message?.0)
        for (name, value) in message?.1 ?? [:] {
            log.clock[name] = max(log.clock[name] ?? 0, value)
        }
        log.clock[log.name, default: 0] += 1
        texts += 1
        let text = "logged \(texts)"
        byText[text] = event
        byNumber[
            Numbered(
                process: .named(ProcessID(name: log.name)),
                sequence: UInt64(log.clock[log.name]!))] = event
        let clock = log.clock.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
        log.text += "\(log.name) {\(clock.joined(separator: ", "))}\n\(text)\n"
    }

    /// Some lines are lost, and some do not say whose message they received.
    private func actInChainedLogs() {
        guard let log = pick(chained) else { return }
        log.count += 1
        let dice = Int.random(in: 0..<100, using: &random)
        var kind = "local"
        var received: (event: Truth.Index, name: String)?
        if dice < 35 {
            kind = "send"
        } else if dice < 80, let other = pick(chained), other !== log, let sent = pick(other.sends)
        {
            kind = "receive"
            received = (sent.event, "\(other.name):\(sent.number)")
        }
        let event = truth.happen(on: log.line, receiving: received?.event)
        if kind == "send" { log.sends.append((event, log.count)) }
        byNumber[
            Numbered(process: .named(ProcessID(name: log.name)), sequence: log.count)] = event
        if faults.segmentsMiss, chance(15) { return }
        texts += 1
        let text = "chained \(texts)"
        byText[text] = event
        var line = "{\"process\":\"\(log.name)\",\"seq\":\(log.count),\"kind\":\"\(kind)\""
        if let received, !faults.tokensBreak || chance(85) {
            line += ",\"cause\":\"\(received.name)\""
        }
        story.append(
            "\(log.name):\(log.count) event \(event) \(kind) receives \(String(describing: received))"
        )
        log.text += line + ",\"text\":\"\(text)\"}\n"
    }

    private func startSilentLog() {
        texts += 1
        silent.append(SilentLog("silent-\(texts)", line: truth.beginLine(execution: "main")))
        for _ in 0..<3 { actSilently(silent.last!) }
    }

    /// A line of JSON that says nothing of messages, though one may have come.
    private func actSilently(_ log: SilentLog) {
        let from = chance(50) ? messages.last?.from : nil
        let isMeant = from.map { truth.executions[truth.events[$0].line] == "main" } ?? false
        let event = truth.happen(on: log.line, receiving: isMeant ? from : nil)
        texts += 1
        let text = "silent \(texts)"
        byText[text] = event
        log.text += "{\"process\":\"\(log.name)\",\"text\":\"\(text)\"}\n"
    }

    // MARK: The end

    /// Takes the segments that a machine's agent has written.
    private func collect(_ machine: Machine) {
        let folder = machine.data + "/agent/segments"
        for name in (try? machine.disk.names(folder)) ?? [] where name.hasSuffix(".lcseg") {
            guard let id = Identity128(hex: name.dropLast(6)),
                let file = try? machine.disk.open("\(folder)/\(name)", .read),
                let bytes = try? file.read(at: 0, count: file.byteCount())
            else { continue }
            if segmentsByID[id]?.count ?? 0 < bytes.count { segmentsByID[id] = bytes }
        }
    }

    private func end() async throws {
        for program in programs { finish(program) }
        for machine in machines {
            if machine.agent == nil { try startAgent(on: machine) }
            await machine.local?.close()
            await tick(machine)
            await tick(machine)
            await drain(machine)
            collect(machine)
            machine.agent = nil
            machine.local = nil
        }
        for log in logs where !log.text.isEmpty { try add(read(log.text, .govector)) }
        for log in silent where !log.text.isEmpty { try add(read(log.text, .jsonl(fields: nil))) }
        for log in chained where !log.text.isEmpty { try add(read(log.text, .jsonl(fields: nil))) }
        if !ruledOut.isEmpty { try add(rulings()) }
    }

    /// The events of a log, read in two pieces: the clocks of the second go on from those of the first.
    private func read(_ text: String, _ format: LogFormat) throws -> [EventBatch] {
        var reader = try LogReader(format, LogReader.Options())
        var sink = LogSink()
        let bytes = Array(text.utf8)
        let first = reader.read(Array(bytes[..<(bytes.count / 2)]), isFinal: false, into: &sink)
        let begun = sink.batch
        sink.batch.removeAll()
        _ = reader.read(Array(bytes[first...]), isFinal: true, into: &sink)
        return [begun, sink.batch]
    }

    /// An operator's words.
    private func rulings() -> [EventBatch] {
        let key = ProcessKey(
            execution: "main", host: "operator", process: ProcessID(name: "operator"),
            run: surroundings.of(Skew()).identity())
        let line = truth.beginLine(execution: "main")
        let events = ruledOut.enumerated().map { index, number in
            let event = truth.happen(on: line)
            byText["ruling \(index)"] = event
            return Event(
                id: EventID(key.process, UInt64(index) + 1), text: "ruling \(index)",
                clock: VectorClock([key.reference: UInt64(index) + 1]),
                rulesOut: EventReference(number.process, number.sequence))
        }
        return [EventBatch(events, of: key)]
    }

    /// Events as the segment that an import makes of them.
    private func add(_ batches: [EventBatch]) throws {
        let id = surroundings.of(Skew()).identity()
        var writer = SegmentWriter(
            SegmentHeader(
                agent: Identity128(high: 7, low: 7), segment: id, created: WallTime(nanoseconds: 1))
        )
        var bytes = writer.header.encoded()
        for batch in batches { bytes += writer.commit(batch, Commit()) }
        segmentsByID[id] = bytes
    }
}

/// By how much the clock of a machine is wrong.
final class Skew: Sendable {
    let nanoseconds = Mutex<Int64>(0)
}

/// What the machines of a world take from their hardware.
private final class SimulatedSurroundings: Sendable {
    let nanoseconds = Mutex<Int64>(1_700_000_000_000_000_000)
    private let random: Mutex<SeededGenerator>

    init(seed: UInt64) { random = Mutex(SeededGenerator(seed: seed ^ 0x1D)) }

    /// Those of a machine whose clock is wrong.
    func of(_ skew: Skew) -> Surroundings {
        Surroundings(
            now: {
                self.nanoseconds.withLock { $0 }
                    .addingReportingOverflow(skew.nanoseconds.withLock { $0 }).partialValue
            },
            uptime: { self.nanoseconds.withLock { $0 } },
            draw: { self.random.withLock { $0.next() } })
    }
}
