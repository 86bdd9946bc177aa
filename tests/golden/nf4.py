#!/usr/bin/env python3
# Writes nf4.json beside it: NF4 with double quantisation computed in plain Python from the published definition (Dettmers et al. 2023; codebook,
# block sizes and byte layout of bitsandbytes), as an independent check of core/nn/nf4.cpp. Every step is rounded to float32 as a GPU or CPU does.
import json, os, struct


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


CODES = [f32(c) for c in (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)]


def nearest(x, table):
    best = 0
    for i in range(1, len(table)):
        if abs(x - table[i]) < abs(x - table[best]):
            best = i
    return best


def dynamic_map():
    data = [0.0, 1.0]
    for i in range(7):
        n = 2 ** i  # equal parts of [0.1, 1], each represented by its middle
        start, step = f32(0.1), f32(f32(1.0 - f32(0.1)) / n)
        bounds = [f32(start + f32(step * k)) if k < (n + 1) // 2 else f32(1.0 - f32(step * (n - k))) for k in range(n + 1)]
        for a, b in zip(bounds, bounds[1:]):
            middle = f32(f32(10.0 ** (i - 6)) * f32(f32(a + b) / 2))
            data += [middle, -middle]
    return sorted(data)


def quantise(values):
    codes, absmax = [], []
    for start in range(0, len(values), 64):
        block = values[start:start + 64]
        largest = max(abs(v) for v in block)
        absmax.append(largest)
        inverse = f32(1.0 / largest) if largest > 0 else 0.0
        codes += [nearest(f32(v * inverse), CODES) for v in block]
    return codes, absmax


def numbers(n):
    values, state = [], 12345
    for i in range(n):
        state = (1103515245 * state + 12345) % 2 ** 31
        values.append(f32((state / 2 ** 31 - 0.5) * 0.1 * (1 + (i // 64) % 17 / 8)) if i // 64 != 5 else 0.0)
    return values


def fnv(data):
    h = 14695981039346656037
    for b in data:
        h = ((h ^ b) * 1099511628211) % 2 ** 64
    return "%016x" % h


rows, columns = 151, 130  # blocks cross the rows and the last one is short
x = numbers(rows * columns)
codes, absmax = quantise(x)
packed = bytes((codes[i] << 4) | (codes[i + 1] if i + 1 < len(codes) else 0) for i in range(0, len(codes), 2))
offset = f32(sum(absmax) / len(absmax))
table = dynamic_map()
assert len(table) == 256
nested, nested_absmax = [], []
for start in range(0, len(absmax), 256):
    block = [f32(a - offset) for a in absmax[start:start + 256]]
    largest = max(abs(b) for b in block)
    nested_absmax.append(largest)
    inverse = f32(1.0 / largest)
    nested += [nearest(f32(b * inverse), table) for b in block]
decoded = [f32(f32(table[q] * nested_absmax[i // 256]) + offset) for i, q in enumerate(nested)]
values = [f32(CODES[c] * decoded[i // 64]) for i, c in enumerate(codes)]
out = {
    "rows": rows, "columns": columns, "packed_fnv1a": fnv(packed), "packed_begin": packed[:64].hex(), "packed_end": packed[-32:].hex(),
    "absmax": absmax[:8] + absmax[-4:], "offset": offset, "nested_codes": bytes(nested).hex(), "nested_absmax": nested_absmax,
    "nested_map": table, "values_begin": values[:16], "values_end": values[-16:],
    "mean_square_error": sum((a - b) ** 2 for a, b in zip(x, values)) / len(x),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nf4.json"), "w") as file:
    json.dump(out, file, indent=1)
    file.write("\n")
