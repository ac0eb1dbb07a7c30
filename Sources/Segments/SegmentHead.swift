import Causality
import Crypto

/// What a segment has come to: how far it goes, and what the chains of its runs say. An agent signs it when it seals the segment,
/// so that nobody else can make up what it recorded.
///
///     head = agent 16, segment 16, creation time (zigzag), bytes, digest 16, count, (execution, run 16, events, digest 32)*
///     what is signed (Ed25519, RFC 8032) = "lightcone segment head 1\n", head
package struct SegmentHead: Hashable, Sendable {
    package var header: SegmentHeader
    /// Bytes up to here: without the footer.
    package var byteCount: Int
    /// Of the last frame; of the header where there is none.
    package var digest: [UInt8]
    /// Of one that is sealed: its chains, in their order.
    package var runs: [Run]

    package struct Run: Hashable, Sendable {
        package var run: ChainedRun
        package var eventCount: Int
        /// SHA-256 of the digests of the chain's steps, one after another.
        package var digest: [UInt8]

        package init(run: ChainedRun, chain: RunChain) {
            self.run = run
            eventCount = chain.eventCount
            digest = Self.digest(of: chain.steps)
        }

        init(run: ChainedRun, eventCount: Int, digest: [UInt8]) {
            self.run = run
            self.eventCount = eventCount
            self.digest = digest
        }

        package static func digest(of steps: [[UInt8]]) -> [UInt8] {
            var hash = SHA256()
            for step in steps { hash.update(data: step) }
            return Array(hash.finalize())
        }
    }

    /// - Parameter chains: Sealed ones.
    package init(
        header: SegmentHeader, byteCount: Int, digest: [UInt8],
        chains: [ChainedRun: RunChain] = [:]
    ) {
        self.header = header
        self.byteCount = byteCount
        self.digest = digest
        runs = chains.sorted { ChainedRun.isBefore($0.key, $1.key) }.map { run, chain in
            Run(run: run, chain: chain)
        }
    }

    var signedBytes: [UInt8] {
        var writer = ByteWriter()
        writer.bytes("lightcone segment head 1\n".utf8)
        writer.head(self)
        return writer.bytes
    }
}

/// An agent's word for the head of a segment.
package struct HeadSignature: Hashable, Sendable {
    package static let keyByteCount = 32
    package static let signatureByteCount = 64

    /// Ed25519.
    package var publicKey: [UInt8]
    package var bytes: [UInt8]

    package init(publicKey: [UInt8], bytes: [UInt8]) {
        self.publicKey = publicKey
        self.bytes = bytes
    }

    /// A public key from 64 hexadecimal digits; nil where these are none.
    package static func key(hex text: String) -> [UInt8]? {
        let halves = [text.prefix(32), text.dropFirst(32)].compactMap { Identity128(hex: $0) }
        guard halves.count == 2 else { return nil }
        let bytes = halves.flatMap(\.bytes)
        return (try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)) == nil ? nil : bytes
    }

    package func isValid(for head: SegmentHead) -> Bool {
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: publicKey) else {
            return false
        }
        return key.isValidSignature(bytes, for: head.signedBytes)
    }
}

extension ByteWriter {
    package mutating func head(_ head: SegmentHead) {
        bytes(head.header.agent.bytes)
        bytes(head.header.segment.bytes)
        zigzag(head.header.created.nanoseconds)
        varint(head.byteCount)
        bytes(head.digest)
        varint(head.runs.count)
        for run in head.runs {
            string(run.run.execution)
            bytes(run.run.run.bytes)
            varint(run.eventCount)
            bytes(run.digest)
        }
    }

    /// Whether there is one u8, [public key 32, signature 64].
    package mutating func signature(_ signature: HeadSignature?) {
        byte(signature == nil ? 0 : 1)
        guard let signature else { return }
        bytes(signature.publicKey)
        bytes(signature.bytes)
    }
}

extension ByteReader {
    /// O(bytes): each run takes as many.
    package mutating func head() throws(FormatError) -> SegmentHead {
        let agent = Identity128(bytes: try bytes(16, "agent"))
        let segment = Identity128(bytes: try bytes(16, "segment"))
        let created = WallTime(nanoseconds: try zigzag("creation time"))
        var head = SegmentHead(
            header: SegmentHeader(agent: agent, segment: segment, created: created),
            byteCount: try count(Int(Causality.Limits.sequenceMax), "bytes"),
            digest: try bytes(SegmentWriter.digestByteCount, "digest"))
        for _ in 0..<(try count(remaining, "runs")) {
            let run = ChainedRun(
                execution: try string(Causality.Limits.nameBytesMax, "execution"),
                run: Identity128(bytes: try bytes(16, "run")))
            head.runs.append(
                SegmentHead.Run(
                    run: run, eventCount: try count(.max, "events of a chain"),
                    digest: try bytes(RunChain.digestByteCount, "digest")))
        }
        return head
    }

    package mutating func signature() throws(FormatError) -> HeadSignature? {
        switch try byte("signature") {
        case 0: return nil
        case 1:
            return HeadSignature(
                publicKey: try bytes(HeadSignature.keyByteCount, "key"),
                bytes: try bytes(HeadSignature.signatureByteCount, "signature"))
        case let other: throw malformed("signature: expected 0 or 1, found \(other)")
        }
    }
}
