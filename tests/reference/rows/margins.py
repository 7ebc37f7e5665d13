"""Losses of margins, of distances and of distributions, with every reduction."""

from __future__ import annotations

from ..calls import Room, constant, index, positive, ties, unit, x

F = "nn.functional."
ROOM = Room("margins")
add = ROOM.add

for reduction in ("mean", "sum", "none"):
    r = {"reduction": reduction}
    add(F + "smooth_l1_loss", x(3, 4), x(3, 4), beta=0.5, **r)
    add(F + "kl_div", x(3, 4), unit(3, 4), **r)
    add(F + "kl_div", x(3, 4), x(3, 4), log_target=True, **r)
    add(F + "poisson_nll_loss", x(3, 4), positive(3, 4), full=True, **r)
    add(F + "poisson_nll_loss", positive(3, 4), positive(3, 4), log_input=False, **r)
    add(F + "gaussian_nll_loss", x(3, 4), x(3, 4), positive(3, 4), **r)
    add(F + "gaussian_nll_loss", x(3, 4), x(3, 4), positive(3, 1), full=True, **r)
    add(F + "margin_ranking_loss", ties(5), ties(5), constant(ties(5)), **r)
    add(F + "margin_ranking_loss", x(5), x(5), constant(x(5)), 0.3, **r)
    add(F + "hinge_embedding_loss", x(3, 4), constant(ties(3, 4)), **r)
    add(F + "cosine_embedding_loss", x(5, 4), x(5, 4), constant(ties(5)), **r)
    add(F + "cosine_embedding_loss", x(5, 4), x(5, 4), constant(ties(5)), margin=0.2, **r)
    add(F + "triplet_margin_loss", x(5, 4), x(5, 4), x(5, 4), **r)
    add(F + "triplet_margin_loss", x(5, 4), x(5, 4), x(5, 4), margin=0.5, p=1, swap=True, **r)
    add(F + "multi_margin_loss", x(5, 4), index(4, 5), second=False, **r)
    add(F + "multi_margin_loss", x(5, 4), index(4, 5), p=2, margin=0.5, weight=constant(positive(4)), second=False, **r)
    add(F + "multilabel_margin_loss", x(3, 4), index(4, 3, 4), second=False, **r)
    add(F + "soft_margin_loss", x(3, 4), constant(ties(3, 4)), **r)
    add(F + "multilabel_soft_margin_loss", x(3, 4), unit(3, 4), **r)
    add(F + "multilabel_soft_margin_loss", x(3, 4), constant(unit(3, 4)), constant(positive(4)), **r)
    add(F + "mse_loss", x(3, 4), x(3, 4), weight=constant(positive(3, 4)), **r)
    add(F + "l1_loss", x(3, 4), x(3, 4), weight=constant(positive(3, 4)), **r)
    add(F + "huber_loss", x(3, 4), x(3, 4), weight=constant(positive(3, 4)), **r)
for options in ({"size_average": False}, {"reduce": False}, {"size_average": True}, {"reduce": True}):
    add(F + "mse_loss", x(3, 4), x(3, 4), **options)
    add(F + "nll_loss", x(3, 4), index(4, 3), **options)
    add(F + "hinge_embedding_loss", x(3, 4), constant(ties(3, 4)), **options)
add(F + "kl_div", x(3, 4), unit(3, 4), reduction="batchmean")
add(F + "smooth_l1_loss", ties(3, 4), ties(3, 4))
add(F + "smooth_l1_loss", x(3, 4), x(3, 4), beta=0.0)
add(F + "hinge_embedding_loss", ties(3, 4), constant(ties(3, 4)), margin=2.0)
add(F + "multi_margin_loss", ties(5, 4), index(4, 5), second=False)
add(F + "multi_margin_loss", x(4), index(4), second=False)
add(F + "multilabel_margin_loss", x(4), index(4, 4), second=False)
add(F + "gaussian_nll_loss", x(3, 4), x(3, 4), unit(3), eps=0.5)
add(F + "nll_loss", x(2, 3, 2, 4), index(3, 2, 2, 4), constant(positive(3)), ignore_index=1)
add(F + "pairwise_distance", x(3, 4), x(3, 4))
add(F + "pairwise_distance", x(3, 4), x(1, 4), p=1, keepdim=True)
add(F + "bilinear", x(5, 3), x(5, 4), x(2, 3, 4), x(2))
add(F + "bilinear", x(2, 5, 3), x(2, 5, 4), x(2, 3, 4))
