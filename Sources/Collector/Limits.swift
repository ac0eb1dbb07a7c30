import NIOCore
import Querying

/// The limits of one collector.
package enum Limits {
    // Shares. Uploads, questions and whether it is well each have threads of their own. Where uploads and questions both want the
    // whole machine, each has two threads that work, so it gives half of its time to each.

    /// Uploads that are checked and written at the same time.
    static let uploadThreads = 2
    /// Questions that work at the same time, of those below that have begun.
    static let turnsAtOnce = 2
    /// Milliseconds for which a question works before others that have worked less get their turn: what a short question waits for
    /// at the most, times the turns before it.
    static let turnMilliseconds: Int64 = 10
    /// Milliseconds between two looks at whether a question that waits for its turn is still wanted.
    static let turnWaitMilliseconds = 50
    /// Questions whose answers have not begun. Each has a thread, which mostly waits for its turn: 32 are 256 MiB of addresses, and
    /// hardly any memory.
    static let questionsBegunMax = 32
    /// The same of one address: four such clients together leave nothing over.
    static let questionsBegunOfPeerMax = 8
    /// Threads that write answers which have begun, a piece each: a thread is held for `pieceMilliseconds`, and waits for a turn.
    static let pieceThreads = 4
    /// Answers that are open, most of them because their readers are slow: each holds a place in a listing.
    static let answersMax = 128
    /// The same of one address.
    static let answersOfPeerMax = 32
    /// Uploads whose bodies are in memory at the same time: 8 MiB each, twice.
    static let uploadsMax = 32
    /// The same of one address, behind which there may be many agents. The others come again a second later.
    static let uploadsOfPeerMax = 8

    /// Rows that are warnings at least of which a collector keeps where they are, of 4 bytes each.
    static let severeRowsKeptMax = 4_000_000
    /// Rows of which it keeps what their events are called, and how severe they are, of 5 bytes each.
    static let headingsKeptMax = 4_000_000
    /// Rows whose wall times are kept for the next question: 16 MB.
    static let timesKeptMax = 2_000_000
    /// Bytes of an answer from which on it is compressed for whoever can read that: what a few packets hold is not worth it.
    static let compressedAnswerBytesMin = 8 << 10

    // Connections.

    /// Connections at the same time: agents and people.
    static let connectionsMax = 1_024
    /// The same of one address, behind which there may be many agents, with one or two each.
    static let connectionsOfPeerMax = 256
    /// Connections beyond these: they get to know whether the collector is well, and are closed.
    static let reserveMax = 64
    static let reserveOfPeerMax = 8
    /// Files that may be open: connections, and what the archive needs.
    static let openFilesMax = 4_096
    /// Bodies slower than a modem's 64 kbit/s are cut: an upload of 8 MiB may take 17 minutes. A reader at 1 kB/s takes a minute for
    /// what lies in the buffers of both machines, and it costs little: so it may rest for five.
    static let pace = RequestClock.Pace(
        head: .seconds(15), keepAlive: .seconds(90), bodyGrace: .seconds(10),
        bodyBytesPerSecond: 8 * 1024, reading: .seconds(300), ending: .seconds(5))
    static let reservePace = RequestClock.Pace(
        head: .seconds(3), keepAlive: .seconds(1), bodyGrace: .seconds(1),
        bodyBytesPerSecond: 8 * 1024, reading: .seconds(3), ending: .seconds(1))

    // Answers.

    /// Seconds that a question works, or waits for its turn, where it does not say how many.
    static let timeoutSeconds = 30
    /// Seconds that it can ask for: an export of 10^8 events.
    static let timeoutSecondsMax = 3_600
    /// Events of a listing where the question names no limit.
    static let answerEventsMax = 1_000_000
    /// Bytes of events that one question reads: an hour's work.
    static let answerBytesReadMax = 256 << 30
    /// Bytes of one piece of an answer on its way out.
    static let pieceBytes = 64 * 1024
    /// Milliseconds after which a piece is sent as it is, or the thread given to another.
    static let pieceMilliseconds: Int64 = 50
    /// Seconds that a reader takes for a piece before the answer lets go of what it can read again.
    static let slowReaderSeconds: Int64 = 1
    /// Who follows at the same time, and of one address.
    static let followersMax = 32
    static let followersOfPeerMax = 8
    /// Threads that look for what they are told.
    static let followThreads = 2
    /// Milliseconds between two looks whether something came; and after a look that took long so many times as long, so that
    /// following takes no more than a fifth of a thread.
    static let followMilliseconds: Int64 = 25
    static let followRestTimes = 4
    /// Seconds after which somebody who follows is told where that is, though there is nothing to show.
    static let followQuietSeconds: Int64 = 10
    /// Seconds for which somebody who follows may take nothing: then the connection is closed, and the client comes again with
    /// its cursor.
    static let followReaderSeconds: Int64 = 20
    /// Seconds that one look at what has come may take.
    static let followLookSeconds = 60
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

    // What follows.

    /// Events from which on what follows from an execution is written down: below, finding it out takes less than a tenth of a
    /// second, and a thousand small executions would make a thousand files.
    package static let orderFileEventsMin = 20_000
    /// Events of a slice, more or less: its history takes some 100 MB while it is written down.
    package static let sliceEventsMax = 500_000
    /// Entries by which the clocks of a slice's events grow, more or less: where many processes talk to each other, one message
    /// tells of hundreds, and these take some 30 bytes each while they are found out.
    static let sliceLearnedMax = 1_500_000
    /// Events of the first slice of an execution: as many that these times its processes are so many, but not fewer than the least.
    /// Nobody knows yet how fast its clocks grow.
    static let firstSliceEventsMin = 16_000
    static let firstSliceEventsTimesProcesses = 16_000_000
    /// Bytes of what is read of the files below a slice that are kept: the blocks of a few processes.
    static let sliceCachedBytesMax = 4 << 20
    /// Blocks of parts are read for slices in pieces: one of each run together are a fourth of a slice, or of this many rows, since
    /// each decodes the block anew, and is kept in a list.
    static let sliceReadRowsMin = 64
    static let sliceReadShare = 4
    /// Events above the last cut while what they cite is waited for, and entries by which their clocks grew: some 150 MB of
    /// either. Then it is given up.
    static let tailEventsMax = 2_000_000
    static let tailLearnedMax = 6_000_000

    // Retention.

    /// Seconds between two looks for what is not to be kept any more.
    package static let retentionSeconds = 60
    /// Looks for what is not to be kept before what could not be dropped is tried again.
    static let looksBetweenTries: Int64 = 10
    /// Nanoseconds for which an execution is not looked at again though something came: what came is hardly ever old.
    static let retentionRestNanosecondsMax: Int64 = 3_600_000_000_000
    /// Nanoseconds in the future beyond which a wall time is not believed: of a day.
    static let skewNanosecondsMax: Int64 = 86_400_000_000_000
    /// One part in so many of the time for which events are kept: events may be so much older before a slice is cut for their sake.
    static let slackShare: Int64 = 8
    /// Slices that are derived again where one is cut below them: some 100 MB each, and a few seconds.
    static let slicesDerivedAgainMax = 2
    /// Times that something is dropped of one execution before others have their turn.
    static let dropsAtOnceMax = 16
    /// Nanoseconds for which events are waited for that others cite: 10 minutes.
    static let patienceNanoseconds = Int64(Querying.Limits.awaitedSeconds) * 1_000_000_000
    /// The same where their process never reported, or its agent has fallen silent for as long: 30 seconds.
    static let silenceNanoseconds = Int64(Querying.Limits.agentSilentSeconds) * 1_000_000_000
    /// Seconds after which a slice of an execution that goes on is written, though it is small.
    static let sliceSecondsMax: Int64 = 600
    /// Order files that are kept open: those of the executions that were asked last, each of which has a few.
    static let orderFilesKeptMax = 64
    /// Seconds for which nothing was added to an execution before what follows from it is written down.
    static let orderQuietSeconds: Int64 = 10
    /// Seconds for which a question that cannot read a file believes that nothing took its place, once that was so: half of
    /// those that merged files stay. A damaged file has many events.
    static let confirmedSeconds: Int64 = 30

    /// Seconds between two entries of the log that say how far a segment has come which grows.
    static let headsSeconds = 60

    /// Seconds between two looks whether commands changed who may come.
    static let accessLookSeconds = 1
    /// Seconds between two looks whether the collector's certificate is due.
    static let certificateLookSeconds = 3_600
    /// Bytes of a request for a certificate, or of a token.
    static let accessRequestBytesMax = 16 << 10
    /// Seconds that a browser stays logged in: twelve hours.
    static let loginSeconds = 43_200
}
