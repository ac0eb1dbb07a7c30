// Rows on their way from one batch into another.
extension EventBatch {
    /// Appends a row of another batch, all of it but its clock. O(its content + log causes).
    ///
    /// - Parameter slot: Index of its process here.
    package mutating func append(row: Int, withoutClockOf other: EventBatch, slot: Int) {
        appendNamed(by: row, of: other)
        endRow(copying: row, of: other, slot: slot, predecessor: 0)
    }

    /// The causes and the ruling of the next row: those of a row of another batch. O(log causes).
    package mutating func appendNamed(by row: Int, of other: EventBatch) {
        for cause in other.causes(ofRow: row) {
            appendCause(reference(cause.process, of: other), cause.sequence, cause.evidence)
        }
        if let ruled = other.ruling(ofRow: row) {
            appendRuling(reference(ruled.process, of: other), ruled.sequence)
        }
    }

    /// The index here of what another batch refers to. O(name).
    package mutating func reference(_ index: Int, of other: EventBatch) -> Int {
        reference(other.references[index], called: other.claimedNames[index])
    }

    /// Ends a row with what a row of another batch says; its changes, causes and ruling come before. O(its content).
    ///
    /// - Parameters:
    ///   - slot: Index of its process here.
    ///   - predecessor: As for `endRow(slot:sequence:…)`.
    package mutating func endRow(
        copying row: Int, of other: EventBatch, slot: Int, predecessor: UInt64
    ) {
        appendText(other.content.span.extracting(other.text(row)))
        for index in other.attributeStarts[row]..<other.attributeStarts[row + 1] {
            let attribute = other.attributes[index]
            appendAttribute(
                key: other.keys[Int(attribute.key)].span, isJSON: attribute.isJSON,
                value: other.content.span.extracting(other.value(index, ofRow: row)))
        }
        endRow(
            slot: slot, sequence: other.sequences[row], kind: other.kinds[row],
            time: other.times[row], level: other.levels[row], stamp: other.stamps[row],
            name: name(other.names[Int(other.nameNumbers[row])].span), predecessor: predecessor)
    }
}
