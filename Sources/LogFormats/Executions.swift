import Causality

/// The executions that one log holds, one after the other, and their names.
///
/// A name that comes again gets `-2`, `-3` …. A name counts from the first item that stands in it,
/// so a log that begins with a separator leaves nothing behind.
struct Executions: Sendable, Hashable {
    /// For each name that was used: the highest number that it was used with.
    var numbers: [String: UInt64] = [:]
    /// The current execution's name as the log says it, and its number.
    var name: String
    var number: UInt64 = 1
    /// True once an item stood in the current execution.
    var isUsed = false
    /// True once there were more executions than are remembered.
    var isFull = false

    init(name: String) { self.name = name }

    /// The current execution.
    var current: String { number == 1 ? name : "\(name)-\(number)" }

    /// Begins the next execution.
    mutating func enter(_ next: String) {
        isUsed = false
        guard numbers.count < Limits.executionsMax else {
            isFull = true
            return
        }
        name = next
        guard let used = numbers[next] else {
            number = 1
            return
        }
        number = used + 1
        while numbers[current] != nil { number += 1 }
    }

    /// The current execution, for an item that stands in it.
    mutating func use() -> String {
        let current = current
        if !isUsed {
            isUsed = true
            numbers[name] = number
            if number > 1, numbers[current] == nil { numbers[current] = 1 }
        }
        return current
    }

    /// Throws where the execution is one more than can be told apart.
    func check() throws(RecordDefect) {
        guard !isFull else {
            throw RecordDefect(
                "in one execution too many: expected at most \(Limits.executionsMax) in a file")
        }
    }
}
