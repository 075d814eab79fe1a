"""Metadata of a model by the Open Inference Protocol: whether it is one that doodled can use.

Protocol: kserve.github.io, "Open Inference Protocol (V2)", Model Metadata JSON Response Object. Replies are untrusted input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.adapters.model_server.failures import InvalidReply, UnsuitableModel

_COLORS: Final = 3
_MAX_SIDE: Final = 4096


class _Tensor(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    name: Annotated[str, Field(min_length=1, max_length=1000)]
    datatype: Annotated[str, Field(max_length=100)]
    shape: Annotated[tuple[int, ...], Field(max_length=16)]

    def __str__(self) -> str:
        return f"{self.name} {self.datatype} {list(self.shape)}"


_Tensors = Annotated[tuple[_Tensor, ...], Field(max_length=100)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    inputs: _Tensors = ()
    outputs: _Tensors = ()


@dataclass(frozen=True)
class Signature:
    """What a server says about one of our models.

    Attributes:
        input_name: of its only input.
        side: of the squares that it takes, px.
        outputs: those of our names that it has.
    """

    input_name: str
    side: int
    outputs: frozenset[str]


def signature(body: bytes, required: Sequence[str], optional: Sequence[str], name_of: Callable[[str], str]) -> Signature:
    """Read a model's metadata.

    Args:
        required, optional: outputs, in our names.
        name_of: what the server calls an output.
    Raises:
        UnsuitableModel: another model than doodled needs.
        InvalidReply: the reply does not follow the protocol.
    """
    try:
        model = _Model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidReply.of(error) from None
    shape = model.inputs[0].shape if len(model.inputs) == 1 else ()
    is_square = len(shape) == 4 and shape[1] == shape[2] and 1 <= shape[1] <= _MAX_SIDE and shape[3] == _COLORS
    if not is_square or model.inputs[0].datatype != "UINT8":
        raise UnsuitableModel(f"expected one input UINT8 [-1, S, S, 3], found {_listing(model.inputs)}")
    if shape[0] != -1:
        raise UnsuitableModel(f"expected an input for any number of images, [-1, S, S, 3], found {_listing(model.inputs)}")
    known = {tensor.name for tensor in model.outputs if tensor.datatype == "FP32"}
    missing = [name_of(output) for output in required if name_of(output) not in known]
    if missing:
        raise UnsuitableModel(f"expected the FP32 outputs {', '.join(missing)} (see tensor_names), found {_listing(model.outputs)}")
    return Signature(model.inputs[0].name, shape[1], frozenset(each for each in (*required, *optional) if name_of(each) in known))


def _listing(tensors: Sequence[_Tensor]) -> str:
    return ", ".join(str(tensor) for tensor in tensors)[:300] or "none"
