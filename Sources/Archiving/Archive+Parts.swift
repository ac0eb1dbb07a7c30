import Causality
import Disks
import Parts
import Segments

/// Where rows of an execution lie: a frame of a segment, or rows of a part that were frames of one.
package enum EventPlace: Hashable, Sendable {
    case frame(FramePlace)
    case rows(part: Identity128, PartFrame)
    /// Events that were taken and cannot be found.
    case damage(String)

    /// Whether a frame of a segment reaches beyond a byte of it.
    package func isFrom(_ offset: Int) -> Bool {
        guard case .frame(let place) = self else { return true }
        return place.offset + place.byteCount > offset
    }
}

extension Archive {
    /// The parts that hold events of an execution.
    package func parts(of execution: String) throws(ArchiveError) -> [Identity128] {
        try sources(of: execution).parts
    }

    /// What a part has of an execution, in the order of `PartFrame.isBefore`; what is wrong with it as text.
    package func frames(
        of execution: String, in part: Identity128
    ) throws(ArchiveError) -> (frames: [PartFrame], damage: [String]) {
        do throws(PartError) {
            let listing = try open(part).frames(of: execution)
            return (listing.frames, listing.damage.map { "\($0)" })
        } catch {
            return ([], ["part \(part): acknowledged data was lost: \(error)"])
        }
    }

    /// The rows of a place. Throws `.damaged` where they cannot be read as they were acknowledged.
    ///
    /// - Parameter hasContent: Whether what they say is read too.
    package func batch(
        at place: EventPlace, hasContent: Bool
    ) throws(ArchiveError) -> EventBatch {
        switch place {
        case .damage(let text): throw .damaged(text)
        case .frame(let place):
            let frame = try read(place)
            do throws(FormatError) {
                return hasContent ? try frame.batch() : try frame.causality()
            } catch {
                throw .damaged("\(error)")
            }
        case .rows(let part, let frame):
            do throws(PartError) {
                return try open(part).batch(of: frame, hasContent: hasContent)
            } catch {
                throw .damaged("part \(part): \(error)")
            }
        }
    }

    /// A part, opened once.
    private func open(_ part: Identity128) throws(PartError) -> PartFile {
        if let known = openParts.withLock({ $0[part] }) { return known }
        let file = try PartFile(partPath(part), on: disk)
        openParts.withLock { $0[part] = file }
        return file
    }

    /// What is wrong with segments of an execution that reading them does not tell.
    package func brokenChains(of execution: String) throws(ArchiveError) -> [String] {
        try catalogue.brokenChains(of: execution)
    }
}
