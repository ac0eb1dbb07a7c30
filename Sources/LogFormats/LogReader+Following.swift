extension LogReader {
    /// How many lines a record has at the least that is whole only when the next one begins: a reader that follows a growing
    /// file must decide itself when to wait no longer. Nil where a record tells where it ends.
    package var openRecordLinesMin: Int? {
        switch format {
        case .govector: 2
        case .text(multiline: .some): 1
        case .regex, .shiviz, .jsonl, .text: nil
        }
    }

    /// Goes on with the next of several files that are one log, as rotation makes them: lines count from 1 again.
    ///
    /// - Parameter isBroken: True where something between them is lost: a number of each process is left out, so that a gap
    ///   shows it.
    package mutating func startNextFile(isBroken: Bool = false) {
        lineCount = 0
        if isBroken { processes.leaveGaps() }
    }
}
