import Causality
import Crypto
import Disks
import Segments
import Testing

@testable import Transparency

@Suite struct MerkleTreeTests {
    /// The definition of RFC 6962, section 2.1, as it stands there.
    static func hash(_ entries: ArraySlice<[UInt8]>) -> [UInt8] {
        guard let first = entries.first else { return Array(SHA256.hash(data: [UInt8]())) }
        guard entries.count > 1 else { return Array(SHA256.hash(data: [0] + first)) }
        var half = 1
        while half * 2 < entries.count { half *= 2 }
        let left = hash(entries.prefix(half))
        return Array(SHA256.hash(data: [1] + left + hash(entries.dropFirst(half))))
    }

    @Test func theRootIsThatOfTheDefinition() {
        let entries = (0..<70).map { [UInt8](repeating: UInt8($0), count: $0 % 5) }
        var tree = MerkleTree()
        #expect(hexadecimal(tree.root).hasPrefix("e3b0c44298fc1c14"))
        for count in entries.indices {
            tree.append(entry: entries[count])
            #expect(tree.root == Self.hash(entries[...count]))
            #expect(MerkleTree(count: tree.count, edge: tree.edge) == tree)
        }
        #expect(MerkleTree(count: 3, edge: tree.edge) == nil)
    }

    @Test func aPathLeadsToTheRootFromItsEntryAlone() {
        let entries = (0..<37).map { Array("entry \($0)".utf8) }
        for count in [1, 2, 3, 7, 8, 37] {
            let root = Self.hash(entries[..<count])
            for index in 0..<count {
                var path = InclusionPath(of: index, in: count)
                for entry in entries { path.append(entry: entry) }
                func found(_ entry: [UInt8], _ index: Int, _ path: [[UInt8]]) -> [UInt8]? {
                    InclusionPath.root(ofEntry: entry, at: index, in: count, path: path)
                }
                #expect(found(entries[index], index, path.hashes) == root)
                #expect(found([9], index, path.hashes) != root)
                #expect(found(entries[index], index, path.hashes + [root]) == nil)
                #expect(found(entries[index], count, path.hashes) == nil)
                if count > 1 {
                    #expect(found(entries[index], (index + 1) % count, path.hashes) != root)
                }
            }
        }
    }
}

@Suite struct LogFileTests {
    static let key = SigningKey(secret: [UInt8](repeating: 3, count: 32))!
    static let now = WallTime(nanoseconds: 1_700_000_000_000_000_000)

    @Test func whatWasAddedIsThereInOrder() throws {
        let disk = SimulatedDisk()
        var log = try LogFile("/log", on: disk)
        var all: [[UInt8]] = []
        for count in [1, 5, 0, 3] {
            let entries = (0..<count).map { [UInt8](repeating: UInt8($0), count: 40 * $0) }
            all += entries
            try log.append(entries, signing: Self.key, now: Self.now)
        }
        let read = try LogFile("/log", on: disk)
        var found: [[UInt8]] = []
        try read.forEach { found.append($0) }
        #expect(found == all && read.tree == log.tree && read.checkpoint == log.checkpoint)
        let checkpoint = try #require(read.checkpoint)
        #expect(checkpoint.count == 9 && checkpoint.root == read.tree.root)
        #expect(try Checkpoint(reading: checkpoint.text) == checkpoint)
    }

    @Test func aCheckpointIsSignedAsItStands() throws {
        var tree = MerkleTree()
        tree.append(entry: [1])
        let checkpoint = try Checkpoint(tree, time: Self.now, signing: Self.key)
        // What witnesses add is left alone.
        let witnessed = checkpoint.text + "— witness.example/w AAAA\n"
        #expect(try Checkpoint(reading: witnessed).root == tree.root)
        let lines = checkpoint.text.split(separator: "\n", omittingEmptySubsequences: false)
        for line in 0..<4 {
            var changed = lines.map(String.init)
            changed[line] = line == 1 ? "2" : changed[line].replacing("1", with: "7") + "A"
            #expect(throws: TransparencyError.self) {
                try Checkpoint(reading: changed.joined(separator: "\n"))
            }
        }
        for text in ["", "\n\n", checkpoint.text.replacing("—", with: "-"), "lightcone/x\n\n"] {
            #expect(throws: TransparencyError.self) { try Checkpoint(reading: text) }
        }
    }

    @Test func aCrashLosesNothingThatCounts() throws {
        for call in 1...40 {
            for how in 0..<3 {
                let disk = SimulatedDisk()
                var log = try LogFile("/log", on: disk)
                try log.append([[1], [2, 2]], signing: Self.key, now: Self.now)
                let before = log.tree
                disk.fail(fromCall: disk.counts.calls + call, with: 5)
                let isDone = (try? log.append([[3]], signing: Self.key, now: Self.now)) != nil
                var dice = SimulatedDice(state: UInt64(call))
                switch how {
                case 0: disk.stopFailing()
                case 1: disk.crash(tearing: &dice)
                default: disk.crashLosingAllUnsynced()
                }
                var found = try LogFile("/log", on: disk)
                #expect(isDone ? found.tree == log.tree : found.tree.count >= before.count)
                var count = 0
                try found.forEach { _ in count += 1 }
                #expect(count == found.tree.count)
                try found.append([[4]], signing: Self.key, now: Self.now)
                var tree = MerkleTree()
                try LogFile("/log", on: disk).forEach { tree.append(entry: $0) }
                #expect(tree == found.tree)
            }
        }
    }

    @Test func anotherKeyDoesNotGoOnWithIt() throws {
        let disk = SimulatedDisk()
        var log = try LogFile("/log", on: disk)
        try log.append([[1]], signing: Self.key, now: Self.now)
        #expect(throws: TransparencyError.self) {
            try log.append([[2]], signing: SigningKey(), now: Self.now)
        }
    }

    @Test func entriesAreReadAsTheyWereWritten() throws {
        let id = Identity128(high: 1, low: 2)
        let header = SegmentHeader(agent: id, segment: id, created: Self.now)
        let head = SegmentHead(
            header: header, byteCount: 900, digest: [UInt8](repeating: 4, count: 16))
        let digest = [UInt8](repeating: 5, count: 32)
        let contents: [LogEntry.Content] = [
            .head(LoggedHead(head, isSealed: false)),
            .head(LoggedHead(head, isSealed: true, signature: Self.key.sign(head))),
            .file(LoggedFile(.part, id, byteCount: 9, digest: digest)),
            .file(
                LoggedFile(
                    .tombstone, id, byteCount: 9, digest: digest, execution: "é", slice: .max)),
            .drop(
                LoggedDrop(
                    execution: "main", segments: [.init(segment: id, byteCount: 1)], parts: [id])),
            .host(LoggedHost(host: "web-1", isAdmitted: true, publicKeys: [digest])),
        ]
        for content in contents {
            let entry = LogEntry(content, at: Self.now)
            let bytes = entry.encoded()
            #expect(try LogEntry(decoding: bytes) == entry)
            for end in bytes.indices {
                #expect(throws: FormatError.self) { try LogEntry(decoding: Array(bytes[..<end])) }
            }
            #expect(throws: FormatError.self) { try LogEntry(decoding: bytes + [0]) }
        }
    }
}

@Suite struct SigningKeyTests {
    /// RFC 8032, section 7.1, test 2.
    @Test func signaturesAreThoseOfTheStandard() throws {
        let secret = try #require(
            Identity128(hex: "4ccd089b28ff96da9db6c346ec114e0f").map(\.bytes))
        let rest = try #require(Identity128(hex: "5b8a319f35aba624da8cf6ed4fb8a6fb").map(\.bytes))
        let key = try #require(SigningKey(secret: secret + rest))
        #expect(hexadecimal(key.publicKey).hasPrefix("3d4017c3e843895a92b70aa74d1b7ebc"))
    }

    @Test func aKeyIsKeptForItsOwnerAlone() throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/d")
        let made = try SigningKey(at: "/d/key", on: disk)
        #expect(try SigningKey(at: "/d/key", on: disk).publicKey == made.publicKey)
        #expect(try disk.status("/d/key")?.permissions == 0o600)
        try disk.set(permissions: 0o640, of: "/d/key")
        #expect(throws: SigningKeyError.self) { try SigningKey(at: "/d/key", on: disk) }
        try disk.replace("/d/key", with: Array("xyz".utf8), permissions: 0o600)
        #expect(throws: SigningKeyError.self) { try SigningKey(at: "/d/key", on: disk) }
    }
}
