import Segments

/// The limits of one agent.
enum Limits {
    /// Milliseconds between two looks at the followed files while they are quiet.
    static let pollMilliseconds = 50
    /// Milliseconds between two looks for new files, and for files that were renamed or cut.
    static let discoverMilliseconds = 500
    /// Times that a folder of journals is not looked at since it says that it was not changed.
    static let journalLooksSkippedMax = 9
    /// Bytes that are read from one file at a time, so that a large one does not starve the others, and that what was read is
    /// still in the processor's cache when it is looked at.
    static let readBytesMax = 256 << 10
    /// What events cost (`EventCost`) after which a commit does not wait for its time.
    static let commitCostMax = 8 << 20
    /// Bytes below which a segment is not sealed before its day is over.
    static let segmentBytesMin = Segments.Limits.segmentBytesMin
    /// Seconds after which a segment is sealed at the latest.
    static let segmentDaySeconds = Segments.Limits.segmentDaySeconds
    /// Seconds after which what failed is tried again.
    static let retrySeconds = 1.0
    /// Bytes that are kept free for a footer, or the first commit of a segment, when the disk is full.
    static let reserveBytes = 1 << 20
    /// Seconds without growth after which a record that only lacks its successor counts as whole.
    static let recordSecondsMax = 1.0
    /// Seconds without growth after which a file that was renamed away or deleted counts as finished.
    static let renamedSecondsMax = 2.0
    /// Seconds without growth after which one counts as finished that was followed by two files or more.
    static let supersededSecondsMax = 0.2
    /// Seconds between two looks at a journal that has been quiet for 5 s.
    static let quietLookSeconds = 0.4
    /// Seconds between two looks whether the program of such a journal still lives.
    static let quietEndSeconds = 2.0
    /// Seconds between two looks at a journal that never had an event.
    static let hopelessSecondsMax = 20.0
    /// The user of whoever comes by the loopback port: nobody.
    static let listenUser: UInt32 = 65_534
    /// Names that one user may take.
    static let namesOfUserMax = 1_000
    /// Journals of one user: a stranger must not take the room of all the others.
    static let journalsOfUserMax = 2_000
    /// Journals whose chunk is kept open from one look to the next: less than half of what systems let a program have open
    /// that does not ask for more. The others are opened at each look, which costs more and loses nothing.
    static let journalFilesOpenMax = 400
    /// Files that this program asks to have open at the same time: those of journals, followed files and connections at
    /// their limits, and some.
    static let openFilesMax = 4_096
    /// Bytes at the start of a file that tell it from others.
    static let fingerprintBytesMax: UInt64 = 64 * 1024
    /// Bytes at the start of a file that are compared each time it grows.
    static let headBytesMax = 256
    /// Files that are open at the same time.
    static let filesMax = 1_000
    /// Followed files up to which it is looked each time whether they were renamed: a system call each.
    static let filesLookedAtOften = 100
    /// Finished sources that checkpoints still name, so that they are not read again.
    static let finishedSourcesMax = 10_000
    /// How often the names of rotated files are looked at, until two looks agree.
    static let rotationLooksMax = 20
    /// How often that is tried, a tick each, before what is there then is taken.
    static let rotationTicksMax = 50
    /// Seconds for which a renamed file's successor is waited for, before what was renamed after it is looked for all the same.
    static let successorSeconds = 2.0
    /// Unmatched lines that the log shows of one source.
    static let unmatchedLoggedMax = 10
    /// Seconds after which a shipper looks again, though nothing woke it.
    static let shipLookSeconds = 10.0
    /// Seconds for which the agent goes on shipping when it was asked to stop.
    static let drainSecondsMax = 10
    /// Seconds after which a segment that was refused is tried again.
    static let refusedSeconds = 600.0
    /// Seconds after which a segment that could not be read is tried again.
    static let unreadableSeconds = 10.0
    /// Seconds after which a journal without any chunk, whose program is gone, is removed.
    static let emptyJournalSecondsMax = 60
    /// Journals that are read at the same time.
    static let journalsMax = 10_000
    /// Bytes of the path of a Unix-domain socket, as sockaddr_un has them.
    static let socketPathBytesMax = 107
    /// Bytes of one request to the local interface.
    static let requestBytesMax = 1 << 20
    /// Events of one request to the local interface.
    static let requestLinesMax = 1_000
    /// Nanoseconds after which a process of the local interface is tried again whose number could not be made durable.
    static let numberRetryNanoseconds: Int64 = 1_000_000_000
    /// Processes that the local interface keeps the clocks of.
    static let localProcessesMax = 1_000
    /// Those of one user: a stranger must not take the room of all the others.
    static let localProcessesOfUserMax = 250
    /// Seconds after which a process of the local interface that recorded nothing is closed.
    static let localIdleSecondsMax = 600
    /// Bytes of a chunk of their journals: they record less than programs do, and there may be many.
    static let localChunkBytes = 256 << 10
    /// Chunks of one such journal: 64 MiB, as programs have.
    static let localChunksMax = 256
    /// Connections to the local interface at the same time.
    static let localConnectionsMax = 1_024
    /// Seconds without a byte after which a connection to the local interface is closed.
    static let localConnectionIdleSecondsMax: Int64 = 120
    /// Seconds after which an agent that reads nothing says that it did.
    static let quietSecondsMax = 10.0
    /// Seconds between two looks whether the host's certificate is due.
    static let certificateLookSeconds = 600
}
