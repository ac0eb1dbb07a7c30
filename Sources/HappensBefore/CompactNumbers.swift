/// Numbers in 4 bytes each: the few that need more, which are hardly more than forged ones, are kept beside.
package struct CompactNumbers: Sendable {
    private var numbers: [UInt32] = []
    private var wide: [Int: UInt64] = [:]

    init() {}

    /// So many zeros.
    init(count: Int) { numbers = Array(repeating: 0, count: count) }

    var count: Int { numbers.count }

    package internal(set) subscript(index: Int) -> UInt64 {
        get {
            let number = numbers[index]
            return number == .max ? wide[index]! : UInt64(number)
        }
        set {
            numbers[index] = UInt32(clamping: newValue)
            if newValue >= UInt32.max { wide[index] = newValue }
        }
    }

    mutating func append(_ number: UInt64) {
        if number >= UInt32.max { wide[numbers.count] = number }
        numbers.append(UInt32(clamping: number))
    }

    mutating func append(_ others: CompactNumbers, in range: Range<Int>) {
        if others.wide.isEmpty {
            numbers += others.numbers[range]
        } else {
            for index in range { append(others[index]) }
        }
    }

    mutating func reserveCapacity(_ count: Int) { numbers.reserveCapacity(count) }
}
