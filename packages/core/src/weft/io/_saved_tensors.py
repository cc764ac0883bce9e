"""The tensors of a file of `weft.save`, made when a node of its structure asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._dtypes import ITEM_BITS
from ._locations import Placing
from ._memory import Region, flat_tensor
from ._safetensors_header import Header, TensorInfo
from ._saved_format import Contents, checksum
from ._structure_reading import Reader, dressed, dtype_called, naturals
from ._torch_storage import require_window
from .errors import FormatError, MissingTensorError, Part, shown

if TYPE_CHECKING:
    from weft import Tensor

__all__ = ["SavedTensors"]


class SavedTensors:
    """Makes each tensor once; those that shared memory share the file's.

    Args:
        memory: the whole file.
        header: its header.
        contents: what the header says beside.
        placed: puts memory on its device.
        verify: compare bytes with their checksum before they are used.
        origin: the file's name.
    """

    def __init__(
        self,
        memory: memoryview,
        header: Header,
        contents: Contents,
        placed: Placing,
        *,
        verify: bool,
        origin: str,
    ) -> None:
        self._memory = memory
        self._header = header
        self._checksums = contents.checksums if verify else None
        self._placed = placed
        self._origin = origin
        self._flat: dict[tuple[str, str], Tensor] = {}
        self._made: dict[str, object] = {}

    def tensor(self, node: dict[str, Any]) -> object:
        """Return what a node stands for; the same node is the same object."""
        name = node["tensor"]
        if not isinstance(name, str):
            raise FormatError(f"{self._origin}: a tensor is called {shown(name)}; it is damaged")
        if name not in self._made:
            own = node.get("attributes")
            attributes = {} if own is None else Reader(self, self._origin).value(own)
            if not isinstance(attributes, dict):
                raise FormatError(f"{self._origin}: attributes of {shown(name)} are {shown(own)}")
            self._made[name] = dressed(self._shown(name, node), node, attributes, self._origin)
        return self._made[name]

    def data(self, node: dict[str, Any]) -> bytearray:
        """Return bytes that were kept as a tensor."""
        name = str(node.get("tensor"))
        return bytearray(self._region(name, self.info(name)).data)

    def info(self, name: str) -> TensorInfo:
        """Return dtype and shape of what the file keeps under a name."""
        try:
            return self._header.tensors[name]
        except KeyError:
            raise MissingTensorError.of(name, self._header.tensors, self._origin) from None

    def outlined(self, node: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
        """Return dtype and shape of what a node stands for, without reading its data."""
        info = self.info(str(node.get("in", node["tensor"])))
        dtype = str(node.get("dtype", info.dtype))
        if "in" in node:
            return dtype, naturals(node.get("size"), node, self._origin)
        return dtype, info.shape if dtype == info.dtype else info.shape[:-1]

    def _shown(self, name: str, node: dict[str, Any]) -> Tensor:
        """Return the values of a node's tensor."""
        where = Part(self._origin, "tensor", name)
        home = node.get("in", name)
        info = self.info(str(home))
        dtype = dtype_called(node.get("dtype", info.dtype), where).name
        flat = self._memory_of(str(home), info, dtype, str(node.get("device", "cpu")))
        if "in" in node:
            offset, *_ = naturals([node.get("offset")], node, where)
            size = naturals(node.get("size"), node, where)
            stride = naturals(node.get("stride"), node, where)
            require_window(offset, size, stride, ITEM_BITS[dtype] // 8, info.nbytes, where)
            return flat.as_strided(size, stride, offset)
        shape = info.shape
        if dtype != info.dtype:  # numbers of two parts, which the format has as pairs
            if info.dtype != "float64" or dtype != "complex128" or shape[-1:] != (2,):
                raise FormatError(f"{where} is {dtype}, but {info.dtype} of {list(shape)} is kept")
            shape = shape[:-1]
        tensor = flat.reshape(shape)
        if "order" not in node:
            return tensor
        order = naturals(node["order"], node, where)
        if sorted(order) != list(range(len(shape))):
            raise FormatError(f"{where} has dims in order {shown(order)}, of {len(shape)}")
        back = sorted(range(len(order)), key=order.__getitem__)
        return tensor.permute(order).contiguous().permute(back)

    def _memory_of(self, home: str, info: TensorInfo, dtype: str, saved_from: str) -> Tensor:
        """Return all that the file keeps under a name, as a 1-d tensor."""
        key = home, dtype
        if key not in self._flat:
            where = Part(self._origin, "tensor", home)
            if info.nbytes % max(1, ITEM_BITS[dtype] // 8):
                raise FormatError(f"{where} has {info.nbytes} bytes, which are no {dtype}")
            flat = flat_tensor(self._region(home, info), dtype, where)
            self._flat[key] = self._placed(flat, saved_from, self._origin)
        return self._flat[key]

    def _region(self, name: str, info: TensorInfo) -> Region:
        region = Region(self._memory, self._header.data_start + info.start, info.nbytes)
        if self._checksums is not None:
            told = self._checksums[name]
            found = checksum(region.data)
            if told != found:
                raise FormatError(
                    f"{self._origin}: the bytes of tensor {shown(name)} do not match their "
                    f"checksum ({shown(told)}, but they have {found}); the file is damaged: take "
                    "another copy, or an earlier checkpoint"
                )
        return region
