"""The parameter names in Silero's TorchScript archive, `silero_vad.jit`, and what they are here.

The archive holds two networks, one for 16 kHz and one for 8 kHz, of which we have the first. In the
package silero-vad 6.2.3 its weights are those of all ONNX files; the file
`silero_vad_16k.safetensors` beside them holds another training of the same network.
"""

from __future__ import annotations

from typing import Any

import weft
from weft import nn

_PREFIX = "_model."
_OTHER_NETWORK = "_model_8k."


def _pairs(there: str, here: str, *names: str) -> dict[str, str]:
    return {f"{_PREFIX}{there}.{name}": f"{here}.{name}" for name in names}


_NAMES = {
    f"{_PREFIX}stft.forward_basis_buffer": "stft_conv.weight",
    **_pairs("encoder.0.reparam_conv", "conv1", "weight", "bias"),
    **_pairs("encoder.1.reparam_conv", "conv2", "weight", "bias"),
    **_pairs("encoder.2.reparam_conv", "conv3", "weight", "bias"),
    **_pairs("encoder.3.reparam_conv", "conv4", "weight", "bias"),
    **_pairs("decoder.rnn", "lstm_cell", "weight_ih", "weight_hh", "bias_ih", "bias_hh"),
    **_pairs("decoder.decoder.2", "final_conv", "weight", "bias"),
}

# Attributes of the archive's streaming wrapper: what it heard last, not what it learnt.
_STREAM = ("_state", "_context")


def accept_archive_names(
    module: nn.Module, state_dict: dict[str, weft.Tensor], prefix: str, *_: Any
) -> None:
    """Rename the archive's entries in `state_dict`, in place; other state dicts stay as they are.

    A hook for `register_load_state_dict_pre_hook`. What it does not know stays for
    `load_state_dict` to complain about.
    """
    if not any(key.startswith(prefix + _PREFIX) for key in state_dict):
        return
    for key in list(state_dict):
        name = key.removeprefix(prefix)
        if not key.startswith(prefix):
            continue
        if name in _NAMES:
            state_dict[prefix + _NAMES[name]] = state_dict.pop(key)
        elif name.startswith(_OTHER_NETWORK) or name in _STREAM:
            del state_dict[key]
