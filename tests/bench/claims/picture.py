"""The scatter of forgetting: each way to train one numbered point, its seeds paler, with the interval of what was gained."""
import math

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 900, 480, 60, 300, 96, 56
COLOURS = {"full": "#c2571a", "LoRA": "#2f6fdb", "new blocks": "#3c8a4e"}


def write_scatter(path, points):
    """`points`: (name, change of the general loss by seed, second task gained in %, its interval). The name begins with the method. To the right
    is worse, on a logarithmic scale; what is below its beginning stands at it."""
    placed = [(name, sum(lost) / len(lost), lost, gained, interval) for name, lost, gained, interval in points]
    low = 10 ** math.floor(math.log10(max(1e-3, min(p[1] for p in placed if p[1] > 0))))
    high = max(2 * low, max(max(p[2]) for p in placed))
    bottom = 10 * math.floor(min(p[4][0] for p in placed) / 10)
    width = WIDTH - LEFT - RIGHT
    x = lambda v: LEFT + math.log(max(v, low) / low) / math.log(high / low) * width
    y = lambda v: HEIGHT - BOTTOM - (v - bottom) / (100 - bottom) * (HEIGHT - BOTTOM - TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{LEFT + width}" fill="none" stroke="#888"/>',
           f'<text x="{LEFT}" y="{HEIGHT - 12}">added to the loss on general data, nats a token, logarithmic (left is better)</text>',
           '<text x="8" y="18">second task, % exact (up is better)</text>']
    out += [f'<text x="{LEFT - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v}</text>' for v in range(bottom, 101, 10)]
    marks = [m * 10.0 ** e for e in range(-3, 3) for m in (1, 2, 5)]
    for v in (m for m in marks if low <= m <= high):
        out.append(f'<path d="M{x(v):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>'
                   f'<text x="{x(v):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{v:g}</text>')
    numbers = []
    for number, point in sorted(enumerate(placed, 1), key=lambda p: p[1][1]):
        name, lost, seeds, gained, (worst, best) = point
        colour = next(c for method, c in COLOURS.items() if name.startswith(method))
        px, py = x(lost), y(gained)
        ny = min(py - 12, y(best) - 8)
        while any(abs(px - a) < 17 and abs(ny - b) < 13 for a, b in numbers):
            ny -= 13
        numbers.append((px, ny))
        out += [f'<circle cx="{x(seed):.1f}" cy="{py:.1f}" r="3" fill="{colour}" fill-opacity="0.3"/>' for seed in seeds]
        out.append(f'<path d="M{px:.1f} {y(best):.1f}V{y(worst):.1f}" stroke="{colour}" stroke-opacity="0.35"/>'
                   f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}"/><text x="{px:.1f}" y="{ny + 4:.1f}" text-anchor="middle" fill="{colour}">{number}</text>')
        out.append(f'<text x="{LEFT + width + 24}" y="{TOP + 18 * number - 14:.1f}" fill="{colour}">{number}  {name}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")
