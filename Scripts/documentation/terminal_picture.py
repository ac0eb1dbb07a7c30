"""Draws what a terminal shows as an SVG picture: text and colours (SGR) from standard input.

Text stays text. The picture has a panel of its own, light or dark as its reader prefers; each of the
256 colours of xterm is moved towards black or white until it reads well there.
"""
import re
import sys
import unicodedata
from html import escape

CELL, LINE, SIZE, MARGIN = 8.0, 18, 13.3, 16  # pixels
PANELS = {"light": ("#ffffff", "#1f2328"), "dark": ("#0d1117", "#e6edf3")}  # background, text
CONTRAST = 4.5  # WCAG 2.1, level AA
NAMED = {31: "#cd0000", 33: "#b58900", 36: "#008b8b"}
FONT = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'


def xterm(number):
    """One of the colours 16 to 231 of xterm."""
    steps = [0, 95, 135, 175, 215, 255]
    number -= 16
    red, green, blue = (steps[number // unit % 6] for unit in (36, 6, 1))
    return f"#{red:02x}{green:02x}{blue:02x}"


def channels(colour):
    return [int(colour[place:place + 2], 16) for place in (1, 3, 5)]


def luminance(colour):
    def linear(value):
        value /= 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    red, green, blue = map(linear, channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def readable(colour, background, text):
    """The colour, moved towards that of the text in twentieths until it reads well."""
    for part in range(21):
        mixed = "#" + "".join(
            f"{(a * (20 - part) + b * part) // 20:02x}"
            for a, b in zip(channels(colour), channels(text)))
        if contrast(mixed, background) >= CONTRAST:
            return mixed
    return text


def runs(line):
    """The pieces of a line: a column, a text and the SGR parameters that it is shown with."""
    column, style, pieces = 0, "", []
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if part.startswith("\x1b"):
            style = part[2:-1]
            continue
        for character in part:
            if unicodedata.east_asian_width(character) in "WF":
                raise SystemExit("error: a wide character, for which there is no rule here")
            last = pieces[-1] if pieces else None
            if character != " " and last and last[2] == style and last[0] + len(last[1]) == column:
                last[1] += character
            elif character != " ":
                pieces.append([column, character, style])
            elif last and last[2] == style and last[0] + len(last[1]) == column:
                last[1] += character
            column += 1
    return [(start, text.rstrip(), style) for start, text, style in pieces], column


def css(style, background, text):
    if style.startswith("38;5;"):
        return f"fill:{readable(xterm(int(style[5:])), background, text)}"
    rules = []
    for number in map(int, filter(None, style.split(";"))):
        if number == 1:
            rules.append("font-weight:bold")
        elif number == 2:
            rules.append(f"fill:{readable('#848d97', background, text)}")
        elif number in NAMED:
            rules.append(f"fill:{readable(NAMED[number], background, text)}")
        else:
            raise SystemExit(f"error: no rule for SGR {number}")
    return ";".join(rules)


def picture(lines):
    rows, styles, width = [], {}, 0
    for number, line in enumerate(lines):
        pieces, columns = runs(line)
        width = max(width, columns)
        spans = []
        for column, text, style in pieces:
            if not text:
                continue
            name = ""
            if style:
                name = f' class="{styles.setdefault(style, f"s{len(styles)}")}"'
            x, length = MARGIN + column * CELL, len(text) * CELL
            spans.append(f'<tspan x="{x:g}" textLength="{length:g}"{name}>{escape(text)}</tspan>')
        if spans:
            rows.append(f'<text y="{MARGIN + 13 + number * LINE}">{"".join(spans)}</text>')
    wide, high = width * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN

    def sheet(panel):
        background, text = PANELS[panel]
        rules = [f".panel{{fill:{background};stroke:#848d97}}", f"text{{fill:{text}}}"]
        rules += [f".{name}{{{css(style, background, text)}}}" for style, name in styles.items()]
        return "\n".join(rules)

    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high}" width="{wide:g}"'
        f' height="{high}" font-family="{escape(FONT)}" font-size="{SIZE}" xml:space="preserve">',
        "<style>",
        sheet("light"),
        "@media (prefers-color-scheme: dark) {",
        sheet("dark"),
        "}",
        "</style>",
        f'<rect class="panel" x="0.5" y="0.5" width="{wide - 1:g}" height="{high - 1}" rx="8"/>',
        *rows,
        "</svg>",
        "",
    ])


if __name__ == "__main__":
    text = sys.stdin.buffer.read().decode().replace("\r\n", "\n").rstrip("\n")
    sys.stdout.buffer.write(picture(text.split("\n")).encode())
