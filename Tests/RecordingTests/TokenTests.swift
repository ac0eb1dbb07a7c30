import Causality
import Recording
import SimulatedHistories
import Testing

@testable import Recording

@Suite struct TokenTests {
    private func token(_ spool: TemporarySpool, knowing count: Int) -> Token {
        tokenAndKnown(spool, knowing: count).token
    }

    private func tokenAndKnown(_ spool: TemporarySpool, knowing count: Int) -> (
        token: Token, known: [ProcessReference]
    ) {
        let sender = spool.recorder("sender", chunkByteCount: 4096)
        let known = (0..<count).map { number in
            let other = spool.recorder("service-\(number)", chunkByteCount: 4096)
            sender.receive(other.send("hello"), "hello")
            return other.reference
        }
        return (sender.send("token"), known)
    }

    @Test func aTokenIsItsText() throws {
        let spool = try TemporarySpool()
        let token = token(spool, knowing: 16)
        #expect(try Token(token.text) == token)
        #expect("\(token.event)" == "host/sender:17")
        #expect(!token.isAbbreviated)
        #expect(
            token.text.utf8.allSatisfy {
                Array("-_".utf8).contains($0) || Character(UnicodeScalar($0)).isLetter
                    || Character(UnicodeScalar($0)).isNumber
            })
    }

    @Test func aClockThatDoesNotFitIsAbbreviatedToWhatChangedLast() throws {
        let spool = try TemporarySpool()
        let (token, others) = tokenAndKnown(spool, knowing: 60)
        #expect(token.isAbbreviated)
        #expect(token.text.utf8.count <= 512)
        let receiver = spool.recorder("receiver")
        receiver.receive(token, "hello")
        let event = try spool.events(of: "receiver")[0]
        #expect(event.stamp == .generating)
        #expect(
            event.causes
                == [
                    Cause(EventReference(.run(token.sender), 61, name: token.event.process), .token)
                ])
        #expect(event.clock[.run(token.sender)] == 61)
        let known = others.map { event.clock[$0] > 0 }
        #expect(known == known.sorted { !$0 && $1 }, "what changed last")
        #expect(known.count { $0 } > 30, "as many as fit travel")
    }

    @Test func theLongestNamesFit() throws {
        let spool = try TemporarySpool()
        let name = String(repeating: "x", count: 256)
        let sender = spool.recorder(name, host: name, execution: name)
        let token = sender.send("hello")
        #expect(token.text.utf8.count <= 512)
        #expect(try Token(token.text).event == EventID(sender.process, 1))
        #expect(sender.process.name.utf8.count == 255)
    }

    @Test func everyFlippedBitAndEveryCutIsRefused() throws {
        let spool = try TemporarySpool()
        let token = token(spool, knowing: 3)
        for bit in 0..<token.bytes.count * 8 {
            var bytes = token.bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: TokenError.self) { _ = try Token(Base64URL.text(bytes)) }
        }
        for count in 0..<token.text.utf8.count {
            #expect(throws: TokenError.self) { _ = try Token(token.text.prefix(count)) }
        }
    }

    @Test(arguments: [
        ("", TokenError.Code.malformed), ("!", .malformed), ("AAAA====", .malformed),
        ("AAAAAAAAAAAAAAAA", .unknownVersion), (String(repeating: "A", count: 513), .tooLong),
        (String(repeating: "A", count: 10_000_000), .tooLong), ("Ünï", .malformed),
        ("AQAAAAAAAAAAAA", .unknownVersion), ("AgAAAAAAAAAAAA", .damaged),
    ])
    func whatIsNoTokenSaysWhy(_ text: String, _ code: TokenError.Code) {
        #expect(throws: TokenError.self) {
            do {
                _ = try Token(text)
            } catch let error as TokenError {
                #expect(error.code == code, "\(text.prefix(20)): \(error)")
                throw error
            }
        }
    }

    /// Tokens that somebody made on purpose, with the right check.
    @Test(arguments: 1...10) func aForgedTokenHarmsNoProgram(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let spool = try TemporarySpool()
        let recorder = spool.recorder("victim")
        recorder.record("one")
        for _ in 0..<200 {
            var bytes: [UInt8] = [2, UInt8.random(in: 0...3, using: &random), 0, 0, 0, 0]
            let count = Int.random(in: 0...Limits.tokenBytesMax - 6, using: &random)
            if Bool.random(using: &random) {
                bytes += (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            } else {
                if bytes[1] & Token.executionFlag != 0 { bytes += [1, 2, 3, 4, 5, 6, 7, 8] }
                func run() -> RunKey {
                    [RunKey(recorder.run), RunKey(bits: .random(in: 0...99, using: &random))]
                        .randomElement(using: &random)!
                }
                func number() -> UInt64 {
                    .random(in: 1...Causality.Limits.sequenceMax, using: &random)
                }
                let name = ["host/victim", "x", "\(number())"].randomElement(using: &random)!
                bytes += TokenWriter.senderBytes(
                    run(),
                    ProcessID(name: name, incarnation: UInt32.random(in: 1...3, using: &random)))
                Varint.append(number(), to: &bytes)
                while bytes.count < 340 {
                    withUnsafeBytes(of: run().bits.littleEndian) { bytes += $0 }
                    Varint.append(number(), to: &bytes)
                }
            }
            let check = bytes.withUnsafeBytes { Token.check($0) }
            withUnsafeBytes(of: check.littleEndian) { bytes.replaceSubrange(2..<6, with: $0) }
            if let token = try? Token(Base64URL.text(bytes)) { recorder.receive(token, "forged") }
        }
        let status = recorder.status
        #expect(status.events > 20, "some of them are tokens")
        let (events, defects) = try spool.read()
        #expect(defects == [])
        let own = try #require(events[TemporarySpool.id("victim")])
        #expect(own.count == Int(status.events))
        // Nobody can tell a process what it has done itself.
        #expect(own.allSatisfy { $0.clock[recorder.reference] == $0.id.sequence })
        for (before, after) in zip(own, own.dropFirst()) {
            #expect(after.clock.covers(before.clock))
        }
    }

    /// A token with the right check, made of these bytes after the sender's run.
    private func forged(_ rest: [UInt8]) -> String {
        let run = [UInt8](repeating: 7, count: 8)
        var bytes: [UInt8] = [2, 0, 0, 0, 0, 0] + run + rest
        let check = bytes.withUnsafeBytes { Token.check($0) }
        withUnsafeBytes(of: check.littleEndian) { bytes.replaceSubrange(2..<6, with: $0) }
        return Base64URL.text(bytes)
    }

    @Test func namesThatAreNoTextAndNumbersInTwoFormsAreRefused() throws {
        #expect(throws: Never.self) { _ = try Token(forged([1, 0x61, 1, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([1, 0xff, 1, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([1, 0, 1, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([0, 1, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([1, 0x61, 0, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([1, 0x61, 1, 0])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([0x81, 0, 0x61, 1, 5])) }
        #expect(throws: TokenError.self) { _ = try Token(forged([1, 0x61, 1, 0x85, 0])) }
    }

    @Test func aTokenOfAnotherExecutionOrdersNothing() throws {
        let spool = try TemporarySpool()
        let stranger = spool.recorder("a", execution: "test")
        let recorder = spool.recorder("b")
        let token = try Token(stranger.send("hello").text)
        recorder.receive(token, "hello")
        let event = try spool.events(of: "b")[0]
        #expect(event.kind == .local)
        #expect(event.causes == [])
        #expect(event.clock == VectorClock([recorder.reference: 1]))
        #expect(event.attributes == [Attribute("lightcone.foreign", .text("host/a:1"))])
    }

    @Test func aMessageToOneselfHasACauseAndChangesNoClock() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("a")
        recorder.receive(recorder.send("hello"), "hello")
        recorder.receive(recorder.send("hello"), "hello")
        let events = try spool.events(of: "a")
        #expect(events.map { $0.cause?.sequence } == [nil, 1, nil, 3])
        #expect(events[3].cause?.process == recorder.reference)
        #expect(events[3].clock == VectorClock([recorder.reference: 4]))
    }

    @Test func aTokenSaysWhatItsSenderGoesOnFrom() throws {
        let spool = try TemporarySpool()
        let before = {
            let first = spool.recorder("a")
            first.record("one")
            return first.reference
        }()
        let second = spool.recorder("a")
        let token = try Token(second.send("hello").text)
        #expect(token.event == EventID(TemporarySpool.id("a", 2), 1))
        let receiver = spool.recorder("b")
        receiver.receive(token, "hello")
        let event = try spool.events(of: "b")[0]
        #expect(event.clock[before] == 0, "it is implied")
        #expect(event.stamp == .complete)
    }

    @Test(arguments: 0...9) func base64URLIsItsOwnInverse(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 251 &* $0 &+ 7) }
        let text = Base64URL.text(bytes)
        #expect(!text.contains("="))
        #expect(Array(text.utf8).withUnsafeBufferPointer { Base64URL.bytes($0) } == bytes)
    }

    @Test func base64URLAsTheStandardHasIt() {
        #expect(Base64URL.text(Array("foobar".utf8)) == "Zm9vYmFy")
        #expect(Base64URL.text(Array("fooba".utf8)) == "Zm9vYmE")
        #expect(Base64URL.text([0xfb, 0xff]) == "-_8")
    }
}
