"""From text to token ids and back: bytes, or a `tokenizer.json` file of Hugging Face."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import UsageError

if TYPE_CHECKING:
    import tokenizers

BYTES = "bytes"
TOKENIZER_FILE = "tokenizer.json"
ROLES = ("bos_token", "eos_token")


class Tokenizer(Protocol):
    """Ids `0..vocab-1`. `prefix` stands before a text without context; `end`, where there is one, ends a generation."""

    @property
    def name(self) -> str:
        """What it is, with a digest of its file."""
        ...

    @property
    def vocab(self) -> int: ...

    @property
    def prefix(self) -> int: ...

    @property
    def end(self) -> int | None: ...

    def encode(self, text: str, *, special: bool) -> list[int]:
        """With `special`, what the tokenizer puts around every text is put there too."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text without special tokens and ids that the tokenizer lacks; bytes that are no UTF-8 become U+FFFD."""
        ...


class ByteTokenizer:
    """The bytes of UTF-8 as ids 0 to 255. Nothing is put around a text, and no byte ends one."""

    name = BYTES
    vocab = 256
    end = None

    def __init__(self, prefix: int = 0) -> None:
        self.prefix = prefix

    def encode(self, text: str, *, special: bool) -> list[int]:
        return list(text.encode("utf-8"))

    def decode(self, tokens: Sequence[int]) -> str:
        return bytes(token for token in tokens if token < self.vocab).decode("utf-8", errors="replace")


class FileTokenizer:
    """A `tokenizer.json`. The prefix is the `bos_token` of the `tokenizer_config.json` beside it, else its `eos_token`.

    A prefix that is given comes before both. As in lm-eval's own wrapper, a text that begins with the prefix's text
    gets no special tokens around it.
    """

    def __init__(self, path: Path, prefix: int | None = None) -> None:
        self._tokenizer = _read(path)
        self.name = f"{path.name}:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        self.vocab = max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1
        named = _special_tokens(path.parent / "tokenizer_config.json")
        begin, self.end = (self._id_of(named.get(role), path) for role in ROLES)
        found = next((token for token in (prefix, begin, self.end) if token is not None), None)
        if found is None:
            raise UsageError(
                f"tokenizer={path} does not say which token begins a text, which the first token of a text without "
                "context needs; give prefix_token_id=ID, or put the tokenizer_config.json with bos_token beside it"
            )
        self.prefix = found
        self._prefix_text = self._tokenizer.decode([found], skip_special_tokens=False)

    def _id_of(self, token: str | None, path: Path) -> int | None:
        if token is None:
            return None
        number = self._tokenizer.token_to_id(token)
        if number is None:
            raise UsageError(
                f"tokenizer_config.json names {token!r}, which {path} lacks; they belong to two tokenizers"
            )
        return number

    def encode(self, text: str, *, special: bool) -> list[int]:
        begun = bool(self._prefix_text) and text.startswith(self._prefix_text)
        return list(self._tokenizer.encode(text, add_special_tokens=special and not begun).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        return self._tokenizer.decode(list(tokens), skip_special_tokens=True)


def choose_tokenizer(asked: str, checkpoint: Path | None, vocab: int | None) -> str:
    """What was asked for, else the `tokenizer.json` of the checkpoint's folder, else bytes.

    Raises UsageError for a checkpoint without one whose vocabulary is not that of bytes.
    """
    if asked:
        return asked
    if checkpoint is not None and (checkpoint / TOKENIZER_FILE).is_file():
        return str(checkpoint / TOKENIZER_FILE)
    if checkpoint is not None and vocab not in (None, ByteTokenizer.vocab):
        raise UsageError(
            f"the model knows {vocab} tokens and nothing says which: {checkpoint} has no {TOKENIZER_FILE}; "
            f"give tokenizer=FILE, or tokenizer={BYTES} where the first {ByteTokenizer.vocab} are bytes"
        )
    return BYTES


def load_tokenizer(name: str, prefix: int | None = None) -> Tokenizer:
    """`bytes`, or the tokenizer of a file. Raises UsageError for anything else and for a prefix outside its ids."""
    tokenizer: Tokenizer
    if name == BYTES:
        tokenizer = ByteTokenizer() if prefix is None else ByteTokenizer(prefix)
    else:
        tokenizer = FileTokenizer(Path(name), prefix)
    if not 0 <= tokenizer.prefix < tokenizer.vocab:
        raise UsageError(f"prefix_token_id={tokenizer.prefix} is no token; ids go from 0 to {tokenizer.vocab - 1}")
    return tokenizer


def _read(path: Path) -> tokenizers.Tokenizer:
    if not path.is_file():
        raise UsageError(f"tokenizer={path}: there is no such file; give {BYTES}, or the path of a tokenizer.json")
    from harness.planning.resolution import not_installed

    if missing := not_installed(("tokenizers",), f"tokenizer={path}"):
        raise UsageError(missing)
    import tokenizers

    content = _read_json(path)
    if not isinstance(content, dict) or "model" not in content:
        raise UsageError(f"tokenizer={path} has no entry `model`; give a tokenizer.json of Hugging Face")
    return tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))


def _special_tokens(config: Path) -> dict[str, str]:
    """The special tokens that the file names, by their role; none where there is no file."""
    if not config.is_file():
        return {}
    named = {role: token for role, token in _read_json(config).items() if role in ROLES and token is not None}
    return {role: token["content"] if isinstance(token, dict) else token for role, token in named.items()}


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}; give the file as the tokenizer was saved") from error
