/// What was found out of the rows of frames, for whoever asks again.
struct KeptRows<Value: Sendable>: Sendable {
    private var values: [Int: Value] = [:]
    private var rows = 0
    private let rowsMax: Int

    /// - Parameter rowsMax: Of so many rows it is kept, about.
    init(rowsMax: Int) { self.rowsMax = rowsMax }

    subscript(frame: Int) -> Value? { values[frame] }

    /// Keeps what was found in a frame; where there is too much, what was found before is found again when it is asked for.
    mutating func keep(_ value: Value, of frame: Int, cost: Int) {
        guard values[frame] == nil else { return }
        // An entry takes about as much as some rows.
        rows += cost + 8
        if rows > rowsMax { (values, rows) = ([:], cost + 8) }
        values[frame] = value
    }
}
