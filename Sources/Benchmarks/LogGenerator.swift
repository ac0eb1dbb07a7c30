import Causality

/// Writes the log of a generated system, line by line.
struct LogGenerator {
    enum Kind: String, CaseIterable {
        /// Lines as servers write them, with nothing that orders processes.
        case text
        /// Lightcone's own keys: half of the events are messages, and receives name their cause.
        case jsonl
        /// The same with a whole vector clock in each line, and no causes.
        case clocks = "jsonl-clocks"
    }

    let kind: Kind
    private(set) var system: GeneratedSystem
    private(set) var dice: Dice
    let names: [String]
    private let nameBytes: [[UInt8]]
    private let templates = Templates()
    private var writer: FieldWriter
    private let anyHappening: Choice
    private let anySending: Choice
    private let anyReceiving: Choice
    /// What each process is working on: some events in a row are of one request.
    private var requests: [UInt32]

    private static let isNewRequest = Choice.even(4)
    private static let thread = Choice.even(8)

    init(_ kind: Kind, processes: Int, serviceSize: Int? = nil, seed: UInt64) {
        self.kind = kind
        system = GeneratedSystem(
            processes: processes, serviceSize: min(serviceSize ?? processes, processes),
            hasClocks: kind == .clocks)
        dice = Dice(seed: seed)
        let services = Vocabulary.services
        names = (0..<processes).map {
            "node-\($0 / services.count)/\(services[$0 % services.count])"
        }
        nameBytes = names.map { Array($0.utf8) }
        writer = FieldWriter()
        anyHappening = .skewed(templates.happenings.count)
        anySending = .skewed(templates.sendings.count)
        anyReceiving = .skewed(templates.receivings.count)
        requests = Array(repeating: 0, count: processes)
    }

    /// Appends the next line.
    mutating func appendLine(to bytes: inout [UInt8]) {
        let step = system.next(&dice)
        let template = drawTemplate(step.kind)
        switch kind {
        case .text:
            writer.time(step.microseconds, &bytes)
            bytes.append(UInt8(ascii: " "))
            bytes.append(contentsOf: template.capitalLevel)
            bytes.append(UInt8(ascii: " "))
            bytes.append(contentsOf: nameBytes[step.process])
            bytes.append(contentsOf: Self.colon)
            appendText(template, &bytes)
        case .jsonl:
            appendEvent(step, template, &bytes)
            appendAttributes(step.process, &bytes)
            bytes.append(contentsOf: Self.sequence)
            FieldWriter.number(step.sequence, &bytes)
            if let cause = step.cause {
                bytes.append(contentsOf: Self.cause)
                bytes.append(contentsOf: nameBytes[cause.process])
                bytes.append(UInt8(ascii: ":"))
                FieldWriter.number(cause.sequence, &bytes)
                bytes.append(UInt8(ascii: "\""))
            }
            bytes.append(UInt8(ascii: "}"))
        case .clocks:
            appendEvent(step, template, &bytes)
            appendClock(of: step.process, &bytes)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Name, level and text of an event of some kind, for programs that record themselves.
    mutating func words(_ kind: GeneratedSystem.Step.Kind) -> (
        name: String, level: String, text: String
    ) {
        let template = drawTemplate(kind)
        var bytes: [UInt8] = []
        appendText(template, &bytes)
        return (
            String(decoding: template.name, as: UTF8.self),
            String(decoding: template.level, as: UTF8.self), String(decoding: bytes, as: UTF8.self)
        )
    }

    /// What happens next and who does it, for programs that record themselves.
    mutating func step() -> GeneratedSystem.Step { system.next(&dice) }

    private mutating func drawTemplate(_ kind: GeneratedSystem.Step.Kind) -> Template {
        switch kind {
        case .local: templates.happenings[dice.draw(anyHappening)]
        case .send: templates.sendings[dice.draw(anySending)]
        case .receive: templates.receivings[dice.draw(anyReceiving)]
        }
    }

    private mutating func appendText(_ template: Template, _ bytes: inout [UInt8]) {
        for index in template.pieces {
            let piece = templates.pieces[index]
            bytes.append(contentsOf: templates.literals[piece.literal])
            writer.field(piece.field, &dice, &bytes)
        }
    }

    private mutating func appendEvent(
        _ step: GeneratedSystem.Step, _ template: Template, _ bytes: inout [UInt8]
    ) {
        bytes.append(contentsOf: Self.process)
        bytes.append(contentsOf: nameBytes[step.process])
        bytes.append(contentsOf: Self.kinds[step.kind == .local ? 0 : step.kind == .send ? 1 : 2])
        writer.time(step.microseconds, &bytes)
        bytes.append(contentsOf: Self.level)
        bytes.append(contentsOf: template.level)
        bytes.append(contentsOf: Self.name)
        bytes.append(contentsOf: template.name)
        bytes.append(contentsOf: Self.text)
        appendText(template, &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func appendAttributes(_ process: Int, _ bytes: inout [UInt8]) {
        if dice.draw(Self.isNewRequest) == 0 { requests[process] = writer.any32(&dice) }
        bytes.append(contentsOf: Self.request)
        FieldWriter.hexadecimal(requests[process], &bytes)
        bytes.append(contentsOf: Self.threadKey)
        FieldWriter.number(UInt64(dice.draw(Self.thread)), &bytes)
        bytes.append(contentsOf: Self.milliseconds)
        writer.tenths(&dice, &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    private func appendClock(of process: Int, _ bytes: inout [UInt8]) {
        var separator = Self.clock
        for (entry, value) in system.clock(of: process).enumerated() where value > 0 {
            bytes.append(contentsOf: separator)
            bytes.append(contentsOf: nameBytes[entry])
            bytes.append(contentsOf: Self.value)
            FieldWriter.number(value, &bytes)
            separator = Self.comma
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private static let colon = Array(": ".utf8)
    private static let process = Array("{\"process\":\"".utf8)
    private static let kinds = ["local", "send", "receive"].map {
        Array("\",\"kind\":\"\($0)\",\"time\":\"".utf8)
    }
    private static let level = Array("\",\"level\":\"".utf8)
    private static let name = Array("\",\"name\":\"".utf8)
    private static let text = Array("\",\"text\":\"".utf8)
    private static let request = Array(",\"attributes\":{\"request\":\"".utf8)
    private static let threadKey = Array("\",\"thread\":".utf8)
    private static let milliseconds = Array(",\"ms\":".utf8)
    private static let sequence = Array(",\"seq\":".utf8)
    private static let cause = Array(",\"cause\":\"".utf8)
    private static let clock = Array(",\"clock\":{\"".utf8)
    private static let value = Array("\":".utf8)
    private static let comma = Array(",\"".utf8)
}
