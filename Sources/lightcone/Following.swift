import AsyncHTTPClient
import Causality
import Exporting
import NIOCore
import Querying
import Shipping

/// Follows an execution over HTTP: each time the connection ends, another goes on where it ended.
struct Following {
    let source: RemoteSource
    var parameters: QuestionParameters
    /// Events, or matches, after which it ends.
    let limit: Int?
    /// Whether what is told beside events belongs to the answer.
    let isJSON: Bool
    private var output: AnswerOutput
    private var stream = ServerSentEvents()
    /// What the collector said last of where that is.
    private var cursor: String?
    private var hasBegun = false
    private var isAway = false
    private var shown = 0

    /// A collector that follows says something every ten seconds.
    private static let readSeconds = 40
    private let client: HTTPClient
    private static let pausesMilliseconds = [100, 200, 500, 1_000, 2_000]

    init(
        source: RemoteSource, parameters: QuestionParameters, limit: Int?, isJSON: Bool,
        _ output: AnswerOutput
    ) throws {
        self.source = source
        client = try source.client(readSeconds: Self.readSeconds)
        self.parameters = parameters
        self.limit = limit
        self.isJSON = isJSON
        self.output = output
    }

    /// Until the limit is reached. Throws where the collector refuses, or cannot be reached at first.
    mutating func run() async throws {
        var failures = 0
        while true {
            do {
                try await follow { failures = 0 }
                if isOver { return try output.finish() }
                try away("it has ended the connection")
            } catch let error
                where !(error is QuestionError || error is AccessDenied) && hasBegun
            {
                try away(HTTPTransport.reason(error))
            }
            let pause = Self.pausesMilliseconds[min(failures, Self.pausesMilliseconds.count - 1)]
            failures += 1
            try await Task.sleep(for: .milliseconds(pause))
        }
    }

    private var isOver: Bool { limit.map { shown >= $0 } ?? false }

    /// Until the connection ends, or the limit is reached.
    private mutating func follow(_ begins: () -> Void) async throws {
        // What came of a message that was cut comes again.
        stream = ServerSentEvents()
        let headers: [(String, String)] = cursor.map { [("Last-Event-ID", $0)] } ?? []
        let response = try await source.open(
            "tail", parameters, isJSON: true, headers: .init(headers), client: client)
        begins()
        if isAway { Terminal.note("the collector is back") }
        (hasBegun, isAway) = (true, false)
        for try await piece in response.body {
            for message in try stream.add(piece.readableBytesView) {
                try show(message)
                if isOver { return }
            }
            output.flush()
        }
    }

    /// Tells once that the collector is away.
    private mutating func away(_ reason: String) throws {
        output.flush()
        if cursor == nil {
            // Nothing was here: all that comes is new.
            (parameters["last"], parameters["all"]) = ([], ["true"])
        }
        guard !isAway else { return }
        isAway = true
        Terminal.note("the collector is away (\(reason)): trying again")
    }

    private mutating func show(_ message: ServerSentEvents.Message) throws {
        if let id = message.id { cursor = id }
        guard message.event != "events" else {
            // Matches that have several lines end with an empty one.
            let hasEnds = message.data.contains("")
            for line in message.data where !isOver {
                try output.write(line + "\n")
                if !hasEnds || line.isEmpty { shown += 1 }
            }
            return
        }
        guard let data = message.data.first else { return }
        output.flush()
        let object = try? JSONScanner.object(Array(data.utf8))
        let text = object.flatMap { JSONScanner.value(at: "text", of: $0)?.text } ?? data
        if isJSON { try output.write(data + "\n") }
        if message.event == "ended" { throw QuestionError(.misuse, text) }
        if !isJSON { Terminal.note(text) }
    }
}

/// Reads server-sent events (WHATWG HTML, “Server-sent events”), of which lines end with a line feed, from pieces of any size.
struct ServerSentEvents {
    struct Message {
        var event = ""
        var id: String?
        /// Its lines.
        var data: [String] = []
    }

    private var message = Message()
    private var isEmpty = true
    private var line: [UInt8] = []
    private var byteCount = 0

    /// Bytes of one message: a thousand events of the longest.
    private static let messageBytesMax = 256 << 20

    /// The messages that are whole with a piece.
    mutating func add(_ piece: some Collection<UInt8>) throws -> [Message] {
        var messages: [Message] = []
        for part in piece.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            if part.offset > 0, let whole = endLine() { messages.append(whole) }
            line.append(contentsOf: part.element)
            byteCount += part.element.count
            guard byteCount <= Self.messageBytesMax else {
                throw CommandFailure("a message of more than \(Self.messageBytesMax) bytes")
            }
        }
        return messages
    }

    /// The message that ends with the line that ends.
    private mutating func endLine() -> Message? {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            defer { (message, isEmpty, byteCount) = (Message(), true, 0) }
            return isEmpty ? nil : message
        }
        let name = line.prefix { $0 != UInt8(ascii: ":") }
        var value = line[name.endIndex...].dropFirst()
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        let text = String(decoding: value, as: UTF8.self)
        switch String(decoding: name, as: UTF8.self) {
        case "event": message.event = text
        case "id": message.id = text
        case "data": message.data.append(text)
        // Comments, and what is not known yet.
        default: return nil
        }
        isEmpty = false
        return nil
    }
}
