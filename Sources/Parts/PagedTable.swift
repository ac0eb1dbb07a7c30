import Causality
import Segments

/// Entries of one size in pages of `Limits.pageBytes`, each with its checksum: a binary search reads a page a step.
///
///     page = entry*, 0*, crc32 of what precedes u32
struct PagedTable: Hashable, Sendable {
    /// What the table is of, for messages.
    let name: String
    /// Where it begins in the file.
    let offset: Int
    let entryByteCount: Int
    /// How many entries it has.
    let count: Int

    var entriesOfPage: Int { (Limits.pageBytes - 4) / entryByteCount }
    var pageCount: Int { (count + entriesOfPage - 1) / entriesOfPage }
    var byteCount: Int { pageCount * Limits.pageBytes }

    /// The pages of a table. O(bytes).
    func pages(_ entries: [UInt8]) -> [UInt8] {
        var pages: [UInt8] = []
        pages.reserveCapacity(byteCount)
        for page in 0..<pageCount {
            let start = page * entriesOfPage * entryByteCount
            var bytes = Array(
                entries[start..<min(start + entriesOfPage * entryByteCount, entries.count)])
            bytes += [UInt8](repeating: 0, count: Limits.pageBytes - 4 - bytes.count)
            var writer = ByteWriter()
            writer.fixed32(checksum(bytes))
            pages += bytes + writer.bytes
        }
        return pages
    }

    /// Checks a page.
    func check(_ bytes: [UInt8], page: Int) throws(FormatError) {
        let what = "page \(page) of the \(name)"
        guard bytes.count == Limits.pageBytes else {
            throw FormatError(
                what: "\(what): expected \(Limits.pageBytes) bytes, found \(bytes.count)", offset: 0
            )
        }
        var reader = ByteReader(bytes, from: Limits.pageBytes - 4)
        let expected = try reader.fixed32(what)
        let found = checksum(bytes[..<(Limits.pageBytes - 4)])
        guard expected == found else { throw wrongChecksum(what, expected, found, at: 0) }
    }
}
