import Disks
import Testing

@testable import Agent

/// What TZ means for times that say no zone.
@Suite struct LocalZoneTests {
    @Test(
        arguments: [
            (nil, false), ("", false), ("UTC", false), ("GMT", false), ("CET-1CEST", true),
            ("CET-1CEST,M3.5.0,M10.5.0/3", true), ("<+0330>-3:30", true), ("EST+5", true),
        ] as [(String?, Bool)])
    func aZoneIsKnown(variable: String?, hasZone: Bool) throws {
        #expect(try LocalZone.times(variable).hasZone == hasZone)
    }

    @Test(arguments: [
        "Nowhere/Land", "abc", "CET", "CET-25", "<+03-3", "../../../etc/passwd", "/etc/passwd",
        "5", "-1", "CET-1 x\n", "/", ":",
    ]) func anUnknownOneIsRefused(variable: String) {
        // CET is a file where there are any.
        guard variable != "CET" || (try? RealDisk().status("/usr/share/zoneinfo/CET")) == nil else {
            return
        }
        let error = #expect(throws: AgentError.self) { try LocalZone.times(variable) }
        #expect(error?.description.hasPrefix("TZ: no time zone “\(variable)” here") == true)
    }

    @Test(
        .enabled(if: (try? RealDisk().status("/usr/share/zoneinfo/Europe/Berlin")) != nil),
        arguments: ["Europe/Berlin", ":Europe/Berlin", "/usr/share/zoneinfo/Europe/Berlin"])
    func aNameIsThatOfAFile(variable: String) throws {
        #expect(try LocalZone.times(variable).hasZone)
    }

    @Test func anAgentThatCannotKnowItsTimesIsRefused() async {
        var flags = AgentFlags()
        (flags.collector, flags.host) = ("http://127.0.0.1:1", "h")
        let error = await #expect(throws: AgentError.self) {
            try await AgentConfiguration.load(
                file: nil, flags: flags, environment: ["TZ": "Nowhere/Land"])
        }
        #expect(error?.description.hasPrefix("TZ: ") == true)
    }
}
