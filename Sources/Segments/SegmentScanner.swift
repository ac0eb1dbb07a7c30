import Causality

/// Bytes of a segment that cannot be read.
package struct SegmentDamage: Hashable, Sendable {
    package let offset: Int
    package let byteCount: Int
    package let text: String
    /// True where nothing intact follows in a segment without a footer: an append that was cut short.
    package let isTail: Bool
}

/// Reads a segment frame by frame, past whatever damage it has. Memory: one frame, whatever the segment's size.
package struct SegmentScanner<Source: ByteSource & ~Copyable>: ~Copyable {
    package enum Item: Sendable {
        case frame(StoredFrame)
        case damage(SegmentDamage)
    }

    private let source: Source
    private let end: Int
    /// nil until the first `next()`, and where it is damaged.
    package private(set) var header: SegmentHeader?
    /// The bytes of the footer, once an intact one was read.
    package private(set) var footer: [UInt8]?
    package var isSealed: Bool { footer != nil }
    /// The end of the last intact frame (or header, or footer).
    package private(set) var intactEnd = 0
    private var isBegun = false
    private var offset = 0
    /// True where nothing behind damage is wanted.
    private var stopsAtDamage = false
    /// Where to look for the next frame if the one being read turns out to be damaged.
    private var resumeOffset = 0
    /// Of the frame (or file header) that was read last; nil behind damage.
    package private(set) var digest: [UInt8]?
    private var frameCount = 0
    /// True where all frames before the place were seen, and are intact.
    private var isWhole = true
    private var queued: [Item] = []

    /// Scans `source` up to `end`, or all of it.
    package init(_ source: consuming Source, to end: Int? = nil) {
        self.end = min(end ?? .max, source.byteCount)
        self.source = source
    }

    /// Scans what was appended to a segment at `start`, up to the end of `source`. How many frames a footer may count
    /// cannot be told from a part. It ends at the first damage: nobody wants what follows.
    package init(_ source: consuming Source, appendedAt start: Int, after digest: [UInt8]) {
        end = source.byteCount
        self.source = source
        isBegun = true
        stopsAtDamage = true
        isWhole = false
        offset = start
        intactEnd = start
        self.digest = digest
    }

    /// Goes on with frames that were appended at `start`, where an earlier scan ended; damage is passed over as in a whole scan.
    ///
    /// - Parameter digest: Of the frame before `start`, where it is known.
    package init(
        _ source: consuming Source, from start: Int, to end: Int, after digest: [UInt8]? = nil
    ) {
        self.end = min(end, source.byteCount)
        self.source = source
        isBegun = start > 0
        self.digest = digest
        isWhole = false
        offset = start
        intactEnd = start
    }

    /// The next frame or damage, or nil at the end. Throws only where reading itself fails.
    package mutating func next() throws(SegmentError) -> Item? {
        if !queued.isEmpty { return queued.removeFirst() }
        if !isBegun {
            isBegun = true
            if let damage = try readHeader() { return .damage(damage) }
        }
        while offset < end, !isSealed {
            do {
                if let frame = try readFrame(at: offset) { return admit(frame) }
                try readFooter()
            } catch .malformed(let error) {
                return try skip(because: "\(error.what) (at byte \(offset + error.offset))")
            }
        }
        return nil
    }

    private mutating func readHeader() throws(SegmentError) -> SegmentDamage? {
        let bytes = try source.bytes(at: 0, count: min(SegmentHeader.byteCount, end))
        do throws(FormatError) {
            header = try SegmentHeader(decoding: bytes)
            digest = SegmentWriter.digest(bytes)
            offset = SegmentHeader.byteCount
            intactEnd = offset
            return nil
        } catch {
            isWhole = false
            offset = try nextHeader(after: 0) ?? end
            return SegmentDamage(
                offset: 0, byteCount: offset, text: "\(error)", isTail: offset == end)
        }
    }

    /// The frame at `offset`, or nil where a footer begins there.
    private mutating func readFrame(at offset: Int) throws(SegmentError) -> StoredFrame? {
        let head = try source.bytes(at: offset, count: min(FrameHeader.byteCount, end - offset))
        if head.starts(with: SegmentFooter.magic) { return nil }
        let header = try SegmentError.decoding { () throws(FormatError) in
            try FrameHeader(atStartOf: head)
        }
        guard header.frameByteCount <= end - offset else {
            throw .malformed(
                FormatError(
                    what:
                        "a frame of \(header.frameByteCount) bytes: only \(end - offset) are left",
                    offset: 0))
        }
        // The header tells where the frame ends; nothing inside it can be another one.
        resumeOffset = offset + header.frameByteCount
        let bytes = try source.bytes(at: offset, count: header.frameByteCount)
        return try SegmentError.decoding { () throws(FormatError) in
            try StoredFrame(decoding: bytes, at: offset)
        }
    }

    private mutating func admit(_ frame: StoredFrame) -> Item {
        let expected = digest
        digest = frame.digest
        offset = frame.offset + frame.bytes.count
        intactEnd = offset
        frameCount += 1
        guard let expected, expected != frame.header.previousDigest else { return .frame(frame) }
        isWhole = false
        queued.append(.frame(frame))
        return .damage(
            SegmentDamage(
                offset: frame.offset, byteCount: 0,
                text:
                    "the digest of the frame before does not match: a frame was taken out or replaced "
                    + "(at byte \(frame.offset))", isTail: false))
    }

    private mutating func readFooter() throws(SegmentError) {
        guard end - offset <= Limits.footerBytesMax else {
            throw .malformed(
                FormatError(what: "footer: more than \(Limits.footerBytesMax) bytes", offset: 0))
        }
        let bytes = try source.bytes(at: offset, count: end - offset)
        try SegmentError.decoding { () throws(FormatError) in
            do throws(FormatError) {
                try SegmentFooter.check(
                    bytes, at: offset, frameCount: isWhole ? frameCount : nil, digest: digest)
            } catch {
                throw FormatError(what: error.what, offset: 0)
            }
        }
        footer = bytes
        offset = end
        intactEnd = end
    }

    /// Damage at `offset`: goes on at the next frame whose header is intact.
    private mutating func skip(because text: String) throws(SegmentError) -> Item {
        let start = offset
        offset =
            stopsAtDamage ? end : try nextHeader(after: max(start, resumeOffset - 1)) ?? end
        digest = nil
        isWhole = false
        return .damage(
            SegmentDamage(
                offset: start, byteCount: offset - start, text: text, isTail: offset == end))
    }

    /// The next offset above `start` at which a frame header is intact, or a footer begins.
    private func nextHeader(after start: Int) throws(SegmentError) -> Int? {
        let window = 64 * 1024
        var position = start + 1
        while position < end {
            let bytes = try source.bytes(at: position, count: min(window + 3, end - position))
            for index in bytes.indices where bytes[index] == UInt8(ascii: "L") {
                guard index + 4 <= bytes.count else { break }
                if bytes[index..<index + 4].elementsEqual(FrameHeader.magic),
                    try hasHeader(at: position + index)
                {
                    return position + index
                }
                if bytes[index..<index + 4].elementsEqual(SegmentFooter.magic),
                    try hasFooter(at: position + index)
                {
                    return position + index
                }
            }
            position += window
        }
        return nil
    }

    private func hasHeader(at offset: Int) throws(SegmentError) -> Bool {
        let head = try source.bytes(at: offset, count: min(FrameHeader.byteCount, end - offset))
        return (try? FrameHeader(atStartOf: head)) != nil
    }

    private func hasFooter(at offset: Int) throws(SegmentError) -> Bool {
        guard end - offset >= SegmentFooter.trailerByteCount + 8,
            end - offset <= Limits.footerBytesMax
        else { return false }
        let trailer = try source.bytes(
            at: end - SegmentFooter.trailerByteCount, count: SegmentFooter.trailerByteCount)
        var reader = ByteReader(trailer, from: 4)
        return (try? reader.fixed64("footer")) == UInt64(offset)
    }
}

/// Where things lie in a segment, without decoding them.
package enum SegmentLayout {
    /// The header of the frame at `offset`; nil where the footer begins there, which reaches to `end`.
    package static func frame(
        _ source: borrowing some ByteSource & ~Copyable, at offset: Int, end: Int
    ) throws(SegmentError) -> FrameHeader? {
        let head = try source.bytes(at: offset, count: FrameHeader.byteCount)
        if head.starts(with: SegmentFooter.magic) { return nil }
        let header = try SegmentError.decoding { () throws(FormatError) in
            try FrameHeader(atStartOf: head)
        }
        guard header.frameByteCount <= end - offset else {
            throw .malformed(
                FormatError(
                    what:
                        "a frame of \(header.frameByteCount) bytes: only \(end - offset) are left",
                    offset: offset))
        }
        return header
    }
}
