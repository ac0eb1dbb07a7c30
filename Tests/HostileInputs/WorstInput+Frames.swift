import Causality
import HappensBefore
import Segments

/// What one frame expands to: an agent sends it, and the collector reads it and adds it to a history.
extension WorstInput {
    static let frames: [WorstInput] = [
        frame("rows", "rows of a frame", 65_536, "rows") { RawFrame.ofRows($0) },
        frame("clock-entries", "clock entries of a frame", 393_214, "clock changes") { count in
            let width = 65_535
            var raw = RawFrame.ofRows(count / width + 1)
            raw.further = runs(width)
            let counts = (0..<raw.rows).map { min(width, count - $0 * width) }
            raw.changes = RawFrame.bytes { writer in
                for count in counts { writer.varint(count) }
                // The first reference is the process itself.
                for count in counts where count > 0 {
                    for _ in 0..<count { writer.varint(1) }
                }
                writer.bytes([UInt8](repeating: 1, count: count))
            }
            return raw
        },
        frame("references", "processes that a frame refers to", 104_856, "references") { count in
            var raw = RawFrame()
            raw.further = RawFrame.bytes { writer in
                writer.varint(count)
                for number in 0..<count {
                    writer.byte(1)
                    writer.string(name(number, bytes: 256))
                    writer.varint(1)
                }
            }
            return raw
        },
        frame("processes", "processes of a frame", 16_385, "processes") { count in
            var raw = RawFrame.ofRows(count)
            raw.processes = count
            raw.keys = RawFrame.bytes { writer in
                writer.varint(count)
                for number in 0..<count {
                    for part in [0, 0, 0, 1] { writer.varint(part) }
                    writer.string(name(number, bytes: 160))
                }
            }
            raw.counts = [UInt8](repeating: 1, count: count)
            raw.predecessors = [UInt8](repeating: 0, count: count)
            raw.sequences = (0..<count).flatMap { _ in [2, 1] as [UInt8] }
            return raw
        },
        frame("executions", "executions of a frame", 16_385, "processes") { count in
            var raw = RawFrame.ofRows(count)
            raw.processes = count
            raw.executions = RawFrame.bytes { writer in
                writer.varint(count)
                for number in 0..<count { writer.string(name(number, bytes: 256)) }
            }
            raw.keys = RawFrame.bytes { writer in
                writer.varint(count)
                for number in 0..<count {
                    for part in [number, 0, 0, 1] { writer.varint(part) }
                    writer.string("p")
                }
            }
            raw.counts = [UInt8](repeating: 1, count: count)
            raw.predecessors = [UInt8](repeating: 0, count: count)
            raw.sequences = (0..<count).flatMap { _ in [2, 1] as [UInt8] }
            return raw
        },
        frame("causes-of-event", "causes of an event", 1_024, "of an event") { causes(of: $0, 1) },
        frame("causes", "events with 1,024 causes each", 1_019, "causes") { causes(of: 1_024, $0) },
        frame("text", "bytes of each of 65,536 texts that are one", 447, "texts") { count in
            var raw = RawFrame.ofRows(65_536)
            raw.texts = RawFrame.bytes { writer in
                writer.byte(0)
                writer.string(String(repeating: "x", count: count))
            }
            return raw
        },
        frame("variables", "variables of templates that no text has", 699_041, "texts") { count in
            var raw = RawFrame()
            raw.texts = RawFrame.bytes { writer in
                writer.byte(2)
                writer.varint(2)
                writer.varint(0)
                writer.varint(count)
                writer.bytes([UInt8](repeating: 0x11, count: count))
            }
            return raw
        },
        frame("attributes", "events with 128 attributes each", 14_979, "expands to more") { count in
            var raw = RawFrame.ofRows(count)
            raw.attributeKeys = [1, 1] + Array("k".utf8)
            raw.shapes =
                RawFrame.bytes { writer in
                    writer.varint(1)
                    writer.varint(128)
                } + [UInt8](repeating: 0, count: 128)
            raw.columns = [0, 1] + Array("v".utf8)
            return raw
        },
        frame("keys", "distinct keys of attributes of a frame", 65_536, "expected") { count in
            let width = 128
            var raw = RawFrame.ofRows((count + width - 1) / width)
            raw.attributeKeys = RawFrame.bytes { writer in
                writer.varint(count)
                for number in 0..<count { writer.varint(name(number, bytes: 12).utf8.count) }
                for number in 0..<count { writer.bytes(name(number, bytes: 12).utf8) }
            }
            raw.shapes = RawFrame.bytes { writer in
                writer.varint(raw.rows)
                for row in 0..<raw.rows {
                    let keys = row * width..<min(count, (row + 1) * width)
                    writer.varint(keys.count)
                    for key in keys { writer.varint(2 * key) }
                }
            }
            raw.shapeOf = RawFrame.bytes { writer in
                for row in 0..<raw.rows { writer.varint(row) }
            }
            raw.columns = (0..<count).flatMap { _ in [0, 1, 0x76] as [UInt8] }
            return raw
        },
    ]

    private static func frame(
        _ name: String, _ unit: String, _ most: Int, _ refusal: String,
        _ make: @escaping @Sendable (Int) -> RawFrame
    ) -> WorstInput {
        WorstInput(name: name, unit: unit, most: most, refusal: refusal) { count in
            make(count).bytes
        } take: { bytes in
            do throws(FormatError) {
                let frame = try StoredFrame(decoding: bytes, at: SegmentHeader.byteCount)
                let batch = try frame.batch()
                var history = History(execution: batch.processes[0].execution)
                let source = Identity128(high: 0, low: 1)
                _ = history.append(HistoryFrame(id: 0, source: source, batch: batch))
                history.finish()
                return nil
            } catch {
                return error.what
            }
        }
    }

    private static func causes(of causes: Int, _ rows: Int) -> RawFrame {
        var raw = RawFrame.ofRows(rows)
        raw.further = runs(causes)
        raw.causes = RawFrame.bytes { writer in
            writer.varint(causes * rows)
            for number in 0..<causes * rows {
                writer.varint(number > 0 && number % causes == 0 ? 1 : 0)
            }
            for number in 0..<causes * rows { writer.varint(1 + number % causes) }
            writer.bytes([UInt8](repeating: 2, count: causes * rows))
            writer.bytes([UInt8](repeating: 1, count: causes * rows))
        }
        return raw
    }

    private static func runs(_ count: Int) -> [UInt8] {
        RawFrame.bytes { writer in
            writer.varint(count)
            for number in 0..<count {
                writer.byte(0)
                writer.fixed64(UInt64(number + 1))
            }
        }
    }

    /// A name that no other number has, of so many bytes; in the order of numbers.
    static func name(_ number: Int, bytes: Int) -> String {
        let digits = String(number + 1_000_000)
        return digits + String(repeating: "n", count: bytes - digits.utf8.count)
    }
}
