"""What a convolution's sum over its input channels does to a signal and to its gradient.

`explain` takes one layer apart, `cancellation` says how much of the channels' responses its sum cancels, and
`ChannelConv2d` reduces the channels by something else than a sum. `survey` sets every
convolution of a network beside chance.
"""

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
from minigrad.ops.streams import STREAMS as STREAMS
from minigrad.ops.streams import streamed as streamed
