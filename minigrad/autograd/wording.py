"""Errors in the words of whoever made the call: somebody who knows tensors and called no ufunc, sequences and no image.

`reword` knows by one table what NumPy's messages mean; what is not in it is passed on as it is. `error_of_a_sequence`
is for operations on sequences, which are computed as images of height 1.
"""

import re

WORDS = (  # compiled when the first error is worded: an import does not wait for it
    (r"(operands|shape mismatch: objects) (could not|cannot) be broadcast.*",
     "the shapes do not broadcast: counted from the last, dimensions must be equal, or one of them 1"),
    (r".*numpy boolean (subtract|negative), the `.` operator.*",
     r"booleans have no \1; say x ^ y or ~x, or bring them .to() a dtype of numbers"),
    (r"(Cannot cast ufunc '\w+' output|.*Cannot cast ufunc.*) from dtype\('(\w+)'\) to dtype\('(\w+)'\).*",
     r"the result is \2, which does not go into \3; bring one .to() the other"),
    (r"ufunc '\w+' (did not contain a loop|not supported for the input types).*",
     "there is no such operation on these; expected tensors or numbers"),
    (r"zero-size array to reduction operation.*",
     "there is no element to choose from; say dim= of a dimension that has some"),
    (r"setting an array element with a sequence.*",
     "expected numbers, or one tensor, in place of several of different shapes"),
    (r"Integers to negative integer powers are not allowed.*",
     "there are no negative integer powers of integers; say x.float() first"),
    (r"tuple index out of range", "a tensor without dimensions has none to go along"),
    (r"'(\w+)' object has no attribute '(array|dtype|ndim|shape|size)'", r"expected a Tensor, got \1"),
    (r"type object '(\w+)' has no attribute '(array|dtype|ndim|shape|size)'", r"expected a Tensor, got a type"),
)  # fmt: skip


def reword(message: str) -> str:
    """The message in our words, if the table has any for it."""
    for pattern, ours in WORDS:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            return match.expand(ours)
    return message


FLAT = (
    (r"\((\d+), (\d+), 1, (\d+)\)", r"(\1, \2, \3)"),  # (N, C, 1, L)
    (r"\([01], (-?\d+)\)", r"\1"),  # an option along height and length
    (r"\ba number or a pair\b|\ba number, a pair", "a number"),
    (r"\ban image\b", "a sequence"),
)


def error_of_a_sequence(name: str, error: Exception) -> Exception:
    """What an operation on images of height 1 says, as one on sequences: `name` ends with 1d, the other's with 2d."""
    message = str(error).replace(name.replace("1d", "2d"), name)
    for pattern, ours in FLAT:
        message = re.sub(pattern, ours, message)
    return type(error)(message)
