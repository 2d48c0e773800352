"""The XML in which S3 answers: elements with text, and nothing that XML can do beyond that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from diptych.errors import Refused

_DEEPEST = 20


@dataclass(slots=True)
class Element:
    """An element without its namespace and attributes."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)

    def of(self, name: str) -> str:
        """The text of the first child of that name; empty where there is none."""
        return next((child.text.strip() for child in self.all(name)), "")


def parse(content: bytes, host: str) -> Element:
    """The root of a document. Raises `Refused` for what is not XML, and for XML that declares types or entities."""
    root = Element("")
    path = [root]

    def begin(name: str, _attributes: dict[str, str]) -> None:
        if len(path) > _DEEPEST:
            refuse()
        element = Element(name.rpartition("}")[2])
        path[-1].children.append(element)
        path.append(element)

    def end(_name: str) -> None:
        path.pop()

    def text(data: str) -> None:
        path[-1].text += data

    def refuse(*_declaration: object) -> NoReturn:
        raise Refused(f"{host}: answers with XML that is more than data", "Check the address.")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content.lstrip(), True)
    except (expat.ExpatError, ValueError):
        raise Refused(f"{host}: answers with something that is not XML", "Check the address.") from None
    return root.children[0]
