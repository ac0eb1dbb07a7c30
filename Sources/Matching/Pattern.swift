import CRE2

/// A regular expression that is matched in time linear in the text: RE2's syntax, so no back-references
/// and no look-around. `(?<name>…)` names a group, as in JavaScript.
///
/// A pattern belongs to whoever holds it; matching is thread-safe.
package final class Pattern: Sendable {
    package let source: String
    /// The name of each group; index 0 is group 1. nil where a group has none.
    package let groupNames: [String?]
    /// How much it compiles to: the work at one byte of a text is at most proportional to it.
    package let instructionCount: Int
    /// What lies in every text that it matches; nil where nothing is known to.
    package let needle: Needle?
    private let utf8: Compiled
    /// The same pattern over bytes, for text that is not valid UTF-8.
    private let bytes: Compiled

    /// Compiles a pattern. In `multiline` mode `^` and `$` also match at line breaks, as ShiViz has it.
    package init(_ source: String, multiline: Bool = false) throws(PatternError) {
        guard source.utf8.count <= Limits.patternBytesMax else {
            throw PatternError(
                text:
                    "a pattern of \(source.utf8.count) bytes: expected at most \(Limits.patternBytesMax)"
            )
        }
        self.source = source
        needle = multiline ? nil : Pattern.needle(of: source)
        let translated = (multiline ? "(?m)" : "") + Pattern.translate(source)
        utf8 = try Compiled(translated, latin1: false)
        bytes = try Compiled(translated, latin1: true)
        instructionCount = utf8.instructionCount
        let count = Int(cre2_group_count(utf8.pointer))
        guard count <= Limits.patternGroupsMax else {
            throw PatternError(
                text: "a pattern of \(count) groups: expected at most \(Limits.patternGroupsMax)")
        }
        let pointer = utf8.pointer
        groupNames = (0..<count).map { index in
            cre2_group_name(pointer, Int32(index + 1)).map { String(cString: $0) }
        }
    }

    /// The leftmost match that begins at or after `start` and ends by `end`: the bounds of the whole match, then of
    /// each group (nil where it took no part). Text before `start` counts as context of `^`. O(end - start).
    package func firstMatch(
        in text: UnsafeRawBufferPointer, from start: Int, to end: Int, isUTF8: Bool
    ) -> [Range<Int>?]? {
        precondition(start >= 0 && start <= end && end <= text.count, "range out of bounds")
        let groups = groupNames.count + 1
        var bounds = [Int64](repeating: -1, count: groups * 2)
        let base = text.baseAddress?.assumingMemoryBound(to: CChar.self)
        let found = withUnsafePointer(to: CChar(0)) { empty in
            cre2_search(
                (isUTF8 ? utf8 : bytes).pointer, base ?? empty, start, end, &bounds, Int32(groups))
        }
        guard found == 1 else { return nil }
        return (0..<groups).map { group in
            bounds[2 * group] < 0 ? nil : Int(bounds[2 * group])..<Int(bounds[2 * group + 1])
        }
    }

    /// True where the pattern matches somewhere in `text`. O(n), and without groups many times faster than `firstMatch`.
    package func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches(UnsafeRawBufferPointer($0)) }
    }

    /// The same of bytes, valid UTF-8.
    package func matches(_ text: UnsafeRawBufferPointer) -> Bool {
        withUnsafePointer(to: CChar(0)) { empty in
            let characters = text.baseAddress?.assumingMemoryBound(to: CChar.self)
            return cre2_search(utf8.pointer, characters ?? empty, 0, text.count, nil, 0)
        } == 1
    }

    /// Writes `(?<name>` as the `(?P<name>` that every RE2 knows; leaves escapes, classes and look-behind alone.
    private static func translate(_ source: String) -> String {
        let bytes = Array(source.utf8)
        var result: [UInt8] = []
        var index = 0
        var isInClass = false
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\\"), index + 1 < bytes.count {
                result += [byte, bytes[index + 1]]
                index += 2
                continue
            }
            if byte == UInt8(ascii: "[") { isInClass = true }
            if byte == UInt8(ascii: "]") { isInClass = false }
            result.append(byte)
            if !isInClass, byte == UInt8(ascii: "("), bytes[index...].starts(with: "(?<".utf8),
                index + 3 < bytes.count, !"=!".utf8.contains(bytes[index + 3])
            {
                result += Array("?P<".utf8)
                index += 2
            }
            index += 1
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// Why a pattern cannot be used.
package struct PatternError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }
}

package enum Limits {
    /// Bytes of one pattern: no person writes a longer one.
    package static let patternBytesMax = 16 * 1024
    /// Groups of one pattern: where it is searched with them, each costs at every byte of the text.
    package static let patternGroupsMax = 64
    /// Instructions of one compiled pattern, and of all in one selection. Where an automaton would grow too large RE2 goes through
    /// them at every byte, which nobody can interrupt: 2,500 are 30 µs a byte at the worst. `\\pL+` has 1,200, an IPv6 address 200.
    package static let patternInstructionsMax = 2_500
    /// Bytes of memory of a program, by RE2's own generous count: somewhat more than the instructions above need. It bounds what a
    /// pattern costs that is refused: a few milliseconds.
    static let programMemoryBytesMax: Int64 = 1 << 20
    /// Bytes of memory that one compiled pattern and its automata may take; beyond it RE2 falls back to a slower search.
    static let patternMemoryBytesMax: Int64 = 8 << 20
}

/// Owns one compiled pattern.
///
/// Unchecked because it holds a pointer: RE2's objects are immutable after construction and safe to match
/// from several threads, and this class frees its own exactly once.
private final class Compiled: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ source: String, latin1: Bool) throws(PatternError) {
        var message = [CChar](repeating: 0, count: 512)
        var source = source
        var isTooLarge: Int32 = 0
        let compiled = source.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                withUnsafePointer(to: CChar(0)) { empty in
                    cre2_compile(
                        characters.baseAddress ?? empty, characters.count, latin1 ? 1 : 0,
                        Limits.programMemoryBytesMax, Limits.patternMemoryBytesMax, &isTooLarge,
                        &message, message.count)
                }
            }
        }
        guard let compiled else {
            guard isTooLarge == 0 else { throw Self.tooLarge("far more") }
            let text = String(
                decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw PatternError(
                text:
                    "the pattern is not valid: \(text.replacing("(?m)", with: "")) (patterns are matched in linear time, so look-around and "
                    + "back-references are not available)")
        }
        pointer = compiled
        guard instructionCount <= Limits.patternInstructionsMax else {
            throw Self.tooLarge("\(instructionCount)")
        }
    }

    private static func tooLarge(_ count: String) -> PatternError {
        PatternError(
            text:
                "a pattern that compiles to \(count) instructions: expected at most \(Limits.patternInstructionsMax); "
                + "what is repeated, as in {1,1000}, counts as often as it may come")
    }

    var instructionCount: Int { Int(cre2_instruction_count(pointer)) }

    deinit { cre2_free(pointer) }
}
