import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Testing

/// The page as it is served, and the command that serves it for a folder. What it shows is tested in a real browser, by
/// `Scripts/test-page`.
@Suite struct BrowseTests {
    private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Sources/Page/files")

    private func get(
        _ url: String, _ headers: [(String, String)] = []
    ) async throws -> (status: Int, headers: HTTPHeaders, bytes: [UInt8]) {
        var request = HTTPClientRequest(url: url)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 8 << 20)
        return (Int(response.status.code), response.headers, Array(body.readableBytesView))
    }

    /// A small archive.
    private func archive(_ folder: TemporaryFolder) throws -> String {
        let log = try folder.write(
            "a.log",
            (1...800).map { "{\"process\":\"p\($0 % 4)\",\"name\":\"n\($0)\",\"text\":\"t\"}\n" }
                .joined())
        let into = folder.path + "/archive"
        #expect(
            try Program.lightcone("import", "--into", into, "--format", "jsonl", log).status == 0)
        return into
    }

    /// A command that serves until it is stopped, and the address that it prints.
    private func browsing(
        _ folder: TemporaryFolder, _ arguments: String...
    ) throws -> (process: Process, address: String) {
        let output = folder.path + "/output"
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = ["browse", "--no-open"] + arguments
        let handle = try #require(FileHandle(forWritingAtPath: output))
        process.standardOutput = handle
        process.standardError = FileHandle.nullDevice
        try process.run()
        var address = ""
        try waitUntil("it prints its address", seconds: 30) {
            address = try String(contentsOfFile: output, encoding: .utf8)
            return address.hasSuffix("\n")
        }
        return (process, String(address.dropLast()))
    }

    @Test func aFolderIsShownUntilTheCommandIsStopped() async throws {
        let folder = try TemporaryFolder()
        let archive = try archive(folder)
        let before = try files(archive)
        let (process, address) = try browsing(folder, archive)
        defer { process.terminate() }
        #expect(address.hasPrefix("http://127.0.0.1:") && address.hasSuffix("/"))
        let page = try await get(address)
        #expect(page.status == 200)
        #expect(String(decoding: page.bytes, as: UTF8.self).contains("<title>Lightcone"))
        let lanes = try await get(address + "v1/lanes")
        let object = try JSONSerialization.jsonObject(with: Data(lanes.bytes)) as? [String: Any]
        #expect(object?["events"] as? Int == 800 && (object?["lanes"] as? [Any])?.count == 4)
        let window = try await get(address + "v1/window?from=1&to=201&buckets=10")
        #expect(String(decoding: window.bytes, as: UTF8.self).contains("\"events\":800"))
        // Nothing can be added through it.
        var request = HTTPClientRequest(url: address + "v1/executions/main")
        request.method = .DELETE
        let refused = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        #expect(refused.status == .notFound)
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit && process.terminationStatus == 0)
        #expect(try files(archive) == before, "nothing is written there")
    }

    private func files(_ folder: String) throws -> [String] {
        // What SQLite has beside an open database holds nothing of ours.
        try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
            .filter { !$0.hasSuffix("-shm") && !$0.hasSuffix("-wal") }
    }

    @Test func whatCannotBeShownIsSaid() throws {
        let folder = try TemporaryFolder()
        let missing = try Program.lightcone("browse", "--no-open", folder.path + "/nowhere")
        #expect(missing.status == 3 && missing.errors.contains("nowhere"))
        let port = try Program.lightcone("browse", "--no-open", "--port", "70000", folder.path)
        #expect(port.status == 2 && port.errors.contains("--port: expected 0 to 65535"))
        let url = try Program.lightcone("browse", "--no-open", "http://collector.example:4780")
        #expect(url.status == 0 && url.output == "http://collector.example:4780\n")
    }

    /// Every file of the page is in the executable as it is in the folder, and may do what it has to and nothing else.
    @Test func thePageIsWhatItsFilesAre() async throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path)
            .filter { !$0.hasSuffix(".json") }
        #expect(names.count > 10)
        for name in names {
            let path = name == "index.html" ? "/" : "/page/\(name)"
            let answer = try await get(collector.url + path)
            let expected = try Data(contentsOf: Self.sources.appendingPathComponent(name))
            #expect(answer.status == 200, "\(name) is not in page.c")
            #expect(answer.bytes == Array(expected), "\(name)")
            let policy = answer.headers.first(name: "Content-Security-Policy") ?? ""
            for part in ["default-src 'none'", "script-src 'self'", "connect-src 'self'"] {
                #expect(policy.contains(part))
            }
            #expect(!policy.contains("unsafe"))
            #expect(answer.headers.first(name: "X-Content-Type-Options") == "nosniff")
            let type = answer.headers.first(name: "Content-Type") ?? ""
            #expect(
                type
                    == ([
                        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8",
                        "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
                    ][name.split(separator: ".").last.map(String.init) ?? ""]))
            let tag = try #require(answer.headers.first(name: "ETag"))
            let again = try await get(collector.url + path, [("If-None-Match", tag)])
            #expect(again.status == 304 && again.bytes.isEmpty)
            let packed = try await get(collector.url + path, [("Accept-Encoding", "gzip, deflate")])
            if packed.headers.first(name: "Content-Encoding") == "deflate" {
                let sent = packed.headers.first(name: "Content-Length").flatMap { Int($0) }
                #expect(sent ?? .max < expected.count && packed.bytes == Array(expected))
            }
        }
        for path in ["/page/", "/page/nothing.js", "/page/..%2fpage.c", "/page/jsconfig.json"] {
            #expect(try await get(collector.url + path).status == 404, "\(path)")
        }
    }

    /// Long answers are compressed for whoever reads that, and for nobody else.
    @Test func longAnswersAreCompressedWhereThatIsRead() async throws {
        let folder = try TemporaryFolder()
        let archive = try archive(folder)
        let (process, address) = try browsing(folder, archive)
        defer { process.terminate() }
        let url = address + "v1/window?from=1&to=201"
        let plain = try await get(url, [("Accept-Encoding", "identity")])
        #expect(plain.headers.first(name: "Content-Encoding") == nil && plain.bytes.count > 8_192)
        let packed = try await get(url, [("Accept-Encoding", "br, Deflate;q=0.5")])
        #expect(packed.headers.first(name: "Content-Encoding") == "deflate")
        let sent = packed.headers.first(name: "Content-Length").flatMap { Int($0) }
        #expect(sent ?? .max < plain.bytes.count / 2 && packed.bytes == plain.bytes)
        let refused = try await get(url, [("Accept-Encoding", "deflate;q=0, gzip")])
        #expect(refused.headers.first(name: "Content-Encoding") == nil)
        #expect(refused.bytes == plain.bytes)
    }
}
