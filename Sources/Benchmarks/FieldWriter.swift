import Causality

/// Writes what is drawn, as bytes.
struct FieldWriter {
    /// The order that is being worked on: numbers that advance, as those of databases do.
    private var order: UInt64 = 40_000
    /// The second that `prefix` says.
    private var second = UInt64.max
    private var prefix: [UInt8] = []

    private static let user = Choice.skewed(5_000)
    private static let orderStep = Choice.even(4)
    private static let small = Choice.skewed(64)
    private static let large = Choice.skewed(50_000)
    private static let tenth = Choice.skewed(2_000)
    private static let half = Choice.even(1 << 16)
    private static let path = Choice.skewed(Vocabulary.paths.count)
    private static let item = Choice.skewed(2_000)
    private static let host = Choice.even(32)
    private static let percent = Choice.even(100)
    private static let paths = Vocabulary.paths.map { Array($0.utf8) }
    private static let network = Array("10.0.3.".utf8)
    private static let unit = Array(" ms".utf8)
    private static let sign = Array(" %".utf8)
    private static let digits = Array("0123456789abcdef".utf8)
    /// 2026-01-01T00:00:00Z
    private static let epochSeconds: UInt64 = 1_767_225_600

    mutating func field(_ field: Field, _ dice: inout Dice, _ bytes: inout [UInt8]) {
        switch field {
        case .none: break
        case .user: Self.number(UInt64(10_000 + dice.draw(Self.user)), &bytes)
        case .order:
            order += UInt64(dice.draw(Self.orderStep))
            Self.number(order, &bytes)
        case .number: Self.number(UInt64(dice.draw(Self.small)), &bytes)
        case .large: Self.number(UInt64(dice.draw(Self.large)), &bytes)
        case .duration:
            tenths(&dice, &bytes)
            bytes.append(contentsOf: Self.unit)
        case .hexadecimal: Self.hexadecimal(any32(&dice), &bytes)
        case .path:
            bytes.append(contentsOf: Self.paths[dice.draw(Self.path)])
            Self.number(UInt64(dice.draw(Self.item)), &bytes)
        case .address:
            bytes.append(contentsOf: Self.network)
            Self.number(UInt64(1 + dice.draw(Self.host)), &bytes)
        case .share:
            Self.number(UInt64(dice.draw(Self.percent)), &bytes)
            bytes.append(contentsOf: Self.sign)
        }
    }

    /// A number with one digit after the point.
    mutating func tenths(_ dice: inout Dice, _ bytes: inout [UInt8]) {
        let value = dice.draw(Self.tenth)
        Self.number(UInt64(value / 10), &bytes)
        bytes.append(UInt8(ascii: "."))
        bytes.append(Self.digits[value % 10])
    }

    mutating func any32(_ dice: inout Dice) -> UInt32 {
        UInt32(dice.draw(Self.half)) << 16 | UInt32(dice.draw(Self.half))
    }

    /// RFC 3339 with microseconds. A second's text is made once.
    mutating func time(_ microseconds: UInt64, _ bytes: inout [UInt8]) {
        if microseconds / 1_000_000 != second {
            second = microseconds / 1_000_000
            let time = WallTime(nanoseconds: Int64(Self.epochSeconds + second) * 1_000_000_000)
            prefix = Array(time.description.utf8.dropLast()) + [UInt8(ascii: ".")]
        }
        bytes.append(contentsOf: prefix)
        let fraction = microseconds % 1_000_000
        var scale: UInt64 = 100_000
        while scale > 0 {
            bytes.append(Self.digits[Int(fraction / scale % 10)])
            scale /= 10
        }
        bytes.append(UInt8(ascii: "Z"))
    }

    static func number(_ value: UInt64, _ bytes: inout [UInt8]) {
        if value >= 10 { number(value / 10, &bytes) }
        bytes.append(digits[Int(value % 10)])
    }

    static func hexadecimal(_ value: UInt32, _ bytes: inout [UInt8]) {
        for shift in stride(from: 28, through: 0, by: -4) {
            bytes.append(digits[Int(value >> UInt32(shift) & 15)])
        }
    }
}
