import CZlib
import Causality
import Disks
import FoundationEssentials
import Glibc
import Querying
import Recording

/// A log that is imported: a file as it is, or a copy of what is compressed (gzip, RFC 1952) or comes from standard input. A
/// log is read several times, so such a copy has to be; it has no name and goes with the program.
struct LogSource {
    /// As a person calls it.
    let name: String
    /// What a process is called that has its name from the file.
    let processName: String
    /// Where its bytes are.
    let place: String
    /// When it was written to last.
    let changed: WallTime

    /// Opens what an argument names; `-` is standard input.
    init(_ argument: String, disk: any Disk = RealDisk()) throws {
        guard argument != "-" else {
            name = "standard input"
            processName = "stdin"
            changed = WallTime(nanoseconds: Surroundings().now())
            place = try Self.copy(of: 0, called: name)
            try Self.refuseZstandard(place, "-", disk)
            return
        }
        guard let status = try disk.status(argument) else {
            throw CommandFailure("no file \(argument)")
        }
        guard status.isRegular else {
            throw CommandFailure(
                "\(argument) is no regular file (- reads what comes on standard input)")
        }
        name = argument
        changed = WallTime(saturatingSeconds: status.changedSeconds, nanoseconds: 0)
        let last = argument.split(separator: "/").last.map(String.init) ?? argument
        guard try Self.begins(argument, [0x1f, 0x8b], disk) else {
            try Self.refuseZstandard(argument, argument, disk)
            (processName, place) = (last, argument)
            return
        }
        processName = last.hasSuffix(".gz") ? String(last.dropLast(3)) : last
        let file = Glibc.open(argument, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw CommandFailure("cannot read \(argument): \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        place = try Self.copy(of: file, called: argument)
    }

    private static func begins(
        _ path: String, _ magic: [UInt8], _ disk: any Disk
    ) throws -> Bool {
        try disk.open(path, .read).read(at: 0, count: magic.count).elementsEqual(magic)
    }

    /// Zstandard is read by its own program: it would be one more library in every executable.
    private static func refuseZstandard(
        _ path: String, _ argument: String, _ disk: any Disk
    ) throws {
        guard try begins(path, [0x28, 0xb5, 0x2f, 0xfd], disk) else { return }
        let file = argument == "-" ? "FILE" : argument
        throw QuestionError(
            .misuse,
            "\(argument) is compressed with zstd, which is read by: zstdcat \(file) | lightcone import … -"
        )
    }

    /// Copies all that comes from a descriptor, uncompressed where it is not.
    private static func copy(of descriptor: Int32, called name: String) throws -> String {
        let folder = Screen.variable("TMPDIR") ?? "/var/tmp"
        var path = Array("\(folder)/lightcone-import-XXXXXX".utf8CString)
        let copy = mkstemp(&path)
        guard copy >= 0 else {
            throw CommandFailure("cannot write to \(folder): \(String(cString: strerror(errno)))")
        }
        unlink(path)
        _ = fcntl(copy, F_SETFD, FD_CLOEXEC)
        let source = dup(descriptor)
        guard source >= 0, let stream = gzdopen(source, "rb") else {
            throw CommandFailure("cannot read \(name): \(String(cString: strerror(errno)))")
        }
        defer { gzclose(stream) }
        gzbuffer(stream, 1 << 18)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = gzread(stream, &buffer, UInt32(buffer.count))
            var code: Int32 = 0
            let said = gzerror(stream, &code)
            guard count >= 0, code == Z_OK || code == Z_STREAM_END else {
                let reason =
                    code == Z_BUF_ERROR
                    ? "it ends in the middle of what is compressed"
                    : code == Z_ERRNO
                        ? String(cString: strerror(errno)) : said.map { String(cString: $0) } ?? ""
                throw CommandFailure("cannot read \(name): \(reason)")
            }
            if count == 0 { break }
            var done = 0
            while done < Int(count) {
                let put = buffer.withUnsafeBytes {
                    Glibc.write(copy, $0.baseAddress! + done, Int(count) - done)
                }
                if put < 0, errno == EINTR { continue }
                guard put > 0 else {
                    throw CommandFailure(
                        "cannot write a copy of \(name) to \(folder) (TMPDIR): \(String(cString: strerror(errno)))"
                    )
                }
                done += put
            }
        }
        return "/proc/self/fd/\(copy)"
    }
}
