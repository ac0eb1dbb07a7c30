import Causality
import Segments

/// A frame of sections that nobody encoded, with right checksums: what a hostile agent could send. As it is made it holds one
/// event of one process; tests put other parts in.
package struct RawFrame: Sendable {
    package var rows = 1
    package var processes = 1

    package init() {}

    // The parts of the order section.
    package var unit: [UInt8] = [0]
    package var executions = bytes { $0.texts(["main"]) }
    package var hosts = bytes { $0.texts(["h"]) }
    package var keys = bytes { writer in
        writer.numbers(1, 0, 0, 0, 1)
        writer.string("p")
    }
    package var further: [UInt8] = [0]
    package var claimed: [UInt8] = [0]
    package var counts: [UInt8] = [1]
    package var predecessors: [UInt8] = [0]
    package var sequences: [UInt8] = [2, 1]
    package var wholes: [UInt8] = [0]
    package var kinds: [UInt8] = [0]
    package var losses: [UInt8] = []
    package var times: [UInt8] = []
    package var changes: [UInt8] = [0]
    package var causes: [UInt8] = [0]
    package var rulings: [UInt8] = [0]
    package var orderRest: [UInt8] = []
    // The parts of the content section.
    package var names: [UInt8] = [1, 0]
    package var attributeKeys: [UInt8] = [0]
    package var shapes: [UInt8] = [1, 0]
    /// None: each row has its own.
    package var formCount: [UInt8] = [0]
    package var nameOf: [UInt8] = [0]
    package var levels: [UInt8] = [0]
    package var shapeOf: [UInt8] = [0]
    package var textOf: [UInt8] = [0]
    package var formOf: [UInt8] = []
    package var texts: [UInt8] = [0, 0]
    package var columns: [UInt8] = []
    package var contentRest: [UInt8] = []

    package static func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        body(&writer)
        return writer.bytes
    }

    /// Of `count` rows, all of the one process, with nothing in them.
    package static func ofRows(_ count: Int) -> RawFrame {
        var frame = RawFrame()
        let zeros = [UInt8](repeating: 0, count: count)
        frame.rows = count
        frame.counts = bytes { $0.varint(count) }
        frame.sequences = bytes {
            $0.zigzag(1)
            $0.varint(count)
        }
        (frame.kinds, frame.changes) = (zeros, zeros)
        (frame.nameOf, frame.levels, frame.shapeOf, frame.textOf) = (zeros, zeros, zeros, zeros)
        return frame
    }

    package var order: [UInt8] {
        [
            unit, executions, hosts, keys, further, claimed, counts, predecessors, sequences,
            wholes, kinds, losses, times, changes, causes, rulings, orderRest,
        ].flatMap { $0 }
    }

    package var content: [UInt8] {
        [
            names, attributeKeys, shapes, formCount, nameOf, levels, shapeOf, textOf, formOf, texts,
            columns, contentRest,
        ].flatMap { $0 }
    }

    /// The whole frame, with right checksums.
    package var bytes: [UInt8] {
        RawFrame.sealed(order, content, rows: rows, processes: processes)
    }

    package var stored: StoredFrame {
        get throws { try StoredFrame(decoding: bytes, at: SegmentHeader.byteCount) }
    }

    /// A frame of these sections, whatever they say.
    package static func sealed(
        _ order: [UInt8], _ content: [UInt8], rows: Int, processes: Int, orderClaim: Int? = nil,
        contentClaim: Int? = nil
    ) -> [UInt8] {
        let (orderCodec, packedOrder) = Codec.pack(order)
        let (contentCodec, packedContent) = Codec.pack(content)
        let header = FrameHeader(
            endsCommit: false, orderCodec: orderCodec, contentCodec: contentCodec, rowCount: rows,
            processCount: processes, orderRawCount: orderClaim ?? order.count,
            contentRawCount: contentClaim ?? content.count, orderByteCount: packedOrder.count,
            contentByteCount: packedContent.count, commitByteCount: 0,
            previousDigest: [UInt8](repeating: 0, count: 16), orderChecksum: checksum(packedOrder),
            contentChecksum: checksum(packedContent), commitChecksum: checksum([]))
        return header.encoded() + packedOrder + packedContent
    }
}

extension ByteWriter {
    package mutating func numbers(_ numbers: Int...) {
        for number in numbers { varint(number) }
    }

    package mutating func texts(_ texts: [String]) {
        varint(texts.count)
        for text in texts { string(text) }
    }
}

extension StoredFrame {
    package init(
        raw order: [UInt8], _ content: [UInt8], rows: Int, processes: Int, orderClaim: Int? = nil,
        contentClaim: Int? = nil
    ) throws {
        let bytes = RawFrame.sealed(
            order, content, rows: rows, processes: processes, orderClaim: orderClaim,
            contentClaim: contentClaim)
        try self.init(decoding: bytes, at: SegmentHeader.byteCount)
    }
}
