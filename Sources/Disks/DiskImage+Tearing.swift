// What survives a crash that tears.
extension DiskImage {
    static func torn(
        _ durable: [UInt8], _ changes: [FileChange], _ random: inout SimulatedDice
    ) -> [UInt8] {
        var bytes = durable
        for change in changes {
            switch change {
            case .cut: if Bool.random(using: &random) { change.apply(to: &bytes) }
            case .write(let offset, let content):
                for part in torn(content, at: offset, &random) {
                    FileChange.write(at: offset + part.lowerBound, Array(content[part]))
                        .apply(to: &bytes)
                }
            }
        }
        return bytes
    }

    /// The parts of a write that survive.
    private static func torn(
        _ content: [UInt8], at offset: Int, _ random: inout SimulatedDice
    ) -> [Range<Int>] {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return []
        case 1: return [0..<content.count]
        case 2: return [0..<Int.random(in: 0...content.count, using: &random)]
        default:
            var parts: [Range<Int>] = []
            var start = 0
            while start < content.count {
                let sector = (offset + start) / Limits.sectorBytes + 1
                let end = min(sector * Limits.sectorBytes - offset, content.count)
                if Bool.random(using: &random) { parts.append(start..<end) }
                start = end
            }
            return parts
        }
    }

    static func torn(
        _ durable: [String: Int], _ changes: [NameChange], _ random: inout SimulatedDice
    ) -> [String: Int] {
        var names = durable
        for change in changes where Bool.random(using: &random) { change.apply(to: &names) }
        return names
    }
}
