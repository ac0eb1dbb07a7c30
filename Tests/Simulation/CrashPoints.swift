import Disks
import Synchronization

/// The places at which a machine can die and leave something half done: before a call of the disk that changes something, told
/// apart by what is going on, what the call does, and to what kind of file.
final class CrashPoints: Sendable {
    struct Point: Hashable, Comparable, CustomStringConvertible {
        var operation: String
        var call: String
        var file: String

        var description: String { "\(operation): \(call) \(file)" }

        static func < (a: Point, b: Point) -> Bool { a.description < b.description }
    }

    /// A call of a disk: of the collector, or of the machine of a number.
    struct Call: Hashable {
        var disk: Disk
        var number: Int

        enum Disk: Hashable { case collector, machine(Int) }
    }

    private struct State {
        /// What the collector is doing.
        var operation: String?
        /// By point: the calls before which it was reached.
        var reached: [Point: [Call]] = [:]
        /// Calls that fail, and what they were once they came.
        var failing: [Call: String?] = [:]
    }

    private let state = Mutex(State())
    private static let changing: Set = [
        "create", "map", "write", "truncate", "fsync", "rename", "unlink", "mkdir", "rmdir",
    ]

    /// Begins an operation. Returns the one in the middle of which it happens.
    func begin(_ operation: String) -> String? {
        state.withLock { state in
            defer { state.operation = operation }
            return state.operation
        }
    }

    /// Ends it, and goes on with that one.
    func end(_ outer: String?) { state.withLock { $0.operation = outer } }

    /// Notes what is done on the collector's disk while something is going on.
    func watch(_ disk: SimulatedDisk) {
        disk.observer = { [self] number, call, path in
            note(Call(disk: .collector, number: number), call, path) { $0.operation }
        }
    }

    /// Notes what is done on the disk of a machine.
    func watch(_ disk: SimulatedDisk, ofMachine machine: Int) {
        disk.observer = { [self] number, call, path in
            note(Call(disk: .machine(machine), number: number), call, path) { _ in
                guard path.hasPrefix("/data/agent") else { return "record" }
                return call == "unlink" && path.hasSuffix(".lcseg") ? "ship" : "commit"
            }
        }
    }

    private func note(
        _ place: Call, _ call: String, _ path: String, _ operation: (State) -> String?
    ) {
        state.withLock { state in
            if state.failing[place] != nil { state.failing[place] = "\(call) \(path)" }
        }
        guard Self.changing.contains(call) else { return }
        state.withLock { state in
            guard let operation = operation(state) else { return }
            let point = Point(operation: operation, call: call, file: Self.kind(path))
            state.reached[point, default: []].append(place)
        }
    }

    /// Has a call remembered that is to fail.
    func expectFailure(of place: Call) { state.withLock { $0.failing[place] = .some(nil) } }

    /// What a call that failed was to do; nil where it has not come.
    func failure(of place: Call) -> String? { state.withLock { $0.failing[place] ?? nil } }

    /// By point: the calls before which it was reached.
    var reached: [Point: [Call]] { state.withLock { $0.reached } }

    func point(of place: Call) -> Point? {
        state.withLock { $0.reached.first { $0.value.contains(place) }?.key }
    }

    /// A path without what is unlike in each world: the kinds of the folders and the end of the name.
    private static func kind(_ path: String) -> String {
        let parts = path.split(separator: "/")
        // That of a collector is in a folder of its own.
        let start = parts.firstIndex(of: "archive").map { $0 + 1 } ?? 0
        return parts[start...].map { part in
            let part = part.split(separator: ".").filter { !$0.hasPrefix("unused-") }
                .joined(separator: ".")
            let isIdentity = part.utf8.prefix { $0 != UInt8(ascii: ".") }.count >= 32
            let isNumber = part.utf8.first.map { (0x30...0x39).contains($0) } ?? false
            return isIdentity || isNumber ? "*" + part.drop { $0 != "." } : part
        }.joined(separator: "/")
    }
}
