import Causality
import Foundation
import InMemoryTracing
import Journals
import Recording
import Synchronization
import Testing
import Tracing

/// A spool that goes when the test does.
final class TemporarySpool {
    let folder: SpoolFolder

    init() throws {
        folder = SpoolFolder(
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "lightcone-test-\(UUID().uuidString)"
            ).path)
        try FileManager.default.createDirectory(
            atPath: folder.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder.path) }

    func recorder(_ process: String) -> Recorder {
        Recorder(
            process: process, host: "host", execution: "main", spool: folder,
            chunkByteCount: 64 << 10, chunksMax: 100)
    }

    /// The events in the journals now. Records an issue where something there cannot be read.
    func events(of process: String) throws -> [Event] {
        try read().filter { $0.key.process.name == "host/\(process)" }.map(\.event)
    }

    /// Whether an event has seen another one, which is of a process of the spool.
    func hasSeen(_ later: Event, _ earlier: Event) throws -> Bool {
        let key = try #require(try read().first { $0.event.id == earlier.id }).key
        return later.clock[key.reference] >= earlier.id.sequence
    }

    private func read() throws -> [(key: ProcessKey, event: Event)] {
        var events: [(key: ProcessKey, event: Event)] = []
        for journal in try JournalFolder.all(in: folder.journals) {
            var reader = JournalReader(journal)
            var batch = EventBatch()
            while try reader.read(bytesMax: 1 << 20, into: &batch, { Issue.record("\($0)") }) {}
            events += batch.events()
        }
        return events
    }
}

extension EventReference {
    /// The event, by the name that its token had for its process.
    var event: EventID? { name.map { EventID($0, sequence) } }
}

extension Event {
    /// The send that a receive of one message got it from.
    var cause: EventReference? { causes.count == 1 ? causes[0].event : nil }

    /// An attribute as a selection sees it: the last one of that key.
    subscript(key: String) -> String? { attributes.last { $0.key == key }?.value.text }
}

/// The headers of a message.
struct Headers: Injector, Extractor {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key] = value
    }

    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

extension Instrument {
    func send(from context: ServiceContext = .topLevel) -> [String: String] {
        var headers: [String: String] = [:]
        inject(context, into: &headers, using: Headers())
        return headers
    }

    func receive(_ headers: [String: String], into context: ServiceContext = .topLevel)
        -> ServiceContext
    {
        var context = context
        extract(headers, into: &context, using: Headers())
        return context
    }
}

/// A tracer that sends `traceparent`, and keeps its spans in memory.
struct W3CTracer: Tracer {
    let memory: InMemoryTracer
    let header: String

    /// Tracers of different seeds give different ids.
    init(seed: UInt64 = 1, header: String = "traceparent") {
        self.header = header
        let next = Mutex(seed << 32)
        @Sendable func digits(_ count: Int) -> String {
            let number = next.withLock {
                $0 += 1
                return $0
            }
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: count - digits.count) + digits
        }
        memory = InMemoryTracer(
            idGenerator: .init(nextTraceID: { digits(32) }, nextSpanID: { digits(16) }))
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        memory.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function,
            file: fileID, line: line)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject(
            "00-\(span.traceID)-\(span.spanID)-01", forKey: header, into: &carrier)
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let header = extractor.extract(key: header, from: carrier) else { return }
        let parts = header.split(separator: "-").map(String.init)
        context.inMemorySpanContext = InMemorySpanContext(
            traceID: parts[1], spanID: parts[2], parentSpanID: nil)
    }

    @available(*, deprecated)
    func forceFlush() { memory.forceFlush() }
}

struct Failure: Error, CustomStringConvertible {
    let description: String
}
