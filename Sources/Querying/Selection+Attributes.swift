import Causality

extension Selection {
    /// The attributes that it asks for, as it names them, each once. O(selection)
    package var attributes: [String] {
        var keys: [String] = []
        _ = condition.holds { test in
            for case .attribute(let key) in test.fields.map(\.field)
            where !keys.contains(where: { ExactText.isSame($0, key) }) {
                keys.append(key)
            }
            return nil
        }
        return keys
    }

    /// What is no attribute's name.
    package static let fields = ["process", "host", "kind", "name", "text", "level", "time", "seq"]
}
