/// A process as a clock, a token or a cause refers to it.
package enum ProcessReference: Hashable, Sendable {
    /// A run, by its key: what recorders write. It means one process, whatever that is called.
    case run(RunKey)
    /// A name: what logs write. It means a process only while one run bears the name.
    case named(ProcessID)
}

/// An event as another one refers to it.
package struct EventReference: Hashable, Sendable {
    package var process: ProcessReference
    package var sequence: UInt64
    /// What the referring event says that a run is called, where it says so: a token carries its sender's name.
    package var name: ProcessID?

    package init(_ process: ProcessReference, _ sequence: UInt64, name: ProcessID? = nil) {
        self.process = process
        self.sequence = sequence
        self.name = name
    }

    /// An event of a process that is known by its name alone.
    package init(_ event: EventID) { self.init(.named(event.process), event.sequence) }
}

/// What a run goes on from: said by the run itself, with each of its events.
package enum Origin: Hashable, Sendable {
    /// Nothing: it is the first of its line, or has nothing to do with the one before it (two programs of one name).
    case nothing
    /// An event of an earlier run. Whoever knows of this run knows that event too, so clocks leave it out.
    case event(RunKey, UInt64)
    /// An earlier run, of which it could not be told where it ended.
    case unknown
}

extension ProcessReference {
    /// An order for tables: runs by key, then names. It says nothing about time.
    package static func isBefore(_ a: ProcessReference, _ b: ProcessReference) -> Bool {
        switch (a, b) {
        case (.run(let a), .run(let b)): a.bits < b.bits
        case (.named(let a), .named(let b)): listingOrder(a, b)
        case (.run, .named): true
        case (.named, .run): false
        }
    }
}
