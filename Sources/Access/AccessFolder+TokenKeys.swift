import Causality

/// `token-keys` in the folder: what programs of the hosts seal the tokens of their messages with. One line for each key, the newest
/// first: 32 hexadecimal digits, and from which second since 1970 on it seals.
extension AccessFolder {
    private var tokenKeysPath: String { path + "/token-keys" }

    /// Seconds after which a new key seals: agents have it by then, since they ask every ten minutes.
    package static let tokenKeySeconds = 3_600

    /// The keys that agents get now.
    package func tokenKeys(now: WallTime) throws -> TokenKeys {
        let kept = try locked {
            // A folder of a version that had none.
            if try disk.status(tokenKeysPath) == nil { try makeTokenKey(now) }
            return try keptKeys()
        }
        let first = kept.firstIndex { $0.sealsFrom <= Self.second(now) } ?? kept.count - 1
        let order = [kept[first]] + kept[..<first] + kept[(first + 1)...]
        guard let keys = TokenKeys(order.map(\.key)) else { throw noKeys }
        return keys
    }

    func makeTokenKey(_ now: WallTime) throws {
        var random = SystemRandomNumberGenerator()
        try write([KeptKey(key: Identity128(using: &random), sealsFrom: Self.second(now))])
    }

    /// Makes another key, which takes the place of the one that seals in an hour. The one before that is accepted no more. Returns
    /// from when on it seals; throws while one that was made before does not yet.
    package func rotateTokenKey(now: WallTime) throws -> WallTime {
        try locked {
            let kept = try keptKeys()
            if let last = kept.first, last.sealsFrom > Self.second(now) {
                let time = WallTime(saturatingSeconds: last.sealsFrom, nanoseconds: 0)
                throw AccessError("the last new key seals from \(time) on: wait until then")
            }
            var random = SystemRandomNumberGenerator()
            let fresh = KeptKey(
                key: Identity128(using: &random), sealsFrom: Self.second(now) + Self.tokenKeySeconds
            )
            try write([fresh] + kept.prefix(TokenKeys.countMax - 1))
            return WallTime(saturatingSeconds: fresh.sealsFrom, nanoseconds: 0)
        }
    }

    private struct KeptKey {
        var key: Identity128
        var sealsFrom: Int
    }

    private static func second(_ time: WallTime) -> Int { Int(time.nanoseconds / 1_000_000_000) }

    private var noKeys: AccessError {
        AccessError("\(tokenKeysPath): expected one or two keys, as lightcone wrote them")
    }

    private func keptKeys() throws -> [KeptKey] {
        let kept = try secret(tokenKeysPath).split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count == 2, let key = Identity128(hex: words[0]),
                let second = Int(words[1])
            else { throw noKeys }
            return KeptKey(key: key, sealsFrom: second)
        }
        guard (1...TokenKeys.countMax).contains(kept.count) else { throw noKeys }
        return kept
    }

    private func write(_ keys: [KeptKey]) throws {
        try write(tokenKeysPath, keys.map { "\($0.key) \($0.sealsFrom)\n" }.joined())
    }
}
