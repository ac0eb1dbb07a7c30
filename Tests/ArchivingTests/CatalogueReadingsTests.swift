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

    @Test func itHoldsFewOfThem() {
        let readings = CatalogueReadings()
        for number in 0..<1_000 { #expect(readings.value("\(number)") { number } == number) }
        #expect(readings.value("0") { -1 } == -1)
    }
}
