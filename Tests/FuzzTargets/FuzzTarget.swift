/// A promise that an input broke, in words.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Throws where a promise does not hold.
func promise(_ holds: Bool, _ what: @autoclosure () -> String) throws(BrokenPromise) {
    guard holds else { throw BrokenPromise(what()) }
}

/// One decoder of bytes from outside, with what it promises whatever the bytes are. That it does not trap goes without saying.
///
/// Bytes that are guarded by a checksum are not fuzzed as they are: nothing would come past it. There the input is what the
/// checksum guards, and the target seals it.
package struct FuzzTarget: Sendable {
    /// As Scripts/fuzz and the folders of the corpora call it.
    package let name: String
    /// Inputs that are accepted, from which mutations start.
    package let seeds: @Sendable () throws -> [[UInt8]]
    /// Decodes the bytes, and checks what is promised of that; throws a `BrokenPromise`. The same bytes do the same.
    package let run: @Sendable ([UInt8]) throws -> Void
    /// How many mutations a test tries.
    package let mutations: Int

    /// - Parameter mutations: Fewer where each makes an archive.
    init(
        _ name: String, mutations: Int = 500, seeds: @escaping @Sendable () throws -> [[UInt8]],
        run: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.mutations = mutations
        self.seeds = seeds
        self.run = run
    }
}

extension FuzzTarget {
    package static let all = [
        frame, commit, segment, token, journal, part, block, order, json, time, selection, pattern,
        question, query, jsonLines, mappedLines, goVector, shiViz, regexLog, plainText, logState,
        event,
        logEntry, proof,
        catalogue, upload, request, localInterface, agentConfiguration, collectorConfiguration,
    ]
}
