import Causality
import Testing

@testable import Archiving

@Suite struct MergeScheduleTests {
    private static func some(_ count: Int, of byteCount: Int) -> [Mergeable] {
        (0..<count).map {
            Mergeable(Identity128(high: UInt64(byteCount), low: UInt64($0)), byteCount: byteCount)
        }
    }

    @Test func segmentsWaitUntilTheyAreManyOrLarge() {
        let schedule = MergeSchedule()
        let few = Self.some(Limits.mergedSegmentsMin - 1, of: 100)
        #expect(
            schedule.next(segments: few, parts: [], now: 0) == .wait(seconds: Limits.mergeSeconds))
        let many = Self.some(Limits.mergedSegmentsMin, of: 100)
        #expect(
            schedule.next(segments: many, parts: [], now: 0) == .mergeSegments(many.map(\.name)))
        let large = Self.some(1, of: Limits.mergedSegmentBytesMin)
        #expect(
            schedule.next(segments: large, parts: [], now: 0) == .mergeSegments(large.map(\.name)))
        #expect(
            MergeSchedule(isFinal: true).next(segments: few, parts: [], now: 0)
                == .mergeSegments(few.map(\.name)))
    }

    @Test func oneMergeTakesNoMoreThanItMay() {
        let half = Self.some(3, of: Limits.mergedSegmentBytesMax / 2)
        #expect(
            MergeSchedule().next(segments: half, parts: [], now: 0)
                == .mergeSegments(half.prefix(2).map(\.name)))
        let whole = Self.some(2, of: 2 * Limits.mergedSegmentBytesMax)
        #expect(
            MergeSchedule().next(segments: whole, parts: [], now: 0)
                == .mergeSegments([whole[0].name]), "one alone may have more")
    }

    /// Whatever comes, the parts that stay are few, and each byte is written once for each size.
    @Test func partsOfOneSizeBecomeOneOfTheNext() {
        var parts: [Mergeable] = []
        var (written, next) = (0, UInt64(0))
        for round in 0..<2_000 {
            next += 1
            parts.append(
                Mergeable(Identity128(high: 1, low: next), byteCount: 1 << 20 + round % 3 << 18))
            var rounds = 0
            while case .mergeParts(let names) = MergeSchedule().next(
                segments: [], parts: parts, now: 0)
            {
                let taken = parts.filter { names.contains($0.name) }
                #expect(taken.count == names.count && taken.count > 1)
                let byteCount = taken.reduce(0) { $0 + $1.byteCount }
                written += byteCount
                next += 1
                parts.removeAll { names.contains($0.name) }
                parts.append(Mergeable(Identity128(high: 2, low: next), byteCount: byteCount))
                rounds += 1
                #expect(rounds < 10)
            }
            #expect(parts.count < Limits.mergedPartsMin * 6)
        }
        let total = parts.reduce(0) { $0 + $1.byteCount }
        #expect(written < 6 * total)
    }

    @Test func afterAFailureItRests() {
        var schedule = MergeSchedule()
        let many = Self.some(Limits.mergedSegmentsMin, of: 100)
        schedule.handle(.failed, now: 100)
        #expect(
            schedule.next(segments: many, parts: [], now: 110)
                == .wait(seconds: Limits.mergeRetrySeconds - 10))
        #expect(
            schedule.next(segments: many, parts: [], now: 100 + Limits.mergeRetrySeconds)
                == .mergeSegments(many.map(\.name)))
        schedule.handle(.refused, now: 200)
        #expect(
            schedule.next(segments: many, parts: [], now: 200) == .mergeSegments(many.map(\.name)),
            "what was refused is not offered again")
    }
}
