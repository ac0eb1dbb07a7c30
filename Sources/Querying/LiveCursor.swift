import Causality

/// How far somebody who follows an execution has come: of each run what was shown. Whoever has it can go on from there, with
/// another connection or another collector process, without gaps and without repeats.
///
///     cursor  = version u8 = 1, execution, run count, run*, checksum u32
///     run     = flags u8, identity 16 bytes, [branch 16 bytes], last, missing count, missing*
///     flags   = 1 has a branch, 2 more is missing than is listed
///     missing = count of numbers between the range before (or 0) and its first, count of its numbers less 1
///
/// Numbers are LEB128, the execution its length and UTF-8, runs ascend. The checksum is the CRC-32 of all before it.
package struct LiveCursor: Hashable, Sendable {
    /// A run of a process, or one of its branches where it is there more than once.
    struct Run: Hashable, Sendable {
        var identity: Identity128
        var branch: Identity128?
    }

    /// What was shown of a run.
    struct Shown: Hashable, Sendable {
        /// The last number that was shown, or passed by as not selected.
        var last: UInt64 = 0
        /// The numbers up to the last that were not here, ascending: what comes of them is shown late.
        var missing: [ClosedRange<UInt64>] = []
        /// True where more was missing, further down, than is listed.
        var hasForgotten = false
    }

    package let execution: String
    var runs: [Run: Shown] = [:]

    init(execution: String) { self.execution = execution }
}

extension LiveCursor {
    private static let version: UInt8 = 1
    private static let branchFlag: UInt8 = 1
    private static let forgottenFlag: UInt8 = 2

    /// As text that any header takes. O(runs · log runs)
    package var text: String {
        let runs = runs.sorted { Self.isBefore($0.key, $1.key) }
        var missingMax = Limits.cursorMissingMax
        while true {
            let bytes = bytes(runs, missingMax: missingMax)
            if bytes.count <= Limits.cursorBytesMax || missingMax == 0 {
                return Base64URL.text(bytes)
            }
            missingMax /= 2
        }
    }

    private func bytes(_ runs: [(key: Run, value: Shown)], missingMax: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(Self.version)
        writer.string(execution)
        writer.varint(runs.count)
        for (run, shown) in runs {
            let missing = shown.missing.suffix(missingMax)
            let hasForgotten = shown.hasForgotten || missing.count < shown.missing.count
            writer.byte(
                (run.branch == nil ? 0 : Self.branchFlag)
                    | (hasForgotten ? Self.forgottenFlag : 0))
            writer.bytes(run.identity.bytes)
            if let branch = run.branch { writer.bytes(branch.bytes) }
            writer.varint(shown.last)
            writer.varint(missing.count)
            var end: UInt64 = 0
            for range in missing {
                writer.varint(range.lowerBound - end)
                writer.varint(range.upperBound - range.lowerBound)
                end = range.upperBound
            }
        }
        writer.fixed32(crc32(writer.bytes))
        return writer.bytes
    }

    /// Whether so many runs, so many of them branches, are more than a cursor can tell of.
    static func isTooLong(runs: Int, branches: Int) -> Bool {
        runs > Limits.cursorRunsMax || 28 * runs + 16 * branches > Limits.cursorBytesMax
    }

    private static func isBefore(_ a: Run, _ b: Run) -> Bool {
        let (one, two) = (a.branch ?? a.identity, b.branch ?? b.identity)
        return (a.identity.high, a.identity.low, one.high, one.low)
            < (b.identity.high, b.identity.low, two.high, two.low)
    }

    /// Reads a cursor's text, from whoever sent it. O(length)
    package init(_ text: String) throws(QuestionError) {
        do throws(FormatError) {
            try self.init(reading: text)
        } catch {
            throw QuestionError(
                .misuse, "this is no cursor of a tail, or was cut on its way: \(error)")
        }
    }

    private init(reading text: String) throws(FormatError) {
        guard text.utf8.count <= Limits.cursorBytesMax / 3 * 4 else {
            throw FormatError(what: "it is longer than any cursor", offset: 0)
        }
        guard let bytes = text.utf8Span.span.withUnsafeBufferPointer(Base64URL.bytes) else {
            throw FormatError(what: "expected base64url without padding", offset: 0)
        }
        guard bytes.count > 5 else {
            throw FormatError(what: "expected more than 5 bytes, found \(bytes.count)", offset: 0)
        }
        var check = ByteReader(bytes, from: bytes.count - 4)
        guard try check.fixed32("checksum") == crc32(bytes[..<(bytes.count - 4)]) else {
            throw FormatError(what: "the checksum is wrong", offset: bytes.count - 4)
        }
        var reader = ByteReader(bytes, to: bytes.count - 4)
        let version = try reader.byte("version")
        guard version == Self.version else {
            throw reader.malformed("expected version \(Self.version), found \(version)")
        }
        self.init(execution: try reader.name("execution"))
        let count = try reader.varint("run count")
        guard count <= UInt64(Limits.cursorRunsMax) else {
            throw reader.malformed("expected at most \(Limits.cursorRunsMax) runs, found \(count)")
        }
        for _ in 0..<count {
            let (run, shown) = try Self.run(&reader)
            guard runs.updateValue(shown, forKey: run) == nil else {
                throw reader.malformed("a run that is there twice")
            }
        }
        try reader.expectEnd("cursor")
    }

    private static func run(
        _ reader: inout ByteReader
    ) throws(FormatError) -> (Run, Shown) {
        let flags = try reader.byte("flags")
        guard flags & ~(branchFlag | forgottenFlag) == 0 else {
            throw reader.malformed("unknown flags \(flags)")
        }
        let identity = Identity128(bytes: try reader.bytes(16, "identity"))
        let branch =
            flags & branchFlag == 0
            ? nil : Identity128(bytes: try reader.bytes(16, "branch"))
        var shown = Shown(
            last: try reader.varint("last"), hasForgotten: flags & forgottenFlag != 0)
        let count = try reader.varint("missing count")
        guard count <= UInt64(Limits.cursorMissingMax) else {
            throw reader.malformed(
                "expected at most \(Limits.cursorMissingMax) missing ranges, found \(count)")
        }
        var end: UInt64 = 0
        for _ in 0..<count {
            let (first, isTooFar) = end.addingReportingOverflow(try reader.varint("missing"))
            let (last, isTooLong) = first.addingReportingOverflow(try reader.varint("missing"))
            guard !isTooFar, !isTooLong, first > end, last <= shown.last else {
                throw reader.malformed("missing numbers that do not ascend up to the last")
            }
            shown.missing.append(first...last)
            end = last
        }
        return (Run(identity: identity, branch: branch), shown)
    }
}
