"""Where learning from rewards and preferences begins: the starter model after a few epochs over half of the sample's rows. It writes
records, and is wrong often enough to have something to learn. The other half's messages are practised on."""
from sample_task import FIELDS
from work import rows_of, write_rows

ALL = (*FIELDS, "summary")  # of a record


def halves(work):
    """Files of the rows that are learned from, and of those whose messages are practised on."""
    rows = rows_of(work.sample("train"))
    paths = work.path("half-learned.jsonl"), work.path("half-practised.jsonl")
    write_rows(paths[0], rows[: len(rows) // 2])
    write_rows(paths[1], rows[len(rows) // 2:])
    return paths


def start_model(work):
    learned, _ = halves(work)
    return work.train("start", work.recipe(work.base, learned, work.sample("validation"), {"id": "full"},
                                           {"epochs": 4, "learning_rate": 0.001, "seed": 1})) + "/model"
