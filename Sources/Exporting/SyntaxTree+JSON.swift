import Querying

extension SyntaxTree {
    /// On one line; the members of objects ascending by their names.
    package var json: String {
        var writer = JSONWriter()
        writer.value(self)
        return writer.text
    }
}

extension JSONWriter {
    fileprivate mutating func value(_ tree: SyntaxTree) {
        switch tree {
        case .text(let text): value(text)
        case .number(let digits): raw(digits)
        case .flag(let flag): value(flag)
        case .list(let values):
            array { writer in for value in values { writer.value(value) } }
        case .object(let members):
            object { writer in
                for (name, value) in members.sorted(by: { $0.key < $1.key }) {
                    writer.key(text: name)
                    writer.value(value)
                }
            }
        }
    }
}
