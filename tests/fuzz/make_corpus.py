#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into corpus/<target>/: small files made here, one for each form that the readers know.
What a fuzzer finds is added beside them by hand, as found-*. Run again after a change: python3 tests/fuzz/make_corpus.py"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def put(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def words(target, *entries):
    def quoted(word):
        return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\x%02x" % b for b in word.encode("latin-1")) + '"'
    put(target, target + ".dict", "".join(quoted(word) + "\n" for word in entries))


def safetensors(header, data=b"", pad=0):
    text = (header if isinstance(header, str) else json.dumps(header)).encode() + b" " * pad
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    put("safetensors", "one", safetensors({"a": tensor("F32", [2, 2], 0, 16)}, bytes(16)))
    put("safetensors", "types", safetensors({
        "__metadata__": {"format": "pt"}, "b": tensor("BF16", [3], 0, 6), "c": tensor("I64", [1, 1, 2], 6, 22),
        "d": tensor("U8", [2], 22, 24), "e": tensor("F16", [], 24, 26), "z": tensor("F32", [0, 4], 26, 26)}, bytes(26), 5))
    put("safetensors", "empty", safetensors({}))
    put("safetensors", "hole", safetensors({"a": tensor("U8", [1], 0, 1), "b": tensor("U8", [1], 2, 3)}, bytes(3)))
    put("safetensors", "overlap", safetensors({"a": tensor("U8", [2], 0, 2), "b": tensor("U8", [2], 1, 3)}, bytes(3)))
    put("safetensors", "overflow", safetensors({"a": tensor("F32", [2**62, 4], 0, 16)}, bytes(16)))
    put("safetensors", "twice", safetensors('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"))
    put("safetensors", "long", struct.pack("<Q", 2**63) + b"{}")
    put("safetensors", "pickle", b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s.")
    put("safetensors", "zip", b"PK\x03\x04\x14\x00\x00\x00\x00\x00archive/data.pkl")
    words("safetensors", '"dtype":', '"shape":[', '"data_offsets":[', '"F32"', '"BF16"', '"F8_E4M3"', '"I64"', '"U8"', '"BOOL"', "{", "}", "]",
          "__metadata__", "18446744073709551615", "9223372036854775807", "-1", "1e3", "\\u0000", "\xff\xff\xff\xff\xff\xff\xff\xff")


def gguf_text(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def gguf_value(value):
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str):
        return 8, gguf_text(value)
    kinds = [gguf_value(item) for item in value]
    kind = kinds[0][0] if kinds else 8
    return 9, struct.pack("<IQ", kind, len(value)) + b"".join(raw for _, raw in kinds)


def gguf(metadata, tensors, version=3, data=None):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        kind, raw = gguf_value(value)
        out += gguf_text(key) + struct.pack("<I", kind) + raw
    offset = 0
    for name, shape, kind, size in tensors:
        out += gguf_text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        out += struct.pack("<IQ", kind, offset)
        offset += -(-size // 32) * 32
    out += bytes(-len(out) % 32)
    return out + (bytes(offset) if data is None else data)


def make_gguf():
    shape = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 16, "llama.embedding_length": 4,
             "llama.feed_forward_length": 8, "llama.attention.head_count": 2, "llama.attention.head_count_kv": 1,
             "llama.attention.layer_norm_rms_epsilon": 1e-5, "llama.rope.dimension_count": 2, "llama.rope.freq_base": 10000.0}
    pieces = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "l", "o", "\u2581l"],
              "tokenizer.ggml.scores": [0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -0.5], "tokenizer.ggml.token_type": [2, 3, 3, 6, 1, 1, 1, 1],
              "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.add_bos_token": True}
    merges = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.tokens": ["l", "o", "lo", "\u0120", "<|end|>"],
              "tokenizer.ggml.token_type": [1, 1, 1, 1, 3], "tokenizer.ggml.merges": ["l o"], "tokenizer.ggml.eos_token_id": 4}
    wordpiece = {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2581hello", "s"],
                 "tokenizer.ggml.token_type": [3, 3, 3, 3, 1, 1]}
    unigram = dict(pieces, **{"tokenizer.ggml.model": "t5"})
    blocks = [("token_embd.weight", [4, 8], 0, 128), ("output_norm.weight", [4], 0, 16), ("blk.0.attn_norm.weight", [4], 0, 16),
              ("blk.0.attn_q.weight", [4, 4], 1, 32), ("blk.0.attn_k.weight", [4, 2], 30, 16)]
    put("gguf", "sentencepiece", gguf({**shape, **pieces, "tokenizer.chat_template": "{{ messages[0].content }}"}, blocks))
    put("gguf", "merges", gguf({**shape, **merges}, blocks))
    put("gguf", "wordpiece", gguf({**shape, **wordpiece}, []))
    put("gguf", "unigram", gguf({**shape, **unigram}, []))
    for arch in ("qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3", "phi2", "gptneox", "stablelm", "olmo2", "granite", "gpt2"):
        named = {"general.architecture": arch}
        named.update({key.replace("llama.", arch + "."): value for key, value in shape.items() if key.startswith("llama.")})
        put("gguf", arch, gguf({**named, arch + ".attention.layer_norm_epsilon": 1e-5, arch + ".attention.key_length": 2}, []))
    quantised = [("q%d" % kind, [256], kind, size) for kind, size in
                 ((2, 144), (3, 160), (6, 176), (7, 192), (8, 272), (10, 84), (11, 110), (12, 144), (13, 176), (14, 210), (15, 292), (20, 144), (23, 136))]
    put("gguf", "quantised", gguf({**shape, "general.alignment": 32}, quantised))
    put("gguf", "lists", gguf({**shape, "a": [True, False], "b": [1, 2], "c": [0.5], "d": ["x", "y"], "e": []}, []))
    put("gguf", "version2", gguf(shape, blocks, version=2))
    put("gguf", "count", b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63))
    put("gguf", "string", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**64 - 1) + b"a")
    put("gguf", "list", b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + gguf_text("k") + struct.pack("<IIQ", 9, 8, 2**60))
    put("gguf", "overflow", gguf(shape, [("t", [2**32, 2**32, 4], 0, 16)], data=bytes(32)))
    words("gguf", *shape, *pieces, "tokenizer.ggml.pre", "tokenizer.ggml.merges", "general.alignment", "gpt2", "llama-bpe", "qwen2",
          "llama.rope.scaling.type", "llama.rope.scaling.factor", "yarn", "llama.attention.sliding_window", "blk.0.ffn_gate.weight",
          "\x04\x00\x00\x00", "\x08\x00\x00\x00", "\x09\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x00\x00\x00\x80")


def make_tokenizers():
    alphabet = {chr(c): i for i, c in enumerate(list(range(97, 105)) + list(range(48, 52)))}
    bpe = {"type": "BPE", "vocab": {**alphabet, "ab": 12, "abc": 13, "\u0120": 14, "\u0120a": 15}, "merges": ["a b", "ab c", ["\u0120", "a"]]}
    control = [{"id": 16, "content": "<s>", "special": True}, {"id": 17, "content": "<|end|>", "special": True, "lstrip": True},
               {"id": 18, "content": "[MASK]", "rstrip": True, "single_word": True, "normalized": True}]
    split = {"type": "Split", "pattern": {"Regex": "\\p{L}+|\\s+|'(?:s|t)|[^\\s\\p{L}]"}, "behavior": "Isolated", "invert": False}
    frame = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "special_tokens": {"<s>": {"id": "<s>", "ids": [16], "tokens": ["<s>"]}}}
    files = {
        "bytes": {"added_tokens": control, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, {"type": "ByteLevel", "add_prefix_space": True}]},
                  "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"}, frame]}, "decoder": {"type": "ByteLevel"}, "model": bpe},
        "pieces": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
                   "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                   "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True, "ignore_merges": True,
                             "vocab": {"<unk>": 0, "<0x0A>": 1, "<0xC3>": 2, "a": 3, "b": 4, "ab": 5, "\u2581": 6}, "merges": ["a b"]}},
        "unigram": {"normalizer": {"type": "Nmt"}, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
                    "decoder": {"type": "Metaspace"}, "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": False, "vocab": [["<unk>", 0.0], ["\u2581", -1.5], ["a", -2.0], ["\u2581ab", -1.0], ["e", -3.0]]}},
        "words": {"normalizer": {"type": "BertNormalizer", "clean_text": True, "lowercase": True, "handle_chinese_chars": True, "strip_accents": None},
                  "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
                  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
                  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 20,
                            "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##a": 4, "##b": 5, "hello": 6}}},
        "list": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}, {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Contiguous"}]},
                 "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "a": 1, "Hello": 2}}},
        "small": {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Strip"}, {"type": "Lowercase"}, {"type": "StripAccents"}, {"type": "Replace", "pattern": {"Regex": "a+"}, "content": "b"}]},
                  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "CharDelimiterSplit", "delimiter": "x"}, {"type": "FixedLength", "length": 3}, {"type": "UnicodeScripts"}]},
                  "decoder": {"type": "BPEDecoder", "suffix": "</w>"}, "model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 0, "b</w>": 1, "ab</w>": 2}, "merges": ["a b</w>"]}},
        "speech": {"decoder": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
                   "model": {"type": "WordLevel", "unk_token": "<unk>", "vocab": {"<pad>": 0, "<unk>": 1, "|": 2, "a": 3}}},
        "broken-merge": {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["aaaaaaaaaaaaaaaa b"]}},
        "broken-prefix": {"model": {"type": "BPE", "vocab": {"a": 0}, "continuing_subword_prefix": "####", "merges": ["a a"]}},
        "broken-ids": {"model": {"type": "BPE", "vocab": {"a": 4294967295, "b": 1}, "merges": []}},
        "broken-charsmap": {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAAAQAA"}, "model": bpe},
        "regex": {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "MergedWithNext"}, "model": bpe},
    }
    config = {"bos_token": "<s>", "eos_token": {"content": "<|end|>"}, "add_bos_token": True, "tokenizer_class": "LlamaTokenizer",
              "added_tokens_decoder": {"19": {"content": "<x>", "special": True}}, "chat_template": "{{ messages }}"}
    for name, file in files.items():
        put("tokenizer", name, json.dumps(file, ensure_ascii=False).encode() + b"\xffabc <s>12 hello\xc3\xa9 <|end|>")
    put("tokenizer", "config", json.dumps(files["bytes"]).encode() + b"\xffa b\xff" + json.dumps(config).encode())
    words("tokenizer", '"type":"', "Sequence", "ByteLevel", "Metaspace", "Precompiled", "Unigram", "WordPiece", "WordLevel", "Split", "Regex", "String",
          "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "vocab", "merges", "special", "lstrip", "rstrip", "normalized", "single_word",
          "MergedWithPrevious", "Removed", "Contiguous", "byte_fallback", "ignore_merges", "unk_token", "\\p{L}", "(?i:", ")*", "{1,3}", "[^\\s]", "(?!\\S)",
          "4294967296", "-1", "1e999", "null", "true", "\xff", "\\ud800", "\\u0000", "<s>")


def field(number, kind, payload):
    def varint(value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])
    key = varint(number << 3 | kind)
    return key + (varint(len(payload)) + payload if kind == 2 else varint(payload) if kind == 0 else payload)


def make_sentencepiece():
    def piece(text, score, kind=1):
        return field(1, 2, field(1, 2, text.encode()) + field(2, 5, struct.pack("<f", score)) + (field(3, 0, kind) if kind != 1 else b""))
    pieces = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + piece("<0x0A>", 0, 6) + piece("\u2581", -1) + piece("l", -2) + piece("\u2581l", -0.5) + piece("x", -3, 4)
    for name, kind in (("unigram", 1), ("bpe", 2), ("word", 3), ("char", 4)):
        trainer = field(3, 0, kind) + field(35, 0, 1) + field(40, 0, 0) + field(41, 0, 1) + field(42, 0, 2)
        normalizer = field(1, 2, b"identity") + field(3, 0, 1) + field(4, 0, 0) + field(5, 0, 1)
        put("sentencepiece", name, pieces + field(2, 2, trainer) + field(3, 2, normalizer))
    put("sentencepiece", "charsmap", pieces + field(3, 2, field(2, 2, b"\x00\x04\x00\x00" + bytes(1024) + b"ab\0")))
    put("sentencepiece", "tiktoken", b"IQ== 0\nIg== 1\n")
    put("sentencepiece", "length", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7fa")
    words("sentencepiece", "\x0a\x05\x0a\x01", "\x15\x00\x00\x80\xbf", "\x18\x02", "\x18\x03", "\x18\x06", "\x12\x02\x18\x01", "\x1a\x04", "\xff\xff\xff\xff\xff\xff\xff\xff\x01",
          "\x15\x00\x00\xc0\x7f", "\xe2\x96\x81")


def make_templates():
    sources = {
        "turns": "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>\n{{ m['content'] | trim }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
        "system": "{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0]['content'] -%}{%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}"
                  "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{{ '[INST] ' ~ m.content ~ ' [/INST]' }}{% endfor %}",
        "tools": "{% if tools %}{% for t in tools %}{{ t | tojson(indent=2) }}\n{% endfor %}{% endif %}{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(', ') }}",
        "macro": "{% macro turn(m, open='<', close='>') -%}{{ open }}{{ m.role | upper }}{{ close }}{{ caller() if caller else m.content }}{%- endmacro %}{% for m in messages %}{{ turn(m, close='|>') }}{% endfor %}{% call turn(messages[0]) %}x{% endcall %}",
        "state": "{% set ns = namespace(n=0, last='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% if not loop.last %}{% continue %}{% endif %}{% set ns.last = m.content[:3] %}{% break %}{% endfor %}{{ ns.n }}{{ ns.last }}",
        "recursion": "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable and x is not string %}{{ loop(x) }}{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
        "strings": "{{ 'a,b,c'.split(',')[::-1] | join('-') }}{{ messages[1].content.startswith('H') }}{{ ' x '.strip() }}{{ '%s=%03d|%.2f' % ('k', 7, 1.5) }}{{ '{:>5}|{0!r}'.format('a') if false }}{{ 'abc'[1:] ~ 'abc'[-1] }}{{ 'x' * 3 }}{{ \"it's\" | replace(\"'\", '\"') }}",
        "numbers": "{{ 7 // 2 }}{{ -7 % 3 }}{{ 2 ** 10 }}{{ 7 / 2 }}{{ 1e16 }}{{ 3 | float }}{{ '12' | int }}{{ [3, 1, 2] | sort | first }}{{ [1, 2] | sum }}{{ 5 is divisibleby 5 }}{{ range(5, 0, -2) | list }}",
        "tests": "{{ x is defined }}{{ none is none }}{{ 'a' in 'abc' }}{{ 1 in [1] }}{{ messages is sequence }}{{ {} is mapping }}{{ true is boolean }}{{ 'a' if x else 'b' }}{{ not x and (1 or 2) }}",
        "blocks": "{# comment #}{% filter upper %}a{{ 'b' }}{% endfilter %}{% set x %}<{{ messages[0].content }}>{% endset %}{{ x }}{% raw %}{{ x }}{% endraw %}{% with y = 2 %}{{ y }}{% endwith %}{% generation %}g{% endgeneration %}",
        "dict": "{% set d = {'b': 1, 'a': [2, none, true], 'c': {'d': 1.0}} %}{% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %}{{ d | dictsort }}{{ d.get('x', 'y') }}{{ d | tojson }}{% set d2 = dict(d, z=3) %}{{ d2 | length }}",
        "dates": "{{ strftime_now('%d %b %Y') }}{{ strftime_now('%Y-%m-%d %H:%M:%S %A %j %%') }}",
        "filters": "{{ messages | groupby('role') | length }}{{ [1, 1, 2] | unique | list }}{{ ['a', 'B'] | sort(case_sensitive=false) | map('upper') | list }}{{ 'a\nb' | indent(2, true) }}{{ [1, 2, 3] | batch(2) | list }}{{ 'abc' | reverse }}{{ '<' | e }}{{ none | default('d', true) }}{{ [{'n': 2}, {'n': 1}] | sum(attribute='n') }}{{ 'a b' | title | wordcount }}",
        "deep": "{{ " + "(" * 80 + "1" + ")" * 80 + " }}",
        "cycle": "{% set n = namespace() %}{% set n.me = n %}{% set n.l = [n] %}{{ n.l == n.l }}",
        "grow": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    }
    for name, source in sources.items():
        put("template", name, source)
    put("template", "variables", sources["turns"].encode() + b'\xff{"messages": [{"role": "user", "content": "<|end|>"}], "add_generation_prompt": true}')
    words("template", "{%", "%}", "{%-", "-%}", "{{", "}}", "{#", "#}", "{% for m in messages %}", "{% endfor %}", "{% if ", "{% else %}", "{% elif ", "{% endif %}",
          "{% set ", "{% endset %}", "{% macro ", "{% endmacro %}", "{% call ", "{% endcall %}", "{% raw %}", "{% endraw %}", "{% break %}", "{% continue %}", "recursive",
          "loop.", "namespace(", "|tojson", "|trim", "|map(", "attribute=", "|join", "|replace(", "|selectattr(", " is defined", " is mapping", " not in ", "caller()",
          ".split(", ".items()", ".format(", "[::-1]", "[1:]", " ~ ", " ** ", " // ", "range(", "*", "'%s' % ", "|indent", "|batch(", "|groupby(", "|dictsort", "messages[0].content",
          "9223372036854775807", "1e308", "\\u00e9", "none", "m.", "['content']")


make_safetensors()
make_gguf()
make_tokenizers()
make_sentencepiece()
make_templates()
