import Causality

/// Whether an event is within `Causality.Limits`. Throws what exceeds a limit, and the limit.
enum EventLimits {
    static func check(_ key: ProcessKey) throws(RecordDefect) {
        try checkName(key.process.name, "a process name")
        try checkName(key.host, "a host name")
        try checkName(key.execution, "an execution name")
    }

    static func check(attributeCount: Int, byteCount: Int) throws(RecordDefect) {
        guard attributeCount <= Causality.Limits.attributesMax else {
            throw RecordDefect(
                "\(attributeCount) attributes: expected at most \(Causality.Limits.attributesMax)"
            )
        }
        guard byteCount <= Causality.Limits.eventBytesMax else {
            throw RecordDefect(
                "text and attributes of \(byteCount) bytes: expected at most \(Causality.Limits.eventBytesMax)"
            )
        }
    }

    static func checkName(_ name: String, _ what: String) throws(RecordDefect) {
        do throws(NameError) {
            _ = try Name(name)
        } catch {
            throw RecordDefect("\(what) of \(error)")
        }
    }

    /// A name as bytes, which are UTF-8.
    static func checkName(_ name: Span<UInt8>, _ what: String) throws(RecordDefect) {
        let isName =
            (1...Causality.Limits.nameBytesMax).contains(name.count)
            && name.withUnsafeBufferPointer { !$0.contains(0) }
        if !isName {
            try checkName(
                name.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }, what)
        }
    }
}
