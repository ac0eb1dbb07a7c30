import Testing

@testable import Causality

@Suite struct SipHashTests {
    /// As the reference implementation's `vectors_sip64` has them: the key 00 01 … 0f, the input 00 01 … of 8 bytes and more.
    @Test(
        arguments: zip(
            8...15,
            [
                0x93f5_f579_9a93_2462, 0x9e00_82df_0ba9_e4b0, 0x7a5d_bbc5_94dd_b9f3,
                0xf4b3_2f46_226b_ada7, 0x751e_8fbc_860e_e5fb, 0x14ea_5627_c084_3d90,
                0xf723_ca90_8e7a_f2ee, 0xa129_ca61_49be_45e5,
            ] as [UInt64]))
    func asItsAuthorsHaveIt(_ count: Int, _ expected: UInt64) {
        let hash = SipHash(key: Identity128(bytes: (0..<16).map { UInt8($0) }))
        let rest = (8..<count).map { UInt8($0) }
        #expect(rest.withUnsafeBytes { hash.hash(0x0706_0504_0302_0100, $0) } == expected)
    }

    @Test func everyBitOfTheKeyAndOfTheBytesCounts() {
        let key = Identity128(high: 1, low: 2)
        var seen: Set<UInt64> = []
        let bytes = [UInt8](repeating: 0, count: 21)
        func add(_ key: Identity128, _ word: UInt64, _ bytes: [UInt8]) {
            seen.insert(bytes.withUnsafeBytes { SipHash(key: key).hash(word, $0) })
        }
        add(key, 0, bytes)
        for bit in 0..<64 {
            add(Identity128(high: key.high ^ 1 << bit, low: key.low), 0, bytes)
            add(Identity128(high: key.high, low: key.low ^ 1 << bit), 0, bytes)
            add(key, 1 << bit, bytes)
        }
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            add(key, 0, changed)
        }
        for count in 0..<bytes.count { add(key, 0, Array(bytes.prefix(count))) }
        #expect(seen.count == 1 + 3 * 64 + 21 * 8 + 21)
    }
}

@Suite struct TokenKeysTests {
    @Test func areTheirText() throws {
        let (one, two) = (Identity128(high: 1, low: 2), Identity128(high: 3, low: 4))
        let keys = try #require(TokenKeys([one, two]))
        #expect(TokenKeys(text: keys.text) == keys)
        #expect(TokenKeys([one, two, one])?.keys == [one, two])
        #expect(TokenKeys([]) == nil)
        for wrong in ["", "\n", "x", keys.text + keys.text, String(keys.text.dropLast(2)), "é"] {
            #expect(TokenKeys(text: wrong) == nil, "\(wrong)")
        }
    }
}
