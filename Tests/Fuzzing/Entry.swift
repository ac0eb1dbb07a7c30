import FuzzTargets
import Glibc

/// The target that the first argument names.
nonisolated(unsafe) private var target: FuzzTarget?

/// Where the target's name is left for the processes that libFuzzer starts of this program, whose first argument is another.
private let targetVariable = "LIGHTCONE_FUZZING_TARGET"

/// libFuzzer calls this before anything else: takes the first argument, `TARGET`, from the command line, so that the rest is
/// libFuzzer's. `TARGET -seeds=FOLDER` writes the target's seeds there, and ends.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    if let inherited = getenv(targetVariable) {
        let name = String(cString: inherited)
        target = FuzzTarget.all.first { $0.name == name }
        return 0
    }
    let words = (0..<Int(count.pointee)).map { String(cString: arguments.pointee[$0]!) }
    guard words.count > 1, let named = FuzzTarget.all.first(where: { $0.name == words[1] }) else {
        for target in FuzzTarget.all { print(target.name) }
        exit(words.count > 1 ? 2 : 0)
    }
    if words.count > 2, words[2].hasPrefix("-seeds=") {
        do {
            try write(try named.seeds(), to: String(words[2].dropFirst("-seeds=".count)))
        } catch {
            fatalError("\(named.name): no seeds: \(error)")
        }
        exit(0)
    }
    target = named
    setenv(targetVariable, named.name, 1)
    arguments.pointee[1] = arguments.pointee[0]
    arguments.pointee += 1
    count.pointee -= 1
    return 0
}

private func write(_ seeds: [[UInt8]], to folder: String) throws {
    for (number, seed) in seeds.enumerated() {
        guard let file = fopen("\(folder)/seed-\(number)", "w") else {
            fatalError("cannot write into \(folder)")
        }
        fwrite(seed, 1, seed.count, file)
        fclose(file)
    }
}

/// One execution. What is promised and does not hold ends the program: libFuzzer keeps the input then.
@_cdecl("LLVMFuzzerTestOneInput")
public func execute(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target!.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        fatalError("\(error)")
    }
    return 0
}
