/// What the rows of a frame or block say, column by column as they are stored: what a search looks through before anything else
/// of them is read.
package struct ContentColumns: Sendable {
    /// Texts one after the other, valid UTF-8.
    package struct Texts: Sendable {
        package let bytes: [UInt8]
        /// Where each ends.
        package let ends: [Int]

        package init(_ bytes: [UInt8], ends: [Int]) {
            self.bytes = bytes
            self.ends = ends
        }

        package subscript(index: Int) -> Range<Int> {
            (index == 0 ? 0 : ends[index - 1])..<ends[index]
        }
    }

    /// The distinct names, and for each row its number among them.
    package let names: [String]
    package let nameOf: [UInt32]
    /// 0 where there is none.
    package let levels: [UInt8]
    package let texts: StoredTexts
    package let keys: [String]
    /// Which attributes rows have, in their order: twice the number of a key, and 1 more where the value is JSON; for each row
    /// its shape.
    package let shapes: [[Int]]
    package let shapeOf: [UInt32]
    /// By twice the number of a key, and 1 more for JSON: the values, in the order of rows.
    package let values: [StoredTexts?]

    package init(
        names: [String], nameOf: [UInt32], levels: [UInt8], texts: StoredTexts, keys: [String],
        shapes: [[Int]], shapeOf: [UInt32], values: [StoredTexts?]
    ) {
        self.names = names
        self.nameOf = nameOf
        self.levels = levels
        self.texts = texts
        self.keys = keys
        self.shapes = shapes
        self.shapeOf = shapeOf
        self.values = values
    }

    package var rowCount: Int { levels.count }
    /// What it takes, in bytes.
    package var byteCount: Int {
        rowCount * 16 + texts.byteCount + values.reduce(0) { $0 + ($1?.byteCount ?? 0) }
    }

    /// By column, the values of all rows. O(what these hold).
    package func joinedValues() -> [Texts?] { values.map { $0?.joined() } }

    /// By column, the values of some rows, which ascend. O(rows + what those hold).
    package func values(of rows: [Int]) -> [Texts?] {
        var meant = [[Int]](repeating: [], count: values.count)
        var passed = [Int](repeating: 0, count: values.count)
        var next = 0
        for row in rows where !values.isEmpty {
            while next < row {
                for column in shapes[Int(shapeOf[next])] { passed[column] += 1 }
                next += 1
            }
            for column in shapes[Int(shapeOf[row])] {
                meant[column].append(passed[column])
                passed[column] += 1
            }
            next = row + 1
        }
        return zip(values, meant).map { $0?.joined($1) }
    }
}
