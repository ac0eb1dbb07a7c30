import Causality
import Foundation
import Matching
import Testing

@testable import Redacting

private func redactor(_ rules: [RedactionRule], key: String? = nil) throws -> Redactor {
    try Redactor(
        RedactionPolicy(rules, keyPath: "key"), key: key.map { Array($0.utf8) },
        compile: { _ in nil })
}

extension Redactor {
    fileprivate func text(_ text: String) -> String {
        var counts = [Int](repeating: 0, count: policy.rules.count)
        let redacted = redact(Array(text.utf8).span, &counts)
        #expect((redacted != nil) == (counts.reduce(0, +) > 0))
        return redacted.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    fileprivate func value(_ key: String, json: String) -> String {
        var counts = [Int](repeating: 0, count: policy.rules.count)
        let redacted = redact(
            Array(json.utf8).span, isJSON: true, of: Array(key.utf8).span, &counts)
        return redacted.map { String(decoding: $0.value, as: UTF8.self) } ?? json
    }
}

@Suite struct RedactorTests {
    struct Case: Decodable {
        var kind: String
        var text: String
        var redacted: String
    }

    /// Just inside and just outside of each kind, as every client has it.
    @Test func kindsAreFoundAndNothingElse() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "cases.jsonl")
        let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count > 50)
        for line in lines {
            let one = try JSONDecoder().decode(Case.self, from: Data(line.utf8))
            let kind = try #require(SecretKind(rawValue: one.kind))
            let found = try redactor([RedactionRule(.kind(kind))]).text(one.text)
            #expect(ExactText.isSame(found, one.redacted), "\(one.text): \(found)")
            #expect(ExactText.isSame(try redactor([RedactionRule(.kind(kind))]).text(found), found))
        }
    }

    /// RFC 4231, test cases 1, 2, 6 and one of two blocks.
    @Test func theHashIsHMAC() {
        func hex(_ key: [UInt8], _ message: String) -> String {
            KeyedHash(key: key).bytes(Array(message.utf8)).map {
                (($0 < 16) ? "0" : "") + String($0, radix: 16)
            }.joined()
        }
        #expect(
            hex([UInt8](repeating: 0x0b, count: 20), "Hi There")
                == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        #expect(
            hex(Array("Jefe".utf8), "what do ya want for nothing?")
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(
            hex(
                [UInt8](repeating: 0xaa, count: 131),
                "Test Using Larger Than Block-Size Key - Hash Key First")
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func oneSecretHasOneHashUnderAKey() throws {
        let rules = [RedactionRule(.kind(.email), .hash), RedactionRule(.kind(.card), .hash)]
        let (one, other) = (
            try redactor(rules, key: "0123456789abcdef"),
            try redactor(rules, key: "0123456789abcdeg")
        )
        let hash = one.text("alice@example.org")
        #expect(hash.hasPrefix("[hash:") && hash.utf8.count == 23)
        #expect(one.text("of ALICE@example.org!") == "of \(hash)!")
        #expect(one.text("bob@example.org") != hash && other.text("alice@example.org") != hash)
        #expect(one.text("4111 1111 1111 1111") == one.text("4111111111111111"))
        #expect(try redactor(rules).text("alice@example.org") == "[redacted]")
    }

    @Test func attributesAreFoundByTheirKeysAtAnyDepth() throws {
        let one = try redactor([
            RedactionRule(.attribute("password")), RedactionRule(.attribute("auth*")),
            RedactionRule(.kind(.email)), RedactionRule(.kind(.card)),
        ])
        #expect(one.value("Password", json: "17") == "[redacted]")
        #expect(one.value("passwords", json: "17") == "17")
        #expect(one.value("Authorization", json: "\"x\"") == "[redacted]")
        #expect(
            one.value("a", json: #"{"b": [{"pass\u0077ord" : {"c": [1, "}"]}}, 2], "x@y.org": 1}"#)
                == #"{"b": [{"pass\u0077ord" : "[redacted]"}, 2], "[redacted]": 1}"#)
        #expect(
            one.value("a", json: #"["\u0061lice@example.org", "b\n"]"#) == #"["[redacted]", "b\n"]"#
        )
        #expect(one.value("a", json: "[4111111111111111, -1.5e3]") == #"["[redacted]", -1.5e3]"#)
        #expect(one.value("a", json: "4111111111111111") == "[redacted]")
        #expect(
            one.value("a", json: #"{"no json": alice@example.org"#) == #"{"no json": [redacted]"#)
    }

    @Test func matchesThatOverlapAreOne() throws {
        let one = try Redactor(
            RedactionPolicy(
                [
                    RedactionRule(.kind(.email)), RedactionRule(.pattern("x"), .hash),
                ], keyPath: "key"), key: Array("0123456789abcdef".utf8)
        ) { _ in { text in text.count > 8 ? [2..<8] : [] } }
        #expect(one.text("alice@example.org") == "[redacted]")
        #expect(one.text("a b alice@example.org").hasSuffix("]"))
        #expect(!one.text("a b alice@example.org").contains("example"))
    }

    @Test func aPolicyIsReadAsItWasWritten() throws {
        let policy = RedactionPolicy(
            [
                RedactionRule(.attribute("auth*")), RedactionRule(.kind(.cloudKey), .hash),
                RedactionRule(.pattern("a\\\"b\u{1}"), .hash),
            ], keyPath: "/k")
        #expect(try RedactionPolicy(text: policy.text) == policy)
        for wrong in [
            "x", "{\"rule\": \"kind\", \"of\": \"emial\", \"to\": \"hash\"}", "{\"key\": 1}",
            "{\"rule\": \"kind\", \"of\": \"email\", \"to\": \"hash\"}", "{\"rule\": \"kind\"}",
        ] {
            #expect(throws: RedactionError.self) { try RedactionPolicy(text: Array(wrong.utf8)) }
        }
    }

    /// What would take hours where a step were not linear.
    @Test(arguments: [
        "a", "@", "a@", "a%40", "1", "4111 ", "1.", "1.1.1.", ":", "a:", "::", "eyJ", "eyJ.",
        "Bearer ",
        "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END ", "-", "A", "AKIA", "ghp_", "é",
    ])
    func longTextsAreReadInLinearTime(_ piece: String) throws {
        let rules = SecretKind.allCases.map { RedactionRule(.kind($0)) }
        let text = String(repeating: piece, count: 2_000_000 / piece.utf8.count)
        _ = try redactor(rules).text(text)
    }
}
