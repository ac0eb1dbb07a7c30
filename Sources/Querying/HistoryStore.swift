import Causality
import HappensBefore

/// What querying needs of a place where histories are kept.
package protocol HistoryStore: Sendable {
    /// The names of the executions, sorted.
    func executions() throws -> [String]
    /// The blocks of an execution in an order that does not depend on when they arrived: where two blocks
    /// hold the same sequence number, the first in this order counts.
    func blocks(of execution: String) throws -> [BlockSummary]
    /// What ordering needs of a block. Throws `DamagedBlock` where the block cannot be read.
    func causality(of block: Int) throws -> CausalColumns
    /// The events of a block. Throws `DamagedBlock` where the block cannot be read.
    func events(of block: Int) throws -> [Event]
    /// Defects of the evidence itself: lines that were no events, bytes that cannot be read.
    func sourceDefects(of execution: String) throws -> [Defect]
    /// By host, how far in time its agent has read what is recorded there. A host without an agent is not in it.
    func readUpTo() throws -> [String: WallTime]
}

/// What a catalogue knows of a block without opening it.
package struct BlockSummary: Hashable, Sendable {
    /// A number of the store's own, the same as long as the store is open.
    package var id: Int
    package var key: ProcessKey
    /// Who recorded it, and in which of its files.
    package var agent: Identity128
    package var segment: Identity128
    package var first: UInt64
    package var last: UInt64
    package var count: Int

    package init(
        id: Int, key: ProcessKey, agent: Identity128, segment: Identity128, first: UInt64,
        last: UInt64, count: Int
    ) {
        self.id = id
        self.key = key
        self.agent = agent
        self.segment = segment
        self.first = first
        self.last = last
        self.count = count
    }
}

/// A block that was acknowledged once and cannot be read now.
package struct DamagedBlock: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package init(_ text: String) { self.text = text }
}
