/// The limits of one question.
package enum Limits {
    /// Events of which it is asked which have to do with each other: some seconds of work.
    static let clusteredEventsMax = 10_000
    /// Attributes that are compared, values of each, and bytes of one: some 100 MB at the very most.
    static let comparedFieldsMax = 1_000
    static let comparedValuesMax = 1_000
    static let comparedBytesMax = 100
    /// Values that a comparison gives: more than anybody reads.
    static let comparedLinesMax = 100
    /// Bytes of a selection: what a person types, with room.
    package static let selectionBytesMax = 16 * 1024
    /// Bytes of a query as a tree in JSON: what such a text takes, with its names.
    static let treeBytesMax = 256 * 1024
    /// Parentheses and negations inside each other in a selection: bounds the parser's stack.
    package static let selectionDepthMax = 100
    /// Terms of a pattern.
    package static let queryTermsMax = 8
    /// Stages behind a pattern.
    package static let queryStagesMax = 16
    /// Events that `why` gives: more than anybody reads, and well below a tenth of a second.
    static let whyEventsMax = 1_000
    /// Events that `window` and other stages give: some 10 MB.
    static let placesMax = 200_000
    /// Events that the terms of a pattern take together: some 100 MB with what is kept of them.
    static let candidatesMax = 2_000_000
    /// Frames whose columns are kept while several terms look into them: as many as are searched ahead at once, some 10 MB.
    static let sharedFramesMax = 16
    /// Frames of which is kept what their events say of order and time, of some 4,096 events each.
    static let timedFramesMax = 64
    /// Groups of matches of which numbers are asked: some 30 MB.
    static let groupsMax = 100_000
    /// Values of matches that are kept for a quantile or to tell distinct ones: 64 MB.
    static let valuesKeptMax = 2_000_000
    /// Of the candidates of a term: how many of each process those of another know. 100 MB.
    static let knownCandidatesMax = 26_000_000
    /// What the frames take that an answer keeps decoded, by `EventCost`, and what it has found in others: about what lies side
    /// by side in causal order.
    package static let openFramesCostMax = 32 << 20
    /// Instructions of a compiled pattern that is matched with all rows of a frame before the first of them is given: a word or
    /// two, or alternatives of them.
    static let columnInstructionsMax = 100
    /// Events that may be asked for from the end, which are held until the first of them is found.
    package static let lastEventsMax = 10_000
    /// Bytes that these take: a quarter of what a question may. Few events take more than 3 kB.
    static let lastEventsBytesMax = 32 << 20
    /// References of events to processes of which a question keeps in mind whom they mean: a megabyte or two.
    static let referencesKeptMax = 16_384
    /// Entries of clocks that a listing keeps to go on from, of all processes together: 16 MB.
    static let clockEntriesKeptMax = 1 << 20
    /// Events of a Mermaid diagram: browsers give up on larger ones.
    package static let mermaidEventsMax = 200
    /// Processes that an error shows where a name may mean several.
    package static let candidatesShownMax = 10
    /// Events of one process that a listing has ready, at first, and of all processes together: some megabytes.
    static let eventsFoundMin = 16
    static let eventsFoundMax = 8_192
    /// Positions of a process whose news a listing asks for at once; what is further away is asked for by itself.
    static let rowsOfNews = 256
    /// Positions of a process that are looked through in one step of an answer: well below 10 ms of work.
    static let rowsLookedAt = 1_024
    /// Causes and effects of an event that are shown with their names and texts: each may have to be read from a block of
    /// its own.
    package static let eventsNamedMax = 100
    /// Seconds without anything from an agent after which it counts as silent: what a collector waits for it.
    package static let agentSilentSeconds = 30
    /// Seconds for which somebody who follows an execution waits for events that others cite, at the most.
    package static let awaitedSeconds = 600
    /// Seconds after which it is told what waits, and for what.
    static let waitingToldSeconds = 1
    /// Processes that such a notice names.
    static let waitingShownMax = 5
    /// Events of one message to somebody who follows, and what they take in bytes.
    static let liveEventsMax = 512
    static let liveBytesMax = 256 * 1024
    /// Milliseconds after which a message goes out as it is.
    static let liveMilliseconds = 20
    /// The last events that somebody who begins to follow may ask for: they are one message.
    package static let liveLastMax = 1_000
    /// Events that the terms of a pattern take, of what somebody who follows its matches was shown, and bytes of what is compared
    /// of them: both are kept as long as he follows, at the most some 30 MB for each who does.
    static let liveCandidatesMax = 200_000
    static let liveCandidatesBytesMax = 32 << 20
    /// Matches of one new event that are shown, and what they take in bytes: a message has all of them. Others are counted, as far
    /// as that takes about a second.
    static let liveMatchesMax = 1_000
    static let liveMatchesBytesMax = 4 << 20
    static let liveMatchesCountedMax = 1_000_000
    /// Times that following goes on after it could not read what it had to.
    static let liveFailuresMax = 3
    /// Runs in the cursor of somebody who follows.
    static let cursorRunsMax = 1_900
    /// Ranges of missing numbers of a run in it; fewer where it would be too long.
    static let cursorMissingMax = 64
    /// Bytes of a cursor: as text it fits the headers of a request, whose limit is 80 kB. All its runs do, at 28 bytes each, which
    /// is more than they take, and some of those that are there more than once.
    static let cursorBytesMax = 54_000
    /// Gaps of an execution of which it is found out which events have seen them: a search in each process each.
    static let gapsWeighedMax = 1_000
    /// Buckets of a window of a picture: more than a screen has columns.
    static let windowBucketsMax = 4_096
    /// Lanes of a window: more than can be told apart.
    static let windowLanesMax = 1_000
    /// Cells of a window, a bucket of a lane each: some 500 kB of text before it is compressed. Where there are more lanes, the
    /// buckets are wider.
    static let windowCellsMax = 200_000
    /// Events of a window up to which each is told by itself: three times what a screen shows well.
    static let windowPointsMax = 6_000
    /// The same with what each is called.
    static let windowLabelsMax = 1_500
    /// Events of a window up to which the messages that arrived at them are looked at one by one: 50 ms.
    static let windowMessagesReadMax = 200_000
    /// Messages of a window that are told: more look like a tangle.
    static let windowMessagesMax = 2_000
    /// Events whose wall times are read for a window: about a tenth of a second. Those of more are spread between the first and
    /// the last of each stretch.
    static let windowTimesReadMax = 400_000
    /// Lanes up to which messages are told that left them in the window and arrived outside: each look-up goes through all
    /// slices.
    static let windowLeavingLanesMax = 64
    /// Entries of a table of all pairs of processes, 4 bytes each.
    static let windowPairsMax = 4_000_000
    /// Look-ups of what is uncertain in a window.
    static let windowUncertainMax = 4_000
    /// Gaps and contradictions of a window that are told.
    static let windowGapsMax = 2_000
    static let windowDefectsMax = 1_000
}
