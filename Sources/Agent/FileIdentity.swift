/// Decides what a file is that is found at a path: one that is followed, one that was read, the rest of one, a copy, or a new
/// one. It knows names, numbers and sizes only; whether a file begins with what was read of another one is asked for.
struct FileIdentity {
    /// A file that was found once.
    struct Known: Hashable {
        var number: UInt64
        var path: String
        var key: FileKey
        var generation: UInt64
        /// Bytes that were read.
        var offset: UInt64
        var isFinished: Bool
        /// True where it is being read now.
        var isFollowed: Bool
    }

    /// A file as the disk has it now.
    struct Found: Hashable {
        var path: String
        var key: FileKey
        var byteCount: Int
    }

    enum Verdict: Hashable {
        /// Nothing is to be done: it is followed, or was read to its end.
        case settled
        /// To be read on from where a known file was left. With `isMoved` it has another identity since: a copy, or a device
        /// that was renumbered.
        case resume(UInt64, isMoved: Bool)
        /// The known file of this path was not read to its end, and this is not it: its rest is to be looked for first.
        case seekRest(UInt64)
        /// It holds what a followed file holds: somebody is copying that, to cut it then.
        case copy
        /// To be read from its start, as the file of this generation.
        case new(generation: UInt64, after: UInt64?)
    }

    /// By number.
    var known: [UInt64: Known] = [:]

    /// - Parameters:
    ///   - isPattern: Whether the path was found by a pattern: only then other names of the same file are expected.
    ///   - beginsLike: Whether the file begins with all that was read of a known one.
    ///   - isTwin: Whether it has the same beginning as a file that is followed, as far as both go.
    func verdict(
        _ found: Found, isPattern: Bool, beginsLike: (UInt64) throws -> Bool,
        isTwin: () throws -> Bool
    ) rethrows -> Verdict {
        if known.values.contains(where: { $0.isFollowed && $0.key == found.key }) {
            return .settled
        }
        if let same = try self.same(found, beginsLike) {
            let isRead = same.isFinished && found.byteCount == Int(clamping: same.offset)
            if isRead, same.key == found.key { return .settled }
            return .resume(same.number, isMoved: same.key != found.key)
        }
        if let before = latest(found.path), !before.isFinished, !before.isFollowed {
            return .seekRest(before.number)
        }
        if isPattern, found.byteCount > 0 {
            for other in known.values.sorted(by: { $0.number < $1.number })
            where !other.isFinished && other.offset > 0
                && found.byteCount >= Int(clamping: other.offset)
            {
                if try beginsLike(other.number) { return .copy }
            }
            if try isTwin() { return .copy }
        }
        let before = latest(found.path)
        return .new(generation: (before?.generation ?? 0) + 1, after: before?.number)
    }

    /// The known file that a found one is, if it is one: by its identity, or where its device was renumbered, by its inode.
    /// An inode may be another file's since: what was read must be there.
    private func same(
        _ found: Found, _ beginsLike: (UInt64) throws -> Bool
    ) rethrows -> Known? {
        let sameKey = known.values.filter { $0.key == found.key }
            .max { $0.number < $1.number }
        if let candidate = sameKey {
            guard found.byteCount >= Int(clamping: candidate.offset) else { return nil }
            if candidate.offset == 0 { return candidate.path == found.path ? candidate : nil }
            return try beginsLike(candidate.number) ? candidate : nil
        }
        let renumbered = known.values.filter {
            $0.key.inode == found.key.inode && $0.offset > 0
                && found.byteCount >= Int(clamping: $0.offset)
        }.max { $0.generation < $1.generation }
        guard let renumbered, try beginsLike(renumbered.number) else { return nil }
        return renumbered
    }

    /// The last file that was found at a path, whatever became of it.
    func latest(_ path: String) -> Known? {
        known.values.filter { $0.path == path }.max {
            ($0.generation, $0.number) < ($1.generation, $1.number)
        }
    }

    /// A name beside a path's own that rotation may have given to the file that was there.
    static func isRotated(_ name: String, from base: String) -> Bool {
        guard name.hasPrefix(base), name.count > base.count else { return false }
        let mark = name[name.index(name.startIndex, offsetBy: base.count)]
        return mark == "." || mark == "-"
    }

    /// The place of a rotated file in a numbered row (`api.log.3` is 3); nil where the name has no number.
    static func place(_ name: String, from base: String) -> Int? {
        guard isRotated(name, from: base) else { return nil }
        return Int(name.dropFirst(base.count + 1))
    }

    /// How many files of a numbered row are missing between the one that was followed, which has a place in it now, and its
    /// path: those were written and taken away unseen.
    ///
    /// - Parameter present: The places that files have which are known, or were found now.
    static func missing(before place: Int, present: Set<Int>) -> Int {
        place <= 1 ? 0 : (1..<place).count { !present.contains($0) }
    }

    /// Whether a followed file whose name means another one is finished: nobody has written to it for long, or, where two
    /// files or more came after it, for a moment.
    static func isFinished(
        quietSeconds: Double, isReadToEnd: Bool, successors: Int
    ) -> Bool {
        guard isReadToEnd else { return false }
        return quietSeconds
            >= (successors >= 2 ? Limits.supersededSecondsMax : Limits.renamedSecondsMax)
    }
}
