import Archiving
import Causality
import Collector
import Disks
import Glibc
import HappensBefore
import Querying
import Segments
import Shipping
import SimulatedSQLite

/// A collector on a machine of its own: the archive with its catalogue, merging, what follows, retention and repair, all as they
/// are shipped, on a simulated disk. It has no HTTP: what its routes make of errors is made of them here.
///
/// Its threads are one here: while it derives or merges, which asks now and then whether it is to go on, other things happen.
///
/// Unchecked because it is not locked: all of it runs on the thread of its loop.
final class SimulatedCollector: @unchecked Sendable {
    /// What a collector is doing, as crash points name it.
    enum Operation: String, CaseIterable {
        case open, recover, append, merge, replace, log, derive, retain, drop, rebuild
    }

    /// How it ends.
    enum Death: CaseIterable {
        /// The program is killed: what it wrote is there, synced or not.
        case killed
        /// The power fails: some of what was not synced is there.
        case torn
        /// The power fails: nothing of it is there.
        case lost
    }

    let disk: SimulatedDisk
    private let prefix: String
    var path: String { prefix + "archive" }
    private(set) var archive: Archive?
    private(set) var store: ArchiveStore?
    private var schedule = MergeSchedule(pauseSeconds: 1)
    private(set) var merges = 0
    /// By segment: what came, as far as it is here: acknowledged, or found here after a crash.
    private(set) var arrived: [Identity128: [UInt8]] = [:]
    /// By segment: how many bytes were acknowledged.
    private(set) var acknowledged: [Identity128: Int] = [:]
    /// By segment: the longest that was ever sent.
    private var sent: [Identity128: [UInt8]] = [:]
    /// The texts of events that were dropped with their execution.
    private(set) var droppedTexts: Set<String> = []
    /// By execution and run: up to which number events were dropped since they were old.
    private(set) var droppedNumbers: [String: [Identity128: UInt64]] = [:]
    /// What broke a promise.
    private(set) var violations: [String] = []
    /// The call at which it is to die, and how.
    private var death: (call: Int, how: Death)?
    /// The call of its disk that is to fail, and with which error.
    private var failure: (call: Int, code: Int32)?
    /// While calls fail, what it says of them is no news.
    var mayFail: Bool { troubles > 0 || failure.map { disk.counts.calls >= $0.call } ?? false }
    /// How many things are wrong with its disk now.
    var troubles = 0
    /// True once bytes have rotted, or files were taken away: what was lost by that is lost.
    var isDamaged = false
    /// True once it went on from an append that was torn in the middle, and not acknowledged: what lies behind the tear is read, though
    /// nobody was told that it arrived.
    private(set) var readsBehindDamage = false
    /// True once a catalogue was taken away or replaced, until one is there: whoever starts next is told, and may not know that the end
    /// of a file was never acknowledged.
    private var isCatalogueOther = false
    /// True once a catalogue was taken away or replaced.
    private var isCatalogueForeign = false
    let points: CrashPoints
    private var random: SimulatedDice
    /// Told in the middle of what it does by itself.
    var meanwhile: () -> Void = {}

    init(
        _ prefix: String, points: CrashPoints, seed: UInt64, seconds: @escaping @Sendable () -> Int
    ) {
        disk = SimulatedDisk(seconds: seconds)
        self.prefix = prefix
        self.points = points
        random = SimulatedDice(state: seed)
        SimulatedVFS.register(prefix: prefix, disk: disk)
        SimulatedVFS.seed(seed)
        points.watch(disk)
    }

    /// Gives back what it took of the process.
    func end() {
        disk.observer = nil
        (archive, store) = (nil, nil)
        SimulatedVFS.unregister(prefix: prefix)
    }

    var isRunning: Bool { archive != nil }

    // MARK: Life and death

    /// It dies at the `calls`th call of the disk from now on, counted from 1.
    func die(after calls: Int, _ how: Death) {
        death = (disk.counts.calls + calls, how)
        disk.fail(fromCall: disk.counts.calls + calls, with: EIO)
    }

    /// A call of its disk is to fail, once, whoever looks at it before.
    func fail(call: Int, with code: Int32) {
        failure = (call, code)
        disk.fail(call: call, with: code)
    }

    /// Nothing is to fail any more.
    func stopFailing() {
        failure = nil
        disk.stopFailing()
    }

    /// What is to fail and has not come yet still does.
    private func failAgain() {
        if let failure, failure.call > disk.counts.calls {
            disk.fail(call: failure.call, with: failure.code)
        }
    }

    /// What it was about to do when it died of `die(after:)`.
    private(set) var diedAt: CrashPoints.Point?

    /// It dies now.
    func die(_ how: Death) {
        disk.fail(fromCall: disk.counts.calls + 1, with: EIO)
        // Whatever closing it would write fails.
        (archive, store) = (nil, nil)
        if let due = death, disk.counts.calls >= due.call { death = nil }
        switch how {
        case .killed: disk.stopFailing()
        case .torn: disk.crash(tearing: &random)
        case .lost: disk.crashLosingAllUnsynced()
        }
        // What it is to die of is still to come.
        if let death { disk.fail(fromCall: death.call, with: EIO) }
        failAgain()
    }

    /// True once it has come to the call that it dies of, in the middle of something.
    private var isDying: Bool { death.map { disk.counts.calls >= $0.call } ?? false }

    /// Does something, perhaps in the middle of something else; nil where it could not, or died of it.
    private func perform<Result>(
        _ operation: Operation, _ body: () throws -> Result
    ) -> Result? {
        let outer = points.begin(operation.rawValue)
        var result: Result?
        var failure: (any Error)?
        do { result = try body() } catch { failure = error }
        points.end(outer)
        if let death, isDying {
            // It is dead as soon as all that it was in the middle of has failed.
            guard outer == nil else { return nil }
            diedAt = points.point(
                of: CrashPoints.Call(disk: .collector, number: death.call))
            die(death.how)
            return nil
        }
        if let failure, !mayFail { violations.append("\(operation.rawValue): \(failure)") }
        return result
    }

    /// Opens what is there and goes on from it; at once dead again where it is to die.
    func start() {
        let opened = perform(.open) { try Archive(path, .readWrite, disk: disk) }
        guard let opened else { return }
        archive = opened
        goOn()
    }

    /// Recovers, and sees what is here of what was acknowledged.
    private func goOn() {
        guard let archive else { return }
        store = ArchiveStore(archive)
        schedule = MergeSchedule(pauseSeconds: 1)
        guard let problems = perform(.recover, { try archive.recover() }), isRunning else {
            (self.archive, store) = (nil, nil)
            return
        }
        let wrong = problems.filter { !isTorn($0) }
        if !wrong.isEmpty, !isDamaged, !isCatalogueOther, !mayFail {
            violations.append("recover: \(wrong)")
        }
        isCatalogueOther = false
        untroubled { checkArrived(but: problems) }
    }

    /// Whether what is wrong is a tear in an append that nobody was told of. It says so where something behind the tear is intact:
    /// the catalogue might be an earlier one, which does not know that this was acknowledged; and it asks the agent either way.
    private func isTorn(_ problem: String) -> Bool {
        let last = problem.matches(of: /byte (\d+)\)/).last
        guard let last, let byte = Int(last.1) else { return false }
        return sent.keys.contains { id in
            problem.hasPrefix("\(path)/segments/") && problem.contains("/\(id).lcseg: ")
                && byte >= acknowledged[id] ?? 0
        }
    }

    /// Looks at what is there while its disk does not fail: what is to fail or to die of it does so afterwards.
    func untroubled(_ look: () -> Void) {
        disk.stopFailing()
        look()
        if let (call, how) = death {
            let next = max(call, disk.counts.calls + 1)
            death = (next, how)
            disk.fail(fromCall: next, with: EIO)
        }
        failAgain()
    }

    /// What was acknowledged is here; and perhaps what was being appended.
    ///
    /// - Parameter problems: What is wrong, as the archive says: what it cannot read now it takes in at the next start.
    private func checkArrived(but problems: [String] = []) {
        guard let archive else { return }
        for (id, bytes) in sent.sorted(by: { "\($0.key)" < "\($1.key)" })
        where !problems.contains(where: { $0.contains("\(id)") && $0.contains("left out") }) {
            let count: Int
            do {
                let state = try archive.state(of: id)
                count = state?.byteCount ?? 0
                if let state, state.acknowledged > count { readsBehindDamage = true }
            } catch {
                violations.append("state: \(error)")
                continue
            }
            if count < acknowledged[id] ?? 0 {
                guard !isDamaged else { continue }
                violations.append(
                    "lost: \(acknowledged[id]!) bytes of segment \(id) were acknowledged, \(count) are here"
                )
            }
            arrived[id] = Array(bytes.prefix(count))
        }
    }

    /// Somebody cuts a file, or removes it, while no collector runs.
    func lose(_ file: String, from offset: Int) {
        if isRunning { die(.killed) }
        untroubled {
            guard offset > 0 else { return disk.remove(tree: file) }
            guard let file = try? disk.open(file, .writeUntrusted) else { return }
            try? file.truncate(to: offset)
            try? file.sync()
        }
    }

    // MARK: What comes

    func answer(_ request: SimulatedNetwork.Request) -> SimulatedNetwork.Answer? {
        guard let archive, !isDying else { return nil }
        switch request {
        case .state(let id):
            do {
                let state = try archive.state(of: id)
                return .state(
                    RemoteSegment(
                        byteCount: state?.byteCount ?? 0,
                        digest: state.flatMap { $0.digest.isEmpty ? nil : hexadecimal($0.digest) }))
            } catch {
                return .failed(.busy("\(error)", retryAfterSeconds: nil))
            }
        case .append(let bytes, let id, let offset): return append(bytes, id, offset)
        }
    }

    private func append(
        _ bytes: [UInt8], _ id: Identity128, _ offset: Int
    ) -> SimulatedNetwork.Answer? {
        guard let archive else { return nil }
        let known = arrived[id] ?? []
        let before = sent[id]
        // Of what was damaged an agent sends the rest again; what comes twice is no such thing.
        var isAgain = false
        if isDamaged, offset < known.count {
            untroubled { isAgain = (try? archive.state(of: id))??.byteCount ?? 0 == offset }
        }
        let isNext = offset == known.count || isAgain
        let whole = known.prefix(offset) + bytes
        // Of an append that failed all may be here: less than that may come again before anybody knows.
        if isNext, before?.starts(with: whole) != true { sent[id] = Array(whole) }
        var refusal: ShippingError?
        let end = perform(.append) { () throws -> Int? in
            do {
                return try archive.append(bytes, to: id, at: offset).end
            } catch let error as ArchiveError {
                refusal = Self.refusal(error)
                return nil
            }
        }
        if case .wrongOffset = refusal { sent[id] = before }
        guard isRunning, !isDying else { return nil }
        if let end = end ?? nil {
            // Of a machine that was set back other bytes may come for what was damaged.
            if isNext {
                arrived[id] = Array(whole)
            } else {
                untroubled { checkArrived() }
            }
            if end != arrived[id]?.count { violations.append("append: \(end) bytes of \(id)") }
            acknowledged[id] = max(acknowledged[id] ?? 0, end)
            return .appended(Acknowledgement(byteCount: end))
        }
        return .failed(refusal ?? .busy("it failed", retryAfterSeconds: nil))
    }

    /// As `UploadRoutes` and `HTTPTransport` have it.
    private static func refusal(_ error: ArchiveError) -> ShippingError {
        switch error {
        case .wrongOffset(_, let expected): .wrongOffset(expected: expected)
        case .notContinuation(let text): .notContinuation(text)
        case .damaged(let text): .refused(status: 422, text)
        case .foreign(let text): .refused(status: 403, text)
        case .tooMuch(let text): .refused(status: 507, text)
        case .busy, .full: .busy("\(error)", retryAfterSeconds: 1)
        case .locked, .failed: .busy("\(error)", retryAfterSeconds: nil)
        }
    }

    // MARK: What it does by itself

    /// A look of the service that merges.
    func merge(now: Int) {
        guard let archive else { return }
        _ = perform(.replace) {
            try archive.removeReplaced(now: now)
            if !mayFail { try? archive.keepReserve() }
        }
        guard isRunning else { return }
        let before = parts
        _ = perform(.merge) {
            try archive.merge(&schedule, now: now) { [self] in
                interrupt()
                return false
            }
        }
        if isRunning, parts != before { merges += 1 }
        extendLog(now: now)
    }

    /// The log tells what was done.
    func extendLog(now: Int) {
        guard let archive else { return }
        let told = perform(.log) {
            try archive.extendLog(
                now: WallTime(nanoseconds: Int64(now) * 1_000_000_000), tellsHeads: now % 5 == 0
            ) { SigningKey(secret: [UInt8](repeating: 7, count: 32)) }
        }
        if let problem = told?.problem, !isCatalogueForeign {
            violations.append("log: \(problem)")
        }
    }

    /// What is not as the log says.
    func verified() -> [String] {
        guard let archive else { return [] }
        do { return try archive.verify().problems } catch { return ["\(error)"] }
    }

    private var parts: [String] {
        (try? disk.names(path + "/parts")) ?? []
    }

    /// Everything into one part.
    func mergeAll() {
        guard let archive else { return }
        _ = perform(.merge) { try archive.mergeAll() }
    }

    /// A look of the keeper of order.
    func keepOrder(of execution: String, sliceEventsMax: Int, _ patience: Patience?) {
        guard let store else { return }
        _ = perform(.derive) {
            try store.keepOrder(
                of: execution, eventsMin: 1, sliceEventsMax: sliceEventsMax, patience,
                cancellation: Cancellation { [self] in
                    interrupt()
                    return nil
                })
        }
    }

    /// What it does by itself asks whether it is to go on: now and then other things happen first.
    private func interrupt() {
        if Int.random(in: 0..<8, using: &random) == 0 { meanwhile() }
    }

    func executions() -> [String] { (try? archive?.executions()) ?? [] }

    func retain(_ execution: String, _ rule: RetentionRule, now: WallTime) {
        guard let store else { return }
        let retained = perform(.retain) {
            try store.retain(execution, rule, now: now, sliceEventsMax: 40)
        }
        guard retained != nil, isRunning else { return }
        untroubled {
            for (process, last) in (try? store.dropped(of: execution)) ?? [] {
                droppedNumbers[execution, default: [:]][process.identity] = last
            }
        }
    }

    func drop(_ execution: String) {
        guard let archive else { return }
        // What is recorded from now on is another execution of that name.
        droppedNumbers[execution] = nil
        var texts: [String] = []
        untroubled { texts = listed(execution).map(\.text) }
        let dropped = perform(.drop) { try archive.drop(execution) }
        guard dropped != nil else { return }
        droppedTexts.formUnion(texts)
    }

    /// All events of an execution that can be read.
    func listed(
        _ execution: String
    ) -> [(process: ProcessKey, sequence: UInt64, text: String)] {
        var listed: [(process: ProcessKey, sequence: UInt64, text: String)] = []
        guard let store, let history = try? store.graph(of: execution).history else { return [] }
        for (process, line) in history.processes.enumerated() {
            guard let key = line.key else { continue }
            var position = 0
            while position < line.count {
                let place = EventPosition(process: process, position: position)
                let rows = history.rows(at: place)
                position = rows.positions.upperBound
                guard let batch = try? store.events(of: rows.frame) else { continue }
                for row in rows.row..<rows.row + rows.positions.count {
                    let event = batch.event(row)
                    listed.append((key, event.id.sequence, event.text))
                }
            }
        }
        return listed
    }

    private var catalogueFiles: [String] {
        ["", "-wal", "-shm", "-journal"].map { "\(path)/catalogue.sqlite\($0)" }
    }

    /// Ends, and copies what is there of the catalogue.
    func copyCatalogue() -> [String: [UInt8]] {
        if isRunning { die(.killed) }
        var copy: [String: [UInt8]] = [:]
        untroubled {
            for name in catalogueFiles {
                guard let file = try? disk.open(name, .read) else { continue }
                copy[name] = try? file.read(at: 0, count: file.byteCount())
            }
        }
        return copy
    }

    /// Somebody puts a copy of the catalogue in its place, or nothing, while no collector runs.
    func putBack(_ copy: [String: [UInt8]]?) {
        if isRunning { die(.killed) }
        (isCatalogueOther, isCatalogueForeign) = (true, true)
        let capacity = disk.capacity
        disk.capacity = nil
        defer { disk.capacity = capacity }
        untroubled {
            do {
                for name in catalogueFiles + ["\(path)/catalogue.sqlite.next"] {
                    try disk.remove(file: name)
                }
                for (name, bytes) in (copy ?? [:]).sorted(by: { $0.key < $1.key }) {
                    let file = try disk.open(name, .create)
                    try file.write(bytes, at: 0)
                    try file.sync()
                }
                try disk.sync(folder: path)
            } catch {
                violations.append("cannot put the catalogue back: \(error)")
            }
        }
    }

    /// An operator has the catalogue made anew, while no collector runs.
    ///
    /// - Parameter look: Told when it was, before anything else is done.
    func rebuild(_ look: () -> Void) {
        if isRunning { die(.killed) }
        let rebuilt = perform(.rebuild) { try Archive.rebuild(path, disk: disk) }
        guard let rebuilt else { return }
        archive = rebuilt.archive
        store = ArchiveStore(rebuilt.archive)
        untroubled(look)
        goOn()
    }
}
