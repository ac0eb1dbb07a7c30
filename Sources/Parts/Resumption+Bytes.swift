import Causality
import HappensBefore

// What a history keeps of a slice that it goes on from, in an order file:
//
//     head = is swept u8, citations: count, (reference, is of a clock u8, 0 | process + 1)*,
//            runs: count, (run u64, names: count, name*)*
//     page = line*
//     line = process, form u8, cited, sealed, expected, ruled: count, number*,
//            rulings: count, (position, citation, number)*, holes: count, (first, length)*,
//            stamps: count, (position, stamp)*, stamp: count, (citation, value)*, open: count, event*, covered: count, event*
//     reference = 0, run u64 | 1, name
//
// A name is text, incarnation and fork. Processes of lines, numbers that are ruled, positions of stamps and citations of a stamp
// ascend, and are written as distances from the one before.
extension Resumption {
    private struct Form: OptionSet {
        let rawValue: UInt8
        static let speaks = Form(rawValue: 1)
        static let isExact = Form(rawValue: 2)
        static let isAllCovered = Form(rawValue: 4)
    }

    func head() -> [UInt8] {
        var writer = ByteWriter()
        writer.byte(isSwept ? 1 : 0)
        writer.varint(citations.count)
        for cited in citations {
            switch cited.process {
            case .run(let run):
                writer.byte(0)
                writer.fixed64(run.bits)
            case .named(let name):
                writer.byte(1)
                writer.name(of: name)
            }
            writer.byte(cited.isClock ? 1 : 0)
            writer.varint(cited.target.map { $0 + 1 } ?? 0)
        }
        writer.varint(claims.count)
        for claim in claims {
            writer.fixed64(claim.run.bits)
            writer.varint(claim.names.count)
            for name in claim.names { writer.name(of: name) }
        }
        return writer.bytes
    }

    /// The lines, on pages of `Limits.resumptionPageBytes` or one line.
    func pages() -> [[UInt8]] {
        var pages: [[UInt8]] = []
        var writer = ByteWriter()
        var last = 0
        for line in processes {
            write(line, after: last, &writer)
            last = line.process
            guard writer.count >= Limits.resumptionPageBytes else { continue }
            pages.append(writer.bytes)
            writer.removeAll()
            last = 0
        }
        if writer.count > 0 { pages.append(writer.bytes) }
        return pages
    }

    private func write(_ line: Line, after last: Int, _ writer: inout ByteWriter) {
        writer.varint(line.process - last)
        var form = Form()
        if line.speaks { form.insert(.speaks) }
        if line.isExact { form.insert(.isExact) }
        if line.isAllCovered { form.insert(.isAllCovered) }
        writer.byte(form.rawValue)
        for number in [line.cited, line.sealed, line.expected] { writer.varint(number) }
        writer.varint(line.ruled.count)
        var number: UInt64 = 0
        for ruled in line.ruled {
            writer.varint(ruled - number)
            number = ruled
        }
        writer.varint(line.rulings.count)
        for ruling in line.rulings {
            writer.varint(ruling.position)
            writer.varint(ruling.citation)
            writer.varint(ruling.sequence)
        }
        writer.varint(line.holes.count)
        for hole in line.holes {
            writer.varint(hole.lowerBound)
            writer.varint(hole.upperBound - hole.lowerBound)
        }
        writer.varint(line.stamps.count)
        var position = 0
        for run in line.stamps {
            writer.varint(run.position - position)
            position = run.position
            writer.stamp(run.stamp)
        }
        writer.varint(line.stamp.count)
        var citation = 0
        for entry in line.stamp.keys {
            writer.varint(entry.process - citation)
            citation = entry.process
            writer.varint(entry.sequence)
        }
        for keys in [line.open, line.covered] {
            writer.varint(keys.count)
            for key in keys { writer.event(key) }
        }
    }

    init(head reader: inout ByteReader, processCount: Int) throws(FormatError) {
        self.init()
        isSwept = try reader.byte("resumption") == 1
        for _ in 0..<(try reader.count(reader.remaining / 4, "citations")) {
            let process: ProcessReference
            switch try reader.byte("citation") {
            case 0: process = .run(RunKey(bits: try reader.fixed64("run")))
            case 1: process = .named(try reader.fullName())
            case let other: throw reader.malformed("citation: a form of \(other) is unknown")
            }
            let isClock = try reader.byte("citation") == 1
            let target = try reader.count(processCount, "process")
            citations.append(
                Cited(process: process, isClock: isClock, target: target == 0 ? nil : target - 1))
        }
        for _ in 0..<(try reader.count(reader.remaining / 9, "runs")) {
            let run = RunKey(bits: try reader.fixed64("run"))
            var names: [ProcessID] = []
            for _ in 0..<(try reader.count(reader.remaining / 3, "names")) {
                names.append(try reader.fullName())
            }
            claims.append(Claim(run: run, names: names))
        }
        try reader.expectEnd("resumption")
    }

    mutating func read(page reader: inout ByteReader, processCount: Int) throws(FormatError) {
        var process = 0
        while reader.remaining > 0 {
            process += try reader.count(processCount, "process")
            guard process < processCount else {
                throw reader.malformed("process: expected below \(processCount), found \(process)")
            }
            processes.append(try line(process, &reader, processCount))
        }
    }

    private func line(
        _ process: Int, _ reader: inout ByteReader, _ processCount: Int
    ) throws(FormatError) -> Line {
        var line = Line(process: process)
        let form = Form(rawValue: try reader.byte("line"))
        line.speaks = form.contains(.speaks)
        line.isExact = form.contains(.isExact)
        line.isAllCovered = form.contains(.isAllCovered)
        line.cited = try reader.sequence("cited")
        line.sealed = try reader.sequence("sealed")
        line.expected = try reader.sequence("expected")
        var number: UInt64 = 0
        for _ in 0..<(try reader.count(reader.remaining, "ruled")) {
            number += try reader.sequence("ruled")
            guard number <= Causality.Limits.sequenceMax else {
                throw reader.malformed("ruled: \(number) is no sequence number")
            }
            line.ruled.append(number)
        }
        for _ in 0..<(try reader.count(reader.remaining / 3, "rulings")) {
            line.rulings.append(
                Ruling(
                    position: try reader.count(Int(UInt32.max), "position"),
                    citation: try reader.count(citations.count, "citation"),
                    sequence: try reader.sequence("number")))
        }
        for _ in 0..<(try reader.count(reader.remaining / 2, "holes")) {
            let (first, length) = (try reader.sequence("hole"), try reader.sequence("hole"))
            guard first > 0, length <= Causality.Limits.sequenceMax - first else {
                throw reader.malformed("hole: expected numbers from 1 on")
            }
            line.holes.append(first...(first + length))
        }
        var position = 0
        for _ in 0..<(try reader.count(reader.remaining / 2, "stamps")) {
            let distance = try reader.count(Int(UInt32.max) - position, "position")
            position += distance
            line.stamps.append(StampRun(position: position, stamp: try reader.stamp()))
        }
        var citation = 0
        for _ in 0..<(try reader.count(reader.remaining / 2, "stamp")) {
            citation += try reader.count(citations.count, "citation")
            guard citation < citations.count else {
                throw reader.malformed(
                    "citation: expected below \(citations.count), found \(citation)")
            }
            let value = try reader.sequence("value")
            if value > 0 { line.stamp.append(citation, value) }
        }
        line.open = try reader.events(processCount, "open")
        line.covered = try reader.events(processCount, "covered")
        return line
    }

    /// The same by numbers of a file: those of the history's indexes.
    func renumbered(_ numbers: [Int]) -> Resumption {
        func keys(_ keys: [EventKey]) -> [EventKey] {
            keys.map { EventKey(process: numbers[$0.process], sequence: $0.sequence) }
                .sorted { $0.process < $1.process }
        }
        var result = self
        for index in result.citations.indices {
            result.citations[index].target = citations[index].target.map { numbers[$0] }
        }
        result.processes = processes.map { line in
            var line = line
            line.process = numbers[line.process]
            line.open = keys(line.open)
            line.covered = keys(line.covered)
            return line
        }.sorted { $0.process < $1.process }
        return result
    }
}

extension ByteReader {
    fileprivate mutating func events(
        _ processCount: Int, _ what: String
    ) throws(FormatError) -> [EventKey] {
        var keys: [EventKey] = []
        for _ in 0..<(try count(remaining / 2, what)) { keys.append(try event(processCount)) }
        return keys
    }
}
