import Causality
import Disks
import Foundation
import Segments
import SimulatedHistories
import Testing

@testable import Parts

/// A fixed part of two executions, restarts, processes of logs, lossy stamps, and a segment with lines that were no events.
private enum Golden {
    static let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden/v2.lcpart")

    static let events = Sample.events(seed: 4, count: 24, crashPerMille: 60)

    static func world() throws -> PartWorld {
        let world = try PartWorld()
        try world.add("1", agent: "a", Array(events[..<14]), of: 6)
        let lines = SourceCheckpoint(
            number: 1, .imported(ImportProgress(path: "/x", offset: 1)), isFinished: true,
            unmatchedCount: 1,
            unmatched: [UnmatchedLine(line: 9, execution: "main", reason: "why", text: "what")])
        try world.add("2", agent: "b", Array(events[10...]), of: 9) { _ in
            Commit(host: "web-1", readUpTo: WallTime(nanoseconds: 7), checkpoints: [lines])
        }
        return world
    }
}

@Suite struct PartTests {
    /// Version 1 as it was first written: it must be readable for ever, and written the same.
    @Test func version2() throws {
        let world = try Golden.world()
        let bytes = try world.bytes(try world.make("golden"))
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Data(bytes).write(to: Golden.url)
            Issue.record("the golden part was recorded anew: run again without RECORD_GOLDEN")
        }
        let golden = [UInt8](try Data(contentsOf: Golden.url))
        let isSame = golden == bytes
        #expect(isSame, "a writer's bytes follow from its input alone")
        try world.disk.open("/parts/read.lcpart", .create).write(golden, at: 0)
        let part = try PartFile("/parts/read.lcpart", on: world.disk)
        #expect(try PartVerification(part).damage() == [])
        #expect(try PartVerification(part).brokenChains() == [])
        #expect(difference(try world.history([part]), try world.history()) == nil)
    }

    /// As many and as long lines as commits may have: a part keeps the first, and can be read. It would be gigabytes else.
    @Test func ofLinesThatWereNoEventsTheFirstAreKept() throws {
        let long = String(repeating: "x", count: SourceCheckpoint.pathBytesMax)
        let world = try PartWorld()
        let batches = [EventBatch](repeating: EventBatch(), count: 3)
        try world.add("1", agent: "a", batches) { commit in
            let lines = (1...80).map {
                UnmatchedLine(
                    line: $0 + 80 * UInt64(commit), execution: "e", reason: long, text: "")
            }
            let source = SourceCheckpoint(
                number: 1, .imported(ImportProgress(path: long, offset: 1)), isFinished: false,
                unmatchedCount: 80, unmatched: lines)
            return Commit(checkpoints: [source])
        }
        let part = try world.make("lines")
        #expect(try PartVerification(part).damage() == [])
        let kept = try part.segment(0).unmatched
        #expect(kept.map(\.line.line) == Array(1...UInt64(kept.count)))
        let bytes = kept.reduce(0) { $0 + $1.path.utf8.count + $1.line.reason.utf8.count }
        #expect(bytes > Limits.unmatchedBytesOfSegmentMax / 2)
        #expect(bytes <= Limits.unmatchedBytesOfSegmentMax)
    }

    @Test func aSegmentIsKeptButForItsFrames() throws {
        let world = try Golden.world()
        let part = try world.make("golden")
        let segments = try (0..<part.footer.segmentCount).map { try part.segment($0) }
        #expect(Set(segments.map(\.header.segment)) == Set(world.inputs.map(\.segment)))
        let second = try #require(segments.first { $0.header.segment == world.inputs[1].segment })
        let size = try world.disk.status(world.inputs[1].path)?.byteCount
        #expect(second.byteCount == size)
        #expect(second.host == "web-1" && second.readUpTo == WallTime(nanoseconds: 7))
        let count = world.frames.count { $0.segment.segment == second.header.segment }
        #expect(second.unmatched.map(\.line.line) == Array(repeating: 9, count: count))
        #expect(second.unmatched.allSatisfy { $0.path == "/x" })
        #expect(second.digest == world.frames.last?.frame.digest)
        let events = second.chains.values.reduce(0) { $0 + $1.eventCount }
        let own = world.frames.filter { $0.segment.segment == second.header.segment }
        #expect(events == own.reduce(0) { $0 + $1.frame.header.rowCount })
    }

    @Test func whatWasChangedSinceItWasSealedIsNoPart() throws {
        let world = try Golden.world()
        let path = world.inputs[0].path
        let file = try world.disk.open(path, .write)
        let bytes = try file.read(at: 0, count: file.byteCount())
        for byte in stride(from: 0, to: bytes.count, by: 5) {
            var damaged = bytes
            damaged[byte] ^= 4
            try file.write(damaged, at: 0)
            do throws(PartError) {
                _ = try world.making.make("/parts/x", of: world.inputs)
                Issue.record("byte \(byte) went unnoticed")
            } catch {
                guard case .damaged(path, _, _) = error else {
                    Issue.record("byte \(byte): \(error)")
                    continue
                }
            }
        }
        // Every checksum is right, and what an event says is another thing than what was sealed.
        var others = Array(Golden.events[..<14])
        others[7].event.text += "!"
        try file.write(bytes, at: 0)
        let other = try PartWorld()
        try other.add("1", agent: "a", others, of: 6)
        let forged = try other.disk.open(other.inputs[0].path, .read)
        let size = SegmentLayoutEnd.footer(bytes)
        let content = try forged.read(at: 0, count: forged.byteCount())
        let joined =
            Array(content[..<SegmentLayoutEnd.footer(content)]) + Array(bytes[size...])
        try file.truncate(to: 0)
        try file.write(joined, at: 0)
        #expect(throws: PartError.self) {
            _ = try world.making.make("/parts/x", of: world.inputs)
        }
    }

    @Test func whatWasMergedTwiceSaysTheSame() throws {
        let world = try Golden.world()
        let first = try world.make("first", of: 0..<1)
        let second = try world.make("second", of: 1..<2)
        let merged = try world.bytes(try world.merge("merged", [first, second]))
        let isSame = try merged == world.bytes(world.merge("again", [first, second]))
        #expect(isSame)
        #expect(
            try PartVerification(PartFile("/parts/merged.lcpart", on: world.disk)).damage() == [])
    }
}

/// Where a segment's footer begins.
private enum SegmentLayoutEnd {
    static func footer(_ bytes: [UInt8]) -> Int {
        bytes[(bytes.count - 12)..<(bytes.count - 4)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}

@Suite struct PartDamageTests {
    private struct Flipping {
        let world: PartWorld
        let bytes: [UInt8]
        let frames: [[PartFrame]]
        let executions = ["main", "run 2"]
        let file: any DiskFile

        init() throws {
            world = try Golden.world()
            let part = try world.make("golden")
            bytes = try world.bytes(part)
            frames = try executions.map { try part.frames(of: $0).frames }
            file = try world.disk.open("/parts/damaged.lcpart", .create)
        }

        func part(_ bytes: [UInt8]) throws -> PartFile {
            try file.truncate(to: 0)
            try file.write(bytes, at: 0)
            return try PartFile("/parts/damaged.lcpart", on: world.disk)
        }
    }

    @Test func cutAtEveryByte() throws {
        let flipping = try Flipping()
        let whole = try flipping.part(flipping.bytes).walk()
        #expect(whole.count > 4)
        for cut in 0..<flipping.bytes.count {
            let part = try flipping.part(Array(flipping.bytes[..<cut]))
            #expect(part.damage != nil, "cut at \(cut)")
            let count = whole.count { $0.offset + BlockHeader.byteCount <= cut }
            #expect(try part.walk() == Array(whole.prefix(count)), "cut at \(cut)")
        }
        let part = try flipping.part(flipping.bytes + [0])
        #expect(part.damage != nil, "a byte too many")
    }

    /// Whatever byte is changed, that is noticed and named, and every block that it does not lie in is read as before.
    @Test func flippedAtEveryByte() throws {
        let flipping = try Flipping()
        var damaged = flipping.bytes
        for byte in damaged.indices {
            damaged[byte] ^= 1 << UInt8(byte % 8)
            defer { damaged[byte] ^= 1 << UInt8(byte % 8) }
            let part = try flipping.part(damaged)
            let found = try PartVerification(part).damage()
            #expect(!found.isEmpty, "byte \(byte) went unnoticed")
            for error in found {
                guard case .damaged(part.path, let offset, let what) = error else {
                    Issue.record("byte \(byte): \(error)")
                    continue
                }
                #expect(offset <= byte && !what.isEmpty, "byte \(byte): \(error)")
            }
            guard byte % 5 == 0 else { continue }
            for (execution, frames) in zip(flipping.executions, flipping.frames) {
                try expectOthers(frames, execution, byte, part)
            }
        }
    }

    private func expectOthers(
        _ frames: [PartFrame], _ execution: String, _ byte: Int, _ part: PartFile
    ) throws {
        let listing = try part.frames(of: execution)
        for frame in frames {
            let block = frame.pieces[0].block
            guard !(block.offset..<block.offset + block.byteCount).contains(byte) else { continue }
            let found = listing.frames.first {
                $0.segment == frame.segment && $0.run == frame.run && $0.ordinal == frame.ordinal
            }
            // A page of the index costs the entries in it; they are named.
            guard let found else {
                #expect(!listing.damage.isEmpty, "byte \(byte): lost without a word")
                continue
            }
            let batch = try part.batch(of: found, hasContent: true)
            #expect(batch.count == block.rowCount || frame.pieces.count == 1, "byte \(byte)")
        }
    }
}
