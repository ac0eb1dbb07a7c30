import Causality
import Testing

@testable import Segments

@Suite struct RowFormsTests {
    private static func batch(_ events: [(name: String, level: Level?, text: String)]) -> EventBatch
    {
        let process = ProcessID(name: "p")
        let key = ProcessKey(execution: "main", host: "h", process: process)
        return EventBatch(
            events.enumerated().map { index, said in
                var event = Event(
                    id: EventID(process, UInt64(index + 1)), text: said.text, level: said.level,
                    clock: VectorClock([process: UInt64(index + 1)]))
                event.name = said.name
                return event
            }, of: key)
    }

    private static func read(_ batch: EventBatch) throws -> ContentColumns {
        let rows = RowColumns(batch)
        var budget = Budget()
        return try ContentColumns(
            columns: Dictionary(
                uniqueKeysWithValues: RowColumn.content.map { ($0, rows.encoded($0).bytes) }),
            rowCount: batch.count, &budget)
    }

    @Test("what rows have in common is told once, of those that most have first")
    func formsOfManyRows() throws {
        let rare = (name: "a", level: Level.error as Level?, text: "is")
        let often = (name: "b", level: Level.info as Level?, text: "was")
        let batch = Self.batch([rare] + Array(repeating: often, count: 7))
        let expected: [UInt8] =
            [2, 1, 1] + Array("ab".utf8) + [0] + [1, 0]
            // Two forms: names, levels, shapes, and texts as differences of their numbers.
            + [2, 1, 0, Level.info.rawValue, Level.error.rawValue, 0, 0, 2, 1]
            + [1, 0, 0, 0, 0, 0, 0, 0]
        #expect(RowColumns(batch).encoded(.forms).bytes == expected)
        let read = try Self.read(batch)
        #expect(names(of: read) == [0] + Array(repeating: 1, count: 7))
        #expect(
            (0..<8).map { read.form(ofRow: $0).level }
                == [Level.error.rawValue] + Array(repeating: Level.info.rawValue, count: 7))
    }

    @Test("rows that have little in common have no table beside them")
    func rowsOfNoForms() throws {
        let events = (0..<5).map { (name: "\($0 % 3)", level: nil as Level?, text: "\($0)") }
        let batch = Self.batch(events)
        let expected: [UInt8] =
            [3, 1, 1, 1] + Array("012".utf8) + [0] + [1, 0] + [0] + [0, 1, 2, 0, 1]
            + [UInt8](repeating: 0, count: 15)
        #expect(RowColumns(batch).encoded(.forms).bytes == expected)
        #expect(try names(of: Self.read(batch)) == [0, 1, 2, 0, 1])
    }

    private func names(of columns: ContentColumns) -> [UInt32] {
        (0..<columns.rowCount).map { columns.form(ofRow: $0).name }
    }
}
