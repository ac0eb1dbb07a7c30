import Causality
import Testing

@testable import Segments

enum Checkpoints {
    /// One of each kind of source.
    static func all(offset: UInt64, hasUnmatched: Bool = false) -> [SourceCheckpoint] {
        var fingerprint = ContentHash()
        fingerprint.update(Array("beginning \(offset)".utf8))
        let file = FileProgress(
            path: "/var/log/ü.log", generation: 2, device: 1, inode: .max, offset: offset,
            fingerprint: fingerprint, readerState: offset == 0 ? [] : [1, 2, 3])
        let journal = JournalProgress(
            path: "/run/lightcone/journals/1", device: 3, inode: 4, sequence: 10 * offset,
            chunk: offset, isWhole: offset % 2 == 0)
        return [
            SourceCheckpoint(
                number: 1, .file(file), isFinished: offset > 5,
                unmatchedCount: hasUnmatched ? 9 : 0,
                unmatched: hasUnmatched
                    ? [
                        UnmatchedLine(
                            line: 3, execution: "main", reason: "no match", text: "\u{0}???")
                    ] : []),
            SourceCheckpoint(number: 2, .journal(journal), isFinished: false),
            SourceCheckpoint(
                number: 300, .imported(ImportProgress(path: "/x", offset: offset)),
                isFinished: true),
        ]
    }
}

@Suite struct CheckpointTests {
    @Test func eachKindComesBack() throws {
        var named: Set<UInt64> = []
        var known: [UInt64: SourceCheckpoint.Progress] = [:]
        var sizes: [Int] = []
        for round in 0..<9 as Range<UInt64> {
            let commit = Commit(
                host: "web-1", readUpTo: WallTime(nanoseconds: Int64(round)),
                checkpoints: Checkpoints.all(offset: round, hasUnmatched: round == 4).reversed())
            #expect(
                commit.checkpoints.map(\.number) == [1, 2, 300], "in the order of their numbers")
            let bytes = commit.encoded(named: &named)
            #expect(try Commit(decoding: bytes, named: &known) == commit)
            sizes.append(bytes.count)
        }
        #expect(sizes[1] < sizes[0], "a source is named once")
        #expect(known.count == 3)
    }

    /// Who reads a part of a segment finds how far, if not of what.
    @Test func withoutItsNameASourceHasAnEmptyPath() throws {
        var named: Set<UInt64> = [1, 2, 300]
        let commit = Commit(checkpoints: Checkpoints.all(offset: 7))
        let bytes = commit.encoded(named: &named)
        var known: [UInt64: SourceCheckpoint.Progress] = [:]
        let found = try Commit(decoding: bytes, named: &known).checkpoints
        #expect(found.map(\.path) == ["", "", ""])
        #expect(found.map(\.number) == [1, 2, 300] && found[0].isFinished)
        guard case .file(let file) = found[0].progress,
            case .journal(let journal) = found[1].progress,
            case .imported(let log) = found[2].progress
        else {
            Issue.record("\(found)")
            return
        }
        #expect(file.offset == 7 && file.readerState == [1, 2, 3] && journal.sequence == 70)
        #expect(log.offset == 7)
    }

    @Test func aNumberIsOneKindOfSource() throws {
        var named: Set<UInt64> = [1, 2, 300]
        let bytes = Commit(checkpoints: Checkpoints.all(offset: 7)).encoded(named: &named)
        var known = [
            UInt64(1): SourceCheckpoint.Progress.imported(ImportProgress(path: "", offset: 1))
        ]
        #expect(throws: FormatError.self) { try Commit(decoding: bytes, named: &known) }
    }

    @Test func unmatchedLinesNameTheirSourceWhereverTheyAreShown() throws {
        var named: Set<UInt64> = [1, 2, 300]
        let bytes = Commit(checkpoints: Checkpoints.all(offset: 7, hasUnmatched: true))
            .encoded(named: &named)
        var known: [UInt64: SourceCheckpoint.Progress] = [:]
        let found = try Commit(decoding: bytes, named: &known).checkpoints
        #expect(found[0].path == "/var/log/ü.log" && found[0].unmatched.count == 1)
        #expect(found[0].unmatchedCount == 9)
    }

    @Test(arguments: 0..<40) func cutCommitsAreDamage(cut: Int) throws {
        var named: Set<UInt64> = []
        let bytes = Commit(host: "h", checkpoints: Checkpoints.all(offset: 7)).encoded(
            named: &named)
        var known: [UInt64: SourceCheckpoint.Progress] = [:]
        #expect(throws: FormatError.self) {
            try Commit(decoding: Array(bytes.prefix(cut)), named: &known)
        }
    }
}
