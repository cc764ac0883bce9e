"""From LLVM's language to an object file, by llvmlite, which is loaded only here."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from weft._backend.cpu import processor

#: Changed where the same text is to give other code.
PASSES = "O3, loop and SLP vectorisation"


@functools.cache
def _llvm() -> tuple[Any, Any, Any]:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features()
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=",".join(
            [
                *features.flatten().split(","),
                *(["-prefer-256-bit"] if features.get("avx512f") else []),
            ]
        ),
        opt=3,
        reloc="pic",
        codemodel="default",
    )
    return llvm, machine, features


def attributes() -> str:
    """Return the attributes that functions are to have here."""
    return processor.attributes(_llvm()[2])


def features() -> Mapping[str, bool]:
    """Return what the processor has, by LLVM's names."""
    found: Mapping[str, bool] = _llvm()[2]
    return found


def compile(text: str, *, unroll: bool = True) -> bytes:
    """Return the object file of a module, whose loops LLVM may or may not unroll.

    Raises:
        RuntimeError: LLVM does not take it; says why.
    """
    llvm, machine, _ = _llvm()
    module = _optimised(llvm, machine, text, unroll)
    return bytes(machine.emit_object(module))


def assembly(text: str, *, unroll: bool = True) -> str:
    """Return the assembly of a module, to read."""
    llvm, machine, _ = _llvm()
    return str(machine.emit_assembly(_optimised(llvm, machine, text, unroll)))


def _optimised(llvm: Any, machine: Any, text: str, unroll: bool) -> Any:
    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    options.slp_vectorization = True
    options.loop_unrolling = unroll
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


def load(image: bytes, wanted: str, functions: Mapping[str, int] | None = None) -> int:
    """Place an object file's code in memory by LLVM itself and return a function's address."""
    llvm, _, _ = _llvm()
    for name, address in (functions or {}).items():
        llvm.add_symbol(name, address)
    host = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), host)
    engine.add_object_file(llvm.ObjectFileRef.from_data(image))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(wanted))


#: What holds code in memory; it stays for the process's life.
_engines: list[Any] = []


def version() -> str:
    """Return the versions of llvmlite and LLVM."""
    import llvmlite

    llvm, _, _ = _llvm()
    return f"{llvmlite.__version__} (LLVM {'.'.join(map(str, llvm.llvm_version_info))})"
