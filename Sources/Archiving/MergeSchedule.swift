import Causality

/// What an archive has that may be merged.
package struct Mergeable: Hashable, Sendable {
    package var name: Identity128
    package var byteCount: Int
    /// What of them is of executions that were dropped.
    package var droppedByteCount: Int

    package init(_ name: Identity128, byteCount: Int, droppedByteCount: Int = 0) {
        self.name = name
        self.byteCount = byteCount
        self.droppedByteCount = droppedByteCount
    }
}

/// Decides what is merged, and when: a value that is told what there is and what became of it, and does nothing itself.
///
/// Sealed segments become a part once they are many or large enough, and parts of about one size become one of the next size
/// once there are `Limits.mergedPartsMin` of them. So each event is written once for each size, and a thousand small segments
/// do not stay a thousand files. A part of which much was dropped is written anew without that.
package struct MergeSchedule: Sendable {
    package enum Action: Hashable, Sendable {
        case mergeSegments([Identity128])
        case mergeParts([Identity128])
        /// Nothing is to be done before this many seconds are over.
        case wait(seconds: Int)
    }

    package enum Outcome: Hashable, Sendable {
        case merged
        /// One of the inputs is not what it was, and is not offered again.
        case refused
        /// The device has no room, or failed.
        case failed
    }

    /// Seconds of some steady clock before which nothing is tried again.
    private var notBefore = 0
    /// True where whatever is left is to be merged, however little it is.
    private let isFinal: Bool
    private let pauseSeconds: Int

    /// - Parameter pauseSeconds: Seconds between two looks for what may be merged; at least 1.
    package init(isFinal: Bool = false, pauseSeconds: Int = Limits.mergeSeconds) {
        self.isFinal = isFinal
        self.pauseSeconds = pauseSeconds
    }

    /// What to do now.
    ///
    /// - Parameters:
    ///   - segments: Those that are sealed, intact and in no part, in the order in which they are listed.
    ///   - parts: All parts, in any order.
    ///   - now: Seconds of a steady clock.
    package func next(segments: [Mergeable], parts: [Mergeable], now: Int) -> Action {
        if now < notBefore { return .wait(seconds: notBefore - now) }
        if let names = segmentsToMerge(segments) { return .mergeSegments(names) }
        if let names = partsToMerge(parts) { return .mergeParts(names) }
        return .wait(seconds: pauseSeconds)
    }

    /// Takes note of what became of an action.
    package mutating func handle(_ outcome: Outcome, now: Int) {
        if outcome == .failed { notBefore = now + Limits.mergeRetrySeconds }
    }

    private func segmentsToMerge(_ segments: [Mergeable]) -> [Identity128]? {
        var taken: [Identity128] = []
        var byteCount = 0
        for segment in segments {
            if !taken.isEmpty, byteCount + segment.byteCount > Limits.mergedSegmentBytesMax {
                return taken
            }
            taken.append(segment.name)
            byteCount += segment.byteCount
        }
        let isEnough =
            isFinal || taken.count >= Limits.mergedSegmentsMin
            || byteCount >= Limits.mergedSegmentBytesMin
        return !taken.isEmpty && isEnough ? taken : nil
    }

    private func partsToMerge(_ parts: [Mergeable]) -> [Identity128]? {
        if let part = parts.first(where: { part in
            part.droppedByteCount > 0
                && (isFinal || part.droppedByteCount >= part.byteCount / Limits.droppedShareMin)
        }) {
            return [part.name]
        }
        var tiers: [Int: [Mergeable]] = [:]
        for part in parts { tiers[MergeSchedule.tier(part.byteCount), default: []].append(part) }
        for (_, parts) in tiers.sorted(by: { $0.key < $1.key })
        where parts.count >= Limits.mergedPartsMin {
            var byteCount = 0
            let sorted = parts.sorted { a, b in
                (a.byteCount, a.name.high, a.name.low) < (b.byteCount, b.name.high, b.name.low)
            }
            let taken = sorted.prefix(Limits.mergedPartsMax).prefix { part in
                byteCount += part.byteCount
                return byteCount <= Limits.partBytesMax
            }
            if taken.count > 1 { return taken.map(\.name) }
        }
        return nil
    }

    /// How many times a part is `Limits.mergedPartsMin` times as large as the smallest.
    private static func tier(_ byteCount: Int) -> Int {
        var (tier, limit) = (0, Limits.smallestTierBytes)
        while byteCount > limit {
            tier += 1
            limit *= Limits.mergedPartsMin
        }
        return tier
    }
}
