import Causality
import Disks
import Journals
import Recording
import Segments

extension FuzzTarget {
    /// What a token says behind its check, and its flags before that; where these are not flags of a token, a text as it is.
    static let token = FuzzTarget("token") {
        [
            [0]
                + bytesOfToken(
                    Token(forging: RunKey(bits: 7), ProcessID(name: "web-1/api"), sequence: 9)),
            [0]
                + bytesOfToken(
                    Token(
                        forging: RunKey(bits: .max), ProcessID(name: "ü", incarnation: 300),
                        sequence: 1 << 40)) + [1, 2, 3, 4, 5, 6, 7, 8, 9],
            [6, 1, 2, 3, 4, 5, 6, 7, 8]
                + bytesOfToken(
                    Token(forging: RunKey(bits: 1), ProcessID(name: "p"), sequence: 1))
                + [1, 2, 3, 4, 5, 6, 7, 8, 9],
            [255] + Array("AgAAAAAA_-".utf8),
        ]
    } run: { bytes in
        var input = Input(bytes)
        let flags = input.byte()
        let text =
            flags < 16
            ? base64URL(sealed(flags: flags, input.rest()))
            : String(decoding: input.rest(), as: UTF8.self)
        guard let token = try? Token(text) else { return }
        try promise(token.text == text, "the text of \(text) is \(token.text)")
        try promise(text.utf8.count <= 512, "a token of \(text.utf8.count) characters")
        let event = token.event
        try promise(
            (1...Causality.Limits.sequenceMax).contains(event.sequence)
                && event.process.incarnation > 0 && !event.process.name.isEmpty
                && event.process.name.utf8.count <= Causality.Limits.nameBytesMax,
            "a sender that is none: \(event)")
    }

    /// What a token says behind its check.
    private static func bytesOfToken(_ token: Token) -> [UInt8] {
        let digits = Array(digits)
        var (bits, count) = (0, 0)
        var bytes: [UInt8] = []
        for character in token.text.utf8 {
            bits = bits << 6 | digits.firstIndex(of: character)!
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(bits >> count & 255))
            }
        }
        return Array(bytes[6...])
    }

    private static func sealed(flags: UInt8, _ rest: [UInt8]) -> [UInt8] {
        let hash = rest.withUnsafeBytes { mixed($0, seed: 2 << 8 | UInt64(flags)) }
        var writer = ByteWriter()
        writer.bytes([2, flags])
        writer.fixed32(UInt32(truncatingIfNeeded: hash))
        return writer.bytes + rest
    }

    private static let digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8

    private static func base64URL(_ bytes: [UInt8]) -> String {
        let digits = Array(digits)
        var (bits, count) = (0, 0)
        var text: [UInt8] = []
        for byte in bytes {
            bits = (bits & 63) << 8 | Int(byte)
            count += 8
            while count >= 6 {
                count -= 6
                text.append(digits[bits >> count & 63])
            }
        }
        if count > 0 { text.append(digits[bits << (6 - count) & 63]) }
        return String(decoding: text, as: UTF8.self)
    }

    /// What a program wrote into two chunks behind their headers: the state of the first u8, the size of its records u16, its
    /// records; the records of the second.
    static let journal = FuzzTarget("journal") {
        [journalSeed(second: []), journalSeed(second: snapshot(sequence: 3) + event(4, kind: 2))]
    } run: { bytes in
        var input = Input(bytes)
        let state = input.byte()
        let chunks = [input.piece(), input.rest()]
        let disk = SimulatedDisk()
        let folder = JournalFolder(in: "/journals", run: journalRun, disk: disk)
        try disk.make(folder: folder.path)
        _ = try disk.open("\(folder.path)/\(JournalFolder.lockName)", .create)
        for (index, records) in chunks.enumerated() where index == 0 || !records.isEmpty {
            var head = ChunkHeader(
                number: UInt64(index + 1), firstSequence: 1, chunkByteCount: 1 << 20,
                run: journalRun
            ).encoded()
            head[ChunkHeader.stateOffset] =
                index == 0 ? state : UInt8(ChunkState.open.rawValue)
            try disk.open("\(folder.path)/\(index + 1).chunk", .create)
                .write(head + records, at: 0)
        }
        let whole = try read(JournalReader(folder), bytesMax: 1 << 30)
        let pieces = try read(JournalReader(folder), bytesMax: 1)
        try promise(
            whole.defects == pieces.defects,
            "in pieces it has other defects: \(pieces.defects), not \(whole.defects)")
        try promise(
            whole.batch.sequences == pieces.batch.sequences
                && whole.batch.changes.count == pieces.batch.changes.count,
            "read in pieces it is another journal than read at once")
        let sequences = whole.batch.sequences
        try promise(
            zip(sequences, sequences.dropFirst()).allSatisfy { $0 < $1 },
            "numbers that do not ascend: \(sequences)")
        try SegmentBytes.promiseReturn(of: whole.batch)
    }

    /// What a defect says of where it is: what is found wrong in a record may lie behind it, if more was read.
    private static func told(_ defect: String) -> String {
        String(defect.prefix { $0 != ":" }) + (defect.split(separator: ":").dropFirst().first ?? "")
    }

    private static func read(
        _ reader: JournalReader, bytesMax: Int
    ) throws -> (batch: EventBatch, defects: [String]) {
        var reader = reader
        var batch = EventBatch()
        var defects: [String] = []
        var rounds = 0
        repeat {
            while try reader.read(bytesMax: bytesMax, into: &batch, { defects.append(told($0)) }) {
                rounds += 1
                try promise(rounds < 100_000, "reading does not end")
            }
        } while try !reader.isFinished()
        return (batch, defects)
    }

    private static let journalRun = Identity128(naming: Array("run".utf8))

    private static func journalSeed(second: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(UInt8(ChunkState.open.rawValue))
        writer.piece(
            snapshot(sequence: 0) + event(1, kind: 0) + event(2, kind: 1) + event(3, kind: 2))
        writer.bytes(second)
        return writer.bytes
    }

    /// A record by the grammar in `JournalFormat.swift`.
    private static func record(
        kind: UInt8, flags: UInt8, sequence: UInt64, text: String,
        _ rest: (inout ByteWriter) -> Void
    ) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes([kind, kind == 16 ? 0 : 3, flags, 0])
        writer.fixed64(sequence)
        writer.fixed64(1_700_000_000_000_000_000)
        writer.fixed32(UInt32(kind == 16 ? 0 : 1))
        writer.fixed32(UInt32(text.utf8.count))
        if kind != 16 { writer.bytes("n".utf8) }
        writer.bytes(text.utf8)
        rest(&writer)
        while (writer.count + 4) % 8 != 0 { writer.byte(0) }
        var length = ByteWriter()
        length.fixed32(UInt32(writer.count + 4))
        return length.bytes + writer.bytes
    }

    private static func snapshot(sequence: UInt64) -> [UInt8] {
        record(kind: 16, flags: 0, sequence: sequence, text: "") { writer in
            func text(_ text: String) {
                writer.fixed16(UInt16(text.utf8.count))
                writer.bytes(text.utf8)
            }
            writer.fixed32(1)
            for name in ["main", "web-1", "web-1/api"] { text(name) }
            writer.byte(0)
            writer.fixed64(0)
            writer.fixed64(0)
            writer.fixed64(0)
            writer.fixed32(0)
            writer.fixed32(1)
            writer.fixed64(77)
            writer.fixed64(5)
        }
    }

    private static func event(_ sequence: UInt64, kind: UInt8) -> [UInt8] {
        record(kind: kind, flags: kind == 0 ? 2 : 4, sequence: sequence, text: "text") { writer in
            if kind == 0 {
                writer.fixed16(1)
                writer.fixed16(1)
                writer.bytes("k".utf8)
                writer.byte(1)
                writer.fixed32(1)
                writer.bytes("1".utf8)
            } else {
                writer.fixed32(1)
                writer.fixed64(sequence + 100)
                writer.fixed32(kind == 2 ? 1 : 0)
                if kind == 2 {
                    writer.fixed32(0)
                    writer.fixed64(6)
                    writer.fixed16(5)
                    writer.bytes("other".utf8)
                    writer.fixed32(1)
                }
                writer.fixed32(1)
                writer.fixed32(1)
                writer.fixed64(9)
            }
        }
    }
}
