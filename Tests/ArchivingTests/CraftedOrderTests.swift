import Causality
import Collector
import Disks
import Foundation
import HappensBefore
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving
@testable import Parts

/// How much is tried: more, and other things, where the environment says so.
enum Crafting {
    static let rounds = number("CRAFTED_ROUNDS") ?? 10
    static let seed = UInt64(number("CRAFTED_SEED") ?? 0)

    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }
}

/// Order files whose checksums are right, and which say what cannot be: somebody made them so. No question traps or goes on for
/// ever, and what can be known to be wrong is found out anew.
@Suite struct CraftedOrderTests {
    /// An archive whose order is written in slices, with events above them.
    private static func world(seed: UInt64) throws -> (folder: ArchiveFolder, archive: Archive) {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let pieces = GrowingExecution(seed: seed).pieces
        for (index, piece) in pieces.enumerated() {
            try archive.append(piece)
            let store = ArchiveStore(archive)
            if index > pieces.count / 2, try store.filed("main", .never) is TailedExecution,
                try archive.orders(of: "main").slices.count > 1
            {
                break
            }
            if index % 9 == 8 {
                try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
            }
        }
        return (folder, archive)
    }

    /// A file's bytes with those of one of its blocks changed, and its checksum made right again.
    private static func crafted(
        _ bytes: [UInt8], _ places: [FilePlace],
        _ random: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var bytes = bytes
        let place = places.filter { $0.byteCount > 0 }.randomElement(using: &random)!
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let offset = place.offset + .random(in: 0..<place.byteCount, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[offset] = .random(in: 0...255, using: &random)
            case 1: bytes[offset] &+= 1
            case 2: bytes[offset] &-= 1
            case 3: bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            default:
                // A number that is huge.
                let end = min(offset + .random(in: 1...9, using: &random), place.end - 4)
                for index in offset..<end { bytes[index] |= 0x80 }
            }
        }
        return sealed(bytes, place)
    }

    private static func sealed(_ bytes: [UInt8], _ place: FilePlace) -> [UInt8] {
        var (bytes, writer) = (bytes, ByteWriter())
        writer.fixed32(checksum(bytes[place.offset..<place.offset + place.byteCount]))
        bytes.replaceSubrange(place.offset + place.byteCount..<place.end, with: writer.bytes)
        return bytes
    }

    /// Every place of a file, by what it is for.
    private static func places(_ path: String) throws -> (bytes: [UInt8], places: [FilePlace]) {
        let file = try RealDisk().open(path, .read)
        let survey = try OrderFileSurvey(OrderFile(file))
        #expect(survey.problems == [])
        let bytes = try file.read(at: 0, count: file.byteCount())
        let trailer = 8 + OrderFileWriter.magic.count
        let footer = FilePlace(
            offset: survey.file.footerOffset,
            byteCount: bytes.count - trailer - survey.file.footerOffset
                - FilePlace.checksumBytes)
        return (bytes, survey.places + [FilePlace](repeating: footer, count: 8))
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func noQuestionTraps(seed: UInt64) throws {
        let (folder, archive) = try Self.world(seed: seed)
        defer { withExtendedLifetime(folder) {} }
        let (slices, taken) = try archive.orders(of: "main")
        #expect(slices.count > 1 && slices.last!.taken < taken)
        let expected = try MergingWorld.answers(ArchiveStore(archive))
        #expect(try ArchiveStore(archive).filed("main", .never) != nil)
        let rounds = Crafting.rounds
        var random = SeededGenerator(seed: seed + Crafting.seed)
        var (same, noticed) = (0, 0)
        for _ in 0..<rounds {
            let copy = ArchiveFolder()
            try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
            let slice = slices.randomElement(using: &random)!
            let path = "\(copy.path)/order/\(slice.name).lcorder"
            let (bytes, places) = try Self.places(path)
            let crafted = Self.crafted(bytes, places, &random)
            try Data(crafted).write(to: URL(fileURLWithPath: path))
            let store = ArchiveStore(try Archive(copy.path, .readWrite))
            let found = try MergingWorld.answers(store)
            if found == expected { same += 1 }
            let isNoticed = try store.filed("main", .never) == nil
            // Whoever goes on from it, or finds it out anew.
            try store.keepOrder(of: "main", eventsMin: 50, sliceEventsMax: 100)
            guard isNoticed else { continue }
            noticed += 1
            expectSame(try MergingWorld.answers(store), expected)
            #expect(try store.filed("main", .never) != nil)
        }
        // Much of what is changed is noticed where it is read, and what is not seldom matters.
        #expect(same * 2 > rounds && noticed > 0, "\(same) \(noticed) of \(rounds)")
    }
}
