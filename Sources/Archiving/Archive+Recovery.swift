import Causality
import Disks
import FoundationEssentials
import Parts
import Segments

extension Archive {
    /// Compares files and catalogue, for whoever opens the archive to write to it: takes into the catalogue what it lacks
    /// of what is here, tells what is missing, and removes what a merge that was cut short left behind. Cuts nothing off.
    /// O(segments + parts + bytes that the catalogue lacks).
    package func recover() throws(ArchiveError) -> [String] {
        removeUnfinished()
        try removeStrayOrderFiles()
        var warnings = try recoverParts()
        let known = try catalogue.segments()
        let merged = try catalogue.mergedSegments()
        for (segment, state) in known.sorted(by: { "\($0.key)" < "\($1.key)" })
        where !merged.contains(segment) {
            let path = segmentPath(agent: state.agent, segment: segment)
            if let warning = try missing(path, state.byteCount) { warnings.append(warning) }
        }
        try forEachSegment { path, segment in
            if merged.contains(segment) { return try disk.remove(file: path) }
            let size = try disk.status(path)?.byteCount ?? 0
            guard size > known[segment]?.byteCount ?? 0 else { return }
            warnings += try take(path, after: known[segment])
        }
        return warnings
    }

    /// What is lost of a file that had this many bytes; nil where nothing is.
    private func missing(_ path: String, _ byteCount: Int) throws(ArchiveError) -> String? {
        do throws(DiskError) {
            guard let size = try disk.status(path)?.byteCount else {
                return "\(path) is gone: \(byteCount) acknowledged bytes are lost"
            }
            return size < byteCount
                ? "\(path) has \(size) bytes: \(byteCount) were acknowledged" : nil
        } catch {
            throw Archive.failure(error)
        }
    }

    /// A part that the catalogue does not know is the result of a merge that was cut short, and its inputs are here; or it
    /// is all that there is of a segment, since the catalogue is an older one: then it is taken in.
    private func recoverParts() throws(ArchiveError) -> [String] {
        var warnings: [String] = []
        let known = try catalogue.parts()
        for part in known {
            if let warning = try missing(partPath(part.name), part.byteCount) {
                warnings.append(warning)
            }
        }
        let names = Set(known.map(\.name))
        do {
            for (path, name) in try partFiles() where !names.contains(name) {
                let part = try PartFile(path, on: disk)
                if let damage = part.damage {
                    warnings.append("\(path) is left out: \(damage)")
                } else if try isNeeded(part) {
                    try catalogue.note(part, named: name, byteCount: part.byteCount)
                } else {
                    try disk.remove(file: path)
                }
            }
        } catch {
            throw Archive.failure(error)
        }
        return warnings
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

    /// Makes the catalogue anew from parts and segments alone. Returns what could not be read. O(bytes of all segments, and the
    /// indexes of all parts).
    @discardableResult
    package func rebuild() throws(ArchiveError) -> [String] {
        try catalogue.beginRebuild()
        var problems = try rebuildParts()
        let merged = try catalogue.mergedSegments()
        try forEachSegment { path, segment in
            // A part replaced it, and its removal was cut short.
            guard !merged.contains(segment) else { return }
            problems += try take(path, after: nil)
        }
        try catalogue.endRebuild()
        try removeStrayOrderFiles()
        return problems
    }

    /// Of parts that hold the same segments, the one counts that replaced the others: it has more of them.
    private func rebuildParts() throws(ArchiveError) -> [String] {
        var problems: [String] = []
        do {
            var parts: [(part: PartFile, name: Identity128)] = []
            for (path, name) in try partFiles() {
                let part = try PartFile(path, on: disk)
                if let damage = part.damage {
                    problems.append("\(path) is left out: \(damage)")
                } else {
                    parts.append((part, name))
                }
            }
            parts.sort { a, b in
                (b.part.footer.segmentCount, a.part.path) < (
                    a.part.footer.segmentCount, b.part.path
                )
            }
            for (part, name) in parts where try isNew(part) {
                do throws(ArchiveError) {
                    try catalogue.note(part, named: name, byteCount: part.byteCount)
                } catch {
                    problems.append("\(part.path) is left out: \(error)")
                }
            }
        } catch {
            throw Archive.failure(error)
        }
        return problems
    }

    private func isNew(_ part: PartFile) throws -> Bool {
        let merged = try catalogue.mergedSegments()
        for index in 0..<part.footer.segmentCount {
            if try !merged.contains(part.segment(index).header.segment) { return true }
        }
        return part.footer.segmentCount == 0
    }

    /// The files of parts, by name.
    private func partFiles() throws -> [(path: String, name: Identity128)] {
        try disk.names(path + "/parts").compactMap { name in
            guard name.hasSuffix(".lcpart"), let part = Identity128(hex: name.dropLast(7)) else {
                return nil
            }
            return ("\(path)/parts/\(name)", part)
        }
    }

    private func forEachSegment(
        _ body: (String, Identity128) throws -> Void
    ) throws(ArchiveError) {
        do {
            for agent in try disk.names(path + "/segments") where Identity128(hex: agent) != nil {
                let folder = "\(path)/segments/\(agent)"
                for name in try disk.names(folder) where name.hasSuffix(".lcseg") {
                    guard let segment = Identity128(hex: name.dropLast(6)) else { continue }
                    try body("\(folder)/\(name)", segment)
                }
            }
        } catch {
            throw Archive.failure(error)
        }
    }

    /// Takes into the catalogue what a segment holds beyond what that knows. Returns what could not be read.
    private func take(_ path: String, after state: SegmentState?) throws -> [String] {
        let file = try disk.open(path, .read)
        let head = try file.read(at: 0, count: SegmentHeader.byteCount)
        let header: SegmentHeader
        do throws(FormatError) {
            header = try SegmentHeader(decoding: head)
        } catch {
            return ["\(path) is left out: \(error)"]
        }
        var problems: [String] = []
        var append = Catalogue.Append(
            header, end: 0, digest: state?.digest ?? SegmentWriter.digest(head))
        var scanner = SegmentScanner(
            BytesOnDisk(file), from: state?.byteCount ?? 0, to: file.byteCount,
            after: state?.digest)
        while let item = try scanner.next() {
            switch item {
            case .damage(let damage) where state != nil && damage.isTail: break
            case .damage(let damage):
                problems.append("\(path), byte \(damage.offset): \(damage.text)")
            case .frame(let frame):
                if let batch = try? frame.batch() { try append.note(frame, batch) }
                append.digest = scanner.digest ?? append.digest
            }
            // In pieces: a segment may hold millions of events.
            append.end = scanner.intactEnd
        }
        append.isSealed = scanner.isSealed
        append.end = max(scanner.intactEnd, SegmentHeader.byteCount)
        guard append.end > state?.byteCount ?? 0 else { return problems }
        // What the catalogue says is acknowledged: it must be on the device first.
        let writable = try disk.open(path, .write)
        try writable.sync()
        try disk.sync(folder: parentFolder(path))
        try catalogue.note(append)
        return problems
    }
}
