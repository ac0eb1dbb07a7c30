import Causality
import Disks
import HappensBefore
import Parts
import Segments
import SimulatedHistories

extension FuzzTarget {
    /// Which order file of several, u8, and changes of it, sealed (`SealedFile`).
    static let order = FuzzTarget("order") {
        (0..<UInt8(OrderBytes.files.count)).flatMap { file in
            [[file], [file, 0, 0, 5, 0, 0, 1], [file, 3, 0, 1, 0, 1, 1, 9, 0, 2, 0, 6]]
        }
    } run: { bytes in
        var input = Input(bytes)
        let files = OrderBytes.files
        let bytes = files[Int(input.byte()) % files.count].changed(by: input.rest())
        let disk = try PartBytes.disk(["/order": bytes])
        let opened = try disk.open("/order", .read)
        guard let file = try? OrderFile(opened) else { return }
        let survey = try OrderFileSurvey(file)
        try promise(survey.byteCount == bytes.count, "a survey of another file")
        ask(file)
        askAbove(file)
    }

    /// Whatever is asked of a file, it tells or says what is damaged.
    private static func ask(_ file: OrderFile) {
        _ = try? file.defects()
        _ = try? file.tally()
        _ = try? file.segmentEnds()
        _ = try? file.times(upTo: .max)
        _ = try? file.resumption()
        _ = try? file.allGaps()
        _ = try? file.countEvents()
        _ = try? file.listedProcesses()
        var asked: [EventID] = []
        for process in 0..<min(file.processCount, 8) {
            guard let facts = try? file.facts(of: process) else { continue }
            _ = try? file.index(of: facts.id)
            _ = try? file.name(of: .named(facts.id))
            _ = try? file.implied(by: process)
            _ = try? file.droppedCount(of: process)
            _ = try? file.hasTimes(process)
            _ = try? file.arrivals(at: process, in: 0..<min(facts.count, 1 << 20))
            _ = try? file.departures(from: process, since: 0)
            _ = try? file.learned(by: process, in: 0..<min(facts.count, 1 << 20))
            _ = try? file.lastPositions(in: process, by: .earliest)
            for position in [0, facts.count / 2, facts.count - 1] where position >= 0 {
                let place = EventPosition(process: process, position: position)
                askOne(file, place)
                if let id = try? file.id(place) { asked.append(id) }
            }
        }
        for a in asked.prefix(9) {
            _ = try? file.past(of: a)
            _ = try? file.future(of: a)
            _ = try? file.concurrent(with: a)
            _ = try? file.inexactness(of: a)
            for b in asked.prefix(9) { _ = try? file.order(a, b) }
        }
    }

    private static func askOne(_ file: OrderFile, _ place: EventPosition) {
        _ = try? file.known(at: place)
        _ = try? file.uncertainty(at: place)
        _ = try? file.certainEnd(from: place)
        _ = try? file.firstCertain(from: place)
        _ = try? file.stamp(at: place)
        _ = try? file.kind(at: place)
        _ = try? file.rows(at: place)
        for other in 0..<min(file.processCount, 8) {
            _ = try? file.known(of: other, at: place)
            let event = EventKey(process: place.process, sequence: UInt64(place.position) + 1)
            _ = try? file.firstPosition(knowing: event, in: other)
            _ = try? file.receipts(of: event)
            _ = try? file.ruling(on: event)
            _ = try? file.learned(fromMissing: event)
        }
    }

    /// A history that goes on from the file, or does not: whatever is asked of both.
    private static func askAbove(_ file: OrderFile) {
        let floor = OrderStack([file]) { (_, _) throws(PartError) in EventBatch.noTime }
        guard let resumption = try? floor.resumption(),
            var tail = try? History(resuming: resumption, on: floor)
        else { return }
        for frame in OrderBytes.frames {
            guard tail.append(frame, skipsPutAway: true).isEmpty else { return }
        }
        guard tail.breach == nil, (try? tail.finish(over: floor)) != nil, tail.breach == nil,
            let chronicle = try? Chronicle(floor, tail)
        else { return }
        for process in 0..<min(chronicle.processCount, 6) {
            let facts = chronicle.facts(of: process)
            guard facts.count > 0, facts.last > 0 else { continue }
            let id = EventID(facts.id, facts.last)
            _ = try? chronicle.past(of: id)
            _ = try? chronicle.future(of: id)
            _ = try? chronicle.concurrent(with: id)
        }
        if let edges = try? MessageEdges(chronicle, check: {}), let below = try? floor.tally() {
            _ = try? chronicle.tally(edges, after: below) {}
        }
    }
}

/// Order files, and the frames whose order they have.
enum OrderBytes {
    static let frames: [HistoryFrame] = {
        let events = SimulatedHistory(
            .init(processes: 4, events: 160, crashPerMille: 20), seed: 3
        ).events.filter { $0.id.sequence % 17 != 0 }
        return Dictionary(grouping: events, by: \.id.process)
            .sorted { "\($0.key)" < "\($1.key)" }.enumerated().map { number, rows in
                let key = ProcessKey(execution: "main", host: "h", process: rows.key)
                return HistoryFrame(
                    id: number, source: Identity128(high: 0, low: UInt64(number)),
                    batch: EventBatch(rows.value, of: key))
            }
    }()

    private static func history() -> History {
        var history = History(execution: "main")
        for frame in frames { _ = history.append(frame) }
        history.finish()
        return history
    }

    /// Of the whole, and of its first half.
    static let files: [SealedFile] = {
        do {
            let whole = history()
            let places = Dictionary(
                uniqueKeysWithValues: frames.indices.map { number in
                    (
                        number,
                        OrderFileContents.FrameName(
                            agent: Identity128(high: 0, low: 1),
                            segment: Identity128(high: 0, low: UInt64(number)), offset: 7,
                            byteCount: 9)
                    )
                })
            var rest = history()
            guard case .cut(var cut) = rest.frontier(awaiting: { _ in nil }) else {
                throw BrokenPromise("no frontier")
            }
            for process in cut.sequences.indices { cut.sequences[process] /= 2 }
            return try [
                OrderFileContents(whole: whole, MessageEdges(whole), places: places) {},
                OrderFileContents(
                    cutting: &rest, at: rest.greatestConsistent(inside: cut), on: nil,
                    places: places
                ) {},
            ].map { try sealed($0) }
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    /// By the grammar in `OrderFileWriter.swift`: blocks that follow on one another, the footer, and its length.
    private static func sealed(_ contents: OrderFileContents) throws -> SealedFile {
        let file = try SimulatedDisk().open("/order", .create)
        try OrderFileWriter.write(contents, to: file)
        let bytes = try file.read(at: 0, count: file.byteCount())
        let end = bytes.count - 16
        var pieces = [SealedFile.Piece(end..<end + 4)]
        var offset = 8
        while offset < end {
            if let piece = SealedFile.piece(bytes, from: offset, to: end) {
                pieces.append(SealedFile.Piece(piece))
                offset = piece.upperBound + 4
            } else {
                // A block of nothing.
                offset += 4
            }
        }
        return SealedFile(bytes: bytes, pieces: pieces)
    }
}
