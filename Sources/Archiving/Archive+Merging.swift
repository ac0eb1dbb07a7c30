import Causality
import Disks
import Parts
import Segments

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
        let parts = try catalogue.parts().map { Mergeable($0.name, byteCount: $0.byteCount) }
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
        var inputs: [PartMaking.Input] = []
        for segment in segments {
            guard let state = try state(of: segment) else { continue }
            inputs.append(
                PartMaking.Input(
                    path: segmentPath(agent: state.agent, segment: segment), segment: segment))
        }
        let making = PartMaking(on: disk, isStopped: isStopped)
        let name = Identity128(naming: segments.flatMap(\.bytes))
        let made: PartMaking.Made?
        do throws(PartError) {
            made = try publish(name) { path throws(PartError) in
                try making.make(path, of: inputs)
            }
        } catch {
            guard let (path, isChainBroken) = Archive.place(of: error),
                let damaged = inputs.first(where: { $0.path == path })
            else { throw Archive.failure(error) }
            // It stays as it came: what is wrong with it is for people to see, and never merged away.
            try catalogue.keep(
                damaged.segment, because: "\(error)", isChainBroken: isChainBroken)
            return .refused
        }
        guard let made else { return .failed }
        try catalogue.replace(segments: segments, by: name, made)
        let paths = inputs.map(\.path)
        replaced.withLock { replaced in replaced += paths.map { ($0, now) } }
        return .merged
    }

    func merge(
        parts: [Identity128], now: Int, _ isStopped: @escaping @Sendable () -> Bool
    ) throws(ArchiveError) -> MergeSchedule.Outcome {
        let making = PartMaking(on: disk, isStopped: isStopped)
        let name = Identity128(naming: parts.flatMap(\.bytes))
        let made: PartMaking.Made?
        do throws(PartError) {
            made = try publish(name) { path throws(PartError) in
                try making.make(path, ofParts: parts.map { partPath($0) })
            }
        } catch {
            throw Archive.failure(error)
        }
        guard let made else { return .failed }
        try catalogue.replace(parts: parts, by: name, made)
        let paths = parts.map { partPath($0) }
        replaced.withLock { replaced in replaced += paths.map { ($0, now) } }
        return .merged
    }

    /// Has a part made under another name, and gives it its own once it is whole and on the device. Nil where it was stopped.
    /// What was begun is removed where this throws.
    private func publish(
        _ name: Identity128,
        _ make: (String) throws(PartError) -> PartMaking.Made
    ) throws(PartError) -> PartMaking.Made? {
        let fresh = partPath(name) + ".new"
        do throws(PartError) {
            let made = try make(fresh)
            let (disk, path) = (disk, partPath(name))
            try Archive.onDisk { () throws(DiskError) in
                try disk.rename(fresh, to: path)
                try disk.sync(folder: parentFolder(path))
            }
            return made
        } catch {
            removeUnfinished()
            if case .stopped = error { return nil }
            throw error
        }
    }

    private static func onDisk(_ body: () throws(DiskError) -> Void) throws(PartError) {
        do throws(DiskError) { try body() } catch { throw .disk(error) }
    }

    /// The file that is damaged, and whether only its chains say so.
    private static func place(of error: PartError) -> (path: String, isChainBroken: Bool)? {
        switch error {
        case .damaged(let path, _, _): (path, false)
        case .brokenChain(let path, _): (path, true)
        case .stopped, .disk: nil
        }
    }

    /// Removes what no part became of.
    func removeUnfinished() {
        let folder = path + "/parts"
        for name in (try? disk.names(folder)) ?? [] where !name.hasSuffix(".lcpart") {
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
        openParts.withLock { parts in
            for part in parts.filter({ due.contains($0.value.path) }).keys { parts[part] = nil }
        }
        do {
            for path in due { try disk.remove(file: path) }
            for folder in Set(due.map { parentFolder($0) }) { try disk.sync(folder: folder) }
        } catch {
            throw Archive.failure(error)
        }
    }
}
