import Foundation
import Testing

/// The real program, run as a user runs it.
enum Program {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let path: String =
        ProcessInfo.processInfo.environment["LIGHTCONE_BINARY"]
        ?? root.appendingPathComponent(".build/debug/lightcone").path

    /// `../shared/data` beside the checkout, or nil: then the tests that need it say so and pass. Not LIGHTCONE_DATA, which
    /// agents take for where to keep what they have.
    static let data: URL? = {
        let named = ProcessInfo.processInfo.environment["LIGHTCONE_SHARED_LOGS"].map {
            URL(fileURLWithPath: $0)
        }
        let url = named ?? root.deletingLastPathComponent().appendingPathComponent("shared/data")
        let isThere = FileManager.default.fileExists(
            atPath: url.appendingPathComponent("index.json").path)
        if !isThere { print("skipped: no \(url.path)") }
        return isThere ? url : nil
    }()

    struct Result {
        var status: Int32
        var output: String
        var errors: String

        /// The lines of the output, each a JSON object.
        var objects: [[String: Any]] {
            output.split(separator: "\n").compactMap {
                (try? JSONSerialization.jsonObject(with: Data($0.utf8))) as? [String: Any]
            }
        }

        /// The output as one JSON object.
        var object: [String: Any] {
            ((try? JSONSerialization.jsonObject(with: Data(output.utf8))) as? [String: Any]) ?? [:]
        }
    }

    /// Runs a program to its end.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Result {
        let process = Process()
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let folder = try TemporaryFolder()
        let (output, errors) = (folder.path + "/out", folder.path + "/err")
        for path in [output, errors] {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
        }
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        func text(_ path: String) -> String {
            String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        }
        return Result(status: process.terminationStatus, output: text(output), errors: text(errors))
    }

    /// Runs lightcone to its end.
    @discardableResult
    static func lightcone(_ arguments: String...) throws -> Result { try run(path, arguments) }

    static func lightcone(_ arguments: [String]) throws -> Result { try run(path, arguments) }

    /// A program found on the PATH, or nil.
    static func find(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map {
            "\($0)/\(name)"
        }
        .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

/// A folder that goes when the test does.
final class TemporaryFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory.appendingPathComponent(
                "lightcone-test-\(UUID().uuidString)"
            ).path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    func append(_ name: String, _ text: String) throws {
        let file = path + "/" + name
        if !FileManager.default.fileExists(atPath: file) {
            _ = FileManager.default.createFile(atPath: file, contents: nil)
        }
        let handle = try #require(FileHandle(forWritingAtPath: file))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }
}

/// A program of ours that runs until it is stopped or killed.
final class RunningProgram {
    private let process = Process()
    let log: String

    init(_ arguments: [String], log: String, environment: [String: String] = [:]) throws {
        self.log = log
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = arguments
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let handle = try #require(FileHandle(forWritingAtPath: log))
        try handle.seekToEnd()
        process.standardError = handle
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    deinit { kill() }

    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.processIdentifier }

    func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// SIGTERM; the exit status.
    func stop() -> Int32 {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        return process.terminationReason == .exit
            ? process.terminationStatus : 128 + process.terminationStatus
    }

    var text: String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }
}

/// A collector on a port of the machine's choosing, which it keeps when it is started again.
final class RunningCollector {
    let folder: TemporaryFolder
    private(set) var program: RunningProgram
    private(set) var port: Int
    /// Of its folder.
    private let name: String
    private let more: [String]
    private let environment: [String: String]

    init(
        _ folder: TemporaryFolder, data name: String = "data", _ more: String...,
        environment: [String: String] = [:]
    ) throws {
        self.folder = folder
        self.name = name
        self.more = more
        self.environment = environment
        port = 0
        program = try RunningProgram([], log: "/dev/null")
        try start()
    }

    /// With TLS where its data was made so.
    var url: String { "\(scheme)://127.0.0.1:\(port)" }
    private var scheme: String {
        FileManager.default.fileExists(atPath: "\(data)/access") ? "https" : "http"
    }
    var data: String { "\(folder.path)/\(name)" }

    func start() throws {
        // Not beside its data, whose disk may be full.
        let log =
            "\(folder.path)/collector\(name == "data" ? "" : "-\(name.replacing("/", with: "-"))").log"
        try? FileManager.default.removeItem(atPath: log)
        program = try RunningProgram(
            ["collector", "--data", data, "--listen", "127.0.0.1:\(port)"] + more, log: log,
            environment: environment)
        try waitUntil("the collector listens", seconds: 30) {
            guard program.isRunning else { throw Ended(said: program.text) }
            guard let range = program.text.range(of: "listen=\(scheme)://127.0.0.1:") else {
                return false
            }
            port = Int(program.text[range.upperBound...].prefix { $0.isNumber }) ?? 0
            return port > 0
        }
    }

    /// A collector that ended by itself.
    private struct Ended: Error { var said: String }

    func kill() { program.kill() }

    /// Events of an execution, 0 where it is not there.
    func eventCount(_ execution: String = "main") throws -> Int {
        let lines = try Program.lightcone("executions", "--source", url, "--json").objects
        return lines.first { $0["name"] as? String == execution }?["events"] as? Int ?? 0
    }
}

/// Looks again and again until `holds`; a test that waits for another process cannot be told when it is ready.
func waitUntil(_ what: String, seconds: Double = 60, _ holds: () throws -> Bool) throws {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try holds() { return }
        RunLoop.current.run(until: Date().addingTimeInterval(0.05))
    }
    Issue.record("waited \(seconds) s in vain until \(what)")
    throw CancellationError()
}
