import Causality
import Testing

@testable import LogFormats

@Suite struct EventRequestTests {
    private func request(_ line: String) throws -> EventRequest {
        try EventRequest(Array(line.utf8))
    }

    @Test func oneTokenOrSeveral() throws {
        let one = try request(#"{"process":"a","kind":"receive","token":"x"}"#)
        #expect(one.tokens == ["x"] && !one.isBatch)
        let several = try request(#"{"process":"a","kind":"receive","tokens":[ "x" , "y\u0041"]}"#)
        #expect(several.tokens == ["x", "yA"] && several.isBatch)
        let none = try request(#"{"process":"a","tokens":null}"#)
        #expect(none.tokens.isEmpty)
    }

    @Test(arguments: [
        (#""token":"x","tokens":["y"]"#, "tokens: expected it or token, found both"),
        (#""tokens":[]"#, "tokens: expected 1 to 1024, found 0"),
        (#""tokens":"x""#, "tokens: expected a list of strings, found a string"),
        (#""tokens":["x",1]"#, "tokens: expected strings, found a number among them"),
        (
            #""tokens":["x"],"unreadable":true"#,
            "unreadable: expected it of a receive, in the place of its tokens"
        ),
        (
            #""tokens":["x"],"kind":"send""#,
            "tokens: a send event has none: expected kind to be receive"
        ),
    ])
    func mistakesAreNamed(fields: String, reason: String) {
        let kind = fields.contains("kind") ? "" : #""kind":"receive","#
        let error = #expect(throws: EventRequest.Defect.self) {
            try request("{\(kind)\"process\":\"a\",\(fields)}")
        }
        #expect(error?.description == reason)
    }

    @Test func tooManyTokens() {
        let tokens = [String](repeating: #""x""#, count: 1025).joined(separator: ",")
        let error = #expect(throws: EventRequest.Defect.self) {
            try request(#"{"process":"a","kind":"receive","tokens":[\#(tokens)]}"#)
        }
        #expect(error?.field == "tokens")
    }
}
