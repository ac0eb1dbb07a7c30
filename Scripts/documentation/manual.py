"""Writes manual pages from the description of a command line that swift-argument-parser dumps.

    lightcone --experimental-dump-help | manual.py FOLDER VERSION
"""
import json
import pathlib
import re
import sys

ENVIRONMENT = {
    "LIGHTCONE_SOURCE": "Whom to ask, where --source does not say: a folder, or a collector's URL.",
    "LIGHTCONE_SPOOL": "The folder that programs share with the agent of their machine.",
    "LIGHTCONE_HOST": "The name of this machine, where no agent has said it.",
    "LIGHTCONE_PAGER, PAGER": "What shows an answer that is longer than the screen.",
    "NO_COLOR": "Where it is set, nothing is coloured.",
}


def text(words):
    """Words as roff takes them: nothing in them is a request or an escape."""
    words = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    words = words.replace("`", "\\(ga").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"(?m)^\.", r"\\&.", words)


def option(argument):
    """How an argument is typed, such as --limit <limit>."""
    value = f"<{argument['valueName']}>"
    if argument["kind"] == "positional":
        return value
    names = sorted(argument["names"], key=lambda name: name["kind"] == "long")
    typed = ", ".join(("--" if name["kind"] == "long" else "-") + name["name"] for name in names)
    return typed if argument["kind"] == "flag" else f"{typed} {value}"


def synopsis(argument):
    typed = option(argument).split(", ")[-1]
    if argument["isRepeating"]:
        typed += " ..."
    return f"[{typed}]" if argument["isOptional"] else typed


def meaning(argument):
    words = argument.get("abstract", "")
    if "defaultValue" in argument:
        words += f" (default: {argument['defaultValue']})"
    return words.strip()


def listed(heading, rows):
    if not rows:
        return []
    lines = [f".SH {heading}"]
    for term, words in rows:
        lines += [".TP", f".B {text(term)}", text(words) or "\\&"]
    return lines


def page(command, parents, version, exit_codes):
    words = [*parents, command["commandName"]]
    paragraphs = command.get("discussion", "").strip().split("\n\n")
    examples = [part for part in paragraphs if part.startswith("Example:\n")]
    described = []
    for part in paragraphs:
        if part in examples or not part:
            continue
        before, mark, codes = part.partition("Exit codes: ")
        if mark:
            exit_codes = codes
        if before.strip():
            described.append(before.strip())
    shown = [argument for argument in command["arguments"] if argument["shouldDisplay"]]
    commands = [one for one in command.get("subcommands", [])
                if one["shouldDisplay"] and one["commandName"] != "help"]

    abstract = command["abstract"]
    summary = abstract[0].lower() + abstract[1:].rstrip(".")
    lines = [
        f'.TH {text("-".join(words)).upper()} 1 "" "lightcone {version}" "Lightcone"',
        ".nh", ".ad l",
        ".SH NAME", f'{text("-".join(words))} \\- {text(summary)}',
        ".SH SYNOPSIS", f'.B {text(" ".join(words))}',
    ]
    if commands:
        lines.append(text("<command>"))
    else:
        lines += [text(synopsis(argument)) for argument in
                  sorted(shown, key=lambda one: one["kind"] == "positional")
                  if argument["valueName"] not in ("version", "help")]
    lines += [".SH DESCRIPTION", text(abstract)]
    for part in described:
        lines += [".PP", text(part)]
    lines += listed("COMMANDS", [(one["commandName"], one["abstract"]) for one in commands])
    lines += listed("ARGUMENTS", [
        (option(argument), meaning(argument)) for argument in shown
        if argument["kind"] == "positional"])
    lines += listed("OPTIONS", [
        (option(argument), meaning(argument)) for argument in shown
        if argument["kind"] != "positional"])
    if not parents:
        lines += listed("ENVIRONMENT", list(ENVIRONMENT.items()))
    lines += [".SH EXIT STATUS", text(exit_codes)]
    for part in examples:
        lines += [".SH EXAMPLES", ".nf"]
        lines += [text(line.removeprefix("  ")) for line in part.split("\n")[1:]]
        lines += [".fi"]
    related = [[*words, one["commandName"]] for one in commands] or [parents]
    lines.append(".SH SEE ALSO")
    lines += [f'.BR {text("-".join(one))} (1){"," if one is not related[-1] else ""}'
              for one in related]
    pages = {"-".join(words) + ".1": "\n".join(lines) + "\n"}
    for one in commands:
        pages |= page(one, words, version, exit_codes)
    return pages


def main():
    folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    command = json.load(sys.stdin)["command"]
    for name, lines in page(command, [], version, "").items():
        (folder / name).write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
