import Causality

// What an order file is written with, and read: places, flags and hashes.

/// What an order file tells of.
struct OrderFileForm: OptionSet {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Whatever a message came from is known to its receiver.
    static let areMessagesKnown = OrderFileForm(rawValue: 1)
    /// Each event is found by its number, and each reference means what the file says.
    static let findsEvents = OrderFileForm(rawValue: 2)
    /// A tombstone: of each process the last event that was dropped, and none that is here.
    static let isTombstone = OrderFileForm(rawValue: 4)
    static let all: OrderFileForm = [.areMessagesKnown, .findsEvents, .isTombstone]
}

/// Where a block lies.
struct FilePlace: Hashable, Sendable {
    static let checksumBytes = 4
    var offset: Int
    /// Without the checksum.
    var byteCount: Int

    /// Behind the checksum.
    var end: Int { offset + byteCount + FilePlace.checksumBytes }
}

/// What the facts of a process hold.
struct FactsForm: OptionSet {
    let rawValue: UInt16

    init(rawValue: UInt16) { self.rawValue = rawValue }

    static let isHere = FactsForm(rawValue: 1)
    static let bearsItsName = FactsForm(rawValue: 2)
    static let isBranch = FactsForm(rawValue: 4)
    static let isForked = FactsForm(rawValue: 8)
    static let isStandIn = FactsForm(rawValue: 16)
    static let isUnlinked = FactsForm(rawValue: 32)
    static let hasDirectory = FactsForm(rawValue: 64)
    static let hasTimes = FactsForm(rawValue: 128)
    /// All that its events know is known exactly.
    static let isCertain = FactsForm(rawValue: 256)
}

/// By what the names of processes are sorted.
enum NameHash {
    static func of(_ process: ProcessID) -> UInt64 {
        Identity128(naming: Array(process.description.utf8)).high
    }

    static func of(_ reference: ProcessReference) -> UInt64 {
        switch reference {
        case .run(let run): Identity128(naming: Array("run \(run.bits)".utf8)).high
        case .named(let process): Identity128(naming: Array("named \(process)".utf8)).high
        }
    }
}
