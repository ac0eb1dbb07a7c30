import Archiving
import Causality
import Disks
import FoundationEssentials
import LogFormats
import Segments

/// Reads one log file into one segment of an archive.
///
/// The segment's id is a digest of the file's content and of how it is read, so the same import is the same segment: one
/// that is there whole adds nothing, one that was cut short by a crash goes on where it ended.
struct LogImport {
    private let archive: Archive
    private let path: String
    private let disk: any Disk
    private let segment: Identity128
    private var reader: LogReader
    private var writer: SegmentWriter
    /// Bytes that the archive has already, of an import that was cut short.
    private var skipCount: Int
    private var outgoing: [UInt8] = []
    private var shipped = 0
    private var events: [ProcessKey: [Event]] = [:]
    private var eventBytes = 0
    private var newUnmatched: [UnmatchedLine] = []
    private var result: Result

    struct Result {
        let path: String
        /// True where the file was imported before.
        var isKnown = false
        var eventCount = 0
        var unmatchedCount = 0
        /// The first of them.
        var unmatched: [UnmatchedLine] = []
        /// In order of appearance.
        var executions: [String] = []

        fileprivate mutating func see(_ execution: String) {
            if executions.last != execution, !executions.contains(execution) {
                executions.append(execution)
            }
        }
    }

    private static let readBytes = 1 << 20
    private static let commitBytes = 8 << 20
    private static let shownMax = 10

    init(
        archive: Archive, path: String, format: LogFormat, execution: String, host: String?,
        settings: [String], disk: any Disk = RealDisk()
    ) throws {
        self.archive = archive
        self.disk = disk
        self.path = path
        let name = path.split(separator: "/").last.map(String.init) ?? path
        reader = try LogReader(
            format,
            LogReader.Options(
                execution: execution, host: host, textProcess: host.map { "\($0)/\(name)" } ?? name)
        )
        let file = try disk.open(path, .read)
        var hash = SHA256()
        var offset = 0
        while true {
            let bytes = try file.read(at: offset, count: Self.readBytes)
            if bytes.isEmpty { break }
            hash.update(bytes)
            offset += bytes.count
        }
        var identity = hash.finish()
        // The name of a log of plain lines is the name of its process.
        for setting in settings + (format == .text ? [name] : []) {
            identity += SHA256.digest(Array(setting.utf8))
        }
        segment = Identity128(naming: identity)
        let state = try archive.state(of: segment)
        let created =
            state?.created ?? WallTime(nanoseconds: Int64(Date().timeIntervalSince1970 * 1e9))
        let header = SegmentHeader(
            host: Identity128(naming: Array("lightcone import".utf8)), segment: segment,
            created: created)
        writer = SegmentWriter(header)
        skipCount = state?.byteCount ?? 0
        outgoing = header.encoded()
        result = Result(path: path)
        result.isKnown = state?.isSealed ?? false
    }

    /// Imports the file.
    consuming func run() throws -> Result {
        let file = try disk.open(path, .read)
        var pending: [UInt8] = []
        var offset = 0
        while true {
            let bytes = try file.read(at: offset, count: Self.readBytes)
            offset += bytes.count
            pending += bytes
            let consumed = read(pending, isFinal: bytes.isEmpty)
            pending.removeFirst(consumed)
            let isLast = bytes.isEmpty
            if eventBytes >= Self.commitBytes || isLast
                || newUnmatched.count >= Segments.Limits.unmatchedLinesMax
            {
                try commit(offset: offset - pending.count, isLast: isLast)
            }
            if isLast { break }
        }
        return result
    }

    /// What is wrong with a key that a field map names and no line of any file has, or nil. Reads until all were seen, and
    /// before anything is imported: what is once in an archive stays.
    static func missingField(
        _ paths: [String], _ format: LogFormat, disk: any Disk = RealDisk()
    ) throws -> String? {
        var reader = try LogReader(format, LogReader.Options())
        reader.searchFields()
        for path in paths {
            let file = try disk.open(path, .read)
            var pending: [UInt8] = []
            var offset = 0
            while reader.isMissingFields {
                let bytes = try file.read(at: offset, count: readBytes)
                offset += bytes.count
                pending += bytes
                pending.removeFirst(reader.read(pending, isFinal: bytes.isEmpty) { _ in })
                if bytes.isEmpty { break }
            }
        }
        return reader.missingField
    }

    private mutating func read(_ bytes: [UInt8], isFinal: Bool) -> Int {
        var items: [LogItem] = []
        let consumed = reader.read(bytes, isFinal: isFinal) { items.append($0) }
        for item in items {
            switch item {
            case .event(let key, let event):
                result.eventCount += 1
                result.see(key.execution)
                events[key, default: []].append(event)
                eventBytes += SegmentWriter.byteEstimate(event)
            case .unmatched(let line):
                result.unmatchedCount += 1
                result.see(line.execution)
                if result.unmatched.count < Self.shownMax { result.unmatched.append(line) }
                newUnmatched.append(line)
            }
        }
        return consumed
    }

    private mutating func commit(offset: Int, isLast: Bool) throws {
        guard !result.isKnown else {
            events = [:]
            newUnmatched = []
            eventBytes = 0
            return
        }
        for (key, all) in events.sorted(by: { order($0.key, $1.key) }) {
            let sorted = all.enumerated()
                .sorted {
                    ($0.element.id.sequence, $0.offset) < ($1.element.id.sequence, $1.offset)
                }.map(\.element)
            for run in SegmentWriter.split(sorted) { try append(writer.block(Array(run), of: key)) }
        }
        for start in stride(
            from: 0, to: max(newUnmatched.count, 1), by: Segments.Limits.unmatchedLinesMax)
        {
            let lines = Array(
                newUnmatched.dropFirst(start).prefix(Segments.Limits.unmatchedLinesMax))
            try append(
                writer.block(
                    Commit(checkpoints: [
                        SourceCheckpoint(
                            path: path, offset: UInt64(offset), line: reader.lineCount,
                            isFinished: isLast,
                            unmatchedCount: UInt64(lines.count), unmatched: lines)
                    ])))
        }
        events = [:]
        newUnmatched = []
        eventBytes = 0
        if isLast { try append(writer.footer()) }
        try flush()
    }

    private func order(_ a: ProcessKey, _ b: ProcessKey) -> Bool {
        a.execution == b.execution ? ProcessKey.listedBefore(a, b) : a.execution < b.execution
    }

    private mutating func append(_ bytes: [UInt8]) throws {
        if outgoing.count + bytes.count > Archiving.Limits.appendBytesMax { try flush() }
        outgoing += bytes
    }

    /// Appends to the archive what it does not have yet.
    private mutating func flush() throws {
        let known = min(max(skipCount - shipped, 0), outgoing.count)
        let bytes = Array(outgoing[known...])
        if !bytes.isEmpty { _ = try archive.append(bytes, to: segment, at: shipped + known) }
        shipped += outgoing.count
        outgoing = []
    }
}
