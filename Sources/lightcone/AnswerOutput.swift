import Exporting

/// Where the text of an answer goes, piece by piece: to standard output as it is, or into a picture of the listing that it is.
struct AnswerOutput {
    private var picture: (any ListingPicture)?
    /// The beginning of a line of the listing.
    private var line: [UInt8] = []
    private var end: StoppedLine
    /// Whether nothing came.
    private(set) var isEmpty = true
    /// Whether the listing says that it ends early.
    var isStopped: Bool { end.isThere }
    /// How many events came, or matches.
    private(set) var eventCount = 0
    /// Events, or matches, that are shown at the most: what comes beyond them is counted. Only of a picture.
    private let shownMax: Int?

    /// Bytes of an event's line in JSON: eight times what one may have, since each may be escaped.
    private static let lineBytesMax = 8 << 20

    /// - Parameter picture: What is shown in the place of a listing in JSON.
    init(isJSON: Bool, _ picture: (any ListingPicture)?, shownMax: Int? = nil) {
        self.picture = picture
        self.shownMax = shownMax
        end = StoppedLine(isJSON: isJSON || picture != nil)
    }

    mutating func write(_ piece: String) throws {
        isEmpty = isEmpty && piece.isEmpty
        end.look(at: piece)
        guard picture != nil else { return Terminal.write(piece) }
        for part in piece.utf8.split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
        )
        .enumerated() {
            if part.offset > 0 { try show() }
            line.append(contentsOf: part.element)
            guard line.count <= Self.lineBytesMax else {
                throw CommandFailure(
                    "a line of more than \(Self.lineBytesMax) bytes: expected an event")
            }
        }
    }

    /// Shows what has come: nothing more does for a while.
    mutating func flush() {
        if let text = picture?.flush() { Terminal.write(laidOut: text) }
        Terminal.flush()
    }

    /// All has come.
    mutating func finish() throws {
        if !line.isEmpty { try show() }
        if let rest = try picture?.finish() { Terminal.write(laidOut: rest) }
        Terminal.flush()
        if !Pager.end() { throw Ended(exit: .failure) }
    }

    private mutating func show() throws {
        defer { line.removeAll(keepingCapacity: true) }
        guard let row = ListingRow(json: line) else {
            let said = String(decoding: line.prefix(80), as: UTF8.self)
            throw CommandFailure("expected an event in JSON, found “\(said)”")
        }
        switch row {
        case .event, .match: eventCount += 1
        case .unreadable, .stopped: break
        }
        if let shownMax, eventCount > shownMax { return }
        if let text = picture?.add(row) { Terminal.write(laidOut: text) }
    }
}
