#!/usr/bin/env python3
"""Writes tests/golden/families/<name>: a tiny model of each family with random weights (config.json, model.safetensors in
bf16) and golden.json with its logits, computed here in double precision from each architecture's published definition, one
text at a time, without any library. Shares nothing with Attune. Run without arguments; the output is always the same.
"""
import json
import math
import os
import random
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "families")
VOCABULARY, TOKENS = 32, 12


# ---- weights -------------------------------------------------------------------------------------------------------

def bf16(x):
    """The nearest bf16 number, as a float."""
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return struct.unpack("<f", struct.pack("<I", bits))[0]


class Weights:
    """Random tensors under their names on disk; matrices are lists of rows [out][in]."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tensors = {}

    def normal(self):
        return math.sqrt(-2 * math.log(1 - self.random.random())) * math.cos(2 * math.pi * self.random.random())

    def matrix(self, name, rows, columns, deviation=0.25):
        self.tensors[name] = [[bf16(self.normal() * deviation) for _ in range(columns)] for _ in range(rows)]

    def vector(self, name, size, mean=0.0, deviation=0.3):
        self.tensors[name] = [bf16(mean + self.normal() * deviation) for _ in range(size)]

    def linear(self, name, rows, columns, bias=False):
        self.matrix(name + ".weight", rows, columns)
        if bias:
            self.vector(name + ".bias", rows)

    def norm(self, name, size, bias=False, mean=1.0):
        self.vector(name + ".weight", size, mean)
        if bias:
            self.vector(name + ".bias", size)

    def save(self, path):
        header, data = {}, b""
        for name, value in self.tensors.items():
            two = isinstance(value[0], list)
            flat = [x for row in value for x in row] if two else value
            raw = b"".join(struct.pack("<f", x)[2:] for x in flat)
            header[name] = {"dtype": "BF16", "shape": [len(value), len(value[0])] if two else [len(value)],
                            "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + data)


# ---- building blocks -----------------------------------------------------------------------------------------------

def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def add(a, b, scale=1.0):
    return [x + scale * y for x, y in zip(a, b)]


def linear(w, name, x):
    y = [dot(row, x) for row in w[name + ".weight"]]
    return add(y, w[name + ".bias"]) if name + ".bias" in w else y


def conv1d(w, name, x):  # GPT-2 stores [in][out]
    weight = w[name + ".weight"]
    return add([math.fsum(x[i] * weight[i][o] for i in range(len(x))) for o in range(len(weight[0]))], w[name + ".bias"])


def rms_norm(x, weight, epsilon):
    scale = 1 / math.sqrt(math.fsum(v * v for v in x) / len(x) + epsilon)
    return [v * scale * g for v, g in zip(x, weight)]


def layer_norm(x, weight, bias, epsilon):
    mean = math.fsum(x) / len(x)
    scale = 1 / math.sqrt(math.fsum((v - mean) ** 2 for v in x) / len(x) + epsilon)
    return [(v - mean) * scale * g + b for v, g, b in zip(x, weight, bias)]


def silu(x):
    return x / (1 + math.exp(-x))


def gelu_erf(x):
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def heads_of(x, head_dim):
    return [x[i:i + head_dim] for i in range(0, len(x), head_dim)]


def rotate(head, position, frequencies, magnitude=1.0):
    """Rotary embedding, halves convention, of the first 2 * len(frequencies) elements; the others stay."""
    n, y = len(frequencies), list(head)
    for i, frequency in enumerate(frequencies):
        c, s = math.cos(position * frequency) * magnitude, math.sin(position * frequency) * magnitude
        y[i] = head[i] * c - head[i + n] * s
        y[i + n] = head[i + n] * c + head[i] * s
    return y


def attend(queries, keys, values, scale, window=None, cap=None):
    """Causal attention of lists [token][head][element]; a key/value head serves several query heads."""
    result, group = [], len(queries[0]) // len(keys[0])
    for t, query in enumerate(queries):
        first = 0 if window is None else max(0, t - window + 1)
        row = []
        for h, q in enumerate(query):
            scores = [dot(q, keys[s][h // group]) * scale for s in range(first, t + 1)]
            if cap is not None:
                scores = [cap * math.tanh(s / cap) for s in scores]
            top = max(scores)
            p = [math.exp(s - top) for s in scores]
            total = math.fsum(p)
            row += [math.fsum(p[i] * values[first + i][h // group][e] for i in range(len(p))) / total
                    for e in range(len(q))]
        result.append(row)
    return result


def plain_frequencies(theta, dim):
    return [theta ** (-2 * i / dim) for i in range(dim // 2)]


def rope(config, head_dim, length):
    """(frequencies, magnitude) as transformers' modeling_rope_utils defines them, for a text of `length` tokens."""
    theta = config.get("rope_theta", 10000.0)
    dim = int(head_dim * config.get("partial_rotary_factor", 1.0))
    scaling = config.get("rope_scaling")
    plain = plain_frequencies(theta, dim)
    if scaling is None:
        return plain, 1.0
    kind, factor = scaling.get("rope_type", scaling.get("type")), scaling.get("factor")
    context = config["max_position_embeddings"]
    if kind == "linear":
        return [f / factor for f in plain], 1.0
    if kind == "dynamic":
        longest = max(length, context)
        return plain_frequencies(theta * (factor * longest / context - (factor - 1)) ** (dim / (dim - 2)), dim), 1.0
    if kind == "llama3":
        original = scaling["original_max_position_embeddings"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        result = []
        for f in plain:
            wavelength = 2 * math.pi / f
            if wavelength < original / high:
                result.append(f)
            elif wavelength > original / low:
                result.append(f / factor)
            else:
                smooth = (original / wavelength - low) / (high - low)
                result.append((1 - smooth) * f / factor + smooth * f)
        return result, 1.0
    if kind == "yarn":
        original = scaling["original_max_position_embeddings"]

        def dimension(rotations):
            return dim * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))

        low = max(math.floor(dimension(scaling.get("beta_fast", 32))), 0)
        high = min(math.ceil(dimension(scaling.get("beta_slow", 1))), dim - 1)
        high += 0.001 if low == high else 0
        result = []
        for i, f in enumerate(plain):
            ramp = min(max((i - low) / (high - low), 0), 1)
            result.append(f / factor * ramp + f * (1 - ramp))
        return result, 0.1 * math.log(factor) + 1
    if kind == "longrope":
        original = config["original_max_position_embeddings"]
        factors = scaling["long_factor"] if length > original else scaling["short_factor"]
        ratio = context / original
        return [f / s for f, s in zip(plain, factors)], math.sqrt(1 + math.log(ratio) / math.log(original))
    raise ValueError(kind)


# ---- families ------------------------------------------------------------------------------------------------------
# Each: the weights' names and shapes, and the forward pass. c is config.json, w the tensors.

def logits_of(c, w, x, head="lm_head"):
    weight = w["model.embed_tokens.weight"] if c.get("tie_word_embeddings") else w[head + ".weight"]
    y = [dot(row, x) for row in weight]
    return add(y, w[head + ".bias"]) if head + ".bias" in w else y


def gated_mlp(w, p, x, act):
    gate, up = linear(w, p + "gate_proj", x), linear(w, p + "up_proj", x)
    return linear(w, p + "down_proj", [act(g) * u for g, u in zip(gate, up)])


def head_dim_of(c):
    return c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])


def make_llama(c, w, qkv_bias=False, qk_norm=None, norm=True, layer_norms=("input_layernorm", "post_attention_layernorm"),
               mean=1.0, norm_bias=False, make_mlp=None):
    h, d = c["hidden_size"], head_dim_of(c)
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    w.matrix("model.embed_tokens.weight", VOCABULARY, h, 0.5)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        w.linear(p + "self_attn.q_proj", q, h, qkv_bias)
        w.linear(p + "self_attn.k_proj", kv, h, qkv_bias)
        w.linear(p + "self_attn.v_proj", kv, h, qkv_bias)
        w.linear(p + "self_attn.o_proj", h, q, c.get("attention_bias", False))
        if qk_norm == "head":
            w.norm(p + "self_attn.q_norm", d, mean=mean)
            w.norm(p + "self_attn.k_norm", d, mean=mean)
        if qk_norm == "projection":
            w.norm(p + "self_attn.q_norm", q)
            w.norm(p + "self_attn.k_norm", kv)
        if make_mlp:
            make_mlp(c, w, p)
        else:
            for name in ("gate_proj", "up_proj"):
                w.linear(p + "mlp." + name, c["intermediate_size"], h, c.get("mlp_bias", False))
            w.linear(p + "mlp.down_proj", h, c["intermediate_size"], c.get("mlp_bias", False))
        for name in layer_norms:
            w.norm(p + name, h, norm_bias, mean)
    w.norm("model.norm", h, norm_bias, mean)
    if not c.get("tie_word_embeddings"):
        w.matrix("lm_head.weight", VOCABULARY, h)


def llama_attention(c, w, p, x, scale=None, window=None, cap=None, qk=None, frequencies=None, before=None):
    """q, k, v projections, optional norms of queries and keys, rotation, attention, output projection."""
    d = head_dim_of(c)
    frequencies, magnitude = frequencies or rope(c, d, len(x))
    queries, keys, values = [], [], []
    for t, v in enumerate(x):
        q, k = linear(w, p + "q_proj", v), linear(w, p + "k_proj", v)
        if before:
            q, k = before(q, w[p + "q_norm.weight"]), before(k, w[p + "k_norm.weight"])
        q, k = heads_of(q, d), heads_of(k, d)
        if qk:
            q, k = [qk(h, w[p + "q_norm.weight"]) for h in q], [qk(h, w[p + "k_norm.weight"]) for h in k]
        queries.append([rotate(h, t, frequencies, magnitude) for h in q])
        keys.append([rotate(h, t, frequencies, magnitude) for h in k])
        values.append(heads_of(linear(w, p + "v_proj", v), d))
    mixed = attend(queries, keys, values, scale or 1 / math.sqrt(d), window, cap)
    return [linear(w, p + "o_proj", m) for m in mixed]


def llama(c, w, ids, act=silu, qk_norm=False, window=lambda c, layer: None, mlp=gated_mlp, mlp_name="mlp.",
          whole_norm=False):
    """Touvron et al. 2023; Qwen2 adds biases, Qwen3 norms of query and key heads, Mistral a window, Mixtral experts."""
    eps = c["rms_norm_eps"]
    qk = (lambda h, g: rms_norm(h, g, eps)) if qk_norm else None
    before = (lambda v, g: rms_norm(v, g, eps)) if whole_norm else None
    x = [w["model.embed_tokens.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        n = [rms_norm(v, w[p + "input_layernorm.weight"], eps) for v in x]
        x = [add(a, b) for a, b in zip(x, llama_attention(c, w, p + "self_attn.", n, qk=qk, window=window(c, i), before=before))]
        n = [rms_norm(v, w[p + "post_attention_layernorm.weight"], eps) for v in x]
        x = [add(a, mlp(w, p + mlp_name, b, act)) for a, b in zip(x, n)]
    return logits_of(c, w, rms_norm(x[-1], w["model.norm.weight"], eps))


def granite(c, w, ids):
    eps, r = c["rms_norm_eps"], c["residual_multiplier"]
    x = [[v * c["embedding_multiplier"] for v in w["model.embed_tokens.weight"][i]] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        n = [rms_norm(v, w[p + "input_layernorm.weight"], eps) for v in x]
        x = [add(a, b, r) for a, b in zip(x, llama_attention(c, w, p + "self_attn.", n, scale=c["attention_multiplier"]))]
        n = [rms_norm(v, w[p + "post_attention_layernorm.weight"], eps) for v in x]
        x = [add(a, gated_mlp(w, p + "mlp.", b, silu), r) for a, b in zip(x, n)]
    return [v / c["logits_scaling"] for v in logits_of(c, w, rms_norm(x[-1], w["model.norm.weight"], eps))]


def olmo2(c, w, ids):
    """OLMo 2 (2024): h = x + norm(attention(x)), y = h + norm(mlp(h)), norms over all queries and all keys."""
    eps = c["rms_norm_eps"]
    x = [w["model.embed_tokens.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        mixed = llama_attention(c, w, p + "self_attn.", x, before=lambda v, g: rms_norm(v, g, eps))
        x = [add(a, rms_norm(b, w[p + "post_attention_layernorm.weight"], eps)) for a, b in zip(x, mixed)]
        x = [add(a, rms_norm(gated_mlp(w, p + "mlp.", a, silu), w[p + "post_feedforward_layernorm.weight"], eps)) for a in x]
    return logits_of(c, w, rms_norm(x[-1], w["model.norm.weight"], eps))


def make_experts(prefix, names, experts_key, inner_key):
    """A router and experts of three matrices each; names: of gate, up and down. Router weights are large: no near ties."""
    def make(c, w, p):
        h, inner = c["hidden_size"], c[inner_key]
        w.matrix(p + prefix + "gate.weight", c[experts_key], h, 0.8)
        for e in range(c[experts_key]):
            for name, rows, columns in zip(names, (inner, inner, h), (h, h, inner)):
                w.linear(f"{p}{prefix}experts.{e}.{name}", rows, columns)
    return make


def experts(names, per_token, renormalize=True):
    """Jiang et al. 2024: softmax over all experts, the most likely ones, their probabilities divided by their sum."""
    def mlp(w, p, x, act):
        scores = linear(w, p + "gate", x)
        top = max(scores)
        p_all = [math.exp(s - top) for s in scores]
        total = math.fsum(p_all)
        p_all = [v / total for v in p_all]
        chosen = sorted(range(len(scores)), key=lambda e: -p_all[e])
        MARGINS.append(scores[chosen[per_token - 1]] - scores[chosen[per_token]])
        chosen = chosen[:per_token]
        whole = math.fsum(p_all[e] for e in chosen) if renormalize else 1
        y = [0.0] * len(x)
        for e in chosen:
            gate, up, down = (f"{p}experts.{e}.{name}" for name in names)
            inner = [act(g) * u for g, u in zip(linear(w, gate, x), linear(w, up, x))]
            y = add(y, linear(w, down, inner), p_all[e] / whole)
        return y
    return mlp


MARGINS = []  # between the last chosen expert and the first one left out: near ties would make every rounding visible


def gemma_norm(x, weight, eps):
    return rms_norm(x, [1 + g for g in weight], eps)


def gemma(c, w, ids):
    eps, scale = c["rms_norm_eps"], math.sqrt(c["hidden_size"])
    x = [[v * scale for v in w["model.embed_tokens.weight"][i]] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        n = [gemma_norm(v, w[p + "input_layernorm.weight"], eps) for v in x]
        x = [add(a, b) for a, b in zip(x, llama_attention(c, w, p + "self_attn.", n))]
        n = [gemma_norm(v, w[p + "post_attention_layernorm.weight"], eps) for v in x]
        x = [add(a, gated_mlp(w, p + "mlp.", b, gelu_tanh)) for a, b in zip(x, n)]
    return logits_of(c, w, gemma_norm(x[-1], w["model.norm.weight"], eps))


def gemma2or3(c, w, ids, third=False):
    """Gemma 2 (2024) and Gemma 3 (2025): norms before and after each branch, windows in some layers; Gemma 2 soft caps,
    Gemma 3 norms of query and key heads and a rotary base of its own for the local layers."""
    eps, scale = c["rms_norm_eps"], math.sqrt(c["hidden_size"])
    x = [[v * scale for v in w["model.embed_tokens.weight"][i]] for i in ids]
    qk = (lambda h, g: gemma_norm(h, g, eps)) if third else None
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        local = (i + 1) % c["sliding_window_pattern"] != 0 if third else i % 2 == 0
        base = (plain_frequencies(c["rope_local_base_freq"], c["head_dim"]), 1.0) if third and local else None
        n = [gemma_norm(v, w[p + "input_layernorm.weight"], eps) for v in x]
        mixed = llama_attention(c, w, p + "self_attn.", n, scale=c["query_pre_attn_scalar"] ** -0.5,
                                window=c["sliding_window"] if local else None, cap=c.get("attn_logit_softcapping"), qk=qk,
                                frequencies=base)
        x = [add(a, gemma_norm(b, w[p + "post_attention_layernorm.weight"], eps)) for a, b in zip(x, mixed)]
        n = [gemma_norm(v, w[p + "pre_feedforward_layernorm.weight"], eps) for v in x]
        x = [add(a, gemma_norm(gated_mlp(w, p + "mlp.", b, gelu_tanh), w[p + "post_feedforward_layernorm.weight"], eps))
             for a, b in zip(x, n)]
    y = logits_of(c, w, gemma_norm(x[-1], w["model.norm.weight"], eps))
    cap = c.get("final_logit_softcapping")
    return [cap * math.tanh(v / cap) for v in y] if cap else y


def make_phi3(c, w):
    h, d = c["hidden_size"], head_dim_of(c)
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    w.matrix("model.embed_tokens.weight", VOCABULARY, h, 0.5)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        w.linear(p + "self_attn.qkv_proj", q + 2 * kv, h)
        w.linear(p + "self_attn.o_proj", h, q)
        w.linear(p + "mlp.gate_up_proj", 2 * c["intermediate_size"], h)
        w.linear(p + "mlp.down_proj", h, c["intermediate_size"])
        w.norm(p + "input_layernorm", h)
        w.norm(p + "post_attention_layernorm", h)
    w.norm("model.norm", h)
    w.matrix("lm_head.weight", VOCABULARY, h)


def phi3(c, w, ids):
    """Abdin et al. 2024: Llama with query, key, value in one projection and gate, up in one."""
    eps, d, inner = c["rms_norm_eps"], head_dim_of(c), c["intermediate_size"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    frequencies, magnitude = rope(c, d, len(ids))
    x = [w["model.embed_tokens.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        queries, keys, values = [], [], []
        for t, v in enumerate(x):
            all_three = linear(w, p + "self_attn.qkv_proj", rms_norm(v, w[p + "input_layernorm.weight"], eps))
            queries.append([rotate(h, t, frequencies, magnitude) for h in heads_of(all_three[:q], d)])
            keys.append([rotate(h, t, frequencies, magnitude) for h in heads_of(all_three[q:q + kv], d)])
            values.append(heads_of(all_three[q + kv:], d))
        mixed = attend(queries, keys, values, 1 / math.sqrt(d), c.get("sliding_window"))
        x = [add(a, linear(w, p + "self_attn.o_proj", b)) for a, b in zip(x, mixed)]
        for t, v in enumerate(x):
            both = linear(w, p + "mlp.gate_up_proj", rms_norm(v, w[p + "post_attention_layernorm.weight"], eps))
            x[t] = add(v, linear(w, p + "mlp.down_proj", [silu(g) * u for g, u in zip(both[:inner], both[inner:])]))
    return logits_of(c, w, rms_norm(x[-1], w["model.norm.weight"], eps))


def make_phi(c, w):
    h, inner = c["hidden_size"], c["intermediate_size"]
    w.matrix("model.embed_tokens.weight", VOCABULARY, h, 0.5)
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for name in ("q_proj", "k_proj", "v_proj", "dense"):
            w.linear(p + "self_attn." + name, h, h, True)
        w.linear(p + "mlp.fc1", inner, h, True)
        w.linear(p + "mlp.fc2", h, inner, True)
        w.norm(p + "input_layernorm", h, True)
    w.norm("model.final_layernorm", h, True)
    w.linear("lm_head", VOCABULARY, h, True)


def phi(c, w, ids):
    """Phi-1.5 and Phi-2 (2023): attention and MLP side by side behind one LayerNorm, rotation of a part of each head."""
    eps, d = c["layer_norm_eps"], head_dim_of(c)
    frequencies, _ = rope(c, d, len(ids))
    x = [w["model.embed_tokens.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        n = [layer_norm(v, w[p + "input_layernorm.weight"], w[p + "input_layernorm.bias"], eps) for v in x]
        a = p + "self_attn."
        queries = [[rotate(h, t, frequencies) for h in heads_of(linear(w, a + "q_proj", v), d)] for t, v in enumerate(n)]
        keys = [[rotate(h, t, frequencies) for h in heads_of(linear(w, a + "k_proj", v), d)] for t, v in enumerate(n)]
        values = [heads_of(linear(w, a + "v_proj", v), d) for v in n]
        mixed = attend(queries, keys, values, 1 / math.sqrt(d))
        for t in range(len(x)):
            hidden = [gelu_tanh(v) for v in linear(w, p + "mlp.fc1", n[t])]
            x[t] = add(add(x[t], linear(w, a + "dense", mixed[t])), linear(w, p + "mlp.fc2", hidden))
    return logits_of(c, w, layer_norm(x[-1], w["model.final_layernorm.weight"], w["model.final_layernorm.bias"], eps))


def make_neox(c, w):
    h, inner = c["hidden_size"], c["intermediate_size"]
    w.matrix("gpt_neox.embed_in.weight", VOCABULARY, h, 0.5)
    for i in range(c["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        w.linear(p + "attention.query_key_value", 3 * h, h, True)
        w.linear(p + "attention.dense", h, h, True)
        w.linear(p + "mlp.dense_h_to_4h", inner, h, True)
        w.linear(p + "mlp.dense_4h_to_h", h, inner, True)
        w.norm(p + "input_layernorm", h, True)
        w.norm(p + "post_attention_layernorm", h, True)
    w.norm("gpt_neox.final_layer_norm", h, True)
    w.matrix("embed_out.weight", VOCABULARY, h)


def neox(c, w, ids):
    """Black et al. 2022: each head's query, key and value lie together; branches from the same x, each with its norm."""
    eps, d = c["layer_norm_eps"], head_dim_of(c)
    frequencies = plain_frequencies(c["rotary_emb_base"], int(d * c["rotary_pct"]))
    x = [w["gpt_neox.embed_in.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."

        def norm(name, v):
            return layer_norm(v, w[p + name + ".weight"], w[p + name + ".bias"], eps)

        queries, keys, values = [], [], []
        for t, v in enumerate(x):
            pieces = heads_of(linear(w, p + "attention.query_key_value", norm("input_layernorm", v)), d)
            queries.append([rotate(h, t, frequencies) for h in pieces[0::3]])
            keys.append([rotate(h, t, frequencies) for h in pieces[1::3]])
            values.append(pieces[2::3])
        mixed = [linear(w, p + "attention.dense", m) for m in attend(queries, keys, values, 1 / math.sqrt(d))]

        def mlp(v):
            hidden = [gelu_erf(e) for e in linear(w, p + "mlp.dense_h_to_4h", norm("post_attention_layernorm", v))]
            return linear(w, p + "mlp.dense_4h_to_h", hidden)

        if c["use_parallel_residual"]:
            x = [add(add(v, m), mlp(v)) for v, m in zip(x, mixed)]
        else:
            x = [add(v, m) for v, m in zip(x, mixed)]
            x = [add(v, mlp(v)) for v in x]
    last = layer_norm(x[-1], w["gpt_neox.final_layer_norm.weight"], w["gpt_neox.final_layer_norm.bias"], eps)
    return [dot(row, last) for row in w["embed_out.weight"]]


def stablelm(c, w, ids):
    eps = c["layer_norm_eps"]

    def norm(name, v):
        return layer_norm(v, w[name + ".weight"], w[name + ".bias"], eps)

    x = [w["model.embed_tokens.weight"][i] for i in ids]
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        n = [norm(p + "input_layernorm", v) for v in x]
        mixed = llama_attention(c, w, p + "self_attn.", n)
        if c["use_parallel_residual"]:
            x = [add(add(v, m), gated_mlp(w, p + "mlp.", a, silu)) for v, m, a in zip(x, mixed, n)]
        else:
            x = [add(v, m) for v, m in zip(x, mixed)]
            x = [add(v, gated_mlp(w, p + "mlp.", norm(p + "post_attention_layernorm", v), silu)) for v in x]
    return logits_of(c, w, norm("model.norm", x[-1]))


def make_gpt2(c, w):
    h = c["n_embd"]
    w.matrix("wte.weight", VOCABULARY, h, 0.5)
    w.matrix("wpe.weight", c["n_positions"], h, 0.3)
    for i in range(c["n_layer"]):
        p = f"h.{i}."
        for name, rows, columns in (("attn.c_attn", h, 3 * h), ("attn.c_proj", h, h), ("mlp.c_fc", h, 4 * h),
                                    ("mlp.c_proj", 4 * h, h)):
            w.matrix(p + name + ".weight", rows, columns)
            w.vector(p + name + ".bias", columns)
        w.norm(p + "ln_1", h, True)
        w.norm(p + "ln_2", h, True)
    w.norm("ln_f", h, True)


def gpt2(c, w, ids):
    """Radford et al. 2019."""
    eps, h, d = c["layer_norm_epsilon"], c["n_embd"], c["n_embd"] // c["n_head"]
    x = [add(w["wte.weight"][token], w["wpe.weight"][t]) for t, token in enumerate(ids)]
    for i in range(c["n_layer"]):
        p = f"h.{i}."
        three = [conv1d(w, p + "attn.c_attn", layer_norm(v, w[p + "ln_1.weight"], w[p + "ln_1.bias"], eps)) for v in x]
        mixed = attend([heads_of(v[:h], d) for v in three], [heads_of(v[h:2 * h], d) for v in three],
                       [heads_of(v[2 * h:], d) for v in three], 1 / math.sqrt(d))
        x = [add(v, conv1d(w, p + "attn.c_proj", m)) for v, m in zip(x, mixed)]
        for t, v in enumerate(x):
            n = layer_norm(v, w[p + "ln_2.weight"], w[p + "ln_2.bias"], eps)
            x[t] = add(v, conv1d(w, p + "mlp.c_proj", [gelu_tanh(e) for e in conv1d(w, p + "mlp.c_fc", n)]))
    last = layer_norm(x[-1], w["ln_f.weight"], w["ln_f.bias"], eps)
    return [dot(row, last) for row in w["wte.weight"]]


# ---- the models ----------------------------------------------------------------------------------------------------

def base(architecture, model_type, **more):
    config = {"architectures": [architecture], "model_type": model_type, "vocab_size": VOCABULARY, "hidden_size": 24,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
              "intermediate_size": 32, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
              "rope_theta": 10000.0, "tie_word_embeddings": False, "torch_dtype": "bfloat16"}
    config.update(more)
    return {key: value for key, value in config.items() if value is not ...}


def window_of(c, layer):
    return c.get("sliding_window")


SQUARE = {"head_dim": ..., "hidden_size": 32}  # families without a head_dim of their own


def models():
    llama_base = lambda **more: base("LlamaForCausalLM", "llama", **more)
    yield ("llama", llama_base(tie_word_embeddings=True, rope_theta=500000.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16}), make_llama, llama)
    yield "llama_linear", llama_base(rope_scaling={"type": "linear", "factor": 2.5}), make_llama, llama
    yield ("llama_dynamic", llama_base(max_position_embeddings=6, rope_scaling={"rope_type": "dynamic", "factor": 4.0}),
           make_llama, llama)
    yield ("llama_yarn", llama_base(rope_scaling={"rope_type": "yarn", "factor": 4.0,
                                                  "original_max_position_embeddings": 16}), make_llama, llama)
    yield ("gpt2", {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": VOCABULARY, "n_embd": 24,
                    "n_layer": 2, "n_head": 3, "n_positions": 16, "activation_function": "gelu_new",
                    "layer_norm_epsilon": 1e-5, "torch_dtype": "bfloat16"}, make_gpt2, gpt2)
    yield "mistral", base("MistralForCausalLM", "mistral", sliding_window=None, rope_theta=1e6), make_llama, llama
    yield ("qwen2", base("Qwen2ForCausalLM", "qwen2", tie_word_embeddings=True, use_sliding_window=False, sliding_window=4,
                         max_window_layers=1, rope_theta=1e6, **SQUARE),
           lambda c, w: make_llama(c, w, qkv_bias=True), llama)
    yield ("qwen3", base("Qwen3ForCausalLM", "qwen3", tie_word_embeddings=True, rope_theta=1e6, attention_bias=False),
           lambda c, w: make_llama(c, w, qk_norm="head"), lambda c, w, ids: llama(c, w, ids, qk_norm=True))
    yield ("granite", base("GraniteForCausalLM", "granite", tie_word_embeddings=True, embedding_multiplier=3.0,
                           attention_multiplier=0.2, residual_multiplier=0.45, logits_scaling=1.5, **SQUARE), make_llama,
           granite)
    yield ("olmo2", base("Olmo2ForCausalLM", "olmo2", **SQUARE),
           lambda c, w: make_llama(c, w, qk_norm="projection",
                                   layer_norms=("post_attention_layernorm", "post_feedforward_layernorm")), olmo2)
    yield ("gemma", base("GemmaForCausalLM", "gemma", tie_word_embeddings=True, hidden_act="gelu",
                         hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6), lambda c, w: make_llama(c, w, mean=0.0), gemma)
    yield ("phi3", base("Phi3ForCausalLM", "phi3", sliding_window=None, partial_rotary_factor=0.75,
                        original_max_position_embeddings=8, rope_scaling={
                            "type": "longrope", "short_factor": [1.0, 1.1, 1.3], "long_factor": [1.5, 2.5, 6.0]}, **SQUARE),
           make_phi3, phi3)
    yield ("phi", base("PhiForCausalLM", "phi", num_key_value_heads=4, partial_rotary_factor=0.5, hidden_act="gelu_new",
                       rms_norm_eps=..., layer_norm_eps=1e-5, **SQUARE), make_phi, phi)
    for name, parallel in (("gpt_neox", True), ("gpt_neox_sequential", False)):
        yield (name, base("GPTNeoXForCausalLM", "gpt_neox", num_key_value_heads=..., rope_theta=..., rms_norm_eps=...,
                          hidden_act="gelu", layer_norm_eps=1e-5, rotary_pct=0.25 if parallel else 0.5,
                          rotary_emb_base=10000, use_parallel_residual=parallel, **SQUARE), make_neox, neox)
    for name, parallel in (("stablelm", False), ("stablelm_parallel", True)):
        norms = ("input_layernorm",) if parallel else ("input_layernorm", "post_attention_layernorm")
        yield (name, base("StableLmForCausalLM", "stablelm", rms_norm_eps=..., layer_norm_eps=1e-5, use_qkv_bias=parallel,
                          partial_rotary_factor=0.5, use_parallel_residual=parallel, **SQUARE),
               lambda c, w, norms=norms: make_llama(c, w, qkv_bias=c["use_qkv_bias"], layer_norms=norms, norm_bias=True),
               stablelm)
    yield ("mistral_window", base("MistralForCausalLM", "mistral", sliding_window=4), make_llama,
           lambda c, w, ids: llama(c, w, ids, window=window_of))
    yield ("qwen2_window", base("Qwen2ForCausalLM", "qwen2", use_sliding_window=True, sliding_window=3, max_window_layers=1,
                                **SQUARE), lambda c, w: make_llama(c, w, qkv_bias=True),
           lambda c, w, ids: llama(c, w, ids, window=lambda c, layer: 3 if layer >= 1 else None))
    yield "phi3_window", base("Phi3ForCausalLM", "phi3", sliding_window=5, rope_scaling=None, **SQUARE), make_phi3, phi3
    four = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
    yield ("gemma2", base("Gemma2ForCausalLM", "gemma2", tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh",
                          hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, query_pre_attn_scalar=6,
                          sliding_window=4, attn_logit_softcapping=2.0, final_logit_softcapping=5.0),
           lambda c, w: make_llama(c, w, layer_norms=four, mean=0.0), gemma2or3)
    yield ("gemma3", base("Gemma3ForCausalLM", "gemma3_text", tie_word_embeddings=True, hidden_act=...,
                          hidden_activation="gelu_pytorch_tanh", rms_norm_eps=1e-6, query_pre_attn_scalar=12,
                          sliding_window=5, sliding_window_pattern=2, rope_theta=1e6, rope_local_base_freq=100.0,
                          rope_scaling={"rope_type": "linear", "factor": 3.0}),
           lambda c, w: make_llama(c, w, qk_norm="head", layer_norms=four, mean=0.0),
           lambda c, w, ids: gemma2or3(c, w, ids, third=True))


    w123 = ("w1", "w3", "w2")
    yield ("mixtral", base("MixtralForCausalLM", "mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=None,
                           router_aux_loss_coef=0.02, output_router_logits=False, router_jitter_noise=0.0, **SQUARE),
           lambda c, w: (w.random.seed(36), make_llama(c, w, make_mlp=make_experts("block_sparse_moe.", w123, "num_local_experts",
                                                                                    "intermediate_size"))),
           lambda c, w, ids: llama(c, w, ids, mlp=experts(w123, 2), mlp_name="block_sparse_moe."))
    gud = ("gate_proj", "up_proj", "down_proj")
    yield ("qwen3_moe", base("Qwen3MoeForCausalLM", "qwen3_moe", num_experts=5, num_experts_per_tok=2, moe_intermediate_size=16,
                             norm_topk_prob=False, decoder_sparse_step=1, mlp_only_layers=[], attention_bias=False),
           lambda c, w: (w.random.seed(20), make_llama(c, w, qk_norm="head", make_mlp=make_experts("mlp.", gud, "num_experts",
                                                                                                   "moe_intermediate_size"))),
           lambda c, w, ids: llama(c, w, ids, qk_norm=True, mlp=experts(gud, 2, renormalize=False)))
    yield ("olmoe", base("OlmoeForCausalLM", "olmoe", num_experts=4, num_experts_per_tok=2, norm_topk_prob=False,
                         attention_bias=False, intermediate_size=16, clip_qkv=None, **SQUARE),
           lambda c, w: (w.random.seed(28), make_llama(c, w, qk_norm="projection", make_mlp=make_experts("mlp.", gud, "num_experts",
                                                                                                         "intermediate_size"))),
           lambda c, w, ids: llama(c, w, ids, whole_norm=True, mlp=experts(gud, 2, renormalize=False)))


def main():
    for seed, (name, config, make, forward) in enumerate(models(), 1):
        weights = Weights(seed)
        make(config, weights)
        ids = [weights.random.randrange(VOCABULARY) for _ in range(TOKENS)]
        # The logits after each beginning of the text: some positions depend on its length.
        logits = [[round(v, 9) for v in forward(config, weights.tensors, ids[:t + 1])] for t in range(TOKENS)]
        folder = os.path.join(HERE, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "config.json"), "w") as file:
            file.write(json.dumps(config, indent=1) + "\n")
        weights.save(os.path.join(folder, "model.safetensors"))
        with open(os.path.join(folder, "golden.json"), "w") as file:
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in logits)
            file.write('{"ids":%s,"logits":[\n%s]}\n' % (json.dumps(ids, separators=(",", ":")), rows))
        margin = f", margin of the router at least {min(MARGINS):.3f}" if MARGINS else ""
        MARGINS.clear()
        print(f"{name}: logits up to {max(abs(v) for row in logits for v in row):.2f}{margin}")


if __name__ == "__main__":
    main()
