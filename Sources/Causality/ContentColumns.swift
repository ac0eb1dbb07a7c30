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
    package let nameOf: [Int]
    /// 0 where there is none.
    package let levels: [UInt8]
    package let texts: Texts
    package let keys: [String]
    /// Which attributes rows have, in their order: twice the number of a key, and 1 more where the value is JSON; for each row
    /// its shape.
    package let shapes: [[Int]]
    package let shapeOf: [Int]
    /// By twice the number of a key, and 1 more for JSON: the values, in the order of rows.
    package let values: [Texts?]

    package init(
        names: [String], nameOf: [Int], levels: [UInt8], texts: Texts, keys: [String],
        shapes: [[Int]], shapeOf: [Int], values: [Texts?]
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
        rowCount * 32 + texts.bytes.count + values.reduce(0) { $0 + ($1?.bytes.count ?? 0) }
    }
}
