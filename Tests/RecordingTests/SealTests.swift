import Causality
import Disks
import Glibc
import Journals
import Testing

@testable import Recording

/// Tokens that only programs of one collector can make.
@Suite struct SealTests {
    private static let one = Identity128(high: 0x1111, low: 0x2222)
    private static let two = Identity128(high: 0x3333, low: 0x4444)

    /// A spool with keys in it.
    private func spool(_ keys: Identity128...) throws -> TemporarySpool {
        let spool = try TemporarySpool()
        try spool.folder.leave(tokenKeys: TokenKeys(keys))
        return spool
    }

    private func received(
        _ tokens: [Token], in spool: TemporarySpool
    ) throws -> (event: Event, status: Recorder.Status) {
        let name = "receiver-\(UInt64.random(in: 0 ... .max))"
        let receiver = spool.recorder(name)
        receiver.receive(tokens, "hello")
        return (try spool.events(of: name)[0], receiver.status)
    }

    /// That it orders nothing, says so, and is counted.
    private func expectRefused(
        _ token: Token, in spool: TemporarySpool, _ why: Comment
    ) throws {
        let (event, status) = try received([token], in: spool)
        #expect(event.kind == .receive && event.causes.isEmpty, why)
        #expect(event.clock[.run(token.sender)] == 0, why)
        #expect(event.stamp == .lossy(Loss(since: 1, .unreadableToken, number: 1)), why)
        #expect(event.attributes == [Attribute("lightcone.refused", .json("1"))], why)
        #expect(status.refused == 1 && status.lost == 0, why)
    }

    @Test func programsOfOneKeyJoin() throws {
        let spool = try spool(Self.one)
        let sender = spool.recorder("sender")
        let token = try Token(sender.send("hello").text)
        #expect(token.isSealed(by: [SipHash(key: Self.one)]))
        let (event, status) = try received([token], in: spool)
        #expect(event.causes.map(\.event.sequence) == [1])
        #expect(event.stamp == .complete && event.attributes.isEmpty && status.refused == 0)
    }

    @Test func aSealedTokenStaysWithinItsLimit() throws {
        let spool = try spool(Self.one)
        let name = String(repeating: "x", count: 256)
        let sender = spool.recorder(name, host: name, execution: name)
        for number in 0..<60 {
            let other = spool.recorder("s\(number)", host: name, execution: name)
            sender.receive(other.send("hello"), "hello")
        }
        let token = try Token(sender.send("hello").text)
        #expect(token.text.utf8.count <= 512 && token.isAbbreviated)
        #expect(token.isSealed(by: [SipHash(key: Self.one)]))
    }

    @Test func whoHasNoKeyOrdersNothing() throws {
        let spool = try spool(Self.one)
        let bare = try TemporarySpool()
        let foreign = try self.spool(Self.two)
        try expectRefused(bare.recorder("a").send("hello"), in: spool, "no seal")
        try expectRefused(foreign.recorder("a").send("hello"), in: spool, "another key's")
        let forged = Token(
            forging: RunKey(bits: 7), ProcessID(name: "host/a", incarnation: 1), sequence: 5)
        try expectRefused(forged, in: spool, "forged")
    }

    /// With the check put right, so that nothing but the seal tells: a changed bit, another's body, less of it.
    @Test func aSealIsOfOneTokenAlone() throws {
        let spool = try spool(Self.one)
        let sender = spool.recorder("sender")
        sender.receive(spool.recorder("other").send("hello"), "hello")
        let (first, second) = (sender.send("one"), sender.send("two"))
        func checked(_ bytes: [UInt8]) -> Token? {
            var bytes = bytes
            let check = bytes.withUnsafeBytes { Token.check($0) }
            withUnsafeBytes(of: check.littleEndian) { bytes.replaceSubrange(2..<6, with: $0) }
            return try? Token(Base64URL.text(bytes))
        }
        let keys = [SipHash(key: Self.one)]
        var tried = 0
        for bit in Array(0..<16) + Array(48..<first.bytes.count * 8) {
            var bytes = first.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            guard let token = checked(bytes) else { continue }
            tried += 1
            #expect(!token.isSealed(by: keys), "bit \(bit)")
        }
        #expect(tried > 100)
        let swapped = try #require(checked(Array(first.bytes[..<14] + second.bytes[14...])))
        try expectRefused(swapped, in: spool, "another token's seal")
        // Without its last entry, which has eight bytes and one.
        let cut = try #require(checked(first.bytes.dropLast(9)))
        try expectRefused(cut, in: spool, "cut")
        var bare = first.bytes
        bare.removeSubrange(6..<14)
        bare[1] &= ~Token.sealFlag
        try expectRefused(try #require(checked(bare)), in: spool, "without the seal")
    }

    /// It says that its sender's event came before, which stays true.
    @Test func aTokenThatIsReceivedTwiceIsTrueTwice() throws {
        let spool = try spool(Self.one)
        let token = spool.recorder("sender").send("hello")
        let receiver = spool.recorder("receiver")
        receiver.receive(token, "once")
        receiver.receive(token, "twice")
        let events = try spool.events(of: "receiver")
        #expect(events.map { $0.causes.map(\.event.sequence) } == [[1], [1]])
    }

    @Test func amongSeveralTheGoodOnesCount() throws {
        let spool = try spool(Self.one)
        let bare = try TemporarySpool()
        let good = spool.recorder("good").send("hello")
        let bad = bare.recorder("bad").send("hello")
        let (event, status) = try received([bad, good, bad], in: spool)
        #expect(event.causes.count == 1 && event.clock[.run(good.sender)] == 1)
        #expect(event.clock[.run(bad.sender)] == 0)
        #expect(event.stamp == .lossy(Loss(since: 1, .unreadableToken, number: 1)))
        #expect(event.attributes == [Attribute("lightcone.refused", .json("2"))])
        #expect(status.refused == 2)
    }

    @Test func withoutKeysAllAreTaken() throws {
        let spool = try TemporarySpool()
        let sealed = try self.spool(Self.one).recorder("a").send("hello")
        let bare = spool.recorder("b").send("hello")
        #expect(bare.bytes[1] & Token.sealFlag == 0)
        let (event, status) = try received([sealed, bare], in: spool)
        #expect(event.causes.count == 2 && status.refused == 0)
    }

    /// Programs see within a second of messages that the agent has left others; those of before are taken for a while.
    @Test func keysChangeWhileProgramsRun() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("a")
        let second: Int64 = 1_000_000_000
        func token(at seconds: Int64) -> Token {
            recorder.send("m", "", .info, Attributes(), time: seconds * second).token
        }
        let (one, two) = ([SipHash(key: Self.one)], [SipHash(key: Self.two)])
        #expect(token(at: 10).bytes[1] & Token.sealFlag == 0)
        try spool.folder.leave(tokenKeys: TokenKeys([Self.one]))
        #expect(token(at: 12).isSealed(by: one))
        try spool.folder.leave(tokenKeys: TokenKeys([Self.two, Self.one]))
        let before = token(at: 12)
        #expect(before.isSealed(by: one), "not looked at again so soon")
        #expect(token(at: 13).isSealed(by: two))
        #expect(token(at: 3).isSealed(by: two), "a clock that was set back is no reason to wait")
        let (event, _) = try received([before], in: spool)
        #expect(event.causes.count == 1, "the key before is accepted")
        try spool.folder.leave(tokenKeys: nil)
        #expect(token(at: 20).bytes[1] & Token.sealFlag == 0)
    }

    /// A stranger's file is no key; root's is.
    @Test(.enabled(if: geteuid() == 0)) func keysOfAStrangerAreNone() throws {
        let spool = try spool(Self.one)
        let disk = RealDisk()
        let path = spool.folder.tokenKeysPath
        try disk.set(owner: 65_534, group: 65_534, of: path)
        #expect(spool.folder.tokenKeys == nil)
        try disk.remove(file: path)
        #expect(symlink("/etc/hostname", path) == 0)
        #expect(spool.folder.tokenKeys == nil)
        try spool.folder.leave(tokenKeys: TokenKeys([Self.two]))
        #expect(spool.folder.tokenKeys?.keys == [Self.two])
    }
}
