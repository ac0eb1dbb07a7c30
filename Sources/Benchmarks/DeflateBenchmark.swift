import CZlib
import Disks
import Glibc

/// `lightcone-bench deflate`: what deflate alone takes for a file, the physical limit of keeping its text.
enum DeflateBenchmark {
    /// Compressed each for itself: enough for a window of 32 KiB to matter no more.
    private static let pieceBytes = 1 << 20

    static func run(_ arguments: [String]) {
        let arguments = Arguments(
            arguments, values: [], usage: "lightcone-bench deflate LEVEL FILE")
        guard arguments.others.count == 2, let level = Int32(arguments.others[0]),
            (1...9).contains(level)
        else { arguments.refuse("expected a level from 1 to 9, and a file") }
        do {
            let file = try RealDisk().open(arguments.others[1], .read)
            var (offset, storedBytes, cpu) = (0, 0, 0.0)
            var packed = [UInt8](repeating: 0, count: Int(compressBound(uLong(pieceBytes))))
            while true {
                let piece = try file.read(at: offset, count: pieceBytes)
                if piece.isEmpty { break }
                offset += piece.count
                var size = uLong(packed.count)
                let before = cpuSeconds()
                compress2(&packed, &size, piece, uLong(piece.count), level)
                cpu += cpuSeconds() - before
                storedBytes += Int(size)
            }
            print("{\"bytes\":\(offset),\"storedBytes\":\(storedBytes),\"cpuSeconds\":\(cpu)}")
        } catch {
            complain("\(error)")
            exit(3)
        }
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
