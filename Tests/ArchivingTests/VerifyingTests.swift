import Causality
import Collector
import Disks
import Foundation
import GRDB
import Segments
import Testing
import Transparency

@testable import Archiving

/// An archive of every kind of file, and its copies in which something was done to one of them.
private struct VerifiedWorld {
    let folder = ArchiveFolder()
    let earlier: Checkpoint

    static let now = WallTime(nanoseconds: 1_700_000_000_000_000_000)

    /// Two parts, order files, a tombstone, a segment that is sealed, one that is not, and an execution that was dropped.
    init() throws {
        let archive = try Archive(folder.path, .readWrite)
        let grown = GrowingExecution(seed: 5, isSealed: true, events: 600)
        for piece in grown.pieces { try archive.append(piece) }
        try archive.mergeAll()
        let store = ArchiveStore(archive)
        try store.keepOrder(of: "main", eventsMin: 1, sliceEventsMax: 150)
        try archive.extendLog(now: Self.now)
        earlier = try #require(try archive.extendLog(now: Self.now).checkpoint)
        try Self.add("gone", isSealed: true, to: archive)
        #expect(try archive.drop("gone") != nil)
        try Self.add("second", isSealed: true, to: archive)
        try archive.mergeAll()
        try store.keepOrder(of: "second", eventsMin: 1)
        try Self.add("sealed", isSealed: true, to: archive)
        try Self.add("open", isSealed: false, to: archive)
        try archive.extendLog(now: Self.now)
    }

    static func add(_ execution: String, isSealed: Bool, to archive: Archive) throws {
        let id = Identity128(naming: Array(execution.utf8))
        let header = SegmentHeader(
            agent: Identity128(naming: Array("an agent".utf8)), segment: id, created: now)
        var writer = SegmentWriter(header)
        let key = ProcessKey(execution: execution, host: "h", process: ProcessID(name: "p"))
        var batch = EventBatch()
        var clock: VectorClock?
        for sequence in 1...UInt64(20) {
            batch.append(
                Event(
                    id: EventID(key.process, sequence), text: "\(execution) \(sequence)",
                    clock: VectorClock([key.reference: sequence])), of: key, after: &clock)
        }
        var bytes = header.encoded() + writer.commit(batch, Commit(host: "h", readUpTo: now))
        let signer = SigningKey(secret: [UInt8](repeating: 8, count: 32))
        if isSealed { bytes += writer.footer(signedBy: signer) }
        try archive.append(bytes, to: id, at: 0)
    }

    /// What is found in a copy in which something was done.
    func problems(after change: (String) throws -> Void) throws -> [String] {
        let copy = ArchiveFolder()
        try? FileManager.default.removeItem(atPath: copy.path)
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        try change(copy.path)
        return try Archive(copy.path, .readOnly).verify(since: earlier).problems
    }

    /// The files that answers rely on, below the folder.
    var files: [String] {
        let folders = ["parts", "order", "segments", "log", "tombstones"]
        return (FileManager.default.subpaths(atPath: folder.path) ?? []).filter { path in
            folders.contains { path.hasPrefix($0 + "/") } && path.contains(".lc")
                || path == "log/entries" || path == "log/state"
        }.sorted()
    }
}

@Suite struct VerifyingTests {
    @Test func whatIsAsItWasIsProved() throws {
        let world = try VerifiedWorld()
        let archive = try Archive(world.folder.path, .readOnly)
        let verified = try archive.verify(since: world.earlier)
        #expect(verified.problems == [])
        #expect(verified.partCount == 2 && verified.segmentCount == 2)
        #expect(verified.orderFileCount >= 2 && verified.eventCount == 660)
        #expect(verified.signedCount == 3 && verified.waitingCount == 0)
        #expect(verified.checkpoint!.count > world.earlier.count)
    }

    /// Each file: a bit of it flipped anywhere, its end cut off, the file gone, another in its place, and as it was before.
    @Test func aFileThatIsNotAsItWasIsNamed() throws {
        let world = try VerifiedWorld()
        let files = world.files
        #expect(files.count >= 8)
        for (index, file) in files.enumerated() {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(world.folder.path)/\(file)"))
            let name = file.split(separator: "/").last!.split(separator: ".")[0]
            func expect(_ what: String, _ change: (URL) throws -> Void) throws {
                let problems = try world.problems { folder in
                    try change(URL(fileURLWithPath: "\(folder)/\(file)"))
                }
                // The log's own files are named by their folder at least.
                let isNamed = problems.contains { $0.contains(name) || file.hasPrefix("log/") }
                #expect(isNamed, "\(file) \(what): \(problems)")
            }
            for place in [0, bytes.count / 3, bytes.count / 2, bytes.count - 1] {
                try expect("flipped at \(place)") { url in
                    var changed = bytes
                    changed[place] ^= 4
                    try changed.write(to: url)
                }
            }
            try expect("cut") { try bytes.dropLast(1).write(to: $0) }
            try expect("gone") { try FileManager.default.removeItem(at: $0) }
            let other = files[(index + 1) % files.count]
            try expect("swapped with \(other)") { url in
                let otherBytes = try Data(
                    contentsOf: URL(fileURLWithPath: "\(world.folder.path)/\(other)"))
                try otherBytes.write(to: url)
            }
        }
    }

    /// Each row of the catalogue that decides what is found.
    @Test(arguments: [
        "DELETE FROM segment WHERE part IS NULL AND sealed",
        "DELETE FROM segment WHERE NOT sealed",
        "DELETE FROM segment WHERE part IS NOT NULL",
        "UPDATE segment SET bytes = bytes - 1 WHERE NOT sealed",
        "UPDATE segment SET created = created + 1",
        "UPDATE segment SET part = (SELECT max(id) FROM part) WHERE part IS NULL AND sealed",
        "UPDATE segment SET isRemoved = TRUE WHERE part IS NULL AND sealed",
        "DELETE FROM part WHERE id = 1", "UPDATE part SET name = zeroblob(16) WHERE id = 1",
        "DELETE FROM partPresence", "DELETE FROM presence",
        "DELETE FROM process WHERE id = 2", "UPDATE process SET last = last + 1 WHERE id = 1",
        "UPDATE process SET events = events - 1 WHERE id = 1",
        "UPDATE process SET dropped = 3 WHERE id = 1",
        "UPDATE process SET name = 'other' WHERE id = 1",
        "UPDATE orderFile SET slice = slice + 1 WHERE execution = 'second'",
        "UPDATE orderFile SET execution = 'third' WHERE execution = 'second'",
        "DELETE FROM dropped", "UPDATE dropped SET execution = 'second'",
        "INSERT INTO dropped SELECT segment, 'sealed', agent, created, bytes, sealed, digest, isRemoved FROM dropped",
        "UPDATE log SET entries = entries - 1", "UPDATE log SET entries = entries + 1",
    ])
    func aRowThatIsNotAsItWasIsFound(change: String) throws {
        let world = try VerifiedWorld()
        let problems = try world.problems { folder in
            var configuration = Configuration()
            configuration.foreignKeysEnabled = false
            let database = try DatabaseQueue(
                path: "\(folder)/catalogue.sqlite", configuration: configuration)
            try database.write { database in
                try database.execute(sql: change)
                #expect(database.changesCount > 0, "\(change) changes nothing")
            }
            try database.close()
        }
        #expect(!problems.isEmpty, "\(change)")
    }

    /// Somebody makes a whole new archive of other events, and a log that agrees with it.
    @Test func aLogThatWasRewrittenIsNoticedByAnEarlierCheckpoint() throws {
        let world = try VerifiedWorld()
        let other = ArchiveFolder()
        let key = try SigningKey(at: "\(world.folder.path)/log/key", on: RealDisk())
        do {
            let archive = try Archive(other.path, .readWrite)
            try VerifiedWorld.add("forged", isSealed: true, to: archive)
            try archive.extendLog(now: VerifiedWorld.now, making: { key })
            for number in 0..<world.earlier.count {
                try VerifiedWorld.add("forged \(number)", isSealed: true, to: archive)
            }
            try archive.extendLog(now: VerifiedWorld.now)
        }
        let archive = try Archive(other.path, .readOnly)
        #expect(try archive.verify().problems == [])
        let problems = try archive.verify(since: world.earlier).problems
        #expect(problems.count == 1 && problems[0].contains("it was rewritten"), "\(problems)")
        // As it was at an earlier time, all of it.
        let old = ArchiveFolder()
        do {
            let archive = try Archive(old.path, .readWrite)
            try VerifiedWorld.add("forged", isSealed: true, to: archive)
            try archive.extendLog(now: VerifiedWorld.now, making: { key })
        }
        let shorter = try Archive(old.path, .readOnly).verify(since: world.earlier).problems
        #expect(shorter.count == 1 && shorter[0].contains("it had"), "\(shorter)")
    }

    /// An event in a part, and one in a segment: each alone, at the checkpoint now and at one before.
    @Test func anEventIsProvedWithoutItsArchive() throws {
        let world = try VerifiedWorld()
        let archive = try Archive(world.folder.path, .readOnly)
        let grown = try #require(try archive.processes(of: "main").first)
        let ids = [
            ("main", EventID(grown.process.process, 1)),
            ("second", EventID(ProcessID(name: "p"), 7)),
            ("sealed", EventID(ProcessID(name: "p"), 20)),
        ]
        for (execution, id) in ids {
            let proof = try EventProof(reading: archive.proof(of: id, in: execution).json())
            let proved = try proof.check()
            #expect(proved.row.sequence == id.sequence)
            if execution != "main" {
                #expect(proved.row.text == "\(execution) \(id.sequence)")
                let signer = SigningKey(secret: [UInt8](repeating: 8, count: 32))
                #expect(proved.signer == signer?.publicKey)
            }
        }
        let earlier = try archive.proof(of: ids[0].1, in: "main", at: world.earlier)
        #expect(earlier.checkpoint == world.earlier && (try? earlier.check()) != nil)
        for (execution, id, checkpoint) in [
            ("sealed", ids[2].1, world.earlier), ("open", EventID(ProcessID(name: "p"), 1), nil),
            ("main", EventID(ProcessID(name: "nobody"), 1), nil),
        ] {
            #expect(throws: ArchiveError.self) {
                try archive.proof(of: id, in: execution, at: checkpoint)
            }
        }
    }

    /// Nothing in a proof can be other than it is.
    @Test func aProofThatWasChangedProvesNothing() throws {
        let world = try VerifiedWorld()
        let archive = try Archive(world.folder.path, .readOnly)
        let proof = try archive.proof(of: EventID(ProcessID(name: "p"), 7), in: "second")
        let other = try archive.proof(of: EventID(ProcessID(name: "p"), 7), in: "sealed")
        func expect(_ change: (inout EventProof) -> Void) {
            var changed = proof
            change(&changed)
            #expect(throws: TransparencyError.self) { try changed.check() }
        }
        expect { $0.step.rows[$0.step.rows.count / 2] ^= 1 }
        expect { $0.step.rows = other.step.rows }
        expect { $0.step = other.step }
        expect { $0.step.index = 1 }
        expect { $0.step.index = -1 }
        expect { $0.step.eventCount += 1 }
        expect { $0.step.steps.append($0.step.steps[0]) }
        expect { $0.step.run.execution = "other" }
        expect { $0.entry[20] ^= 1 }
        expect { $0.entry = other.entry }
        expect { $0.index += 1 }
        expect { $0.index = -1 }
        expect { $0.path.removeLast() }
        expect { $0.path[0][3] ^= 1 }
        expect { $0.checkpoint = world.earlier }
        expect { $0.event = EventID($0.event.process, 21) }
        let json = try proof.json()
        for end in stride(from: 0, to: json.count - 2, by: 97) {
            #expect(throws: TransparencyError.self) { try EventProof(reading: Array(json[..<end])) }
        }
        let claims = String(decoding: json, as: UTF8.self).replacing(
            "\"rowBytes\" : ", with: "\"rowBytes\" : 99999999999")
        #expect(throws: TransparencyError.self) { try EventProof(reading: Array(claims.utf8)) }
    }

    @Test func aSignatureMustBeThatOfWhatWasSealed() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let id = Identity128(naming: [1])
        func bytes(_ text: String) -> (frames: [UInt8], footer: [UInt8]) {
            let header = SegmentHeader(agent: id, segment: id, created: VerifiedWorld.now)
            var writer = SegmentWriter(header)
            let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "p"))
            var batch = EventBatch()
            var clock: VectorClock?
            batch.append(
                Event(
                    id: EventID(key.process, 1), text: text,
                    clock: VectorClock([key.reference: 1])), of: key, after: &clock)
            let frames = header.encoded() + writer.commit(batch, Commit())
            return (
                frames,
                writer.footer(signedBy: SigningKey(secret: [UInt8](repeating: 2, count: 32)))
            )
        }
        let (frames, footer) = bytes("mine")
        // Of another bit in the signature the checksum is right too.
        var forged = footer
        let signature = footer.count - 16 - 16 - 64
        forged[signature] ^= 1
        let end = forged.count - 16
        withUnsafeBytes(of: crc32(forged[..<end]).littleEndian) {
            forged.replaceSubrange(end..<end + 4, with: $0)
        }
        #expect {
            try archive.append(frames + forged, to: id, at: 0)
        } throws: { "\($0)".contains("its signature is not that of what it says") }
        #expect(try archive.state(of: id) == nil)
        // Nor is what another key signed taken of a host's agent, nor what none did.
        let key = SigningKey(secret: [UInt8](repeating: 2, count: 32))!
        for (host, signers) in [
            ("h", [[UInt8](repeating: 1, count: 32)]), ("h", []), ("other", [key.publicKey]),
        ] {
            let owner = SegmentOwner(host: host, signers: signers)
            #expect(throws: ArchiveError.self) {
                try archive.append(frames + footer, to: id, at: 0, from: owner)
            }
            #expect(try archive.state(of: id) == nil)
        }
        let owner = SegmentOwner(host: "h", signers: [[0], key.publicKey])
        try archive.append(frames + footer, to: id, at: 0, from: owner)
    }

    /// A host is told of when it comes, when its keys change, and when it is revoked: once each.
    @Test func theLogTellsOfHosts() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let key = [UInt8](repeating: 1, count: 32)
        var host = LoggedHost(host: "web-1", isAdmitted: true, publicKeys: [key])
        var expected: [LoggedHost] = []
        for change in 0..<3 {
            if change == 1 { host.publicKeys.append([UInt8](repeating: 2, count: 32)) }
            if change == 2 { host = LoggedHost(host: "web-1", isAdmitted: false, publicKeys: []) }
            expected.append(host)
            for _ in 0..<2 {
                try archive.log(hosts: [host])
                try archive.extendLog(now: VerifiedWorld.now)
            }
        }
        var found: [LoggedHost] = []
        try LogFile(archive.logFolder, on: RealDisk()).forEach { bytes in
            if case .host(let host) = try LogEntry(decoding: bytes).content { found.append(host) }
        }
        #expect(found == expected)
    }
}
