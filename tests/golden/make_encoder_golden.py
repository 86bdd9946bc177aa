#!/usr/bin/env python3
"""Writes tests/golden/encoders/<name>: a tiny sentence encoder of each kind with random weights in bf16, its vocabulary, and golden.json
with the embeddings of texts, computed here in double precision from the published definition. Shares nothing with Attune."""
import json
import math
import os

from make_golden import Weights, add, dot, gelu_erf, gelu_tanh, layer_norm, linear

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encoders")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "##b", "hello", "world", "##s", ",", ".", "the", "cat", "sat", "on", "mat", "dog", "ran"]
TEXTS = ["hello world", "the cat sat on the mat.", "abbb, cats", "x", "", "the dog ran " * 12]  # the last one is cut
H, HEADS, INNER, LAYERS, POSITIONS = 24, 3, 32, 2, 24


def pieces(text):
    """WordPiece by hand for the texts above."""
    ids = []
    for word in text.replace(",", " , ").replace(".", " . ").split():
        start, found = 0, []
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in WORDS:
                    found.append(WORDS.index(piece))
                    start = end
                    break
            else:
                found = [1]
                break
        ids += found
    return ids


def names(kind):
    if kind == "distilbert":
        layer = "transformer.layer.%d."
        return layer, ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"]
    layer = "encoder.layer.%d."
    return layer, ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm", "intermediate.dense",
                   "output.dense", "output.LayerNorm"]


def make(w, kind, prefix):
    layer, parts = names(kind)
    w.matrix(prefix + "embeddings.word_embeddings.weight", len(WORDS), H, 0.5)
    w.matrix(prefix + "embeddings.position_embeddings.weight", POSITIONS, H, 0.3)
    if kind != "distilbert":
        w.matrix(prefix + "embeddings.token_type_embeddings.weight", 2 if kind == "bert" else 1, H, 0.3)
    w.norm(prefix + "embeddings.LayerNorm", H, True)
    for i in range(LAYERS):
        for part, (rows, columns) in zip(parts, [(H, H), (H, H), (H, H), (H, H), (0, 0), (INNER, H), (H, INNER), (0, 0)]):
            if rows:
                w.linear(prefix + layer % i + part, rows, columns, True)
            else:
                w.norm(prefix + layer % i + part, H, True)


def encode(w, kind, prefix, ids, offset, act, eps):
    layer, (query, key, value, out, norm1, up, down, norm2) = names(kind)
    t = w.tensors
    norm = lambda x, name: layer_norm(x, t[name + ".weight"], t[name + ".bias"], eps)
    x = []
    for position, i in enumerate(ids):
        v = add(t[prefix + "embeddings.word_embeddings.weight"][i], t[prefix + "embeddings.position_embeddings.weight"][position + offset])
        if kind != "distilbert":
            v = add(v, t[prefix + "embeddings.token_type_embeddings.weight"][0])
        x.append(norm(v, prefix + "embeddings.LayerNorm"))
    d = H // HEADS
    for i in range(LAYERS):
        p = prefix + layer % i
        q, k, v = ([linear(t, p + name, row) for row in x] for name in (query, key, value))
        mixed = []
        for a in range(len(x)):
            row = []
            for h in range(0, H, d):
                scores = [dot(q[a][h:h + d], k[b][h:h + d]) / math.sqrt(d) for b in range(len(x))]
                top = max(scores)
                weights = [math.exp(s - top) for s in scores]
                total = math.fsum(weights)
                row += [math.fsum(weights[b] * v[b][h + e] for b in range(len(x))) / total for e in range(d)]
            mixed.append(row)
        x = [norm(add(row, linear(t, p + out, m)), p + norm1) for row, m in zip(x, mixed)]
        x = [norm(add(row, linear(t, p + down, [act(e) for e in linear(t, p + up, row)])), p + norm2) for row in x]
    return x


def unit(v):
    length = math.sqrt(math.fsum(e * e for e in v))
    return [round(e / length, 9) for e in v]


def main():
    for seed, (name, kind, pooling, act) in enumerate([("bert", "bert", "mean", gelu_erf), ("bert_cls", "bert", "cls", gelu_tanh), ("roberta", "roberta", "max", gelu_erf),
                                                       ("distilbert", "distilbert", "mean", gelu_erf)], 101):
        prefix = {"bert": "", "bert_cls": "bert.", "roberta": "roberta.", "distilbert": "distilbert."}[name]
        eps = 1e-5 if kind == "roberta" else 1e-12
        offset = 2 if kind == "roberta" else 0
        w = Weights(seed)
        make(w, kind, prefix)
        folder = os.path.join(HERE, name)
        os.makedirs(os.path.join(folder, "1_Pooling"), exist_ok=True)
        if kind == "distilbert":
            config = {"model_type": kind, "vocab_size": len(WORDS), "dim": H, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER, "max_position_embeddings": POSITIONS,
                      "activation": "gelu", "attention_dropout": 0.1, "dropout": 0.1, "sinusoidal_pos_embds": False, "tie_weights_": True}
        else:
            config = {"model_type": kind, "vocab_size": len(WORDS), "hidden_size": H, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
                      "max_position_embeddings": POSITIONS, "type_vocab_size": 2 if kind == "bert" else 1, "layer_norm_eps": eps,
                      "hidden_act": "gelu_new" if act is gelu_tanh else "gelu", "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "pad_token_id": 1 if kind == "roberta" else 0}
        longest = 16 if name == "bert" else POSITIONS - offset
        if name == "bert":
            write(folder, "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
        write(folder, "config.json", config)
        write(folder, "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
                                       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
        write(folder, "1_Pooling/config.json", {"word_embedding_dimension": H, **{f"pooling_mode_{mode}": mode.startswith(pooling) for mode in ("cls_token", "mean_tokens", "max_tokens")}})
        write(folder, "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
        with open(os.path.join(folder, "vocab.txt"), "w") as file:
            file.write("".join(word + "\n" for word in WORDS))
        w.save(os.path.join(folder, "model.safetensors"))
        rows = []
        for text in TEXTS:
            ids = [2] + pieces(text)[:longest - 2] + [3]
            x = encode(w, kind, prefix, ids, offset, act, eps)
            pooled = x[0] if pooling == "cls" else [max(c) for c in zip(*x)] if pooling == "max" else [math.fsum(c) / len(x) for c in zip(*x)]
            rows.append({"text": text, "ids": ids, "first": [round(v, 9) for v in x[0]], "embedding": unit(pooled)})
        with open(os.path.join(folder, "golden.json"), "w") as file:
            file.write('{"rows": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]}\n")


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as file:
        file.write(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main()
