extension JSONScanner {
    /// The value at a path: keys of objects inside each other, with dots between them. Nil where there is none.
    ///
    /// A key may hold dots itself, and goes before the path that it looks like: at each level the longest key counts that
    /// the path begins with and that has an object. O(bytes · levels)
    package static func value(at path: String, of members: [JSONMember]) -> JSONValue? {
        if let member = members.last(where: { $0.key == path }) { return member.value }
        var rest = path[...]
        while let dot = rest.lastIndex(of: ".") {
            rest = path[..<dot]
            guard case .object(let text)? = members.last(where: { $0.key == rest })?.value else {
                continue
            }
            guard let inner = try? object(Array(text.utf8)) else { return nil }
            return value(at: String(path[path.index(after: dot)...]), of: inner)
        }
        return nil
    }
}
