"""A second reader of segments, slow and plain, written from the grammars in the comments alone: SegmentWriter.swift, FrameOrder.swift,
ClassedNumbers.swift, FrameContent.swift, TextColumn.swift, Commit.swift and SourceCheckpoint.swift. Where it and the program do not say the same of a file,
one of them, or a comment, is wrong."""

import hashlib
import struct
import zlib

MAGIC = b"LCSEG\r\n\x1a"
HEADER = 56
FRAME_HEADER = 68
ROWS_MAX = 65_536
EXPANDED_MAX = 32 << 20
FOOTER_MAX = 64 << 20
NAME_MAX = 256
EVENT_MAX = 1 << 20
ATTRIBUTES_MAX = 128
SEQUENCE_MAX = 1 << 62
INCARNATION_MAX = 1 << 30
PATH_MAX = 64 << 10
UNMATCHED_MAX = 100
HOLE = 0x11


class Malformed(Exception):
    pass


def require(holds, what):
    if not holds:
        raise Malformed(what)


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        require(count <= len(self.data) - self.at, "it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self):
        return self.take(1)[0]

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.u8()
            value |= (byte & 127) << shift
            if byte < 128:
                require(value < 1 << 64, "a varint of more than 64 bits")
                return value
        raise Malformed("a varint of more than 10 bytes")

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def count(self, limit, what):
        value = self.varint()
        require(value <= limit, f"{what}: {value}, at most {limit}")
        return value

    def string(self, limit):
        return utf8(self.take(self.count(limit, "bytes of a text")))

    def name(self, may_be_empty=False):
        text = self.string(NAME_MAX)
        require("\0" not in text and (text or may_be_empty), "a name of nothing, or with a NUL")
        return text

    def texts(self):
        lengths = [self.count(len(self.data), "length") for _ in range(self.count(len(self.data), "texts"))]
        return [self.take(length) for length in lengths]

    def end(self):
        require(self.at == len(self.data), "something follows")


def utf8(data):
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("no UTF-8")


def unpack(codec, data, size):
    require(codec in (0, 1), "an unknown codec")
    if codec == 1:
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(data, size + 1)
        except zlib.error as error:
            raise Malformed(str(error))
        require(inflater.eof, "deflate that does not end where it should")
    require(len(data) == size, "another size than claimed")
    return data


def signed(value):
    """As 64 bits, two's complement."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def read_order(data, rows, processes):
    """The order section: processes with their rows. Each row is a dict."""
    reader = Reader(data)
    unit = read_unit(reader)
    keys, references = read_tables(reader, rows, processes)
    table = read_sequences(reader, rows, processes)
    read_kinds(reader, table)
    read_times(reader, table, unit)
    read_changes(reader, table, references)
    read_causes(reader, table, references)
    reader.end()
    return keys, table


def read_unit(reader):
    unit = reader.u8()
    require(unit in (0, 3, 6, 9), "a unit of time")
    return unit


def read_tables(reader, rows, processes):
    """The processes, and how many references there are."""
    keys = read_processes(reader, rows, processes)
    further = reader.count(len(reader.data), "further")
    for _ in range(further):
        read_reference(reader)
    number = 0
    for place in range(reader.count(processes + further, "claimed")):
        distance = reader.varint()
        number += distance
        require((distance or not place) and number < processes + further, "claimed twice, or of nobody")
        flag = reader.u8()
        require(flag < 2 and (flag or number < processes), "a flag of a claimed name")
        if flag:
            reader.name()
            require(1 <= reader.varint() <= INCARNATION_MAX, "an incarnation")
    return keys, processes + further


def read_processes(reader, rows, processes):
    executions = [reader.name() for _ in range(reader.count(rows, "executions"))]
    hosts = [reader.name(may_be_empty=True) for _ in range(reader.count(rows, "hosts"))]
    require(reader.varint() == processes, "other processes than the header says")
    keys = []
    for _ in range(processes):
        key = {}
        execution, host = reader.varint(), reader.varint()
        require(execution < len(executions) and host < len(hosts), "no such execution or host")
        key["execution"], key["host"] = executions[execution], hosts[host]
        read_process(reader, key)
        keys.append(key)
    require(len({tuple(sorted(key.items())) for key in keys}) == len(keys), "a process twice")
    return keys


def read_sequences(reader, rows, processes):
    """The rows, with their numbers."""
    counts = [reader.varint() for _ in range(processes)]
    require(all(counts) and sum(counts) == rows, "other rows than the header says")
    predecessors = [reader.varint() for _ in range(processes)]
    table = []
    for process, count in enumerate(counts):
        end, left = 0, count
        while left:
            start = end + reader.zigzag()
            length = reader.varint()
            require(1 <= length <= left, "a run of numbers that is too long, or empty")
            require(1 <= start and start + length - 1 <= SEQUENCE_MAX, "no sequence number")
            table += [{"process": process, "sequence": start + i} for i in range(length)]
            end, left = start + length, left - length
    first = 0
    for process, count in enumerate(counts):
        row = table[first]
        require(predecessors[process] < row["sequence"], "it goes on from an event that is none")
        row["whole"] = predecessors[process] == 0
        first += count
    firsts = {sum(counts[:process]) for process in range(processes)}
    at = 0
    for number in range(reader.count(rows, "wholes")):
        distance = reader.varint()
        require(distance or not number, "a row twice")
        at += distance
        require(at < rows and at not in firsts, "no such row")
        table[at]["whole"] = True
    for here, following in zip(table, table[1:]):
        if here["process"] == following["process"] and not following.get("whole"):
            require(here["sequence"] < following["sequence"], "it goes on from a later event")
    return table


def read_kinds(reader, table):
    lossy = []
    for row in table:
        byte = reader.u8()
        row["kind"], row["stamp"], row["timed"] = byte & 15, byte >> 4 & 7, byte >> 7
        require(row["kind"] < 4 and row["stamp"] < 5, "no kind or stamp")
        if row["stamp"] == 4:
            lossy.append(row)
    while lossy:
        length = reader.varint()
        require(1 <= length <= len(lossy), "a run of losses that is too long, or empty")
        reason, since, number = reader.u8(), reader.varint(), reader.varint()
        require(1 <= reason <= 6 and 1 <= since <= SEQUENCE_MAX and number < 1 << 32, "no such loss")
        lossy = lossy[length:]


def read_times(reader, table, unit):
    time, differences = 0, read_numbers(reader, sum(row["timed"] for row in table))
    for row in table:
        if row["timed"]:
            time = signed(time + differences.pop(0))
            row["time"] = time * 10**unit
            require(-(1 << 63) < row["time"] < 1 << 63, "a time out of range")


def read_causes(reader, table, references):
    read_named(reader, table, references, has_evidence=True)
    read_named(reader, table, references, has_evidence=False)


def read_process(reader, key):
    form = reader.u8()
    require(form < 16 and form & 6 != 6, "a form of a process")
    if form & 1:
        key["run"] = reader.take(16).hex()
    if form & 2:
        key["origin"] = (reader.u64(), reader.varint())
        require(1 <= key["origin"][1] <= SEQUENCE_MAX, "an origin")
    key["unknown"] = form & 4
    key["incarnation"] = reader.varint()
    require(1 <= key["incarnation"] <= INCARNATION_MAX, "an incarnation")
    key["name"] = reader.name()
    if form & 8:
        key["name"] = key["host"] + "/" + key["name"]
    require(len(key["name"].encode()) <= NAME_MAX, "a name that is too long")


def read_reference(reader):
    kind = reader.u8()
    require(kind < 2, "a reference")
    if kind == 0:
        reader.u64()
    else:
        reader.name()
        require(1 <= reader.varint() <= INCARNATION_MAX, "an incarnation")


def read_changes(reader, table, references):
    counts = [reader.count(references, "changes of a row") for _ in table]
    require(16 * sum(counts) <= EXPANDED_MAX, "more changes than a frame may have")
    numbers = []
    for row, count in zip(table, counts):
        at, row["changes"] = 0, {}
        for place in range(count):
            distance = reader.varint()
            require(distance or not place, "a reference twice")
            at += distance
            require(at < references, "no such reference")
            numbers.append((row, at))
    last = {}
    for (row, number), difference in zip(numbers, read_numbers(reader, len(numbers))):
        last[number] = signed(last.get(number, 0) + difference)
        require(0 <= last[number] <= SEQUENCE_MAX, "no value of a clock")
        row["changes"][number] = last[number]


def read_numbers(reader, count):
    """Numbers by their classes."""
    classes = [reader.u8() for _ in range(count)]
    require(all(c & 127 <= 64 and c != 128 for c in classes), "no class of a number")
    size = sum(max(0, (c & 127) - 1) for c in classes)
    bits = int.from_bytes(reader.take((size + 7) // 8), "little")
    require(bits >> size == 0, "bits behind the last number")
    numbers = []
    for c in classes:
        length = max(0, (c & 127) - 1)
        number = (bits & (1 << length) - 1) | (1 << length) if c & 127 else 0
        bits >>= length
        numbers.append(-number if c & 128 else number)
        require(-(1 << 63) <= numbers[-1] < 1 << 63, "a number of more than 64 bits")
    return numbers


def read_named(reader, table, references, has_evidence):
    count = reader.count(len(reader.data), "causes or rulings")
    at, rows = 0, []
    for place in range(count):
        distance = reader.varint()
        require(has_evidence or distance or not place, "two rulings of a row")
        at += distance
        require(at < len(table), "no such row")
        rows.append(table[at])
    numbers = [reader.varint() for _ in rows]
    last = {}
    for row, number in zip(rows, numbers):
        require(number < references, "no such reference")
        before = last.get(number, 0)
        if has_evidence:
            before = row["changes"].get(number, before)
        last[number] = signed(before + reader.zigzag())
        require(1 <= last[number] <= SEQUENCE_MAX, "no sequence number")
    for _ in rows if has_evidence else []:
        require(1 <= reader.u8() <= 4, "unknown evidence")


def read_column(reader, count, chosen=None):
    """The texts of a column. chosen: its indexes, where they are elsewhere."""
    mode = reader.u8()
    require(mode < 4, "a mode of a column")
    if mode in (0, 3):
        require(not any(chosen or []), "an index of what has no table")
    if mode == 0:
        return [reader.take(reader.count(len(reader.data), "text"))] * count
    if mode == 3:
        lengths = [reader.count(len(reader.data), "text") for _ in range(count)]
        return [reader.take(length) for length in lengths]
    table = reader.texts()
    if chosen is None:
        chosen = [reader.varint() for _ in range(count)]
    require(all(number < len(table) for number in chosen), "no such entry")
    if mode == 1:
        return [table[number] for number in chosen]
    slots = []
    for number, template in enumerate(table):
        rows = [row for row in range(count) if chosen[row] == number]
        if rows:
            slots += [rows] * template.count(HOLE)
    forms = [reader.varint() for _ in slots]
    lengths = []
    for rows, form in zip(slots, forms):
        require(form < 2 * (EXPANDED_MAX + 2), "a form of a slot")
        of_all = form // 2 - 1
        lengths.append([reader.count(len(reader.data), "variable") if of_all < 0 else of_all for _ in rows])
    values = {}
    for digits in (1, 0):
        for slot, form in enumerate(forms):
            if form & 1 == digits:
                values[slot] = [reader.take(length) for length in lengths[slot]]
    variables = [[] for _ in range(count)]
    for slot, rows in enumerate(slots):
        for row, value in zip(rows, values[slot]):
            variables[row].append(value)
    texts = []
    for row, number in enumerate(chosen):
        pieces = table[number].split(bytes([HOLE]))
        text = pieces[0]
        for variable, piece in zip(variables[row], pieces[1:]):
            text += variable + piece
        texts.append(text)
    return texts


def index(reader, table):
    number = reader.varint()
    require(number < len(table), "no such entry")
    return number


def read_content(data, rows):
    reader = Reader(data)
    text_of, columns = read_forms(reader, rows)
    read_texts(reader, text_of)
    read_values(reader, columns)
    reader.end()


def read_forms(reader, rows):
    """Of each row the number of its text or template; and of each key and type how many values there are."""
    names = reader.texts()
    for name in names:
        require(len(name) <= NAME_MAX and b"\0" not in name, "a name that is too long, or with a NUL")
        utf8(name)
    keys = reader.texts()
    for key in keys:
        require(1 <= len(key) <= NAME_MAX and b"\0" not in key, "a key that is empty, too long, or with a NUL")
        utf8(key)
    shapes = []
    for _ in range(reader.count(rows, "shapes")):
        count = reader.count(ATTRIBUTES_MAX, "attributes")
        shapes.append([reader.varint() for _ in range(count)])
        require(all(column < 2 * len(keys) for column in shapes[-1]), "no such key")
    count = reader.count(rows, "forms")
    forms = range(count or rows)
    for _ in forms:
        index(reader, names)
    for _ in forms:
        require(reader.u8() < 8, "no such level")
    shape_of = [index(reader, shapes) for _ in forms]
    text_of = []
    for _ in forms:
        text_of.append(reader.zigzag() + (text_of[-1] if text_of else 0))
        require(0 <= text_of[-1] <= ROWS_MAX, "no number of a text")
    form_of = [index(reader, forms) for _ in range(rows)] if count else forms
    columns = [0] * (2 * len(keys))
    for form in form_of:
        for column in shapes[shape_of[form]]:
            columns[column] += 1
    return [text_of[form] for form in form_of], columns


def read_texts(reader, text_of):
    for text in read_column(reader, len(text_of), text_of):
        utf8(text)


def read_values(reader, columns):
    for count in columns:
        if count:
            for text in read_column(reader, count):
                utf8(text)


def read_commit(data):
    # By number: what kind of source it is.
    kinds = {}
    outer = Reader(data)
    codec, size = outer.u8(), outer.count(EXPANDED_MAX, "commit")
    reader = Reader(unpack(codec, data[outer.at :], size))
    host = reader.string(NAME_MAX)
    require("\0" not in host, "a host with a NUL")
    if reader.u8() & 1:
        reader.zigzag()
    for _ in range(reader.count(len(reader.data), "sources")):
        read_checkpoint(reader, kinds)
    reader.end()


def read_checkpoint(reader, kinds):
    number, flags = reader.varint(), reader.u8()
    kind = flags & 3
    require(flags < 32 and kind < 3, "flags of a source")
    if flags & 4:
        reader.string(PATH_MAX)
        for _ in range((3, 2, 0)[kind]):
            reader.varint()
    else:
        require(kinds.get(number, kind) == kind, "a number of two kinds of sources")
    kinds[number] = kind
    if kind == 0:
        reader.varint()
        reader.take(32)
        reader.take(reader.count(EXPANDED_MAX, "state"))
    elif kind == 1:
        reader.varint(), reader.varint(), reader.u8()
    else:
        reader.varint()
    if flags & 16:
        reader.varint()
        for _ in range(reader.count(UNMATCHED_MAX, "unmatched lines")):
            reader.varint()
            reader.string(NAME_MAX)
            reader.string(PATH_MAX)
            reader.string(PATH_MAX)


class Verdict:
    """What is to be said of a segment."""

    def __init__(self):
        self.frames = 0
        self.events = 0
        self.sealed = False
        # Where damage begins, in order.
        self.damage = []
        # By frame offset: (execution, name, incarnation, host, first, last, events, complete) of its processes.
        self.processes = []


def frame_header(data, at):
    """The numbers of the frame header at a place; throws where it is none."""
    head = data[at : at + FRAME_HEADER]
    require(len(head) == FRAME_HEADER and head[:4] == b"LCFR", "no frame")
    fields = struct.unpack("<BBBB7I16s4I", head[4:])
    require(fields[15] == zlib.crc32(head[:-4]), "the checksum of a frame header")
    flags, order_codec, content_codec, zero = fields[:4]
    rows, processes, order_raw, content_raw, order, content, commit = fields[4:11]
    require(flags < 2 and order_codec < 2 and content_codec < 2 and zero == 0, "unknown flags")
    require(rows <= ROWS_MAX and processes <= rows, "too many rows or processes")
    require(max(order_raw, content_raw, order, content, commit) <= EXPANDED_MAX, "too large")
    require((flags == 1) == (commit > 0), "a commit section where none ends")
    require((rows == 0) == (order_raw == 0) == (processes == 0), "rows without an order")
    return fields


def frame_at(data, at):
    """Header fields and the three sections of an intact frame."""
    fields = frame_header(data, at)
    sizes = fields[8:11]
    end = at + FRAME_HEADER + sum(sizes)
    require(end <= len(data), "a frame that is cut")
    sections, start = [], at + FRAME_HEADER
    for size, expected in zip(sizes, fields[12:15]):
        sections.append(data[start : start + size])
        require(zlib.crc32(sections[-1]) == expected, "the checksum of a section")
        start += size
    return fields, sections, end


def footer_at(data, at, frames, digest):
    """Throws where what lies there up to the end is no footer. frames, digest: None where damage precedes."""
    require(len(data) - at <= FOOTER_MAX, "a footer that is too large")
    reader = Reader(data[at:])
    require(reader.take(4) == b"LCFT" and reader.u32() == 0, "no footer")
    counted = reader.varint()
    require(frames is None or frames == counted, "other frames than the footer says")
    for _ in range(reader.count(len(data), "runs")):
        reader.string(NAME_MAX)
        reader.take(16)
        reader.varint()
        reader.take(32 * reader.count(len(data), "digests"))
    signed = reader.u8()
    require(signed in (0, 1), "neither signed nor not")
    reader.take(96 * signed)
    last = reader.take(16)
    require(digest is None or digest == last, "another digest than the footer says")
    body = reader.at
    require(reader.u32() == zlib.crc32(data[at : at + body]), "the checksum of the footer")
    require(reader.u64() == at and reader.take(4) == b"LCND", "the end of the footer")
    reader.end()


def next_place(data, after):
    """The next place at which a frame header is intact, or a footer begins that the end of the file names."""
    for at in range(after, len(data)):
        try:
            if data[at : at + 4] == b"LCFR":
                frame_header(data, at)
                return at
            if data[at : at + 4] == b"LCFT" and len(data) - at >= 24 and len(data) - at <= FOOTER_MAX:
                if struct.unpack("<Q", data[-12:-4])[0] == at:
                    return at
        except Malformed:
            pass
    return len(data)


def digest_of(data):
    return hashlib.sha256(data).digest()[:16]


def read_segment(data):
    verdict = Verdict()
    at, whole, frames = 0, True, 0
    digest = None
    try:
        head = data[:HEADER]
        require(head[:8] == MAGIC and len(head) == HEADER, "no segment")
        require(struct.unpack("<I", head[-4:])[0] == zlib.crc32(head[:-4]), "the checksum of the header")
        require(struct.unpack("<H", head[8:10])[0] == 4, "another version")
        at, digest = HEADER, digest_of(head)
        has_header = True
    except Malformed:
        has_header, whole = False, False
        verdict.damage.append(0)
        at = next_place(data, 1)
    while at < len(data) and not verdict.sealed:
        resume = at + 1
        try:
            if data[at : at + 4] == b"LCFT":
                footer_at(data, at, frames if whole else None, digest)
                verdict.sealed = True
                continue
            header = frame_header(data, at)
            if at + FRAME_HEADER + sum(header[8:11]) <= len(data):
                # The header says where the frame ends: nothing inside it is another one.
                resume = at + FRAME_HEADER + sum(header[8:11])
            fields, sections, end = frame_at(data, at)
        except Malformed:
            verdict.damage.append(at)
            at, digest, whole = next_place(data, resume), None, False
            continue
        frames += 1
        if digest is not None and digest != fields[11]:
            verdict.damage.append(at)
            whole = False
        digest = digest_of(data[at:end])
        read_frame(verdict, fields, sections, at, has_header)
        at = end
    return verdict


def read_frame(verdict, fields, sections, at, has_header):
    rows, processes = fields[4], fields[5]
    try:
        keys, table = [], []
        if rows:
            keys, table = read_order(unpack(fields[1], sections[0], fields[6]), rows, processes)
            for number, key in enumerate(keys):
                mine = [row for row in table if row["process"] == number]
                numbers = [row["sequence"] for row in mine]
                verdict.processes.append(
                    (
                        at, key["execution"], key["name"], key["incarnation"], key["host"], min(numbers),
                        max(numbers), len(mine), all(row["stamp"] == 0 for row in mine),
                    )
                )
            read_content(unpack(fields[2], sections[1], fields[7]), rows)
        if fields[0]:
            read_commit(sections[2])
    except Malformed:
        if has_header:
            verdict.damage.append(at)
            return
    verdict.frames += 1
    verdict.events += rows
