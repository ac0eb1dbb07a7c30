import Causality
import Disks
import LogFormats
import Segments

/// The files that are followed.
extension SourceRecorder {
    // MARK: What is known

    /// Takes over what the segments say of files.
    func learnFiles() {
        for checkpoint in segments.checkpoints.values {
            if case .file(let file) = checkpoint.progress { learn(checkpoint, file) }
        }
    }

    func learn(_ checkpoint: SourceCheckpoint, _ file: FileProgress) {
        identity.known[checkpoint.number] = FileIdentity.Known(
            number: checkpoint.number, path: file.path, key: FileKey(file),
            generation: file.generation, offset: file.offset, isFinished: checkpoint.isFinished,
            isFollowed: files.contains { $0.number == checkpoint.number && !$0.isFinished })
    }

    /// How far a file was read, as of now.
    private func progress(_ number: UInt64) -> FileProgress? {
        if let file = files.first(where: { $0.number == number }) { return file.progress }
        guard
            case .file(let file)? = (pending[number] ?? segments.checkpoints[number])?.progress
        else { return nil }
        return file
    }

    private func beginsLike(_ number: UInt64, at path: String) throws -> Bool {
        guard let progress = progress(number) else { return false }
        return try FollowedFile.isContinued(progress, at: path, on: disk)
    }

    // MARK: Looking

    /// Looks for files that appeared, and for names that mean another file now.
    func discover(_ now: Double, _ wall: WallTime) {
        discoverJournals(now, wall)
        noticeRenames(now)
        rotating = rotating.filter { path, _ in
            files.contains {
                $0.path == path && ($0.lostNameSeconds == nil || $0.awaitsSuccessor)
                    && !$0.isFinished
            }
        }
        for (number, follow) in configuration.follow.enumerated() {
            for path in follow.isPattern ? disk.matching(follow.path) : [follow.path]
            where rotating[path] == nil {
                consider(path, number, now)
            }
        }
    }

    /// Sees which followed files have lost their names, and looks at once for what came after them. Costs one system call for
    /// each file: with many files only when all sources are looked for.
    func noticeRenames(_ now: Double) {
        for file in files
        where !file.isFinished && (file.lostNameSeconds == nil || file.awaitsSuccessor) {
            let status = try? disk.status(file.path)
            let tries = rotating[file.path] ?? 0
            if let lost = file.lostNameSeconds {
                guard status != nil || now - lost >= Limits.successorSeconds else { continue }
            } else {
                guard status.map(FileKey.init) != file.key else { continue }
                if status == nil {
                    // Between two renames: what comes after it is looked for when there is something.
                    (file.lostNameSeconds, file.awaitsSuccessor) = (now, true)
                    rotating[file.path] = tries
                    continue
                }
            }
            // What came between is read first, so that nothing is looked for behind it before that is found.
            guard seekUnseen(after: file, now) || tries == Limits.rotationTicksMax else {
                rotating[file.path] = tries + 1
                continue
            }
            rotating[file.path] = nil
            (file.lostNameSeconds, file.awaitsSuccessor) = (file.lostNameSeconds ?? now, false)
            consider(file.path, file.follow, now)
        }
    }

    private func consider(_ path: String, _ follow: Int, _ now: Double) {
        do {
            try look(at: path, follow, now)
            reported.remove(path)
        } catch {
            report("cannot follow", path, error)
        }
    }

    private func look(at path: String, _ follow: Int, _ now: Double) throws {
        guard let status = try disk.status(path), status.isRegular else { return }
        let found = FileIdentity.Found(
            path: path, key: FileKey(status), byteCount: status.byteCount)
        switch try verdict(found, follow) {
        case .settled, .copy: return
        case .resume(let number, let isMoved):
            try resume(number, at: path, isMoved: isMoved, follow, now)
        case .seekRest(let number):
            if try resumeElsewhere(number, follow, now) { return }
            // It is gone, and finished: what is here is new.
            try look(at: path, follow, now)
        case .new(let generation, let before):
            try open(path, path, generation, after: before, follow, now)
        }
    }

    private func verdict(
        _ found: FileIdentity.Found, _ follow: Int
    ) throws -> FileIdentity.Verdict {
        try identity.verdict(
            found, isPattern: configuration.follow[follow].isPattern,
            beginsLike: { number in
                // A file that was read to its end is looked into once, not at every look.
                let name = "\(number) \(found.key) \(found.byteCount) \(found.path)"
                let isFinished = identity.known[number]?.isFinished == true
                if isFinished, verified.contains(name) { return true }
                guard try beginsLike(number, at: found.path) else { return false }
                if verified.count > Limits.finishedSourcesMax { verified = [] }
                if isFinished { verified.insert(name) }
                return true
            }, isTwin: { try isTwin(found, follow) })
    }

    /// True where a new file begins with all that a followed file of the same pattern holds, or the other way round.
    private func isTwin(_ found: FileIdentity.Found, _ follow: Int) throws -> Bool {
        let file = try disk.open(found.path, .read)
        let head = try file.read(at: 0, count: min(found.byteCount, Limits.headBytesMax))
        for other in files where other.follow == follow && !other.head.isEmpty {
            guard head.starts(with: other.head.prefix(head.count)),
                let original = try? disk.open(other.path, .read)
            else { continue }
            let count = try min(
                found.byteCount, original.byteCount(), Int(Limits.fingerprintBytesMax))
            guard count > 0,
                try file.read(at: 0, count: count) == original.read(at: 0, count: count)
            else { continue }
            if reported.insert("copy \(found.path)").inserted {
                logger.notice(
                    "taken for a copy: not followed as long as it has the same content",
                    metadata: ["file": "\(found.path)", "of": "\(other.path)"])
            }
            return true
        }
        return false
    }

    // MARK: Opening

    /// Follows a file from its start.
    @discardableResult
    private func open(
        _ path: String, _ place: String, _ generation: UInt64, after before: UInt64?,
        _ follow: Int, _ now: Double
    ) throws -> FollowedFile {
        guard files.count < Limits.filesMax else {
            throw AgentError("more than \(Limits.filesMax) files: this one is not followed")
        }
        var reader = try configuration.reader(for: configuration.follow[follow], path: path)
        if let before, let progress = progress(before) {
            try reader.restore(progress.readerState)
            reader.startNextFile()
        }
        let file = try FollowedFile(
            number: newSourceNumber(), path, openedAt: place, generation: generation,
            follow: follow, reader: reader, from: nil, nowSeconds: now, disk: disk)
        if place != path { file.lostNameSeconds = now }
        files.append(file)
        identity.known[file.number] = FileIdentity.Known(
            number: file.number, path: path, key: file.key, generation: generation, offset: 0,
            isFinished: false, isFollowed: true)
        logger.info("following", metadata: ["file": "\(place)"])
        return file
    }

    /// Goes on where a known file was left, in the file at `place`. Where that has another identity, the old source is finished
    /// and a new one begun in the same commit.
    private func resume(
        _ number: UInt64, at place: String, isMoved: Bool, _ follow: Int, _ now: Double
    ) throws {
        guard let progress = progress(number) else { return }
        var reader = try configuration.reader(
            for: configuration.follow[follow], path: progress.path)
        try reader.restore(progress.readerState)
        let file = try FollowedFile(
            number: isMoved ? newSourceNumber() : number, progress.path, openedAt: place,
            generation: progress.generation + (isMoved ? 1 : 0), follow: follow, reader: reader,
            from: progress, nowSeconds: now, disk: disk)
        if place != progress.path { file.lostNameSeconds = now }
        if isMoved { finish(number, progress) }
        files.append(file)
        if isMoved { file.markDirty() }
        identity.known[file.number] = FileIdentity.Known(
            number: file.number, path: file.path, key: file.key, generation: file.generation,
            offset: file.offset, isFinished: false, isFollowed: true)
        if isMoved { note(file.takeCheckpoint()) }
        logger.info(
            "following on", metadata: ["file": "\(place)", "from": "\(progress.offset)"])
    }

    /// Nothing more will come under this identity.
    private func finish(_ number: UInt64, _ progress: FileProgress) {
        note(SourceCheckpoint(number: number, .file(progress), isFinished: true))
        identity.known[number]?.isFinished = true
        identity.known[number]?.isFollowed = false
    }

    /// The rest of a file whose name means another one now: it was renamed, or copied and cut. False where it is gone,
    /// and its rest with it.
    private func resumeElsewhere(_ number: UInt64, _ follow: Int, _ now: Double) throws -> Bool {
        guard let progress = progress(number) else { return false }
        guard let (place, isMoved) = try elsewhere(number, progress) else {
            finish(number, progress)
            logger.error(
                "rotated away while nobody followed it: what came after is lost",
                metadata: ["file": "\(progress.path)", "offset": "\(progress.offset)"])
            return false
        }
        try resume(number, at: place, isMoved: isMoved, follow, now)
        return true
    }

    /// Where the content of a followed file is now, if not at its path: beside it, under a name that begins like it.
    private func elsewhere(
        _ number: UInt64, _ progress: FileProgress
    ) throws -> (place: String, isMoved: Bool)? {
        let name = progress.path.split(separator: "/").last.map(String.init) ?? progress.path
        let stem = name.split(separator: ".").first.map(String.init) ?? name
        var copy: String?
        for (place, candidate) in try neighbours(of: progress.path) where candidate.hasPrefix(stem)
        {
            guard let status = try? disk.status(place), status.isRegular,
                status.byteCount >= Int(clamping: progress.offset), progress.offset > 0
            else { continue }
            let key = FileKey(status)
            guard !files.contains(where: { $0.key == key }),
                (try? FollowedFile.isContinued(progress, at: place, on: disk)) == true
            else { continue }
            if key == FileKey(progress) { return (place, false) }
            if !identity.known.values.contains(where: { $0.key == key }) { copy = place }
        }
        return copy.map { ($0, true) }
    }

    private func neighbours(of path: String) throws -> [(place: String, name: String)] {
        let folder = parentFolder(path)
        return try disk.names(folder).map { (folder == "/" ? "/\($0)" : "\(folder)/\($0)", $0) }
    }

    // MARK: Rotation

    /// A followed file was renamed: finds the files that were written after it, and renamed too, before anybody saw them. They
    /// are read after it, in the order in which they were written. What is missing in a numbered row is said, and leaves a gap.
    /// False where names change meanwhile: then it is to be done again.
    private func seekUnseen(after file: FollowedFile, _ now: Double) -> Bool {
        do {
            let base = file.path.split(separator: "/").last.map(String.init) ?? file.path
            var (beside, isSettled) = (try rotated(of: file.path, base), false)
            // Names may change while they are looked at, one after the other.
            for _ in 0..<Limits.rotationLooksMax {
                let again = try rotated(of: file.path, base)
                let isSame = beside.elementsEqual(again) {
                    $0.path == $1.path && FileKey($0.status) == FileKey($1.status)
                }
                beside = again
                isSettled = isSame
                if isSame { break }
            }
            guard isSettled else { return false }
            let own = beside.first { FileKey($0.status) == file.key }?.place
            let last = try changedSeconds(of: file)
            var unseen: [(seconds: Int, place: Int, path: String)] = []
            for (path, place, status) in beside {
                // What has a higher number was there before it.
                if let own, let place, place > own { continue }
                let isKnown = identity.known.values.contains { $0.key == FileKey(status) }
                guard !isKnown, status.byteCount > 0, status.changedSeconds >= last,
                    try !isPacked(path), try !isCopyOfKnown(path, status)
                else { continue }
                unseen.append((status.changedSeconds, -(place ?? 0), path))
            }
            unseen.sort { ($0.seconds, $0.place, $0.path) < ($1.seconds, $1.place, $1.path) }
            for (_, _, place) in unseen {
                let key = beside.first { $0.path == place }.map { FileKey($0.status) }
                guard try disk.status(place).map(FileKey.init) == key else { return false }
                let generation = (identity.latest(file.path)?.generation ?? 0) + 1
                try open(file.path, place, generation, after: nil, file.follow, now)
                logger.notice(
                    "found a file that was rotated away unseen", metadata: ["file": "\(place)"])
            }
            guard let own else { return true }
            let known = Set(identity.known.values.map(\.key))
            let present = Set(
                beside.filter { known.contains(FileKey($0.status)) }.compactMap(\.place))
            let missing = FileIdentity.missing(before: own, present: present)
            guard missing > 0 else { return true }
            breaks[file.path, default: 0] += missing
            file.note(
                "\(missing) file\(missing == 1 ? "" : "s") of its rotation came and went unread: their lines are lost",
                execution: configuration.follow[file.follow].execution)
        } catch {
            report("cannot look for rotated files beside", file.path, error)
        }
        return true
    }

    /// The files beside one that bear its name and more.
    private func rotated(
        of path: String, _ base: String
    ) throws -> [(path: String, place: Int?, status: DiskStatus)] {
        try neighbours(of: path).compactMap { path, name in
            guard FileIdentity.isRotated(name, from: base), let status = try? disk.status(path),
                status.isRegular
            else { return nil }
            return (path, FileIdentity.place(name, from: base), status)
        }
    }

    private func changedSeconds(of file: FollowedFile) throws -> Int {
        for (path, _) in try neighbours(of: file.path) {
            if let status = try? disk.status(path), FileKey(status) == file.key {
                return status.changedSeconds
            }
        }
        // It is gone: only what was written in the last seconds can have come after it.
        return try disk.status(file.path)?.changedSeconds ?? .max
    }

    /// Packed files are none that anybody wrote lines to.
    private func isPacked(_ path: String) throws -> Bool {
        let head = try disk.open(path, .read).read(at: 0, count: 4)
        return head.starts(with: [0x1f, 0x8b]) || head == [0x28, 0xb5, 0x2f, 0xfd]
            || head.starts(with: [0x42, 0x5a, 0x68]) || head == [0xfd, 0x37, 0x7a, 0x58]
    }

    private func isCopyOfKnown(_ path: String, _ status: DiskStatus) throws -> Bool {
        for known in identity.known.values
        where known.offset > 0 && status.byteCount >= Int(clamping: known.offset) {
            if try beginsLike(known.number, at: path) { return true }
        }
        return false
    }

    // MARK: Reading

    /// Reads what is new in the files. Of several files that were found at one path one after another, the first that is not
    /// finished: its lines come first.
    func readFiles(_ now: Double) -> Bool {
        var hasRead = false
        var waiting: [String: Int] = [:]
        for file in files.reversed() { waiting[file.path, default: -1] += 1 }
        var begun: Set<String> = []
        for file in files where begun.insert(file.path).inserted {
            do {
                switch try file.read(nowSeconds: now, into: &sink) {
                case .some: hasRead = true
                case .truncated:
                    try continueFromCopy(of: file, now)
                    hasRead = true
                case .none:
                    file.settle(nowSeconds: now, into: &sink)
                    if let lost = file.lostNameSeconds,
                        try FileIdentity.isFinished(
                            quietSeconds: now - max(file.grewSeconds, lost),
                            isReadToEnd: file.isReadToEnd(), successors: waiting[file.path] ?? 0)
                    {
                        finish(file)
                        hasRead = true
                    }
                }
            } catch {
                report("cannot read", file.path, error)
            }
            note(file.takeCheckpoint())
            if sink.batch.cost >= Limits.commitCostMax { break }
        }
        files.removeAll { $0.isFinished }
        return hasRead
    }

    private func finish(_ file: FollowedFile) {
        file.finish(into: &sink)
        note(file.takeCheckpoint())
        identity.known[file.number]?.isFinished = true
        identity.known[file.number]?.isFollowed = false
        logger.info("finished", metadata: ["file": "\(file.path)", "bytes": "\(file.offset)"])
        guard let next = files.first(where: { $0.path == file.path && !$0.isFinished }) else {
            return
        }
        next.goOn(after: file, isBroken: breaks.removeValue(forKey: file.path) != nil)
    }

    /// A followed file was cut: what came between is in a copy, if there is one.
    private func continueFromCopy(of file: FollowedFile, _ now: Double) throws {
        logger.info("cut", metadata: ["file": "\(file.path)", "offset": "\(file.offset)"])
        let progress = file.progress
        pending[file.number] = SourceCheckpoint(
            number: file.number, .file(progress), isFinished: false,
            unmatchedCount: pending[file.number]?.unmatchedCount ?? 0,
            unmatched: pending[file.number]?.unmatched ?? [])
        files.removeAll { $0 === file }
        identity.known[file.number]?.isFollowed = false
        guard try resumeElsewhere(file.number, file.follow, now) else {
            file.finish(into: &sink)
            note(file.takeCheckpoint())
            return
        }
    }
}
