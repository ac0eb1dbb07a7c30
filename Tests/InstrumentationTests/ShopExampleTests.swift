import AsyncHTTPClient
import Causality
import Foundation
import Testing

/// A role of the example, as a program of its own.
final class ShopProgram {
    private let process = Process()
    /// Where it listens.
    let url: String

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    init(_ arguments: [String]) throws {
        let output = Pipe()
        process.executableURL = Self.root.appendingPathComponent(".build/debug/shop-example")
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Blocks until it listens, or has ended.
        let line = output.fileHandleForReading.availableData
        url = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)
        try #require(url.hasPrefix("http://"), "it does not listen: \(arguments)")
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    /// SIGTERM; the exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -1
    }
}

@Suite struct ShopExampleTests {
    static let items = ["lamp", "chair", "desk"]

    /// Two real programs; somebody buys three things, one after the other.
    @Test(.timeLimit(.minutes(15)))
    func requestsAppearAsMessageEdges() async throws {
        let spool = try TemporarySpool()
        try spool.folder.leave(hostName: "host")
        let orders = try ShopProgram(["orders", "--spool", spool.folder.path])
        let web = try ShopProgram(["web", "--orders", orders.url, "--spool", spool.folder.path])
        for item in Self.items {
            var request = HTTPClientRequest(url: "\(web.url)/buy/\(item)")
            request.method = .POST
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            let body = try await response.body.collect(upTo: 1000)
            #expect(String(buffer: body) == "\(item) is packed\n")
        }
        #expect(web.stop() == 0)
        #expect(orders.stop() == 0)

        let onWeb = try spool.events(of: "shop/web")
        let onOrders = try spool.events(of: "shop/orders")
        try checkEdges(from: onWeb, to: onOrders)
        try checkEdges(from: onOrders, to: onWeb)
        for item in Self.items { try check(item, onWeb, onOrders, in: spool) }
    }

    /// Each send of one is received by the other, once and in order.
    private func checkEdges(from sender: [Event], to receiver: [Event]) throws {
        let sends = sender.filter { $0.kind == .send }
        let receives = receiver.filter { $0.kind == .receive }
        #expect(sends.count == Self.items.count)
        #expect(receives.map(\.cause?.event) == sends.map(\.id))
        #expect(receives.allSatisfy { $0["span_kind"] == "server" && $0["phase"] == "start" })
        #expect(sends.map(\.name) == sends.map { _ in "POST" })
    }

    /// What the services logged of one item stands in one chain.
    private func check(
        _ item: String, _ onWeb: [Event], _ onOrders: [Event], in spool: TemporarySpool
    ) throws {
        func line(_ events: [Event], _ text: String) throws -> Event {
            try #require(events.first { $0.text == text && $0["item"] == item }, "\(text) \(item)")
        }
        let chain = [
            try line(onWeb, "buying"), try line(onOrders, "order taken"),
            try line(onWeb, "packed"), try line(onOrders, "shop told"),
        ]
        #expect(chain.map(\.name) == ["web", "orders", "web", "orders"])
        #expect(chain.prefix(3).allSatisfy { $0["source"] == "ShopExample" })
        for (earlier, later) in zip(chain.prefix(2), chain.prefix(3).dropFirst()) {
            #expect(try spool.hasSeen(later, earlier) && !spool.hasSeen(earlier, later))
        }
        // A response carries no token: that the shop has packed is not known to the orders service.
        #expect(try !spool.hasSeen(chain[3], chain[2]))

        // The lines stand in the span of the request that caused them, between its receive and what it sent.
        let taken = chain[1]
        let receive = try #require(
            onOrders.last { $0.kind == .receive && $0.id.sequence < taken.id.sequence })
        let send = try #require(
            onOrders.first { $0.kind == .send && $0.id.sequence > taken.id.sequence })
        #expect(taken["span"] == "\(receive.id)" && chain[3]["span"] == "\(receive.id)")
        #expect(send.id.sequence < chain[3].id.sequence)
        let end = try #require(
            onOrders.first { $0["phase"] == "end" && $0["span"] == "\(receive.id)" })
        #expect(end.name == "/orders/{item}" && end["http.response.status_code"] == "201")
    }

    @Test func theServicesDoNotKnowOfLightcone() throws {
        let folder = ShopProgram.root.appendingPathComponent("Sources/ShopExample")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.contains("OrdersService.swift") && files.contains("WebService.swift"))
        for file in files where file != "Shop.swift" {
            let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
            #expect(!text.lowercased().contains("lightcone") && !text.contains("Record"), "\(file)")
            #expect(!text.contains("import Tracing"))
        }
    }
}
