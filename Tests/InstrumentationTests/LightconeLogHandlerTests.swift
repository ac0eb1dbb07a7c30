import Causality
import Foundation
import LightconeInstrumentation
import Logging
import Recording
import Testing
import Tracing

@Suite struct LightconeLogHandlerTests {
    let spool: TemporarySpool
    let recorder: Recorder

    init() throws {
        spool = try TemporarySpool()
        recorder = spool.recorder("b")
    }

    func logger(_ provider: Logger.MetadataProvider? = nil) -> Logger {
        Logger(label: "orders") {
            LightconeLogHandler(label: $0, recorder: recorder, metadataProvider: provider)
        }
    }

    func events() throws -> [Event] { try spool.events(of: "b") }

    @Test func aCallBecomesAnEvent() throws {
        logger().warning(
            "order 4711 placed", metadata: ["item": "lamp"], source: "Shop",
            file: "Shop/Orders.swift",
            line: 41)
        let event = try #require(try events().first)
        #expect(event.kind == .local && event.level == .warning)
        #expect(event.name == "orders" && event.text == "order 4711 placed")
        #expect(
            event.attributes == [
                Attribute("item", .text("lamp")), Attribute("source", .text("Shop")),
                Attribute("location", .text("Shop/Orders.swift:41")),
            ])
    }

    @Test(arguments: zip(Logger.Level.allCases, Causality.Level.allCases))
    func levelsStay(_ level: Logger.Level, _ recorded: Causality.Level) throws {
        var logger = logger()
        logger.logLevel = .trace
        logger.log(level: level, "x")
        #expect(try events().map(\.level) == [recorded])
    }

    @Test func theRecordersLevelAppliesToo() throws {
        recorder.level = .error
        let logger = logger()
        logger.warning("left out")
        logger.error("recorded")
        #expect(try events().map(\.text) == ["recorded"])
    }

    @Test func theNearestMetadataWins() throws {
        var logger = logger(Logger.MetadataProvider { ["b": "provider", "c": "provider"] })
        logger[metadataKey: "a"] = "logger"
        logger[metadataKey: "b"] = "logger"
        logger[metadataKey: "c"] = "logger"
        logger.info("x", metadata: ["c": "call"])
        let event = try #require(try events().first)
        #expect(["a", "b", "c"].map { event[$0] } == ["logger", "provider", "call"])
    }

    @Test func metadataKeepsItsStructure() throws {
        let awkward = "\"\\\n\t\u{0}\u{1f}é🚀"
        logger().info(
            "x",
            metadata: [
                "number": .stringConvertible(42), "ratio": .stringConvertible(0.5),
                "truth": .stringConvertible(true), "big": .stringConvertible(UInt64.max),
                "other": .stringConvertible(Failure(description: "text")),
                "nested": ["z": [.string(awkward), .stringConvertible(1)], "a": [:]],
                "\(awkward)": "key",
                "none": .array([.stringConvertible(Double.nan), .dictionary([awkward: "v"])]),
            ])
        let event = try #require(try events().first)
        #expect(event.attributes.contains(Attribute("number", .json("42"))))
        #expect(event.attributes.contains(Attribute("ratio", .json("0.5"))))
        #expect(event.attributes.contains(Attribute("truth", .json("true"))))
        #expect(event.attributes.contains(Attribute("big", .json("18446744073709551615"))))
        #expect(event.attributes.contains(Attribute("other", .text("text"))))
        // No key has a NUL.
        #expect(event[awkward.replacing("\u{0}", with: "\u{fffd}")] == "key")
        #expect(try #require(event["nested"]).hasPrefix(#"{"a":{},"z":["#))
        func parsed(_ key: String) throws -> NSObject? {
            try JSONSerialization.jsonObject(with: Data(try #require(event[key]).utf8)) as? NSObject
        }
        #expect(
            try parsed("nested") == ["a": [:] as NSDictionary, "z": [awkward, 1] as NSArray]
                as NSDictionary)
        #expect(try parsed("none") == ["nan", [awkward: "v"]] as NSArray)
    }

    @Test func errorsBecomeAttributes() throws {
        logger().error("failed", error: Failure(description: "out of stock"))
        let event = try #require(try events().first)
        #expect(event["error.message"] == "out of stock")
        #expect(try #require(event["error.type"]).hasSuffix(".Failure"))
    }

    @Test func aLineStandsInTheSpanThatItWasWrittenIn() throws {
        let tracer = LightconeTracer(recorder: recorder, beside: W3CTracer())
        let logger = logger()
        logger.info("outside")
        tracer.withSpan("/orders") { _ in logger.info("inside") }
        let events = try events()
        try #require(events.map(\.text).prefix(3) == ["outside", "started (internal)", "inside"])
        #expect(events[0]["span"] == nil && events[0]["trace_id"] == nil)
        #expect(events[2]["span"] == "host/b:2")
        #expect(events[2]["trace_id"] == events[1]["trace_id"] && events[2]["trace_id"] != nil)
        #expect(events[2]["span_id"] == events[1]["span_id"])
    }

    @Test func aLineStandsAfterTheMessageThatCausedIt() throws {
        let a = LightconeTracer(recorder: spool.recorder("a"))
        let context = LightconeTracer(recorder: recorder).receive(a.send())
        ServiceContext.withValue(context) {
            logger().debug("left out")
            logger().info("handled")
        }
        let events = try events()
        try #require(events.map(\.kind) == [.receive, .local])
        #expect(events[1]["span"] == "host/b:1" && events[1].text == "handled")
    }

    @Test func aLineThatIsLeftOutLeavesTheMessageToItsSpan() throws {
        let a = LightconeTracer(recorder: spool.recorder("a"))
        let tracer = LightconeTracer(recorder: recorder)
        let context = tracer.receive(a.send())
        recorder.level = .warning
        ServiceContext.withValue(context) { logger().info("left out") }
        _ = tracer.startSpan("/orders", context: context)
        #expect(try events().map { $0.kind } == [.receive])
        #expect(context.lightconeEvent?.sequence == 1)
    }

    /// The contract of a `LogHandler`, in its documentation's words: level and metadata are values.
    @Test func aCopyIsAnotherLogger() throws {
        var first = logger()
        first.logLevel = .debug
        first[metadataKey: "only-on"] = "first"
        var second = first
        second.logLevel = .error
        second[metadataKey: "only-on"] = "second"
        #expect(first.logLevel == .debug && second.logLevel == .error)
        #expect(first[metadataKey: "only-on"] == "first")
        #expect(second[metadataKey: "only-on"] == "second")
    }

    @Test func itStandsBesideAnother() throws {
        let other = spool.recorder("other")
        let (recorder, provider) = (recorder, Logger.MetadataProvider { ["provided": "yes"] })
        var logger = Logger(label: "orders") { label in
            MultiplexLogHandler(
                [
                    LightconeLogHandler(label: label, recorder: recorder, metadataProvider: nil),
                    LightconeLogHandler(label: label, recorder: other, metadataProvider: nil),
                ], metadataProvider: provider)
        }
        logger[metadataKey: "shared"] = "yes"
        logger.info("x")
        for process in ["b", "other"] {
            let event = try #require(try spool.events(of: process).first)
            #expect(event.text == "x" && event["provided"] == "yes" && event["shared"] == "yes")
        }
    }
}
