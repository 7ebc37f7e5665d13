"""A reduction and a task of one's own in the study: `python -m minigrad.study --add examples/new_reduction.py`.

The study trains, times and draws them beside its own. Its verdicts keep to the arms and tasks that each claim names.
"""

from minigrad.study.arms import Arm
from minigrad.study.tasks import Task, edges, labels, picture

midrange = Arm(
    "midrange",
    "(max r_c + min r_c) / 2",
    "½ for the largest and the smallest, else 0",
    reduce=lambda r, dim: (r.amax(dim) + r.amin(dim)) / 2,
)


def rises(rng, n, split):
    """Does green's edge rise (1) or fall (0)?"""
    y = labels(rng, n, 2)
    return picture(rng, 0, (2 * y - 1)[:, None, None] * edges(rng, n), 0), y


green = Task("green", rises, classes=2, steps=600)  # with --full; without it a tenth

if __name__ == "__main__":
    print(__doc__)
