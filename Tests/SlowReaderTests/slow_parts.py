"""A second reader of parts, slow and plain, written from the grammars in the comments alone: PartWriter.swift, PagedTable.swift, PartRun.swift,
EncodedBlock.swift, BlockSource.swift, WordFilter.swift, MergedSegment.swift and RunChain.swift; columns of rows are as slow_reader.py has them."""

import struct
import zlib

from slow_reader import (
    EXPANDED_MAX, NAME_MAX, PATH_MAX, SEQUENCE_MAX, Malformed, Reader, read_causes, read_changes, read_forms, read_kinds, read_processes,
    read_reference, read_sequences, read_tables, read_texts, read_times, read_unit, read_values, require, unpack,
)

MAGIC, FOOTER_MAGIC, END_MAGIC = b"LCPRT\r\n\x1a", b"LCPFT\r\n\x1a", b"LCPE"
VERSION = 2
HEADER, FOOTER = 16, 64
PAGE = 4_096
BLOCK_ENTRY, RUN_ENTRY, SEGMENT_ENTRY = 88, 68, 44
COLUMNS = 10
BLOCK_HEADER = 8 + COLUMNS * 13 + 4
BLOCK_ROWS_MAX = 8_192
RECORD_MAX = 64 << 20
FILE_MAX = TAKEN_MAX = 1 << 47
CHAIN_STEP = 4_096


class Part:
    """What a part is found to be: how much is in it, and where what is damaged begins: pages, records, blocks, and the ends."""

    def __init__(self, data):
        self.data = data
        self.segments = self.blocks = self.events = 0
        # Where each thing begins and ends; and the beginnings of those that are damaged.
        self.spans = [(0, HEADER)]
        self.damage = set()
        self.entries = []
        self.has_footer = self.attempt(max(0, len(data) - FOOTER), self.read_footer)
        self.attempt(0, self.read_header)
        if not self.has_footer:
            return
        for place in range(self.run_count):
            self.entry(self.runs, RUN_ENTRY, place, self.read_run)
        for place in range(self.blocks):
            self.entry(self.block_table, BLOCK_ENTRY, place, self.read_block_entry)
        for place in range(self.segments):
            self.entry(self.segment_table, SEGMENT_ENTRY, place, self.read_segment)
        for start, entry in self.entries:
            self.attempt(start, lambda: self.read_block(start, entry))
        self.has_gaps = not self.damage and self.find_gaps()

    @property
    def is_intact(self):
        return not self.damage and not self.has_gaps

    def attempt(self, start, body):
        try:
            body()
            return True
        except Malformed:
            self.damage.add(start)
            return False

    def start_of(self, offset):
        """Where the thing begins in which a byte lies."""
        return max(start for start, end in self.spans if start <= offset < end)

    # The ends.

    def read_header(self):
        head = self.data[:HEADER]
        require(head[:8] == MAGIC and len(head) == HEADER, "no part")
        require(struct.unpack("<I", head[12:])[0] == zlib.crc32(head[:12]), "the checksum of the header")
        require(struct.unpack("<H", head[8:10])[0] == VERSION, "another version")

    def read_footer(self):
        data = self.data[-FOOTER:]
        require(len(data) == FOOTER and data[:8] == FOOTER_MAGIC and data[60:] == END_MAGIC, "no footer")
        require(struct.unpack("<I", data[56:60])[0] == zlib.crc32(data[:56]), "the checksum of the footer")
        require(struct.unpack("<H", data[8:10])[0] == VERSION, "another version")
        counts = struct.unpack("<5Q", data[16:56])
        require(all(count <= len(self.data) * BLOCK_ROWS_MAX for count in counts), "more than there can be")
        self.tables = counts[4]
        self.block_table = self.tables
        self.runs = self.block_table + PAGE * pages(counts[0], BLOCK_ENTRY)
        self.segment_table = self.runs + PAGE * pages(counts[1], RUN_ENTRY)
        end = self.segment_table + PAGE * pages(counts[2], SEGMENT_ENTRY)
        require(end + FOOTER == len(self.data), "another length than the footer says")
        self.blocks, self.run_count, self.segments, self.events = counts[:4]
        self.spans += [(start, start + PAGE) for start in range(self.tables, end, PAGE)]
        self.spans.append((end, end + FOOTER))

    # Entries and what they tell of.

    def entry(self, table, size, place, read):
        """Reads an entry of a table, which is damaged where its page is, or where it says what cannot be."""
        page, place = divmod(place, (PAGE - 4) // size)
        start = table + page * PAGE

        def body():
            data = self.data[start : start + PAGE]
            require(struct.unpack("<I", data[-4:])[0] == zlib.crc32(data[:-4]), "the checksum of a page")
            read(data[place * size : (place + 1) * size])

        try:
            body()
        except DamagedRecord:
            pass
        except Malformed:
            self.damage.add(start)

    def record(self, start, count, read):
        """Reads bytes with their checksum behind them."""
        self.spans.append((start, start + count + 4))

        def body():
            data = self.data[start : start + count + 4]
            require(len(data) == count + 4, "a record that is cut")
            require(struct.unpack("<I", data[count:])[0] == zlib.crc32(data[:count]), "the checksum of a record")
            read(data[:count])

        if not self.attempt(start, body):
            raise DamagedRecord()

    def read_run(self, data):
        first, blocks, last, taken, start, count = struct.unpack("<IIQQQI", data[32:])
        require(last <= SEQUENCE_MAX and taken <= TAKEN_MAX and start <= FILE_MAX and count <= RECORD_MAX, "a run's entry")
        require(first + blocks <= self.blocks, "blocks that are not there")
        self.record(start, count, read_key)

    def read_block_entry(self, data):
        first, last = struct.unpack("<QQ", data[:16])
        offset, rows, sources, order, count, filtered = struct.unpack("<QIIIII", data[56:84])
        require(offset <= FILE_MAX and 1 <= first <= last <= SEQUENCE_MAX, "a block's entry")
        require(1 <= rows <= BLOCK_ROWS_MAX and sources <= order <= count <= 2 * EXPANDED_MAX, "a block's sizes")
        require(filtered <= 2 * BLOCK_ROWS_MAX, "a filter that is too long")
        self.spans.append((offset, offset + count))
        self.entries.append((offset, (rows, sources, order, count)))
        self.record(offset + count, filtered, read_filter)

    def read_segment(self, data):
        start, count = struct.unpack("<QI", data[32:])
        require(start <= FILE_MAX and count <= RECORD_MAX, "a segment's entry")
        self.record(start, count, read_segment_record)

    def read_block(self, start, entry):
        data = self.data[start : start + entry[3]]
        require(data[:4] == b"LCBK" and len(data) >= BLOCK_HEADER, "no block")
        head = data[:BLOCK_HEADER]
        require(struct.unpack("<I", head[-4:])[0] == zlib.crc32(head[:-4]), "the checksum of a block's header")
        rows = struct.unpack("<I", head[4:8])[0]
        require(1 <= rows <= BLOCK_ROWS_MAX, "rows of a block")
        columns = [struct.unpack("<BIII", head[8 + 13 * place : 21 + 13 * place]) for place in range(COLUMNS)]
        require(all(codec < 2 and size <= EXPANDED_MAX for codec, size, _, _ in columns), "a column")
        require(sum(raw for _, _, raw, _ in columns) <= EXPANDED_MAX, "it expands to too much")
        ends = [BLOCK_HEADER + sum(size for _, size, _, _ in columns[: place + 1]) for place in range(COLUMNS)]
        require((rows, ends[0], ends[6], ends[9]) == entry, "another block than the index says")
        readers = []
        for (codec, size, raw, crc), end in zip(columns, ends):
            packed = data[end - size : end]
            require(len(packed) == size and zlib.crc32(packed) == crc, "the checksum of a column")
            readers.append(Reader(unpack(codec, packed, raw)))
        read_rows(rows, readers)

    def find_gaps(self):
        """Whether there is a byte before the tables that nothing tells of, or two things do."""
        at = 0
        for start, end in sorted(span for span in self.spans if span[0] < self.tables):
            if start != at:
                return True
            at = end
        return at != self.tables


class DamagedRecord(Malformed):
    """It is noted already."""


def pages(count, size):
    held = (PAGE - 4) // size
    return (count + held - 1) // held


def read_rows(rows, readers):
    sources, tables, sequences, kinds, times, changes, causes, forms, texts, values = readers
    _, references = read_tables(tables, rows, 1)
    table = read_sequences(sequences, rows, 1)
    read_kinds(kinds, table)
    read_times(times, table, read_unit(times))
    read_changes(changes, table, references)
    read_causes(causes, table, references)
    text_of, columns = read_forms(forms, rows)
    read_texts(texts, text_of)
    read_values(values, columns)
    for reader in readers[1:]:
        reader.end()
    for here, following in zip(table, table[1:]):
        require(here["sequence"] < following["sequence"], "numbers that do not ascend")
    read_sources(sources, rows)
    sources.end()


def read_sources(reader, rows):
    segments = reader.count(len(reader.data), "segments")
    for _ in range(segments):
        reader.take(32)
        reader.zigzag()
    owned, unknown = 0, 0
    owners = reader.count(rows, "sources")
    for _ in range(owners):
        count, kind = read_source(reader, segments, rows - owned)
        owned += count
        unknown += kind == 2
    require(owned == rows, "rows of nobody")
    require(not unknown or owners == 1, "an unknown clock beside others")
    for _ in range(reader.count(len(reader.data), "repeats")):
        first = reader.count(rows, "a first row")
        read_source(reader, segments, rows - first)


def read_source(reader, segments, room):
    require(segments and reader.varint() < segments, "no such segment")
    reader.count(SEQUENCE_MAX, "ordinal")
    count = reader.count(room, "rows of a source")
    require(count, "a source without rows")
    form = reader.u8()
    kind = form & ~4
    require(kind < 3, "a form of a source")
    if kind:
        reader.varint()
    if kind == 1:
        for _ in range(reader.count(len(reader.data), "changes")):
            read_reference(reader)
            reader.varint()
    return count, kind


def read_key(data):
    reader = Reader(data)
    read_processes(reader, len(data), 1)
    reader.end()


def read_filter(data):
    require(len(data) >= 2 and 1 <= data[0] <= 64, "a filter")


def read_segment_record(data):
    outer = Reader(data)
    codec = outer.u8()
    size = outer.count(RECORD_MAX, "a record")
    reader = Reader(unpack(codec, outer.data[outer.at :], size))
    reader.take(32)
    reader.zigzag()
    reader.count(SEQUENCE_MAX, "bytes of a segment")
    reader.take(16)
    reader.string(NAME_MAX)
    if reader.u8() & 1:
        reader.zigzag()
    for _ in range(reader.count(len(reader.data), "unmatched lines")):
        reader.string(PATH_MAX)
        reader.varint()
        reader.string(NAME_MAX)
        reader.string(PATH_MAX)
        reader.string(PATH_MAX)
    runs = set()
    for _ in range(reader.count(len(reader.data), "chains")):
        run = (reader.string(NAME_MAX), reader.take(16))
        require(run not in runs, "a run twice")
        runs.add(run)
        events = reader.varint()
        steps = reader.varint()
        require(steps == (events + CHAIN_STEP - 1) // CHAIN_STEP, "other steps than the events make")
        reader.take(32 * steps)
    reader.end()
