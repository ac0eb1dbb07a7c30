import Causality
import HappensBefore
import Querying
import Segments

/// What has arrived of a world: the blocks of some of its segments, as an archive would give them.
struct Evidence: HistoryStore {
    struct Block: Sendable {
        let summary: BlockSummary
        let stored: StoredBlock
    }

    private(set) var blocks: [Block] = []
    /// Blocks whose bytes have rotted.
    var rotten: Set<Int> = []
    /// Blocks that have not arrived yet.
    var hidden: Set<Int> = []

    /// The blocks of segments, in an order that does not depend on the order of `segments`.
    init(_ segments: [[UInt8]]) {
        var found: [(created: WallTime, header: SegmentHeader, StoredBlock)] = []
        for bytes in segments {
            var scanner = SegmentScanner(BytesInMemory(bytes))
            while let item = try? scanner.next() {
                guard case .block(let block) = item, let header = scanner.header else { continue }
                found.append((header.created, header, block))
            }
        }
        found.sort {
            ($0.created, $0.header.segment.description, $0.2.offset)
                < ($1.created, $1.header.segment.description, $1.2.offset)
        }
        for (id, (_, header, block)) in found.enumerated() {
            guard let events = block.header.events else { continue }
            blocks.append(
                Block(
                    summary: BlockSummary(
                        id: id, key: events.key, agent: header.host, segment: header.segment,
                        first: events.first, last: events.last, count: events.count),
                    stored: block))
        }
        byID = Dictionary(uniqueKeysWithValues: blocks.map { ($0.summary.id, $0) })
    }
    private var byID: [Int: Block] = [:]

    func executions() -> [String] { Set(blocks.map(\.summary.key.execution)).sorted() }

    func blocks(of execution: String) -> [BlockSummary] {
        blocks.map(\.summary).filter { $0.key.execution == execution && !hidden.contains($0.id) }
    }

    func causality(of block: Int) throws -> CausalColumns {
        if rotten.contains(block) { throw DamagedBlock("it has rotted") }
        return try byID[block]!.stored.causalColumns()
    }

    func events(of block: Int) throws -> [Event] {
        if rotten.contains(block) { throw DamagedBlock("it has rotted") }
        return try byID[block]!.stored.events()
    }

    func sourceDefects(of execution: String) -> [Defect] { [] }
    func readUpTo() -> [String: WallTime] { [:] }
}
