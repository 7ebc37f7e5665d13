"""What a convolution's sum over its input channels does to a signal and to its gradient.

`explain` takes one layer apart, `cancellation` says how much of the channels' responses its sum cancels, and
`ChannelConv2d` reduces the channels by something else than a sum. `survey` sets every
convolution of a network beside chance.
"""

from functools import partial
from typing import TYPE_CHECKING

# "X as X" makes a name public for type checkers, too, and says so once
from minigrad.channels.explain import Cancellation as Cancellation
from minigrad.channels.explain import Explanation as Explanation
from minigrad.channels.explain import cancellation as cancellation
from minigrad.channels.explain import explain as explain
from minigrad.channels.explain import responses as responses
from minigrad.channels.reduce import REDUCTIONS as REDUCTIONS
from minigrad.channels.reduce import ChannelConv2d as ChannelConv2d
from minigrad.channels.survey import Survey as Survey
from minigrad.channels.survey import survey as survey
from minigrad.channels.survey import survey_layers as survey_layers
from minigrad.instead import public as _public
from minigrad.instead import refuse_name as _refuse_name
from minigrad.ops.streams import STREAMS as STREAMS
from minigrad.ops.streams import streamed as streamed

if not TYPE_CHECKING:  # a type checker reads the imports, and would take __getattr__ for a promise of every name
    __all__ = sorted([*_public(globals()), "REDUCTIONS", "STREAMS", "streamed"])
    __getattr__ = partial(_refuse_name, __name__)
    __dir__ = __all__.copy  # what completion offers
