import CDeflate

/// Deflate (RFC 1951) in zlib framing (RFC 1950), read by libdeflate: as much at once as there is, in half the time that zlib
/// takes.
enum Inflation {
    /// The bytes that were packed; nil where they are damaged, or not so many. O(n).
    static func unpacked(_ packed: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        guard let reader = libdeflate_alloc_decompressor() else { return nil }
        defer { libdeflate_free_decompressor(reader) }
        var isWhole = false
        // It wants somewhere to write, also where nothing is.
        let raw = [UInt8](unsafeUninitializedCapacity: max(count, 1)) { buffer, written in
            var taken = 0
            let result = libdeflate_zlib_decompress_ex(
                reader, packed.baseAddress, packed.count, buffer.baseAddress, count, &taken, nil)
            isWhole = result == LIBDEFLATE_SUCCESS && taken == packed.count
            written = isWhole ? count : 0
        }
        return isWhole ? raw : nil
    }
}
