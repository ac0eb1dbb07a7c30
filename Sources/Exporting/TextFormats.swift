import Causality
import HappensBefore
import Querying

/// Graphviz: a cluster each process, its events in a column; message edges as arrows, ghosts dashed.
struct DotFormat: GraphFormat {
    static let messages = MessagesWritten.alsoOfGhosts
    static let asksForMessages = false

    private var last: [ProcessID: EventID] = [:]
    private var clusters: [ProcessID: Int] = [:]

    mutating func begin(_ graph: ExportedGraph) -> String {
        for (index, line) in graph.processes.enumerated() { clusters[line.id] = index }
        return
            "digraph lightcone {\n  rankdir=TB;\n  newrank=true;\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let event = listed.event
        let cluster = clusters[event.id.process] ?? clusters.count
        let label = "\(event.id)\n\(event.label)"
        text.text(
            "  subgraph cluster_\(cluster) { label=\(quote("\(event.id.process)")); "
                + "\(quote("\(event.id)")) [label=\(quote(label))]; }\n")
        if let before = last[event.id.process] {
            text.text(
                "  \(quote("\(before)")) -> \(quote("\(event.id)")) [style=dotted, arrowhead=none, weight=10];\n"
            )
        }
        last[event.id.process] = event.id
    }

    mutating func message(_ edge: MessageEdge) -> String {
        "  \(quote("\(edge.from)")) -> \(quote("\(edge.to)")) [color=blue];\n"
    }

    mutating func ghostMessage(_ edge: MessageEdge) -> String {
        "  \(quote("\(edge.from)")) [style=dashed, label=\(quote("\(edge.from)\n(missing)"))];\n"
            + "  \(quote("\(edge.from)")) -> \(quote("\(edge.to)")) [style=dashed];\n"
    }

    mutating func end() -> String { "}\n" }

    private func quote(_ text: String) -> String {
        var result = "\""
        for scalar in printable(text, keeping: .lineBreaksAndTabs).unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// GraphML with a node each event and an edge each message: the nodes and edges of the JSON export. Keys are declared before
/// the first node, when the attributes of all events are not known yet: so they are one value, a JSON object as text.
struct GraphMLFormat: GraphFormat {
    static let messages = MessagesWritten.betweenEvents

    mutating func begin(_ graph: ExportedGraph) -> String {
        """
        <?xml version="1.0" encoding="UTF-8"?>
        <graphml xmlns="http://graphml.graphdrawing.org/xmlns">
          <key id="process" for="node" attr.name="process" attr.type="string"/>
          <key id="host" for="node" attr.name="host" attr.type="string"/>
          <key id="seq" for="node" attr.name="seq" attr.type="long"/>
          <key id="kind" for="node" attr.name="kind" attr.type="string"/>
          <key id="name" for="node" attr.name="name" attr.type="string"/>
          <key id="text" for="node" attr.name="text" attr.type="string"/>
          <key id="level" for="node" attr.name="level" attr.type="string"/>
          <key id="time" for="node" attr.name="time" attr.type="string"/>
          <key id="clock" for="node" attr.name="clock" attr.type="string"/>
          <key id="attributes" for="node" attr.name="attributes" attr.type="string"/>
          <graph id="\(escape(graph.execution))" edgedefault="directed">

        """
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let event = listed.event
        var entries: [String] = []
        listed.known.forEach { _, text, sequence in entries.append("\(text)=\(sequence)") }
        let clock = entries.joined(separator: " ")
        var values: [(String, String)] = [
            ("process", "\(event.id.process)"), ("host", listed.host),
            ("seq", "\(event.id.sequence)"),
            ("kind", listed.kind.text), ("name", event.name), ("text", event.text),
            ("clock", clock),
        ]
        if let level = event.level { values.append(("level", level.text)) }
        if let time = event.time { values.append(("time", time.description)) }
        if !event.attributes.isEmpty {
            var attributes = JSONWriter()
            attributes.attributes(ofRow: listed.row, listed.batch.rows)
            values.append(("attributes", attributes.text))
        }
        let data = values.map { "<data key=\"\($0.0)\">\(escape($0.1))</data>" }.joined()
        text.text("    <node id=\"\(escape("\(event.id)"))\">\(data)</node>\n")
    }

    mutating func message(_ edge: MessageEdge) -> String {
        "    <edge source=\"\(escape("\(edge.from)"))\" target=\"\(escape("\(edge.to)"))\"/>\n"
    }

    mutating func end() -> String { "  </graph>\n</graphml>\n" }

    /// XML 1.0 cannot hold most control characters, even escaped: they become U+FFFD.
    private func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            case "\r": result += "&#13;"
            case "\t": result += "&#9;"
            case _ where scalar.value < 0x20 || scalar.value == 0xfffe || scalar.value == 0xffff:
                result.unicodeScalars.append("\u{fffd}")
            case _ where scalar.isHarmful: result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// A Mermaid sequence diagram: a participant each process, an arrow each message, a note each other event.
struct MermaidFormat: GraphFormat {
    static let asksForArrivals = true

    private var names: [ProcessID: String] = [:]

    mutating func begin(_ graph: ExportedGraph) -> String {
        var text = "sequenceDiagram\n"
        for (index, line) in graph.processes.enumerated() {
            names[line.id] = "p\(index)"
            text += "  participant p\(index) as \(escape("\(line.id)"))\n"
        }
        return text
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let event = listed.event
        guard let to = names[event.id.process] else { return }
        let label = escape("\(event.id.sequence): \(event.label)")
        if arriving.isEmpty { text.text("  Note over \(to): \(label)\n") }
        for edge in arriving {
            text.text(
                "  \(names[edge.from.process]!)->>\(to): \(escape("\(edge.from.sequence) →")) \(label)\n"
            )
        }
    }

    private func escape(_ text: String) -> String {
        var result = ""
        for scalar in printable(text, keeping: .lineBreaksAndTabs).unicodeScalars {
            switch scalar {
            case "\n", "\t": result += " "
            case "#", ";", "<", ">", "\"", "&", "%", "{", "}", ":", "`", "\\":
                result += "#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// A log for ShiViz: its pattern, an empty delimiter, and the events. A text is as a terminal shows it,
/// so one of several lines stands on one; what is harmful in a process's name is written as `%0A` and the like. The clocks are what the graph knows:
/// where a source has causes and no clocks, ShiViz sees them too.
struct ShiVizFormat: GraphFormat {
    static let asksForMessages = false

    mutating func begin(_ graph: ExportedGraph) -> String {
        let names = graph.names.map { name($0) }
        let hasSpaces = names.contains { $0.contains { $0.isWhitespace } }
        return hasSpaces
            ? "^(?<host>.+?) (?<clock>{.*})\\n(?<event>.*)$\n\n"
            : "(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\n"
    }

    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter
    ) {
        let event = listed.event
        let clock = JSONWriter.object { writer in
            listed.known.forEach { process, _, sequence in
                writer.key(text: name(process))
                writer.value(sequence)
            }
        }
        let said = event.text.isEmpty ? event.name : event.text
        text.text("\(name(event.id.process)) \(clock)\n\(printable(said, keeping: .tabs))\n")
    }

    /// The raw name where it is the first incarnation: what other tools call the process.
    private func name(_ process: ProcessID) -> String {
        let raw = process.incarnation == 1 ? process.name : process.description
        guard raw.isHarmful() || raw.utf8.contains(UInt8(ascii: "{")) else { return raw }
        return raw.unicodeScalars.map { scalar in
            PercentEscaping.escape(String(scalar)) { _ in scalar.isHarmful || scalar == "{" }
        }.joined()
    }
}
