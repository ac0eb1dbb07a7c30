import FoundationEssentials
import FuzzTargets
import SimulatedHistories
import Testing

/// What coverage-guided fuzzing found, and a few thousand mutations of it: Scripts/fuzz does the same for hours.
@Suite struct FuzzTests {
    private static let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Corpora")

    /// The inputs that are kept of a target, by their names: seeds first.
    private static func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = corpora.appendingPathComponent(target.name).path
        let seeds = try target.seeds().enumerated().map { ("seed \($0)", $1) }
        guard FileManager.default.fileExists(atPath: folder) else { return seeds }
        return try seeds
            + FileManager.default.contentsOfDirectory(atPath: folder).sorted().map { name in
                (name, [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))))
            }
    }

    @Test(arguments: FuzzTarget.all.map(\.name)) func whatWasFoundHolds(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        for input in try Self.inputs(of: target) {
            do {
                try target.run(input.bytes)
            } catch {
                Issue.record("\(name), \(input.name): \(error)")
            }
        }
    }

    /// The same mutations each time: what a change breaks shows with the change. LIGHTCONE_FUZZ_SEED gives others, and
    /// LIGHTCONE_FUZZ_TIMES so many times as many.
    @Test(arguments: FuzzTarget.all.map(\.name)) func mutationsHold(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try Self.inputs(of: target)
        let environment = ProcessInfo.processInfo.environment
        var random = SeededGenerator(
            seed: environment["LIGHTCONE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1)
        let times = environment["LIGHTCONE_FUZZ_TIMES"].flatMap(Int.init) ?? 1
        for round in 0..<target.mutations * times {
            var bytes = inputs.randomElement(using: &random)!.bytes
            Self.mutate(&bytes, inputs.randomElement(using: &random)!.bytes, &random)
            do {
                try target.run(bytes)
            } catch {
                Issue.record("\(name), round \(round), \(bytes): \(error)")
            }
        }
    }

    private static func mutate(
        _ bytes: inout [UInt8], _ other: [UInt8], _ random: inout SeededGenerator
    ) {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let byte = [
                0, 1, 0x7f, 0x80, 0xff, bytes[at] &+ 1, UInt8.random(in: 0...255, using: &random),
            ].randomElement(using: &random)!
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes.remove(at: at)
            case 1: bytes.insert(byte, at: at)
            case 2:
                let end = min(Int.random(in: at..<bytes.count, using: &random), at + 12)
                bytes.insert(contentsOf: bytes[at...end], at: at)
            case 3 where !other.isEmpty:
                let from = Int.random(in: 0..<other.count, using: &random)
                let part = other[from..<min(from + 16, other.count)]
                bytes.replaceSubrange(at..<min(at + part.count, bytes.count), with: part)
            default: bytes[at] = byte
            }
        }
    }
}
