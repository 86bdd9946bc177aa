"""Intervals. Seeds are few and test rows many: a rate over all seeds is given with a bootstrap over both."""
import math
import random


def wilson(right, total, z=1.959964):
    p, d = right / total, 1 + z * z / total
    centre, half = (p + z * z / (2 * total)) / d, z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / d
    return centre - half, centre + half


def spread(values):
    """Mean and half of its 95 % t-interval over the seeds."""
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, math.inf
    t = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}.get(n, 2.571)
    return mean, t * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)


def bootstrap(statistic, tables, rounds=4000, seed=1):
    """95 % interval of statistic(means). `tables` holds one table of numbers for each mean: table[seed][row]. Rows are drawn anew
    together for all tables, since they are the same rows; seeds for each table by itself."""
    rng = random.Random(seed)
    rows = len(tables[0][0])
    found = []
    for _ in range(rounds):
        drawn = [rng.randrange(rows) for _ in range(rows)]
        means = []
        for table in tables:
            runs = [table[rng.randrange(len(table))] for _ in table]
            means.append(sum(run[i] for run in runs for i in drawn) / (rows * len(runs)))
        found.append(statistic(means))
    found.sort()
    return found[int(0.025 * rounds)], found[int(0.975 * rounds) - 1]


def mean_of(table):
    return sum(map(sum, table)) / sum(map(len, table))


def percent(value, interval=None):
    text = f"{100 * value:.1f} %"
    return text + (f" ({100 * interval[0]:.1f} - {100 * interval[1]:.1f})" if interval else "")


def rate(table):
    """A table's mean with its interval, as text."""
    return percent(mean_of(table), bootstrap(lambda means: means[0], [table]))


def signed(values, digits=3):
    mean, half = spread(values)
    return f"{mean:+.{digits}f}" + (f" ± {half:.{digits}f}" if math.isfinite(half) else "")
