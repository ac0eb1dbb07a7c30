import Causality

/// The order of two events as far as the evidence goes.
package enum EventOrder: Hashable, Sendable {
    case known(CausalOrder)
    /// What is here does not decide it; `excluded` are the orders that it is not all the same.
    case unknown(Unknown, excluded: [CausalOrder])

    package enum Unknown: Hashable, Sendable {
        /// Because of what is not here.
        case lacking([Lack])
        /// Because each has seen the other, which cannot be.
        case contradiction
        /// Because a process is neither here nor cited.
        case noSuchProcess(ProcessID)
    }
}

/// What would have to be here, or to be decided, for an exact answer.
package enum Lack: Hashable, Sendable, CustomStringConvertible {
    case events(Gap)
    /// The events of the process are here, and say nothing of messages.
    case clocks(ProcessID)
    /// From an event on, stamps may lack something.
    case loss(EventID, Loss.Reason)
    /// The process is a restart, and which event it went on from was lost.
    case origin(ProcessID)
    /// An event received a message whose sender it does not name.
    case sender(EventID)
    /// Up to this one the events of its process were dropped, and with them what they had seen.
    case dropped(EventID)
    /// Several processes bear one name, and a clock or a cause names no more than that.
    case name(ProcessID)
    /// A run is there more than once, from a number on.
    case fork(EventID, isOfOneSource: Bool)
    /// An event whose source does not call it a send is cited as the sender of a message.
    case claim(EventID)
    /// Of a process that is cited nothing is here: it may go on from another one.
    case unheard(ProcessID)
    /// The clocks around the event contradict themselves.
    case consistency(EventID)
    /// The event is here, and its bytes cannot be read any more.
    case unreadable(EventID)

    package var description: String {
        switch self {
        case .events(let gap): "\(gap)"
        case .clocks(let process): "the events of \(process) say nothing of messages"
        case .loss(let event, .unreadableToken):
            "a message came at \(event) whose token could not be read"
        case .loss(let event, .eventsLost):
            "events before \(event) were lost, and with them what they had received"
        case .loss(let event, .clockFull):
            "the clock of \(event) has no room for all that it had seen"
        case .loss(let event, .originUnknown):
            "where \(event.process) went on from was lost"
        case .loss(let event, .frameMissing):
            "what was recorded before \(event) cannot be read, and its clock goes on from there"
        case .loss(let event, .exported):
            "what \(event) had seen was not all known where it was exported"
        case .origin(let process): "where \(process) went on from was lost"
        case .sender(let event): "the sender of the message that \(event) received is not named"
        case .dropped(let event):
            "events of \(event.process) up to \(event.sequence) were dropped"
        case .name(let name): "several processes are called \(name)"
        case .fork(let event, isOfOneSource: false):
            "two machines record as \(event.process) (from \(event.sequence) on)"
        case .fork(let event, isOfOneSource: true):
            "two different events are numbered \(event)"
        case .claim(let event): "\(event) is cited as the sender of a message, and is no send"
        case .unheard(let process):
            "nothing of \(process) is here, which may go on from another process"
        case .consistency(let event): "the clocks contradict themselves around \(event)"
        case .unreadable(let event): "\(event) is here, and cannot be read (lightcone defects)"
        }
    }

    /// The kinds in the order in which they are listed; within a kind what it is about.
    private var listing: (kind: Int, process: ProcessID, sequence: UInt64, reason: UInt8) {
        switch self {
        case .events(let gap): (0, gap.process, gap.first, 0)
        case .clocks(let process): (1, process, 0, 0)
        case .loss(let event, let reason): (2, event.process, event.sequence, reason.rawValue)
        case .origin(let process): (3, process, 0, 0)
        case .sender(let event): (4, event.process, event.sequence, 0)
        case .name(let process): (5, process, 0, 0)
        case .fork(let event, _): (6, event.process, event.sequence, 0)
        case .claim(let event): (7, event.process, event.sequence, 0)
        case .unheard(let process): (8, process, 0, 0)
        case .consistency(let event): (9, event.process, event.sequence, 0)
        case .unreadable(let event): (10, event.process, event.sequence, 0)
        case .dropped(let event): (11, event.process, event.sequence, 0)
        }
    }

    static func listedBefore(_ a: Lack, _ b: Lack) -> Bool {
        let (x, y) = (a.listing, b.listing)
        if x.kind != y.kind { return x.kind < y.kind }
        if x.process != y.process { return listingOrder(x.process, y.process) }
        return (x.sequence, x.reason) < (y.sequence, y.reason)
    }
}
