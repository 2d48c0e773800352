"""The dataclasses of what the first page needs, made without the compiler.

`dataclasses.dataclass` writes the source of up to six methods for each class and compiles it, again at every start:
a third of a millisecond a class, and the first page needs forty. Here the same methods are closures over the names of
the fields. What they do is the same, `replace`, `fields` and `asdict` included; left out is what no class of ours
asks for (inherited fields, `__post_init__`, order). To the type checker it is the original.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses
    from operator import attrgetter
    from reprlib import recursive_repr

    def dataclass(cls=None, /, *, frozen=False, slots=False):
        """`dataclasses.dataclass`, with the two options that are used."""
        if cls is None:
            return lambda cls: _made(cls, frozen, slots)
        return _made(cls, frozen, slots)

    def _made(cls, frozen, slots):
        fields = _fields(cls)
        names = tuple(fields)
        if slots:
            space = {
                name: value for name, value in vars(cls).items() if name not in (*names, "__dict__", "__weakref__")
            }
            cls = type(cls)(cls.__name__, cls.__bases__, {**space, "__slots__": names})
        cls.__dataclass_fields__ = fields
        cls.__match_args__ = names
        cls.__init__ = _initial(cls, fields, slots)
        values = attrgetter(*names) if len(names) > 1 else lambda one: (getattr(one, names[0]),)

        def equal(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        @recursive_repr()
        def written(self):
            return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

        cls.__eq__ = equal
        cls.__hash__ = (lambda self: hash(values(self))) if frozen else None
        cls.__repr__ = written
        if frozen:
            _freeze(cls, frozenset(names))
            if slots:
                _make_portable(cls, names)
        return cls

    def _fields(cls):
        """The fields by name, and the class freed of what only described them."""
        fields = {}
        for name, kind in cls.__annotations__.items():
            default = vars(cls).get(name, dataclasses.MISSING)
            one = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
            if one is default:
                delattr(cls, name)
            one.name, one.type, one._field_type, one.kw_only = name, kind, dataclasses._FIELD, False
            fields[name] = one
        return fields

    def _initial(cls, fields, slots):
        names = tuple(fields)
        count = len(names)
        puts = [vars(cls)[name].__set__ for name in names] if slots else []

        def complete(given, named):
            values = list(given)
            for name in names[len(given) :]:
                one = fields[name]
                if name in named:
                    values.append(named.pop(name))
                elif one.default is not dataclasses.MISSING:
                    values.append(one.default)
                elif one.default_factory is not dataclasses.MISSING:
                    values.append(one.default_factory())
                else:
                    raise TypeError(f"{cls.__name__}.__init__() missing the argument {name!r}")
            if named or len(values) > count:
                wrong = f"the arguments {sorted(named)}" if named else f"{len(values)} arguments"
                raise TypeError(f"{cls.__name__}.__init__() cannot take {wrong}")
            return values

        def slotted(self, *values, **named):
            if named or len(values) != count:
                values = complete(values, named)
            for put, value in zip(puts, values, strict=True):
                put(self, value)

        def kept(self, *values, **named):
            if named or len(values) != count:
                values = complete(values, named)
            self.__dict__.update(zip(names, values, strict=True))

        return slotted if slots else kept

    def _freeze(cls, names):
        def assign(self, name, value):
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
            super(cls, self).__setattr__(name, value)

        def delete(self, name):
            if type(self) is cls or name in names:
                raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
            super(cls, self).__delattr__(name)

        cls.__setattr__, cls.__delattr__ = assign, delete

    def _make_portable(cls, names):
        """What is frozen and has no dictionary is copied and pickled value by value."""

        def state(self):
            return [getattr(self, name) for name in names]

        def set_state(self, state):
            for name, value in zip(names, state, strict=True):
                object.__setattr__(self, name, value)

        cls.__getstate__, cls.__setstate__ = state, set_state
