"""Reading pickles without obeying them.

A pickle is a program. This is a machine of our own that steps through its opcodes and builds inert values only: no
class is looked up, no function is called, nothing is imported. What the program would have called stands in the result
as a `Stand`, by name.

The opcodes are those of `pickletools`; lists and dicts stay as they are built, so that shared and recursive values are
no trouble, and keys are never hashed, since hashing a deep tuple overflows the stack.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from typing import BinaryIO

from diptych.pickles.allowed import allowed
from diptych.pickles.inert import Inert, Name, NotPickle, Pairs, Placed, Stand, Value

MOST_OPCODES = 500_000
_MOST_STACK = 200_000
_MOST_DIGITS = 64
"""Bytes of a whole number."""
_LEAST_PLACED = 64
"""Bytes from which it matters where they lie: arrays that are shorter are not worth a map."""
_BULK = {"BINBYTES": 5, "BINBYTES8": 9, "BYTEARRAY8": 9}
"""Opcodes that carry the bytes of arrays, and how many bytes after the opcode those begin."""


class _Mark:
    """Where an opcode that takes many arguments began."""


_MARK = _Mark()


def read_stream(file: BinaryIO, size: int, steps: int = MOST_OPCODES) -> Inert:
    """The pickle at the position of `file`, of which `size` bytes are left; the position is then after its end.

    `steps` are the most opcodes that it may have. Raises `NotPickle`.
    """
    machine = _Machine(size, steps)
    try:
        for opcode, argument, position in pickletools.genops(file):
            machine.step(opcode.name, argument, position or 0)
        return Inert(machine.result(), machine.seen())
    except NotPickle as fault:
        raise NotPickle(str(fault), machine.seen()) from None
    except (ValueError, IndexError, OverflowError, UnicodeError, MemoryError, AssertionError) as error:
        reason = "is cut or is no pickle" if "exhausted" in str(error) or "expected" in str(error) else "is no pickle"
        raise NotPickle(reason, machine.seen()) from None


class _Machine:
    """Stack, memo and limits of one stream."""

    def __init__(self, size: int, most: int) -> None:
        self._size = size
        self._most = most
        self._stack: list[Value | _Mark] = []
        self._memo: dict[int, Value] = {}
        self._names: dict[str, None] = {}
        self._steps = 0
        self._calls_of_getattr = 0
        self._members = 0

    def seen(self) -> tuple[str, ...]:
        """The names so far; `getattr` is none where it only fetched members of enumerations."""
        return tuple(name for name in self._names if name not in _GETATTR or self._strange_getattr())

    def _strange_getattr(self) -> bool:
        return self._members == 0 or self._members < self._calls_of_getattr

    def result(self) -> Value:
        value = self._pop()
        if self._stack:
            raise NotPickle("is no valid pickle: it leaves more than one value")
        return value

    def step(self, opcode: str, argument: object, position: int) -> None:
        self._steps += 1
        if self._steps > self._most:
            raise NotPickle(f"has more than {self._most:,} steps")
        if len(self._stack) > _MOST_STACK:
            raise NotPickle("piles up more values than any record needs")
        if opcode in _CONSTANTS:
            self._push(_CONSTANTS[opcode])
        elif opcode in _BULK and isinstance(argument, bytes | bytearray) and len(argument) >= _LEAST_PLACED:
            self._push(Placed(argument, position + _BULK[opcode]))
        elif opcode in _LITERALS:
            self._push(_literal(argument))
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif opcode == "FRAME":
            if not isinstance(argument, int) or argument > self._size:
                raise NotPickle("has a frame that is longer than the file")
        elif opcode not in ("PROTO", "STOP"):
            raise NotPickle(f"uses {opcode}, which no record needs")

    # the stack -----------------------------------------------------------------------------------------------------

    def _push(self, value: Value) -> None:
        self._stack.append(value)

    def _pop(self) -> Value:
        value = self._stack.pop() if self._stack else _MARK
        if isinstance(value, _Mark):
            raise NotPickle("is no valid pickle: it takes a value that is not there")
        return value

    def _top(self) -> Value:
        value = self._stack[-1] if self._stack else _MARK
        if isinstance(value, _Mark):
            raise NotPickle("is no valid pickle: it takes a value that is not there")
        return value

    def _popped_to_mark(self) -> list[Value]:
        values: list[Value] = []
        while self._stack:
            value = self._stack.pop()
            if isinstance(value, _Mark):
                values.reverse()
                return values
            values.append(value)
        raise NotPickle("is no valid pickle: it takes a mark that is not there")

    def mark(self, _: object) -> None:
        self._stack.append(_MARK)

    def pop(self, _: object) -> None:
        if not self._stack:
            raise NotPickle("is no valid pickle: it takes a value that is not there")
        self._stack.pop()

    def pop_mark(self, _: object) -> None:
        self._popped_to_mark()

    def duplicate(self, _: object) -> None:
        self._push(self._top())

    # the memo ------------------------------------------------------------------------------------------------------

    def put(self, argument: object) -> None:
        self._memo[_index(argument)] = self._top()

    def memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._top()

    def get(self, argument: object) -> None:
        index = _index(argument)
        if index not in self._memo:
            raise NotPickle("is no valid pickle: it refers to a value that it never stored")
        self._push(self._memo[index])

    # containers ----------------------------------------------------------------------------------------------------

    def empty_list(self, _: object) -> None:
        self._push([])

    def empty_dict(self, _: object) -> None:
        self._push(Pairs())

    def empty_set(self, _: object) -> None:
        self._push(Stand(Name("builtins", "set")))

    def list_of(self, _: object) -> None:
        self._push(self._popped_to_mark())

    def tuple_of(self, _: object) -> None:
        self._push(tuple(self._popped_to_mark()))

    def tuple_1(self, _: object) -> None:
        self._push((self._pop(),))

    def tuple_2(self, _: object) -> None:
        second = self._pop()
        self._push((self._pop(), second))

    def tuple_3(self, _: object) -> None:
        third, second = self._pop(), self._pop()
        self._push((self._pop(), second, third))

    def frozenset_of(self, _: object) -> None:
        self._push(Stand(Name("builtins", "frozenset"), items=self._popped_to_mark()))

    def dict_of(self, _: object) -> None:
        self._push(Pairs(list(_paired(self._popped_to_mark()))))

    def append(self, _: object) -> None:
        value = self._pop()
        self._extend([value])

    def append_many(self, _: object) -> None:
        self._extend(self._popped_to_mark())

    def _extend(self, values: list[Value]) -> None:
        target = self._top()
        if isinstance(target, list):
            target.extend(values)
        elif isinstance(target, Stand):
            target.items.extend(values)
        else:
            raise NotPickle("is no valid pickle: it appends to what is no list")

    def set_item(self, _: object) -> None:
        value = self._pop()
        self._fill([self._pop(), value])

    def set_items(self, _: object) -> None:
        self._fill(self._popped_to_mark())

    def _fill(self, values: list[Value]) -> None:
        target = self._top()
        if isinstance(target, Pairs):
            target.items.extend(_paired(values))
        elif isinstance(target, Stand):
            target.pairs.extend(_paired(values))
        else:
            raise NotPickle("is no valid pickle: it sets an item of what is no dict")

    # what a real unpickler would look up and call --------------------------------------------------------------------

    def name(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        self._push(self._named(module, name))

    def stack_name(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise NotPickle("is no valid pickle: it names a class by what is no text")
        self._push(self._named(module, name))

    def _named(self, module: str, name: str) -> Name:
        named = Name(module, name)
        self._names.setdefault(str(named))
        return named

    def call(self, _: object) -> None:
        args = self._pop()
        callee = self._pop()
        member = _member(callee, args)
        if isinstance(callee, Name) and str(callee) in _GETATTR:
            self._calls_of_getattr += 1
            self._members += member is not None
        self._push(member or Stand(callee, args))

    def call_with_keywords(self, _: object) -> None:
        keywords, args = self._pop(), self._pop()
        self._push(Stand(self._pop(), args, pairs=list(keywords.items) if isinstance(keywords, Pairs) else []))

    def call_inline(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        args = tuple(self._popped_to_mark())
        self._push(Stand(self._named(module, name), args))

    def call_object(self, _: object) -> None:
        values = self._popped_to_mark()
        if not values:
            raise NotPickle("is no valid pickle: it takes a value that is not there")
        self._push(Stand(values[0], tuple(values[1:])))

    def build(self, _: object) -> None:
        state = self._pop()
        target = self._top()
        if not isinstance(target, Stand):
            raise NotPickle("is no valid pickle: it gives a state to what is no object")
        target.state = state

    def persistent(self, argument: object) -> None:
        self._push(Stand(Name("pickle", "persistent_id"), argument if isinstance(argument, str) else ""))

    def stack_persistent(self, _: object) -> None:
        self._push(Stand(Name("pickle", "persistent_id"), self._pop()))


def _member(callee: Value, args: Value) -> Stand | None:
    """`getattr(Enumeration, "MEMBER")`, as Python 3.11 pickles enumerations, by the member's name in lower case."""
    if not isinstance(callee, Name) or str(callee) not in _GETATTR or not isinstance(args, tuple) or len(args) != 2:
        return None
    owner, member = args
    if not isinstance(owner, Name) or not allowed(str(owner)) or not isinstance(member, str):
        return None
    return Stand(owner, (member.lower(),)) if member.isidentifier() and not member.startswith("_") else None


def _index(argument: object) -> int:
    if not isinstance(argument, int) or argument < 0:
        raise NotPickle("is no valid pickle: it refers to a value that cannot be")
    return argument


def _literal(argument: object) -> Value:
    if isinstance(argument, int) and argument.bit_length() > 8 * _MOST_DIGITS:
        raise NotPickle("holds a whole number of absurd size")
    if isinstance(argument, bytearray):
        return bytes(argument)
    assert isinstance(argument, str | bytes | int | float)
    return argument


def _paired(values: list[Value]) -> Iterator[tuple[Value, Value]]:
    if len(values) % 2:
        raise NotPickle("is no valid pickle: it sets an item without a value")
    return zip(values[::2], values[1::2], strict=True)


_GETATTR = frozenset({"builtins.getattr", "__builtin__.getattr"})
_CONSTANTS: dict[str, Value] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_LITERALS = frozenset(
    {
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "STRING", "BINSTRING", "SHORT_BINSTRING",
        "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
        "BINUNICODE8", "FLOAT", "BINFLOAT",
    }
)  # fmt: skip
_ACTIONS: dict[str, Callable[[_Machine, object], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.duplicate,
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "EMPTY_LIST": _Machine.empty_list,
    "EMPTY_DICT": _Machine.empty_dict,
    "EMPTY_SET": _Machine.empty_set,
    "LIST": _Machine.list_of,
    "TUPLE": _Machine.tuple_of,
    "TUPLE1": _Machine.tuple_1,
    "TUPLE2": _Machine.tuple_2,
    "TUPLE3": _Machine.tuple_3,
    "FROZENSET": _Machine.frozenset_of,
    "DICT": _Machine.dict_of,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.append_many,
    "ADDITEMS": _Machine.append_many,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.stack_name,
    "REDUCE": _Machine.call,
    "NEWOBJ": _Machine.call,
    "NEWOBJ_EX": _Machine.call_with_keywords,
    "INST": _Machine.call_inline,
    "OBJ": _Machine.call_object,
    "BUILD": _Machine.build,
    "PERSID": _Machine.persistent,
    "BINPERSID": _Machine.stack_persistent,
}
