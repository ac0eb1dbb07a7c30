import Causality
import DemoStore
import Foundation
import Testing

@Suite struct NodeTests {
    private let cluster: Cluster

    init() throws { cluster = try Cluster() }

    /// Everything is here, so every order is known; nil otherwise.
    private func order(_ a: Event, _ b: Event) throws -> CausalOrder? {
        guard case .known(let order) = try cluster.history().order(a.id, b.id) else { return nil }
        return order
    }

    @Test func aMajorityElectsALeader() throws {
        cluster.elect("n1")
        #expect(cluster.facts["n1"] == [.elected(term: 1)])
        #expect(cluster.facts["n2"] == [.follows(leader: "n1", term: 1)])
        #expect(cluster.facts["n3"] == [.follows(leader: "n1", term: 1)])
        let elected = try #require(try cluster.events("leader elected")["n1"]?.first)
        let votes = try cluster.events("grant vote")
        #expect(votes["n1"]?.count == 2)
        // The election follows from the vote that made the majority, and not from the next one.
        #expect(try order(#require(votes["n2"]?.first), elected) == .before)
        #expect(try order(#require(votes["n3"]?.first), elected) == .concurrent)
    }

    @Test func aMinorityElectsNobody() throws {
        cluster.isolated = ["n1"]
        cluster.elect("n1")
        #expect(cluster.facts["n1"] == [])
        #expect(try cluster.events("leader elected").isEmpty)
    }

    @Test func aPutReachesAllNodes() throws {
        cluster.elect("n1")
        cluster.put("lamp", "10", at: "n1")
        #expect(cluster.facts["n2"]?.last == .holds(entryCount: 1))
        #expect(cluster.facts["n3"]?.last == .holds(entryCount: 1))
        let put = try #require(try cluster.events("put")["n1"]?.first)
        #expect(put.text == "lamp = 10 (term 1)")
        #expect(put.attributes.map(\.key) == ["term", "key", "value"])
        for name in ["n2", "n3"] {
            let replicated = try #require(try cluster.events("replicate")[name]?.first)
            #expect(try order(put, replicated) == .before)
        }
    }

    @Test func onlyALeaderTakesAPut() throws {
        cluster.elect("n1")
        cluster.put("lamp", "10", at: "n2")
        #expect(cluster.facts["n2"]?.last == .refused(reason: "n2 does not lead"))
        #expect(try cluster.events("put").isEmpty)
    }

    /// What is not from a peer, has no token or says what cannot be. Braces: a token of n2.
    @Test(arguments: [
        #"{"from":"n9","term":7,"content":{"grantVote":{}},"lightcone":"{}"}"#,
        #"{"from":"n2","term":7,"content":{"grantVote":{}},"lightcone":"no token"}"#,
        #"{"from":"n2","term":-1,"content":{"grantVote":{}},"lightcone":"{}"}"#,
        #"{"from":"n2","term":9223372036854775807,"content":{"grantVote":{}},"lightcone":"{}"}"#,
        #"{"from":"n2","term":0,"content":{"replicate":{"after":{"count":-1,"term":0},"entries":[]}},"lightcone":"{}"}"#,
        #"{"from":"n2","term":0,"content":{"replicate":{"after":{"count":9,"term":0},"entries":[]}},"lightcone":"{}"}"#,
        #"{"from":"n2","term":0,"content":{"grantVote":{}},"lightcone":"{}"}"#,
    ]) func aStrangeMessageDoesNoHarm(_ text: String) throws {
        let message = try JSONDecoder().decode(
            Message.self,
            from: Data(text.replacing("\"{}\"", with: "\"\(cluster.token(of: "n2"))\"").utf8))
        cluster.deliver(message, to: "n1")
        #expect(cluster.facts["n1"]?.allSatisfy { $0 == .follows(leader: "n2", term: 0) } == true)
        cluster.elect("n1")
        #expect(cluster.facts["n1"]?.last == .elected(term: 1))
    }

    @Test func aNodeThatMissedAPutGetsIt() throws {
        cluster.elect("n1")
        cluster.isolated = ["n3"]
        cluster.put("lamp", "10", at: "n1")
        #expect(cluster.facts["n3"]?.last == .follows(leader: "n1", term: 1))
        cluster.isolated = []
        // Its log does not reach to where the next entry goes: it gets both.
        cluster.put("sofa", "2", at: "n1")
        #expect(cluster.facts["n3"]?.last == .follows(leader: "n1", term: 1))
        cluster.beat()
        #expect(cluster.facts["n3"]?.last == .holds(entryCount: 2))
        #expect(try cluster.events("conflict").isEmpty)
    }

    @Test func aNodeWithLessIsNotElected() throws {
        cluster.elect("n1")
        cluster.put("lamp", "10", at: "n1")
        cluster.kill("n2")
        cluster.start("n2")
        cluster.isolated = ["n1"]
        // Two terms, so that the second is later than what the others know.
        cluster.elect("n2")
        cluster.elect("n2")
        #expect(cluster.facts["n2"] == [])
    }

    /// The story of the demo: n1 dies, n2 is elected and cut off at that moment, n1 comes back and elects n3 with it.
    private func makeTwoLeaders() {
        cluster.elect("n1")
        cluster.put("lamp", "10", at: "n1")
        cluster.kill("n1")
        cluster.isolatedWhenElected = ["n2"]
        cluster.elect("n2")
        cluster.isolatedWhenElected = []
        cluster.start("n1")
        cluster.elect("n3")
        cluster.beat()
        cluster.put("lamp", "7", at: "n2")
        cluster.put("lamp", "12", at: "n3")
    }

    @Test func aRestartIsTheNextIncarnation() throws {
        makeTwoLeaders()
        let events = try cluster.events()
        #expect(Set(events.keys) == ["n1", "n1#2", "n2", "n3"])
        let last = try #require(events["n1"]?.last)
        let first = try #require(events["n1#2"]?.first)
        #expect(first.name == "started")
        #expect(first.id.sequence == 1)
        #expect(try order(last, first) == .before)
        // It forgot everything, and got it back.
        #expect(cluster.facts["n1"]?.contains(.holds(entryCount: 1)) == true)
    }

    @Test func twoLeadersKnowNothingOfEachOther() throws {
        makeTwoLeaders()
        let elected = try cluster.events("leader elected").mapValues { $0[0] }
        let (first, second, third) = (
            try #require(elected["n1"]), try #require(elected["n2"]), try #require(elected["n3"])
        )
        #expect(try order(first, second) == .before)
        #expect(try order(first, third) == .before)
        #expect(try order(second, third) == .concurrent)
        let puts = try cluster.events("put")
        #expect(try order(#require(puts["n2"]?[0]), #require(puts["n3"]?[0])) == .concurrent)
        #expect(
            cluster.facts["n2"]?.contains { if case .accepted = $0 { true } else { false } } == true
        )
    }

    @Test func aConflictIsFoundWhereTheOldLeaderComesBackAndSpreads() throws {
        makeTwoLeaders()
        #expect(try cluster.events("conflict").isEmpty)
        cluster.isolated = []
        for _ in 0..<3 { cluster.beat() }
        let stepped = try #require(try cluster.events("stepped down")["n2"]?.first)
        let conflicts = try cluster.events("conflict")
        #expect(Set(conflicts.keys) == ["n1#2", "n2", "n3"])
        #expect(conflicts.values.allSatisfy { $0.count == 1 })
        let (found, told, last) = (
            try #require(conflicts["n2"]?[0]), try #require(conflicts["n3"]?[0]),
            try #require(conflicts["n1#2"]?[0])
        )
        #expect(
            found.text == "lamp = 7 (term 2) is lost, lamp = 12 (term 3) is kept")
        #expect(try order(stepped, found) == .before)
        #expect(try order(found, told) == .before)
        #expect(try order(told, last) == .before)
        // Nothing more to say: heartbeats only.
        let count = try cluster.events("differ").values.joined().count
        cluster.beat()
        #expect(try cluster.events("differ").values.joined().count == count)
    }
}
