"""The sample project's task: customer messages into records. Its test rows are drawn with a seed of their own, so that nobody has
chosen anything by looking at them."""
import json
import os
import subprocess

from work import rows_of

FIELDS = ("category", "urgency", "product")


def fresh_rows(work, seed, splits):
    """Rows of other people and orders than the sample project's, without those whose message is in its training rows."""
    folder = work.path(f"sample-{seed}")
    if not os.path.exists(os.path.join(folder, "test.jsonl")):
        maker = os.path.join(os.path.dirname(work.cli), "attune-make-starter")
        if not os.path.exists(maker):
            maker = os.path.join(os.path.dirname(os.path.dirname(work.cli)), "tools", "attune-make-starter")
        os.makedirs(folder, exist_ok=True)
        subprocess.run([maker, "sample", "--seed", str(seed), "--out", folder], check=True, stdout=subprocess.DEVNULL)
    seen = {row["messages"][0]["content"] for name in ("train", "validation") for row in rows_of(work.sample(name))}
    return [row for split in splits for row in rows_of(os.path.join(folder, split + ".jsonl")) if row["messages"][0]["content"] not in seen]


def record_of(text):
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def field_scores(texts, rows, fields=FIELDS):
    """The share of the record's fields that are right, of each row."""
    scores = []
    for text, row in zip(texts, rows):
        wanted, found = record_of(row["messages"][-1]["content"]), record_of(text)
        scores.append(sum(found.get(key) == wanted[key] for key in fields) / len(fields))
    return scores
