"""Where the files of the model lie; Warmline finds this package by its name."""

from pathlib import Path

__version__ = "1.0.0"

_FOLDER = Path(__file__).parent

#: Token numbers in, the heads' numbers and a vector of 384 out.
MODEL = _FOLDER / "model.onnx"

#: How text becomes token numbers.
TOKENIZER = _FOLDER / "tokenizer.json"

#: The names of the heads, and from where on a kind of severity holds.
ABOUT = _FOLDER / "about.json"
