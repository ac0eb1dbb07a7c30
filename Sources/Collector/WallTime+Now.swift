import Causality
import FoundationEssentials

extension WallTime {
    /// What the clock of this machine shows.
    static var now: WallTime { WallTime(saturatingSeconds: Date().timeIntervalSince1970) }
}
