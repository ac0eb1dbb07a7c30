import Causality

extension ByteWriter {
    /// What a process is, without its execution and host: form u8, [run 16], [origin run u64, origin sequence number],
    /// incarnation, name. Of a name that begins with the host's and a `/` only the rest is written.
    package mutating func process(_ key: ProcessKey) {
        let prefix = "\(key.host)/"
        let isShort =
            key.process.name.utf8.count > prefix.utf8.count
            && key.process.name.utf8.starts(with: prefix.utf8)
        var form: UInt8 = (key.run == nil ? 0 : 1) | (isShort ? 8 : 0)
        switch key.origin {
        case .nothing: break
        case .event: form |= 2
        case .unknown: form |= 4
        }
        byte(form)
        if let run = key.run { bytes(run.bytes) }
        if case .event(let run, let sequence) = key.origin {
            fixed64(run.bits)
            varint(sequence)
        }
        varint(UInt64(key.process.incarnation))
        string(
            isShort
                ? String(
                    decoding: key.process.name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
                : key.process.name)
    }
}

extension ByteReader {
    /// A process of a log or a cause: name and incarnation.
    package mutating func processID(_ what: String) throws(FormatError) -> ProcessID {
        ProcessID(name: try name(what), incarnation: try incarnation(what))
    }

    private mutating func incarnation(_ what: String) throws(FormatError) -> UInt32 {
        let number = try count(Int(Causality.Limits.incarnationMax), what)
        guard number >= 1 else { throw malformed("\(what): incarnation 0 is none") }
        return UInt32(number)
    }

    /// What `ByteWriter.process` writes, of a host and an execution that are written elsewhere.
    package mutating func process(
        execution: String, host: String
    ) throws(FormatError) -> ProcessKey {
        let form = try byte("process")
        guard form & ~15 == 0, form & 6 != 6 else {
            throw malformed("process: a form of \(form) is unknown to this program")
        }
        let run = form & 1 == 0 ? nil : Identity128(bytes: try bytes(16, "run"))
        var origin = Origin.nothing
        if form & 2 != 0 {
            let run = RunKey(bits: try fixed64("origin"))
            let sequence = try varint("origin")
            guard (1...Causality.Limits.sequenceMax).contains(sequence) else {
                throw malformed("origin: \(sequence) is no sequence number")
            }
            origin = .event(run, sequence)
        }
        if form & 4 != 0 { origin = .unknown }
        let incarnation = try incarnation("process")
        let written = try validString(
            ofLength: try count(Causality.Limits.nameBytesMax, "process name"), "process name")
        let text = form & 8 == 0 ? written : "\(host)/\(written)"
        do throws(NameError) {
            return ProcessKey(
                execution: execution, host: host,
                process: ProcessID(name: try Name(text).text, incarnation: incarnation), run: run,
                origin: origin)
        } catch {
            throw malformed("process name: \(error)")
        }
    }
}
