"""Logits of Hugging Face's transformers on the CPU in float32, for bench/peers/huggingFace.ts.

usage: huggingFace.py FOLDER...   Each folder holds a model and tokens.json, a list of ids; writes logits.bin (float32,
[tokens, vocabulary]) beside them, or failure.txt with what transformers said. Prints the versions as JSON.
"""

import json
import os
import sys
import traceback

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # BitLinear is decorated with torch.compile, which needs a C++ compiler
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)


def logits(folder):
    with open(f"{folder}/tokens.json") as file:
        ids = torch.tensor([json.load(file)])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    with torch.no_grad():
        return model.eval()(ids).logits[0].float().numpy()


for folder in sys.argv[1:]:
    try:
        logits(folder).tofile(f"{folder}/logits.bin")
    except Exception:
        with open(f"{folder}/failure.txt", "w") as file:
            file.write(traceback.format_exc())

print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__}))
