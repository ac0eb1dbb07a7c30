import Causality
import Glibc
import LogFormats
import Recording

/// The processes whose clocks the agent keeps, because their programs do not: they are named by whoever asks to record. Each is
/// a recorder of the agent's own, with a journal like any other, so what it recorded survives the agent's death.
package actor LocalProcesses {
    private let configuration: AgentConfiguration
    private let execution: String
    private let owners: NameOwners?
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }
    private var processes: [Key: Open] = [:]
    private var isClosed = false
    /// Why no process could be opened, and until when none is tried, in nanoseconds of uptime: each try leaves a journal.
    private var unnumbered: (reason: String, until: Int64)?

    private struct Key: Hashable {
        var execution: ExactText
        var process: ExactText
    }

    private struct Open {
        let recorder: Recorder
        /// Who opened it; nil: the agent itself.
        let user: UInt32?
        var used: ContinuousClock.Instant
    }

    /// What came of one line.
    package struct Reply: Encodable, Sendable {
        package var id: String
        package var token: String?

        /// The line for it, where nothing in it must be escaped: nearly always, and much quicker than an encoder.
        var json: String? {
            let isPlain = id.utf8.allSatisfy {
                (0x20...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            guard isPlain else { return nil }
            return token.map { "{\"id\":\"\(id)\",\"token\":\"\($0)\"}" } ?? "{\"id\":\"\(id)\"}"
        }
    }

    /// Why nothing of a request was recorded.
    package enum Refusal: Error {
        /// The line, from 1 on, and what is wrong with it.
        case line(Int, EventRequest.Defect)
        case tooManyProcesses
        /// As many as one user may have.
        case tooManyOfUser
        /// The line, from 1 on, and why its user may not record under that name.
        case refused(Int, String)
        /// So many of the lines could not be written, and why; they are counted in a later event.
        case lost(Int, String)
        /// A process that is not open cannot become a new incarnation, and why: after the agent's end nobody would find it.
        case unnumbered(String)
        case closed
    }

    /// - Parameters:
    ///   - owners: Who may record under which name; nil: all may.
    ///   - executor: Where it runs; nil: on a thread of its own.
    package init(
        _ configuration: AgentConfiguration, owners: NameOwners? = nil,
        on executor: (any SerialExecutor)? = nil
    ) {
        self.owners = owners
        self.executor = executor ?? QueueExecutor(label: "lightcone.local")
        self.configuration = configuration
        execution = configuration.execution
    }

    /// Records the lines of a request, all or none. A process that is not open becomes a new incarnation, which has seen what
    /// the one before had.
    ///
    /// - Parameter user: Who asks; nil: the agent itself.
    package func record(_ lines: [[UInt8]], of user: UInt32? = nil) throws(Refusal) -> [Reply] {
        guard !isClosed else { throw .closed }
        var requests: [(EventRequest, [Token])] = []
        for (index, line) in lines.enumerated() {
            do throws(EventRequest.Defect) {
                var request = try EventRequest(line)
                configuration.redaction?.redact(&request)
                requests.append((request, try LocalProcesses.tokens(of: request)))
            } catch {
                throw .line(index + 1, error)
            }
        }
        let names = Set(requests.map { key($0.0) })
        let new = names.count { processes[$0] == nil }
        guard processes.count + new <= Limits.localProcessesMax else { throw .tooManyProcesses }
        if let user, new > 0, user != 0 {
            let others = processes.values.count { $0.user == user }
            guard others + new <= Limits.localProcessesOfUserMax else { throw .tooManyOfUser }
        }
        if let user { try admit(user, requests.map(\.0)) }
        for (request, _) in requests { try open(request, user) }
        let before = names.compactMap { processes[$0]?.recorder.status.lost }.reduce(0, +)
        let replies = requests.map { record($0.0, $0.1) }
        let after = names.compactMap { processes[$0]?.recorder.status }
        let lost = after.map(\.lost).reduce(0, +) - before
        guard lost == 0 else {
            throw .lost(Int(lost), after.compactMap(\.problem).first ?? "the spool was full")
        }
        return replies
    }

    /// Sees to it that a user records under names that are its own.
    private func admit(_ user: UInt32, _ requests: [EventRequest]) throws(Refusal) {
        guard let owners else { return }
        for (index, request) in requests.enumerated() {
            let name = NameOwners.Name(
                execution: request.execution ?? execution, process: Name.process(request.process))
            let refusal: String?
            do {
                refusal = try owners.refusal(of: user, name)
            } catch {
                throw .unnumbered("\(error)")
            }
            if let refusal { throw .refused(index + 1, refusal) }
        }
    }

    private static func tokens(of request: EventRequest) throws(EventRequest.Defect) -> [Token] {
        var tokens: [Token] = []
        for (index, text) in request.tokens.enumerated() {
            do throws(TokenError) {
                tokens.append(try Token(text))
            } catch {
                throw request.isBatch
                    ? EventRequest.Defect(field: "tokens", "number \(index + 1): \(error)")
                    : EventRequest.Defect(field: "token", "\(error)")
            }
        }
        return tokens
    }

    private func key(_ request: EventRequest) -> Key {
        Key(
            execution: ExactText(request.execution ?? execution),
            process: ExactText(request.process))
    }

    private func record(_ request: EventRequest, _ tokens: [Token]) -> Reply {
        let recorder = processes[key(request)]!.recorder
        let name = EventName(request.name)
        let level = request.level ?? .info
        var attributes = Attributes()
        for attribute in request.attributes {
            switch attribute.value {
            case .text(let text): attributes.add(attribute.key, .text(text))
            case .json(let text): attributes.add(attribute.key, .json(text))
            }
        }
        let time = request.time?.nanoseconds
        recorder.note(lost: request.lost)
        if !tokens.isEmpty {
            let id = recorder.receive(tokens, name, request.text, level, attributes, time: time)
            return Reply(id: "\(id)")
        }
        if request.isUnreadable {
            let id = recorder.receiveUnreadable(name, request.text, level, attributes, time: time)
            return Reply(id: "\(id)")
        }
        if request.kind == .send {
            let sent = recorder.send(name, request.text, level, attributes, time: time)
            return Reply(id: "\(sent.id)", token: sent.token.text)
        }
        let id = recorder.record(
            name, request.text, level: level, attributes: attributes, time: time)
        return Reply(id: "\(id)")
    }

    private func open(_ request: EventRequest, _ user: UInt32?) throws(Refusal) {
        let key = key(request)
        guard processes[key] == nil else {
            processes[key]!.used = .now
            return
        }
        let now = configuration.surroundings.uptime()
        if let unnumbered, now < unnumbered.until { throw .unnumbered(unnumbered.reason) }
        let recorder = Recorder(
            process: request.process, host: configuration.host,
            execution: request.execution ?? execution, spool: configuration.spool,
            user: geteuid() == 0 ? user : nil, isKeptByName: true,
            chunkByteCount: Limits.localChunkBytes,
            chunksMax: Limits.localChunksMax, surroundings: configuration.surroundings)
        if let problem = recorder.numberProblem {
            unnumbered = (problem, now + Limits.numberRetryNanoseconds)
            throw .unnumbered(problem)
        }
        processes[key] = Open(recorder: recorder, user: user, used: .now)
    }

    /// Closes processes that recorded nothing for long.
    package func closeIdle() {
        let limit = ContinuousClock.now - .seconds(configuration.localIdleSeconds)
        processes = processes.filter { $0.value.used > limit }
    }

    /// Closes all: what they recorded is in their journals.
    package func close() {
        isClosed = true
        processes = [:]
    }
}
