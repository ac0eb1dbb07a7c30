import Causality
import Recording
import Testing

/// The examples of the article on recording stand here, so that they are compiled, and do what it says.
@Suite struct DocumentedUseTests {
    /// A program that serves: a message comes in, another one goes out.
    private struct Shop {
        let recorder: Recorder

        func order(_ customer: String) -> [String: String] {
            recorder.record("order placed", "for \(customer)", attributes: ["total": 12.5])

            var headers: [String: String] = [:]
            let token = recorder.send("reserve", "ask the store")
            headers[Token.headerName] = token.text
            return headers
        }

        func reserve(_ headers: [String: String]) {
            if let header = headers[Token.headerName] {
                do throws(TokenError) {
                    recorder.receive(try Token(header), "reserve")
                } catch {
                    recorder.receiveUnreadable("reserve", error.description)
                }
            }
        }
    }

    /// It begins so; not run, since it would record on this machine.
    private func begin() -> Recorder {
        let recorder = Recorder(process: "api")
        return recorder
    }

    @Test func aMessageOrdersTwoPrograms() throws {
        let spool = try TemporarySpool()
        let (web, store) = (spool.recorder("web"), spool.recorder("store"))
        let headers = Shop(recorder: web).order("Ann")
        Shop(recorder: store).reserve(headers)
        Shop(recorder: store).reserve([Token.headerName: "nonsense"])
        Shop(recorder: store).reserve([:])
        let events = try spool.events(of: "store")
        #expect(events.map(\.kind) == [.receive, .receive])
        #expect(events[0].causes.map(\.event.sequence) == [2])
        #expect(events[1].causes.isEmpty)
        #expect(try spool.events(of: "web").map(\.kind) == [.local, .send])
    }
}
