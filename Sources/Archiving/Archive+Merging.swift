import Causality
import Disks
import Parts
import Segments
import Transparency

extension Archive {
    /// Does the next thing that `schedule` wants merged. Returns how many seconds there is nothing more to do, 0 where there may
    /// be. Appends go on meanwhile; one call at a time.
    ///
    /// - Parameters:
    ///   - now: Seconds of a steady clock.
    ///   - isStopped: Asked often: true where what was begun is to be given up, which costs nothing but the work.
    package func merge(
        _ schedule: inout MergeSchedule, now: Int, isStopped: @escaping @Sendable () -> Bool
    ) throws(ArchiveError) -> Int {
        try removeReplacedParts()
        let parts = try catalogue.parts().filter { $0.damage == nil }.map {
            Mergeable($0.name, byteCount: $0.byteCount, droppedByteCount: $0.droppedByteCount)
        }
        let action = schedule.next(
            segments: try catalogue.segmentsToMerge(), parts: parts, now: now)
        do throws(ArchiveError) {
            switch action {
            case .wait(let seconds): return seconds
            case .mergeSegments(let segments):
                schedule.handle(
                    try merge(segments: segments, now: now, isStopped), now: now)
            case .mergeParts(let parts):
                schedule.handle(try merge(parts: parts, now: now, isStopped), now: now)
            }
        } catch {
            schedule.handle(.failed, now: now)
            throw error
        }
        return 0
    }

    /// Merges whatever is sealed, however little it is, and removes what was replaced: for whoever is alone here.
    package func mergeAll() throws(ArchiveError) {
        var schedule = MergeSchedule(isFinal: true)
        while try merge(&schedule, now: 0, isStopped: { false }) == 0 {}
        try removeReplaced(now: .max)
    }

    func partPath(_ part: Identity128) -> String { "\(path)/parts/\(part).lcpart" }

    func merge(
        segments: [Identity128], now: Int, _ isStopped: @escaping @Sendable () -> Bool
    ) throws(ArchiveError) -> MergeSchedule.Outcome {
        let dropped = try catalogue.dropped(in: segments)
        let numbers = try droppedNumbers()
        var inputs: [PartMaking.Input] = []
        for (segment, dropped) in zip(segments, dropped) {
            guard let state = try state(of: segment) else { continue }
            inputs.append(
                PartMaking.Input(
                    path: segmentPath(agent: state.agent, segment: segment), segment: segment,
                    dropped: dropped))
        }
        let name = Identity128(naming: segments.flatMap(\.bytes))
        let making = PartMaking(on: disk, isStopped: isStopped)
        let attempt = try attempt(name) { path throws(PartError) in
            try making.make(path, of: inputs, after: numbers)
        }
        switch attempt {
        case .stopped: return .failed
        case .damaged(let path, let what, let isChainBroken):
            guard let damaged = inputs.first(where: { $0.path == path }) else {
                throw .damaged(what)
            }
            // It stays as it came: what is wrong with it is for people to see, and never merged away.
            try catalogue.keep(damaged.segment, because: what, isChainBroken: isChainBroken)
            return .refused
        case .made(let made):
            return try publish(name, instead: inputs.map(\.path), now) { () throws(ArchiveError) in
                try catalogue.dropped(in: segments) == dropped
            } replacing: { file throws(ArchiveError) in
                try catalogue.replace(segments: segments, by: name, made, file)
            }
        }
    }

    func merge(
        parts: [Identity128], now: Int, _ isStopped: @escaping @Sendable () -> Bool
    ) throws(ArchiveError) -> MergeSchedule.Outcome {
        let dropped = try catalogue.dropped(inParts: parts)
        let numbers = try droppedNumbers()
        let paths = parts.map { partPath($0) }
        let name = Identity128(naming: parts.flatMap(\.bytes))
        let making = PartMaking(on: disk, isStopped: isStopped)
        let attempt = try attempt(name) { path throws(PartError) in
            try making.make(
                path, ofParts: paths, except: Dictionary(uniqueKeysWithValues: zip(paths, dropped)),
                after: numbers)
        }
        switch attempt {
        case .stopped: return .failed
        case .damaged(let path, let what, _):
            guard let damaged = paths.firstIndex(of: path) else { throw .damaged(what) }
            // The others are merged without it.
            try catalogue.markDamaged(parts[damaged], what)
            isOtherwise()
            return .refused
        case .made(let made):
            return try publish(name, instead: paths, now) { () throws(ArchiveError) in
                try catalogue.dropped(inParts: parts) == dropped
            } replacing: { file throws(ArchiveError) in
                try catalogue.replace(parts: parts, by: name, made, file)
            }
        }
    }

    /// What became of making a part.
    private enum Attempt {
        case made(PartMaking.Made)
        case stopped
        /// A file that it was to be made of is damaged, or only its chains say so.
        case damaged(path: String, what: String, isChainBroken: Bool)
    }

    private func newPath(_ part: Identity128) -> String { partPath(part) + ".new" }

    /// Has a part made under another name than its own. Where none is made, what was begun is removed.
    private func attempt(
        _ name: Identity128, _ make: (String) throws(PartError) -> PartMaking.Made
    ) throws(ArchiveError) -> Attempt {
        do throws(PartError) {
            return .made(try make(newPath(name)))
        } catch {
            removeUnfinished()
            switch error {
            case .stopped: return .stopped
            case .damaged(let path, _, _):
                return .damaged(path: path, what: "\(error)", isChainBroken: false)
            case .brokenChain(let path, _):
                return .damaged(path: path, what: "\(error)", isChainBroken: true)
            case .disk: throw Archive.failure(error)
            }
        }
    }

    /// Gives a part that was made its own name, and has it replace what it was made of; unless something was dropped
    /// meanwhile, which would be in it.
    private func publish(
        _ name: Identity128, instead paths: [String], _ now: Int,
        ifStill isRight: () throws(ArchiveError) -> Bool,
        replacing replace: (LoggedFile) throws(ArchiveError) -> Void
    ) throws(ArchiveError) -> MergeSchedule.Outcome {
        guard beginChange() else {
            removeUnfinished()
            return .failed
        }
        defer { endChange() }
        let file: LoggedFile
        guard try isRight() else {
            removeUnfinished()
            return .failed
        }
        do {
            file = try LoggedFile(.part, name, at: newPath(name), on: disk)
            try disk.rename(newPath(name), to: partPath(name))
            try disk.sync(folder: path + "/parts")
        } catch {
            removeUnfinished()
            throw Archive.failure(error)
        }
        try replace(file)
        try noteOutdated(name)
        replaced.withLock { replaced in
            // One of this name may have been there before, and been damaged.
            replaced.removeAll { $0.path == partPath(name) }
            replaced += paths.map { ($0, now) }
        }
        return .merged
    }

    /// Removes what no part became of.
    func removeUnfinished() {
        let folder = path + "/parts"
        for name in (try? disk.names(folder)) ?? [] where name.contains(".lcpart.new") {
            try? disk.remove(file: "\(folder)/\(name)")
        }
    }

    /// Removes the files that parts have replaced for as long as a question may take that began before.
    package func removeReplaced(now: Int) throws(ArchiveError) {
        let due = replaced.withLock { replaced in
            let due = replaced.filter { $0.at <= now - Limits.replacedSecondsMax }
            replaced.removeAll { $0.at <= now - Limits.replacedSecondsMax }
            return due.map(\.path)
        }
        try remove(due)
    }
}
