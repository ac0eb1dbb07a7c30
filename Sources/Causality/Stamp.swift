/// How much an event's clock tells of what the event had seen.
package enum Stamp: Hashable, Sendable {
    /// All of it.
    case complete
    /// A recorder's: the sender of every message that was taken is in it, so what the event had seen is what its entries had seen.
    case generating
    /// A log's event without a clock: it had seen what the event before it had seen, and what its cause had seen.
    case chained
    /// A log's line that says nothing of messages: as `chained` where other lines of the process do, else nothing is known.
    case silent
    /// Something that the process had seen is not in it, from an event of the process on.
    case lossy(Loss)
}

/// Why stamps may lack something.
package struct Loss: Hashable, Sendable {
    /// The sequence number, on the same process, of the first event of which that is so.
    package var since: UInt64
    package var reason: Reason
    /// 1 for the first loss of its run, 2 for the second …: stamps lack what any of them lost.
    package var number: UInt32

    package init(since: UInt64, _ reason: Reason, number: UInt32 = 1) {
        self.since = since
        self.reason = reason
        self.number = number
    }

    /// The numbers are on disk: never renumbered.
    package enum Reason: UInt8, Sendable, CaseIterable {
        /// A message arrived whose token could not be read.
        case unreadableToken = 1
        /// Events before it were lost where their clock is kept: what these had received is not known.
        case eventsLost = 2
        /// The clock has no room for all that was seen.
        case clockFull = 3
        /// The process is a restart, and where it went on from could not be told.
        case originUnknown = 4
        /// It was exported from an archive that did not know all of it either.
        case exported = 5
        /// The frame before it, from which its clock goes on, cannot be read.
        case frameMissing = 6

        /// The word for it in JSON.
        package var text: String {
            switch self {
            case .unreadableToken: "unreadable-token"
            case .eventsLost: "events-lost"
            case .clockFull: "clock-full"
            case .originUnknown: "origin-unknown"
            case .exported: "exported"
            case .frameMissing: "frame-missing"
            }
        }
    }
}

extension Stamp {
    /// True where something that was seen may be in no entry.
    package var isLossy: Bool {
        if case .lossy = self { true } else { false }
    }

    /// The word for it in JSON and text.
    package var text: String {
        switch self {
        case .complete: "complete"
        case .generating: "generating"
        case .chained: "chained"
        case .silent: "silent"
        case .lossy: "lossy"
        }
    }

    /// The stamp's number on disk, without its loss: never renumbered.
    package var rawValue: UInt8 {
        switch self {
        case .complete: 0
        case .generating: 1
        case .chained: 2
        case .silent: 3
        case .lossy: 4
        }
    }

    /// The stamp with this number; nil where there is none. `loss` is asked for where it has one.
    package init?<Failure>(
        rawValue: UInt8, loss: () throws(Failure) -> Loss
    ) throws(Failure) {
        switch rawValue {
        case 0: self = .complete
        case 1: self = .generating
        case 2: self = .chained
        case 3: self = .silent
        case 4: self = .lossy(try loss())
        default: return nil
        }
    }
}
