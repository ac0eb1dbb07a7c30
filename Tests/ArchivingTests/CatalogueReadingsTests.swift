import Causality
import Collector
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

@Suite struct CatalogueReadingsTests {
    @Test func whatWasReadIsGivenAgainUntilSomethingIsWritten() {
        let readings = CatalogueReadings()
        func value(_ key: String, _ read: () -> Int) -> Int { readings.value(key, read) }
        #expect(value("a") { 1 } == 1)
        #expect(value("a") { 2 } == 1)
        #expect(value("b") { 3 } == 3)
        readings.forget()
        #expect(value("a") { 4 } == 4)
        // Written while it was read: nobody knows whether that is in it.
        readings.forget()
        let read = value("a") {
            readings.forget()
            return 5
        }
        #expect(read == 5)
        #expect(value("a") { 6 } == 6)
    }

    /// Names that look alike, and are equal as texts to Swift, are of two executions.
    @Test func executionsThatLookAlikeAreTwo() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let names = ["caf\u{e9}", "cafe\u{301}"]
        var batch = EventBatch()
        var clocks: [VectorClock?] = [nil, nil]
        for (index, name) in names.enumerated() {
            let process = ProcessID(name: "p")
            let key = ProcessKey(execution: name, host: "h", process: process)
            for number in 1...UInt64(3 + index) {
                batch.append(
                    Event(
                        id: EventID(process, number), kind: .local, text: "\(index)",
                        clock: VectorClock([process: number])), of: key, after: &clocks[index])
            }
        }
        let header = SegmentHeader(
            agent: Identity128(naming: [1]), segment: Identity128(naming: [2]),
            created: WallTime(nanoseconds: 1))
        var writer = SegmentWriter(header)
        let bytes = header.encoded() + writer.commit(batch, Commit()) + writer.footer()
        try archive.append(bytes, to: header.segment, at: 0)
        for isMerged in [false, true] {
            if isMerged { try archive.mergeAll() }
            let store = ArchiveStore(archive)
            for _ in 0..<2 {
                for (index, name) in names.enumerated() {
                    #expect(try archive.orders(of: name).taken == 3 + index)
                    #expect(try store.graph(of: name).eventCount == 3 + index, "\(isMerged)")
                    try store.keepOrder(of: name, eventsMin: 1)
                    let filed = try #require(try store.filed(name, .never))
                    #expect(filed.eventCount == 3 + index, "\(isMerged)")
                }
            }
        }
    }

    @Test func itHoldsFewOfThem() {
        let readings = CatalogueReadings()
        for number in 0..<1_000 { #expect(readings.value("\(number)") { number } == number) }
        #expect(readings.value("0") { -1 } == -1)
    }
}
