#!/usr/bin/env python3
# Writes preference_variants.json beside it: the variants of preference losses (other divergences, sorted pairs, length-desensitised sums, weights
# of pairs, CPO's and SimPO's relatives) in plain Python from the papers' formulas, as an independent check of core/objectives.
import json, math, os


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x >= 0 else x - math.log1p(math.exp(x))


def smoothed(z, e):
    return -(1 - e) * log_sigmoid(z) - e * log_sigmoid(-z)


def score(kind, s, alpha):  # Wang et al. 2023: f'(ratio) without its constant
    if kind == "reverse_kl":
        return s
    if kind == "forward_kl":
        return -math.exp(-s)
    if kind == "js_divergence":
        return log_sigmoid(s)
    return math.exp((alpha - 1) * s) / (alpha - 1)


# (better: policy, reference, tokens; worse: the same) of the pairs of one step
BATCHES = [
    {"beta": 0.1, "smoothing": 0.0, "alpha": 0.5, "gamma": 1.375, "alpha_po": 0.25,
     "pairs": [[-20.0, -22.0, 10, -30.0, -28.0, 12], [-31.0, -29.5, 14, -25.5, -26.0, 9], [-12.0, -12.5, 6, -19.0, -15.0, 8],
               [-40.25, -44.0, 21, -38.0, -38.75, 20]]},
    {"beta": 0.35, "smoothing": 0.2, "alpha": 0.8, "gamma": 0.6, "alpha_po": -0.5,
     "pairs": [[-53.25, -50.75, 37, -41.5, -44.125, 19], [-9.5, -11.0, 5, -13.25, -10.5, 7], [-27.0, -27.0, 16, -29.0, -30.5, 15]]},
]
# Log-probabilities of answers token by token, and log sum_v p_v^2 at each
ANSWERS = [
    {"weight": 0.4, "chosen": [-1.0, -0.5, -2.0, -0.25, -1.5], "rejected": [-0.75, -3.0, -0.125],
     "chosen_squares": [-0.6, -0.4, -1.1, -0.2, -0.9], "rejected_squares": [-0.5, -1.6, -0.1]},
    {"weight": 0.0, "chosen": [-0.1, -0.2], "rejected": [-2.5, -1.25, -0.75, -4.0],
     "chosen_squares": [-1.4, -1.2], "rejected_squares": [-0.9, -0.8, -0.3, -2.0]},
]

out = {"about": "Variants of preference losses in double precision, two sets of inputs. Written by preference_variants.py; compared to 1e-9.", "batches": [], "answers": []}
for batch in BATCHES:
    b, e, pairs = batch["beta"], batch["smoothing"], batch["pairs"]
    divergences = {}
    for kind in ("reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"):
        rows = []
        for w, rw, nw, l, rl, nl in pairs:
            sw, sl = score(kind, w - rw, batch["alpha"]), score(kind, l - rl, batch["alpha"])
            rows.append({"sigmoid": -log_sigmoid(b * (sw - sl)), "ipo": (sw / nw - sl / nl - 1 / (2 * b)) ** 2,
                         "apo_zero": 1 - sigmoid(b * sw) + sigmoid(b * sl)})
        divergences[kind] = rows
    gaps, references = sorted(p[0] - p[3] for p in pairs), sorted(p[1] - p[4] for p in pairs)
    better, worse = sorted(p[0] - p[1] for p in pairs), sorted(p[3] - p[4] for p in pairs)
    aot = sum(smoothed(b * (g - r), e) for g, r in zip(gaps, references)) / len(pairs)
    unpaired = sum(smoothed(b * (w - l), e) for w, l in zip(better, worse)) / len(pairs)
    cpo = [{"hinge": max(0.0, 1 - b * (p[0] - p[3])), "ipo": (p[0] / p[2] - p[3] / p[5] - 1 / (2 * b)) ** 2} for p in pairs]
    a = batch["alpha_po"]
    reward = lambda average: (1 - math.exp(average) ** -a) / a
    alpha_po = [smoothed(b * (reward(p[0] / p[2]) - reward(p[3] / p[5])) - batch["gamma"], e) for p in pairs]
    out["batches"].append({**batch, "divergences": divergences, "aot": aot, "aot_unpaired": unpaired, "cpo": cpo, "alpha_po_losses": alpha_po})
for answer in ANSWERS:
    shared = min(len(answer["chosen"]), len(answer["rejected"]))
    weighted = lambda tokens: sum(tokens[:shared]) + answer["weight"] * sum(tokens[shared:])
    mean = lambda tokens, squares: sum(t - s for t, s in zip(tokens, squares)) / len(tokens)
    out["answers"].append({**answer, "chosen_sum": weighted(answer["chosen"]), "rejected_sum": weighted(answer["rejected"]),
                           "pair_weight": min(1.0, math.exp(mean(answer["chosen"], answer["chosen_squares"]) + mean(answer["rejected"], answer["rejected_squares"])))})
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "preference_variants.json"), "w") as file:
    json.dump(out, file, indent=1)
    file.write("\n")
