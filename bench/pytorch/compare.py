"""Times the MatMul-free model in plain torch modules on this machine's GPU, once it has given the golden logits.

    python3 bench/pytorch/compare.py --size 370M --out pytorch.json      (npm run bench:gpu does so by itself)
"""

import argparse
import json
import os
import statistics
import time

import torch
import torch.nn.functional as F
from model import SIZES, Model, load, read_safetensors

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/fixtures/golden/mmfree-tiny")


def check(device):
    """The largest difference from the logits of the released code; they are in float32."""
    model = load(GOLDEN).to(device)
    expected = read_safetensors(f"{GOLDEN}/expected.safetensors")
    ids = expected["input_ids"].long().to(device)
    with torch.no_grad():
        logits, _ = model(ids, model.states(ids.shape[0], device))
    difference = (logits.cpu() - expected["logits"]).abs().max().item()
    if not difference < 2e-4:
        raise SystemExit(f"logits differ by {difference} from the golden case, expected less than 2e-4; nothing is timed")
    return difference


def measure(step, rounds):
    """Median milliseconds, after three runs that warm up; and the peak of the memory in GiB."""
    for _ in range(3):
        step()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - start))
    return {"milliseconds": statistics.median(times), "bytes": torch.cuda.max_memory_allocated()}


def tokens(batch, length, vocabulary):
    ids = (torch.arange(batch * length) * 7919 + 13) % vocabulary
    return ids.view(batch, length).cuda()


def captured(body):
    """A function that replays `body` as one CUDA graph: no time is spent on launching its kernels."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            body()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        body()
    return graph.replay


def build(options, frozen):
    torch.cuda.empty_cache()
    if options.compile:
        torch.compiler.reset()  # what was compiled for other shapes counts against a limit
    with torch.device("cuda"):
        model = Model(SIZES[options.size], torch.bfloat16)
    if frozen:
        model.freeze()
    if options.compile:
        model.compile()
    return model


def inference(options):
    model = build(options, frozen=True)
    config = model.config
    states, one = model.states(1, "cuda"), tokens(1, 1, config.vocab_size)
    prompt = tokens(1, options.prompt, config.vocab_size)

    @torch.no_grad()
    def decode():
        logits, following = model(one, states)
        for state, after in zip(states, following):
            state.copy_(after)
        return logits.argmax(-1)

    @torch.no_grad()
    def read():
        return model(prompt, model.states(1, "cuda"), last_only=True)[0].argmax(-1)

    yield {"name": "decoding, one sequence", "tokens": 1, **measure(lambda: decode().item(), 20 * options.rounds)}
    replay = captured(decode)
    yield {"name": "decoding, one sequence, CUDA graph", "tokens": 1, **measure(replay, 20 * options.rounds)}
    yield {"name": f"prompt of {options.prompt}", "tokens": options.prompt, **measure(read, options.rounds)}


def training(options):
    model = build(options, frozen=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = tokens(options.batch, options.length, model.config.vocab_size)
    labels = (ids + 7919) % model.config.vocab_size

    def step():
        logits, _ = model(ids, model.states(options.batch, "cuda"))
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), labels.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    first = step().item()
    name = f"training, {options.batch} × {options.length}"
    row = {"name": name, "tokens": options.batch * options.length, **measure(step, options.rounds)}
    if not step().item() < first:
        raise RuntimeError(f"training does not learn: its first loss was {first}")
    yield row


def attempt(cases):
    """Rows as far as they come; what fails, for want of memory say, tells why."""
    try:
        yield from cases
    except Exception as error:  # a benchmark reports what went wrong and continues
        yield {"name": cases.__name__, "failure": str(error).splitlines()[0]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="370M")
    parser.add_argument("--prompt", type=int, default=2048)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-training", dest="training", action="store_false")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="do without torch.compile")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device")
    torch.manual_seed(1)
    difference = check("cuda")
    rows = list(attempt(inference(options)))
    if options.training:
        rows += attempt(training(options))
    report = {
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "compiled": options.compile,
        "difference": difference,
        "rows": rows,
    }
    with open(options.out, "w", encoding="utf8") as file:
        json.dump(report, file, indent=2)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
