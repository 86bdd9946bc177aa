"""The scatter of forgetting: each protection one point with its intervals."""
import math

from intervals import spread

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 60, 150, 36, 56


def write_scatter(path, points):
    """`points`: (name, general loss lost by seed, second task gained in %, its interval). To the right is worse, up is better."""
    placed = [(name, *spread(lost), gained, interval) for name, lost, gained, interval in points]
    half = lambda p: p[2] if math.isfinite(p[2]) else 0
    low, high = min(0, *(p[1] - half(p) for p in placed)), max(0, *(p[1] + half(p) for p in placed))
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5) if (high - low) / s <= 9 or s == 5)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    x = lambda v: LEFT + (v - low) / (high - low) * (WIDTH - LEFT - RIGHT)
    y = lambda v: HEIGHT - BOTTOM - v / 100 * (HEIGHT - BOTTOM - TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<path d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - 20}" fill="none" stroke="#888"/>',
           f'<path d="M{x(0):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ccc" stroke-dasharray="3 3"/>',
           f'<text x="{LEFT}" y="{HEIGHT - 12}">change of the loss on general data, nats a token (left is better)</text>',
           '<text x="8" y="18">second task, % exact (up is better)</text>']
    out += [f'<text x="{LEFT - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v}</text>' for v in range(0, 101, 20)]
    for i in range(round((high - low) / step) + 1):
        out.append(f'<text x="{x(low + i * step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{low + i * step:+.1f}</text>')
    labels = []
    for point in sorted(placed, key=lambda p: -p[3]):
        name, lost, _, gained, (worst, best) = point
        px, py, ty = x(lost), y(gained), y(gained) + 14
        out.append(f'<path d="M{px:.1f} {y(best):.1f}V{y(worst):.1f}M{x(lost - half(point)):.1f} {py:.1f}H{x(lost + half(point)):.1f}" stroke="#9bb8ea"/>')
        while any(abs(ty - b) < 14 and px < a + 7 * n + 8 and a < px + 7 * len(name) + 8 for a, b, n in labels):
            ty += 14
        labels.append((px, ty, len(name)))
        out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="#2f6fdb"/><text x="{px + 8:.1f}" y="{ty:.1f}">{name}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")
