import HappensBefore

/// The limits of parts and order files. A reader refuses what exceeds one; a writer never writes it.
package enum Limits {
    /// Events of one block: enough for columns to pay, few enough to read for one event.
    package static let blockRowsMax = 8_192
    /// Events from which on a block is copied as it is when parts are merged: half a block wastes little.
    package static let blockRowsKept = 4_096
    /// What the events of one block take, by `EventCost`: 4 MiB. One event may exceed it by its own size.
    package static let blockCostMax = 4 << 20
    /// Bytes that the columns of one block expand to, all together: what a frame may.
    package static let blockExpandedBytesMax = 32 << 20
    /// Bytes of a page of a table: what a disk reads at once.
    package static let pageBytes = 4_096
    /// Pages that a reader keeps: the upper steps of its binary searches.
    static let pagesKeptMax = 64
    /// Bits of a filter for each distinct word: of words that are not there, one in eighteen is looked for in vain.
    static let filterBitsOfWord = 6
    /// Bits of a filter for each event, whatever its words: 1.5 bytes.
    static let filterBitsOfEventMax = 12
    /// Bytes behind its order that are read of a block to find what its events are called: most have them there.
    static let headingsBytesMax = 32 << 10
    /// Bytes of a record that is neither block nor page: a segment's chains and lines are the largest.
    package static let recordBytesMax = 64 << 20
    /// Bytes that are written at once.
    static let writtenBytesMin = 1 << 20
    /// What events take, by `EventCost`, that are sorted in memory at once.
    package static let sortedCostMax = 24 << 20
    /// Stretches of rows that one is compared with to find events that are there twice: those of as many frames.
    static let comparedStretchesMax = 64
    /// Lines that were no events which are kept of one segment.
    package static let unmatchedOfSegmentMax = 10_000
    /// Bytes of these lines, and of the paths and reasons that go with them: some hundred each is what agents send.
    package static let unmatchedBytesOfSegmentMax = 8 << 20
    /// Events of a summary of wall times: as many are looked through for one moment.
    static let rowsOfSummary = TimeSpan.eventsMax
    /// Bytes of a page of defects, unless one alone takes more.
    static let defectPageBytes = 64 << 10
    /// Entries of one piece of knowledge, or of one block of facts of events: 2 to 10 kB, which are read and decoded in some 10 µs.
    static let knowledgeEntries = 2_048
    /// Steps of a block of knowledge for each process that is known: what was known before it, which each block repeats, is a
    /// tenth of it.
    static let knowledgeStepsOfFloor = 16
    /// Steps of a piece that a reader expands, to 64 MB: many times what a writer puts into one.
    static let knowledgeStepsMax = 1 << 22
    /// The greatest logical time: a chain of as many events is longer than what a file can hold.
    static let logicalTimeMax = 1 << 47
    /// Bytes of a page of processes, unless one alone takes more: a few hundred processes' facts are read at once.
    static let processPageBytes = 8 << 10
    /// Bytes of a page of what a history keeps that goes on from a slice, unless one process alone takes more.
    static let resumptionPageBytes = 256 << 10
    /// Bytes of the facts of a process, at least: what claims to hold more of them is damage.
    static let factsBytesMin = 10
    /// Events of a process: their positions are numbers of 32 bits.
    static let eventsOfProcessMax = Int(UInt32.max)
    /// Processes of a page of names: 12 bytes each, 6 kB.
    static let namesOfPage = 512
    /// Bytes of a part or an order file: offsets beyond are damage.
    static let fileBytesMax = 1 << 47
    /// Events that were taken of a run, those that came twice too: more are damage, and sums of them are numbers.
    static let takenMax = 1 << 47
    /// Bytes of one block, page or footer: what claims more is damage.
    static let blockBytesMax = 1 << 30
    /// Bytes of the text of a rule by which events are dropped.
    package static let ruleBytesMax = 256
    /// What all open order files of an archive keep decoded, in bytes: several thousand blocks and pages, of which a question
    /// needs some for each process.
    package static let cachedBytesMax = 32 << 20
}
