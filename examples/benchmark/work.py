"""What is timed: the networks, the convolution contractions and the single operations, the same for everybody."""

BATCH = 64
CLASSES = 10

# network: input channels, image side, output channels of each [conv 3x3 pad 1 -> ReLU -> max-pool 2]
NETWORKS = {"mnist-toy": (1, 28, (8, 16)), "cifar-toy": (3, 32, (16, 32, 64))}

# images, input channels, image side, output channels; 3x3, padding 1, stride 1
CONTRACTIONS = [
    (64, 1, 28, 8),
    (64, 8, 14, 16),
    (64, 3, 32, 16),
    (64, 16, 16, 32),
    (64, 32, 8, 64),
    (64, 16, 32, 32),
    (64, 32, 16, 64),
    (64, 64, 8, 64),
]
DIRECTIONS = ("forward", "weight", "input")

# other convolutions: input channels, side, output channels, kernel, stride, padding, groups
CONVOLUTIONS = {
    "depthwise 3x3": (32, 16, 32, 3, 1, 1, 32),
    "pointwise 1x1": (32, 16, 64, 1, 1, 0, 1),
    "stride 2": (32, 16, 64, 3, 2, 1, 1),
    "grouped by 4": (32, 16, 64, 3, 1, 1, 4),
}

# forward and backward of what else a training step is made of, on (64, 16, 32, 32) unless said otherwise
STEPS = (
    "relu",
    "gelu",
    "tanh",
    "add",
    "multiply",
    "max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "dropout",
    "global mean",
    "linear 1024x1024",
    "cross_entropy 64x10",
    "softmax 64x1000",
)
OPTIMIZERS = ("SGD", "SGD momentum", "Adam", "AdamW", "RMSprop")  # a step on a million parameters in ten tensors


def features(network: str) -> int:
    """Length of the vector that the last layer sees."""
    _, side, channels = NETWORKS[network]
    return channels[-1] * (side >> len(channels)) ** 2


def operations(shape: tuple[int, int, int, int]) -> int:
    """Floating point operations of one contraction, counted as two for each product."""
    n, c, side, o = shape
    return 2 * n * c * side * side * o * 9
