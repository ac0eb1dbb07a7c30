import Causality

/// How a piece of a line looks on a terminal that has colours.
enum TextStyle: Hashable {
    case plain, dim, bold
    /// The process's own colour.
    case process(String)
    case level(Level)

    /// What sets it: the parameters of SGR (ECMA-48, 8.3.117). Nil for what is plain.
    private var parameters: String? {
        switch self {
        case .plain: nil
        case .dim: "2"
        case .bold: "1"
        case .process(let name): "38;5;\(Self.color(of: name))"
        case .level(.trace), .level(.debug): "2"
        case .level(.info): nil
        case .level(.notice): "36"
        case .level(.warning): "33"
        case .level(.error): "31"
        case .level(.critical): "1;31"
        }
    }

    /// Of the 256 colours of xterm: those that read well on black and on white, and are neither the red of errors nor the
    /// yellow of warnings. Neighbours differ the most.
    private static let colors = [32, 166, 34, 170, 37, 127, 64, 61, 130, 72, 132, 104, 67, 97, 139]

    /// Stable: it follows from the name alone. The restarts of a program have one colour; names that differ in a number
    /// only, as those of replicas do, have neighbouring ones.
    private static func color(of process: String) -> Int {
        var rest: [UInt8] = []
        var (sum, number) = (UInt64(0), UInt64(0))
        for byte in process.utf8.prefix(while: { $0 != UInt8(ascii: "#") }) {
            if (0x30...0x39).contains(byte) {
                number = number &* 10 &+ UInt64(byte & 0x0f)
            } else {
                rest.append(byte)
                (sum, number) = (sum &+ number, 0)
            }
        }
        let hash = rest.withUnsafeBytes { mixed($0, seed: 0) }
        return colors[Int((hash &+ sum &+ number) % UInt64(colors.count))]
    }

    /// The text, so that it looks like that.
    func applied(to text: String) -> String {
        guard let parameters, !text.isEmpty else { return text }
        return "\u{1b}[\(parameters)m\(text)\u{1b}[m"
    }
}

/// A line of a terminal, piece by piece, cut where the screen ends.
struct StyledLine {
    private let width: Int?
    private let isColored: Bool
    private var text = ""
    /// What it takes so far.
    private(set) var columns = 0
    /// The last pieces, of which the last may have to make room for the sign that something is cut.
    private var pieces: [(text: String, columns: Int, style: TextStyle)] = []
    private var isCut = false

    init(width: Int?, isColored: Bool) {
        self.width = width
        self.isColored = isColored
    }

    /// Appends a text, which is printable.
    mutating func append(_ text: String, _ style: TextStyle = .plain) {
        guard !isCut, !text.isEmpty else { return }
        let count = TextWidth.columns(text)
        if let width, columns + count > width {
            isCut = true
            let (shown, shownColumns) = TextWidth.prefix(text, columns: max(0, width - columns))
            pieces.append((shown, shownColumns, style))
            columns += shownColumns
            makeRoom(width)
            return
        }
        pieces.append((text, count, style))
        columns += count
    }

    /// Appends spaces up to a column.
    mutating func pad(to column: Int) {
        guard columns < column else { return }
        append(String(repeating: " ", count: column - columns))
    }

    /// Puts the sign that something is cut into the last column.
    private mutating func makeRoom(_ width: Int) {
        while columns >= width, let last = pieces.popLast() {
            columns -= last.columns
            guard columns < width - 1 else { continue }
            let (shown, count) = TextWidth.prefix(last.text, columns: width - 1 - columns)
            pieces.append((shown, count, last.style))
            columns += count
        }
        pieces.append(("…", 1, .dim))
        columns += 1
    }

    /// The line, without an end and without spaces there.
    var finished: String {
        var pieces = pieces[...]
        while let last = pieces.last, last.text.allSatisfy({ $0 == " " }) { pieces.removeLast() }
        return pieces.map { isColored ? $0.style.applied(to: $0.text) : $0.text }.joined()
    }
}
