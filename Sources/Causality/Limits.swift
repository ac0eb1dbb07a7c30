/// The limits of what an event may be. What exceeds one is refused by the room that reads it, with a
/// message that names the limit, the value and the place.
@usableFromInline
package enum Limits {
    /// Bytes of one event as recorded: a log line beyond 1 MiB is a dump, not an event.
    @inlinable package static var eventBytesMax: Int { 1 << 20 }
    /// Bytes of a process, host, execution or event name, and of an attribute key.
    @inlinable package static var nameBytesMax: Int { 256 }
    /// Bytes of a host's name: with a `/` and a process's name it fits a name.
    package static let hostBytesMax = 64
    /// Bytes of what a program calls its process.
    package static let processNameBytesMax = 190
    /// Attributes of one event.
    package static let attributesMax = 128
    /// Messages that one event may have received: a batch consumer's, or a barrier's.
    package static let causesMax = 1_024
    /// Entries of one vector clock: fits 16 bits where clocks are packed.
    package static let clockEntriesMax = 65_535
    /// The highest sequence number: leaves room for sums in 64 bits without overflow.
    package static let sequenceMax: UInt64 = 1 << 62
    /// The highest incarnation of a process.
    package static let incarnationMax: UInt32 = 1 << 30
    /// Bytes that are kept of a line that was no event, for a person to recognise it by.
    package static let unmatchedLineBytesMax = 256
    /// Processes of which a batch remembers the last event, from which the next one's clock may go on.
    package static let processesGoingOnMax = 65_536
    /// How deep JSON may nest: no log nests deeper, and the scanner's stack stays small.
    package static let jsonDepthMax = 64
}
