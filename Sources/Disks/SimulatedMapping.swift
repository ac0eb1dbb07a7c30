/// Memory that a program has mapped a file to.
///
/// Unchecked because it holds a pointer: its program and the disk take turns, since a simulation has one thread.
final class SimulatedMapping: MappedFile, @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) {
        self.byteCount = byteCount
        base = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }

    deinit { base.deallocate() }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
        bytes.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                (base + offset).copyMemory(from: start, byteCount: bytes.count)
            }
        }
    }
}
