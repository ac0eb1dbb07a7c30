// Rows on their way from one batch into another.
extension EventBatch {
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
