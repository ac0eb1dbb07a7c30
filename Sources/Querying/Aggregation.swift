import Causality

/// Numbers of groups of matches, a line each.
package struct NumberTable: Sendable {
    package var completeness = Completeness(lacks: [])
    package var groupTitles: [String]
    package var title: String
    package var lines: [Line]
    /// How many matches may be none: they are in no number.
    package var doubtful: Int

    package struct Line: Sendable {
        package var groups: [String]
        package var number: Number
    }

    package enum Number: Hashable, Sendable {
        case count(Int)
        case number(Double)
        /// In seconds.
        case duration(Double)
        /// No match of the group has a value.
        case none
    }
}

/// Counts matches, or computes of their values, group by group.
struct Aggregation {
    private let aggregate: Query.Aggregate
    private var groups: [[JoinKey?]: Group] = [:]
    /// Values that are kept of all groups.
    private var kept = 0
    private var doubtful = 0

    private struct Group {
        var texts: [String]
        /// Where the last of them lies among those of other groups.
        var bucket: Double
        var count = 0
        var sum = 0.0
        var least = Double.infinity
        var most = -Double.infinity
        /// Of a quantile.
        var values: [Double] = []
        /// Of distinct ones.
        var keys: Set<JoinKey> = []
        var areDurations = false
    }

    init(_ aggregate: Query.Aggregate) { self.aggregate = aggregate }

    /// The fields that it looks at, those without a term as fields of the first one.
    static func references(of aggregate: Query.Aggregate) -> Set<Selection.FieldReference> {
        var fields = (aggregate.field.map { [$0] } ?? []) + aggregate.groups
        if case .rate = aggregate.function { fields.append(rateField) }
        return Set(
            fields.flatMap(\.fields).map { Selection.FieldReference(term: $0.term ?? 0, $0.field) })
    }

    /// What a rate is of: of a match the time of its first event.
    private static let rateField = Selection.Expression.field(.init(term: nil, .time))

    /// - Parameters:
    ///   - count: How many matches there are like this one.
    ///   - gap: The seconds between two events of the match, where these are asked for.
    ///   - value: Of a field of one of its events.
    mutating func add(
        _ count: Int, isSure: Bool, gap: ClosedRange<Double>? = nil,
        _ value: (_ term: Int?, Selection.Field) -> Selection.Field.Value
    ) throws {
        guard isSure, gap.map({ $0.lowerBound == $0.upperBound }) ?? true else {
            doubtful = try Self.sum(doubtful, count)
            return
        }
        let found = gap.map { .duration($0.lowerBound) } ?? aggregate.field?.value(value)
        var values = aggregate.groups.map { $0.value(value) }
        switch aggregate.function {
        case .rate(let seconds):
            guard case .time(let time) = Self.rateField.value(value) else { return }
            values.append(.time(time.roundedDown(toSeconds: seconds)))
        case .histogram:
            guard let (number, isDuration) = found?.number else { return }
            values.append(isDuration ? .duration(number.bucket) : .number(number.bucket))
        default: break
        }
        let keys = values.map(\.joinKey)
        if groups[keys] == nil {
            guard groups.count < Limits.groupsMax else {
                throw QuestionError(
                    .misuse, "more than \(Limits.groupsMax) groups: group by what has fewer values")
            }
            groups[keys] = Group(
                texts: values.map(\.shown), bucket: values.last?.bucketSize ?? 0)
        }
        guard let found, !aggregate.isByBucket else {
            groups[keys]!.count = try Self.sum(groups[keys]!.count, count)
            return
        }
        if case .distinct = aggregate.function {
            if let key = found.joinKey, groups[keys]!.keys.insert(key).inserted { try keep(1) }
            return
        }
        guard let (number, isDuration) = found.number else { return }
        groups[keys]!.areDurations = groups[keys]!.areDurations || isDuration
        groups[keys]!.count = try Self.sum(groups[keys]!.count, count)
        groups[keys]!.sum += number * Double(count)
        groups[keys]!.least = min(groups[keys]!.least, number)
        groups[keys]!.most = max(groups[keys]!.most, number)
        guard case .quantile = aggregate.function else { return }
        try keep(count)
        groups[keys]!.values += Array(repeating: number, count: count)
    }

    /// Throws where there are more than can be counted.
    static func sum(_ a: Int, _ b: Int) throws -> Int {
        let (sum, isTooLarge) = a.addingReportingOverflow(b)
        guard !isTooLarge else {
            throw QuestionError(.misuse, "more than \(Int.max) matches: narrow a selection")
        }
        return sum
    }

    private mutating func keep(_ count: Int) throws {
        kept += count
        guard kept <= Limits.valuesKeptMax else {
            throw QuestionError(
                .misuse, "more than \(Limits.valuesKeptMax) values: narrow a selection")
        }
    }

    /// The lines, those of the largest numbers first, then by their groups.
    ///
    /// - Parameter leftOut: How many matches that may be none were left out before.
    func table(leftOut: Int) -> NumberTable {
        if aggregate.isByBucket {
            let sorted = groups.values.sorted { a, b in
                let (first, second) = (a.texts.dropLast(), b.texts.dropLast())
                if first != second { return first.lexicographicallyPrecedes(second) }
                return a.bucket < b.bucket
            }
            return NumberTable(
                groupTitles: aggregate.groupTitles + [aggregate.bucketTitle],
                title: "count()",
                lines: sorted.map { .init(groups: $0.texts, number: .count($0.count)) },
                doubtful: doubtful + leftOut)
        }
        var lines = groups.values.map {
            NumberTable.Line(groups: $0.texts, number: number(of: $0))
        }
        if lines.isEmpty, aggregate.groups.isEmpty {
            let isCount = aggregate.function == .count
            lines = [NumberTable.Line(groups: [], number: isCount ? .count(0) : .none)]
        }
        lines.sort { a, b in
            if a.number.size != b.number.size { return a.number.size > b.number.size }
            return a.groups.lexicographicallyPrecedes(b.groups)
        }
        if let most = aggregate.most { lines = Array(lines.prefix(most)) }
        return NumberTable(
            groupTitles: aggregate.groupTitles, title: aggregate.title, lines: lines,
            doubtful: doubtful + leftOut)
    }

    private func number(of group: Group) -> NumberTable.Number {
        switch aggregate.function {
        case .count: return .count(group.count)
        case .distinct: return .count(group.keys.count)
        default: break
        }
        guard group.count > 0 else { return .none }
        let number: Double
        switch aggregate.function {
        case .min: number = group.least
        case .max: number = group.most
        case .sum: number = group.sum
        case .avg: number = group.sum / Double(group.count)
        case .quantile(let share):
            // The least value that so large a share of them does not exceed.
            let rank = (share * Double(group.count)).rounded(.up)
            number = group.values.sorted()[max(0, min(group.count, Int(rank)) - 1)]
        case .count, .distinct, .rate, .histogram: return .none
        }
        return group.areDurations ? .duration(number) : .number(number)
    }
}

extension Query.Aggregate {
    /// Whether its lines are counts of stretches, in their order.
    fileprivate var isByBucket: Bool {
        switch function {
        case .rate, .histogram: true
        default: false
        }
    }

    fileprivate var bucketTitle: String {
        if case .rate(let seconds) = function { return "from, \(Selection.durationText(seconds))" }
        return "from, up to twice as much"
    }
}

extension WallTime {
    fileprivate func roundedDown(toSeconds seconds: Double) -> WallTime {
        let stretch = Int64(max(1, min(seconds * 1e9, 9e18)))
        let rest = nanoseconds % stretch
        let start = nanoseconds.addingSaturating(rest < 0 ? -rest - stretch : -rest)
        return WallTime(nanoseconds: start)
    }
}

extension Double {
    /// The greatest power of two that is not greater, its negative for what is below 0, or 0.
    fileprivate var bucket: Double {
        guard self != 0, isFinite else { return 0 }
        return self > 0 ? exp2Floor(self) : -exp2Floor(-self)
    }

    private func exp2Floor(_ value: Double) -> Double {
        Double(sign: .plus, exponent: value.exponent, significand: 1)
    }
}

extension Selection.Field.Value {
    /// Its order among the groups of a rate or histogram.
    fileprivate var bucketSize: Double {
        switch self {
        case .time(let time): Double(time.nanoseconds)
        case .number(let number), .duration(let number): number
        default: 0
        }
    }
}

extension NumberTable.Number {
    var size: Double {
        switch self {
        case .count(let count): Double(count)
        case .number(let number), .duration(let number): number
        case .none: -.infinity
        }
    }
}

extension Selection.Field.Value {
    /// As a person reads it.
    var shown: String {
        switch self {
        case .nothing: "–"
        case .text(let text), .list(_, let text): text
        case .process(let process): process.description
        case .sequence(let sequence): String(sequence)
        case .level(let level): level.text
        case .time(let time): time.description
        case .number(let number): Selection.numberText(number)
        case .duration(let seconds): Selection.durationText(seconds)
        }
    }

    /// As what is computed with, and whether it is a duration in seconds.
    fileprivate var number: (Double, isDuration: Bool)? {
        switch quantity {
        case .number(let number): (number, false)
        case .duration(let seconds): (seconds, true)
        case .time, nil: nil
        }
    }
}
