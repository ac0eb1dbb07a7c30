/// The limits of the archive's files.
package enum Limits {
    /// Entries of one block of knowledge: some 10 kB, which are read and decoded in a tenth of a millisecond.
    static let knowledgeEntries = 2_048
    /// Bytes of a page of processes, unless one alone takes more: a few hundred processes' facts are read at once.
    static let processPageBytes = 8 << 10
    /// Processes of a page of names: 12 bytes each, 6 kB.
    static let namesOfPage = 512
    /// Bytes of one block, page or footer: what claims more is damage.
    static let blockBytesMax = 1 << 30
    /// Entries of decoded blocks and pages that an open file keeps: some 32 MB.
    static let cachedEntriesMax = 1 << 20
}
