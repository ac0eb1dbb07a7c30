/// The limits of one collector.
enum Limits {
    /// Questions that are answered at the same time; further ones wait.
    static let questionThreads = 2
    /// Uploads that are checked and written at the same time.
    static let uploadThreads = 2
    /// Questions that may wait; beyond it the collector answers 503, so that one impatient client cannot fill its memory.
    static let questionsWaitingMax = 64
    /// Uploads whose bodies are in memory at the same time: 8 MiB each, twice.
    static let uploadsMax = 32
    /// Seconds after which a connection on which nothing happens is closed.
    static let idleSecondsMax: Int64 = 90
    /// Connections at the same time: agents and people.
    static let connectionsMax = 1_024
    /// Bytes of one piece of an answer on its way out.
    static let pieceBytes = 64 * 1024
    /// Pieces that wait for a slow reader.
    static let piecesWaitingMax = 16
    /// Seconds that an answer waits for a reader that takes nothing.
    static let slowReaderSecondsMax = 60
    /// Events of one answer where the question names no limit.
    static let answerEventsMax = 1_000_000
    /// Graphs that are kept in memory between questions.
    static let graphsKeptMax = 8
    /// Seconds after which a client is asked to come again.
    static let retrySeconds = 1
    /// The same where the disk is full: somebody has to make room.
    static let retryFullSeconds = 15
    /// Seconds for which it holds that uploads can be stored, or cannot: to find out costs two syncs of the disk.
    static let readinessSecondsMax = 3
    /// Processes with another's name that one upload's answer names.
    static let namesakesToldMax = 10
    /// Seconds after a merge that failed: a full disk may have room again.
    static let mergeRetrySeconds = 60
}
