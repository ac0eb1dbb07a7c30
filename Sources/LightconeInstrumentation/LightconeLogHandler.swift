import Logging
import Recording
import Tracing

/// Records what a `Logger` is told as events, in causal order with the messages around them.
///
/// Beside the handler that is there:
///
///     LoggingSystem.bootstrap { label in
///         MultiplexLogHandler([
///             StreamLogHandler.standardError(label: label),
///             LightconeLogHandler(label: label, recorder: recorder),
///         ])
///     }
///
/// | of the log call | in the event |
/// |---|---|
/// | the logger's label | name |
/// | message | text |
/// | level | level |
/// | metadata: of the logger, of its provider, of the call; the later wins | attributes; dictionaries and lists as JSON |
/// | error | attributes `error.message`, `error.type` |
/// | source | attribute `source` |
/// | file and line | attribute `location`: `Shop/Orders.swift:41` |
/// | `ServiceContext.current` | attribute `span`: the start event of its span, or the receive of its message; `trace_id`, `span_id` |
///
/// Where that context came with a message that nobody has recorded yet, its receive event is recorded first.
///
/// Both this handler's `logLevel` and the recorder's `level` leave out what is below them.
public struct LightconeLogHandler: LogHandler {
    /// What the logger adds to each call.
    public var metadata: Logger.Metadata = [:]
    /// What adds metadata to each call, where it is made.
    public var metadataProvider: Logger.MetadataProvider?
    /// The lowest level that the logger hands over; `info` unless it is set.
    public var logLevel: Logger.Level = .info
    private let name: EventName
    private let recorder: Recorder

    /// - Parameters:
    ///   - label: The logger's label.
    ///   - recorder: The process whose log this is.
    ///   - metadataProvider: What adds metadata to every call; `LoggingSystem.bootstrap(_:metadataProvider:)` hands it over.
    public init(
        label: String, recorder: Recorder,
        metadataProvider: Logger.MetadataProvider? = LoggingSystem.metadataProvider
    ) {
        name = EventName(label)
        self.recorder = recorder
        self.metadataProvider = metadataProvider
    }

    /// One value of the logger's metadata.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Records a call, after the message that it may have been caused by.
    public func log(event: LogEvent) {
        let level = Level(event.level)
        guard recorder.isEnabled(level) else { return }
        let scope = ServiceContext.current?.enter()
        recorder.record(
            name, event.message.description, level: level, attributes: attributes(event, scope))
    }

    private func attributes(_ event: LogEvent, _ scope: Scope?) -> Attributes {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error {
            all["error.message"] = "\(error)"
            all["error.type"] = "\(String(reflecting: type(of: error)))"
        }
        var attributes = Attributes()
        attributes.add(all)
        attributes.add("source", .text(event.source))
        attributes.add("location", .text("\(event.file):\(event.line)"))
        scope?.describe(&attributes)
        return attributes
    }
}

extension Level {
    fileprivate init(_ level: Logger.Level) {
        self =
            switch level {
            case .trace: .trace
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            case .critical: .critical
            }
    }
}
