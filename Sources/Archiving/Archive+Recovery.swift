import Causality
import Disks
import Parts
import Segments
import Transparency

extension Archive {
    /// Compares files and catalogue, for whoever opens the archive to write to it: takes into the catalogue what it lacks
    /// of what is here, tells what is missing and has it asked of its agent again, and removes what a merge or a drop that was
    /// cut short left behind. Cuts nothing off. O(segments + parts + bytes that the catalogue lacks, or that were cut).
    package func recover() throws(ArchiveError) -> [String] {
        try withReserve { () throws(ArchiveError) in try takeIn() }
    }

    private func takeIn() throws(ArchiveError) -> [String] {
        removeUnfinished()
        var warnings = problems
        do {
            try CatalogueFiles(in: path, on: disk).removeNew()
            // What was to replace them.
            for pattern in [Drop.path(in: path) + ".*", logFolder + "/*.*"] {
                for file in disk.matching(pattern) { try disk.remove(file: file) }
            }
            warnings += try finishDrops()
            try finishBurying()
            warnings += try recoverParts()
            warnings += try recoverSegments()
        } catch {
            throw Archive.failure(error)
        }
        try removeStrayOrderFiles()
        return warnings
    }

    /// Does what is left to do of drops that were cut short.
    private func finishDrops() throws -> [String] {
        let known = try catalogue.read { try Catalogue.drops($0) }
        let (drops, problems) = try drops(known: known)
        for drop in drops {
            try catalogue.write { database in
                if try !Catalogue.has(drop, database) { try Catalogue.apply(drop, database) }
            }
        }
        if !problems.isEmpty { try write(catalogue.read { try Catalogue.drops($0) }) }
        return problems
    }

    private func recoverSegments() throws -> [String] {
        var warnings: [String] = []
        let known = try catalogue.segments()
        let merged = try catalogue.mergedSegments()
        let isElsewhere = try catalogue.segmentsOfDamagedParts()
        for (segment, state) in known.sorted(by: { "\($0.key)" < "\($1.key)" })
        where !merged.contains(segment) {
            let path = segmentPath(agent: state.agent, segment: segment)
            let size = try disk.status(path)?.byteCount
            if size ?? 0 < state.byteCount { try shrink(segment, state, path) }
            guard size ?? 0 < state.acknowledged, size != nil || !isElsewhere.contains(segment)
            else { continue }
            warnings.append(Archive.loss(path, bytes: size, of: state.acknowledged))
        }
        return warnings
            + (try forEachSegment { path, place in
                if merged.contains(place.segment) {
                    try disk.remove(file: path)
                    return []
                }
                let state = known[place.segment]
                let size = try disk.status(path)?.byteCount ?? 0
                guard size > state?.acknowledged ?? 0 else { return [] }
                return try take(path, place, after: state)
            })
    }

    /// What is missing of a file, for people.
    static func loss(_ path: String, bytes: Int?, of acknowledged: Int) -> String {
        let found = bytes.map { "has \($0) bytes" } ?? "is gone"
        return "\(path) \(found): acknowledged data was lost: expected \(acknowledged) bytes"
    }

    /// A file was cut: up to where it is intact is found out, and its agent told.
    private func shrink(_ segment: Identity128, _ state: SegmentState, _ path: String) throws {
        let place = SegmentHeader(agent: state.agent, segment: segment, created: state.created)
        var (end, digest): (Int, [UInt8]) = (0, [])
        if let file = try? disk.open(path, .read),
            let contents = try? SegmentContents(file, place, dropped: [:], [:])
        {
            (end, digest) = (contents.append.end, contents.append.digest)
        }
        try catalogue.shrink(segment, to: end, digest)
    }

    /// A part that the catalogue does not know is the result of a merge that was cut short, and its inputs are here; or it
    /// is all that there is of a segment of which the catalogue has never heard: then it is taken in.
    private func recoverParts() throws -> [String] {
        var warnings: [String] = []
        _ = try catalogue.forgetReplacedParts()
        let known = try catalogue.parts()
        for part in known {
            guard let damage = damage(of: part) else { continue }
            warnings.append("\(damage): acknowledged data was lost")
            if part.damage == nil { try catalogue.markDamaged(part.name, damage) }
        }
        let names = Set(known.map(\.name))
        for (path, name) in try partFiles().parts where !names.contains(name) {
            do {
                try takeOrRemove(path, name)
            } catch {
                warnings.append(
                    "\(path) is left out: \(error): `lightcone catalogue rebuild` takes in what is intact"
                )
            }
        }
        return warnings
    }

    /// A part in which events are that the catalogue, since it is an older one, takes to be in segments or parts whose files are
    /// gone. To take it in would count them twice. O(parts), where there is such a part O(segments).
    static func partUnknown(
        to catalogue: Catalogue, in path: String, _ disk: any Disk
    ) throws -> String? {
        let archive = Archive(path, disk, catalogue, nil)
        let files = try archive.partFiles().parts
        let names = Set(try archive.catalogue.parts().map(\.name))
        let strays = files.filter { !names.contains($0.name) }
        guard !strays.isEmpty else { return nil }
        let known = try archive.catalogue.segments()
        var merged = try archive.catalogue.mergedSegments()
        for gone in names.subtracting(files.map(\.name)) {
            merged.subtract(try archive.catalogue.segments(inPart: gone))
        }
        for (partPath, _) in strays {
            guard let part = try? PartFile(partPath, on: disk), part.damage == nil else { continue }
            for index in 0..<part.footer.segmentCount {
                let segment = try part.segment(index).header
                guard let state = known[segment.segment], state.acknowledged > 0,
                    !merged.contains(segment.segment)
                else { continue }
                let file = archive.segmentPath(agent: segment.agent, segment: segment.segment)
                if try disk.status(file) == nil { return partPath }
            }
        }
        return nil
    }

    private func takeOrRemove(_ path: String, _ name: Identity128) throws {
        let part = try PartFile(path, on: disk)
        if let damage = part.damage {
            let remains = try part.remains()
            if try remains.segments.isEmpty || isNeeded(remains) { throw damage }
        } else if try isNeeded(part) {
            return try catalogue.note(
                part, named: name, byteCount: part.byteCount, try droppedNumbers(),
                LoggedFile(.part, name, at: part.path, on: disk))
        }
        try disk.remove(file: path)
    }

    /// What is wrong with a part, as far as its ends tell.
    private func damage(of part: Catalogue.Part) -> String? {
        let path = partPath(part.name)
        do throws(PartError) {
            if let damage = try PartFile(path, on: disk).damage { return "\(damage)" }
        } catch {
            return "\(path) cannot be read: \(error)"
        }
        return part.damage
    }

    /// Whether a part has a segment that is in no other part, and has no file.
    private func isNeeded(_ part: PartFile) throws -> Bool {
        let merged = try catalogue.mergedSegments()
        for index in 0..<part.footer.segmentCount {
            let segment = try part.segment(index).header
            let path = segmentPath(agent: segment.agent, segment: segment.segment)
            if try !merged.contains(segment.segment) && disk.status(path) == nil { return true }
        }
        return false
    }

    /// The files of parts, by name; and what else lies beside them.
    func partFiles() throws -> (parts: [(path: String, name: Identity128)], strangers: [String]) {
        var parts: [(path: String, name: Identity128)] = []
        var strangers: [String] = []
        for file in try disk.names(path + "/parts") {
            let path = "\(path)/parts/\(file)"
            if file.hasSuffix(".lcpart"), let name = Identity128(hex: file.dropLast(7)) {
                parts.append((path, name))
            } else {
                strangers.append(Archive.stranger(path))
            }
        }
        return (parts, strangers)
    }

    private static func stranger(_ path: String) -> String {
        "\(path) is no file of the archive: it is left as it is"
    }

    /// Calls `body` for the file of each segment, with what its place says of it. Returns what that returns, and what else lies
    /// there.
    func forEachSegment(_ body: (String, SegmentHeader) throws -> [String]) throws -> [String] {
        var found: [String] = []
        for name in try disk.names(path + "/segments") {
            let folder = "\(path)/segments/\(name)"
            guard let agent = Identity128(hex: name), try disk.isFolder(folder) else {
                found.append(Archive.stranger(folder))
                continue
            }
            for name in try disk.names(folder) {
                let path = "\(folder)/\(name)"
                guard name.hasSuffix(".lcseg"), let segment = Identity128(hex: name.dropLast(6))
                else {
                    found.append(Archive.stranger(path))
                    continue
                }
                found += try body(
                    path,
                    SegmentHeader(
                        agent: agent, segment: segment, created: WallTime(nanoseconds: 0)))
            }
        }
        return found
    }

    /// Takes into the catalogue what a segment holds beyond what that knows. Returns what could not be read.
    private func take(
        _ path: String, _ place: SegmentHeader, after state: SegmentState?
    ) throws -> [String] {
        // What was lost is asked of the agent: it comes in order.
        if let state, state.byteCount < state.acknowledged { return [] }
        let dropped = try catalogue.dropped(in: [place.segment])[0]
        let numbers = try droppedNumbers()
        let contents: SegmentContents
        do throws(SegmentError) {
            let file = try Archive.open(path, disk)
            if let state {
                contents = try SegmentContents(
                    file, after: state, of: place.segment, dropped: dropped, numbers)
            } else {
                contents = try SegmentContents(file, place, dropped: dropped, numbers)
            }
        } catch {
            return ["\(path) is left out: it cannot be read: \(error)"]
        }
        let append = contents.append
        let header = append.header
        guard (header.agent, header.segment) == (place.agent, place.segment) else {
            return ["\(path) is left out: it is segment \(header.segment) of agent \(header.agent)"]
        }
        // A tail that was torn was never acknowledged: nothing is wrong with that.
        let isTail = append.end == append.acknowledged
        let problems =
            isTail
            ? []
            : contents.problems.map { "\(path): \($0): its agent is asked for it again" }
        // A header alone is of an append that was cut short.
        guard append.acknowledged > state?.acknowledged ?? SegmentHeader.byteCount, append.end > 0
        else { return problems }
        // What the catalogue says is acknowledged must be on the device first.
        try disk.makeDurable(path, from: state?.acknowledged ?? 0, to: append.acknowledged)
        try catalogue.note(append)
        return problems
    }

    private static func open(
        _ path: String, _ disk: any Disk
    ) throws(SegmentError) -> any DiskFile {
        do throws(DiskError) { return try disk.open(path, .read) } catch { throw .disk(error) }
    }
}
