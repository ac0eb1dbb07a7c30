import Causality
import LightconeInstrumentation
import Recording
import Testing
import Tracing

@Suite struct TokenHostsTests {
    @Test(arguments: [
        ("*", "x", true), ("orders.internal", "Orders.INTERNAL.", true),
        ("orders.internal", "x.orders.internal", false), ("*.internal", "orders.internal", true),
        ("*.internal", "internal", false), ("*.internal", "xinternal", false),
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("10.0.0.0/8", "10.example.org", false), ("a, fd00::/8", "[fd12::1]", true),
        ("fd00::/8", "fe00::1", false), ("10.0.0.7", "10.0.0.7", true),
        ("10.0.0.7", "10.0.0.8", false),
        ("*.0.0.7", "10.0.0.7", false),
    ])
    func hostsAreAllowedByTheirNames(_ list: String, _ host: String, _ isAllowed: Bool) throws {
        #expect(try #require(TokenHosts(list)).allows(host) == isAllowed)
    }

    @Test(arguments: ["", "a,", "10.0.0.0/33", "a/8", "*x", "a b"])
    func whatIsNoListIsRefused(_ list: String) { #expect(TokenHosts(list) == nil) }

    @Test func tokensTravelOnlyWhereTheyMay() throws {
        let spool = try TemporarySpool()
        let hosts = try #require(TokenHosts("*.internal"))
        let tracer = LightconeTracer(recorder: spool.recorder("a"), tokenHosts: hosts)
        func send(to host: String?) -> [String: String] {
            var context = ServiceContext.topLevel
            context.lightconeDestination = host
            var headers: [String: String] = [:]
            tracer.inject(context, into: &headers, using: Headers())
            return headers
        }
        #expect(send(to: "orders.internal")["lightcone"] != nil)
        #expect(send(to: "example.org").isEmpty)
        #expect(send(to: nil).isEmpty)
        let events = try spool.events(of: "a")
        #expect(events.map(\.kind) == [.send, .send, .send])
        #expect(
            events.map { $0["lightcone.withheld"] } == [
                nil, "example.org", "a host that is not known",
            ])
        let recorder = spool.recorder("b")
        #expect(recorder.send(to: "example.org", as: "ask", hosts: hosts) == nil)
        #expect(recorder.send(to: "x.internal", as: "ask", hosts: hosts) != nil)
    }
}
