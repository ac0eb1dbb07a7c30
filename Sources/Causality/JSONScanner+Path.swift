extension JSONScanner {
    /// The value at a path: keys of objects inside each other, with dots between them. Nil where there is none.
    ///
    /// A key may hold dots itself, and goes before the path that it looks like: at each level the longest key counts that
    /// the path begins with and that has an object. O(bytes · levels)
    package static func value(at path: String, of members: [JSONMember]) -> JSONValue? {
        find(path[...], members, key: \.key) { member in
            guard case .object(let text) = member.value else { return nil }
            return try? object(Array(text.utf8))
        }?.value
    }

    /// The same of members as they lie in `bytes`.
    package static func span(
        at path: String, _ bytes: [UInt8], _ members: [JSONSpan]
    ) -> JSONSpan? {
        find(path[...], members, key: { text(bytes, $0.key, hasEscapes: $0.keyHasEscapes) }) {
            member in
            guard member.kind == .object else { return nil }
            var inner: [JSONSpan] = []
            guard (try? scan(bytes, member.value, into: &inner)) != nil else { return nil }
            return inner
        }
    }

    /// - Parameter inner: The members of an object; nil for what is none.
    private static func find<Member>(
        _ path: Substring, _ members: [Member], key: (Member) -> String,
        inner: (Member) -> [Member]?
    ) -> Member? {
        if let found = members.last(where: { key($0) == path }) { return found }
        var rest = path
        while let dot = rest.lastIndex(of: ".") {
            rest = path[..<dot]
            guard let outer = members.last(where: { key($0) == rest }), let members = inner(outer)
            else { continue }
            return find(path[path.index(after: dot)...], members, key: key, inner: inner)
        }
        return nil
    }
}
