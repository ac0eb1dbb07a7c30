/// One value for each event of a process, by position. Values may be put away at both ends: the others keep their positions.
struct Column<Element: Sendable>: RandomAccessCollection, Sendable {
    /// The position of the first value that is here.
    private(set) var startIndex = 0
    private var elements: [Element] = []

    init() {}

    /// A column whose first values, so many, are put away.
    init(from startIndex: Int) { self.startIndex = startIndex }

    var endIndex: Int { startIndex + elements.count }

    /// The value at a position. Traps where it is put away.
    subscript(position: Int) -> Element { elements[position - startIndex] }

    mutating func append(_ element: Element) { elements.append(element) }

    /// Puts away all values but those of some positions, which must be here.
    mutating func restrict(to range: Range<Int>) {
        elements = Array(elements[range.lowerBound - startIndex..<range.upperBound - startIndex])
        startIndex = range.lowerBound
    }
}
