#!/usr/bin/env python3
"""What Doxygen reads in place of a file of this project: the same lines, some of them with more on them.

Headers: the clauses of a comment (`Errors:`, `Cost:`, …) become paragraphs of their own; a member that has no comment because it is what a
concept, a container or the language says, and so nothing that its reader does not know, gets the sentence that names where that is said.
Pages: headings get the anchors that links to them use; what is a file of the repository and no page is not linked.

    filter.py FILE
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLAUSE = re.compile(r"^(\s*///\s)(Requires|Returns|Errors|Invalidates|Cost|Threads):\s+")

# name: where it is said what it does. Only names that mean one thing wherever they stand.
MEMORY = "As the concept @ref hybridbuffer::memory_policy says."
SPILL = "As the concept @ref hybridbuffer::spill_policy says."
WRITER = "As the concept @ref hybridbuffer::writer says."
READER = "As the concept @ref hybridbuffer::reader says."
BACKEND = "As the concept @ref hybridbuffer::storage_backend says."
CAPABILITY = "As the enumerator of @ref hybridbuffer::Capability of that name says."
CODEC = "As detail/framed_backend.hpp asks of a codec."
SOURCE = "As view/source_view.hpp asks of a source."
STORAGE = "As the concept @ref hybridbuffer::storage_factory says."
CHUNKS = "As the concept of sources of chunks says, of which chunk_list.hpp makes a memory policy."
RANGE = "As the standard's concepts of ranges and iterators say."
STREAM = "As std::basic_streambuf says."
KNOWN = {
    **dict.fromkeys(["prepare", "commit", "chunks", "copy_out", "drop_front", "clear", "chunk_at", "capacity", "stable", "wipes", "is_secret"], MEMORY),
    **dict.fromkeys(["decide", "room", "settle"], SPILL),
    **dict.fromkeys(["write", "close"], WRITER),
    "read": READER,
    "read_at": "As the concept @ref hybridbuffer::reader_at says.",
    "seek": "As the concept @ref hybridbuffer::seeker says.",
    "bytes": "As the concept @ref hybridbuffer::mapped_window says.",
    **dict.fromkeys(["create", "open", "remove", "capabilities"], BACKEND),
    **dict.fromkeys(
        ["open_reader_at", "open_seeker", "append_granularity", "shrink", "discard", "map", "transfer_to", "transfer_from", "publish", "max_object_size"],
        CAPABILITY,
    ),
    **dict.fromkeys(["shape", "write_header", "encode", "decode", "header_bytes"], CODEC),
    **dict.fromkeys(["load", "load_at_hand", "current", "drop"], SOURCE),
    "truncate": MEMORY,
    "source": "Where the chunks come from.",
    "max_size": MEMORY,
    "create_backend": STORAGE,
    "Backend": "What it makes.",
    **dict.fromkeys(["State", "Table"], "What the writer keeps."),
    "options": "The settings that it was made with.",
    **dict.fromkeys(["least_chunk", "most_chunk"], "A bound of `chunk_bytes`."),
    "level": "How much time to spend.",
    "storage_type": "The storage that makes these.",
    **dict.fromkeys(["Writer", "Reader", "ReaderAt", "Seeker", "Window"], "The handle of that kind."),
    **dict.fromkeys(["allocate", "release", "allocate_small", "release_small", "small_bytes", "allocate_table", "release_table", "retained_table_bytes", "chunk_bytes"], CHUNKS),
    **dict.fromkeys(
        ["begin", "end", "value_type", "difference_type", "pointer", "reference", "iterator_category", "iterator_concept", "empty"], RANGE
    ),
    **dict.fromkeys(
        ["xsputn", "xsgetn", "underflow", "uflow", "overflow", "pbackfail", "showmanyc", "seekoff", "seekpos", "sync"], STREAM
    ),
    "size": "How many bytes it holds.",
    "inner": "What it stands before.",
}
OPERATORS = {
    "operator*": RANGE,
    "operator->": RANGE,
    "operator++": RANGE,
    "operator==": "Whether both have the same value.",
}


def blank(line, state):
    """The line without what is in comments and literals, as long as it was. `state`: whether a block comment goes on."""
    out = []
    index = 0
    while index < len(line):
        rest = line[index:]
        if state["block"]:
            end = rest.find("*/")
            step = len(rest) if end < 0 else end + 2
            state["block"] = end < 0
        elif rest.startswith("//"):
            step = len(rest)
        elif rest.startswith("/*"):
            state["block"] = True
            step = 2
        elif literal := re.match(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', rest):
            step = literal.end()
        else:
            out.append(rest[0])
            index += 1
            continue
        out.append(" " * step)
        index += step
    return "".join(out)


def without_brackets(text, opening, closing):
    depth = 0
    out = []
    for character in text:
        if character == opening:
            depth += 1
        elif character == closing and depth:
            depth -= 1
        elif depth == 0:
            out.append(character)
    return "".join(out)


def bare(statement):
    """A declaration without its template head, attributes and the arguments of templates."""
    text = re.sub(r"\[\[.*?\]\]", " ", statement)
    text = re.sub(r"operator(<=>|<<|>>|->|<|>)", r"operator@", text)
    text = without_brackets(text, "<", ">")
    text = re.sub(r"\btemplate\b", " ", text)
    text = re.sub(r"\balignas\s*\([^)]*\)", " ", text)
    # A requires-clause ends where the declaration's own specifiers or names begin; those of this project stand on lines of their own.
    return re.sub(r"\s+", " ", text).strip()


def kind_of_block(statement):
    text = bare(statement)
    if re.match(r"(inline )?namespace\b", text):
        return "namespace"
    if re.search(r"\benum\b", text):
        return "enum"
    if re.search(r"(^|\s)(class|struct|union)\s+\w+[^()=]*$", text) or re.match(r"(union|struct)$", text):
        return "class"
    return "body"


def sentence_for(statement, owner):
    text = bare(statement)
    if alias := re.match(r"using (\w+) =", text):
        return KNOWN.get(alias[1])
    if operator := re.search(r"\boperator ?(\(\)|[^\s(]+)", text):
        name = "operator" + operator[1]
        if name == "operator=" and owner and re.search(r"operator=\s*\((const )?" + owner + r"\b", text):
            return "Takes the value of the other." if "const" in text.split("(", 1)[1] or "&&" not in text else "Takes over what the other holds."
        return OPERATORS.get(name)
    if owner and re.search(rf"~{owner}\s*\(", text):
        return "Gives back what it holds."
    if owner and (made := re.search(rf"(^|\s){owner}\s*\(([^)]*)\)", text)):
        parameters = made[2].strip()
        if parameters == "":
            return "As it is by default."
        if re.match(rf"const {owner} ?&", parameters):
            return "A copy."
        if re.match(rf"{owner} ?&&", parameters):
            return "Takes over what the other holds."
        if re.match(r"(Storage|Inner) \w+$", parameters) or re.match(r"Storage \w+,", parameters):
            return "Stands before the given one."
        if re.search(r"\bdetail::|\b(State|InnerReader\w*|ReaderAt|Reader) \w+|shared_ptr|\bInner \w+,", parameters):
            return "For who makes these: a backend, a function."
        if re.match(r"(const )?\w*(Options|Memory|Buffer|Source|MemoryPolicy)& ?\w+$|\w*(Options|Source|MemoryPolicy)( options| source| memory)\b", parameters):
            return "Of what is given."
        return None
    if function := re.search(r"(\w+)\s*\(", text):
        if function[1] == "append" and text[function.end()] == ")":
            return CAPABILITY
        return KNOWN.get(function[1])
    if variable := re.search(r"(\w+)\s*(=.*|\{.*)?$", text):
        return KNOWN.get(variable[1])
    return None


def header(lines):
    # Users write the names without the inline namespace of the version.
    lines = [re.sub(r"::inline v\d+_\d+", "", line) for line in lines]
    state = {"block": False}
    scopes = []  # (kind, name)
    statement = ""
    begin = None  # (line, column) at which the statement begins
    is_documented = False
    inserts = {}
    for number, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith("#"):
            continue
        if statement.strip() == "" and stripped.startswith("///") and not stripped.startswith("///<"):
            is_documented = True
            continue
        for column, character in enumerate(blank(line, state)):
            scope = scopes[-1] if scopes else ("namespace", "")
            if statement.strip() == "" and not character.isspace():
                begin = (number, column)
            statement += character
            if character == "{":
                kind = kind_of_block(statement[:-1]) if scope[0] in ("namespace", "class") else "body"
                if scope[0] == "class" and kind == "body":
                    describe(inserts, lines, begin, statement[:-1], scope[1], is_documented)
                name = re.search(r"\b(?:class|struct|union) (\w+)", bare(statement[:-1])) if kind == "class" else None
                scopes.append((kind, name[1] if name else ""))
                statement = "" if kind != "body" else "@"  # "@": a declaration whose body goes on
                if kind != "body":
                    is_documented = False
            elif character == "}":
                if scopes:
                    closed = scopes.pop()
                    statement = "@" if closed[0] == "class" else ""
                    is_documented = False
                    if closed[0] == "body" and scopes and scopes[-1][0] == "body":
                        statement = "@"
            elif character == ";":
                if scope[0] == "class" and not statement.startswith("@"):
                    describe(inserts, lines, begin, statement[:-1], scope[1], is_documented)
                statement = ""
                is_documented = False
            elif character == ":" and re.fullmatch(r"\s*(public|private|protected):", statement):
                statement = ""
                is_documented = False
        statement += " "
        if statement.strip() in ("", "@") and (not scopes or scopes[-1][0] != "body"):
            statement = ""
    for (number, column), text in inserts.items():
        lines[number] = f"{lines[number][:column]}/** {text} */ {lines[number][column:]}"
    # Behind the namespace stand specialisations of std's templates, which are no names of this library.
    ends = [number for number, line in enumerate(lines) if line.startswith("}  // namespace hybridbuffer")]
    if ends:
        lines[ends[-1] + 1 :] = [""] * (len(lines) - ends[-1] - 1)
    # Doxygen takes the mark between the digits of a number for the beginning of a character.
    lines = [re.sub(r"(?<=\d)'(?=\d)", "", line) for line in lines]
    return [CLAUSE.sub(lambda found: f"{found[1]}@clause{{{found[2]}}} ", line) for line in lines]


def describe(inserts, lines, begin, statement, owner, is_documented):
    if is_documented or begin is None or "///<" in lines[begin[0]]:
        return
    if text := sentence_for(statement, owner):
        inserts[begin] = text


def anchor_of(heading):
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def page(path, lines):
    name = path.stem.lower()
    is_code = False
    out = []
    for line in lines:
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            if heading := re.match(r"(#{1,4}) (.*?)\s*$", line):
                anchor = name if heading[1] == "#" else f"{name}-{anchor_of(heading[2])}"
                line = f"{heading[1]} {heading[2]} {{#{anchor}}}"
            line = re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", lambda found: link(found[1], found[2], path), line)
        out.append(line)
    return out


def link(text, target, path):
    if "://" in target:
        return f"[{text}]({target})"
    file, _, anchor = target.partition("#")
    other = (path.parent / file).resolve() if file else path
    index = ROOT / "docs" / "README.md"  # what the menu of the site is
    if other.suffix != ".md" or not other.is_file() or other == index:
        return text
    return f"[{text}](@ref {other.stem.lower()}{'-' if anchor else ''}{anchor})"


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    lines = path.read_text().splitlines()
    print("\n".join(page(path, lines) if path.suffix == ".md" else header(lines)))


if __name__ == "__main__":
    main()
