"""Compiles the arithmetic to a shared library for this machine, in a process of its own: `python -m` with its path."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from llvmlite import binding

from diptych.tensors import counting, kernels, prints
from diptych.tensors.linking import shared_library

_KINDNESS = 10
"""By how much others go before."""
_NO_DESTRUCTORS = "define void @NRT_MemInfo_call_dtor(ptr %memory) {\n ret void\n}"
"""Arrays over places in memory own none, so that there is nothing to be given back."""


def library() -> bytes:
    """The library, with a function for each entry of `kernels`, `counting` and `prints`."""
    processor = binding.get_host_cpu_name()
    machine = binding.Target.from_default_triple().create_target_machine(
        processor, binding.get_host_cpu_features().flatten(), opt=3, reloc="pic", codemodel="small"
    )
    whole = None
    for entry in (*kernels.ENTRIES, *counting.ENTRIES, *prints.ENTRIES):
        module = _module(entry.inspect_llvm(), entry.native_name.removeprefix("cfunc."), entry.__name__)
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    passes = binding.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(whole, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options()))
    return shared_library(machine.emit_object(whole))


def _module(text: str, inner: str, name: str) -> binding.ModuleRef:
    """The code of one entry, which alone can be seen from outside, as `name`.

    What stands about it to be called by Python is left out. Messages of errors are as well; that there was one is told.
    """
    text = re.sub(r"(?<= )@\.const\.picklebuf\.[\w.]+", "null", text)
    module = binding.parse_assembly(text)
    module.link_in(binding.parse_assembly(_NO_DESTRUCTORS))
    for function in module.functions:
        if function.name == inner:
            function.linkage = "external"
            function.name = name
        elif not function.is_declaration:
            function.linkage = "internal"
    for variable in module.global_variables:
        if not variable.is_declaration:
            variable.linkage = "internal"
    return module


def compile_to(file: Path) -> None:
    """Write the library and its digest behind it, in one step, so that nobody finds half of it."""
    made = library()
    half = file.with_suffix(f".{os.getpid()}")
    half.write_bytes(made + hashlib.sha256(made).digest())
    half.replace(file)


if __name__ == "__main__":
    os.nice(_KINDNESS)
    compile_to(Path(sys.argv[1]))
