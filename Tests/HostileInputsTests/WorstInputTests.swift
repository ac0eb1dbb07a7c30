import HostileInputs
import Testing

/// Each limit on what comes from outside lets pass what is just within it, and refuses one more by name. What the first costs is
/// measured by `lightcone-bench limits`.
@Suite struct WorstInputTests {
    @Test(arguments: WorstInput.all.map(\.name))
    func aLimitIsWhereItSays(name: String) throws {
        let input = try #require(WorstInput.all.first { $0.name == name })
        #expect(try input.take(input.make(input.most)) == nil)
        let refusal = try #require(try input.take(input.make(input.most + 1)))
        #expect(refusal.contains(input.refusal), "\(refusal)")
    }
}
