// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "lightcone",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Lightcone", targets: ["Recording"]),
        .library(name: "LightconeInstrumentation", targets: ["LightconeInstrumentation"]),
        .executable(name: "lightcone", targets: ["lightcone"]),
        .executable(name: "lightcone-bench", targets: ["Benchmarks"]),
        .executable(name: "lightcone-simulate", targets: ["Simulation"]),
        .executable(name: "shop-example", targets: ["ShopExample"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CDeflate", providers: [.apt(["libdeflate-dev"])]),
        // What Glibc's module leaves out.
        .systemLibrary(name: "CMalloc"),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "CRE2",
            cxxSettings: [.unsafeFlags(["-Wall", "-Wextra"])],
            linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")]),

        .target(name: "Causality", swiftSettings: strict),
        .target(name: "Disks", swiftSettings: strict),
        .target(
            name: "Journals", dependencies: ["Causality", "Disks"], swiftSettings: strict),
        .target(name: "Redacting", dependencies: ["Causality"], swiftSettings: strict),
        .target(name: "Matching", dependencies: ["CRE2"], swiftSettings: strict),
        .target(name: "HappensBefore", dependencies: ["Causality"], swiftSettings: strict),
        .target(
            name: "Segments",
            dependencies: [
                "CDeflate", "CZlib", "Causality", "Disks",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "Recording", dependencies: ["Causality", "Disks", "Journals", "Redacting"],
            swiftSettings: strict),
        .target(
            name: "LightconeInstrumentation",
            dependencies: [
                "Recording",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        .target(
            name: "LogFormats", dependencies: ["Causality", "Matching"], swiftSettings: strict),
        .target(
            name: "Parts", dependencies: ["Causality", "Disks", "HappensBefore", "Segments"],
            swiftSettings: strict),
        .target(
            name: "Querying", dependencies: ["Causality", "HappensBefore", "Matching"],
            swiftSettings: strict),
        .target(
            name: "Exporting", dependencies: ["Causality", "HappensBefore", "Querying"],
            swiftSettings: strict),
        .target(
            name: "Transparency",
            dependencies: [
                "Causality", "Disks", "Segments",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .target(
            name: "Archiving",
            dependencies: [
                "Causality", "Disks", "HappensBefore", "Parts", "Segments", "Transparency",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .target(
            name: "SimulatedSQLite",
            dependencies: ["Disks", .product(name: "GRDBSQLite", package: "GRDB.swift")],
            swiftSettings: strict),
        .target(
            name: "Shipping",
            dependencies: [
                "Causality", "Disks", "Segments",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict),
        // Certificates and tokens: who may come.
        .target(
            name: "Access",
            dependencies: [
                "Causality", "Disks",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            swiftSettings: strict),
        .target(
            name: "Agent",
            dependencies: [
                "Access", "Causality", "Disks", "Journals", "Matching", "Redacting", "Segments",
                "Recording", "LogFormats",
                "Shipping",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "Collector",
            dependencies: [
                "Access", "CMalloc", "Causality", "Disks", "Segments", "Archiving", "HappensBefore",
                "Page",
                "Parts", "Querying", "Exporting", "Shipping", "Transparency",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: strict),
        .target(
            name: "DemoStore",
            dependencies: [
                "Recording",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "lightcone",
            dependencies: [
                "Access", "Agent", "Archiving", "CMalloc", "CZlib", "Causality", "Collector",
                "DemoStore",
                "Disks", "Exporting", "HappensBefore", "Journals", "LogFormats", "Matching",
                "Parts",
                "Querying", "Recording", "Segments", "Shipping", "Transparency",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),

        .executableTarget(
            name: "ShopExample",
            dependencies: [
                "LightconeInstrumentation", "Recording",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "Benchmarks",
            dependencies: [
                "CAllocations", "Causality", "CZlib", "Disks", "HappensBefore", "HostileInputs",
                "Journals", "Recording", "Redacting", "Segments",
                "SimulatedHistories",
            ],
            swiftSettings: strict),
        // The files of the page, embedded in the executable.
        .target(name: "Page", exclude: ["files"]),
        .target(name: "CAllocations"),
        .target(name: "SimulatedHistories", dependencies: ["Causality"], swiftSettings: strict),
        .testTarget(
            name: "CausalityTests", dependencies: ["Causality", "SimulatedHistories"],
            swiftSettings: strict),
        .testTarget(
            name: "RedactingTests", dependencies: ["Causality", "Matching", "Redacting"],
            exclude: ["cases.jsonl"], swiftSettings: strict),
        .testTarget(name: "DisksTests", dependencies: ["Disks"], swiftSettings: strict),
        .testTarget(
            name: "AccessTests", dependencies: ["Access", "Causality", "Disks"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulatedSQLiteTests",
            dependencies: [
                "Archiving", "Causality", "Disks", "Segments", "SimulatedSQLite",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "JournalsTests", dependencies: ["Causality", "Disks", "Journals"],
            swiftSettings: strict),
        .testTarget(
            name: "HappensBeforeTests",
            dependencies: ["Causality", "HappensBefore", "SimulatedHistories"],
            swiftSettings: strict),
        .testTarget(
            name: "SegmentsTests",
            dependencies: [
                "CZlib", "Causality", "HostileInputs", "Segments", "SimulatedHistories",
            ],
            exclude: ["Golden"], swiftSettings: strict),
        // What limits refuse, and the worst that they let pass.
        .target(
            name: "HostileInputs",
            dependencies: [
                "Archiving", "Causality", "Disks", "HappensBefore", "LogFormats", "Querying",
                "Segments",
            ],
            path: "Tests/HostileInputs", swiftSettings: strict),
        .testTarget(
            name: "HostileInputsTests", dependencies: ["HostileInputs"], swiftSettings: strict),
        .testTarget(
            name: "PartsTests",
            dependencies: [
                "Causality", "Disks", "HappensBefore", "Parts", "Querying", "Segments",
                "SimulatedHistories",
            ],
            exclude: ["Golden"], swiftSettings: strict),
        .testTarget(
            name: "RecordingTests",
            dependencies: [
                "Causality", "Disks", "HappensBefore", "Journals", "Recording", "RecordingProbe",
                "SimulatedHistories",
            ],
            exclude: ["Golden"], swiftSettings: strict),
        .executableTarget(
            name: "RecordingProbe", dependencies: ["Causality", "Journals", "Recording"],
            path: "Tests/RecordingProbe", swiftSettings: strict),
        .executableTarget(
            name: "Simulation",
            dependencies: [
                "Agent", "Archiving", "Causality", "Collector", "Disks", "Exporting",
                "HappensBefore",
                "LogFormats",
                "Journals", "Parts", "Querying", "Recording", "Segments", "SimulatedHistories",
                "Shipping", "SimulatedSQLite",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Simulation", swiftSettings: strict),
        .testTarget(
            name: "SimulationTests", dependencies: ["Causality", "Segments", "Simulation"],
            swiftSettings: strict),
        .testTarget(
            name: "DemoStoreTests",
            dependencies: ["Causality", "DemoStore", "HappensBefore", "Journals", "Recording"],
            swiftSettings: strict),
        .testTarget(
            name: "InstrumentationTests",
            dependencies: [
                "Causality", "Journals", "LightconeInstrumentation", "Recording", "ShopExample",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "LogFormatsTests", dependencies: ["Causality", "LogFormats", "Matching"],
            swiftSettings: strict),
        .testTarget(
            name: "BenchmarksTests", dependencies: ["Benchmarks", "LogFormats"],
            swiftSettings: strict),
        .testTarget(
            name: "ExportingTests",
            dependencies: ["Causality", "Exporting", "Querying", "SimulatedHistories"],
            exclude: ["Golden"], swiftSettings: strict),
        .testTarget(
            name: "QueryingTests",
            dependencies: [
                "Causality", "Exporting", "HappensBefore", "Matching", "Querying", "Segments",
                "SimulatedHistories",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "CollectorTests",
            dependencies: ["Collector", .product(name: "NIOCore", package: "swift-nio")],
            swiftSettings: strict),
        .testTarget(
            name: "ArchivingTests",
            dependencies: [
                "Archiving", "Causality", "Collector", "Disks", "Exporting", "HappensBefore",
                "Parts",
                "Querying", "Segments", "SimulatedHistories", "Transparency",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "TransparencyTests",
            dependencies: [
                "Causality", "Disks", "Segments", "Transparency",
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "AgentTests",
            dependencies: [
                "Agent", "Causality", "Disks", "Journals", "LogFormats", "Redacting", "Segments",
                "Shipping", "SimulatedHistories",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Agent", "Archiving", "Causality", "Collector", "Disks", "Exporting",
                "HappensBefore", "Journals", "LogFormats", "Matching", "Parts", "Querying",
                "Recording", "Segments", "Shipping", "SimulatedHistories", "SimulatedSQLite",
                "Transparency",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
            ],
            path: "Tests/FuzzTargets", swiftSettings: strict),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets", "SimulatedHistories"],
            exclude: ["Corpora"], swiftSettings: strict),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Access", "Causality", "Disks", "LogFormats", "Segments", "lightcone",
                "RecordingProbe",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// The program that libFuzzer drives has its entry from the sanitizer: Scripts/fuzz alone can link it, and asks for it so.
if Context.environment["LIGHTCONE_FUZZING"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzzing", dependencies: ["FuzzTargets"], path: "Tests/Fuzzing",
            swiftSettings: strict))
}
