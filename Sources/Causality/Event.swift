/// One thing that happened on a process.
package struct Event: Hashable, Sendable {
    package var id: EventID
    package var kind: EventKind
    /// When the process's own wall clock says that it happened. Never orders events of two hosts.
    package var time: WallTime?
    /// A short stable name ("order placed"), empty where the source has none.
    package var name: String
    /// What the event says, in full.
    package var text: String
    package var level: Level?
    package var attributes: [Attribute]
    /// The sends that this receive got its messages from, where the source says so.
    package var causes: [Cause]
    /// What the event has seen, its own sequence number included: as its source wrote it.
    package var clock: VectorClock
    /// Whether that is all.
    package var stamp: Stamp
    /// The event of which this one is an operator's word that no message came there.
    package var rulesOut: EventReference?

    package init(
        id: EventID, kind: EventKind = .local, time: WallTime? = nil, name: String = "",
        text: String = "", level: Level? = nil, attributes: [Attribute] = [],
        causes: [Cause] = [], clock: VectorClock, stamp: Stamp = .complete,
        rulesOut: EventReference? = nil
    ) {
        self.id = id
        self.kind = kind
        self.time = time
        self.name = name
        self.text = text
        self.level = level
        self.attributes = attributes
        self.causes = causes
        self.clock = clock
        self.stamp = stamp
        self.rulesOut = rulesOut
    }
}

/// What an event did with messages. The numbers are on disk: never renumbered.
package enum EventKind: UInt8, Sendable, CaseIterable {
    case local = 0
    case send = 1
    case receive = 2
    /// The source does not say.
    case unsaid = 3

    /// The word for it; what is not said is shown as local until a message shows otherwise.
    package var text: String {
        switch self {
        case .local, .unsaid: "local"
        case .send: "send"
        case .receive: "receive"
        }
    }

    package init?(text: some StringProtocol) {
        switch text {
        case "local": self = .local
        case "send": self = .send
        case "receive": self = .receive
        default: return nil
        }
    }
}

/// How much an event matters. The numbers are on disk, and ordered: never renumbered.
public enum Level: UInt8, Sendable, CaseIterable {
    case trace = 1
    case debug = 2
    case info = 3
    case notice = 4
    case warning = 5
    case error = 6
    case critical = 7

    package var text: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info: "info"
        case .notice: "notice"
        case .warning: "warning"
        case .error: "error"
        case .critical: "critical"
        }
    }

    /// Reads the names that logging libraries use, in any case: also `warn`, `fatal`, `severe`, `err` and log15's `dbug` and `eror`.
    package init?(text: some StringProtocol) {
        switch text.lowercased() {
        case "trace", "verbose", "finest": self = .trace
        case "debug", "fine", "dbug": self = .debug
        case "info", "information": self = .info
        case "notice": self = .notice
        case "warning", "warn": self = .warning
        case "error", "err", "severe", "eror": self = .error
        case "critical", "crit", "fatal", "alert", "emergency", "emerg", "panic": self = .critical
        default: return nil
        }
    }
}

/// One named value of an event.
package struct Attribute: Hashable, Sendable {
    package var key: String
    package var value: AttributeValue

    package init(_ key: String, _ value: AttributeValue) {
        self.key = key
        self.value = value
    }
}

/// A value as its source wrote it.
package enum AttributeValue: Hashable, Sendable {
    case text(String)
    /// A number, truth value, null, list or object: its JSON text, digit for digit.
    case json(String)

    /// The value as a person reads it.
    package var text: String {
        switch self {
        case .text(let text), .json(let text): text
        }
    }
}
