import Causality

/// A prefix of every process: by process index, the last sequence number inside, 0 where none is.
package struct Cut: Hashable, Sendable {
    package var sequences: [UInt64]

    package init(sequences: [UInt64]) { self.sequences = sequences }
}

/// Why a cut is not consistent: an event inside has seen an event outside.
package struct CutViolation: Hashable, Sendable {
    package let inside: EventID
    package let outside: EventID
}
