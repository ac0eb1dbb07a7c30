import Archiving
import Causality
import Disks
import FoundationEssentials
import LogFormats
import Parts
import Segments

/// Reads one log file into one segment of an archive.
///
/// The segment's id is a digest of the file's content and of how it is read, so the same import is the same segment: one
/// that is there whole adds nothing, one that was cut short by a crash goes on where it ended.
struct LogImport {
    private let archive: Archive
    private let source: LogSource
    private let disk: any Disk
    private let segment: Identity128
    private var reader: LogReader
    private var writer: SegmentWriter
    /// Bytes that the archive has already, of an import that was cut short.
    private var skipCount: Int
    private var outgoing: [UInt8] = []
    private var shipped = 0
    private var sink = LogSink(unmatchedMax: Parts.Limits.unmatchedOfSegmentMax)
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
    /// What events cost (`EventCost`) after which they become frames: a few full ones, and what is left makes a small one.
    private static let commitCost = 12 << 20
    private static let shownMax = 10

    init(
        archive: Archive, source: LogSource, format: LogFormat, execution: String, host: String?,
        times: LogTimes, settings: [String], disk: any Disk = RealDisk()
    ) throws {
        self.archive = archive
        self.disk = disk
        self.source = source
        let name = source.processName
        reader = try LogReader(
            format,
            LogReader.Options(
                execution: execution, host: host,
                textProcess: host.map { "\($0)/\(name)" } ?? name, times: times))
        reader.times.asOf = source.changed
        let file = try disk.open(source.place, .read)
        var hash = ContentHash()
        var offset = 0
        var yearFound: Int?
        while true {
            let bytes = try file.read(at: offset, count: Self.readBytes)
            if bytes.isEmpty { break }
            hash.update(bytes)
            if offset == 0 { yearFound = Self.yearFound(bytes, by: reader) }
            offset += bytes.count
        }
        // The name of a log of plain lines is the name of its process.
        var settings = settings + (format.isText ? [name] : [])
        // When the file was written to last says of which year its times are, where they do not: the same file another year later
        // would have other ones.
        if let yearFound { settings.append("year \(yearFound)") }
        for setting in settings {
            hash.update(Array("\u{0}\(setting.utf8.count) \(setting)".utf8))
        }
        segment = hash.identity
        let state = try archive.state(of: segment)
        let created = state?.created ?? .now
        let header = SegmentHeader(
            agent: Identity128(naming: Array("lightcone import".utf8)), segment: segment,
            created: created)
        writer = SegmentWriter(header)
        skipCount = state?.byteCount ?? 0
        outgoing = header.encoded()
        result = Result(path: source.name)
        result.isKnown = state?.isSealed ?? false
    }

    /// The year that the first time without one gets, in the beginning of a file.
    private static func yearFound(_ bytes: [UInt8], by reader: LogReader) -> Int? {
        var reader = reader
        var sink = LogSink()
        _ = reader.read(bytes, isFinal: true, into: &sink)
        return reader.times.firstYearFound
    }

    private mutating func readPending(_ pending: [UInt8], _ isLast: Bool) -> Int {
        reader.read(pending, isFinal: isLast, into: &sink)
    }

    /// Imports the file.
    consuming func run() throws -> Result {
        let file = try disk.open(source.place, .read)
        var pending: [UInt8] = []
        var offset = 0
        while true {
            let bytes = try file.read(at: offset, count: Self.readBytes)
            offset += bytes.count
            pending += bytes
            let isLast = bytes.isEmpty
            let consumed = readPending(pending, isLast)
            pending.removeFirst(consumed)
            if sink.batch.cost >= Self.commitCost || isLast || sink.unmatchedCount > 0 {
                try commit(offset: offset - pending.count, isLast: isLast)
            }
            if isLast { break }
        }
        return result
    }

    /// What is wrong with a key that a field map names and no line of any file has, or nil. Reads until all were seen, and
    /// before anything is imported: what is once in an archive stays.
    static func missingField(
        _ sources: [LogSource], _ format: LogFormat, disk: any Disk = RealDisk()
    ) throws -> String? {
        var reader = try LogReader(format, LogReader.Options())
        reader.searchFields()
        for source in sources {
            let file = try disk.open(source.place, .read)
            var pending: [UInt8] = []
            var offset = 0
            var sink = LogSink()
            while reader.isMissingFields {
                let bytes = try file.read(at: offset, count: readBytes)
                offset += bytes.count
                pending += bytes
                pending.removeFirst(reader.read(pending, isFinal: bytes.isEmpty, into: &sink))
                sink.batch.removeAll()
                if bytes.isEmpty { break }
            }
        }
        return reader.missingField
    }

    private mutating func commit(offset: Int, isLast: Bool) throws {
        let (lines, count) = sink.takeUnmatched()
        result.eventCount += sink.batch.count
        result.unmatchedCount += Int(count)
        let room = Self.shownMax - result.unmatched.count
        result.unmatched += lines.prefix(room)
        for key in sink.batch.processes { result.see(key.execution) }
        for line in lines { result.see(line.execution) }
        defer { sink.batch.removeAll() }
        guard !result.isKnown else { return }
        for start in stride(
            from: 0, to: max(lines.count, 1), by: Segments.Limits.unmatchedLinesMax)
        {
            let shown = Array(lines.dropFirst(start).prefix(Segments.Limits.unmatchedLinesMax))
            let isWhole = start + shown.count == lines.count
            try append(
                writer.commit(
                    start == 0 ? sink.batch : EventBatch(),
                    Commit(checkpoints: [
                        SourceCheckpoint(
                            number: 1,
                            .imported(ImportProgress(path: source.name, offset: UInt64(offset))),
                            isFinished: isLast && isWhole,
                            unmatchedCount: isWhole
                                ? count - UInt64(start) : UInt64(shown.count), unmatched: shown)
                    ])))
        }
        if isLast { try append(writer.footer()) }
        try flush()
    }

    private mutating func append(_ bytes: [UInt8]) throws {
        if outgoing.count + bytes.count > Archiving.Limits.appendBytesMax { try flush() }
        outgoing += bytes
    }

    /// Appends to the archive what it does not have yet.
    private mutating func flush() throws {
        let known = min(max(skipCount - shipped, 0), outgoing.count)
        let bytes = Array(outgoing[known...])
        if !bytes.isEmpty {
            try archive.append(bytes, to: segment, at: shipped + known, isOwn: true)
        }
        shipped += outgoing.count
        outgoing = []
    }
}

extension LogFormat {
    fileprivate var isText: Bool { if case .text = self { true } else { false } }
}
