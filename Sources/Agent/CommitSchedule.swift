/// Decides when what was read is committed, when the open segment is sealed, and when nothing more may be read. It knows
/// sizes and times only: `next` says what is to be done now, and `handle` is told what became of it.
///
/// Times are seconds of a clock that never steps.
struct CommitSchedule: Sendable {
    struct Settings: Sendable {
        /// Seconds after which what was read is committed.
        var commitSeconds: Double
        var segmentBytesMax: Int
        var segmentSecondsMax: Double
        /// Bytes that what is not acknowledged may take.
        var dataBytesMax: Int
    }

    enum Action: Hashable, Sendable {
        /// Nothing is due; reading may go on.
        case read
        /// Make durable what was read; with nothing, say how far everything was read.
        case commit
        case seal
        /// Nothing is due, and nothing may be read: the sources keep it.
        case hold
    }

    enum Outcome: Hashable, Sendable {
        /// Something was read: what is not committed costs so much now (`EventCost`).
        case read(cost: Int)
        /// The open segment has so many bytes now.
        case committed(segmentBytes: Int)
        /// The disk is full, or does not work: what was read is still not durable.
        case failed(isDiskFull: Bool)
        case sealed
        case sealFailed
        /// So many bytes are not acknowledged by the collector.
        case kept(bytes: Int)
    }

    private let settings: Settings
    private var cost = 0
    private var keptBytes = 0
    /// When the oldest thing was read that is not committed.
    private var pendingSince: Double?
    private var toldSeconds: Double
    /// When the open segment was begun, and its size; nil where none is open.
    private var segment: (since: Double, bytes: Int)?
    /// After a failure: what is tried again, and not before.
    private var retrySeconds = 0.0
    private var mustSeal = false

    init(_ settings: Settings, now: Double) {
        self.settings = settings
        toldSeconds = now
    }

    /// False where what was read last must be durable first, or a segment sealed, or the disk's share is used up.
    var mayRead: Bool {
        !mustSeal && keptBytes < settings.dataBytesMax && cost < Limits.commitCostMax
    }
    /// True where the share is used up.
    var isFull: Bool { keptBytes >= settings.dataBytesMax }

    func next(now: Double) -> Action {
        if now >= retrySeconds {
            if mustSeal { return .seal }
            if let since = pendingSince,
                cost >= Limits.commitCostMax || now - since >= settings.commitSeconds
            {
                return .commit
            }
            // Nothing happens, and that is worth telling: it is not the same as an agent that is gone.
            if pendingSince == nil, now - toldSeconds >= Limits.quietSecondsMax { return .commit }
            if let segment, pendingSince == nil, isDue(segment, now) { return .seal }
        }
        return mayRead ? .read : .hold
    }

    private func isDue(_ segment: (since: Double, bytes: Int), _ now: Double) -> Bool {
        let age = now - segment.since
        return segment.bytes >= settings.segmentBytesMax
            || age >= settings.segmentSecondsMax && segment.bytes >= Limits.segmentBytesMin
            || age >= Double(Limits.segmentDaySeconds)
    }

    mutating func handle(_ outcome: Outcome, now: Double) {
        switch outcome {
        case .read(let cost):
            self.cost = cost
            if pendingSince == nil { pendingSince = now }
        case .committed(let bytes):
            cost = 0
            pendingSince = nil
            toldSeconds = now
            retrySeconds = 0
            segment = (segment?.since ?? now, bytes)
            // Before anything more is read: the next segment begins with whole clocks.
            mustSeal = bytes >= settings.segmentBytesMax
        case .failed(let isDiskFull):
            retrySeconds = now + Limits.retrySeconds
            // Only a sealed segment can be deleted when it is shipped.
            if isDiskFull, segment != nil {
                mustSeal = true
                retrySeconds = 0
            }
        case .sealed:
            segment = nil
            mustSeal = false
            retrySeconds = 0
        case .sealFailed: retrySeconds = now + Limits.retrySeconds
        case .kept(let bytes): keptBytes = bytes
        }
    }

    /// What was read and not committed was given up, to be read again.
    mutating func forget() {
        cost = 0
        pendingSince = nil
    }
}
