import Synchronization

/// Who looks through frames for one question: threads come in from outside, as time does.
package struct Workers: Sendable {
    /// How many things are worth doing at once.
    package let count: Int
    private let perform: @Sendable (Int, @Sendable (Int) -> Void) -> Void

    /// Whoever asks, one thing after the other.
    package static let one = Workers(count: 1) { count, body in
        for number in 0..<count { body(number) }
    }

    /// `perform` calls its second argument with each number below its first, some of them at once, and returns when all of that
    /// is done. The question's cancellation is asked from there too.
    package init(
        count: Int, _ perform: @escaping @Sendable (Int, @Sendable (Int) -> Void) -> Void
    ) {
        self.count = count
        self.perform = perform
    }

    /// What `body` gives of each item, in their order; some of it is found out at once.
    func map<Item: Sendable, Value: Sendable>(
        _ items: [Item], _ body: @Sendable (Item) -> Value
    ) -> [Value] {
        guard items.count > 1, count > 1 else { return items.map(body) }
        let values = Mutex([Value?](repeating: nil, count: items.count))
        perform(items.count) { number in
            let value = body(items[number])
            values.withLock { $0[number] = value }
        }
        return values.withLock { $0.map { $0! } }
    }
}
