import Causality
import Disks
import Parts
import Segments

/// Where rows of an execution lie: a frame of a segment, or rows of a part that were frames of one.
package enum EventPlace: Hashable, Sendable {
    case frame(FramePlace)
    case rows(part: Identity128, PartFrame)
    /// All rows of a block of a part.
    case block(part: Identity128, BlockEntry)
    /// Events that were taken and cannot be found.
    case damage(String)

    /// Whether a frame of a segment reaches beyond a byte of it.
    package func isFrom(_ offset: Int) -> Bool {
        guard case .frame(let place) = self else { return true }
        return place.offset + place.byteCount > offset
    }
}

extension Archive {
    /// The parts that hold events of an execution.
    package func parts(of execution: String) throws(ArchiveError) -> [Identity128] {
        try sources(of: execution).parts
    }

    /// What a part has of an execution, in the order of `PartFrame.isBefore`; what is wrong with it as text.
    package func frames(
        of execution: String, in part: Identity128
    ) throws(ArchiveError) -> (frames: [PartFrame], damage: [String]) {
        do throws(PartError) {
            let listing = try open(part).frames(of: execution)
            return (listing.frames, listing.damage.map { "\($0)" })
        } catch {
            noteUnread(error)
            return ([], ["part \(part): acknowledged data was lost: \(error)"])
        }
    }

    /// The rows of a place. Throws `.damaged` where they cannot be read as they were acknowledged.
    ///
    /// - Parameter hasContent: Whether what they say is read too.
    package func batch(
        at place: EventPlace, hasContent: Bool
    ) throws(ArchiveError) -> EventBatch {
        switch place {
        case .damage(let text): throw .damaged(text)
        case .frame(let place):
            let frame = try read(place)
            do throws(FormatError) {
                return hasContent ? try frame.batch() : try frame.causality()
            } catch {
                throw damage(of: place, error)
            }
        case .rows(let part, let frame):
            return try asking(part) { (file) throws(PartError) in
                try file.batch(of: frame, hasContent: hasContent)
            }
        case .block(let part, let block):
            return try asking(part) { (file) throws(PartError) in
                try (hasContent ? file.events(of: block) : file.causality(of: block)).batch
            }
        }
    }

    /// What the rows of a place say, column by column; nil where they do not lie in one piece. Throws `.damaged` where they
    /// cannot be read.
    package func columns(at place: EventPlace) throws(ArchiveError) -> PlaceColumns? {
        switch place {
        case .damage(let text): throw .damaged(text)
        case .frame(let place):
            let frame = try read(place)
            return try PlaceColumns(.frame(frame)) { () throws(FormatError) in
                try frame.columns()
            }
        case .rows: return nil
        case .block(let part, let block):
            let stored = try asking(part) { (file) throws(PartError) in
                try file.read(block, .all)
            }
            return try PlaceColumns(.block(stored, of: part)) { () throws(FormatError) in
                try stored.columns()
            }
        }
    }

    /// What the rows of a place are called, and how severe they are: their columns without texts and values; nil where they do
    /// not lie in one piece of a part. Throws `.damaged` where they cannot be read.
    package func headings(at place: EventPlace) throws(ArchiveError) -> ContentColumns? {
        guard case .block(let part, let block) = place else { return nil }
        return try asking(part) { (file) throws(PartError) in
            try file.decode(file.read(block, .headings)) { (block) throws(FormatError) in
                try block.headings()
            }
        }
    }

    /// The wall times of the rows of a place; nil where they do not lie in one piece of a part. Throws `.damaged` where they cannot
    /// be read.
    package func times(at place: EventPlace) throws(ArchiveError) -> [Int64]? {
        guard case .block(let part, let block) = place else { return nil }
        return try asking(part) { (file) throws(PartError) in
            try file.decode(file.read(block, .order)) { (block) throws(FormatError) in
                try block.times()
            }
        }
    }

    /// No row of a place is more severe, as far as it is told without reading it.
    package func levelMax(at place: EventPlace) -> UInt8 {
        guard case .block(_, let block) = place else { return .max }
        return block.levelMax
    }

    /// False where no row of a place has all of some words, by their hashes.
    package func mayHold(
        words hashes: [UInt64], at place: EventPlace
    ) throws(ArchiveError) -> Bool {
        guard case .block(let part, let block) = place else { return true }
        return try asking(part) { (file) throws(PartError) in
            let filter = try file.filter(block)
            return hashes.allSatisfy { filter.mayHold($0) }
        }
    }

    /// The frame that begins at a place in a segment, by what its header says; nil where none does.
    package func frame(
        agent: Identity128, segment: Identity128, at offset: Int
    ) -> FramePlace? {
        guard let file = try? disk.open(segmentPath(agent: agent, segment: segment), .read),
            let source = try? BytesOnDisk(file),
            let frame = try? SegmentLayout.frame(source, at: offset, end: source.byteCount)
        else { return nil }
        return FramePlace(
            agent: agent, segment: segment, offset: offset, byteCount: frame.frameByteCount,
            damage: nil)
    }

    /// What a part has of a run.
    package func runs(
        of key: ProcessKey, in part: Identity128
    ) throws(ArchiveError) -> [PartRun] {
        try asking(part) { (file) throws(PartError) in
            try file.runs(of: key.execution, identity: key.identity)
        }
    }

    /// The blocks of a run in a part among whose numbers this one is.
    package func blocks(
        of run: PartRun, at sequence: UInt64, in part: Identity128
    ) throws(ArchiveError) -> [BlockEntry] {
        try asking(part) { (file) throws(PartError) in try file.blocks(of: run, at: sequence) }
    }

    private func asking<Value>(
        _ part: Identity128, _ ask: (PartFile) throws(PartError) -> Value
    ) throws(ArchiveError) -> Value {
        do throws(PartError) {
            return try ask(open(part))
        } catch {
            noteUnread(error)
            if case .disk = error { throw .damaged("\(error)") }
            throw .damaged("\(error) (lightcone part verify \(partPath(part)))")
        }
    }

    /// A part, opened once.
    private func open(_ part: Identity128) throws(PartError) -> PartFile {
        if let known = openParts.withLock({ $0[part] }) { return known }
        let file = try PartFile(partPath(part), on: disk)
        openParts.withLock { $0[part] = file }
        return file
    }

    /// What is wrong with segments of an execution that reading them does not tell.
    package func brokenChains(of execution: String) throws(ArchiveError) -> [String] {
        try catalogue.brokenChains(of: execution)
    }
}

/// What the rows of a place say, and what holds the rest of them.
package struct PlaceColumns: Sendable {
    package let columns: ContentColumns
    private let source: Source

    fileprivate enum Source {
        case frame(StoredFrame)
        case block(StoredBlock, of: Identity128)
    }

    fileprivate init(
        _ source: Source, _ read: () throws(FormatError) -> ContentColumns
    ) throws(ArchiveError) {
        self.source = source
        columns = try source.reading(read)
    }

    /// Some of the events, all of them but their clocks: the rows of these numbers, which ascend. Throws `.damaged` where they
    /// cannot be read.
    package func events(_ rows: [Int]) throws(ArchiveError) -> EventBatch {
        try source.reading { () throws(FormatError) in
            switch source {
            case .frame(let frame): try frame.events(rows, saying: columns)
            case .block(let block, _): try block.events(rows, saying: columns)
            }
        }
    }
}

extension PlaceColumns.Source {
    fileprivate func reading<Value>(
        _ read: () throws(FormatError) -> Value
    ) throws(ArchiveError) -> Value {
        do throws(FormatError) {
            return try read()
        } catch {
            switch self {
            case .frame: throw .damaged("\(error)")
            case .block(let block, let part):
                throw .damaged("part \(part): block at \(block.offset): \(error)")
            }
        }
    }
}
