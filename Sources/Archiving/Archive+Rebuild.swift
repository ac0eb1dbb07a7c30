import Causality
import Disks
import Parts
import Segments
import Transparency

extension Archive {
    /// Makes the catalogue anew from parts and segments, beside the old one, whatever that is, and puts it in its place; then opens
    /// the archive. What of the old one can be read, and is in no file, is taken over: so what was lost is known as lost.
    ///
    /// A file that is damaged, or not where it belongs, costs what it held. Returns what is wrong, each with its path. At whatever
    /// instant this ends, the old catalogue is there or the new one. O(bytes of all files).
    package static func rebuild(
        _ path: String, disk: any Disk = RealDisk()
    ) throws(ArchiveError) -> (archive: Archive, problems: [String]) {
        do {
            guard
                try disk.status(path + "/segments") != nil
                    || CatalogueFiles(in: path, on: disk).current() != nil
            else { throw ArchiveError.failed(noArchive(path)) }
            let lock = try take(path, disk)
            let problems = try rebuild(path, disk, lock)
            let catalogue = try Catalogue(
                path: CatalogueFiles(in: path, on: disk).path, isReadOnly: false)
            let archive = Archive(path, disk, catalogue, lock)
            try archive.removeStrayOrderFiles()
            return (archive, problems)
        } catch {
            throw failure(error)
        }
    }

    /// The same for whoever has the lock.
    static func rebuild(_ path: String, _ disk: any Disk, _ lock: any DiskFile) throws -> [String] {
        let files = CatalogueFiles(in: path, on: disk)
        var memory = CatalogueMemory()
        if let old = try files.current() { memory = CatalogueMemory(reading: old) }
        try files.removeNew()
        let archive = Archive(path, disk, try Catalogue(making: files.new), lock)
        let problems = try archive.fill(memory) + archive.takeOverLog(memory)
        try archive.catalogue.finish()
        try files.replace()
        return memory.problems + problems
    }

    /// What a catalogue would be that is made anew of the parts that this one names, and the segments, in memory. Changes nothing.
    /// O(bytes of all files).
    func derivedCatalogue() throws -> Catalogue {
        let catalogue = try Catalogue(inMemoryFor: path)
        // A merge that failed may have left a part beside what it was made of.
        let parts = Set(try self.catalogue.parts().map(\.name))
        _ = try Archive(path, disk, catalogue, nil).fill(CatalogueMemory(), only: parts)
        return catalogue
    }

    /// Takes everything into an empty catalogue.
    ///
    /// - Parameter parts: The parts that count, and all files stay as they are; nil: those that are here.
    private func fill(
        _ memory: CatalogueMemory, only parts: Set<Identity128>? = nil
    ) throws -> [String] {
        let isDry = parts != nil
        if !isDry { removeUnfinished() }
        var memory = memory
        var (drops, problems) = try drops(known: memory.drops)
        for drop in drops { memory.apply(drop) }
        drops = try catalogue.write { database in
            for drop in drops { try Catalogue.note(drop, database) }
            return try Catalogue.drops(database)
        }
        if !problems.isEmpty, !isDry { try write(drops) }
        problems += try takeTombstones(isDry: isDry)
        try catalogue.write { try Catalogue.takeOverTombstones(memory, $0) }
        let removed = Set(drops.flatMap(\.parts).filter(\.isRemoved).map(\.name))
        let (damaged, partProblems) = try takeParts { name in
            !removed.contains(name) && parts?.contains(name) ?? true
        }
        problems += partProblems
        let merged = try catalogue.mergedSegments()
        problems += try forEachSegment { path, place in
            // A part replaced it, or it was dropped, and its removal was cut short.
            guard !merged.contains(place.segment) else { return [] }
            return try take(path, place, memory)
        }
        for part in damaged { problems += try take(part) }
        problems += try catalogue.takeOver(
            memory,
            path: { segmentPath(agent: $0.agent, segment: $0.segment) },
            partPath: { partPath($0) })
        return problems
    }

    /// A part that is damaged, so that it counts only as far as it is needed.
    private struct DamagedPart {
        var path: String
        var name: Identity128
        var what: String
    }

    /// Of parts that hold the same segments, the one counts that replaced the others: it has more of them.
    private func takeParts(
        _ counts: (Identity128) -> Bool
    ) throws -> (damaged: [DamagedPart], problems: [String]) {
        var damaged: [DamagedPart] = []
        var parts: [(part: PartFile, name: Identity128)] = []
        let (files, strangers) = try partFiles()
        var problems = strangers
        for (path, name) in files where counts(name) {
            do throws(PartError) {
                let part = try PartFile(path, on: disk)
                let found = try PartVerification(part).damage()
                // A header costs nothing.
                if let first = part.damage ?? found.first(where: { $0 != part.headerDamage }) {
                    let more = found.count > 1 ? ", and \(found.count - 1) more" : ""
                    damaged.append(DamagedPart(path: path, name: name, what: "\(first)\(more)"))
                    continue
                }
                if let damage = part.headerDamage { problems.append("\(damage)") }
                parts.append((part, name))
            } catch {
                damaged.append(DamagedPart(path: path, name: name, what: "\(error)"))
            }
        }
        parts.sort { a, b in
            (b.part.footer.segmentCount, a.part.path) < (a.part.footer.segmentCount, b.part.path)
        }
        for (part, name) in parts where try isNew(part) {
            try catalogue.note(
                part, named: name, byteCount: part.byteCount, try droppedNumbers(),
                LoggedFile(.part, name, at: part.path, on: disk))
        }
        return (damaged, problems)
    }

    private func isNew(_ part: PartFile) throws -> Bool {
        let merged = try catalogue.mergedSegments()
        for index in 0..<part.footer.segmentCount {
            if try !merged.contains(part.segment(index).header.segment) { return true }
        }
        return part.footer.segmentCount == 0
    }

    /// Takes in what a damaged part still says, where something of it is nowhere else.
    private func take(_ damaged: DamagedPart) throws -> [String] {
        let what = "\(damaged.what): what it held is lost, but for what of its blocks is intact"
        let remains: PartRemains
        let byteCount: Int
        do {
            let part = try PartFile(damaged.path, on: disk)
            remains = try part.remains()
            byteCount = try disk.status(damaged.path)?.byteCount ?? 0
        } catch {
            return ["\(damaged.path) cannot be read: \(error)"]
        }
        guard !remains.segments.isEmpty else {
            return ["\(damaged.what): nothing that it held can be read"]
        }
        guard try isNeeded(remains) else {
            return ["\(damaged.what): all that is found in it is elsewhere too"]
        }
        try catalogue.note(
            remains, named: damaged.name, byteCount: byteCount, damage: damaged.what)
        return [what]
    }

    /// Whether a segment of which rows are in a damaged part is not whole here.
    func isNeeded(_ remains: PartRemains) throws(ArchiveError) -> Bool {
        let known = try catalogue.segments()
        return remains.segments.contains { known[$0.header.segment]?.isSealed != true }
    }

    /// Takes in what the file of a segment holds. Returns what is wrong with it.
    private func take(
        _ path: String, _ place: SegmentHeader, _ memory: CatalogueMemory
    ) throws -> [String] {
        var place = place
        if let known = memory.segments[place.segment] { place.created = known.header.created }
        let contents: SegmentContents
        do {
            let file = try disk.open(path, .read)
            contents = try SegmentContents(
                file, place, dropped: try catalogue.dropped(in: [place.segment])[0],
                try droppedNumbers())
            guard contents.append.end > 0 || contents.append.acknowledged > 0 else {
                return contents.problems.map { "\(path) is left out: \($0)" }
            }
            let header = contents.append.header
            guard (header.agent, header.segment) == (place.agent, place.segment) else {
                return [
                    "\(path) is left out: its header says segment \(header.segment) of agent \(header.agent), "
                        + "whose place is \(segmentPath(agent: header.agent, segment: header.segment)): is it a copy?"
                ]
            }
        } catch let error as ArchiveError {
            throw error
        } catch {
            return ["\(path) is left out: it cannot be read: \(error)"]
        }
        // What the catalogue says is here must be on the device first: where that cannot be, the old one stays.
        try disk.makeDurable(
            path, from: memory.segments[place.segment]?.acknowledged ?? 0,
            to: max(contents.append.end, contents.append.acknowledged))
        try catalogue.note(contents.append)
        return contents.problems.map { "\(path): \($0)" }
    }
}
