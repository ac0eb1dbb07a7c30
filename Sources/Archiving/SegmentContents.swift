import Causality
import Disks
import Segments

/// What the file of a segment holds: up to where it is intact, and what can be read behind damage.
struct SegmentContents {
    /// Everything that can be read, and how far the file is intact.
    var append: Catalogue.Append
    /// What cannot be read.
    var problems: [String] = []

    /// Reads a file from its beginning. O(bytes).
    ///
    /// - Parameters:
    ///   - place: Whose segment it is by its name: what its header says, where that cannot be read.
    ///   - dropped: By execution that was dropped, the byte before which its rows do not count.
    ///   - numbers: By run, up to which number its rows do not.
    init(
        _ file: any DiskFile, _ place: SegmentHeader, dropped: [ExactText: Int],
        _ numbers: DroppedNumbers
    ) throws(SegmentError) {
        var scanner = try SegmentScanner(file)
        append = Catalogue.Append(place, end: 0, digest: [])
        append.dropped = dropped
        append.droppedNumbers = numbers
        try read(&scanner, isIntact: true)
        append.header = scanner.header ?? place
        if append.end == 0, let header = scanner.header {
            append.end = SegmentHeader.byteCount
            append.digest = SegmentWriter.digest(header.encoded())
        }
    }

    /// Reads what a file holds behind what is known of it. O(those bytes).
    init(
        _ file: any DiskFile, after state: SegmentState, of segment: Identity128,
        dropped: [ExactText: Int], _ numbers: DroppedNumbers
    ) throws(SegmentError) {
        let source: BytesOnDisk
        do throws(DiskError) { source = try BytesOnDisk(file) } catch { throw .disk(error) }
        var scanner = SegmentScanner(
            source, from: state.byteCount, to: source.byteCount, after: state.digest)
        append = Catalogue.Append(
            SegmentHeader(agent: state.agent, segment: segment, created: state.created),
            end: state.byteCount, digest: state.digest)
        append.dropped = dropped
        append.droppedNumbers = numbers
        try read(&scanner, isIntact: true)
    }

    private mutating func read(
        _ scanner: inout SegmentScanner<BytesOnDisk>, isIntact: Bool
    ) throws(SegmentError) {
        var isIntact = isIntact
        while let item = try scanner.next() {
            switch item {
            case .damage(let damage):
                isIntact = false
                append.uncounted.append(damage.offset..<damage.offset + damage.byteCount)
                problems.append("\(damage.text) (byte \(damage.offset))")
            case .frame(let frame):
                do throws(FormatError) {
                    try append.note(frame, frame.batch())
                } catch {
                    isIntact = false
                    append.uncounted.append(frame.offset..<scanner.intactEnd)
                    problems.append("\(error) (frame at byte \(frame.offset))")
                }
                if isIntact { note(scanner.intactEnd, frame.digest) }
                append.acknowledged = scanner.intactEnd
            }
        }
        append.acknowledged = max(append.acknowledged, scanner.intactEnd)
        // What lies behind was never acknowledged.
        append.uncounted.removeAll { $0.lowerBound >= append.acknowledged }
        if isIntact, let footer = scanner.footer {
            append.header = scanner.header ?? append.header
            append.end = scanner.intactEnd
            do throws(FormatError) {
                try append.seal(footer)
            } catch {
                append.end -= footer.count
                problems.append("\(error)")
            }
        }
    }

    private mutating func note(_ end: Int, _ digest: [UInt8]) {
        append.end = end
        append.digest = digest
    }
}
