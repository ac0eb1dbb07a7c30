import Querying

/// Which rows of frames are warnings at least, as it was found when pictures were painted: these are painted again and again.
struct SevereRows: ~Copyable {
    private var rows: [Int: [SevereRow]] = [:]
    private var cost = 0

    subscript(frame: Int) -> [SevereRow]? { rows[frame] }

    /// Keeps what was found in a frame; where there is too much, what was found before it is found again when it is asked for.
    mutating func keep(_ found: [SevereRow], of frame: Int) {
        guard rows[frame] == nil else { return }
        // An entry of the dictionary takes about as much as eight rows.
        cost += found.count + 8
        if cost > Limits.severeRowsKeptMax { (rows, cost) = ([:], found.count + 8) }
        rows[frame] = found
    }
}
