"""Folding for CRC-32: a long run of bytes becomes a short one that leaves the same remainder.

A CRC is the remainder of the bytes, taken as a polynomial over bits, by a fixed one. What is taken
off the front, times x to the distance that it moves, is added further back; the factors are such
powers' own remainders, so that a product fits into 16 bytes. Each half of 16 bytes costs a product
without carries, an instruction of x86 processors.

Source: Gopal et al., "Fast CRC computation for generic polynomials using PCLMULQDQ instruction",
Intel, 2009. The last remainder is left to zlib, which takes what is left as bytes like others.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Bytes of one step, which all move together; as many are left at the end.
STRIDE = 256
#: How far ahead bytes are asked for: the processor itself looks no further than the page's end.
_AHEAD, _LINE = 8192, 64
#: The polynomial of zip archives (ISO 3309), its bits in reading order, without the highest.
_POLYNOMIAL = 0xEDB88320
#: The function's name.
FOLD = "@fold"
#: LLVM's products of registers of so many bytes, widest first, and the features they need.
_PRODUCTS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (64, "llvm.x86.pclmulqdq.512", ("vpclmulqdq", "avx512f")),
    (32, "llvm.x86.pclmulqdq.256", ("vpclmulqdq", "avx2")),
    (16, "llvm.x86.pclmulqdq", ("pclmul",)),
)
#: Which halves of 16 bytes are multiplied: the first ones, and the second ones.
_FIRST, _SECOND = 0x00, 0x11


class NoProducts(RuntimeError):
    """The processor has no products without carries."""


def power(bits: int) -> int:
    """Return the remainder of x to a power, its bits as a CRC has them."""
    value = 1 << 31  # x to the power 0: a CRC's first bit is its highest power
    for _ in range(bits):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value


def factors() -> tuple[int, int]:
    """Return the factors of the first and the second half of 16 bytes that move one step."""
    distance = 8 * STRIDE
    return power(distance + 32) << 1, power(distance - 32) << 1


def fold(features: Mapping[str, bool]) -> list[str]:
    """Return the function, in LLVM's language.

    It takes the addresses of the first STRIDE bytes and of the others, folds so many steps of these
    into those, and writes what comes of it to another place.

    Args:
        features: what the processor has, by LLVM's names.

    Raises:
        NoProducts: not what this needs.
    """
    usable = [(n, name) for n, name, needed in _PRODUCTS if all(map(features.get, needed))]
    if not usable:
        raise NoProducts("this processor has no products without carries")
    width, product = usable[0]
    kind = f"<{width // 8} x i64>"
    by = f"{kind} <{', '.join(f'i64 {number}' for number in factors() * (width // 16))}>"
    places = range(0, STRIDE, width)
    lines = [
        f"declare {kind} @{product}({kind}, {kind}, i8 immarg)",
        "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)",
        f"define internal void {FOLD}(ptr %to, ptr %first, ptr %from, i64 %steps) noinline #0 {{",
        "start:",
    ]
    for i in places:
        lines += [
            f"  %start{i}.p = getelementptr i8, ptr %first, i64 {i}",
            f"  %start{i} = load {kind}, ptr %start{i}.p, align 1",
        ]
    lines += [
        "  %any = icmp sgt i64 %steps, 0",
        "  br i1 %any, label %step, label %done",
        "step:",
        "  %number = phi i64 [ 0, %start ], [ %next, %step ]",
        *(f"  %old{i} = phi {kind} [ %start{i}, %start ], [ %new{i}, %step ]" for i in places),
        f"  %behind = mul i64 %number, {STRIDE}",
        "  %place = getelementptr i8, ptr %from, i64 %behind",
    ]
    for i in range(0, STRIDE, _LINE):  # an address behind the end is not read, whatever is there
        lines += [
            f"  %ahead{i} = getelementptr i8, ptr %place, i64 {_AHEAD + i}",
            f"  call void @llvm.prefetch.p0(ptr %ahead{i}, i32 0, i32 3, i32 1)",
        ]
    for i in places:
        lines += [
            f"  %x{i}.p = getelementptr i8, ptr %place, i64 {i}",
            f"  %x{i} = load {kind}, ptr %x{i}.p, align 1",
            f"  %low{i} = call {kind} @{product}({kind} %old{i}, {by}, i8 {_FIRST})",
            f"  %high{i} = call {kind} @{product}({kind} %old{i}, {by}, i8 {_SECOND})",
            f"  %both{i} = xor {kind} %low{i}, %high{i}",
            f"  %new{i} = xor {kind} %both{i}, %x{i}",
        ]
    lines += [
        "  %next = add i64 %number, 1",
        "  %more = icmp slt i64 %next, %steps",
        "  br i1 %more, label %step, label %done",
        "done:",
        *(f"  %end{i} = phi {kind} [ %start{i}, %start ], [ %new{i}, %step ]" for i in places),
    ]
    for i in places:
        lines += [
            f"  %to{i} = getelementptr i8, ptr %to, i64 {i}",
            f"  store {kind} %end{i}, ptr %to{i}, align 1",
        ]
    return [*lines, "  ret void", "}"]
