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

    /// What rows have in common that one place of a program wrote.
    package struct Form: Hashable, Sendable {
        /// The number of the name among the distinct ones.
        package let name: UInt32
        /// 0 where there is none.
        package let level: UInt8
        /// The number of the shape.
        package let shape: UInt32

        package init(name: UInt32, level: UInt8, shape: UInt32) {
            self.name = name
            self.level = level
            self.shape = shape
        }
    }

    /// The distinct names.
    package let names: [String]
    package let texts: StoredTexts
    package let keys: [String]
    /// Which attributes rows have, in their order: twice the number of a key, and 1 more where the value is JSON.
    package let shapes: [[Int]]
    package let forms: [Form]
    /// For each row its form.
    package let formOf: [UInt32]
    /// By twice the number of a key, and 1 more for JSON: the values, in the order of rows.
    package let values: [StoredTexts?]

    package init(
        names: [String], texts: StoredTexts, keys: [String], shapes: [[Int]], forms: [Form],
        formOf: [UInt32], values: [StoredTexts?]
    ) {
        self.names = names
        self.texts = texts
        self.keys = keys
        self.shapes = shapes
        self.forms = forms
        self.formOf = formOf
        self.values = values
    }

    package var rowCount: Int { formOf.count }

    package func form(ofRow row: Int) -> Form { forms[Int(formOf[row])] }

    /// Which attributes a row has.
    package func shape(ofRow row: Int) -> [Int] { shapes[Int(form(ofRow: row).shape)] }

    /// What it takes, in bytes.
    package var byteCount: Int {
        values.reduce(rowCount * 4 + forms.count * 12 + texts.byteCount) {
            $0 + ($1?.byteCount ?? 0)
        }
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
                for column in shape(ofRow: next) { passed[column] += 1 }
                next += 1
            }
            for column in shape(ofRow: row) {
                meant[column].append(passed[column])
                passed[column] += 1
            }
            next = row + 1
        }
        return zip(values, meant).map { $0?.joined($1) }
    }
}
