/// What a node tells the program that controls it: a line of JSON on standard output.
package enum Fact: Codable, Hashable, Sendable {
    /// Its process, as Lightcone names it, and the port that the machine chose.
    case started(process: String, port: Int)
    case elected(term: Int)
    case follows(leader: String, term: Int)
    case accepted(entry: Entry)
    case refused(reason: String)
    /// A node has as many entries now.
    case holds(entryCount: Int)
    case met(conflict: Conflict)
    /// It will be isolated when it is elected.
    case ready
    case isolated
    case connected
    /// The last fact of a node that ended in order, and how many events it recorded.
    case ended(eventCount: UInt64)
}
