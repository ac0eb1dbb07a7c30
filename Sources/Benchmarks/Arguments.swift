import Glibc

/// The arguments of one benchmark: `--name value` and `--flag`, then what stands for itself.
struct Arguments {
    private var values: [String: String] = [:]
    private var flags: Set<String> = []
    private(set) var others: [String] = []
    private let usage: String

    /// Reads arguments. Ends the program with 2 where there are others than these.
    init(_ arguments: [String], values names: [String], flags: [String] = [], usage: String) {
        self.usage = usage
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if flags.contains(argument) {
                self.flags.insert(argument)
            } else if names.contains(argument), let value = rest.popFirst() {
                values[argument] = value
            } else if argument.hasPrefix("--") {
                refuse("unknown or without a value: \(argument)")
            } else {
                others.append(argument)
            }
        }
    }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    func text(_ name: String) -> String? { values[name] }

    /// The number after `name`, `otherwise` where it is not given.
    func number(_ name: String, _ range: ClosedRange<Int>, otherwise: Int) -> Int {
        guard let text = values[name] else { return otherwise }
        guard let number = Int(text), range.contains(number) else {
            refuse(
                "\(name): expected a number from \(range.lowerBound) to \(range.upperBound), "
                    + "found “\(text)”")
        }
        return number
    }

    func refuse(_ reason: String) -> Never {
        complain("\(reason)\nusage: \(usage)")
        exit(2)
    }
}

/// Writes all of `bytes`. Ends the program with 3 where that fails: who reads is gone, or the disk is full.
func write(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes
    while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest, rest.count)
        if count < 0 {
            if errno == EINTR { continue }
            exit(3)
        }
        rest = count == rest.count ? [] : Array(rest[count...])
    }
}

/// A line on standard error.
func complain(_ text: String) { write(Array("\(text)\n".utf8), to: STDERR_FILENO) }
