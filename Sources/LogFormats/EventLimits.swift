import Causality

/// Whether an event is within `Causality.Limits`.
enum EventLimits {
    /// Throws what exceeds a limit, and the limit. O(attributes).
    static func check(_ key: ProcessKey, _ event: Event) throws(RecordDefect) {
        try checkName(key.process.name, "a process name")
        try checkName(key.host, "a host name")
        try checkName(key.execution, "an execution name")
        if !event.name.isEmpty { try checkName(event.name, "a name") }
        guard event.attributes.count <= Causality.Limits.attributesMax else {
            throw RecordDefect(
                "\(event.attributes.count) attributes: expected at most \(Causality.Limits.attributesMax)"
            )
        }
        var bytes = event.text.utf8.count
        for attribute in event.attributes {
            try checkName(attribute.key, "an attribute key")
            bytes += attribute.key.utf8.count + attribute.value.text.utf8.count
        }
        guard bytes <= Causality.Limits.eventBytesMax else {
            throw RecordDefect(
                "text and attributes of \(bytes) bytes: expected at most \(Causality.Limits.eventBytesMax)"
            )
        }
        if let cause = event.cause {
            if case .named(let process) = cause.process {
                try checkName(process.name, "a process name in the cause")
            }
        }
    }

    static func checkName(_ name: String, _ what: String) throws(RecordDefect) {
        do throws(NameError) {
            _ = try Name(name)
        } catch {
            throw RecordDefect("\(what) of \(error)")
        }
    }
}
