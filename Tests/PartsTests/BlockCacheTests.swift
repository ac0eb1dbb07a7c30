import Testing

@testable import Parts

/// What is kept of order files is bounded, whatever their number.
struct BlockCacheTests {
    private func steps(_ count: Int) -> KnownSteps {
        var steps = KnownSteps(floor: 0)
        for step in 0..<count { steps.append(UInt32(step), UInt64(step + 1)) }
        return steps
    }

    private func isKept(_ place: Int, of file: Int, in cache: BlockCache) -> Bool {
        let found: KnownSteps? = cache[BlockCache.Key(file: file, place: place)]
        return found != nil
    }

    @Test func keepsNoMoreThanItMay() {
        let cache = BlockCache(bytesMax: 100_000)
        let files = (0..<36).map { _ in cache.nextFile() }
        #expect(Set(files).count == files.count)
        for place in 0..<100 {
            for file in files {
                cache.keep(steps(100), as: BlockCache.Key(file: file, place: place))
                #expect(cache.byteCount <= 100_000)
            }
        }
        let kept = files.reduce(0) { sum, file in
            sum + (0..<100).count { isKept($0, of: file, in: cache) }
        }
        #expect(kept * 1_200 <= 100_000 && kept * 1_600 >= 100_000)
    }

    /// What is asked for again and again stays, however much is read meanwhile.
    @Test func letsGoOfWhatIsNotAskedFor() {
        let cache = BlockCache(bytesMax: 100_000)
        let (one, other) = (cache.nextFile(), cache.nextFile())
        cache.keep(steps(10), as: BlockCache.Key(file: one, place: 7))
        for place in 0..<1_000 {
            cache.keep(steps(100), as: BlockCache.Key(file: other, place: place))
            #expect(isKept(7, of: one, in: cache))
        }
        #expect(!isKept(0, of: other, in: cache))
        #expect(isKept(999, of: other, in: cache))
    }

    /// One place may be decoded in several ways, and one block alone may be larger than all may be.
    @Test func tellsFormsApart() {
        let cache = BlockCache(bytesMax: 1_000)
        let key = BlockCache.Key(file: cache.nextFile(), place: 0)
        cache.keep(steps(1_000), as: key)
        #expect(isKept(0, of: key.file, in: cache))
        let names: NamePage? = cache[key]
        #expect(names == nil)
        cache.keep(steps(1), as: BlockCache.Key(file: key.file, place: 1))
        #expect(!isKept(0, of: key.file, in: cache))
        #expect(cache.byteCount < 1_000)
    }
}
