"""The MatMul-free model in plain torch modules, as one would write it first: what our engines are compared with.

Formulas are those of src/ops/*/reference.ts. Parameters keep float32, products run in a dtype of choice.
"""

import json
import math
import struct
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

BIT_LINEAR_EPSILON = 1e-6
SCAN_CHUNK = 64


@dataclass(frozen=True)
class Config:
    vocab_size: int = 32000
    hidden_size: int = 1024
    intermediate_size: int = 2816
    layers: int = 24
    epsilon: float = 1e-6


SIZES = {
    "370M": Config(),
    "1.3B": Config(hidden_size=2048, intermediate_size=5632),
    "2.7B": Config(hidden_size=2560, intermediate_size=6912, layers=32),
}


def rms_norm(x, weight, epsilon):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight


def quantise_rows(x):
    """int8 and back, row by row."""
    s = 127 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return (x * s).round().clamp(-128, 127) / s


def quantise_matrix(weight):
    """Ternary and back."""
    scale = weight.abs().mean().clamp(min=1e-5)
    return (weight / scale).round().clamp(-1, 1) * scale


def straight_through(x, quantised):
    return x + (quantised - x).detach()


def bit_linear(x, norm, weight, frozen, dtype):
    y = rms_norm(x, norm, BIT_LINEAR_EPSILON)
    y = straight_through(y, quantise_rows(y))
    w = weight if frozen else straight_through(weight, quantise_matrix(weight))
    return F.linear(y.to(dtype), w.to(dtype)).float()


class BitLinear(nn.Module):
    def __init__(self, width, out, spread, dtype):
        super().__init__()
        self.norm = nn.Parameter(torch.ones(width))
        self.weight = nn.Parameter(torch.randn(out, width) * spread)
        self.dtype = dtype
        self.frozen = False
        self.compute = bit_linear

    def forward(self, x):
        return self.compute(x, self.norm, self.weight, self.frozen, self.dtype)

    def freeze(self):
        """For inference: the matrix is quantised once, and stays so in the dtype of the product."""
        with torch.no_grad():
            self.weight = nn.Parameter(quantise_matrix(self.weight).to(self.dtype), requires_grad=False)
        self.frozen = True


def recurrence(f, i, start):
    """h_t = f_t * h_(t-1) + i_t over [batch, length, width]: chunks side by side, then from chunk to chunk."""
    batch, length, width = f.shape
    if length == 1:
        return f * start[:, None] + i
    chunk = min(SCAN_CHUNK, length)
    padding = -length % chunk
    f = F.pad(f, (0, 0, 0, padding), value=1.0).view(batch, -1, chunk, width)
    i = F.pad(i, (0, 0, 0, padding)).view(batch, -1, chunk, width)
    local, decay = torch.empty_like(i), torch.empty_like(f)
    h, p = i[:, :, 0], f[:, :, 0]
    local[:, :, 0], decay[:, :, 0] = h, p
    for t in range(1, chunk):
        h = torch.addcmul(i[:, :, t], f[:, :, t], h)
        p = p * f[:, :, t]
        local[:, :, t], decay[:, :, t] = h, p
    carried, state = [], start
    for k in range(local.shape[1]):
        carried.append(state)
        state = torch.addcmul(local[:, k, -1], decay[:, k, -1], state)
    local.addcmul_(decay, torch.stack(carried, 1)[:, :, None])
    return local.view(batch, -1, width)[:, :length]


class Scan(torch.autograd.Function):
    """The recurrence with its own backward pass, so that autograd keeps no step of it."""

    @staticmethod
    def forward(ctx, f, i, start):
        h = recurrence(f, i, start)
        ctx.save_for_backward(f, h, start)
        return h

    @staticmethod
    def backward(ctx, dh):
        f, h, start = ctx.saved_tensors
        following = torch.cat([f[:, 1:], torch.zeros_like(f[:, :1])], 1)
        e = recurrence(following.flip(1), dh.flip(1), torch.zeros_like(start)).flip(1)
        before = torch.cat([start[:, None], h[:, :-1]], 1)
        return e * before, e, f[:, 0] * e[:, 0]


class Block(nn.Module):
    def __init__(self, config, dtype):
        super().__init__()
        hidden, inner = config.hidden_size, config.intermediate_size
        spread, residual = 0.02, 0.02 / math.sqrt(2 * config.layers)
        self.epsilon = config.epsilon
        self.attn_norm = nn.Parameter(torch.ones(hidden))
        self.i_proj = BitLinear(hidden, hidden, spread, dtype)
        self.f_proj = BitLinear(hidden, hidden, spread, dtype)
        self.g_proj = BitLinear(hidden, hidden, spread, dtype)
        self.g_norm = nn.Parameter(torch.ones(hidden))
        self.o_proj = BitLinear(hidden, hidden, residual, dtype)
        self.mlp_norm = nn.Parameter(torch.ones(hidden))
        self.gate_proj = BitLinear(hidden, 2 * inner, spread, dtype)
        self.down_proj = BitLinear(inner, hidden, residual, dtype)

    def forward(self, x, bound, state):
        a = rms_norm(x, self.attn_norm, self.epsilon)
        f = torch.sigmoid(self.f_proj(a))
        f = bound + (1 - bound) * f
        i = F.silu(self.i_proj(a)) * (1 - f)
        h = Scan.apply(f, i, state)
        x = x + self.o_proj(rms_norm(self.g_proj(a), self.g_norm, self.epsilon) * F.silu(h))
        gate, up = self.gate_proj(rms_norm(x, self.mlp_norm, self.epsilon)).chunk(2, -1)
        return x + self.down_proj(F.silu(gate) * up), h[:, -1]


class Model(nn.Module):
    def __init__(self, config, dtype):
        super().__init__()
        self.config = config
        self.embeddings = nn.Parameter(torch.randn(config.vocab_size, config.hidden_size) * 0.02)
        self.lower_bounds = nn.Parameter(torch.zeros(config.layers, config.hidden_size))
        self.blocks = nn.ModuleList(Block(config, dtype) for _ in range(config.layers))
        self.norm = nn.Parameter(torch.ones(config.hidden_size))
        self.lm_head = BitLinear(config.hidden_size, config.vocab_size, 0.02, dtype)

    def states(self, batch, device):
        return [torch.zeros(batch, self.config.hidden_size, device=device) for _ in self.blocks]

    def forward(self, ids, states, last_only=False):
        """ids [batch, length] -> logits [batch, length or 1, vocabulary], next states."""
        shares = self.lower_bounds.softmax(0)
        bounds = shares.cumsum(0) - shares[0]
        x = F.embedding(ids, self.embeddings)
        following = []
        for block, bound, state in zip(self.blocks, bounds, states):
            x, state = block(x, bound, state)
            following.append(state)
        if last_only:
            x = x[:, -1:]
        return self.lm_head(rms_norm(x, self.norm, self.config.epsilon)), following

    def freeze(self):
        for module in self.modules():
            if isinstance(module, BitLinear):
                module.freeze()

    def compile(self):
        """BitLinear, where the time goes, as one compiled function; the scan stays as it is."""
        compiled = torch.compile(bit_linear, dynamic=False)
        for module in self.modules():
            if isinstance(module, BitLinear):
                module.compute = compiled


DTYPES = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64, "BF16": torch.bfloat16, "F16": torch.float16}


def read_safetensors(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(data[slice(*entry["data_offsets"])], dtype=DTYPES[entry["dtype"]]).view(entry["shape"])
        for name, entry in header.items()
    }


def our_name(name):
    """model.layers.0.attn.i_proj.norm.weight -> blocks.0.i_proj.norm"""
    name = name.removeprefix("model.")
    for old, new in (("layers.", "blocks."), (".attn.", "."), (".mlp.", ".")):
        name = name.replace(old, new)
    if name.endswith(".norm.weight") or name in ("norm.weight", "embeddings.weight"):
        return name.removesuffix(".weight")
    if name.endswith("_norm.weight"):
        return name.removesuffix(".weight")
    return name


def load(folder):
    """A checkpoint in float32, as the golden case is."""
    with open(f"{folder}/config.json", encoding="utf8") as file:
        fields = json.load(file)
    tensors = {our_name(name): tensor.float() for name, tensor in read_safetensors(f"{folder}/model.safetensors").items()}
    config = Config(
        fields["vocab_size"],
        fields["hidden_size"],
        tensors["blocks.0.down_proj.weight"].shape[1],
        fields["num_hidden_layers"],
        fields["rms_norm_eps"],
    )
    model = Model(config, torch.float32)
    model.load_state_dict(tensors)
    return model
