import CZlib
import Causality
import Segments
import SimulatedHistories

/// Events into frames and back: throughput against plain deflate over the same bytes as text, and size against it.
enum SegmentBenchmark {
    static func run() {
        let process = ProcessID(name: "web-1/api")
        let peers = (0..<15).map { ProcessID(name: "host-\($0)/service") }
        var random = SeededGenerator(seed: 3)
        var clock = VectorClock()
        let events = (1...100_000 as ClosedRange<UInt64>).map { sequence in
            clock[process] = sequence
            if Int.random(in: 0..<3, using: &random) == 0 {
                clock[peers.randomElement(using: &random)!] += UInt64.random(
                    in: 1...4, using: &random)
            }
            return Event(
                id: EventID(process, sequence),
                time: WallTime(nanoseconds: 1_700_000_000_000_000_000 + Int64(sequence) * 731_213),
                text:
                    "GET /users/\(Int.random(in: 0..<5000, using: &random))/orders took \(Int.random(in: 1..<900, using: &random)) ms, status 200",
                level: .info,
                attributes: [Attribute("trace", .text(String(random.next(), radix: 16)))],
                clock: clock)
        }
        let lines = events.map { event in
            let entries = event.clock.entries.map { "\"\($0.key)\":\($0.value)" }.joined(
                separator: ", ")
            return
                "\(event.time!.nanoseconds) \(process) {\(entries)}\nINFO \(event.text) trace=\(event.attributes[0].value.text)\n"
        }
        let text = Array(lines.joined().utf8)
        let key = ProcessKey(execution: "main", host: "web-1", process: process)
        let header = SegmentHeader(
            agent: Identity128(using: &random), segment: Identity128(using: &random),
            created: WallTime(nanoseconds: 0))

        let batch = EventBatch(events, of: key)
        var bytes: [UInt8] = []
        let encoding = seconds {
            var writer = SegmentWriter(header)
            bytes = header.encoded()
            bytes += writer.commit(batch, Commit())
            bytes += writer.footer()
        }
        var decoded = 0
        let decoding = seconds {
            var scanner = SegmentScanner(BytesInMemory(bytes))
            while let item = try? scanner.next() {
                if case .frame(let frame) = item { decoded += (try? frame.batch().count) ?? 0 }
            }
        }
        precondition(decoded == events.count, "what was written is read")
        for level: Int32 in [1, 6] {
            var size = compressBound(uLong(text.count))
            var packed = [UInt8](repeating: 0, count: Int(size))
            let deflating = seconds { compress2(&packed, &size, text, uLong(text.count), level) }
            print(
                "deflate level \(level) of the log text: \(text.count) → \(size) bytes, \(rounded(Double(text.count) / deflating / 1e6)) MB/s; "
                    + "the segment is \(rounded(Double(size) / Double(bytes.count))) times as small, written in "
                    + "\(rounded(encoding / deflating)) times its time")
        }
        print(
            "segment: \(bytes.count) bytes (\(rounded(Double(bytes.count) / Double(events.count))) an event), "
                + "written at \(rounded(Double(text.count) / encoding / 1e6)) MB/s of log text (\(Int(Double(events.count) / encoding)) events/s), "
                + "read at \(Int(Double(events.count) / decoding)) events/s")
    }
}
