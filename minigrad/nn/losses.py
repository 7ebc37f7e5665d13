"""The losses of `functional` as modules. A weight is a buffer: it is saved and cast with the module, not learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import NDArray

from minigrad import functional as F
from minigrad.functional.checks import choose_reduction
from minigrad.instead import hide, public
from minigrad.nn.options import WithOptions, option, options
from minigrad.tensor import Tensor

ArrayLike = Tensor | NDArray[Any]


@hide("more_reductions")
class _Loss(WithOptions):
    """`function(input, target, **options)`, reduced. The options size_average and reduce are PyTorch's older ones."""

    reduction: str
    more_reductions: ClassVar[tuple[str, ...]] = ()

    def _prepare(self) -> None:
        older = (self.__dict__.pop(name, None) for name in ("size_average", "reduce"))
        if self.reduction not in self.more_reductions:
            self.reduction = choose_reduction(type(self).__name__, self.reduction, *older)
        for name in ("weight", "pos_weight"):
            if name in self._options:
                self.register_buffer(name, self.__dict__.pop(name))

    def _compute(self, *inputs: Any) -> Tensor:
        out: Tensor = type(self).function(*inputs, **self._given())
        return out

    def extra_repr(self) -> str:
        return ""


class _PairLoss(_Loss):
    def forward(self, input: Tensor, target: ArrayLike) -> Tensor:
        """What the loss's function takes -> a scalar, or the losses unreduced."""
        return self._compute(input, target)


@options
class MSELoss(_PairLoss):
    """`functional.mse_loss` of two of the same shape."""

    function = F.mse_loss
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class L1Loss(_PairLoss):
    """`functional.l1_loss` of two of the same shape."""

    function = F.l1_loss
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class SmoothL1Loss(_PairLoss):
    """`functional.smooth_l1_loss` of two of the same shape."""

    function = F.smooth_l1_loss
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    beta: float = 1.0


@options
class HuberLoss(_PairLoss):
    """`functional.huber_loss` of two of the same shape."""

    function = F.huber_loss
    reduction: str = "mean"
    delta: float = 1.0


@options
class NLLLoss(_PairLoss):
    """`functional.nll_loss` of log-probabilities (N, C, *) and classes (N, *)."""

    function = F.nll_loss
    weight: Tensor | None = None
    size_average: bool | None = None
    ignore_index: int = -100
    reduce: bool | None = None
    reduction: str = "mean"


@options
class CrossEntropyLoss(_PairLoss):
    """`functional.cross_entropy` of scores (N, C, *) and classes (N, *) or probabilities (N, C, *)."""

    function = F.cross_entropy
    weight: Tensor | None = None
    size_average: bool | None = None
    ignore_index: int = -100
    reduce: bool | None = None
    reduction: str = "mean"
    label_smoothing: float = 0.0


@options
class BCELoss(_PairLoss):
    """`functional.binary_cross_entropy` of probabilities and targets of the same shape."""

    function = F.binary_cross_entropy
    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class BCEWithLogitsLoss(_PairLoss):
    """`functional.binary_cross_entropy_with_logits` of scores and targets of the same shape."""

    function = F.binary_cross_entropy_with_logits
    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    pos_weight: Tensor | None = None


@options
class KLDivLoss(_PairLoss):
    """`functional.kl_div` of log-probabilities and probabilities of the same shape."""

    function = F.kl_div
    more_reductions = ("batchmean",)
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"
    log_target: bool = False


@options
class PoissonNLLLoss(_PairLoss):
    """`functional.poisson_nll_loss` of logarithms of rates and counts of the same shape."""

    function = F.poisson_nll_loss
    log_input: bool = True
    full: bool = False
    size_average: bool | None = None
    eps: float = 1e-8
    reduce: bool | None = None
    reduction: str = "mean"


@options
class HingeEmbeddingLoss(_PairLoss):
    """`functional.hinge_embedding_loss` of distances and targets 1 or -1 of the same shape."""

    function = F.hinge_embedding_loss
    margin: float = 1.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class MultiMarginLoss(_PairLoss):
    """`functional.multi_margin_loss` of scores (N, C) and classes (N,)."""

    function = F.multi_margin_loss
    p: int = 1
    margin: float = 1.0
    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class MultiLabelMarginLoss(_PairLoss):
    """`functional.multilabel_margin_loss` of scores (N, C) and classes (N, C) up to the first -1."""

    function = F.multilabel_margin_loss
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class SoftMarginLoss(_PairLoss):
    """`functional.soft_margin_loss` of scores and targets 1 or -1 of the same shape."""

    function = F.soft_margin_loss
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class MultiLabelSoftMarginLoss(_PairLoss):
    """`functional.multilabel_soft_margin_loss` of scores and targets in [0, 1], both (N, C)."""

    function = F.multilabel_soft_margin_loss
    weight: Tensor | None = None
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


# ------------------------------------------------------------------------------------------------ of three tensors


@options
class GaussianNLLLoss(_Loss):
    """`functional.gaussian_nll_loss` of means, targets and variances."""

    function = F.gaussian_nll_loss
    full: bool = option(default=False, kw_only=True)
    eps: float = option(default=1e-6, kw_only=True)
    reduction: str = option(default="mean", kw_only=True)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """Three of the same shape -> a scalar, or that shape unreduced."""
        return self._compute(input, target, var)


class _RankedLoss(_Loss):
    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """What the loss's function takes -> a scalar, or the losses unreduced."""
        return self._compute(input1, input2, target)


@options
class MarginRankingLoss(_RankedLoss):
    """`functional.margin_ranking_loss` of two scores and targets 1 or -1 of the same shape."""

    function = F.margin_ranking_loss
    margin: float = 0.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class CosineEmbeddingLoss(_RankedLoss):
    """`functional.cosine_embedding_loss` of vectors (N, D) and (N, D) and targets 1 or -1 (N,)."""

    function = F.cosine_embedding_loss
    margin: float = 0.0
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"


@options
class TripletMarginLoss(_Loss):
    """`functional.triplet_margin_loss` of three sets of vectors (N, D)."""

    function = F.triplet_margin_loss
    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    size_average: bool | None = None
    reduce: bool | None = None
    reduction: str = "mean"

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """(N, D) each -> a scalar, or (N,) unreduced."""
        return self._compute(anchor, positive, negative)


if not TYPE_CHECKING:
    __all__ = public(globals())
