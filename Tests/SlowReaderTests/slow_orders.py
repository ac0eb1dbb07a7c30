"""A second reader of order files, slow and plain, written from the grammar in OrderFileWriter.swift alone, as far as that says where things
lie: the ends, the footer, the facts of processes and their directories, and the checksum of every block. What blocks of knowledge,
certainty, facts and times say in them is not looked at."""

import struct
import zlib

from slow_reader import INCARNATION_MAX, NAME_MAX, SEQUENCE_MAX, Malformed, Reader, read_process, require

MAGIC = b"LCORDER7"
TRAILER = 16
FILE_MAX, BLOCK_MAX = 1 << 47, 1 << 30
HERE, NAMED, BRANCH, FORKED, STAND_IN, DIRECTORY = 1, 2, 4, 8, 16, 64


class OrderFile:
    """What an order file is found to be: how much it tells of, and where blocks begin that are damaged."""

    def __init__(self, data):
        self.data = data
        self.processes = self.events = None
        self.damage = set()
        self.spans = [(0, len(MAGIC)), (max(0, len(data) - TRAILER), len(data))]
        self.has_footer = self.attempt(max(0, len(data) - TRAILER), self.read_ends)
        if not self.has_footer:
            return
        self.attempt(0, lambda: require(data[: len(MAGIC)] == MAGIC, "no beginning of an order file"))
        for place, (first, start, size) in enumerate(self.process_pages):
            following = self.process_pages[place + 1 :]
            end = following[0][0] if following else self.processes
            self.block(start, size, lambda reader: self.read_facts(reader, end - first))
        others = [place[1:] for place in self.name_pages + self.reference_pages]
        for start, size in others + self.defect_pages + [self.segments, self.tally] + self.resumption:
            self.block(start, size)
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

    def block(self, start, size, read=None):
        """A block whose checksum must be right."""
        self.spans.append((start, start + size + 4))

        def body():
            data = self.data[start : start + size + 4]
            require(len(data) == size + 4, "a block behind the end")
            require(struct.unpack("<I", data[size:])[0] == zlib.crc32(data[:size]), "the checksum of a block")
            if read:
                reader = Reader(data[:size])
                read(reader)
                reader.end()

        return self.attempt(start, body)

    def read_ends(self):
        trailer = self.data[-TRAILER:]
        require(len(self.data) >= len(MAGIC) + TRAILER and trailer[8:] == MAGIC, "no end of an order file")
        require(struct.unpack("<I", trailer[4:8])[0] == zlib.crc32(trailer[:4]), "the checksum of a length")
        size = struct.unpack("<I", trailer[:4])[0] - 4
        self.end = len(self.data) - TRAILER - size - 4
        require(size >= 0 and self.end >= len(MAGIC), "a footer that is too long")
        require(self.block(self.end, size, self.read_footer), "the footer")

    def read_footer(self, reader):
        size = len(self.data)
        self.execution = reader.string(NAME_MAX)
        form = reader.u8()
        require(form < 8, "a form of the file")
        if form & 4:
            reader.zigzag()
            reader.varint()
            if reader.u8():
                reader.zigzag()
            reader.string(NAME_MAX)
        processes = reader.count(size, "processes")
        reader.count(processes, "settled")
        self.all_events = reader.count(SEQUENCE_MAX, "events")
        events = reader.count(self.all_events, "events of the slice")
        reader.count(SEQUENCE_MAX, "entries")
        self.process_pages = [(reader.varint(), *place(reader)) for _ in range(reader.count(size, "pages"))]
        firsts = [page[0] for page in self.process_pages]
        require(firsts == sorted(set(firsts)) and (not firsts or firsts[0] == 0 and firsts[-1] < processes), "pages")
        require(firsts or not processes, "no page of processes")
        self.name_pages = [(reader.u64(), *place(reader)) for _ in range(reader.count(size, "pages"))]
        self.reference_pages = [(reader.u64(), *place(reader)) for _ in range(reader.count(size, "pages"))]
        self.defect_pages = [place(reader) for _ in range(reader.count(size, "pages"))]
        self.segments, self.tally = place(reader), place(reader)
        self.resumption = [place(reader) for _ in range(reader.count(size, "pages"))]
        for _ in range(reader.count(size, "unlinked")):
            require(reader.varint() < processes, "no such process")
        for _ in range(reader.count(size, "ruled out")):
            read_event(reader, processes)
        self.processes, self.events = processes, events

    def read_facts(self, reader, count):
        for _ in range(count):
            form = reader.count(511, "a form of facts")
            require(form & HERE or not form & NAMED, "a name of nobody")
            if not form & NAMED:
                read_name(reader)
            reader.string(64)
            if form & HERE:
                read_process(reader, {"host": reader.string(NAME_MAX)})
            if form & BRANCH:
                reader.take(16)
            if form & FORKED:
                read_fork(reader)
            if form & STAND_IN:
                kind = reader.u8()
                require(kind < 3, "a stand-in")
                read_name(reader)
                reader.string(64)
                if kind == 1:
                    read_fork(reader)
            for _ in range(reader.count(len(reader.data), "stand-ins")):
                require(reader.varint() < self.processes, "no such process")
            events = sum(last - first + 1 for first, last in read_ranges(reader))
            require(events <= self.all_events, "more events than there are")
            reader.count(SEQUENCE_MAX, "cited")
            for _ in read_ranges(reader):
                reader.u8()
            for _ in range(reader.count(len(reader.data), "implied")):
                read_event(reader, self.processes)
            for _ in range(reader.count(len(reader.data), "rulings")):
                reader.count(SEQUENCE_MAX, "a ruling")
                read_event(reader, self.processes)
            reader.count(events, "events below")
            if form & DIRECTORY:
                start, size = place(reader)
                # What is wrong with it is told of its own place.
                self.block(start, size, self.read_directory)

    def read_directory(self, reader):
        end = 0
        for _ in range(reader.count(len(reader.data), "blocks")):
            end = self.next_block(reader, end)
            reader.varint()
            for _ in range(reader.count(len(reader.data), "pieces")):
                reader.count(self.processes, "a process")
                size = reader.count(BLOCK_MAX, "a piece")
                self.block(end, size)
                end += size + 4
        end = 0
        for _ in range(reader.count(len(reader.data), "blocks")):
            end = self.next_block(reader, end)
        end = 0
        for _ in range(reader.count(len(reader.data), "blocks")):
            end = self.next_block(reader, end)
            reader.varint()
        for _ in range(reader.count(len(reader.data), "missing sends")):
            reader.count(SEQUENCE_MAX, "a send")
            for _ in range(reader.count(len(reader.data), "learned")):
                read_event(reader, self.processes)
        count = reader.count(self.processes, "knowers")
        bits = Bits(reader.take(len(reader.data) - reader.at))
        following = 0
        for passed, length in list(zip(bits.column(count), bits.column(count))):
            following += passed + length + 1
            require(following <= self.processes, "no such process")
            following += 1
        bits.end()

    def next_block(self, reader, end):
        reader.varint()
        start = end + reader.count(FILE_MAX, "an offset")
        size = reader.count(BLOCK_MAX, "a block")
        self.block(start, size)
        return start + size + 4

    def start_of(self, offset):
        return max(start for start, end in self.spans if start <= offset < end)

    def find_gaps(self):
        at = 0
        for start, end in sorted(set(self.spans)):
            if start != at:
                return True
            at = end
        return at != len(self.data)


class Bits:
    """Columns of numbers (BitColumns.swift)."""

    def __init__(self, data):
        self.value = int.from_bytes(data, "little")
        self.left = 8 * len(data)

    def take(self, count):
        require(count <= self.left, "bits that end too early")
        value = self.value & (1 << count) - 1
        self.value >>= count
        self.left -= count
        return value

    def column(self, count):
        width = self.take(6)
        require(width <= 40, "a width")
        return [self.number(width) for _ in range(count)]

    def number(self, width):
        ones = 0
        while ones < 16 and self.take(1):
            ones += 1
        return self.take(self.take(6) + 1) if ones == 16 else ones << width | self.take(width)

    def end(self):
        require(self.left < 8 and self.value == 0, "bits behind the last number")


def place(reader):
    return reader.count(FILE_MAX, "an offset"), reader.count(BLOCK_MAX, "a block")


def read_name(reader):
    reader.string(NAME_MAX + 16)
    reader.count(INCARNATION_MAX, "an incarnation")


def read_event(reader, processes):
    require(reader.varint() < processes, "no such process")
    reader.count(SEQUENCE_MAX, "a number")


def read_fork(reader):
    reader.count(SEQUENCE_MAX, "a fork")
    reader.u8()


def read_ranges(reader):
    ranges, last = [], 0
    for _ in range(reader.count(len(reader.data), "ranges")):
        distance, more = reader.count(SEQUENCE_MAX, "a first"), reader.count(SEQUENCE_MAX, "a length")
        require(distance and last + distance + more <= SEQUENCE_MAX, "numbers that do not ascend")
        ranges.append((last + distance, last + distance + more))
        last += distance + more
    return ranges
