import Causality
import HappensBefore
import Querying

/// One object: `{"execution", "processes": […], "events": […], "edges": […], "ghosts": […], "ghostEdges": […]}`. `edges`
/// are the message edges between events that are here; messages of ghosts stand apart.
struct JSONGraphFormat: GraphFormat {
    static let messages = MessagesWritten.alsoOfGhosts

    private var separator = "\n"
    private var events = EventJSON()
    private var ghosts: Set<EventID> = []

    mutating func begin(_ graph: ExportedGraph) -> String {
        let head = JSONWriter.object { writer in
            writer.member("execution", graph.execution)
            writer.member("complete", graph.isComplete)
            writer.key("processes")
            writer.array { writer in
                for line in graph.processes {
                    writer.object {
                        $0.member("process", line.id.description)
                        $0.member("host", line.host)
                        $0.member("first", line.first)
                        $0.member("last", line.last)
                        $0.member("events", line.count)
                    }
                }
            }
            writer.key("events")
        }
        return String(head.dropLast()) + "["
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        text.text(separator)
        separator = ",\n"
        events.write(listed, to: &text)
    }

    mutating func beginMessages() -> String {
        separator = "\n"
        return "],\"edges\":["
    }

    mutating func message(_ edge: MessageEdge) -> String {
        item(
            JSONWriter.object {
                $0.member("from", edge.from.description)
                $0.member("to", edge.to.description)
            })
    }

    mutating func beginGhostMessages() -> String {
        separator = "\n"
        return "],\"ghostEdges\":["
    }

    mutating func ghostMessage(_ edge: MessageEdge) -> String {
        ghosts.insert(edge.from)
        return message(edge)
    }

    mutating func end() -> String {
        var tail = JSONWriter()
        tail.array { for ghost in ghosts.map(\.description).sorted() { $0.value(ghost) } }
        return "],\"ghosts\":\(tail.text)}\n"
    }

    private mutating func item(_ text: String) -> String {
        defer { separator = ",\n" }
        return separator + text
    }
}

/// One event a line, as `import --format jsonl` reads it: importing it gives the same graph.
struct NDJSONFormat: GraphFormat {
    static let asksForMessages = false

    /// Of each process: what is the same in all its lines.
    private var heads = ProcessTexts()
    private var clocks = ClockJSON()

    mutating func begin(_ graph: ExportedGraph) -> String { "" }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let head = heads.range(of: listed.place.process) { head in
            JSONWriter.append(to: &head) {
                $0.member("execution", graph.execution)
                $0.member("process", listed.processText)
                $0.member("host", listed.host)
            }
        }
        let (batch, row) = (listed.batch, listed.row)
        JSONWriter.append(to: &text) { writer in
            writer.object { writer in
                writer.part(heads.bytes, head)
                writer.member("seq", batch.rows.sequences[row])
                switch batch.rows.kinds[row] {
                case .local: writer.part("\"kind\":\"local\"")
                case .send: writer.part("\"kind\":\"send\"")
                case .receive: writer.part("\"kind\":\"receive\"")
                case .unsaid: break
                }
                let name = Int(batch.rows.nameNumbers[row])
                if !batch.rows.names.range(name).isEmpty {
                    writer.member("name", utf8: batch.rows.names[name])
                }
                writer.member("text", utf8: batch.rows.content[batch.rows.text(row)])
                if let level = Level(rawValue: batch.rows.levels[row]) {
                    writer.member("level", level.text)
                }
                if batch.rows.times[row] != EventBatch.noTime {
                    writer.member("time", WallTime(nanoseconds: batch.rows.times[row]))
                }
                if !batch.rows.attributeIndexes(row).isEmpty {
                    writer.key("attributes")
                    writer.attributes(ofRow: row, batch.rows)
                }
                let causes = listed.causes
                if causes.count == 1 {
                    writer.member("cause", causes[0].event.description)
                } else if !causes.isEmpty {
                    writer.member("causes", causes.map(\.event.description))
                }
                // What is known exactly is written as a clock. What is not says so, or says no more than its log did.
                switch batch.rows.stamps[row] {
                case .chained, .silent:
                    if listed.known.isExact { clocks.member("clock", listed.known, &writer) }
                case .complete, .generating, .lossy:
                    clocks.member("clock", listed.known, &writer)
                    if !listed.known.isExact { writer.member("exact", false) }
                }
            }
        }
        text.byte(UInt8(ascii: "\n"))
    }
}

/// Trace Event JSON: a process each host, a thread (track) each process, an `X` slice each event, and a flow arrow each
/// message (arrows join slices). Wall time in µs; where a source has none, or it runs backwards on a track or against
/// a message, the slice is moved to just after what it follows, for Perfetto places by time alone: such slices say so.
struct PerfettoFormat: GraphFormat {
    static let asksForArrivals = true

    private static let sliceNanoseconds: Int64 = 1_000

    private var hostNumber: [String: Int] = [:]
    private var track: [ProcessID: Int] = [:]
    private var hostOf: [ProcessID: String] = [:]
    private var placed: [EventID: Int64] = [:]
    private var next: [ProcessID: Int64] = [:]
    private var flow = 0
    private var separator = "\n"

    mutating func begin(_ graph: ExportedGraph) -> String {
        let lines = graph.processes
        let hosts = Array(Set(lines.map(\.host))).sorted()
        hostNumber = Dictionary(uniqueKeysWithValues: hosts.enumerated().map { ($1, $0 + 1) })
        track = Dictionary(uniqueKeysWithValues: lines.enumerated().map { ($1.id, $0 + 1) })
        hostOf = Dictionary(uniqueKeysWithValues: lines.map { ($0.id, $0.host) })
        var text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":["
        for host in hosts { text += name("process_name", host, pid: hostNumber[host]!, tid: 0) }
        for line in lines {
            text += name(
                "thread_name", line.id.description, pid: hostNumber[line.host]!,
                tid: track[line.id]!)
        }
        return text
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let event = listed.event
        let earliest =
            ([next[event.id.process] ?? .min]
            + arriving.map { placed[$0.from]!.addingSaturating(Self.sliceNanoseconds) })
            .max()!
        let stated = event.time?.nanoseconds
        let time = max(stated ?? max(earliest, 0), earliest)
        placed[event.id] = time
        next[event.id.process] = time.addingSaturating(Self.sliceNanoseconds)
        let (pid, tid) = (hostNumber[listed.host] ?? 0, track[event.id.process] ?? 0)
        let slice = item {
            $0.member("ph", "X")
            $0.member("cat", listed.kind.text)
            $0.member("name", event.name.isEmpty ? String(event.text.prefix(80)) : event.name)
            $0.key("ts")
            $0.raw(Self.microseconds(time))
            $0.key("dur")
            $0.raw(Self.microseconds(Self.sliceNanoseconds))
            $0.member("pid", pid)
            $0.member("tid", tid)
            $0.key("args")
            $0.object {
                $0.member("id", event.id.description)
                $0.member("text", event.text)
                $0.member("clock", listed.known)
                if !event.attributes.isEmpty {
                    $0.key("attributes")
                    $0.attributes(ofRow: listed.row, listed.batch.rows)
                }
                if stated != time { $0.member("wallTime", event.time?.description) }
            }
        }
        text.text(slice)
        for edge in arriving { text.text(arrow(edge.from, to: (time, pid, tid))) }
    }

    mutating func end() -> String { "]}\n" }

    /// A message, from where its send was placed.
    private mutating func arrow(_ from: EventID, to end: (time: Int64, pid: Int, tid: Int))
        -> String
    {
        flow += 1
        let flow = flow
        let host = hostNumber[hostOf[from.process]!]!
        var text = ""
        for (phase, time, pid, tid) in [
            ("s", placed[from]!, host, track[from.process]!), ("f", end.time, end.pid, end.tid),
        ] {
            text += item {
                $0.member("ph", phase)
                $0.member("id", flow)
                $0.member("cat", "message")
                $0.member("name", "message")
                $0.key("ts")
                $0.raw(Self.microseconds(time))
                $0.member("pid", pid)
                $0.member("tid", tid)
                if phase == "f" { $0.member("bp", "e") }
            }
        }
        return text
    }

    private mutating func name(_ kind: String, _ text: String, pid: Int, tid: Int) -> String {
        item {
            $0.member("ph", "M")
            $0.member("name", kind)
            $0.member("pid", pid)
            $0.member("tid", tid)
            $0.key("args")
            $0.object { $0.member("name", text) }
        }
    }

    private mutating func item(_ body: (inout JSONWriter) -> Void) -> String {
        defer { separator = ",\n" }
        return separator + JSONWriter.object(body)
    }

    /// Microseconds with three digits after the point.
    private static func microseconds(_ nanoseconds: Int64) -> String {
        let magnitude = nanoseconds.magnitude
        let fraction = String(magnitude % 1000)
        return (nanoseconds < 0 ? "-" : "") + "\(magnitude / 1000)."
            + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
